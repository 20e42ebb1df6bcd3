package autodiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Formula is a graph with names for what goes in and comes out: what a model file holds. Docs/model-file.md describes the
// text of one.
type Formula struct {
	Inputs, Params []Value // as made by Graph.Input and Graph.Param; their names differ
	Outputs        []Output
	Precision      string // of the numbers it is meant to be computed with: float32, which "" means too, or float64
	Epoch          int    // of reproducibility, at least 1: see docs/compatibility.md
}

// Output is a named value of a formula.
type Output struct {
	Name  string
	Value Value
}

// Name is the name of an input or parameter, "" for other values.
func (v Value) Name() string {
	if v.graph == nil {
		return ""
	}
	return v.graph.nodes[v.id].name
}

// Output is the output of a name, if there is one.
func (f *Formula) Output(name string) (Value, bool) {
	for _, o := range f.Outputs {
		if o.Name == name {
			return o.Value, true
		}
	}
	return Value{}, false
}

// The text says what it is and in which version of the schema.
const (
	formulaFormat  = "infer-graph"
	formulaVersion = 1
	longestName    = 256
	mostDimensions = 8
	mostNumbers    = 1 << 24 // of all values of a formula, for one particle
)

// written are the operations of a formula's text, by name.
var written = func() map[string]operation {
	names := map[string]operation{}
	for op := opConstant; op <= opSumParticles; op++ {
		switch op {
		case opNeg, opFMA, opELU, opSiLU, opELUGradient, opSiLUGradient: // those are in programs only
		default:
			names[op.String()] = op
		}
	}
	return names
}()

// Encode writes a formula as JSON. Only what the outputs need is written, and every input and parameter. Names must be
// given and differ, those of inputs and parameters among each other as well. The mistakes of [CompileRows] are errors here
// too. The same formula gives the same text, and what [Decode] reads of it is computed to the same bits.
func Encode(f Formula) ([]byte, error) {
	r := request{operation: "encode", inputs: f.Inputs, params: f.Params}
	names, outputNames := map[string]bool{}, map[string]bool{}
	for _, o := range f.Outputs {
		r.outputs = append(r.outputs, o.Value)
		if err := checkName("output", o.Name, outputNames); err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
	}
	g, ids, err := r.check()
	if err != nil {
		return nil, err
	}
	numbers := 0
	for id, needed := range reachable(g, ids) {
		if n := &g.nodes[id]; needed {
			if numbers += n.size; numbers > mostNumbers || len(n.shape) > mostDimensions {
				return nil, fmt.Errorf("encode: %v: a value has at most %d dimensions, and all values together %d numbers for one particle", Value{g, id}, mostDimensions, mostNumbers)
			}
		}
	}
	given := append(append([]Value(nil), f.Inputs...), f.Params...)
	for i, v := range given {
		what := "input"
		if i >= len(f.Inputs) {
			what = "param"
		}
		if err := checkName(what, v.Name(), names); err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
	}
	if f.Precision == "" {
		f.Precision = "float32"
	}
	if err := checkHeader(f.Precision, f.Epoch); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}

	var b bytes.Buffer
	fmt.Fprintf(&b, "{\"format\":%q,\"version\":%d,\"precision\":%q,\"epoch\":%d,\n", formulaFormat, formulaVersion, f.Precision, f.Epoch)
	number := map[int]int{} // of each node in the text
	for i, list := range [2][]Value{f.Inputs, f.Params} {
		b.WriteString([2]string{"\"inputs\":[", "\"params\":["}[i])
		for j, v := range list {
			number[v.id] = len(number)
			fmt.Fprintf(&b, "%s{\"name\":%s,\"shape\":%s}", comma(j), quoted(v.Name()), intsText(g.shape(v.id)))
		}
		b.WriteString("],\n")
	}
	b.WriteString("\"nodes\":[")
	count := 0
	for id, needed := range reachable(g, ids) {
		if _, ok := number[id]; ok || !needed {
			continue
		}
		fmt.Fprintf(&b, "%s\n", comma(count))
		g.encodeNode(&b, &g.nodes[id], number)
		number[id] = len(number)
		count++
	}
	b.WriteString("],\n\"outputs\":[")
	for i, o := range f.Outputs {
		fmt.Fprintf(&b, "%s{\"name\":%s,\"node\":%d}", comma(i), quoted(o.Name), number[o.Value.id])
	}
	b.WriteString("]}\n")
	return b.Bytes(), nil
}

func (g *Graph) encodeNode(b *bytes.Buffer, n *node, number map[int]int) {
	fmt.Fprintf(b, "{\"op\":%q", n.op.String())
	if len(n.args) > 0 {
		args := make([]int, len(n.args))
		for i, a := range n.args {
			args[i] = number[a]
		}
		fmt.Fprintf(b, ",\"args\":%s", intsText(args))
	}
	fmt.Fprintf(b, ",\"shape\":%s", intsText(n.shape))
	switch n.op {
	case opView, opChannels:
		fmt.Fprintf(b, ",\"from\":%d", n.from)
	case opGather, opScatter:
		fmt.Fprintf(b, ",\"indices\":%s", intsText(n.indices))
	case opConv, opConvGradient:
		w := n.window
		fmt.Fprintf(b, ",\"window\":%s", intsText([]int{w.Size, w.Step, w.Up, w.Before}))
	case opGroupSum:
		fmt.Fprintf(b, ",\"groups\":%d", n.from)
	case opConstant:
		b.WriteString(",\"data\":[")
		for i, v := range n.data {
			b.WriteString(comma(i))
			b.WriteString(numberText(v))
		}
		b.WriteString("]")
	}
	b.WriteString("}")
}

// numberText is the shortest decimal that reads as v, or one of the three words for what is no number in JSON.
func numberText(v float64) string {
	switch {
	case math.IsNaN(v):
		return `"NaN"`
	case math.IsInf(v, 1):
		return `"Infinity"`
	case math.IsInf(v, -1):
		return `"-Infinity"`
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func quoted(name string) string {
	text, _ := json.Marshal(name) // a string always has a text
	return string(text)
}

func intsText(s []int) string {
	text := []byte{'['}
	for i, v := range s {
		text = append(text, comma(i)...)
		text = strconv.AppendInt(text, int64(v), 10)
	}
	return string(append(text, ']'))
}

// checkName checks a name and that it is new.
func checkName(what, name string, known map[string]bool) error {
	switch {
	case name == "":
		return fmt.Errorf("%s without a name: give each one", what)
	case len(name) > longestName || !utf8.ValidString(name):
		return fmt.Errorf("%s name %.40q: it needs valid UTF-8 of at most %d bytes", what, name, longestName)
	case known[name]:
		return fmt.Errorf("%s name %q is there twice: names must differ", what, name)
	}
	known[name] = true
	return nil
}

func checkHeader(precision string, epoch int) error {
	if precision != "float32" && precision != "float64" {
		return fmt.Errorf("precision %.40q: it is float32 or float64", precision)
	}
	if epoch < 1 {
		return fmt.Errorf("epoch %d: epochs count from 1", epoch)
	}
	return nil
}
