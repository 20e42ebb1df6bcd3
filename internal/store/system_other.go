//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package store

import (
	"os"
	"syscall"
)

// fullErrors are the ways in which a disk has no room.
var fullErrors = []error{syscall.ENOSPC}

// lock does nothing: on Windows a file that is open cannot be removed or renamed by others.
func lock(*os.File) error { return nil }

// syncDir does nothing: on Windows a folder cannot be synced.
func syncDir(string) error { return nil }
