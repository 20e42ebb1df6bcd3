//go:build unix

package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/scorefield/infer/plugins/protocol"
)

// grpcWire is a plug-in's socket for gRPC. Evaluations go over one stream, everything else is a call of its own whose reply waits here.
type grpcWire struct {
	conn    *grpc.ClientConn
	client  *protocol.Client
	ctx     context.Context
	cancel  context.CancelFunc
	stream  *protocol.Stream
	replies chan reply
	ready   []*protocol.Frame // of calls
}

type reply struct {
	frame *protocol.Frame
	err   error
}

func dial(address string) (*grpcWire, error) {
	conn, err := grpc.NewClient("unix:"+address, append(protocol.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return nil, err
	}
	w := &grpcWire{conn: conn, client: protocol.NewClient(conn), replies: make(chan reply, 64)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w, nil
}

func (w *grpcWire) name() string { return "gRPC" }

// shutdown asks go-plugin's controller to end.
func (w *grpcWire) shutdown() {
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
	defer cancel()
	_ = w.conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &emptypb.Empty{}, &emptypb.Empty{}) // it may end before it answers
}

func (w *grpcWire) send(f *protocol.Frame) error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	answered := &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence, Model: f.Model}
	switch f.Kind {
	case protocol.OpenFrame:
		var o protocol.Open
		if err := f.Read(&o); err != nil {
			return err
		}
		o.Handle = f.Model
		m, err := w.client.Open(ctx, &o)
		if err := own(err, answered); err != nil {
			return err
		}
		if m != nil {
			answered.Header = jsonOf(m)
		}
	case protocol.Close:
		if err := own(w.client.Close(ctx, f.Model), answered); err != nil {
			return err
		}
	case protocol.Ping:
		if _, err := grpc_health_v1.NewHealthClient(w.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"}); err != nil {
			return err
		}
	case protocol.Eval, protocol.Cancel:
		if w.stream == nil {
			var err error
			if w.stream, err = w.client.Stream(w.ctx); err != nil {
				return err
			}
			go w.listen(w.stream)
		}
		return w.stream.Send(f)
	default:
		return fmt.Errorf("a %s by gRPC", f.Kind)
	}
	w.ready = append(w.ready, answered)
	return nil
}

// own keeps an error that is the plug-in's answer in the reply.
func own(err error, answered *protocol.Frame) error {
	var said *protocol.Error
	if errors.As(err, &said) {
		answered.Err = said
		return nil
	}
	return err
}

// listen takes replies from the stream until it ends.
func (w *grpcWire) listen(s *protocol.Stream) {
	for {
		f, err := s.Next()
		if err != nil {
			w.replies <- reply{err: err}
			return
		}
		w.replies <- reply{frame: clone(f)}
	}
}

func (w *grpcWire) receive(limit time.Duration) (*protocol.Frame, error) {
	if len(w.ready) > 0 {
		f := w.ready[0]
		w.ready = w.ready[1:]
		return f, nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-w.replies:
		if r.err != nil && status.Code(r.err) != codes.OK {
			r.err = fmt.Errorf("gRPC, %v: %s", status.Code(r.err), status.Convert(r.err).Message())
		}
		return r.frame, r.err
	case <-timer.C:
		return nil, errNoAnswer
	}
}

func (w *grpcWire) close() {
	w.cancel()
	w.conn.Close()
}
