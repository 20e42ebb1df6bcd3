//go:build unix

package plugins

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// guard is a shell that does nothing but wait for the end of a pipe that the host holds. When the host dies, however it
// dies, the guard kills the plug-in's whole group and removes its folder. A signal at the parent's death reaches the plug-in alone
// and not its children, and does not exist everywhere.
type guard struct {
	command *exec.Cmd
	pipe    io.WriteCloser
}

const guardScript = `trap "" HUP INT TERM; read group; read nothing; [ -n "$group" ] && kill -s KILL -- "-$group"; rm -rf -- "$1"`

// startGuard watches over a folder. Without a shell there is no guard, only the signal.
func startGuard(folder string) *guard {
	command := &exec.Cmd{
		Path:        "/bin/sh",
		Args:        []string{"sh", "-c", guardScript, "infer-plugin-guard", folder},
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

// watch tells the guard the group that it kills. It may be nil.
func (g *guard) watch(group int) {
	if g != nil {
		_, _ = fmt.Fprintf(g.pipe, "%d\n", group) // a guard that is gone is none
	}
}

// dismiss ends the guard without its deed.
func (g *guard) dismiss() {
	_ = g.command.Process.Kill()
	_ = g.command.Wait() // it says that it was killed; Wait closes the pipe
}
