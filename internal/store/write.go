package store

import (
	"errors"
	"io"
	"path/filepath"
	"syscall"
)

// WriteFile writes a file that appears whole: write fills it, and if anything fails the old file, or none,
// stays. Permissions are 0666 less the umask. The error is a *[NotWrittenError], also where write itself
// fails, or an *[UncertainError].
//
// Where the disk is full, write is let go on without effect, to learn how much room it needs.
func WriteFile(path string, write func(w io.Writer) error) error {
	return WriteFileOn(OS{}, path, write)
}

// WriteFileOn is [WriteFile] on a file system of the caller's.
func WriteFileOn(fsys FS, path string, write func(w io.Writer) error) error {
	p, err := CreateOn(fsys, path)
	if err != nil {
		return err
	}
	return p.complete(write)
}

// complete fills the file and commits it, or removes it.
func (p *Pending) complete(write func(w io.Writer) error) error {
	counted := &counter{under: p}
	err := write(counted)
	complete := err == nil
	switch {
	case counted.full != nil:
		err = p.fail(counted.full)
	case err != nil:
		err = p.fail(err)
	default:
		err = p.Commit()
	}
	var failed *NotWrittenError
	if errors.As(err, &failed) && isFull(failed) {
		if complete {
			failed.Needed = counted.bytes
		}
		if errors.Is(failed, syscall.ENOSPC) { // a quota or a limit is reached with room to spare
			failed.Free = free(filepath.Dir(p.target))
		}
	}
	return err
}

// counter counts the bytes of a file, and goes on counting when the disk is full.
type counter struct {
	under io.Writer
	bytes int64
	full  error // why nothing is written any more
}

func (c *counter) Write(b []byte) (int, error) {
	if c.full != nil {
		c.bytes += int64(len(b))
		return len(b), nil
	}
	n, err := c.under.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if isFull(err) {
		c.full = cause(err)
		n, err = len(b), nil
	}
	c.bytes += int64(n)
	return n, err
}

// isFull tells a lack of room from other errors.
func isFull(err error) bool {
	for _, full := range fullErrors {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}
