//go:build unix

package protocol

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"
)

// framesSide is the inherited socket.
type framesSide struct {
	conn     *net.UnixConn
	receiver *Receiver
	reader   *FrameReader
	writer   FrameWriter
	regions  map[uint32]*Memory
	server   Server
	limit    func(*Frame) uint64
}

// mostRegions is how many regions of shared memory a host may have.
const mostRegions = 64

// ServeFrames answers what comes over the inherited socket, until it ends or the host asks to stop. Nothing is said first: by
// frames alone, a plug-in sends HELLO and reads WELCOME before it calls this. reader and receiver have read whatever came so
// far.
func ServeFrames(ctx context.Context, s Server, conn *net.UnixConn, receiver *Receiver, reader *FrameReader) error {
	side := &framesSide{conn: conn, receiver: receiver, reader: reader, regions: map[uint32]*Memory{}, server: s}
	side.limit = func(f *Frame) uint64 {
		if f.Kind == Eval {
			return MaxBody
		}
		return 0
	}
	err := serve(ctx, s, side)
	for _, m := range side.regions {
		m.Close()
	}
	return err
}

// NewFrameReceiver is the reader of a plug-in's side of the socket.
func NewFrameReceiver(conn *net.UnixConn) (*Receiver, *FrameReader, error) {
	receiver, err := NewReceiver(conn)
	if err != nil {
		return nil, nil, err
	}
	return receiver, NewFrameReader(receiver), nil
}

func (s *framesSide) receive(i *item) error {
	if err := s.reader.Into(&i.frame, s.limit); err != nil {
		return err
	}
	if i.frame.Kind == Stop {
		return io.EOF
	}
	return nil
}

// interrupt ends a read that is under way.
func (s *framesSide) interrupt() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) }

func (s *framesSide) send(f *Frame) error { return s.writer.Write(s.conn, f) }

// other answers the frames that are no EVAL.
func (s *framesSide) other(ctx context.Context, f, reply *Frame) (bool, error) {
	switch f.Kind {
	case Ping:
	case Close:
		reply.Err = theirs(s.server.Close(ctx, f.Model))
	case OpenFrame:
		var open Open
		if err := f.Read(&open); err != nil {
			return true, err
		}
		open.Handle = f.Model
		m, err := s.server.Open(ctx, &open)
		if err != nil {
			reply.Err = theirs(err)
			return true, nil
		}
		if reply.Header, err = json.Marshal(m); err != nil {
			reply.Err = theirs(fmt.Errorf("the model cannot be described: %w", err))
		}
	case Map:
		var asked struct {
			Region uint32
			Bytes  uint64
		}
		if err := f.Read(&asked); err != nil {
			return true, err
		}
		reply.Err = theirs(s.share(asked.Region, asked.Bytes))
	default:
		return false, nil
	}
	return true, nil
}

// share maps memory that came with a MAP.
func (s *framesSide) share(region uint32, bytes uint64) error {
	file := s.receiver.File()
	if file == nil {
		return &Error{Code: Invalid, Message: "a MAP without a descriptor"}
	}
	m, err := MapMemory(file, bytes)
	if err != nil {
		file.Close()
		return &Error{Code: Unavailable, Message: err.Error()}
	}
	m.CloseFile()
	if old := s.regions[region]; old != nil {
		old.Close()
	} else if len(s.regions) == mostRegions {
		m.Close()
		return &Error{Code: Invalid, Message: "too many regions of shared memory"}
	}
	s.regions[region] = m
	return nil
}

// resolve gives the tensors of an EVAL that are in shared memory their elements.
func (s *framesSide) resolve(f *Frame) error {
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if !t.Shared {
			continue
		}
		n, _ := t.Bytes() // sound, or the frame had not been read
		m := s.regions[t.Region]
		if m == nil || t.Offset > uint64(len(m.Data)) || n > uint64(len(m.Data))-t.Offset {
			return broken("tensor %s at %d of region %d, which is not there", t, t.Offset, t.Region)
		}
		t.Data = m.Data[t.Offset : t.Offset+n]
	}
	return nil
}
