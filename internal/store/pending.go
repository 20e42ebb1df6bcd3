package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Pending is a file that is not yet there. It is filled under a temporary name, beside its final one, and
// appears by [Pending.Commit]. Either Commit, [Pending.Abort] or [Pending.Leave] ends it.
type Pending struct {
	fs     FS
	path   string // as the caller knows it
	target string // where the file will stand: path, with a symbolic link followed
	begun  string // the name it has until then, in the same folder
	file   File
}

// Create begins a file that appears under path when it is committed.
func Create(path string) (*Pending, error) { return CreateOn(OS{}, path) }

// CreateOn is [Create] on a file system of the caller's.
func CreateOn(fsys FS, path string) (*Pending, error) {
	target, err := resolve(path)
	if err != nil {
		return nil, notWritten(path, err)
	}
	return create(fsys, path, target, temporary(target))
}

// create begins the file that will stand at target under the name begun.
func create(fsys FS, path, target, begun string) (*Pending, error) {
	f, err := fsys.Create(begun)
	if err != nil {
		return nil, notWritten(path, cause(err))
	}
	return &Pending{fs: fsys, path: path, target: target, begun: begun, file: f}, nil
}

// resolve follows a symbolic link, which a rename would replace, and refuses what no file may replace: a
// folder, which only the rename would notice, after all the work, and a device such as /dev/null.
func resolve(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return path, nil // nothing stands there, or creating the file will say why it cannot
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return "", fmt.Errorf("it is a symbolic link that leads nowhere: %w", cause(err))
		}
		if info, err = os.Lstat(path); err != nil {
			return "", cause(err)
		}
	}
	switch {
	case info.IsDir():
		return "", errors.New("a folder of this name exists")
	case !info.Mode().IsRegular():
		return "", errors.New("what stands there is a device or a pipe, no ordinary file")
	}
	return path, nil
}

// Reopen goes on with a file that was left unfinished by [Pending.Leave] or by the death of its process. Its
// bytes are as they were written; those after the last Sync may be missing. If there is none the error is
// fs.ErrNotExist.
func Reopen(path string) (*Pending, error) {
	target, err := resolve(path)
	if err != nil {
		return nil, notWritten(path, err)
	}
	name := temporary(target)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, notWritten(path, cause(err))
	}
	if err := hold(f, name); err != nil {
		f.Close()
		return nil, notWritten(path, err)
	}
	return &Pending{fs: OS{}, path: path, target: target, begun: name, file: f}, nil
}

// Write appends to the file.
func (p *Pending) Write(b []byte) (int, error) { return p.file.Write(b) }

// WriteAt writes at an offset; several goroutines may do so at once.
func (p *Pending) WriteAt(b []byte, offset int64) (int, error) { return p.file.WriteAt(b, offset) }

// ReadAt reads what was written.
func (p *Pending) ReadAt(b []byte, offset int64) (int, error) { return p.file.ReadAt(b, offset) }

// Sync returns once everything written is on disk, still under the temporary name. After an error the file
// cannot be trusted: a second Sync that succeeds proves nothing, so abort it.
func (p *Pending) Sync() error { return p.file.Sync() }

// renameOpen: where the system allows it a file is renamed before it is closed, as its lock, which ends with
// the closing, is what keeps others from taking it for a leftover. It was synced, so closing writes nothing.
const renameOpen = runtime.GOOS != "windows"

// Commit syncs the file and gives it its name. The error is a *[NotWrittenError] or an *[UncertainError].
func (p *Pending) Commit() error {
	if err := p.file.Sync(); err != nil {
		return p.fail(err)
	}
	if !renameOpen {
		if err := p.file.Close(); err != nil {
			return p.remove(err)
		}
	}
	if err := p.fs.Rename(p.begun, p.target); err != nil {
		if renameOpen {
			p.file.Close()
		}
		return p.remove(err)
	}
	var closed error
	if renameOpen {
		closed = p.file.Close()
	}
	if err := errors.Join(closed, p.fs.SyncDir(filepath.Dir(p.target))); err != nil {
		return &UncertainError{Path: p.path, Err: cause(err)}
	}
	return nil
}

// Abort removes the unfinished file.
func (p *Pending) Abort() error {
	p.file.Close()
	return p.fs.Remove(p.begun)
}

// Leave closes the unfinished file and keeps it for [Reopen].
func (p *Pending) Leave() error { return p.file.Close() }

// fail closes and removes the unfinished file and reports why.
func (p *Pending) fail(err error) error {
	p.file.Close()
	return p.remove(err)
}

// remove removes the closed, unfinished file and reports why. That removing fails too is worth a word only
// because the leftover stays.
func (p *Pending) remove(err error) error {
	err = cause(err)
	if e := p.fs.Remove(p.begun); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return notWritten(p.path, err)
}

func notWritten(path string, err error) error {
	return &NotWrittenError{Path: path, Err: err, Needed: -1, Free: -1}
}

// cause takes the name of the temporary file, which the user never gave, off an error of the system.
func cause(err error) error {
	var onPath *fs.PathError
	if errors.As(err, &onPath) {
		return onPath.Err
	}
	var onLink *os.LinkError
	if errors.As(err, &onLink) {
		return onLink.Err
	}
	return err
}
