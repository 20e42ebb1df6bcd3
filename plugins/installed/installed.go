// Package installed keeps plug-ins on disk: their manifests, the folders they stand in, and the lock file that knows the
// SHA-256 of every file of theirs.
//
// A plug-in is a folder with a plugin.toml ([Manifest]) and the files it lists. [Install] copies one from a folder or a
// tar archive into a plug-in folder, whole or not at all, and records it in that folder's lock file ([Lock]). [Folders] says
// where plug-ins are looked for; the current folder is not among the places. [Plugin.Locked] says which SHA-256 each file must
// have; package plugins compares them with what it runs.
//
//	places, err := installed.Folders("")
//	p, err := installed.Find(places, "my-score")
//	manifest, sums, err := p.Locked()
//
// Names are lower-case letters, digits and hyphens, and every file is opened below its folder ([os.Root]): no name and no
// link reaches anything else.
package installed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/plugins/protocol"
)

// Variable is the environment variable that lists plug-in folders, as PATH lists folders of programs.
const Variable = "INFER_PLUGIN_PATH"

// Folders lists the folders in which plug-ins are looked for, in order: one that was asked for, unless it is "", those of
// INFER_PLUGIN_PATH, and infer/plugins in the data folder of the user (XDG). Each is absolute; they need not exist. The first
// is where [Install] puts a plug-in.
func Folders(asked string) ([]string, error) {
	var list []string
	if asked != "" {
		path, err := filepath.Abs(asked)
		if err != nil {
			return nil, err
		}
		list = append(list, path)
	}
	for _, path := range filepath.SplitList(os.Getenv(Variable)) {
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%s holds %q: folders there are absolute, so that no plug-in is taken from wherever somebody stands", Variable, path)
		}
		list = append(list, filepath.Clean(path))
	}
	if path := userFolder("XDG_DATA_HOME", ".local", "share"); path != "" {
		list = append(list, filepath.Join(path, "infer", "plugins"))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no folder for plug-ins: HOME is not set; name one with --plugin-dir or in %s", Variable)
	}
	return slices.Compact(list), nil
}

// LogFolder is where the logs of plug-ins are kept: infer/plugins in the state folder of the user (XDG), "" where there is none.
func LogFolder() string {
	path := userFolder("XDG_STATE_HOME", ".local", "state")
	if path == "" {
		return ""
	}
	return filepath.Join(path, "infer", "plugins")
}

// userFolder is a folder of the XDG base directories: by its variable, which counts where it is absolute, else below HOME.
func userFolder(variable string, below ...string) string {
	if path := os.Getenv(variable); filepath.IsAbs(path) {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(append([]string{home}, below...)...)
}

// Platform is the operating system and processor that installed files are for, as lock files write it: linux_amd64.
func Platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// Plugin is a plug-in that stands in a plug-in folder. Nothing of it has been checked yet.
type Plugin struct {
	Manifest
	Place string // the plug-in folder; the plug-in's own is Place/Name
}

// Folder is the plug-in's own folder.
func (p Plugin) Folder() string { return filepath.Join(p.Place, p.Name) }

// UnknownError says that no plug-in has a name. It is what [Find] returns then.
type UnknownError struct {
	Name   string
	Near   string   // the nearest name there is, or ""
	Places []string // the plug-in folders that were searched
}

func (e *UnknownError) Error() string {
	if e.Near != "" {
		return fmt.Sprintf("there is no plug-in %q; did you mean %q?", e.Name, e.Near)
	}
	return fmt.Sprintf("there is no plug-in %q in %s", e.Name, strings.Join(e.Places, " or "))
}

// Find returns the plug-in of a name from the first of the places that has it, or an *[UnknownError].
func Find(places []string, name string) (Plugin, error) {
	if err := protocol.CheckName(name); err != nil {
		return Plugin{}, err
	}
	for _, place := range places {
		p, err := read(place, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			err = changedFirst(place, name, err)
		}
		return p, err
	}
	unknown := &UnknownError{Name: name, Places: places}
	var names []string
	for _, l := range List(places) {
		names = append(names, l.Name)
	}
	unknown.Near = spelling.Nearest(name, names)
	return Plugin{}, unknown
}

// Listed is a plug-in of a list, or why it cannot be read.
type Listed struct {
	Plugin
	Err error
}

// List returns the plug-ins of all places by name; of two of one name the first counts, as for [Find].
func List(places []string) []Listed {
	var list []Listed
	for _, place := range places {
		entries, err := os.ReadDir(place)
		if err != nil {
			continue // it need not exist
		}
		for _, e := range entries {
			name := e.Name()
			if protocol.CheckName(name) != nil || slices.ContainsFunc(list, func(l Listed) bool { return l.Name == name }) {
				continue
			}
			p, err := read(place, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			p.Name, p.Place = name, place
			list = append(list, Listed{p, err})
		}
	}
	slices.SortFunc(list, func(a, b Listed) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// read reads the manifest of a plug-in in a plug-in folder. The error is fs.ErrNotExist where there is no such folder.
func read(place, name string) (Plugin, error) {
	root, err := openFolder(place, name)
	if err != nil {
		return Plugin{}, err
	}
	defer root.Close()
	text, err := readSmall(root, ManifestFile)
	if err != nil {
		return Plugin{}, fmt.Errorf("plug-in %s: %w", name, noManifest(err))
	}
	m, err := ParseManifest(text)
	if err != nil {
		return Plugin{}, fmt.Errorf("plug-in %s: %w", name, err)
	}
	if m.Name != name {
		return Plugin{}, fmt.Errorf("plug-in %s: its %s calls it %q: folder and name are the same", name, ManifestFile, m.Name)
	}
	return Plugin{Manifest: m, Place: place}, nil
}

// changedFirst puts before what is wrong with a manifest that it is not the one that was installed, where that is so.
func changedFirst(place, name string, wrong error) error {
	lock, err := ReadLock(place)
	if err != nil {
		return wrong
	}
	entry, ok := lock.find(name)
	root, err := openFolder(place, name)
	if !ok || err != nil {
		return wrong
	}
	defer root.Close()
	text, err := readSmall(root, ManifestFile)
	if err != nil || sumOf(text) == entry.SHA256[ManifestFile] {
		return wrong
	}
	p := Plugin{Manifest: Manifest{Name: name}, Place: place}
	return fmt.Errorf("%w\nfirst repair it: %w", p.Changed(ManifestFile, entry.SHA256[ManifestFile], sumOf(text)), wrong)
}

// noManifest hides from callers that an error says that a file does not exist: the folder does.
func noManifest(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s", ManifestFile)
	}
	return err
}

// openFolder opens a plug-in's folder, which is no link.
func openFolder(place, name string) (*os.Root, error) {
	top, err := os.OpenRoot(place)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	info, err := top.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder but a %s: a plug-in is a folder of its own", filepath.Join(place, name), kindOf(info.Mode()))
	}
	return top.OpenRoot(name)
}

// kindOf names what stands under a name.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "file"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode.IsDir():
		return "folder"
	}
	return "device"
}
