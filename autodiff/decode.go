package autodiff

import (
	"bytes"
	"fmt"
	"math"

	"github.com/scorefield/infer/backends"
)

// Decode reads what [Encode] wrote, or somebody else in the schema of docs/model-file.md. It is strict: an unknown or
// repeated field, an unknown operation, an operand that comes later, operands or a shape that do not fit the operation are
// errors that name the node. It never panics, and never allocates more than some multiple of the text's size.
func Decode(text []byte) (*Formula, error) {
	d := &decoder{jsonReader: newJSONReader(text), graph: NewGraph(), names: map[string]bool{}}
	d.graph.begin()
	if err := d.formula(); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return &d.result, nil
}

// decoder reads a formula, field after field. What a field refers to has to come before it.
type decoder struct {
	*jsonReader
	graph   *Graph
	result  Formula
	ids     []int // the node of each number in the text
	names   map[string]bool
	numbers int // of all values
}

func (d *decoder) formula() error {
	var version int
	var format string
	order := []string{"format", "version", "precision", "epoch", "inputs", "params", "nodes", "outputs"}
	next := 0
	err := d.object(func(key string) (err error) {
		if next >= len(order) || key != order[next] {
			return fmt.Errorf("field %.40q: the fields are, in this order, %q", key, order)
		}
		next++
		switch key {
		case "format":
			if format, err = d.text(); err == nil && format != formulaFormat {
				err = fmt.Errorf("format %.40q: want %q", format, formulaFormat)
			}
		case "version":
			if version, err = d.int(); err == nil && version != formulaVersion {
				err = fmt.Errorf("version %d of the schema: this program reads version %d", version, formulaVersion)
			}
		case "precision":
			d.result.Precision, err = d.text()
		case "epoch":
			if d.result.Epoch, err = d.int(); err == nil {
				err = checkHeader(d.result.Precision, d.result.Epoch)
			}
		case "inputs":
			d.result.Inputs, err = d.given("input", d.graph.Input)
		case "params":
			d.result.Params, err = d.given("param", d.graph.Param)
		case "nodes":
			err = d.array(func(i int) error {
				if err := d.node(); err != nil {
					return fmt.Errorf("node %d: %w", len(d.ids), err)
				}
				return nil
			})
		case "outputs":
			err = d.outputs()
		}
		return err
	})
	if err == nil {
		err = d.end()
	}
	if err == nil && next < len(order) {
		err = fmt.Errorf("no field %q", order[next])
	}
	return err
}

// given reads the inputs or parameters.
func (d *decoder) given(what string, create func(name string, shape ...int) Value) ([]Value, error) {
	var values []Value
	err := d.array(func(i int) error {
		f, err := d.fields("name", "shape")
		if err != nil {
			return fmt.Errorf("%s %d: %w", what, i, err)
		}
		if err := checkName(what, f.name, d.names); err != nil {
			return err
		}
		if err := d.count(f.shape); err != nil {
			return fmt.Errorf("%s %q: %w", what, f.name, err)
		}
		v := create(f.name, f.shape...)
		values = append(values, v)
		d.ids = append(d.ids, v.id)
		return nil
	})
	return values, err
}

// count checks a shape and that all values together are not too large.
func (d *decoder) count(shape []int) error {
	if len(shape) > mostDimensions {
		return fmt.Errorf("a shape of %d dimensions: at most %d", len(shape), mostDimensions)
	}
	size, err := elements(shape)
	if err != nil {
		return err
	}
	if d.numbers += size; d.numbers > mostNumbers {
		return fmt.Errorf("all values together have more than %d numbers for one particle: that is no formula of this program", mostNumbers)
	}
	return nil
}

func (d *decoder) outputs() error {
	known := map[string]bool{}
	err := d.array(func(i int) error {
		f, err := d.fields("name", "node")
		if err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		if err := checkName("output", f.name, known); err != nil {
			return err
		}
		if f.node < 0 || f.node >= len(d.ids) {
			return fmt.Errorf("output %q is node %d: there are %d nodes, inputs and params included", f.name, f.node, len(d.ids))
		}
		d.result.Outputs = append(d.result.Outputs, Output{f.name, Value{d.graph, d.ids[f.node]}})
		return nil
	})
	if err == nil && len(d.result.Outputs) == 0 {
		err = fmt.Errorf("no outputs")
	}
	return err
}

// fields are those of an input, a parameter, a node and an output.
type fields struct {
	name, op             string
	shape, args, indices []int
	window               []int
	data                 []float64
	from, groups, node   int
}

// fields reads an object that has the given fields, in any order, and no others.
func (d *decoder) fields(wanted ...string) (f fields, err error) {
	has, err := d.someFields(&f)
	if err == nil {
		err = has.exactly(wanted...)
	}
	return f, err
}

type fieldSet map[string]bool

// exactly tells whether a set is the wanted one.
func (s fieldSet) exactly(wanted ...string) error {
	for _, w := range wanted {
		if !s[w] {
			return fmt.Errorf("no field %q", w)
		}
		delete(s, w)
	}
	for key := range s {
		return fmt.Errorf("field %q does not belong there: want %q", key, wanted)
	}
	return nil
}

// someFields reads an object of known fields, and tells which there were.
func (d *decoder) someFields(f *fields) (fieldSet, error) {
	has := fieldSet{}
	err := d.object(func(key string) (err error) {
		if has[key] {
			return fmt.Errorf("field %q is there twice", key)
		}
		switch key {
		case "name":
			f.name, err = d.text()
		case "op":
			f.op, err = d.text()
		case "shape":
			f.shape, err = d.ints()
		case "args":
			f.args, err = d.ints()
		case "indices":
			f.indices, err = d.ints()
		case "data":
			f.data, err = d.floats()
		case "from":
			f.from, err = d.int()
		case "window":
			f.window, err = d.ints()
		case "groups":
			f.groups, err = d.int()
		case "node":
			f.node, err = d.int()
		default:
			return fmt.Errorf("unknown field %.40q", key)
		}
		has[key] = true
		return err
	})
	return has, err
}

// node reads a node and adds it to the graph.
func (d *decoder) node() error {
	var f fields
	has, err := d.someFields(&f)
	if err != nil {
		return err
	}
	op, ok := written[f.op]
	if !ok {
		return fmt.Errorf("unknown operation %.40q", f.op)
	}
	wanted := []string{"op", "shape"}
	if op != opConstant {
		wanted = append(wanted, "args")
	}
	switch op {
	case opConstant:
		wanted = append(wanted, "data")
	case opView, opChannels:
		wanted = append(wanted, "from")
	case opConv, opConvGradient:
		wanted = append(wanted, "window")
	case opGroupSum:
		wanted = append(wanted, "groups")
	case opGather, opScatter:
		wanted = append(wanted, "indices")
	}
	if err := has.exactly(wanted...); err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	if err := d.count(f.shape); err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	n := node{op: op, data: f.data, from: f.from, indices: f.indices}
	if op == opGroupSum {
		n.from = f.groups
	}
	if wanted[len(wanted)-1] == "window" {
		if len(f.window) != 4 {
			return fmt.Errorf("%v: a window of %d numbers: want 4, size, step, up and before", op, len(f.window))
		}
		n.window = backends.Window{Size: f.window[0], Step: f.window[1], Up: f.window[2], Before: f.window[3]}
	}
	if len(f.shape) > 0 {
		n.shape = f.shape
	}
	for _, a := range f.args {
		if a < 0 || a >= len(d.ids) {
			return fmt.Errorf("%v: operand %d: operands come earlier", op, a)
		}
		n.args = append(n.args, d.ids[a])
	}
	if err := d.graph.checkNode(n); err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	for i, v := range n.data {
		if math.IsNaN(v) {
			n.data[i] = math.NaN() // one pattern
		}
	}
	d.ids = append(d.ids, d.graph.make(n))
	return nil
}

// checkNode checks that an operation takes such operands and gives such a shape. Operands that are all constants are
// refused, but of a sum over the particles: such a node has to be written as the constant it is.
func (g *Graph) checkNode(n node) error {
	size := product(n.shape)
	if n.op == opConstant {
		if len(n.data) != size {
			return fmt.Errorf("shape %v has %d numbers, data has %d", shapeText(n.shape), size, len(n.data))
		}
		return nil
	}
	counts := map[operation][2]int{opDot: {2, 2}, opMatMul: {2, 2}, opConcat: {1, math.MaxInt}, opDense: {2, 3}, opDenseGradient: {2, 2},
		opConv: {2, 3}, opConvGradient: {2, 2}, opJoinChannels: {1, math.MaxInt}, opProduct: {2, 2}, opSoftmaxGradient: {2, 2}}
	count, ok := counts[n.op]
	if !ok {
		k := max(1, n.op.arity())
		count = [2]int{k, k}
	}
	if len(n.args) < count[0] || len(n.args) > count[1] {
		return fmt.Errorf("%d operands", len(n.args))
	}
	if g.allConstant(n.args...) && n.op != opSumParticles && n.op != opDenseGradient && !n.op.image() {
		return fmt.Errorf("all operands are constants: write the constant that it is")
	}
	shapes := make([][]int, len(n.args))
	for i, a := range n.args {
		shapes[i] = g.shape(a)
	}
	want, err := g.inferred(n, shapes, size)
	if err == nil && !equalShapes(want, n.shape) {
		err = fmt.Errorf("shape %v of operands of shapes %v: want %v", shapeText(n.shape), shapesText(shapes), shapeText(want))
	}
	return err
}

// inferred is the shape that a node has to have.
func (g *Graph) inferred(n node, shapes [][]int, size int) ([]int, error) {
	misfit := fmt.Errorf("operands of shapes %v do not fit", shapesText(shapes))
	first := shapes[0]
	if n.op.arity() > 0 {
		for _, s := range shapes {
			if len(s) > 0 && len(first) > 0 && !equalShapes(s, first) {
				return nil, misfit
			}
			if len(first) == 0 {
				first = s
			}
		}
		return first, nil
	}
	if n.op.image() {
		return g.inferredImage(n, shapes)
	}
	total := product(first)
	switch n.op {
	case opSum, opMaxElement:
		return nil, nil
	case opDot:
		if !equalShapes(first, shapes[1]) {
			return nil, misfit
		}
		return nil, nil
	case opMatMul:
		if len(first) != 2 || len(shapes[1]) != 2 || first[1] != shapes[1][0] {
			return nil, misfit
		}
		return []int{first[0], shapes[1][1]}, nil
	case opDense:
		if len(first) != 1 || len(shapes[1]) != 2 || first[0] != shapes[1][0] || len(shapes) == 3 && !equalShapes(shapes[2], shapes[1][1:]) {
			return nil, misfit
		}
		for _, a := range n.args[1:] {
			if !g.nodes[a].shared {
				return nil, fmt.Errorf("weights or bias are each particle's own: make them of params and constants")
			}
		}
		return shapes[1][1:], nil
	case opDenseGradient:
		return []int{total, product(shapes[1])}, nil
	case opTranspose:
		if len(first) != 2 {
			return nil, misfit
		}
		return []int{first[1], first[0]}, nil
	case opHold, opSumParticles:
		return first, nil
	case opConcat:
		for _, s := range shapes[1:] {
			total += product(s)
		}
		if total != size {
			return nil, fmt.Errorf("shape %v has %d numbers, the operands have %d", shapeText(n.shape), size, total)
		}
	case opView:
		if n.from < 0 || n.from > total-size {
			return nil, fmt.Errorf("%d numbers from %d on of an operand that has %d", size, n.from, total)
		}
	case opGather:
		if err := checkIndices(n.indices, size, total); err != nil {
			return nil, err
		}
	case opScatter:
		if err := checkIndices(n.indices, total, size); err != nil {
			return nil, err
		}
	}
	return n.shape, nil
}

func checkIndices(indices []int, count, bound int) error {
	if len(indices) != count {
		return fmt.Errorf("%d indices, want %d", len(indices), count)
	}
	for _, k := range indices {
		if k < 0 || k >= bound {
			return fmt.Errorf("index %d: they go from 0 to %d", k, bound-1)
		}
	}
	return nil
}

// shapesText prints a few shapes.
type shapesText [][]int

func (s shapesText) String() string {
	var b bytes.Buffer
	for i, shape := range s[:min(len(s), 4)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(shapeText(shape).String())
	}
	if len(s) > 4 {
		b.WriteString(", ...")
	}
	return b.String()
}
