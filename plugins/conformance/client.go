//go:build unix

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
)

// patience is how long an answer is waited for, whatever was asked.
const patience = 20 * time.Second

// wire carries frames to a plug-in and its replies back. There is one reply for each OPEN, EVAL, CLOSE, MAP and PING, in their order.
type wire interface {
	name() string
	send(f *protocol.Frame) error
	// receive returns the next reply, which is the caller's. Its error is errNoAnswer after the limit.
	receive(limit time.Duration) (*protocol.Frame, error)
	close()
}

// client speaks to a running plug-in.
type client struct {
	raw      *plugins.Raw
	wire     wire
	control  *grpcWire // of a plug-in that speaks gRPC
	info     protocol.Info
	ready    time.Duration
	sequence uint64
	handles  uint32
	broken   error // why it can be spoken to no more
}

// connect starts a plug-in and does what a host does before it asks for a model.
func connect(ctx context.Context, o plugins.Options, environment ...string) (*client, error) {
	began := time.Now()
	raw, err := plugins.Launch(o, environment...)
	if err != nil {
		return nil, err
	}
	c := &client{raw: raw}
	if c.info, err = raw.Meet(ctx); err == nil {
		c.ready = time.Since(began)
		if raw.Address() == "" {
			f := &framesWire{raw: raw}
			c.wire, err = f, f.welcome(nil)
		} else {
			err = c.connectGRPC(ctx)
		}
	}
	if err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// connectGRPC does the same as a host of gRPC. A plug-in that takes frames too is spoken to in frames.
func (c *client) connectGRPC(ctx context.Context) error {
	g, err := dial(c.raw.Address())
	if err != nil {
		return err
	}
	c.control, c.wire = g, g
	if c.info, err = g.client.Info(ctx); err != nil {
		return err
	}
	if c.info.Protocol == 0 {
		c.info.Protocol = protocol.Version // the handshake has said it
	}
	capabilities := []string{}
	if c.info.Has(protocol.Frames) {
		capabilities = []string{protocol.Frames, protocol.Shm}
	}
	if err := g.client.Configure(ctx, &protocol.Welcome{Protocol: protocol.Version, Host: "infer plugin test", Capabilities: capabilities, MaxBody: protocol.MaxBody}); err != nil {
		return err
	}
	if c.info.Has(protocol.Frames) {
		c.wire = &framesWire{raw: c.raw, beside: true}
	}
	return nil
}

// stop asks the plug-in to end, as a host does.
func (c *client) stop() error {
	if c.control != nil {
		c.control.shutdown()
		return c.raw.Frames().CloseWrite()
	}
	_, err := c.send(&protocol.Frame{Kind: protocol.Stop})
	return err
}

// end ends the plug-in without asking.
func (c *client) end() {
	if c.wire != nil {
		c.wire.close()
	}
	if c.control != nil {
		c.control.close()
	}
	c.raw.Kill()
}

// fail notes that the plug-in can be spoken to no more.
func (c *client) fail(err error) error {
	if err != nil && c.broken == nil {
		c.broken = err
	}
	return err
}

// send numbers a frame and sends it.
func (c *client) send(f *protocol.Frame) (sequence uint64, err error) {
	if f.Sequence == 0 {
		c.sequence++
		f.Sequence = c.sequence
	}
	return f.Sequence, c.fail(c.wire.send(f))
}

// receive wants the reply to a frame.
func (c *client) receive(sequence uint64, limit time.Duration) (*protocol.Frame, error) {
	f, err := c.wire.receive(limit)
	if errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("%w within %v", err, limit)
	}
	if err != nil {
		if ended := c.raw.Within(200 * time.Millisecond); ended != "" {
			err = errors.New(ended)
		}
		return nil, c.fail(err)
	}
	if f.Kind != protocol.Reply {
		return nil, c.fail(fmt.Errorf("a %s where a REPLY was to come", f.Kind))
	}
	if f.Sequence != sequence {
		return nil, c.fail(fmt.Errorf("a REPLY to number %d where that to number %d was to come", f.Sequence, sequence))
	}
	return f, nil
}

// call sends a frame and waits for its reply, which may be an error of the protocol.
func (c *client) call(f *protocol.Frame) (*protocol.Frame, error) {
	sequence, err := c.send(f)
	if err != nil {
		return nil, err
	}
	return c.receive(sequence, patience)
}

// open opens a model under a new handle.
func (c *client) open(model string, config json.RawMessage) (protocol.Model, uint32, error) {
	c.handles++
	header, err := json.Marshal(protocol.Open{Model: model, Config: config})
	if err != nil {
		return protocol.Model{}, 0, err
	}
	var m protocol.Model
	f, err := c.call(&protocol.Frame{Kind: protocol.OpenFrame, Model: c.handles, Header: header})
	if err == nil {
		err = f.Failure()
	}
	if err == nil {
		err = f.Read(&m)
	}
	return m, c.handles, err
}

// ping wants the plug-in to be there.
func (c *client) ping() error {
	f, err := c.call(&protocol.Frame{Kind: protocol.Ping})
	if err != nil {
		return err
	}
	return f.Failure()
}

// framesWire is the inherited socket.
type framesWire struct {
	raw    *plugins.Raw
	beside bool // gRPC, over which it was welcomed
	writer protocol.FrameWriter
}

func (w *framesWire) name() string {
	if w.beside {
		return "frames beside gRPC"
	}
	return "frames"
}

func (w *framesWire) welcome(more map[string]any) error {
	say := map[string]any{"protocol": protocol.Version, "host": "infer plugin test", "capabilities": []string{protocol.Frames, protocol.Shm}, "max_body": uint64(protocol.MaxBody)}
	for key, value := range more {
		say[key] = value
	}
	header, err := json.Marshal(say)
	if err != nil {
		return err
	}
	return w.send(&protocol.Frame{Kind: protocol.WelcomeFrame, Header: header})
}

func (w *framesWire) send(f *protocol.Frame) error {
	if err := w.raw.Frames().SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return w.writer.Write(w.raw.Frames(), f)
}

// bytes sends what may be no frame at all.
func (w *framesWire) bytes(b []byte) error {
	if err := w.raw.Frames().SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := w.raw.Frames().Write(b)
	return err
}

// share sends a MAP with its memory.
func (w *framesWire) share(f *protocol.Frame, m *protocol.Memory) error {
	if err := w.raw.Frames().SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return w.writer.WriteWithMemory(w.raw.Frames(), f, m)
}

func (w *framesWire) receive(limit time.Duration) (*protocol.Frame, error) { return w.next(limit) }

func (w *framesWire) next(limit time.Duration) (*protocol.Frame, error) {
	if err := w.raw.Frames().SetReadDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	f, err := w.raw.Reader().Next(func(*protocol.Frame) uint64 { return protocol.MaxBody })
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errNoAnswer
	case errors.Is(err, io.EOF):
		return nil, errors.New("it closed the connection")
	case err != nil:
		return nil, err
	}
	return clone(f), nil
}

func (w *framesWire) close() { w.raw.Frames().Close() }

// clone copies a frame out of its reader's memory.
func clone(f *protocol.Frame) *protocol.Frame {
	g := *f
	g.Header = bytes.Clone(f.Header)
	g.Tensors = slices.Clone(f.Tensors)
	for i := range g.Tensors {
		g.Tensors[i].Data = bytes.Clone(f.Tensors[i].Data)
	}
	return &g
}
