// Package autodiff turns a formula for one particle into a program for a block of particles, and into its gradient.
//
// A [Graph] records a formula. Its [Value]s have a shape, and the particles are implied: an input of shape [2] is a
// point of the plane, whether one particle or ten thousand are computed. Operations are methods of Value; a scalar
// (shape []) meets any shape, otherwise shapes must be equal. [Gradient] returns values of the same graph, so it can
// be applied again. [Compile] makes a [Program], which runs a block of particles through the kernels of package
// backends and allocates nothing.
//
//	g := autodiff.NewGraph()
//	x := g.Input("x", 2)
//	y := x.Norm().Shift(-2.6).Square().Scale(-1 / 0.033)       // -(|x| - 2.6)^2 / 0.033
//	gradient, err := autodiff.Gradient(y, x)
//	program, err := autodiff.Compile([]autodiff.Value{y, gradient[0]}, []autodiff.Value{x})
//
// # Networks
//
// A [Graph.Param] is a value that all particles share, such as the weights of [Value.Dense]. [CompileRows] makes a
// [RowProgram] of a formula with parameters: float32, each particle's numbers side by side. The gradient in a parameter is
// the sum over the particles of a run. [Encode] and [Decode] write a formula as text and read it.
//
//	w, b := g.Param("w", 2, 32), g.Param("b", 32)
//	v := g.Param("v", 32, 2)
//	score := x.Dense(w, b).ReLU().Dense(v, autodiff.Value{})   // no bias
//	loss := score.Add(z).Square().Sum()                        // z: the noise over sigma
//	gradient, err := autodiff.Gradient(loss, w, b, v)
//
// # Images
//
// A value of shape [height, width, channels] is an image for [Value.Conv], [Value.AvgPool], [Value.GroupNorm] and their
// neighbours in image.go, and the rows of [tokens, features] attend to each other by [Attention]. Such formulas run by
// CompileRows only. One of its programs works through image by image, forward and back, while the numbers of an image stay
// in the second-level cache.
//
//	w, b := g.Param("w", 3, 3, 1, 16), g.Param("b", 16)
//	same := backends.Window{Size: 3, Step: 1, Up: 1, Before: 1}
//	h := g.Input("x", 28, 28, 1).Conv(w, b, same).GroupNorm(4, 1e-5).SiLU()
//
// # Errors
//
// Nothing panics on a wrong formula. The first mistake (two shapes that do not fit, an index out of range, a value of
// another graph) is recorded in the graph at the operation that made it, and [Graph.Err], [Gradient] and [Compile]
// return it. The value of a failed operation can be used further and fails silently.
//
// # Bits
//
// A value's bits depend on its formula alone: not on the other outputs of the program, the number of particles, the
// size of the pieces, or the backend. A product that is added to something is fused into one multiply-add. Sums over
// elements go in the order of the index: Sum is ((a0 + a1) + a2) + ..., Dot and each element of MatMul are
// fma(a2, b2, fma(a1, b1, a0*b0)) and so on; [CompileRows] says how they are in float32. The formula is simplified as it is recorded: constants are folded and
// merged, division by a constant becomes multiplication by its reciprocal, small integer powers become products,
// log(1+u) becomes log1p(u). 0*x and x-x are kept as they are, for x may be NaN. Factors are regrouped, such as
// (v*s)*t to v*(s*t) for a vector v: a formula whose intermediate results come near the ends of the range of float64
// may overflow where it did not as written.
//
// # Gradients
//
// The gradient of sqrt, of [Value.Norm], of a power and of log at 0 is 0 where mathematics has none or an infinite
// one. Comparisons and Floor have gradient 0. A branch that [Where] did not take (or the smaller operand of Max) never
// turns a gradient into NaN: its adjoint is picked with the same condition, not multiplied by 0.
package autodiff

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
)

// maxElements bounds the elements of a value of one particle, so that a wrong shape is an error and no allocation.
const maxElements = 1 << 20

// Graph records a formula as values of one particle. The zero value is an empty graph. One goroutine at a
// time may build a graph, take a gradient in it or compile it; programs compiled from it do not refer to it.
type Graph struct {
	nodes []node         // nodes[0] is the poison that failed operations return
	known map[string]int // nodes by their content: equal formulas are one node
	key   []byte         // scratch for a key of known
	err   error
}

// Value is a handle of one value of a graph. Values are copied freely. The zero Value belongs to no graph: an
// operation on it fails.
type Value struct {
	graph *Graph
	id    int
}

// node is one value: an operation on earlier nodes. Nodes are never changed.
type node struct {
	op      operation
	shape   []int // nil for a scalar
	size    int   // elements: the product of shape
	args    []int
	data    []float64       // of a constant: its elements
	name    string          // of an input or parameter
	from    int             // of a view: its first element in args[0]; of channels, the first; of a sum over groups, how many
	window  backends.Window // of a convolution
	indices []int           // of gather and scatter: an element of args[0], or of the result, for each element
	shared  bool            // the same for all particles
	summed  bool            // made from a sum over the particles
}

// NewGraph returns an empty graph.
func NewGraph() *Graph { return &Graph{} }

// Err is the first mistake made in the graph, or nil.
func (g *Graph) Err() error { return g.err }

// Input is a value that each particle brings along. No dimensions is a scalar. The name appears in errors and in a
// program's listing. Every dimension must be at least 1.
func (g *Graph) Input(name string, shape ...int) Value {
	size, err := elements(shape)
	if err != nil {
		return g.fail("input %q: %w", name, err)
	}
	g.begin()
	g.nodes = append(g.nodes, node{op: opInput, shape: slices.Clone(shape), size: size, name: name})
	return Value{g, len(g.nodes) - 1}
}

// Constant is a value that is the same for all particles. The data are copied, in row-major order.
func (g *Graph) Constant(data []float64, shape ...int) Value {
	size, err := elements(shape)
	if err != nil {
		return g.fail("constant: %w", err)
	}
	if size != len(data) {
		return g.fail("constant: shape %v has %d elements, data has %d: give one number for each element", shapeText(shape), size, len(data))
	}
	return Value{g, g.constant(slices.Clone(data), slices.Clone(shape))}
}

// Scalar is a constant of shape [].
func (g *Graph) Scalar(v float64) Value { return Value{g, g.number(v)} }

// Shape is the value's shape for one particle; a scalar's is empty.
func (v Value) Shape() []int {
	if v.graph == nil {
		return []int{}
	}
	return append([]int{}, v.graph.nodes[v.id].shape...)
}

// Size is the number of elements of the value for one particle.
func (v Value) Size() int {
	if v.graph == nil {
		return 1
	}
	return v.graph.nodes[v.id].size
}

// Graph is the graph that the value belongs to, nil for the zero Value.
func (v Value) Graph() *Graph { return v.graph }

// Constant returns a copy of the elements of a value that is the same for all particles, and whether it is one.
// Whoever reads formulas can ask it whether folding a constant has overflowed.
func (v Value) Constant() (data []float64, ok bool) {
	if v.graph == nil || !v.graph.isConstant(v.id) {
		return nil, false
	}
	return slices.Clone(v.graph.nodes[v.id].data), true
}

// begin makes sure that the graph has its poison node.
func (g *Graph) begin() {
	if len(g.nodes) == 0 {
		g.nodes = append(g.nodes, node{op: opPoison, size: 1})
		g.known = map[string]int{}
	}
}

// fail records a mistake, if it is the first, and returns the poison.
func (g *Graph) fail(format string, a ...any) Value {
	g.begin()
	if g.err == nil {
		g.err = fmt.Errorf(format, a...)
	}
	return Value{g, 0}
}

// together returns the graph that all values belong to. It is nil, and a mistake recorded, if there is none; a
// poisoned value gives nil as well.
func together(operation string, values ...Value) *Graph {
	var g *Graph
	for _, v := range values {
		if v.graph != nil {
			g = v.graph
			break
		}
	}
	if g == nil {
		return nil
	}
	for i, v := range values {
		switch {
		case v.graph == nil:
			g.fail("%s: operand %d is the zero Value, which belongs to no graph: make it with Input, Constant or an operation", operation, i)
			return nil
		case v.graph != g:
			g.fail("%s: operand %d belongs to another graph than operand 0: build a formula in one graph", operation, i)
			return nil
		}
	}
	for _, v := range values {
		if v.id == 0 {
			return nil
		}
	}
	return g
}

// poison is the value of a failed operation on values.
func poison(values ...Value) Value {
	for _, v := range values {
		if v.graph != nil {
			return Value{v.graph, 0}
		}
	}
	return Value{}
}

// make returns the node with this content, a new one only if there is none.
func (g *Graph) make(n node) int {
	if id := g.find(n); id != 0 {
		return id
	}
	n.size = product(n.shape)
	n.shared, n.summed = g.sharing(n)
	g.nodes = append(g.nodes, n)
	g.known[string(g.key)] = len(g.nodes) - 1
	return len(g.nodes) - 1
}

// find returns the node with this content, 0 if there is none. It leaves the key of the content in g.key.
func (g *Graph) find(n node) int {
	g.begin()
	k := append(g.key[:0], byte(n.op))
	k = appendInts(k, n.shape)
	k = appendInts(k, n.args)
	k = binary.AppendVarint(k, int64(n.from))
	k = appendInts(k, n.indices)
	k = append(k, byte(n.window.Size), byte(n.window.Step), byte(n.window.Up), byte(n.window.Before))
	for _, v := range n.data {
		k = binary.LittleEndian.AppendUint64(k, math.Float64bits(v))
	}
	g.key = k
	return g.known[string(k)]
}

func appendInts(k []byte, s []int) []byte {
	k = binary.AppendUvarint(k, uint64(len(s)))
	for _, v := range s {
		k = binary.AppendVarint(k, int64(v))
	}
	return k
}

// constant makes a constant node, which keeps data and shape.
func (g *Graph) constant(data []float64, shape []int) int {
	return g.make(node{op: opConstant, shape: shape, data: data})
}

// number makes a scalar constant.
func (g *Graph) number(v float64) int { return g.constant([]float64{v}, nil) }

func (g *Graph) isConstant(id int) bool { return g.nodes[id].op == opConstant }

// uniform returns the number that all elements of a constant are, and whether there is one.
func (g *Graph) uniform(id int) (float64, bool) {
	n := &g.nodes[id]
	if n.op != opConstant {
		return 0, false
	}
	first := math.Float64bits(n.data[0])
	for _, v := range n.data[1:] {
		if math.Float64bits(v) != first {
			return 0, false
		}
	}
	return n.data[0], true
}

// is tells whether a node is a constant whose elements all equal c.
func (g *Graph) is(id int, c float64) bool {
	v, ok := g.uniform(id)
	return ok && v == c
}

func (g *Graph) shape(id int) []int { return g.nodes[id].shape }
func (g *Graph) size(id int) int    { return g.nodes[id].size }
func (g *Graph) scalar(id int) bool { return len(g.nodes[id].shape) == 0 }

// joined is the shape of an elementwise operation on nodes that fit.
func (g *Graph) joined(ids ...int) []int {
	for _, id := range ids {
		if !g.scalar(id) {
			return g.shape(id)
		}
	}
	return nil
}

// elements checks a shape and returns its number of elements.
func elements(shape []int) (int, error) {
	size := 1
	for _, d := range shape {
		if d < 1 {
			return 0, fmt.Errorf("shape %v has a dimension of %d: every dimension must be at least 1", shapeText(shape), d)
		}
		if size > maxElements/d {
			return 0, fmt.Errorf("shape %v has more than %d elements for one particle: split the value", shapeText(shape), maxElements)
		}
		size *= d
	}
	return size, nil
}

func product(shape []int) int {
	size := 1
	for _, d := range shape {
		size *= d
	}
	return size
}

// shapeText prints shapes as [2 3], with commas as in the documentation.
type shapeText []int

func (s shapeText) String() string {
	text := []byte{'['}
	for i, d := range s {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = fmt.Appendf(text, "%d", d)
	}
	return string(append(text, ']'))
}
