//go:build unix

package plugins

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// hello is the first frame of a plug-in, or the error instead of it.
type hello struct {
	info protocol.Info
	err  error
}

// start launches the plug-in and learns what it is. Nothing of it is left if there is an error.
func start(ctx context.Context, o *Options) (*session, error) {
	fail := func(err error, log []string) error {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return ctx.Err()
		}
		return &Error{Plugin: o.Name, Err: closedWords(err), Log: log}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := launch(o)
	if err != nil {
		return nil, fail(err, nil)
	}
	s := &session{options: o, process: p}
	if err := s.meet(ctx); err != nil {
		// What it wrote just before is wanted, so it is given a moment to end by itself.
		p.terminate(o.StopTimeout)
		if s.control != nil {
			s.control.shut()
		}
		return nil, fail(err, p.log.lines())
	}
	return s, nil
}

// meet waits for the plug-in's first words and agrees with it on versions and capabilities.
func (s *session) meet(ctx context.Context) error {
	o, p := s.options, s.process
	frames := protocol.NewFrameReader(p.frames)
	greeting := make(chan hello, 1)
	if o.Kind != GRPCKind {
		go func() {
			greeting <- readHello(frames)
			close(greeting)
		}()
	} else {
		close(greeting)
	}
	line, h, err := p.await(ctx, o, greeting)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	if line == "" {
		return s.meetByFrames(h.info, frames)
	}
	return s.meetByGRPC(ctx, line, greeting)
}

func readHello(frames *protocol.FrameReader) (h hello) {
	f, err := frames.Next(func(*protocol.Frame) uint64 { return 0 })
	switch {
	case err != nil:
		h.err = err
	case f.Kind != protocol.Hello:
		h.err = fmt.Errorf("%w: the first is a %s; a HELLO begins", protocol.ErrFrame, f.Kind)
	default:
		h.err = f.Read(&h.info)
	}
	return h
}

// agree checks what the plug-in says of itself and chooses the transport.
func (s *session) agree(info protocol.Info, grpc bool) error {
	if err := protocol.Negotiate(info.Protocol); err != nil {
		return err
	}
	if err := info.Check(); err != nil {
		return fmt.Errorf("what it says of itself is wrong: %w", err)
	}
	s.info = info
	var err error
	s.transport, err = chooseTransport(s.options, &info, grpc)
	return err
}

// welcome is what the host says of itself.
func (s *session) welcome() *protocol.Welcome {
	w := &protocol.Welcome{Protocol: protocol.Version, Host: s.options.Host, Capabilities: []string{}, MaxBody: protocol.MaxBody}
	switch s.transport {
	case ShmTransport:
		w.Capabilities = []string{protocol.Frames, protocol.Shm}
	case FramesTransport:
		w.Capabilities = []string{protocol.Frames}
	}
	return w
}

func (s *session) meetByFrames(info protocol.Info, frames *protocol.FrameReader) error {
	if err := s.agree(info, false); err != nil {
		return err
	}
	link, err := newFramesLink(s, frames, s.welcome())
	if err != nil {
		return err
	}
	s.control, s.link = link, link
	return nil
}

func (s *session) meetByGRPC(ctx context.Context, line string, greeting <-chan hello) error {
	address, err := parseHandshake(line)
	if err != nil {
		return err
	}
	link, err := newGRPCLink(ctx, s, address)
	if err != nil {
		return err
	}
	s.control = link
	info, err := link.info(ctx)
	if err != nil {
		return fmt.Errorf("asked what it is: %w", err)
	}
	if err := s.agree(info, true); err != nil {
		return err
	}
	if err := link.configure(ctx, s.welcome()); err != nil {
		return fmt.Errorf("configured: %w", err)
	}
	s.link = link
	if s.transport == GRPCTransport {
		return nil
	}
	// Somebody still waits for a HELLO, which does not come where there is a handshake.
	_ = s.process.frames.SetReadDeadline(time.Now())
	<-greeting
	_ = s.process.frames.SetReadDeadline(time.Time{})
	s.link, err = newFramesLink(s, protocol.NewFrameReader(s.process.frames), nil)
	return err
}

// parseHandshake checks the line of go-plugin and returns the path of the socket.
func parseHandshake(line string) (address string, err error) {
	fields := strings.Split(line, "|") // at least four, by handshakeRule
	if core, _ := strconv.Atoi(fields[0]); core != 1 {
		return "", fmt.Errorf("its handshake %s is of core version %d of go-plugin, and infer speaks 1: rebuild it with a go-plugin of version 1", quote(line), core)
	}
	version, _ := strconv.Atoi(fields[1])
	if err := protocol.Negotiate(version); err != nil {
		return "", err
	}
	if fields[2] != "unix" {
		return "", fmt.Errorf("its handshake %s names a socket of kind %s: it has to listen on a Unix socket in the folder PLUGIN_UNIX_SOCKET_DIR, where nobody else can connect", quote(line), fields[2])
	}
	if len(fields) < 5 || fields[4] != "grpc" {
		return "", fmt.Errorf("its handshake %s is not for gRPC: it ends with |grpc|", quote(line))
	}
	return fields[3], nil
}
