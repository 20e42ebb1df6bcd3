//go:build unix

package plugins

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// Raw is a plug-in's process without a host that speaks to it: for tests, which send what no host would.
type Raw struct {
	process *process
	options Options
	reader  *protocol.FrameReader
	address string
}

// Launch starts the process of a plug-in as [Open] does. Variables of the environment, NAME=VALUE, stand above the host's own.
func Launch(options Options, environment ...string) (*Raw, error) {
	options = options.withDefaults()
	options.above = environment
	if err := options.check(); err != nil {
		return nil, err
	}
	p, err := launch(&options)
	if err != nil {
		return nil, &Error{Plugin: options.Name, Err: err}
	}
	return &Raw{process: p, options: options, reader: protocol.NewFrameReader(p.frames)}, nil
}

// Meet waits for the plug-in's first words: what it says of itself in frames, or a handshake, after which [Raw.Address] is the
// socket to ask. It judges neither.
func (r *Raw) Meet(ctx context.Context) (protocol.Info, error) {
	greeting := make(chan hello, 1)
	if r.options.Kind != GRPCKind {
		go func() { greeting <- readHello(r.reader) }()
	}
	line, h, err := r.process.await(ctx, &r.options, greeting)
	if err != nil {
		return protocol.Info{}, &Error{Plugin: r.options.Name, Err: err, Log: r.process.log.lines()}
	}
	if line == "" {
		return h.info, nil
	}
	if r.options.Kind != GRPCKind { // nothing was sent yet, so nothing is lost with this reader
		if err := r.process.frames.SetReadDeadline(time.Now()); err != nil {
			return h.info, err
		}
		<-greeting
		if err := r.process.frames.SetReadDeadline(time.Time{}); err != nil {
			return h.info, err
		}
		r.reader = protocol.NewFrameReader(r.process.frames)
	}
	r.address, err = parseHandshake(line)
	return h.info, err
}

// Address is the path of the socket of a plug-in that speaks gRPC, "" of one that speaks frames.
func (r *Raw) Address() string { return r.address }

// Frames is the host's end of the socket for frames.
func (r *Raw) Frames() *net.UnixConn { return r.process.frames }

// Reader reads that socket.
func (r *Raw) Reader() *protocol.FrameReader { return r.reader }

// Process is the number of the process, which is also that of its group.
func (r *Raw) Process() int { return r.process.pid() }

// Signal sends a signal to the process and its group.
func (r *Raw) Signal(s syscall.Signal) { r.process.signal(s) }

// Within waits for the end of the process, and says how it ended, or "" if it runs on.
func (r *Raw) Within(d time.Duration) string {
	if !r.process.within(d) {
		return ""
	}
	return r.process.ended
}

// State is how the process ended: its exit code, or the signal that ended it. It may be asked for after [Raw.Within] said that
// it has.
func (r *Raw) State() (code int, signal syscall.Signal) {
	state := r.process.command.ProcessState
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -1, status.Signal()
	}
	return state.ExitCode(), 0
}

// Log is the last lines that the plug-in wrote.
func (r *Raw) Log() []string { return r.process.log.lines() }

// Kill ends the process and its group.
func (r *Raw) Kill() {
	r.process.signal(syscall.SIGKILL)
	r.process.within(r.options.StopTimeout)
	r.process.frames.Close()
}
