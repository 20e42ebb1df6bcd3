package installed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scorefield/infer/internal/store"
)

// LockFile is the name of the lock file in a plug-in folder.
const LockFile = "infer.plugins.lock"

const (
	lockSchema  = 1
	longestLock = 16 << 20
)

// Lock is a lock file: what the plug-ins of a folder were when they were installed, or when somebody accepted a change.
type Lock struct {
	Schema  int     `json:"schema_version"`
	Plugins []Entry `json:"plugins"` // by name, then platform
}

// Entry is what a lock file says about a plug-in.
type Entry struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Platform string `json:"os_arch"` // as of [Platform]
	Source   string `json:"source"`  // what it was installed from
	// SHA256 is of every file by its path, in hexadecimal, and of the manifest.
	SHA256 map[string]string `json:"sha256"`
}

// find returns the entry of a plug-in on this platform.
func (l Lock) find(name string) (Entry, bool) {
	for _, e := range l.Plugins {
		if e.Name == name && e.Platform == Platform() {
			return e, true
		}
	}
	return Entry{}, false
}

// with returns the lock with an entry put in the place of the one of its name and platform.
func (l Lock) with(e Entry) Lock {
	l = l.without(e.Name, e.Platform)
	l.Plugins = append(l.Plugins, e)
	slices.SortFunc(l.Plugins, func(a, b Entry) int {
		return strings.Compare(a.Name+" "+a.Platform, b.Name+" "+b.Platform)
	})
	return l
}

func (l Lock) without(name, platform string) Lock {
	var rest []Entry
	for _, e := range l.Plugins {
		if e.Name != name || e.Platform != platform {
			rest = append(rest, e)
		}
	}
	return Lock{Schema: lockSchema, Plugins: rest}
}

// ReadLock reads the lock file of a plug-in folder; where there is none, it is empty.
func ReadLock(place string) (Lock, error) {
	name := filepath.Join(place, LockFile)
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{Schema: lockSchema}, nil
	}
	if err != nil {
		return Lock{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > longestLock {
		return Lock{}, fmt.Errorf("%s is a %s of %d bytes: a file of at most %d is wanted", name, kindOf(info.Mode()), info.Size(), longestLock)
	}
	f, err := os.Open(name)
	if err != nil {
		return Lock{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longestLock))
	if err != nil {
		return Lock{}, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var l Lock
	if err := d.Decode(&l); err != nil {
		return Lock{}, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if l.Schema != lockSchema {
		return Lock{}, fmt.Errorf("%s has schema_version %d, and this infer reads %d: update infer", name, l.Schema, lockSchema)
	}
	return l, nil
}

func (l Lock) write(place string) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return store.WriteFile(filepath.Join(place, LockFile), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// ChangedError says that a plug-in is not what its lock file says. What differs is refused.
type ChangedError struct {
	Name  string
	Place string
	// File is the file that differs, "" where the lock file knows nothing of the plug-in on this platform.
	File string
	// Locked and Found are the SHA-256 in the lock file and of the file. Locked is "" for a file that the lock file does not
	// know, Found where the file is missing.
	Locked, Found string
	// Default says that Place is found without naming it.
	Default bool
}

func (e *ChangedError) Error() string {
	accept := "to accept what is there now: " + e.Accept()
	switch {
	case e.File == "":
		return fmt.Sprintf("plug-in %s is not in %s for %s: nobody said that what is there may run; %s", e.Name, filepath.Join(e.Place, LockFile), Platform(), accept)
	case e.Found == "":
		return fmt.Sprintf("plug-in %s: %s is missing: install it again, or take it out of %s and accept that: %s", e.Name, e.File, ManifestFile, e.Accept())
	case e.Locked == "":
		return fmt.Sprintf("plug-in %s: %s was not there when it was installed: its SHA-256 is\n  %s\n%s", e.Name, e.File, e.Found, accept)
	}
	return fmt.Sprintf("plug-in %s: %s has changed since it was installed: its SHA-256 is\n  %s, and it was\n  %s\n%s", e.Name, e.File, e.Found, e.Locked, accept)
}

// Accept is the command that accepts the plug-in as it is now.
func (e *ChangedError) Accept() string {
	if e.Default {
		return "infer plugin lock --update " + e.Name
	}
	return "infer plugin lock --update " + e.Name + " --plugin-dir '" + strings.ReplaceAll(e.Place, "'", `'\''`) + "'"
}

// Changed is the error of a file of the plug-in whose SHA-256 is another than the lock file's.
func (p Plugin) Changed(file, locked, found string) *ChangedError {
	places, err := Folders("")
	return &ChangedError{Name: p.Name, Place: p.Place, File: file, Locked: locked, Found: found, Default: err == nil && slices.Contains(places, p.Place)}
}

// Update records a plug-in in its lock file as it is now, and says which files changed.
func Update(p Plugin) (changed []string, err error) {
	done, err := hold(p.Place)
	if err != nil {
		return nil, err
	}
	defer done()
	sums, err := Sums(p.Folder(), p.Manifest)
	if err != nil {
		return nil, fmt.Errorf("plug-in %s: %w", p.Name, err)
	}
	l, err := ReadLock(p.Place)
	if err != nil {
		return nil, err
	}
	entry, ok := l.find(p.Name)
	if !ok {
		entry = Entry{Name: p.Name, Platform: Platform(), Source: p.Folder()}
	}
	for _, name := range p.Paths() {
		if sums[name] != entry.SHA256[name] {
			changed = append(changed, name)
		}
	}
	for name := range entry.SHA256 {
		if _, still := sums[name]; !still {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	entry.Version, entry.SHA256 = p.Version, sums
	return changed, l.with(entry).write(p.Place)
}
