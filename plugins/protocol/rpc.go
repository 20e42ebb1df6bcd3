package protocol

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // the codec of everybody else's messages
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// codec is gRPC's for our messages; others, of the services of go-plugin, go to that of protobuf.
type codec struct{ others encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Name implements encoding.CodecV2: on the wire it is protobuf.
func (codec) Name() string { return proto.Name }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(message)
	if !ok {
		return c.others.Marshal(v)
	}
	size := m.size()
	if size == 0 {
		return mem.BufferSlice{mem.SliceBuffer(m.append(nil))}, nil
	}
	buffer := buffers.Get(size)
	*buffer = m.append((*buffer)[:0])
	return mem.BufferSlice{mem.NewBuffer(buffer, buffers)}, nil
}

// Unmarshal implements encoding.CodecV2. Tensors keep the memory of what they were read from: a Frame of a stream is
// good until the next, see [Stream].
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if s, ok := v.(*received); ok {
		s.free()
		s.buffer = data.MaterializeToBuffer(buffers)
		return s.into.parse(s.buffer.ReadOnlyData())
	}
	m, ok := v.(message)
	if !ok {
		return c.others.Unmarshal(data, v)
	}
	return m.parse(data.Materialize())
}

// received is a message to receive and the memory that its tensors are in.
type received struct {
	into   message
	buffer mem.Buffer
}

func (r *received) free() {
	if r.buffer != nil {
		r.buffer.Free()
		r.buffer = nil
	}
}

// buffers keeps the memory of messages, in sizes of powers of two.
var buffers = new(pool)

type pool struct{ sizes [40]sync.Pool }

// Get implements mem.BufferPool.
func (p *pool) Get(length int) *[]byte {
	class := classOf(length)
	if class >= len(p.sizes) {
		b := make([]byte, length)
		return &b
	}
	if b, ok := p.sizes[class].Get().(*[]byte); ok {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, 1<<class)
	return &b
}

// Put implements mem.BufferPool.
func (p *pool) Put(b *[]byte) {
	class := classOf(cap(*b))
	if class < len(p.sizes) && cap(*b) == 1<<class {
		p.sizes[class].Put(b)
	}
}

// classOf is the power of two that is not below n.
func classOf(n int) int {
	class := 8
	for class < 62 && 1<<class < n {
		class++
	}
	return class
}

// Names of the services.
const (
	pluginService = "infer.plugin.v1.Plugin"
	modelService  = "infer.plugin.v1.Model"
)

// window is what a side may send before the other has read it.
const window = 16 << 20

const bufferSize = 256 << 10 // of reads and writes of the socket

// DialOptions are the host's settings of gRPC: limits of messages and sizes of buffers.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithReadBufferSize(bufferSize), grpc.WithWriteBufferSize(bufferSize),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxBody+MaxHeader), grpc.MaxCallSendMsgSize(MaxBody+MaxHeader)),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithMaxHeaderListSize(64 << 10),
	}
}

// ServerOptions are the same for a plug-in in Go.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.ReadBufferSize(bufferSize), grpc.WriteBufferSize(bufferSize),
		grpc.MaxRecvMsgSize(MaxBody + MaxHeader), grpc.MaxSendMsgSize(MaxBody + MaxHeader),
		grpc.ForceServerCodecV2(newCodec()),
	}
}

// Client asks a plug-in over gRPC.
type Client struct {
	conn  *grpc.ClientConn
	codec grpc.CallOption
}

// NewClient asks over a connection.
func NewClient(conn *grpc.ClientConn) *Client {
	return &Client{conn, grpc.ForceCodecV2(newCodec())}
}

func (c *Client) invoke(ctx context.Context, method string, in, out message) error {
	return c.conn.Invoke(ctx, method, in, out, c.codec)
}

// Info asks what the plug-in is.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.invoke(ctx, "/"+pluginService+"/GetInfo", &getInfo{}, &info)
	return info, err
}

// Configure says what the host is.
func (c *Client) Configure(ctx context.Context, w *Welcome) error {
	var out outcome
	if err := c.invoke(ctx, "/"+pluginService+"/Configure", &configure{*w}, &out); err != nil {
		return err
	}
	return out.error()
}

func (o *outcome) error() error {
	if o.err != nil {
		return o.err
	}
	return nil
}

// Open opens a model.
func (c *Client) Open(ctx context.Context, o *Open) (*Model, error) {
	var out opened
	if err := c.invoke(ctx, "/"+modelService+"/Open", o, &out); err != nil {
		return nil, err
	}
	if out.err != nil {
		return nil, out.err
	}
	return &out.model, nil
}

// Close closes a model.
func (c *Client) Close(ctx context.Context, handle uint32) error {
	var out outcome
	if err := c.invoke(ctx, "/"+modelService+"/Close", &closing{handle}, &out); err != nil {
		return err
	}
	return out.error()
}

// Stream is a stream of evaluations.
type Stream struct {
	stream grpc.ClientStream
	frame  Frame
	in     received
}

var evalStream = grpc.StreamDesc{StreamName: "EvalStream", ServerStreams: true, ClientStreams: true}

// Stream opens a stream of evaluations, which ends with the context.
func (c *Client) Stream(ctx context.Context) (*Stream, error) {
	s, err := c.conn.NewStream(ctx, &evalStream, "/"+modelService+"/EvalStream", c.codec)
	if err != nil {
		return nil, err
	}
	out := &Stream{stream: s}
	out.in.into = answer{&out.frame}
	return out, nil
}

// Send sends an EVAL or a CANCEL, which may be changed when it returns. Sends are not for concurrent use.
func (s *Stream) Send(f *Frame) error { return s.stream.SendMsg(question{f}) }

// Next is the next REPLY. It and the memory of its tensors are overwritten by the next call.
func (s *Stream) Next() (*Frame, error) {
	if err := s.stream.RecvMsg(&s.in); err != nil {
		return nil, err
	}
	return &s.frame, nil
}

// Server is what a plug-in in Go answers over gRPC. Errors that are an [*Error] are the plug-in's words.
type Server interface {
	Info(ctx context.Context) (Info, error)
	Configure(ctx context.Context, w *Welcome) error
	Open(ctx context.Context, o *Open) (*Model, error)
	// Evaluate answers a frame: it fills in reply's tensors, for whose memory there is allocate, and the time that the model took; or
	// it returns an error.
	Evaluate(ctx context.Context, f, reply *Frame, allocate func(bytes int) []byte) *Error
	Close(ctx context.Context, handle uint32) error
}

// unary is the description of a method whose messages are of types In and Out.
func unary[In any, PIn interface {
	*In
	message
}](name string, answer func(ctx context.Context, s Server, in PIn) (message, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := PIn(new(In))
		if err := decode(in); err != nil {
			return nil, err
		}
		return answer(ctx, server.(Server), in)
	}}
}

// theirs is the plug-in's own error, or nil.
func theirs(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Code: Internal, Message: err.Error()}
}

// Register lets a server of gRPC answer.
func Register(to *grpc.Server, s Server) {
	to.RegisterService(&grpc.ServiceDesc{
		ServiceName: pluginService, HandlerType: (*Server)(nil), Metadata: "infer_plugin_v1.proto",
		Methods: []grpc.MethodDesc{
			unary("GetInfo", func(ctx context.Context, s Server, _ *getInfo) (message, error) {
				info, err := s.Info(ctx)
				return &info, err
			}),
			unary("Configure", func(ctx context.Context, s Server, in *configure) (message, error) {
				return &outcome{theirs(s.Configure(ctx, &in.Welcome))}, nil
			}),
		},
	}, s)
	to.RegisterService(&grpc.ServiceDesc{
		ServiceName: modelService, HandlerType: (*Server)(nil), Metadata: "infer_plugin_v1.proto",
		Methods: []grpc.MethodDesc{
			unary("Open", func(ctx context.Context, s Server, in *Open) (message, error) {
				m, err := s.Open(ctx, in)
				if err != nil {
					return &opened{err: theirs(err)}, nil
				}
				return &opened{model: *m}, nil
			}),
			unary("Close", func(ctx context.Context, s Server, in *closing) (message, error) {
				return &outcome{theirs(s.Close(ctx, in.handle))}, nil
			}),
			unary("Eval", func(ctx context.Context, s Server, in *single) (message, error) {
				reply := &Frame{}
				answerFrame(ctx, s, &in.frame, reply, new(arena))
				return answer{reply}, nil
			}),
		},
		Streams: []grpc.StreamDesc{{
			StreamName: "EvalStream", ServerStreams: true, ClientStreams: true,
			Handler: func(server any, stream grpc.ServerStream) error { return serveStream(server.(Server), stream) },
		}},
	}, s)
}

// single is a frame of a unary call.
type single struct{ frame Frame }

func (s *single) size() int              { return question{&s.frame}.size() }
func (s *single) append(b []byte) []byte { return question{&s.frame}.append(b) }
func (s *single) parse(b []byte) error   { return question{&s.frame}.parse(b) }

// grpcSide is a stream of evaluations to answer.
type grpcSide struct{ stream grpc.ServerStream }

func (g grpcSide) receive(i *item) error {
	i.in.into = question{&i.frame.Frame}
	return g.stream.RecvMsg(&i.in)
}

func (grpcSide) resolve(*Frame) error { return nil }

func (grpcSide) other(context.Context, *Frame, *Frame) (bool, error) { return false, nil }

func (g grpcSide) send(f *Frame) error { return g.stream.SendMsg(answer{f}) }

func serveStream(s Server, stream grpc.ServerStream) error {
	err := serve(stream.Context(), s, grpcSide{stream})
	if status.Code(err) == codes.Canceled {
		return nil
	}
	return err
}
