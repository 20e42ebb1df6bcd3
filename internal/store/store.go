// Package store makes files that appear whole: under its final name a file is the old one or the new one,
// never a part, whatever fails and whenever the process is killed.
//
// [WriteFile] is the recipe: a temporary file in the same folder, write, sync, rename, sync of the folder.
// [Create] is the same in pieces, for a file that is filled over a whole run.
//
// Two formats stand on it, and in both a flipped byte or a lost end never goes unnoticed. [WriteCheckpoint] and
// [ReadCheckpoint] keep named sections of bytes. [WriteSafetensors] and [ReadSafetensors] keep arrays and words
// about them, in a format that others read and write. [WriteRotating] keeps the last few checkpoints of something
// that grows, as safetensors files, and [ReadNewest] finds the newest that is sound.
//
// Two errors mean two things. After a [NotWrittenError] the old file, or none, stands under the name. After
// an [UncertainError] the new file stands there and can be read, but may not outlast a loss of power.
//
//	err := store.WriteFile("draws.csv", func(w io.Writer) error {
//		_, err := io.WriteString(w, "x0,x1\n")
//		return err
//	})
package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrBusy says that another writer, in this process or another, is at work on the same file.
var ErrBusy = errors.New("another run is writing this file: wait for it, stop it, or choose another name")

// NotWrittenError says that a file was not written. What stood under its name before stands there still.
type NotWrittenError struct {
	Path string
	Err  error // the cause
	// Needed is the number of bytes the file would have, and Free what its file system has left. They are
	// known (not -1) only where the cause is a lack of room, Free only where the system tells.
	Needed, Free int64
}

func (e *NotWrittenError) Error() string {
	switch {
	case e.Needed >= 0 && e.Free >= 0:
		return fmt.Sprintf("%s was not written: %v: %d bytes are needed, %d are free in its folder: make room or choose another folder", e.Path, e.Err, e.Needed, e.Free)
	case e.Needed >= 0:
		return fmt.Sprintf("%s was not written: %v: %d bytes are needed: make room or choose another folder", e.Path, e.Err, e.Needed)
	}
	return fmt.Sprintf("%s was not written: %v", e.Path, e.Err)
}

func (e *NotWrittenError) Unwrap() error { return e.Err }

// UncertainError says that a file is complete and visible under its name, but that the system did not
// confirm it to be on disk: a loss of power may bring the old file back.
type UncertainError struct {
	Path string
	Err  error // the cause
}

func (e *UncertainError) Error() string {
	return fmt.Sprintf("%s is written, but may be lost if the power fails now: %v", e.Path, e.Err)
}

func (e *UncertainError) Unwrap() error { return e.Err }

// File is a file while it is written.
type File interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
	// Sync returns once everything written is on disk.
	Sync() error
	Close() error
}

// FS is what a file that appears whole needs of a file system: [OS] is the real one, package storetest has
// one that fails on purpose.
type FS interface {
	// Create makes an empty file that did not exist and that nobody else writes to until it is closed. A
	// leftover of a process that died is replaced; one that a living writer holds is ErrBusy.
	Create(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir returns once the names in a folder are on disk.
	SyncDir(dir string) error
}

// OS is the file system of the machine.
type OS struct{}

// Create implements [FS].
func (OS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		if err := removeLeftover(name); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	}
	if err != nil {
		return nil, err
	}
	// Between our creating the file and locking it somebody may have taken it for a leftover.
	if err := hold(f, name); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// removeLeftover removes a file unless a living writer holds it.
func removeLeftover(name string) error {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is in the way and no ordinary file: remove it", name)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := hold(f, name); err != nil {
		return err
	}
	return os.Remove(name)
}

// hold locks f, and makes sure that f is still what stands under the name.
func hold(f *os.File, name string) error {
	if err := lock(f); err != nil {
		return err
	}
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Lstat(name)
	if err != nil || !os.SameFile(mine, there) {
		return ErrBusy
	}
	return nil
}

// Rename implements [FS].
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements [FS].
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir implements [FS].
func (OS) SyncDir(dir string) error { return syncDir(dir) }

// temporary is the name a file has until it is whole.
func temporary(path string) string { return path + ".tmp" }
