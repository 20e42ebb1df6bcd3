//go:build unix

package conformance

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Signals that a plug-in is sent.
const (
	terminate = syscall.SIGTERM
	interrupt = syscall.SIGINT
	freeze    = syscall.SIGSTOP
	thaw      = syscall.SIGCONT
	killed    = syscall.SIGKILL
)

// alive says whether a process group has a process.
func alive(group int) bool { return syscall.Kill(-group, 0) == nil }

// residentBytes is the memory in use of a process, -1 where nobody tells.
func residentBytes(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return -1
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return -1
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return -1
	}
	return pages * int64(os.Getpagesize())
}

// openFiles is the number of open descriptors of a process, -1 where nobody tells.
func openFiles(pid int) int64 {
	if runtime.GOOS != "linux" {
		return -1
	}
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return -1
	}
	return int64(len(entries))
}
