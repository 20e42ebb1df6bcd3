package installed

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// open opens a regular file below a folder: no link, no pipe that would wait for a writer.
func open(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	named := filepath.FromSlash(name)
	parts := strings.Split(name, "/")
	for i := range parts { // the folders on the way are folders
		at := path.Join(parts[:i+1]...)
		info, err := root.Lstat(filepath.FromSlash(at))
		if err != nil {
			return nil, nil, fileError(name, err)
		}
		if at == name && !info.Mode().IsRegular() || at != name && !info.IsDir() {
			return nil, nil, fmt.Errorf("%s is a %s: the files of a plug-in are plain files", at, kindOf(info.Mode()))
		}
	}
	f, err := root.OpenFile(named, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, nil, fileError(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is a %s: the files of a plug-in are plain files", name, kindOf(info.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// fileError names the file by its path in the plug-in.
func fileError(name string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// readSmall reads a file that is a manifest.
func readSmall(root *os.Root, name string) ([]byte, error) {
	f, info, err := open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > longestManifest {
		return nil, fmt.Errorf("%s has %d bytes: at most %d", name, info.Size(), longestManifest)
	}
	return io.ReadAll(io.LimitReader(f, longestManifest+1))
}

// copyFile reads a file once, writes it below another folder unless that is nil, and returns its SHA-256. What is written is what
// was hashed.
func copyFile(from *os.Root, name string, to *os.Root) (sum string, err error) {
	f, info, err := open(from, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if to == nil {
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return "", fileError(name, err)
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	return writeFile(to, name, f, info.Mode()&0o100 != 0)
}

// writeFile writes a file that is not there yet, below a folder, and returns its SHA-256.
func writeFile(to *os.Root, name string, content io.Reader, executable bool) (sum string, err error) {
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	if folder := path.Dir(name); folder != "." {
		if err := to.MkdirAll(filepath.FromSlash(folder), 0o755); err != nil {
			return "", fileError(name, err)
		}
	}
	f, err := to.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", fileError(name, err)
	}
	defer func() {
		if closing := f.Close(); err == nil && closing != nil {
			err = fileError(name, closing)
		}
	}()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), content); err != nil {
		return "", fileError(name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Locked reads the manifest once, compares it with the lock file, and returns it with the SHA-256 that its files must have. They are
// still to be compared, by whoever runs them (package plugins does, on what it runs). The error is a *[ChangedError] where the
// lock file knows the plug-in otherwise or not at all.
func (p Plugin) Locked() (Manifest, map[string]string, error) {
	lock, err := ReadLock(p.Place)
	if err != nil {
		return Manifest{}, nil, err
	}
	entry, ok := lock.find(p.Name)
	if !ok {
		return Manifest{}, nil, p.Changed("", "", "")
	}
	root, err := openFolder(p.Place, p.Name)
	if err != nil {
		return Manifest{}, nil, err
	}
	defer root.Close()
	text, err := readSmall(root, ManifestFile)
	if err != nil {
		return Manifest{}, nil, fmt.Errorf("plug-in %s: %w", p.Name, noManifest(err))
	}
	if sum := sumOf(text); sum != entry.SHA256[ManifestFile] {
		return Manifest{}, nil, p.Changed(ManifestFile, entry.SHA256[ManifestFile], sum)
	}
	m, err := ParseManifest(text)
	if err != nil {
		return Manifest{}, nil, fmt.Errorf("plug-in %s: %w", p.Name, err)
	}
	for name := range m.Files {
		if entry.SHA256[name] == "" { // a lock file that somebody wrote by hand
			return Manifest{}, nil, p.Changed("", "", "")
		}
		f, _, err := open(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			return Manifest{}, nil, p.Changed(name, entry.SHA256[name], "")
		}
		if err != nil {
			return Manifest{}, nil, fmt.Errorf("plug-in %s: %w", p.Name, err)
		}
		f.Close()
	}
	return m, entry.SHA256, nil
}

// Sums hashes the files of a plug-in in a folder, by path, without comparing them with anything.
func Sums(folder string, m Manifest) (map[string]string, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sums := map[string]string{}
	for _, name := range m.Paths() {
		if sums[name], err = copyFile(root, name, nil); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// Present hashes those files of a plug-in that are in a folder, by path, the manifest among them. Those that are missing are left
// out: nobody has installed them yet.
func Present(folder string, m Manifest) (map[string]string, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sums := map[string]string{}
	for _, name := range m.Paths() {
		sum, err := copyFile(root, name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sums[name] = sum
	}
	return sums, nil
}

// ReadManifest reads the manifest in a folder. The error is fs.ErrNotExist where there is none.
func ReadManifest(folder string) (Manifest, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Manifest{}, err
	}
	defer root.Close()
	text, err := readSmall(root, ManifestFile)
	if err != nil {
		return Manifest{}, err
	}
	return ParseManifest(text)
}

// Sum is one SHA-256 for all files of a plug-in: that of the lines "sum  path", as sha256sum prints them, in the order of
// [Manifest.Paths].
func Sum(m Manifest, sums map[string]string) string {
	var b strings.Builder
	for _, name := range m.Paths() {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return sumOf([]byte(b.String()))
}

// Check compares all files of a plug-in with its lock file without copying them: one line for each fault.
func (p Plugin) Check() (sums map[string]string, faults []error, err error) {
	lock, err := ReadLock(p.Place)
	if err != nil {
		return nil, nil, err
	}
	entry, ok := lock.find(p.Name)
	if !ok {
		return nil, []error{p.Changed("", "", "")}, nil
	}
	root, err := openFolder(p.Place, p.Name)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	sums = map[string]string{}
	for _, name := range p.Paths() {
		sum, err := copyFile(root, name, nil)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, p.Changed(name, entry.SHA256[name], ""))
		case err != nil:
			faults = append(faults, fmt.Errorf("plug-in %s: %w", p.Name, err))
		case sum != entry.SHA256[name]:
			faults = append(faults, p.Changed(name, entry.SHA256[name], sum))
		}
		sums[name] = sum
	}
	for name := range entry.SHA256 {
		if _, listed := sums[name]; !listed {
			faults = append(faults, fmt.Errorf("plug-in %s: %s was installed, and is no longer listed in %s", p.Name, name, ManifestFile))
		}
	}
	return sums, faults, nil
}

// Unlisted are the files in the plug-in's folder that its manifest does not list. They are never used.
func (p Plugin) Unlisted() []string {
	var list []string
	_ = filepath.WalkDir(p.Folder(), func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		name, err := filepath.Rel(p.Folder(), at)
		if err != nil {
			return nil
		}
		name = filepath.ToSlash(name)
		if _, listed := p.Files[name]; !listed && name != ManifestFile {
			list = append(list, name)
		}
		return nil
	})
	return list
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
