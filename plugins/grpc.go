//go:build unix

package plugins

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/scorefield/infer/plugins/protocol"
)

// grpcLink is everything that can be asked by gRPC. go-plugin attaches to the process, whose life is ours.
type grpcLink struct {
	session *session
	attach  *goplugin.Client
	conn    *grpc.ClientConn
	client  *protocol.Client
	ctx     context.Context // of the streams; ends with the link
	cancel  context.CancelFunc

	lock    sync.Mutex
	streams map[uint32]*ordered // by the handle of the model
	ended   bool
}

// attached is our process as go-plugin wants to see it. It has nothing to kill: that is the session's.
type attached struct{ process *process }

func (a attached) Wait(context.Context) error { <-a.process.done; return nil }
func (a attached) Kill(context.Context) error { return nil }
func (a attached) ID() string                 { return fmt.Sprint(a.process.pid()) }
func (a attached) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}
func (a attached) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// dropped is where standard output goes.
type dropped struct{}

func (dropped) Write(b []byte) (int, error) { return len(b), nil }

// newGRPCLink connects to the socket that the plug-in listens on.
func newGRPCLink(ctx context.Context, s *session, address string) (*grpcLink, error) {
	l := &grpcLink{session: s, streams: map[uint32]*ordered{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", address)
		if err != nil {
			return nil, err
		}
		if err := samePeer(conn.(*net.UnixConn)); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
	l.attach = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{ProtocolVersion: protocol.Version, MagicCookieKey: protocol.CookieVariable, MagicCookieValue: protocol.Cookie},
		Plugins:          goplugin.PluginSet{},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		GRPCDialOptions:  append(protocol.DialOptions(), grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials())),
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       dropped{},
		SyncStderr:       s.process.log,
		Reattach: &goplugin.ReattachConfig{
			Protocol: goplugin.ProtocolGRPC, ProtocolVersion: protocol.Version, Pid: s.process.pid(),
			Addr:         &net.UnixAddr{Name: address, Net: "unix"},
			ReattachFunc: func() (runner.AttachedRunner, error) { return attached{s.process}, nil },
		},
	})
	// go-plugin connects without a deadline.
	type connected struct {
		client goplugin.ClientProtocol
		err    error
	}
	done := make(chan connected, 1)
	go func() {
		client, err := l.attach.Client()
		done <- connected{client, err}
	}()
	select {
	case c := <-done:
		if c.err != nil {
			return nil, fmt.Errorf("its socket %s: %w", address, c.err)
		}
		l.conn = c.client.(*goplugin.GRPCClient).Conn
		l.client = protocol.NewClient(l.conn)
		return l, nil
	case <-ctx.Done():
		go func() { // it returns once the process has ended
			if c := <-done; c.err == nil {
				l.attach.Kill()
			}
		}()
		return nil, fmt.Errorf("its socket %s does not answer: %w", address, startTime(ctx))
	}
}

// startTime is an error of the context that reads as one of a start.
func startTime(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the start took too long: raise the start timeout if it only is slow")
	}
	return ctx.Err()
}

// info asks what the plug-in is.
func (l *grpcLink) info(ctx context.Context) (protocol.Info, error) {
	info, err := l.client.Info(ctx)
	if err == nil && info.Protocol == 0 {
		info.Protocol = protocol.Version // the handshake has said it
	}
	return info, l.explain(err)
}

func (l *grpcLink) configure(ctx context.Context, w *protocol.Welcome) error {
	return l.explain(l.client.Configure(ctx, w))
}

// explain writes errors of gRPC as ours.
func (l *grpcLink) explain(err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok || isAnswer(err) {
		return err
	}
	switch s.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.Unimplemented:
		return fmt.Errorf("it lacks a service of infer.plugin.v1: %s", s.Message())
	case codes.Unavailable:
		return fmt.Errorf("the connection broke: %s", s.Message())
	}
	return fmt.Errorf("gRPC, %v: %s", s.Code(), s.Message())
}

// limited is the context of a short command.
func (l *grpcLink) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, l.session.options.CallTimeout)
}

// late turns the end of limited's time into the plug-in's fault, unless it is the caller's context that ended.
func (l *grpcLink) late(ctx context.Context, err error) error {
	err = l.explain(err)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return deadlineError(l.session.options.CallTimeout)
	}
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return errors.New("the connection was ended")
	}
	return err
}

func (l *grpcLink) open(ctx context.Context, o *protocol.Open) (*protocol.Model, error) {
	limited, cancel := l.limited(ctx)
	defer cancel()
	m, err := l.client.Open(limited, o)
	if err != nil {
		return nil, l.late(ctx, err)
	}
	return m, nil
}

func (l *grpcLink) ping(ctx context.Context) error {
	limited, cancel := l.limited(ctx)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(l.conn).Check(limited, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	return l.late(ctx, err)
}

func (l *grpcLink) evaluate(ctx context.Context, r *request) error {
	o, err := l.stream(r.handle)
	if err != nil {
		return err
	}
	return o.evaluate(ctx, r)
}

// stream is that of a model, which the first evaluation opens.
func (l *grpcLink) stream(handle uint32) (*ordered, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.ended {
		return nil, errors.New("the connection was ended")
	}
	if o := l.streams[handle]; o != nil {
		return o, nil
	}
	ctx, cancel := context.WithCancel(l.ctx)
	limit := time.AfterFunc(l.session.options.CallTimeout, cancel)
	stream, err := l.client.Stream(ctx)
	if err != nil || !limit.Stop() {
		cancel()
		return nil, l.late(l.ctx, err)
	}
	o := newOrdered(l.session.options, &grpcPipe{link: l, stream: stream, cancel: cancel}, false)
	l.streams[handle] = o
	return o, nil
}

// stop asks go-plugin's controller to end. Its client is internal there.
func (l *grpcLink) stop() {
	go func() { // it ends with the answer, the time, or the connection
		ctx, cancel := context.WithTimeout(context.Background(), l.session.options.StopTimeout)
		defer cancel()
		_ = l.conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &emptypb.Empty{}, &emptypb.Empty{}) // who does not answer gets SIGTERM
	}()
	_ = l.session.process.frames.CloseWrite()
}

func (l *grpcLink) busy() bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, o := range l.streams {
		if o.busy() {
			return true
		}
	}
	return false
}

func (l *grpcLink) shut() {
	l.lock.Lock()
	streams := l.streams
	l.streams, l.ended = nil, true
	l.lock.Unlock()
	l.cancel()
	for _, o := range streams {
		o.shut()
	}
	// With the process gone, none of the things that Kill waits for without a limit can last. If the kernel still holds the
	// process, they do; then nobody waits.
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.attach.Kill()
		l.conn.Close()
	}()
	select {
	case <-done:
	case <-time.After(l.session.options.StopTimeout):
	}
}

// grpcPipe is a stream of evaluations. gRPC bounds what it buffers, so a send waits for a plug-in that does not read; the deadline
// then ends the stream.
type grpcPipe struct {
	link   *grpcLink
	stream *protocol.Stream
	cancel context.CancelFunc
}

func (p *grpcPipe) write(f *protocol.Frame, _ *protocol.Memory, deadline time.Time) error {
	limit := time.AfterFunc(time.Until(deadline), p.cancel)
	err := p.stream.Send(f)
	if !limit.Stop() && err == nil {
		err = deadlineError(p.link.session.options.CallTimeout)
	}
	return p.link.explain(err)
}

func (p *grpcPipe) next(func(*protocol.Frame) uint64) (*protocol.Frame, error) {
	f, err := p.stream.Next()
	if err != nil {
		return nil, p.link.explain(err)
	}
	return f, nil
}

func (p *grpcPipe) close() { p.cancel() }

// samePeer refuses a socket of another user.
func samePeer(conn *net.UnixConn) error {
	user, err := peerUser(conn)
	if err != nil {
		return fmt.Errorf("who listens on its socket is not known: %w", err)
	}
	if user != os.Geteuid() {
		return fmt.Errorf("user %d listens on its socket, and user %d asked", user, os.Geteuid())
	}
	return nil
}
