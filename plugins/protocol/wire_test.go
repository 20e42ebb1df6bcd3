package protocol

import (
	"math"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// protoFile reads infer_plugin_v1.proto, which uses little of the language.
func protoFile(t *testing.T) protoreflect.FileDescriptor {
	t.Helper()
	text, err := os.ReadFile("infer_plugin_v1.proto")
	if err != nil {
		t.Fatal(err)
	}
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("infer_plugin_v1.proto"), Package: proto.String("infer.plugin.v1"), Syntax: proto.String("proto3")}
	scalars := map[string]descriptorpb.FieldDescriptorProto_Type{
		"string": descriptorpb.FieldDescriptorProto_TYPE_STRING, "bytes": descriptorpb.FieldDescriptorProto_TYPE_BYTES, "bool": descriptorpb.FieldDescriptorProto_TYPE_BOOL,
		"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32, "uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64, "double": descriptorpb.FieldDescriptorProto_TYPE_DOUBLE,
	}
	var message *descriptorpb.DescriptorProto
	var enum *descriptorpb.EnumDescriptorProto
	var service *descriptorpb.ServiceDescriptorProto
	rules := map[string]*regexp.Regexp{
		"open":  regexp.MustCompile(`^(message|enum|service) (\w+) \{(\})?$`),
		"field": regexp.MustCompile(`^(repeated )?(\w+) (\w+) = (\d+);$`),
		"value": regexp.MustCompile(`^(\w+) = (\d+);$`),
		"rpc":   regexp.MustCompile(`^rpc (\w+)\((stream )?(\w+)\) returns \((stream )?(\w+)\);$`),
	}
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "syntax") || strings.HasPrefix(line, "package") || strings.HasPrefix(line, "option") {
			continue
		}
		if m := rules["open"].FindStringSubmatch(line); m != nil {
			switch m[1] {
			case "message":
				message = &descriptorpb.DescriptorProto{Name: &m[2]}
				file.MessageType = append(file.MessageType, message)
			case "enum":
				enum = &descriptorpb.EnumDescriptorProto{Name: &m[2]}
				message.EnumType = append(message.EnumType, enum)
			case "service":
				service = &descriptorpb.ServiceDescriptorProto{Name: &m[2]}
				file.Service = append(file.Service, service)
			}
		} else if line == "}" {
			if enum == nil {
				service = nil
			}
			enum = nil
		} else if m := rules["rpc"].FindStringSubmatch(line); m != nil {
			service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
				Name: &m[1], InputType: proto.String(".infer.plugin.v1." + m[3]), OutputType: proto.String(".infer.plugin.v1." + m[5]),
				ClientStreaming: proto.Bool(m[2] != ""), ServerStreaming: proto.Bool(m[4] != ""),
			})
		} else if m := rules["value"].FindStringSubmatch(line); m != nil && enum != nil {
			n, _ := strconv.Atoi(m[2])
			enum.Value = append(enum.Value, &descriptorpb.EnumValueDescriptorProto{Name: &m[1], Number: proto.Int32(int32(n))})
		} else if m := rules["field"].FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[4])
			label := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
			if m[1] != "" {
				label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
			}
			field := &descriptorpb.FieldDescriptorProto{Name: &m[3], Number: proto.Int32(int32(n)), Label: &label}
			if kind, ok := scalars[m[2]]; ok {
				field.Type = &kind
			} else if m[2] == "DType" {
				field.Type, field.TypeName = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), proto.String(".infer.plugin.v1.Tensor.DType")
			} else {
				field.Type, field.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".infer.plugin.v1."+m[2])
			}
			message.Field = append(message.Field, field)
		} else {
			t.Fatalf("what is %q?", line)
		}
	}
	d, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func full() (bound Bound, tensor Tensor, model Model) {
	bound = -1.5
	tensor = Of("x", Float64, 2, 3)
	tensor.Data = make([]byte, 48)
	for i := range tensor.Data {
		tensor.Data[i] = byte(i)
	}
	model = Model{
		Name: "m", Kinds: []string{"density", "score"}, Dim: 2, Gradient: true, DType: "float32", Names: []string{"a", "b"}, Noise: true,
		SigmaMin: 0.25, SigmaMax: 80, ScoreParam: "eps", Given: []Given{{"label", 10}}, Parameters: 3, MaxBatch: 100, PreferredBatch: 50,
		MaxInflight: 4, Deterministic: true, Low: []*Bound{&bound, nil}, High: []*Bound{nil, &bound}, Device: "cpu",
	}
	return bound, tensor, model
}

// TestMessagesAreThoseOfTheProtoFile sends every message, with every field, through protobuf's own code and back.
func TestMessagesAreThoseOfTheProtoFile(t *testing.T) {
	file := protoFile(t)
	_, tensor, model := full()
	failure := &Error{Code: "invalid", Message: "no", Hint: "yes"}
	info := &Info{Protocol: 1, Name: "p", Version: "1", SDK: "go", Licence: "MIT", Build: "abc", Capabilities: []string{"shm", "frames"}, Models: []Model{model, {Name: "n"}}}
	ask := &Frame{Kind: Eval, Sequence: 1 << 60, Model: 7, Want: 3, Time: 9, Seed: math.MaxUint64, First: 5, Tensors: []Tensor{tensor, Of("empty", Uint8, 0)}}
	cancel := &Frame{Kind: Cancel, Sequence: 3, Tensors: []Tensor{}}
	reply := &Frame{Kind: Reply, Sequence: 2, Time: 11, Err: failure, Tensors: []Tensor{tensor}}
	for _, c := range []struct {
		name    string
		message message
		empty   message
		fields  int // that are set
	}{
		{"GetInfoRequest", &getInfo{}, &getInfo{}, 0},
		{"Info", info, &Info{}, 8},
		{"ModelInfo", &model, &Model{}, 19},
		{"Given", &Given{"label", 3}, &Given{}, 2},
		{"ConfigureRequest", &configure{Welcome{1, "infer", []string{"shm"}, 1 << 40}}, &configure{}, 4},
		{"ConfigureReply", &outcome{failure}, &outcome{}, 1},
		{"OpenRequest", &Open{3, "m", []byte(`{"a":1}`)}, &Open{}, 3},
		{"OpenReply", &opened{model: model}, &opened{}, 1},
		{"OpenReply", &opened{err: failure}, &opened{}, 1},
		{"CloseRequest", &closing{9}, &closing{}, 1},
		{"CloseReply", &outcome{failure}, &outcome{}, 1},
		{"EvalRequest", question{ask}, question{&Frame{}}, 7},
		{"EvalRequest", question{cancel}, question{&Frame{Tensors: []Tensor{}}}, 2},
		{"EvalReply", answer{reply}, answer{&Frame{}}, 4},
		{"Error", failure, &Error{}, 3},
	} {
		descriptor := file.Messages().ByName(protoreflect.Name(c.name))
		if descriptor == nil {
			t.Fatalf("there is no %s in the proto file", c.name)
		}
		bytes := c.message.append(nil)
		if size := c.message.size(); size != 0 && size < len(bytes) {
			t.Errorf("%s: %d bytes, and the size is %d", c.name, len(bytes), size)
		}
		dynamic := dynamicpb.NewMessage(descriptor)
		if err := proto.Unmarshal(bytes, dynamic); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		set := 0
		var count func(m protoreflect.Message)
		count = func(m protoreflect.Message) {
			if len(m.GetUnknown()) > 0 {
				t.Errorf("%s: it has fields that the proto file has not", c.name)
			}
			m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
				if f.Message() != nil {
					if f.IsList() {
						for i := range v.List().Len() {
							count(v.List().Get(i).Message())
						}
					} else {
						count(v.Message())
					}
				}
				return true
			})
		}
		count(dynamic)
		dynamic.Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool { set++; return true })
		if set != c.fields {
			t.Errorf("%s: %d fields are set, and %d were meant", c.name, set, c.fields)
		}
		again, err := proto.Marshal(dynamic)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.empty.parse(again); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !reflect.DeepEqual(c.empty, c.message) {
			t.Errorf("%s: %+v came back as %+v", c.name, c.message, c.empty)
		}
		// A cut message is an error or a shorter message, and no panic.
		for n := range bytes {
			switch m := c.empty.(type) {
			case question:
				*m.Frame = Frame{}
			case answer:
				*m.Frame = Frame{}
			}
			_ = c.empty.parse(bytes[:n])
		}
	}
	// A field of a minor version to come is no matter.
	later := append((&Given{"label", 3}).append(nil), 0xfa, 0x3f, 2, 'h', 'i')
	var given Given
	if err := given.parse(later); err != nil || given != (Given{"label", 3}) {
		t.Errorf("with an unknown field: %+v, %v", given, err)
	}
}

func TestServicesAreThoseOfTheProtoFile(t *testing.T) {
	file := protoFile(t)
	var got []string
	for i := range file.Services().Len() {
		s := file.Services().Get(i)
		for k := range s.Methods().Len() {
			m := s.Methods().Get(k)
			got = append(got, "/"+string(s.FullName())+"/"+string(m.Name()))
			if m.IsStreamingClient() != (m.Name() == "EvalStream") {
				t.Errorf("%s streams, or does not", m.FullName())
			}
		}
	}
	want := []string{
		"/" + pluginService + "/GetInfo", "/" + pluginService + "/Configure",
		"/" + modelService + "/Open", "/" + modelService + "/Eval", "/" + modelService + "/EvalStream", "/" + modelService + "/Close",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the file has %v, the code %v", got, want)
	}
}
