//go:build unix && !linux

package plugins

import "syscall"

// attributes are a group of its own. There is no signal at the parent's death here; the guard sees to it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func noCore(int) {}

// awaitExit would wait for the end of a child without reaping it, which needs Linux.
func awaitExit(int) bool { return false }
