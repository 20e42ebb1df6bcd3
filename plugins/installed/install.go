package installed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/plugins/protocol"
)

// Names, in a plug-in folder, of what is not complete yet and of what is about to go.
const (
	stagePrefix = ".installing-"
	oldPrefix   = ".replaced-"
)

// Source is where a plug-in is installed from.
type Source struct {
	Path string
	// Origin is what the lock file calls the source; empty means Path.
	Origin string
	// Lend has files that a folder may lack, by path: those of an SDK.
	Lend map[string][]byte
	// Allow is asked about the manifest before anything is copied, and may refuse it. It may be nil.
	Allow func(m Manifest) error
}

// Install copies a plug-in from a folder or a tar archive (plain or gzip) into a plug-in folder, which is made if need be, and records the
// SHA-256 of its files in the lock file there. It replaces one of the same name; replaced is its version, or "". Whatever fails, what
// stood there stays and nothing else is left.
func Install(place string, source Source) (p Plugin, replaced string, err error) {
	info, err := os.Stat(source.Path)
	if err != nil {
		return Plugin{}, "", err
	}
	_, missing := os.Stat(place)
	if err := os.MkdirAll(place, 0o755); err != nil {
		return Plugin{}, "", err
	}
	defer func() {
		if err != nil && missing != nil {
			os.Remove(place)
		}
	}()
	done, err := hold(place)
	if err != nil {
		return Plugin{}, "", err
	}
	defer done()
	tidy(place)
	stage, err := os.MkdirTemp(place, stagePrefix)
	if err != nil {
		return Plugin{}, "", err
	}
	defer os.RemoveAll(stage)
	if err := os.Chmod(stage, 0o755); err != nil {
		return Plugin{}, "", err
	}
	to, err := os.OpenRoot(stage)
	if err != nil {
		return Plugin{}, "", err
	}
	defer to.Close()
	var m Manifest
	var sums map[string]string
	if info.IsDir() {
		m, sums, err = fromFolder(to, source)
	} else {
		m, sums, err = fromTar(to, source)
	}
	if err != nil {
		return Plugin{}, "", err
	}
	for name, want := range m.Files {
		if want != "" && want != sums[name] {
			return Plugin{}, "", fmt.Errorf("%s: its SHA-256 is\n  %s, and %s says\n  %s: the file or the manifest is damaged", name, sums[name], ManifestFile, want)
		}
	}
	absolute, err := filepath.Abs(cmp.Or(source.Origin, source.Path))
	if err != nil {
		return Plugin{}, "", err
	}
	entry := Entry{Name: m.Name, Version: m.Version, Platform: Platform(), Source: absolute, SHA256: sums}
	replaced, err = putInPlace(place, stage, entry)
	return Plugin{m, place}, replaced, err
}

// putInPlace gives a complete folder its name and its place in the lock file, or leaves both as they were.
func putInPlace(place, stage string, entry Entry) (replaced string, err error) {
	lock, err := ReadLock(place)
	if err != nil {
		return "", err
	}
	target := filepath.Join(place, entry.Name)
	old := ""
	if info, err := os.Lstat(target); err == nil {
		if !info.IsDir() {
			return "", fmt.Errorf("%s is a %s, and no plug-in: remove it first", target, kindOf(info.Mode()))
		}
		replaced = "unknown"
		if before, err := read(place, entry.Name); err == nil {
			replaced = before.Version
		}
		if old, err = os.MkdirTemp(place, oldPrefix); err != nil {
			return "", err
		}
		defer os.RemoveAll(old)
		if err := os.Rename(target, filepath.Join(old, entry.Name)); err != nil {
			return "", err
		}
	}
	err = os.Rename(stage, target)
	if err == nil {
		err = lock.with(entry).write(place)
	}
	if err != nil {
		os.RemoveAll(target)
		if old != "" {
			err = errors.Join(err, os.Rename(filepath.Join(old, entry.Name), target))
		}
		return "", err
	}
	return replaced, nil
}

// tidy removes what an installation that was killed has left.
func tidy(place string) {
	entries, err := os.ReadDir(place)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stagePrefix) {
			os.RemoveAll(filepath.Join(place, e.Name()))
		}
		if name, ok := strings.CutPrefix(e.Name(), oldPrefix); ok && name != "" {
			restore(place, filepath.Join(place, e.Name()))
		}
	}
}

// restore gives back what stood under a name where a killed installation had put nothing in its place.
func restore(place, old string) {
	entries, _ := os.ReadDir(old)
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(place, e.Name())); errors.Is(err, fs.ErrNotExist) {
			os.Rename(filepath.Join(old, e.Name()), filepath.Join(place, e.Name()))
		}
	}
	os.RemoveAll(old)
}

// allow reads a manifest and asks whether it may be installed.
func (s Source) allow(text []byte) (Manifest, error) {
	m, err := ParseManifest(text)
	if err == nil && s.Allow != nil {
		err = s.Allow(m)
	}
	return m, err
}

func fromFolder(to *os.Root, source Source) (Manifest, map[string]string, error) {
	from, err := os.OpenRoot(source.Path)
	if err != nil {
		return Manifest{}, nil, err
	}
	defer from.Close()
	text, err := readSmall(from, ManifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, nil, fmt.Errorf("there is no %s in it", ManifestFile)
	}
	if err != nil {
		return Manifest{}, nil, err
	}
	m, err := source.allow(text)
	if err != nil {
		return Manifest{}, nil, err
	}
	sums := map[string]string{}
	for _, name := range m.Paths() {
		if name == ManifestFile {
			sums[name], err = writeFile(to, name, strings.NewReader(string(text)), false)
		} else {
			sums[name], err = copyFile(from, name, to)
		}
		if lent, ok := source.Lend[name]; ok && errors.Is(err, fs.ErrNotExist) {
			sums[name], err = writeFile(to, name, bytes.NewReader(lent), false)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s is listed in %s, and not there", name, ManifestFile)
			if m.Build != "" {
				err = fmt.Errorf("%w: build it first, in %s: %s", err, source.Path, m.Build)
			}
		}
		if err != nil {
			return Manifest{}, nil, err
		}
	}
	return m, sums, runnable(to, m)
}

// runnable wants the program of a plug-in, where it is one of its files, to be executable.
func runnable(to *os.Root, m Manifest) error {
	program := m.Command[0]
	if _, own := m.Files[program]; !own {
		return nil
	}
	info, err := to.Stat(filepath.FromSlash(program))
	if err != nil {
		return err
	}
	if info.Mode()&0o100 == 0 {
		return fmt.Errorf("%s, which command starts, is not executable: chmod +x it", program)
	}
	return nil
}

// Remove removes a plug-in from its folder and from the lock file.
func Remove(p Plugin) error {
	if err := protocol.CheckName(p.Name); err != nil {
		return err
	}
	done, err := hold(p.Place)
	if err != nil {
		return err
	}
	defer done()
	tidy(p.Place)
	lock, err := ReadLock(p.Place)
	if err != nil {
		return err
	}
	old, err := os.MkdirTemp(p.Place, stagePrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(old)
	if err := os.Rename(p.Folder(), filepath.Join(old, p.Name)); err != nil {
		return err
	}
	if err := lock.without(p.Name, Platform()).write(p.Place); err != nil {
		return errors.Join(err, os.Rename(filepath.Join(old, p.Name), p.Folder()))
	}
	return nil
}
