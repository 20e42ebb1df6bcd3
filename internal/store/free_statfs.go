//go:build darwin || freebsd || linux

package store

import "syscall"

// free is the number of bytes an ordinary user may still write in a folder, -1 if unknown.
func free(dir string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return -1
	}
	blocks := int64(s.Bavail) // negative on FreeBSD where only root has some left
	return max(-1, blocks*int64(s.Bsize))
}
