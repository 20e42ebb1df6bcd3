//go:build unix

package plugins

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// guard is a shell that does nothing but wait for the end of a pipe that the host holds. When the host dies, however it
// dies, the guard kills the plug-in's whole group and removes its folder. A signal at the parent's death reaches the plug-in alone
// and not its children, and does not exist everywhere.
type guard struct {
	command *exec.Cmd
	pipe    io.Closer
}

const guardScript = `trap "" HUP INT TERM; read nothing; kill -s KILL -- "-$1"; rm -rf -- "$2"`

// startGuard watches over a group. Without a shell there is no guard, only the signal.
func startGuard(group int, folder string) *guard {
	command := &exec.Cmd{
		Path:        "/bin/sh",
		Args:        []string{"sh", "-c", guardScript, "infer-plugin-guard", strconv.Itoa(group), folder},
		Dir:         "/",
		Env:         []string{"PATH=/usr/bin:/bin"},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	pipe, err := command.StdinPipe()
	if err != nil {
		return nil
	}
	if err := command.Start(); err != nil {
		return nil // Start has closed the pipe
	}
	return &guard{command, pipe}
}

// dismiss ends the guard without its deed.
func (g *guard) dismiss() {
	_ = g.command.Process.Kill()
	_ = g.command.Wait() // it says that it was killed; Wait closes the pipe
}
