// Package storetest has a file system that fails on purpose, for tests of whoever writes files.
//
// A [Failing] counts the operations that go through it and fails one of them. A test lets it fail the first,
// the second, ... until the call under test succeeds ([Each]), and so meets every point of failure without
// naming any.
package storetest

import (
	"errors"
	"io"
	"testing"

	"github.com/scorefield/infer/internal/store"
)

// Failing is a file system whose operation number At (from 1) fails with Err; the others are Under's. A
// failing Write writes half of its bytes first, so the file is torn. Where Err is nil, that half is all that
// is wrong: a short write. It is for one goroutine.
//
// With After the operation is done, whole, and then said to have failed.
type Failing struct {
	Under store.FS
	At    int
	Err   error
	After bool
	// Failed names the operation that failed; it is empty as long as none has.
	Failed string
	count  int
}

// Each calls attempt with file systems on the real one that fail at operation 1, 2, ... until one gets through
// without having failed, and returns how many did fail. It stops the test after 1,000.
func Each(t testing.TB, err error, attempt func(fs *Failing)) int {
	t.Helper()
	for at := 1; at <= 1000; at++ {
		fs := &Failing{Under: store.OS{}, At: at, Err: err}
		attempt(fs)
		if fs.Failed == "" {
			return at - 1
		}
	}
	t.Fatal("1,000 operations and no end")
	return 0
}

// fails counts an operation and says whether it is the one.
func (f *Failing) fails(name string) bool {
	f.count++
	if f.count == f.At {
		f.Failed = name
		return true
	}
	return false
}

// do does an operation that cannot be done by half, unless it is the one that fails.
func (f *Failing) do(name string, operation func() error) error {
	if !f.fails(name) {
		return operation()
	}
	if f.After {
		operation()
	}
	return f.err()
}

// err is the error of an operation that cannot be done by half.
func (f *Failing) err() error {
	if f.Err == nil {
		return errors.New("failed on purpose")
	}
	return f.Err
}

// Create implements store.FS.
func (f *Failing) Create(name string) (store.File, error) {
	if f.fails("create") {
		if f.After {
			if under, err := f.Under.Create(name); err == nil {
				under.Close()
			}
		}
		return nil, f.err()
	}
	under, err := f.Under.Create(name)
	if err != nil {
		return nil, err
	}
	return &file{File: under, fs: f}, nil
}

// Rename implements store.FS.
func (f *Failing) Rename(from, to string) error {
	return f.do("rename", func() error { return f.Under.Rename(from, to) })
}

// Remove implements store.FS.
func (f *Failing) Remove(name string) error {
	return f.do("remove", func() error { return f.Under.Remove(name) })
}

// SyncDir implements store.FS.
func (f *Failing) SyncDir(dir string) error {
	return f.do("sync of the folder", func() error { return f.Under.SyncDir(dir) })
}

// written is how many bytes of b the write that fails writes. It owns up to half of b.
func (f *Failing) written(b []byte) int {
	if f.After {
		return len(b)
	}
	return len(b) / 2
}

type file struct {
	store.File
	fs *Failing
}

func (f *file) Write(b []byte) (int, error) {
	if f.fs.fails("write") {
		n, err := f.File.Write(b[:f.fs.written(b)])
		return min(n, len(b)/2), errors.Join(err, f.fs.Err)
	}
	return f.File.Write(b)
}

func (f *file) WriteAt(b []byte, offset int64) (int, error) {
	if f.fs.fails("write") {
		n, err := f.File.WriteAt(b[:f.fs.written(b)], offset)
		n = min(n, len(b)/2)
		if err == nil && f.fs.Err == nil {
			err = io.ErrShortWrite // which WriteAt has to say
		}
		return n, errors.Join(err, f.fs.Err)
	}
	return f.File.WriteAt(b, offset)
}

func (f *file) Sync() error {
	return f.fs.do("sync", f.File.Sync)
}

// Close closes in any case: a close that fails has closed.
func (f *file) Close() error {
	err := f.File.Close()
	if f.fs.fails("close") {
		return f.fs.err()
	}
	return err
}
