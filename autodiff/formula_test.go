package autodiff

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"
)

// graphText is a small formula as Encode writes it: -|x w + b|^2 cut at -100, and a constant.
const graphText = `{"format":"infer-graph","version":1,"precision":"float32","epoch":1,
"inputs":[{"name":"x","shape":[2]}],
"params":[{"name":"w","shape":[2,3]},{"name":"b","shape":[3]}],
"nodes":[
{"op":"dense","args":[0,1,2],"shape":[3]},
{"op":"dot","args":[3,3],"shape":[]},
{"op":"constant","shape":[],"data":[-1]},
{"op":"mul","args":[4,5],"shape":[]},
{"op":"constant","shape":[],"data":[-100]},
{"op":"max","args":[6,7],"shape":[]},
{"op":"constant","shape":[3],"data":[0.1,1e-300,"-Infinity"]}],
"outputs":[{"name":"logp","node":8},{"name":"scale","node":9}]}
`

func TestEncodeWritesTheSchema(t *testing.T) {
	g := NewGraph()
	x, w, b := g.Input("x", 2), g.Param("w", 2, 3), g.Param("b", 3)
	x.Exp() // not needed, not written
	y := x.Dense(w, b)
	f := Formula{
		Inputs: []Value{x}, Params: []Value{w, b}, Epoch: 1,
		Outputs: []Output{{"logp", y.Dot(y).Neg().Max(g.Scalar(-100))}, {"scale", g.Constant([]float64{0.1, 1e-300, math.Inf(-1)}, 3)}},
	}
	text, err := Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != graphText {
		t.Errorf("text\n%s\nwant\n%s", text, graphText)
	}
	d, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if d.Precision != "float32" || d.Epoch != 1 || len(d.Inputs) != 1 || len(d.Params) != 2 || d.Inputs[0].Name() != "x" || d.Params[1].Name() != "b" {
		t.Errorf("decoded %+v", d)
	}
	if v, ok := d.Output("logp"); !ok || v.String() != "max of shape []" {
		t.Errorf("output logp is %v, %v", v, ok)
	}
	if _, ok := d.Output("other"); ok || (Value{}).Name() != "" {
		t.Error("an output or a name that does not exist")
	}
}

// TestTheSchemasExample reads the text of the page that states the schema.
func TestTheSchemasExample(t *testing.T) {
	page, err := os.ReadFile("../docs/model-file.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```json\n")
	text, _, _ = strings.Cut(text, "```")
	d, err := Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Encode(*d); err != nil || string(again) != text {
		t.Errorf("%v\n%s\nis written again as\n%s", err, text, again)
	}
	for name := range written {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the page does not name the operation %s", name)
		}
	}
}

// roundTrip encodes values, decodes the text, and checks that the text of that is the same.
func roundTrip(t testing.TB, outputs, inputs, params []Value) *Formula {
	t.Helper()
	f := Formula{Inputs: inputs, Params: params, Epoch: 3, Precision: "float64"}
	for i, v := range outputs {
		f.Outputs = append(f.Outputs, Output{fmt.Sprint("y", i), v})
	}
	text, err := Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := Encode(*d)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, again) {
		t.Fatalf("text\n%s\nand of what was decoded\n%s", text, again)
	}
	return d
}

func (f *Formula) values() []Value {
	all := make([]Value, len(f.Outputs))
	for i, o := range f.Outputs {
		all[i] = o.Value
	}
	return all
}

func TestDecodedFormulasHaveTheSameBits(t *testing.T) {
	for i, f := range formulas {
		x := NewGraph().Input("x", 5)
		y := f.f(x)
		outputs := append([]Value{y}, mustGradient(t, y, x)...)
		d := roundTrip(t, outputs, []Value{x}, nil)
		at := point(rand.New(rand.NewPCG(8, uint64(i))), 5, f.low, f.high)
		want, got := one(t, outputs, x, at...), one(t, d.values(), d.Inputs[0], at...)
		for k := range want {
			for j := range want[k] {
				if math.Float64bits(want[k][j]) != math.Float64bits(got[k][j]) {
					t.Fatalf("%s: output %d, element %d is %v, decoded %v", f.name, k, j, want[k][j], got[k][j])
				}
			}
		}
	}
	for i, l := range layers {
		g := NewGraph()
		x, s := g.Input("x", 5), g.Input("s")
		y, params := l.f(g, x, s)
		for j := range params { // of one name each
			params[j].graph.nodes[params[j].id].name = fmt.Sprint("p", j)
		}
		outputs := append([]Value{y}, mustGradient(t, y, append([]Value{x}, params...)...)...)
		d := roundTrip(t, outputs, []Value{x, s}, params)
		r := rand.New(rand.NewPCG(9, uint64(i)))
		in, weights := numbers32(r, 20, []Value{x, s}), numbers32(r, 20, params)
		want, got := empty32(20, outputs), empty32(20, outputs)
		mustCompileRows(t, outputs, []Value{x, s}, params).Run(20, want, in, weights)
		mustCompileRows(t, d.values(), d.Inputs, d.Params).Run(20, got, in, weights)
		sameBits(t, l.name, got, want)
		if dy, err := Gradient(d.Outputs[0].Value, d.Inputs...); err != nil || len(dy) != 2 {
			t.Errorf("%s: a decoded formula has no gradient: %v", l.name, err)
		}
	}
}

func TestDecodedPicturesHaveTheSameBits(t *testing.T) {
	for i, l := range pictures() {
		outputs, inputs, params := l.build(t, [3]int{4, 6, 3})
		for j := range params { // of one name each
			params[j].graph.nodes[params[j].id].name = fmt.Sprint("p", j)
		}
		d := roundTrip(t, outputs, inputs, params)
		r := rand.New(rand.NewPCG(9, uint64(i)))
		in, weights := numbers32(r, 2, inputs), numbers32(r, 2, params)
		want, got := empty32(2, outputs), empty32(2, outputs)
		mustCompileRows(t, outputs, inputs, params).Run(2, want, in, weights)
		mustCompileRows(t, d.values(), d.Inputs, d.Params).Run(2, got, in, weights)
		sameBits(t, l.name, got, want)
		if _, err := Gradient(d.Outputs[0].Value, d.Inputs...); err != nil {
			t.Errorf("%s: a decoded formula has no gradient: %v", l.name, err)
		}
	}
}

func TestConstantsAreWrittenExactly(t *testing.T) {
	data := []float64{0, math.Copysign(0, -1), 0.1, -1.0 / 3, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(), 1 << 60}
	g := NewGraph()
	x := g.Input("x", len(data))
	d := roundTrip(t, []Value{x.Mul(g.Constant(data, len(data)))}, []Value{x}, nil)
	for id := range d.Inputs[0].graph.nodes {
		got, ok := Value{d.Inputs[0].graph, id}.Constant()
		for i := range got {
			if math.Float64bits(got[i]) != math.Float64bits(data[i]) && !math.IsNaN(data[i]) || math.IsNaN(data[i]) != math.IsNaN(got[i]) {
				t.Errorf("%v is read as %v, %v", data[i], got[i], ok)
			}
		}
	}
}

func TestEncodeSaysWhatIsWrong(t *testing.T) {
	g := NewGraph()
	x, w := g.Input("x", 2), g.Param("w", 2)
	y := []Output{{"y", x.Mul(w)}}
	for _, c := range []struct {
		f    Formula
		want string
	}{
		{Formula{Epoch: 1}, "encode: no outputs: give at least one value to compute"},
		{Formula{Epoch: 1, Outputs: y, Inputs: []Value{x}}, `encode: the outputs need param "w" of shape [2], which is not among the params: add it`},
		{Formula{Outputs: y, Inputs: []Value{x}, Params: []Value{w}}, "encode: epoch 0: epochs count from 1"},
		{Formula{Epoch: 1, Precision: "bfloat16", Outputs: y, Inputs: []Value{x}, Params: []Value{w}}, `encode: precision "bfloat16": it is float32 or float64`},
		{Formula{Epoch: 1, Outputs: []Output{{"", x}}, Inputs: []Value{x}}, "encode: output without a name: give each one"},
		{Formula{Epoch: 1, Outputs: []Output{{"y", x}, {"y", x}}, Inputs: []Value{x}}, `encode: output name "y" is there twice: names must differ`},
		{Formula{Epoch: 1, Outputs: []Output{{"y", x.Reshape(2, 1, 1, 1, 1, 1, 1, 1, 1)}}, Inputs: []Value{x}}, "encode: view of shape [2, 1, 1, 1, 1, 1, 1, 1, 1]: a value has at most 8 dimensions, and all values together 16777216 numbers for one particle"},
		{Formula{Epoch: 1, Outputs: y, Inputs: []Value{x, g.Input("w")}, Params: []Value{w}}, `encode: param name "w" is there twice: names must differ`},
		{Formula{Epoch: 1, Outputs: y, Inputs: []Value{x, g.Input("")}, Params: []Value{w}}, "encode: input without a name: give each one"},
		{Formula{Epoch: 1, Outputs: y, Inputs: []Value{x, g.Input("\xff")}, Params: []Value{w}}, `encode: input name "\xff": it needs valid UTF-8 of at most 256 bytes`},
	} {
		if _, err := Encode(c.f); err == nil || err.Error() != c.want {
			t.Errorf("error %q, want %q", err, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	replace := func(old, new string) string {
		if !strings.Contains(graphText, old) {
			t.Fatalf("%q is not in the text", old)
		}
		return strings.Replace(graphText, old, new, 1)
	}
	node := func(text string) string { return replace(`{"op":"dense","args":[0,1,2],"shape":[3]}`, text) }
	for _, c := range []struct{ text, want string }{
		{"", "decode: byte 0: unexpected EOF"},
		{"[]", `decode: byte 1: "[": want "{"`},
		{graphText + "{", `decode: byte 552: "{": want the end`},
		{graphText[:300], "decode: node 5: byte 300: unexpected EOF"},
		{replace("infer-graph", "onnx"), `decode: format "onnx": want "infer-graph"`},
		{replace(`"version":1`, `"version":2`), "decode: version 2 of the schema: this program reads version 1"},
		{replace(`"version":1`, `"version":1.5`), `decode: byte 37: "1.5": want a whole number of 32 bits`},
		{replace(`"version":1`, `"version":1e0`), `decode: byte 37: "1e0": want a whole number of 32 bits`},
		{replace(`"version":1`, `"Version":1`), `decode: field "Version": the fields are, in this order, ["format" "version" "precision" "epoch" "inputs" "params" "nodes" "outputs"]`},
		{replace(`"epoch":1`, `"epoch":1,"epoch":1`), `decode: field "epoch": the fields are, in this order, ["format" "version" "precision" "epoch" "inputs" "params" "nodes" "outputs"]`},
		{replace(`"epoch":1`, `"epoch":-1`), "decode: epoch -1: epochs count from 1"},
		{replace(`"float32"`, `"float16"`), `decode: precision "float16": it is float32 or float64`},
		{`{"format":"infer-graph","version":1}`, `decode: no field "precision"`},
		{replace(`"name":"x","shape":[2]`, `"name":"x","shape":[2],"shape":[2]`), `decode: input 0: field "shape" is there twice`},
		{replace(`"name":"x","shape":[2]`, `"name":"x"`), `decode: input 0: no field "shape"`},
		{replace(`"name":"x","shape":[2]`, `"name":"x","shape":[2],"op":"sin"`), `decode: input 0: field "op" does not belong there: want ["name" "shape"]`},
		{replace(`"name":"x","shape":[2]`, `"name":"x","shape":[2],"size":2`), `decode: input 0: unknown field "size"`},
		{replace(`"name":"x","shape":[2]`, `"name":"","shape":[2]`), "decode: input without a name: give each one"},
		{replace(`"name":"b"`, `"name":"w"`), `decode: param name "w" is there twice: names must differ`},
		{replace(`"name":"x","shape":[2]`, `"name":"x","shape":[4611686018427387904]`), `decode: input 0: byte 119: "4611686018427387904": want a whole number of 32 bits`},
		{replace(`"name":"x","shape":[2]`, `"name":"x","shape":[2000000000,2000000000]`), `decode: input "x": shape [2000000000, 2000000000] has more than 1048576 elements for one particle: split the value`},
		{replace(`"name":"x","shape":[2]`, `"name":"x","shape":[0]`), `decode: input "x": shape [0] has a dimension of 0: every dimension must be at least 1`},
		{replace(`"name":"x","shape":[2]`, `"name":"x","shape":[1,1,1,1,1,1,1,1,1]`), `decode: input "x": a shape of 9 dimensions: at most 8`},
		{node(`{"op":"conv3d","args":[0],"shape":[2]}`), `decode: node 3: unknown operation "conv3d"`},
		{node(`{"op":"fma","args":[0,0,0],"shape":[2]}`), `decode: node 3: unknown operation "fma"`},
		{node(`{"op":"input","name":"z","shape":[2]}`), `decode: node 3: unknown operation "input"`},
		{node(`{"op":"sin","shape":[2]}`), `decode: node 3: sin: no field "args"`},
		{node(`{"op":"sin","args":[0],"shape":[2],"from":1}`), `decode: node 3: sin: field "from" does not belong there: want ["op" "shape" "args"]`},
		{node(`{"op":"sin","args":[3],"shape":[2]}`), "decode: node 3: sin: operand 3: operands come earlier"},
		{node(`{"op":"sin","args":[-1],"shape":[2]}`), "decode: node 3: sin: operand -1: operands come earlier"},
		{node(`{"op":"sin","args":[0,0],"shape":[2]}`), "decode: node 3: sin: 2 operands"},
		{node(`{"op":"sin","args":[0],"shape":[3]}`), "decode: node 3: sin: shape [3] of operands of shapes [2]: want [2]"},
		{node(`{"op":"add","args":[0,2],"shape":[2]}`), "decode: node 3: add: operands of shapes [2], [3] do not fit"},
		{node(`{"op":"where","args":[0,0,2],"shape":[2]}`), "decode: node 3: where: operands of shapes [2], [2], [3] do not fit"},
		{node(`{"op":"dense","args":[0,1,0],"shape":[3]}`), "decode: node 3: dense: operands of shapes [2], [2, 3], [2] do not fit"},
		{node(`{"op":"dense","args":[2,1],"shape":[3]}`), "decode: node 3: dense: operands of shapes [3], [2, 3] do not fit"},
		{node(`{"op":"matMul","args":[0,1],"shape":[3]}`), "decode: node 3: matMul: operands of shapes [2], [2, 3] do not fit"},
		{node(`{"op":"dot","args":[0,2],"shape":[]}`), "decode: node 3: dot: operands of shapes [2], [3] do not fit"},
		{node(`{"op":"sum","args":[0],"shape":[1]}`), "decode: node 3: sum: shape [1] of operands of shapes [2]: want []"},
		{node(`{"op":"transpose","args":[0],"shape":[2]}`), "decode: node 3: transpose: operands of shapes [2] do not fit"},
		{node(`{"op":"view","args":[0],"shape":[2],"from":1}`), "decode: node 3: view: 2 numbers from 1 on of an operand that has 2"},
		{node(`{"op":"view","args":[0],"shape":[1],"from":-1}`), "decode: node 3: view: 1 numbers from -1 on of an operand that has 2"},
		{node(`{"op":"view","args":[0],"shape":[1],"from":2147483647}`), "decode: node 3: view: 1 numbers from 2147483647 on of an operand that has 2"},
		{node(`{"op":"gather","args":[0],"shape":[2],"indices":[0]}`), "decode: node 3: gather: 1 indices, want 2"},
		{node(`{"op":"gather","args":[0],"shape":[1],"indices":[2]}`), "decode: node 3: gather: index 2: they go from 0 to 1"},
		{node(`{"op":"scatter","args":[0],"shape":[1],"indices":[0,1]}`), "decode: node 3: scatter: index 1: they go from 0 to 0"},
		{node(`{"op":"concat","args":[0,2],"shape":[4]}`), "decode: node 3: concat: shape [4] has 4 numbers, the operands have 5"},
		{node(`{"op":"concat","args":[],"shape":[4]}`), "decode: node 3: concat: 0 operands"},
		{node(`{"op":"constant","shape":[3],"data":[1,2]}`), "decode: node 3: constant: shape [3] has 3 numbers, data has 2"},
		{node(`{"op":"constant","shape":[1],"data":[1e999]}`), `decode: node 3: byte 222: "1e999": want a number of the range of float64`},
		{node(`{"op":"constant","shape":[1],"data":["inf"]}`), `decode: node 3: byte 222: "inf": want a number, "NaN", "Infinity" or "-Infinity"`},
		{node(`{"op":"constant","shape":[1],"data":[NaN]}`), "decode: node 3: byte 217: invalid character 'N' looking for beginning of value"},
		{replace(`"args":[4,5]`, `"args":[5,5]`), "decode: node 6: mul: all operands are constants: write the constant that it is"},
		{replace(`"node":8`, `"node":-1`), `decode: output "logp" is node -1: there are 10 nodes, inputs and params included`},
		{replace(`"node":8`, `"node":10`), `decode: output "logp" is node 10: there are 10 nodes, inputs and params included`},
		{replace(`"name":"scale"`, `"name":"logp"`), `decode: output name "logp" is there twice: names must differ`},
		{replace(`{"name":"logp","node":8},{"name":"scale","node":9}`, ``), "decode: no outputs"},
	} {
		if _, err := Decode([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("error %q, want %q", err, c.want)
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	whole := len(strings.TrimSpace(graphText))
	for n := range whole {
		if _, err := Decode([]byte(graphText[:n])); err == nil {
			t.Errorf("the first %d bytes are accepted", n)
		}
	}
}

// TestDecodeAllocatesInProportion: what a text declares costs nothing, only what it holds.
func TestDecodeAllocatesInProportion(t *testing.T) {
	allocated := func(text string) (perByte float64, err error) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = Decode([]byte(text))
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / float64(len(text)), err
	}
	header := `{"format":"infer-graph","version":1,"precision":"float32","epoch":1,"inputs":[{"name":"x","shape":[1048576]}],"params":[],"nodes":[`
	end := `{"op":"abs","args":[0],"shape":[1048576]}],"outputs":[{"name":"y","node":1}]}`
	for _, c := range []struct {
		name, text string
		fails      bool
	}{
		{"large", header + end, false},
		{"numbers", header + `{"op":"constant","shape":[100000],"data":[` + strings.Repeat("0,", 99999) + "0]}," + end, false},
		{"nodes", header + strings.Repeat(`{"op":"sum","args":[0],"shape":[]},`, 10000) + end, false},
		{"constants", header + strings.Repeat(`{"op":"constant","shape":[],"data":[1]},`, 10000) + end, false},
		{"too large", header + strings.Repeat(`{"op":"scatter","args":[0],"shape":[1048576],"indices":[0]},`, 100) + end, true},
		{"too large in all", header + strings.Repeat(strings.Replace(end, `}],"outputs":[{"name":"y","node":1}]}`, "},", 1), 17) + end, true},
		{"deep", strings.Repeat("[", 1000000), true},
		{"deep in a field", header + strings.Repeat(`{"op":`, 1000000), true},
	} {
		perByte, err := allocated(c.text)
		t.Logf("%s: %.0f bytes for each of the text", c.name, perByte)
		if perByte > 200 || (err != nil) != c.fails {
			t.Errorf("%s: %.0f bytes for each of the text, error %v", c.name, perByte, err)
		}
	}
}

// seeds are the texts of layers with their gradients.
func seeds(t testing.TB) (texts [][]byte) {
	for i, l := range layers {
		g := NewGraph()
		x, s := g.Input("x", 3), g.Input("s")
		y, params := l.f(g, x, s)
		for j := range params { // of one name each
			g.nodes[params[j].id].name = fmt.Sprint("p", j)
		}
		outputs := []Output{{"y", y}}
		for j, v := range mustGradient(t, y, append([]Value{x}, params...)...) {
			outputs = append(outputs, Output{fmt.Sprint("d", j), v})
		}
		text, err := Encode(Formula{Inputs: []Value{x, s}, Params: params, Outputs: outputs, Epoch: 1})
		if err != nil {
			t.Fatal(i, err)
		}
		texts = append(texts, text)
	}
	for _, l := range pictures() {
		outputs, inputs, params := l.build(t, [3]int{2, 2, 2})
		f := Formula{Inputs: inputs, Params: params, Epoch: 1}
		for j, v := range params {
			v.graph.nodes[v.id].name = fmt.Sprint("p", j)
		}
		for j, v := range outputs {
			f.Outputs = append(f.Outputs, Output{fmt.Sprint("y", j), v})
		}
		text, err := Encode(f)
		if err != nil {
			t.Fatal(l.name, err)
		}
		texts = append(texts, text)
	}
	return texts
}

// survive checks that a text is refused, or else can be written again, means the same, and runs.
func survive(t testing.TB, text []byte) (accepted bool) {
	d, err := Decode(text)
	if err != nil {
		return false
	}
	first, err := Encode(*d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(first)
	if err != nil {
		t.Fatalf("%v\n%s", err, first)
	}
	if second, err := Encode(*again); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%v\n%s\n%s", err, first, second)
	}
	values, total := d.values(), 0
	for _, n := range values[0].graph.nodes {
		total += n.size
	}
	if total > 1<<12 {
		return true
	}
	if p, err := CompileRows(values, d.Inputs, d.Params); err == nil {
		const rows = 3
		r := rand.New(rand.NewPCG(1, 1))
		p.Run(rows, empty32(rows, values), numbers32(r, rows, d.Inputs), numbers32(r, rows, d.Params))
	}
	if p, err := Compile(values, d.Inputs); err == nil {
		in, out := make([]Array, len(d.Inputs)), make([]Array, len(values))
		for i, v := range d.Inputs {
			in[i] = Array{make([]float64, v.Size()), 1}
		}
		for i, v := range values {
			out[i] = Array{make([]float64, v.Size()), 1}
		}
		p.Run(1, out, in)
	}
	for _, v := range values {
		if len(v.Shape()) == 0 {
			if d, err := Gradient(v, append(append([]Value(nil), d.Inputs...), d.Params...)...); err == nil && len(d) > 0 {
				Compile(d, nil)
			}
		}
	}
	return true
}

// TestDamagedFormulasDoNoHarm changes numbers and operations of sound texts, which a fuzzer of bytes seldom does.
func TestDamagedFormulasDoNoHarm(t *testing.T) {
	texts := seeds(t)
	token := regexp.MustCompile(`"op":"\w+"|-?\b\d+\b`)
	var operations []string
	for name := range written {
		operations = append(operations, name)
	}
	sort.Strings(operations)
	r := rand.New(rand.NewPCG(10, 0))
	accepted := 0
	const count = 5000
	for range count {
		text := texts[r.IntN(len(texts))]
		for range 1 + r.IntN(3) {
			places := token.FindAllIndex(text, -1)
			at := places[r.IntN(len(places))]
			change := fmt.Sprint(r.IntN(20))
			if text[at[0]] == '"' {
				change = fmt.Sprintf(`"op":%q`, operations[r.IntN(len(operations))])
			} else if r.IntN(10) == 0 {
				change = fmt.Sprint(r.Int64() >> r.IntN(64))
			}
			text = slices.Concat(text[:at[0]], []byte(change), text[at[1]:])
		}
		if survive(t, text) {
			accepted++
		}
	}
	t.Logf("%d of %d accepted", accepted, count)
	if accepted < count/50 {
		t.Errorf("only %d of %d damaged texts are accepted: this tests little", accepted, count)
	}
}

// FuzzDecode: whatever the text, Decode returns, and what it accepts is sound.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(graphText))
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) { survive(t, text) })
}
