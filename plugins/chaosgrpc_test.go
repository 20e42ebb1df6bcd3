//go:build linux

package plugins_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
)

func init() {
	specialModes["grpcfault"] = func(mode string) { grpcMain(strings.TrimPrefix(mode, "grpcfault ")) }
}

// rawCodec leaves messages that are []byte as they are.
type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if b, ok := v.(*[]byte); ok {
		*b = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// grpcFaults are what a plug-in sends instead of its third reply.
var grpcFaults = map[string]struct {
	reply func(sequence uint64) []byte
	err   error
	want  string
}{
	"sequence": {reply: func(n uint64) []byte { return append([]byte{8}, protowire.AppendVarint(nil, n+1)...) }, want: "a REPLY to number 4, and number 3 is next"},
	"garbage":  {reply: func(uint64) []byte { return []byte(strings.Repeat("\xff\x03\x80", 99)) }, want: "a broken frame: protobuf"},
	"nothing":  {reply: func(uint64) []byte { return nil }, want: "a REPLY to number 0"},
	"no logp":  {reply: func(n uint64) []byte { return append([]byte{8}, protowire.AppendVarint(nil, n)...) }, want: "its reply has no logp"},
	"status":   {err: status.Error(codes.DataLoss, "the weights are gone"), want: "gRPC, DataLoss: the weights are gone"},
	"end":      {err: errors.New("EOF"), want: "gRPC, Unknown: EOF"},
}

// grpcMain is a plug-in in bare gRPC, whose log p is -1 everywhere.
func grpcMain(name string) {
	faulty := firstLife()
	text := func(b []byte, n protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
	}
	number := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	model := number(text(text(nil, 1, "flat"), 2, "density"), 3, 2)
	always := func(reply []byte) func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
		return func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in []byte
			return reply, decode(&in)
		}
	}
	serve := func(_ any, stream grpc.ServerStream) error {
		for call := uint64(1); ; call++ {
			var in []byte
			if err := stream.RecvMsg(&in); err != nil {
				return err
			}
			if fault := grpcFaults[name]; faulty && call == 3 {
				if fault.err != nil {
					return fault.err
				}
				if err := stream.SendMsg(fault.reply(call)); err != nil {
					return err
				}
				continue
			}
			values := make([]byte, 8*4)
			protocol.Put(values, protocol.Float64, []float64{-1, -1, -1, -1})
			tensor := text(number(number(text(nil, 1, "logp"), 2, 1), 3, 4), 4, string(values))
			if err := stream.SendMsg(text(number(nil, 1, call), 4, string(tensor))); err != nil {
				return err
			}
		}
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: protocol.CookieVariable, MagicCookieValue: protocol.Cookie},
		VersionedPlugins: map[int]goplugin.PluginSet{1: {"model": registering{}}},
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			s := grpc.NewServer(append(options, grpc.ForceServerCodecV2(rawCodec{encoding.GetCodecV2(proto.Name)}))...)
			s.RegisterService(&grpc.ServiceDesc{ServiceName: "infer.plugin.v1.Plugin", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{
				{MethodName: "GetInfo", Handler: always(text(text(nil, 2, "bare"), 8, string(model)))},
				{MethodName: "Configure", Handler: always(nil)},
			}}, nil)
			s.RegisterService(&grpc.ServiceDesc{ServiceName: "infer.plugin.v1.Model", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{
				{MethodName: "Open", Handler: always(text(nil, 1, string(model)))},
			}, Streams: []grpc.StreamDesc{{StreamName: "EvalStream", Handler: serve, ServerStreams: true, ClientStreams: true}}}, nil)
			return s
		},
	})
}

// registering is a plug-in of go-plugin that has registered everything before.
type registering struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (registering) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (registering) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func TestFaultsOfBareGRPC(t *testing.T) {
	warmUp(t)
	for name, fault := range grpcFaults {
		t.Run(name, func(t *testing.T) {
			for range trials(t) {
				for _, restarts := range []int{3, -1} {
					before := countResources(t)
					options, mark := chaosOptions(t, "")
					options.Set[0] = modeVariable + "=grpcfault " + name
					options.Restarts = restarts
					p := open(t, options)
					if p.Transport() != plugins.GRPCTransport {
						t.Fatalf("the transport is %s", p.Transport())
					}
					d, err := p.Density(context.Background(), "", nil)
					if err != nil {
						t.Fatal(err)
					}
					if _, ok := d.(density.Differentiable); ok {
						t.Error("it has no gradient")
					}
					logp := make([]float64, 4)
					for call := range 5 {
						err := d.LogProb(context.Background(), logp, lanes.New(4, 2))
						if restarts < 0 && call >= 2 {
							if err == nil || !strings.Contains(err.Error(), fault.want) {
								t.Errorf("call %d: %v", call, err)
							}
						} else if err != nil || logp[3] != -1 || math.IsNaN(logp[0]) {
							t.Errorf("call %d: %v, %v", call, logp, err)
						}
					}
					p.Close()
					nothingLeft(t, mark, before)
				}
			}
		})
	}
}
