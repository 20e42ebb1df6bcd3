package protocol

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The protobuf encoding of the messages, as infer_plugin_v1.proto has it. It is written by hand: the messages are few, tensors
// must not be copied more often than needed, and what is parsed has bounds of its own. A test compares it with the
// proto file.

// message is what gRPC carries.
type message interface {
	// size is at least the number of bytes that append adds.
	size() int
	append(b []byte) []byte
	// parse reads fields into a zero value. Unknown fields are ignored.
	parse(b []byte) error
}

// The messages that have no other form here.
type (
	getInfo   struct{}
	configure struct{ Welcome }
	opened    struct {
		model Model
		err   *Error
	}
	closing struct{ handle uint32 }
	outcome struct{ err *Error } // ConfigureReply, CloseReply
)

// field is one field of a message: a number, or bytes of the message itself.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64
	bytes  []byte
}

// fields calls take with each field.
func fields(b []byte, take func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return broken("protobuf: %v", protowire.ParseError(n))
		}
		b = b[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
			f.number = 0 // no field of ours
		}
		if n < 0 {
			return broken("protobuf, field %d: %v", number, protowire.ParseError(n))
		}
		b = b[n:]
		if err := take(f); err != nil {
			return err
		}
	}
	return nil
}

// is says whether a field has a number and a wire type; another type is an unknown field.
func (f *field) is(number protowire.Number, kind protowire.Type) bool {
	return f.number == number && f.kind == kind
}

const (
	varint  = protowire.VarintType
	fixed64 = protowire.Fixed64Type
	bytesOf = protowire.BytesType
)

func (f *field) text() (string, error) {
	if !utf8.Valid(f.bytes) {
		return "", broken("protobuf: field %d is no UTF-8", f.number)
	}
	return string(f.bytes), nil
}

func (f *field) integer() (int, error) {
	if f.value > math.MaxInt32 {
		return 0, broken("protobuf: field %d is %d", f.number, f.value)
	}
	return int(f.value), nil
}

func appendUint(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, varint), v)
}

func appendBool(b []byte, number protowire.Number, v bool) []byte {
	if v {
		return appendUint(b, number, 1)
	}
	return b
}

func appendText(b []byte, number protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, bytesOf), strings.ToValidUTF8(v, "?"))
}

func appendDouble(b []byte, number protowire.Number, v float64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, number, fixed64), math.Float64bits(v))
}

func appendMessage(b []byte, number protowire.Number, m message) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, bytesOf), m.append(nil))
}

func (*getInfo) size() int              { return 0 }
func (*getInfo) append(b []byte) []byte { return b }
func (*getInfo) parse(b []byte) error   { return fields(b, func(field) error { return nil }) }

func (i *Info) size() int { return 0 }

func (i *Info) append(b []byte) []byte {
	b = appendUint(b, 1, uint64(i.Protocol))
	for k, v := range []string{i.Name, i.Version, i.SDK, i.Licence, i.Build} {
		b = appendText(b, protowire.Number(2+k), v)
	}
	for _, c := range i.Capabilities {
		b = protowire.AppendString(protowire.AppendTag(b, 7, bytesOf), c)
	}
	for k := range i.Models {
		b = appendMessage(b, 8, &i.Models[k])
	}
	return b
}

func (i *Info) parse(b []byte) error {
	texts := []*string{&i.Name, &i.Version, &i.SDK, &i.Licence, &i.Build}
	return fields(b, func(f field) (err error) {
		switch {
		case f.is(1, varint):
			i.Protocol, err = f.integer()
		case f.number >= 2 && f.number <= 6 && f.kind == bytesOf:
			*texts[f.number-2], err = f.text()
		case f.is(7, bytesOf):
			if len(i.Capabilities) >= 1000 {
				return broken("more than 1000 capabilities")
			}
			var c string
			c, err = f.text()
			i.Capabilities = append(i.Capabilities, c)
		case f.is(8, bytesOf):
			if len(i.Models) >= MaxModels {
				return broken("more than %d models", MaxModels)
			}
			i.Models = append(i.Models, Model{})
			err = i.Models[len(i.Models)-1].parse(f.bytes)
		}
		return err
	})
}

func (g *Given) size() int { return 0 }
func (g *Given) append(b []byte) []byte {
	return appendUint(appendText(b, 1, g.Name), 2, uint64(g.Dim))
}

func (g *Given) parse(b []byte) error {
	return fields(b, func(f field) (err error) {
		switch {
		case f.is(1, bytesOf):
			g.Name, err = f.text()
		case f.is(2, varint):
			g.Dim, err = f.integer()
		}
		return err
	})
}

func (m *Model) size() int { return 0 }

func (m *Model) append(b []byte) []byte {
	b = appendText(b, 1, m.Name)
	for _, kind := range m.Kinds {
		b = protowire.AppendString(protowire.AppendTag(b, 2, bytesOf), kind)
	}
	b = appendUint(b, 3, uint64(m.Dim))
	b = appendBool(b, 4, m.Gradient)
	b = appendText(b, 5, m.DType)
	for _, name := range m.Names {
		b = protowire.AppendString(protowire.AppendTag(b, 6, bytesOf), strings.ToValidUTF8(name, "?"))
	}
	b = appendBool(b, 7, m.Noise)
	b = appendDouble(b, 8, m.SigmaMin)
	b = appendDouble(b, 9, m.SigmaMax)
	b = appendText(b, 10, m.ScoreParam)
	for k := range m.Given {
		b = appendMessage(b, 11, &m.Given[k])
	}
	for k, v := range []int{m.Parameters, m.MaxBatch, m.PreferredBatch, m.MaxInflight} {
		b = appendUint(b, protowire.Number(12+k), uint64(v))
	}
	b = appendBool(b, 16, m.Deterministic)
	b = appendBounds(b, 17, m.Low, math.Inf(-1))
	b = appendBounds(b, 18, m.High, math.Inf(1))
	return appendText(b, 19, m.Device)
}

// appendBounds writes a packed list; a bound that is absent is infinite.
func appendBounds(b []byte, number protowire.Number, bounds []*Bound, none float64) []byte {
	if len(bounds) == 0 {
		return b
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, number, bytesOf), uint64(8*len(bounds)))
	for _, bound := range bounds {
		v := none
		if bound != nil {
			v = float64(*bound)
		}
		b = protowire.AppendFixed64(b, math.Float64bits(v))
	}
	return b
}

// parseBounds adds a packed list or one number.
func parseBounds(bounds []*Bound, f field) ([]*Bound, error) {
	add := func(v float64) {
		var bound *Bound
		if !math.IsInf(v, 0) {
			bound = new(Bound)
			*bound = Bound(v)
		}
		bounds = append(bounds, bound)
	}
	if f.kind == fixed64 {
		add(math.Float64frombits(f.value))
		return bounds, nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeFixed64(b)
		if n < 0 {
			return nil, broken("protobuf: field %d of %d bytes is no list of numbers", f.number, len(f.bytes))
		}
		add(math.Float64frombits(v))
		b = b[n:]
	}
	return bounds, nil
}

func (m *Model) parse(b []byte) error {
	numbers := []*int{&m.Parameters, &m.MaxBatch, &m.PreferredBatch, &m.MaxInflight}
	return fields(b, func(f field) (err error) {
		var text string
		switch {
		case f.is(1, bytesOf):
			m.Name, err = f.text()
		case f.is(2, bytesOf):
			text, err = f.text()
			m.Kinds = append(m.Kinds, text)
		case f.is(3, varint):
			m.Dim, err = f.integer()
		case f.is(4, varint):
			m.Gradient = f.value != 0
		case f.is(5, bytesOf):
			m.DType, err = f.text()
		case f.is(6, bytesOf):
			text, err = f.text()
			m.Names = append(m.Names, text)
		case f.is(7, varint):
			m.Noise = f.value != 0
		case f.is(8, fixed64):
			m.SigmaMin = math.Float64frombits(f.value)
		case f.is(9, fixed64):
			m.SigmaMax = math.Float64frombits(f.value)
		case f.is(10, bytesOf):
			m.ScoreParam, err = f.text()
		case f.is(11, bytesOf):
			m.Given = append(m.Given, Given{})
			err = m.Given[len(m.Given)-1].parse(f.bytes)
		case f.number >= 12 && f.number <= 15 && f.kind == varint:
			*numbers[f.number-12], err = f.integer()
		case f.is(16, varint):
			m.Deterministic = f.value != 0
		case f.number == 17 && f.kind != varint:
			m.Low, err = parseBounds(m.Low, f)
		case f.number == 18 && f.kind != varint:
			m.High, err = parseBounds(m.High, f)
		case f.is(19, bytesOf):
			m.Device, err = f.text()
		}
		return err
	})
}

func (e *Error) size() int { return 0 }
func (e *Error) append(b []byte) []byte {
	return appendText(appendText(appendText(b, 1, e.Code), 2, e.Message), 3, e.Hint)
}

func (e *Error) parse(b []byte) error {
	texts := []*string{&e.Code, &e.Message, &e.Hint}
	return fields(b, func(f field) (err error) {
		if f.number >= 1 && f.number <= 3 && f.kind == bytesOf {
			*texts[f.number-1], err = f.text()
		}
		return err
	})
}

func (c *configure) size() int { return 0 }

func (c *configure) append(b []byte) []byte {
	b = appendText(appendUint(b, 1, uint64(c.Protocol)), 2, c.Host)
	for _, capability := range c.Capabilities {
		b = protowire.AppendString(protowire.AppendTag(b, 3, bytesOf), capability)
	}
	return appendUint(b, 4, c.MaxBody)
}

func (c *configure) parse(b []byte) error {
	return fields(b, func(f field) (err error) {
		switch {
		case f.is(1, varint):
			c.Protocol, err = f.integer()
		case f.is(2, bytesOf):
			c.Host, err = f.text()
		case f.is(3, bytesOf):
			var capability string
			capability, err = f.text()
			c.Capabilities = append(c.Capabilities, capability)
		case f.is(4, varint):
			c.MaxBody = f.value
		}
		return err
	})
}

func (o *outcome) size() int { return 0 }

func (o *outcome) append(b []byte) []byte {
	if o.err == nil {
		return b
	}
	return appendMessage(b, 1, o.err)
}

func (o *outcome) parse(b []byte) error {
	return fields(b, func(f field) error {
		if f.is(1, bytesOf) {
			o.err = new(Error)
			return o.err.parse(f.bytes)
		}
		return nil
	})
}

func (o *Open) size() int { return 0 }

func (o *Open) append(b []byte) []byte {
	return appendText(appendText(appendUint(b, 1, uint64(o.Handle)), 2, o.Model), 3, string(o.Config))
}

func (o *Open) parse(b []byte) error {
	return fields(b, func(f field) (err error) {
		switch {
		case f.is(1, varint):
			o.Handle = uint32(f.value)
		case f.is(2, bytesOf):
			o.Model, err = f.text()
		case f.is(3, bytesOf):
			o.Config = json.RawMessage(append([]byte(nil), f.bytes...))
		}
		return err
	})
}

func (o *opened) size() int { return 0 }

func (o *opened) append(b []byte) []byte {
	if o.err != nil {
		return appendMessage(b, 2, o.err)
	}
	return appendMessage(b, 1, &o.model)
}

func (o *opened) parse(b []byte) error {
	return fields(b, func(f field) error {
		switch {
		case f.is(1, bytesOf):
			return o.model.parse(f.bytes)
		case f.is(2, bytesOf):
			o.err = new(Error)
			return o.err.parse(f.bytes)
		}
		return nil
	})
}

func (c *closing) size() int              { return 0 }
func (c *closing) append(b []byte) []byte { return appendUint(b, 1, uint64(c.handle)) }

func (c *closing) parse(b []byte) error {
	return fields(b, func(f field) error {
		if f.is(1, varint) {
			c.handle = uint32(f.value)
		}
		return nil
	})
}

// tensorSize is the size of a Tensor as a field of a message.
func tensorSize(t *Tensor) (content, whole int) {
	content = sizeText(1, t.Name) + protowire.SizeTag(2) + protowire.SizeVarint(uint64(t.DType))
	if t.Rank > 0 {
		shape := shapeSize(t)
		content += protowire.SizeTag(3) + protowire.SizeVarint(uint64(shape)) + shape
	}
	content += protowire.SizeTag(4) + protowire.SizeBytes(len(t.Data))
	return content, protowire.SizeTag(7) + protowire.SizeBytes(content)
}

func sizeText(number protowire.Number, v string) int {
	if v == "" {
		return 0
	}
	return protowire.SizeTag(number) + protowire.SizeBytes(len(v))
}

func shapeSize(t *Tensor) int {
	n := 0
	for _, k := range t.Shape[:t.Rank] {
		n += protowire.SizeVarint(k)
	}
	return n
}

func appendTensor(b []byte, number protowire.Number, t *Tensor) []byte {
	content, _ := tensorSize(t)
	b = protowire.AppendVarint(protowire.AppendTag(b, number, bytesOf), uint64(content))
	if t.Name != "" {
		b = protowire.AppendString(protowire.AppendTag(b, 1, bytesOf), t.Name)
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, varint), uint64(t.DType))
	if t.Rank > 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 3, bytesOf), uint64(shapeSize(t)))
		for _, k := range t.Shape[:t.Rank] {
			b = protowire.AppendVarint(b, k)
		}
	}
	return protowire.AppendBytes(protowire.AppendTag(b, 4, bytesOf), t.Data)
}

// parse reads a tensor, whose Data is part of b.
func (t *Tensor) parse(b []byte) error {
	axis := func(n uint64) error {
		if t.Rank == MaxRank {
			return broken("a tensor of more than %d axes", MaxRank)
		}
		t.Shape[t.Rank] = n
		t.Rank++
		return nil
	}
	err := fields(b, func(f field) error {
		switch {
		case f.is(1, bytesOf):
			name := f.bytes
			t.Name = nameOf(name[:min(len(name), 64)])
		case f.is(2, varint):
			t.DType = DType(min(f.value, 255))
		case f.is(3, bytesOf):
			for rest := f.bytes; len(rest) > 0; {
				k, n := protowire.ConsumeVarint(rest)
				if n < 0 {
					return broken("protobuf: a shape: %v", protowire.ParseError(n))
				}
				if err := axis(k); err != nil {
					return err
				}
				rest = rest[n:]
			}
		case f.is(3, varint):
			return axis(f.value)
		case f.is(4, bytesOf):
			t.Data = f.bytes
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n, ok := t.Bytes(); !ok || n != uint64(len(t.Data)) {
		return broken("tensor %s of %d bytes", t, len(t.Data))
	}
	return nil
}

// question is EvalRequest and answer EvalReply; both are frames.
type (
	question struct{ *Frame }
	answer   struct{ *Frame }
)

func tensorsSize(tensors []Tensor) int {
	n := 0
	for i := range tensors {
		_, whole := tensorSize(&tensors[i])
		n += whole
	}
	return n
}

const mostOfNumbers = 8 * 11 // bytes of the other fields

func (q question) size() int { return mostOfNumbers + tensorsSize(q.Tensors) }

func (q question) append(b []byte) []byte {
	for k, v := range [...]uint64{q.Sequence, uint64(q.Model), uint64(q.Want), q.Time, q.Seed, q.First} {
		b = appendUint(b, protowire.Number(1+k), v)
	}
	for i := range q.Tensors {
		b = appendTensor(b, 7, &q.Tensors[i])
	}
	return appendBool(b, 8, q.Kind == Cancel)
}

func (q question) parse(b []byte) error {
	f := q.Frame
	*f = Frame{Kind: Eval, Tensors: f.Tensors[:0]}
	return fields(b, func(field field) error {
		switch {
		case field.is(1, varint):
			f.Sequence = field.value
		case field.is(2, varint):
			f.Model = uint32(field.value)
		case field.is(3, varint):
			f.Want = Want(field.value)
		case field.is(4, varint):
			f.Time = field.value
		case field.is(5, varint):
			f.Seed = field.value
		case field.is(6, varint):
			f.First = field.value
		case field.is(7, bytesOf):
			return f.addTensor(field.bytes)
		case field.is(8, varint) && field.value != 0:
			f.Kind = Cancel
		}
		return nil
	})
}

func (f *Frame) addTensor(b []byte) error {
	if len(f.Tensors) == MaxTensors {
		return broken("more than %d tensors", MaxTensors)
	}
	f.Tensors = append(f.Tensors, Tensor{})
	return f.Tensors[len(f.Tensors)-1].parse(b)
}

func (a answer) size() int {
	n := mostOfNumbers + tensorsSize(a.Tensors)
	if a.Err != nil {
		n += len(a.Err.Message) + len(a.Err.Hint) + len(a.Err.Code)
	}
	return n
}

func (a answer) append(b []byte) []byte {
	b = appendUint(appendUint(b, 1, a.Sequence), 2, a.Time)
	if a.Err != nil {
		b = appendMessage(b, 3, a.Err)
	}
	for i := range a.Tensors {
		b = appendTensor(b, 4, &a.Tensors[i])
	}
	return b
}

func (a answer) parse(b []byte) error {
	f := a.Frame
	*f = Frame{Kind: Reply, Tensors: f.Tensors[:0]}
	return fields(b, func(field field) error {
		switch {
		case field.is(1, varint):
			f.Sequence = field.value
		case field.is(2, varint):
			f.Time = field.value
		case field.is(3, bytesOf):
			f.Err = new(Error)
			return f.Err.parse(field.bytes)
		case field.is(4, bytesOf):
			return f.addTensor(field.bytes)
		}
		return nil
	})
}

var (
	_ message = question{}
	_ message = answer{}
)
