//go:build unix

package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// process is a plug-in's process and what belongs to it: its group, its folder, its output.
type process struct {
	command *exec.Cmd
	guard   *guard
	folder  string        // private, removed at the end
	frames  *net.UnixConn // the host's end of the socket
	log     *tail

	handshake chan string   // the line of go-plugin, if there is one
	done      chan struct{} // closed when the process has ended and its group was killed
	ended     string        // how, once done is closed

	noise     sync.Mutex
	firstLine string // on standard output that is no handshake
}

// starter runs functions on one thread that never ends: the kernel sends the signal of a parent's death when the thread
// that started a process ends, not the process.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func onStarter(f func() error) error {
	result := make(chan error)
	starter() <- func() { result <- f() }
	return <-result
}

// launch starts the process. Whoever has it must end it.
func launch(o *Options) (_ *process, err error) {
	p := &process{log: &tail{out: o.Log}, handshake: make(chan string, 1), done: make(chan struct{})}
	if p.folder, err = privateFolder(); err != nil {
		return nil, err
	}
	p.guard = startGuard(p.folder) // before anything is in it: the host may be killed at any time
	var files [3]*os.File          // the child's socket, standard output and standard error
	defer func() {
		for _, f := range files {
			if f != nil {
				f.Close()
			}
		}
		if err != nil {
			p.release()
		}
	}()
	if err := lend(p.folder, o.Packages); err != nil {
		return nil, err
	}
	dir := o.Dir
	if len(o.Files) > 0 {
		dir = filepath.Join(p.folder, "files")
		if err := copyVerified(o.Dir, dir, o.Files); err != nil {
			return nil, err
		}
	}
	program, err := findProgram(o.Command[0], dir, o.Files)
	if err != nil {
		return nil, err
	}
	if p.frames, files[0], err = protocol.SocketPair(); err != nil {
		return nil, err
	}
	output, outputEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	files[1] = outputEnd
	log, logEnd, err := os.Pipe()
	if err != nil {
		output.Close()
		return nil, err
	}
	files[2] = logEnd
	p.command = &exec.Cmd{
		Path: program, Args: append([]string{o.Command[0]}, o.Command[1:]...), Dir: dir,
		Env:    environment(o, p.folder),
		Stdout: outputEnd, Stderr: logEnd, ExtraFiles: []*os.File{files[0]},
		SysProcAttr: attributes(),
	}
	if err := onStarter(p.execute); err != nil {
		output.Close()
		log.Close()
		return nil, fmt.Errorf("it cannot be started: %w%s", err, startHint(err, program))
	}
	noCore(p.pid())
	p.guard.watch(p.pid())
	var drains sync.WaitGroup
	drains.Go(func() { p.drainOutput(output) })
	drains.Go(func() { io.Copy(p.log, log) }) // it ends when the pipe does, or is closed
	drained := make(chan struct{})
	go func() {
		drains.Wait()
		close(drained)
	}()
	go p.wait(output, log, drained)
	return p, nil
}

// execute starts the command. Another process that was being started while the private copy was written may hold it open for
// a moment longer, and what is open for writing is not executed.
func (p *process) execute() error {
	err := p.command.Start()
	for wait := time.Millisecond; errors.Is(err, syscall.ETXTBSY) && wait < time.Second; wait *= 2 {
		time.Sleep(wait)
		again := *p.command
		p.command = &exec.Cmd{
			Path: again.Path, Args: again.Args, Dir: again.Dir, Env: again.Env,
			Stdout: again.Stdout, Stderr: again.Stderr, ExtraFiles: again.ExtraFiles, SysProcAttr: again.SysProcAttr,
		}
		err = p.command.Start()
	}
	return err
}

func (p *process) pid() int { return p.command.Process.Pid }

// wait reaps the process once it ends and kills what it leaves behind.
func (p *process) wait(output, log *os.File, drained <-chan struct{}) {
	if awaitExit(p.pid()) { // it stays a zombie, so its group's number is nobody else's yet
		p.signal(syscall.SIGKILL)
	}
	err := p.command.Wait()
	p.signal(syscall.SIGKILL)
	// What it wrote last is in the pipe. A process that left the group may hold the pipe open for ever.
	select {
	case <-drained:
	case <-time.After(200 * time.Millisecond):
	}
	log.Close()
	output.Close()
	<-drained
	p.log.flush()
	p.ended = howItEnded(err, p.command.ProcessState)
	p.release() // before anybody can take the plug-in for ended, and end the host
	close(p.done)
}

// release gives back what the process does not need any more.
func (p *process) release() {
	if p.frames != nil {
		p.frames.Close()
	}
	if p.folder != "" {
		os.RemoveAll(p.folder) // best effort: it is a folder of temporary files
	}
	if p.guard != nil {
		p.guard.dismiss()
	}
}

// signal sends a signal to the whole group.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.pid(), s) }

// within waits for the end of the process.
func (p *process) within(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// terminate ends the process: SIGTERM, and SIGKILL after the grace.
func (p *process) terminate(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	if p.within(grace) {
		return
	}
	p.signal(syscall.SIGKILL)
	p.within(grace) // a process in the kernel's hands may take longer; it is not waited for
}

func howItEnded(err error, state *os.ProcessState) string {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Sprintf("it ended, nobody knows how: %v", err)
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("it was ended by a signal (%v)", status.Signal())
	}
	return fmt.Sprintf("it ended with exit code %d", state.ExitCode())
}

// startHint is what to do about an error of exec.
func startHint(err error, program string) string {
	switch {
	case errors.Is(err, syscall.EACCES):
		return ": make it executable, chmod +x, on a file system that allows programs (TMPDIR names the one for checked copies)"
	case errors.Is(err, syscall.ENOEXEC):
		return ": it is no program of this system; a script begins with #! and its interpreter"
	case errors.Is(err, syscall.ENOENT):
		if _, missing := os.Stat(program); missing == nil {
			return ": the interpreter that its first line names does not exist"
		}
	}
	return ""
}

// handshakeRule is the line that go-plugin begins with.
var handshakeRule = regexp.MustCompile(`^\d{1,9}\|\d{1,9}\|[a-z0-9]+\|[^|]+(\||$)`)

// drainOutput reads standard output to its end: a handshake is passed on, the first other line kept, the rest dropped.
func (p *process) drainOutput(output io.Reader) {
	buffer := make([]byte, 32<<10)
	const longest = 8 << 10
	var line []byte
	found := false
	for {
		n, err := output.Read(buffer)
		for rest := buffer[:n]; len(rest) > 0 && !found; {
			piece, after, whole := bytes.Cut(rest, []byte{'\n'})
			if len(line) < longest {
				line = append(line, piece[:min(len(piece), longest-len(line))]...)
			}
			if whole {
				found = p.outputLine(string(bytes.TrimSpace(line)))
				line = line[:0]
			}
			rest = after
		}
		if err != nil {
			if !found && len(line) > 0 {
				p.outputLine(string(bytes.TrimSpace(line)))
			}
			return
		}
	}
}

func (p *process) outputLine(line string) (handshake bool) {
	if handshakeRule.MatchString(line) {
		p.handshake <- line
		return true
	}
	p.noise.Lock()
	defer p.noise.Unlock()
	if p.firstLine == "" {
		p.firstLine = line
	}
	return false
}

// printed quotes the first line on standard output, for an error of the start.
func (p *process) printed() string {
	p.noise.Lock()
	defer p.noise.Unlock()
	if p.firstLine == "" {
		return ""
	}
	return fmt.Sprintf("; the first line on its standard output is %s", quote(p.firstLine))
}

// privateFolder is a folder that only this user can look into, short enough for the name of a socket.
func privateFolder() (string, error) {
	const socketName = 40 // bytes that a plug-in may need for its own part
	const longest = 103   // of a socket's path, on macOS
	parent := os.TempDir()
	if len(parent)+len("/infer-plugin-0000000000")+socketName > longest {
		parent = "/tmp"
	}
	folder, err := os.MkdirTemp(parent, "infer-plugin-")
	if err != nil {
		return "", fmt.Errorf("a folder for its socket: %w", err)
	}
	return folder, nil
}

// packagesFolder is where, in the private folder, the packages are that a plug-in is lent.
const packagesFolder = "packages"

// lend writes packages into the private folder.
func lend(folder string, packages map[string][]byte) error {
	for name, text := range packages {
		target := filepath.Join(folder, packagesFolder, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o700), os.WriteFile(target, text, 0o600)); err != nil {
			return fmt.Errorf("the packages it is lent: %w", err)
		}
	}
	return nil
}

// environment is what the plug-in gets.
func environment(o *Options, folder string) []string {
	var env []string
	allowed := func(name string) bool {
		for _, list := range [][]string{Inherited, o.Environment} {
			for _, rule := range list {
				if prefix, ok := strings.CutSuffix(rule, "*"); rule == name || ok && strings.HasPrefix(name, prefix) {
					return true
				}
			}
		}
		return false
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); allowed(name) {
			env = append(env, variable)
		}
	}
	if len(o.Packages) > 0 {
		env = append(env, "PYTHONPATH="+filepath.Join(folder, packagesFolder))
	}
	env = append(env, o.Set...)
	env = append(env,
		protocol.CookieVariable+"="+protocol.Cookie,
		fmt.Sprintf("%s=%d", protocol.VersionsVariable, protocol.Version),
		fmt.Sprintf("%s=%d", protocol.FDVariable, protocol.FD),
		fmt.Sprintf("%s=%d", protocol.ParentVariable, os.Getpid()),
		fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", protocol.Version),
		"PLUGIN_UNIX_SOCKET_DIR="+folder,
	)
	return append(env, o.above...) // of two of a name the last counts
}

// findProgram is the absolute path of the program to execute.
func findProgram(name, dir string, files []File) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	own := strings.Contains(name, "/")
	for _, f := range files {
		own = own || filepath.Clean(name) == filepath.Clean(f.Path)
	}
	if own {
		path, err := filepath.Abs(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		return path, nil
	}
	path, err := exec.LookPath(name)
	if err == nil && !filepath.IsAbs(path) {
		err = exec.ErrDot
	}
	if err != nil {
		return "", fmt.Errorf("the program %s is not found in PATH: install it, or give its path: %w", quote(name), err)
	}
	return path, nil
}

// await waits for the first of the process's handshake, its frames, its end, and the limits of the start.
func (p *process) await(ctx context.Context, o *Options, hello <-chan hello) (line string, h hello, err error) {
	timer := time.NewTimer(o.StartTimeout)
	defer timer.Stop()
	handshake := p.handshake
	if o.Kind == FramesKind {
		handshake = nil
	}
	if o.Kind == GRPCKind {
		hello = nil
	}
	for {
		select {
		case line := <-handshake:
			return line, h, nil
		case h = <-hello:
			if h.err == nil {
				return "", h, nil
			}
			if errors.Is(h.err, protocol.ErrFrame) {
				return "", h, fmt.Errorf("it wrote to the socket of frames: %w", h.err)
			}
			hello = nil // it closed its end, and may still shake hands, or end
		case <-p.done:
			// A handshake may have arrived together with the end, which is what counts.
			return "", h, fmt.Errorf("%s before it said what it is%s", p.ended, p.printed())
		case <-timer.C:
			return "", h, fmt.Errorf("it did not say what it is within the %v that a start may take%s: raise the start timeout (start_timeout in plugin.toml) if it only is slow", o.StartTimeout, p.printed())
		case <-ctx.Done():
			return "", h, ctx.Err()
		}
	}
}
