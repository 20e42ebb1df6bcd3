package protocol

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Kind is what a frame is.
type Kind uint8

// The kinds of frames.
const (
	Hello Kind = 1 + iota
	WelcomeFrame
	OpenFrame
	Eval
	Reply
	Close
	Cancel
	Map
	Ping
	Stop
)

var kindNames = [...]string{"", "HELLO", "WELCOME", "OPEN", "EVAL", "REPLY", "CLOSE", "CANCEL", "MAP", "PING", "STOP"}

// String is the kind's name in frames.md.
func (k Kind) String() string {
	if k > 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Sizes of the parts of a frame.
const (
	PrefixSize = 40
	EntrySize  = 64
	magic      = 'I' | 'N'<<8 | 'F'<<16 | '1'<<24
)

// Frame is one message of the frames encoding.
type Frame struct {
	Kind     Kind
	Want     Want
	Sequence uint64
	Model    uint32
	Time     uint64 // nanoseconds: left until the deadline, or computed
	Header   []byte // JSON, or empty; of SIMULATE written from the next two
	Seed     uint64 // of SIMULATE
	First    uint64 // of SIMULATE: the number of row 0
	Tensors  []Tensor
	Err      *Error // of REPLY: instead of an answer; in frames it is the header
}

// ErrFrame is wrapped by every error of a frame that is not as it has to be; the connection is of no use after it.
var ErrFrame = errors.New("a broken frame")

func broken(format string, arguments ...any) error {
	return fmt.Errorf("%w: %s", ErrFrame, fmt.Sprintf(format, arguments...))
}

// Read decodes the header.
func (f *Frame) Read(into any) error {
	if len(f.Header) == 0 {
		return nil
	}
	if err := json.Unmarshal(f.Header, into); err != nil {
		return broken("the header of a %s is no such JSON object: %v", f.Kind, err)
	}
	return nil
}

// Failure is the error that a REPLY brings, if it brings one.
func (f *Frame) Failure() error {
	if f.Err != nil {
		return f.Err
	}
	if len(f.Header) == 0 {
		return nil
	}
	var header struct {
		Error *Error `json:"error"`
	}
	if err := f.Read(&header); err != nil {
		return err
	}
	if header.Error != nil {
		return header.Error
	}
	return nil
}

const alignment = 8

func pad(n uint64) uint64 { return (n + alignment - 1) &^ uint64(alignment-1) }

var zeros [alignment]byte

// FrameWriter writes frames. It keeps the memory it needs; it is not for concurrent use.
type FrameWriter struct {
	head  []byte
	parts net.Buffers
	left  net.Buffers

	simulate []byte
}

// encode is the prefix, header and table of a frame, and the parts of the body, in memory that the next call uses again.
func (w *FrameWriter) encode(f *Frame) (net.Buffers, error) {
	if len(f.Tensors) > MaxTensors || len(f.Header) > MaxHeader {
		return nil, fmt.Errorf("a %s of %d tensors and a header of %d bytes: at most %d, and %d bytes", f.Kind, len(f.Tensors), len(f.Header), MaxTensors, MaxHeader)
	}
	header := f.Header
	if f.Kind == Eval && f.Want&Simulate != 0 {
		w.simulate = fmt.Appendf(w.simulate[:0], `{"seed":%d,"first":%d}`, f.Seed, f.First)
		header = w.simulate
	}
	if f.Err != nil {
		header = errorHeader(f.Err)
	}
	size := PrefixSize + len(header) + EntrySize*len(f.Tensors)
	if cap(w.head) < size {
		w.head = make([]byte, size)
	}
	head := w.head[:size]
	w.parts = append(w.parts[:0], head)
	body := uint64(0)
	at := head[PrefixSize+copy(head[PrefixSize:], header):]
	for i := range f.Tensors {
		t := &f.Tensors[i]
		offset := t.Offset
		if !t.Shared {
			offset = body
			n := uint64(len(t.Data))
			if want, ok := t.Bytes(); !ok || want != n {
				return nil, fmt.Errorf("tensor %s of %d bytes", t, n)
			}
			w.parts = append(w.parts, t.Data)
			if rest := pad(n) - n; rest > 0 {
				w.parts = append(w.parts, zeros[:rest])
			}
			body += pad(n)
		}
		putEntry(at[i*EntrySize:(i+1)*EntrySize], t, offset)
	}
	little := binary.LittleEndian
	little.PutUint32(head, magic)
	head[4], head[5] = byte(f.Kind), byte(len(f.Tensors))
	little.PutUint16(head[6:], uint16(f.Want))
	little.PutUint64(head[8:], f.Sequence)
	little.PutUint32(head[16:], f.Model)
	little.PutUint32(head[20:], uint32(len(header)))
	little.PutUint64(head[24:], body)
	little.PutUint64(head[32:], f.Time)
	return w.parts, nil
}

func putEntry(b []byte, t *Tensor, offset uint64) {
	clear(b)
	copy(b[:MaxName], t.Name)
	b[16], b[17] = byte(t.DType), t.Rank
	if t.Shared {
		b[18] = 1
	}
	if t.Room {
		b[19] = 1
	}
	little := binary.LittleEndian
	little.PutUint32(b[20:], t.Region)
	little.PutUint64(b[24:], offset)
	for j, n := range t.Shape {
		little.PutUint64(b[32+8*j:], n)
	}
}

// Write writes a frame. The elements of tensors that are not shared go into the body.
func (w *FrameWriter) Write(to io.Writer, f *Frame) error {
	parts, err := w.encode(f)
	if err != nil {
		return err
	}
	if len(parts) == 1 {
		_, err := to.Write(parts[0])
		return err
	}
	w.left = parts
	_, err = w.left.WriteTo(to)
	return err
}

// FrameReader reads frames. It keeps the memory it needs; it is not for concurrent use.
type FrameReader struct {
	from   *bufio.Reader
	prefix [PrefixSize]byte
	own    FrameBuffer
}

// FrameBuffer is a frame that was read and the memory it is in.
type FrameBuffer struct {
	Frame
	table []byte
	body  []byte
}

// NewFrameReader reads frames from a connection.
func NewFrameReader(from io.Reader) *FrameReader {
	return &FrameReader{from: bufio.NewReaderSize(from, 16<<10)}
}

// Next reads a frame whose body is no longer than limit says for its prefix. The frame and all it holds are overwritten by the
// next call. The error at a clean end is io.EOF.
func (r *FrameReader) Next(limit func(*Frame) uint64) (*Frame, error) {
	if err := r.Into(&r.own, limit); err != nil {
		return nil, err
	}
	return &r.own.Frame, nil
}

// Into is Next for memory of the caller's.
func (r *FrameReader) Into(into *FrameBuffer, limit func(*Frame) uint64) error {
	if n, err := io.ReadFull(r.from, r.prefix[:]); err != nil {
		if n > 0 && errors.Is(err, io.ErrUnexpectedEOF) {
			return broken("the connection ended after %d bytes of a prefix", n)
		}
		return err
	}
	little, p, f := binary.LittleEndian, r.prefix[:], &into.Frame
	if little.Uint32(p) != magic {
		return broken("it begins with %q and not with %q", p[:4], "INF1")
	}
	f.Kind, f.Want = Kind(p[4]), Want(little.Uint16(p[6:]))
	f.Sequence, f.Model, f.Time = little.Uint64(p[8:]), little.Uint32(p[16:]), little.Uint64(p[32:])
	tensors, header, body := int(p[5]), little.Uint32(p[20:]), little.Uint64(p[24:])
	if f.Kind == 0 || int(f.Kind) >= len(kindNames) {
		return broken("it is of kind %d, which is not known", p[4])
	}
	if tensors > MaxTensors || header > MaxHeader {
		return broken("a %s of %d tensors and a header of %d bytes: at most %d, and %d bytes", f.Kind, tensors, header, MaxTensors, MaxHeader)
	}
	if most := limit(f); body > most {
		return broken("a %s with a body of %d bytes: at most %d belong to it", f.Kind, body, most)
	}
	var err error
	if f.Header, err = r.read(f.Header, uint64(header)); err != nil {
		return err
	}
	if into.table, err = r.read(into.table, uint64(tensors*EntrySize)); err != nil {
		return err
	}
	if cap(f.Tensors) < tensors {
		f.Tensors = make([]Tensor, tensors)
	}
	f.Tensors = f.Tensors[:tensors]
	for i := range f.Tensors {
		if err := f.Tensors[i].entry(into.table[i*EntrySize:(i+1)*EntrySize], body); err != nil {
			return err
		}
	}
	f.Seed, f.First = 0, 0
	if f.Kind == Eval && f.Want&Simulate != 0 {
		var numbers struct{ Seed, First uint64 }
		if err := f.Read(&numbers); err != nil {
			return err
		}
		f.Seed, f.First = numbers.Seed, numbers.First
	}
	if into.body, err = r.read(into.body, body); err != nil {
		return err
	}
	for i := range f.Tensors {
		if t := &f.Tensors[i]; !t.Shared {
			n, _ := t.Bytes()
			t.Data = into.body[t.Offset : t.Offset+n]
		}
	}
	return nil
}

// read fills memory of n bytes, which it takes as it arrives: what is only declared allocates little.
func (r *FrameReader) read(into []byte, n uint64) ([]byte, error) {
	const step = 1 << 20
	if uint64(cap(into)) >= n {
		into = into[:n]
		_, err := io.ReadFull(r.from, into)
		return into, ended(err)
	}
	into = into[:0]
	for uint64(len(into)) < n {
		have := uint64(len(into))
		next := min(n, max(2*have, step))
		grown := make([]byte, next)
		copy(grown, into)
		into = grown
		if _, err := io.ReadFull(r.from, into[have:]); err != nil {
			return into[:0], ended(err)
		}
	}
	return into, nil
}

func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("the connection ended in the middle of it")
	}
	return err
}

// entry decodes an entry of the table of a frame that has a body of so many bytes.
func (t *Tensor) entry(b []byte, body uint64) error {
	little := binary.LittleEndian
	*t = Tensor{
		Name: nameOf(b[:MaxName]), DType: DType(b[16]), Rank: b[17], Shared: b[18] == 1, Room: b[19] == 1,
		Region: little.Uint32(b[20:]), Offset: little.Uint64(b[24:]),
	}
	for j := range t.Shape {
		t.Shape[j] = little.Uint64(b[32+8*j:])
	}
	n, ok := t.Bytes()
	if !ok || b[18] > 1 || b[19] > 1 || t.Offset%alignment != 0 {
		return broken("a tensor of dtype %d, rank %d, place %d, shape %v at %d", b[16], b[17], b[18], t.Shape, t.Offset)
	}
	if !t.Shared && (t.Offset > body || n > body-t.Offset) {
		return broken("tensor %s of %d bytes at %d, and the body has %d", t, n, t.Offset, body)
	}
	return nil
}

// nameOf is the name in an entry, without allocation where it is one of the protocol's.
func nameOf(b []byte) string {
	n := 0
	for n < len(b) && b[n] != 0 {
		n++
	}
	switch string(b[:n]) {
	case NameX:
		return NameX
	case NameSigma:
		return NameSigma
	case NameLogP:
		return NameLogP
	case NameGrad:
		return NameGrad
	case NameScore:
		return NameScore
	case NameDraw:
		return NameDraw
	case NameStatus:
		return NameStatus
	}
	return strings.ToValidUTF8(string(b[:n]), "?")
}

// errorHeader is the header of a REPLY that is an error.
func errorHeader(e *Error) []byte {
	clipped := *e
	const most = 64 << 10
	if len(clipped.Message) > most {
		clipped.Message = clipped.Message[:most] + "..."
	}
	header, err := json.Marshal(struct {
		Error *Error `json:"error"`
	}{&clipped})
	if err != nil {
		return []byte(`{"error":{"code":"internal","message":"an error that cannot be written"}}`)
	}
	return header
}
