package cli

import (
	"os"
	"syscall"
)

// closed says whether standard output was closed when the process started. Go opens /dev/null in its place, for reading and
// writing, where somebody who wants /dev/null opens it for writing alone.
func closed() bool {
	var s syscall.Stat_t
	if err := syscall.Fstat(1, &s); err != nil {
		return true
	}
	null, err := os.Stat(os.DevNull)
	if err != nil {
		return false
	}
	n, ok := null.Sys().(*syscall.Stat_t)
	if !ok || s.Rdev != n.Rdev || s.Mode&syscall.S_IFMT != syscall.S_IFCHR {
		return false
	}
	flags, _, failed := syscall.Syscall(syscall.SYS_FCNTL, 1, syscall.F_GETFL, 0)
	return failed == 0 && flags&syscall.O_ACCMODE == syscall.O_RDWR
}
