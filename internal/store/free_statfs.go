//go:build darwin || freebsd || linux

package store

import "syscall"

// free is the number of bytes an ordinary user may still write in a folder, -1 if unknown.
func free(dir string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil || s.Bavail < 0 {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
