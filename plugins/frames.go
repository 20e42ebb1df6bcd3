//go:build unix

package plugins

import (
	"context"
	"encoding/json"
	"net"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// framesPipe is the inherited socket.
type framesPipe struct {
	conn   *net.UnixConn
	reader *protocol.FrameReader
	writer protocol.FrameWriter
}

func (p *framesPipe) write(f *protocol.Frame, memory *protocol.Memory, deadline time.Time) error {
	if err := p.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if memory != nil {
		return p.writer.WriteWithMemory(p.conn, f, memory)
	}
	return p.writer.Write(p.conn, f)
}

func (p *framesPipe) next(limit func(*protocol.Frame) uint64) (*protocol.Frame, error) {
	return p.reader.Next(limit)
}

func (p *framesPipe) close() { p.conn.Close() }

// framesLink is everything that can be asked by frames.
type framesLink struct{ *ordered }

func newFramesLink(s *session, reader *protocol.FrameReader, first *protocol.Welcome) (*framesLink, error) {
	p := &framesPipe{conn: s.process.frames, reader: reader}
	if first != nil {
		header, err := json.Marshal(first)
		if err != nil {
			return nil, err
		}
		if err := p.write(&protocol.Frame{Kind: protocol.WelcomeFrame, Header: header}, nil, time.Now().Add(s.options.StartTimeout)); err != nil {
			return nil, err
		}
	}
	return &framesLink{newOrdered(s.options, p, s.transport == ShmTransport)}, nil
}

func (l *framesLink) open(ctx context.Context, o *protocol.Open) (*protocol.Model, error) {
	header, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	opened := make(chan *protocol.Model, 1) // a reply that comes after the context's end is nobody's
	err = l.command(ctx, protocol.Frame{Kind: protocol.OpenFrame, Model: o.Handle, Header: header}, func(f *protocol.Frame) error {
		m := new(protocol.Model)
		if err := f.Read(m); err != nil {
			return err
		}
		opened <- m
		return nil
	})
	if err != nil {
		return nil, err
	}
	return <-opened, nil
}

func (l *framesLink) ping(ctx context.Context) error {
	return l.command(ctx, protocol.Frame{Kind: protocol.Ping}, nothing)
}

func (l *framesLink) stop() {
	if l.sending.TryLock() { // who cannot be written to is not asked
		_ = l.pipe.write(&protocol.Frame{Kind: protocol.Stop}, nil, time.Now().Add(100*time.Millisecond)) // the end of the socket says the same
		l.sending.Unlock()
	}
	_ = l.pipe.(*framesPipe).conn.CloseWrite()
}
