package autodiff

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/backends"
)

// CompileRows makes a program in float32 that computes the outputs from the inputs, which each particle has its own of,
// and the params, which all share. Constants are rounded to float32; one that is finite stays so. The mistakes are those of
// [Compile], and a value that is each particle's own but made of a sum over the particles: particles never look at each
// other.
//
// Elementwise operations run in float32; those that have no kernel there, such as Pow and Lgamma, run in float64 and are
// rounded. A product and a sum that meets it are rounded once together. Sum, Dot and MatMul add in float64, in the order of
// the index, and round once at the end; Dense, Attention and operations on images add in float32, as they say.
func CompileRows(outputs, inputs, params []Value) (*RowProgram, error) {
	return CompileRowsBy(Direct, outputs, inputs, params)
}

// compileRows makes a program of a sound request. It works through a number of rows at a time, or, if that is 0, as many as
// stay in the cache.
func compileRows(g *Graph, ids []int, inputs, params []Value, piece int, by Convolution) *RowProgram {
	roots := make([]int, 0, len(inputs)+len(params)+len(ids))
	for _, v := range append(append([]Value(nil), inputs...), params...) {
		roots = append(roots, v.id)
	}
	h, fused := fuse(g, true, append(roots, ids...))
	c := &rowCompiler{
		Graph: h, places: map[int]rowPlace{}, matrices: map[int]rowPlace{}, homes: map[int]rowPlace{},
		copies: map[copyKey]rowPlace{}, vectors: map[int]rowPlace{}, turned: map[int]rowPlace{}, p: &RowProgram{piece: piece, convolution: by},
		images: map[int]rowImage{}, slots: map[int]rowSlot{}, lines: map[int]rowPlace{},
		transforms: map[int]rowPlace{}, rounds: map[int]int{},
	}
	given := len(inputs)
	return c.compile(fused[len(roots):], fused[:given], fused[given:len(roots)])
}

// rowBuffer is memory for the values of a piece that live and die together.
type rowBuffer struct {
	stride      int
	first, last int  // instructions that touch it
	column      int  // where it is: before it are column numbers a row
	strip       bool // it holds a strip of lines at a time, made anew for each
}

type copyKey struct{ id, stride int }

// rowCompiler turns nodes into instructions, in the order in which they were recorded: a gradient is then computed layer by
// layer, and what a layer needed is forgotten. Values of particles are rows of stride size, or, behind a dense layer of
// more than a few features, of size rounded up to whole vectors. Shared values are one row; a matrix of weights is also
// kept as rows of whole vectors.
type rowCompiler struct {
	*Graph
	p          *RowProgram
	places     map[int]rowPlace     // of nodes that have been computed
	matrices   map[int]rowPlace     // of shared matrices, by rows of whole vectors
	turned     map[int]rowPlace     // of gradients of weights, transposed
	vectors    map[int]rowPlace     // of shared vectors, as whole vectors
	homes      map[int]rowPlace     // where nodes are to be computed: outputs
	copies     map[copyKey]rowPlace // of nodes, in another stride
	images     map[int]rowImage     // of nodes whose pixels do not lie side by side
	slots      map[int]rowSlot      // where nodes are to be computed: in those that they are joined to
	lines      map[int]rowPlace     // vectors for each pixel, for as many pixels as are worked on at a time
	transforms map[int]rowPlace     // of weights of convolutions
	rounds     map[int]int          // of weights, in bfloat16
	uses       []int                // of nodes by other nodes and outputs
	buffers    []rowBuffer
	pixels     bool // there are images: they are worked through one by one
}

func (c *rowCompiler) compile(outputs, inputs, params []int) *RowProgram {
	array := arrayCaller
	enter := func(list *[]rowArray, id int, name string) rowPlace {
		n := c.nodes[id]
		*list = append(*list, rowArray{name, n.size, n.shared})
		array++
		return rowPlace{array - 1, 0, n.size}
	}
	for _, id := range inputs {
		c.places[id] = enter(&c.p.inputs, id, c.nodes[id].name)
	}
	for _, id := range params {
		c.places[id] = enter(&c.p.params, id, c.nodes[id].name)
	}
	targets := make([]rowPlace, len(outputs))
	inPlace := make([]bool, len(outputs))
	for i, id := range outputs {
		name := "out"
		if len(outputs) > 1 {
			name = fmt.Sprintf("out%d", i)
		}
		targets[i] = enter(&c.p.outputs, id, name)
		if _, ok := c.homes[id]; !ok && c.computed(id) {
			c.homes[id] = targets[i]
		}
	}
	needed := reachable(c.Graph, outputs)
	c.uses = make([]int, len(c.nodes))
	for _, id := range outputs {
		c.uses[id]++
	}
	for id, n := range c.nodes {
		if needed[id] {
			for _, a := range n.args {
				c.uses[a]++
			}
		}
	}
	for id, n := range c.nodes {
		c.pixels = c.pixels || needed[id] && n.op.image()
	}
	c.findSlots(needed)
	absorbed := c.absorb(needed)
	for id := range needed {
		if needed[id] && !absorbed[id] {
			c.emit(id)
		}
	}
	for i, id := range outputs {
		inPlace[i] = c.homes[id] == targets[i] && c.places[id] == targets[i]
		if !inPlace[i] {
			c.output(targets[i], id)
		}
	}
	c.plan()
	return c.p
}

// computed tells whether a node's numbers are written by an instruction, and not just found within others.
func (c *rowCompiler) computed(id int) bool {
	switch c.nodes[id].op {
	case opInput, opParam, opConstant, opView:
		return false
	}
	return true
}

// phase is when a node is computed.
func (c *rowCompiler) phase(id int) int {
	n := c.nodes[id]
	if n.op == opDenseGradient || n.op == opConvGradient || n.op == opSumParticles || n.op == opSumProducts {
		own := n.op != opDenseGradient && n.op != opConvGradient // a sum of shared values, for each particle
		for _, a := range n.args {
			own = own || !c.nodes[a].shared
		}
		if own {
			return phaseEach
		}
	}
	switch {
	case !n.shared:
		return phaseEach
	case n.summed:
		return phaseAfter
	}
	return phaseBefore
}

// add appends an instruction to a phase.
func (c *rowCompiler) add(phase int, in rowInstruction) {
	c.p.code[phase] = append(c.p.code[phase], in)
}

// newRows is memory for rows of a value, or for one row of a shared value.
func (c *rowCompiler) newRows(phase, stride int) rowPlace {
	if phase == phaseEach {
		c.buffers = append(c.buffers, rowBuffer{stride: stride, first: -1})
		return rowPlace{-len(c.buffers), 0, stride}
	}
	return c.newShared(1, stride)
}

func (c *rowCompiler) newShared(rows, stride int) rowPlace {
	at := c.p.shared
	c.p.shared += whole(rows * stride)
	return rowPlace{arrayShared, at, stride}
}

// whole rounds up to whole vectors.
func whole(n int) int { return (n + backends.DenseWidth - 1) &^ (backends.DenseWidth - 1) }

// narrow tells whether rows of a dense layer's result are better brought together than computed with their padding.
func narrow(size int) bool { return size <= backends.DenseWidth/2 }

// home is where a node is to be computed, with the stride of its size: in an output, if it is one.
func (c *rowCompiler) home(id int) rowPlace {
	if p, ok := c.homes[id]; ok {
		return p
	}
	return c.newRows(c.phase(id), c.size(id))
}

// number32 is a constant in float32. One that is finite stays finite.
func number32(v float64) float32 {
	if f := float32(v); !math.IsInf(float64(f), 0) || math.IsInf(v, 0) {
		return f
	}
	return float32(math.Copysign(math.MaxFloat32, v))
}

// place is where the numbers of a node are; those of a shared one have no use for the stride.
func (c *rowCompiler) place(id int) rowPlace {
	if p, ok := c.places[id]; ok {
		return p
	}
	n := c.nodes[id]
	if m, ok := c.images[id]; ok {
		p := c.home(id)
		c.copyPixels(c.moment(id), rowImage{p, n.shape[len(n.shape)-1]}, m, n.shape)
		c.places[id] = p
		return p
	}
	switch {
	case n.op == opConstant:
		p := rowPlace{arrayConstants, len(c.p.constants), 0}
		for _, v := range n.data {
			c.p.constants = append(c.p.constants, number32(v))
		}
		c.p.constants = append(c.p.constants, make([]float32, whole(n.size)-n.size)...)
		c.places[id] = p
		return p
	case n.op == opSpreadPixels:
		c.simple(id, rowInstruction{kind: rowSpreadPixels, size: c.imageSizeOf(id)})
		return c.places[id]
	case n.op == opView:
		p := c.place(n.args[0])
		p.at += n.from
		c.places[id] = p
		return p
	case n.op == opTranspose && !n.shared:
		dst := c.home(id)
		c.places[id] = dst
		c.add(phaseEach, rowInstruction{kind: rowGather, op: n.op, n: n.size, inner: n.size, indices: transposed(n.shape[1], n.shape[0]), dst: dst, a: rowOperand{rowPlace: c.place(n.args[0])}})
		return dst
	case n.op == opTranspose:
		p := c.newShared(1, n.size)
		if h, ok := c.homes[id]; ok {
			p = h
		}
		c.transposeInto(rowPlace{p.array, p.at, n.shape[1]}, id)
		c.places[id] = p
		return p
	}
	m := c.matrices[id] // the sums of a gradient
	p := c.newShared(1, n.size)
	if h, ok := c.homes[id]; ok {
		p = h
	}
	rows, columns := flattened(n.shape)
	if turned, ok := c.turned[id]; ok {
		c.add(c.moment(id), rowInstruction{kind: rowTranspose, inner: n.shape[1], n: n.shape[0],
			dst: rowPlace{p.array, p.at, n.shape[1]}, a: rowOperand{rowPlace: turned}})
		c.places[id] = p
		return p
	}
	c.copyMatrix(c.moment(id), rowPlace{p.array, p.at, columns}, m, rows, columns)
	c.places[id] = p
	return p
}

// moment is when a node's numbers are there: sums over the particles after the pieces.
func (c *rowCompiler) moment(id int) int {
	if n := c.nodes[id]; n.shared && n.summed {
		return phaseAfter
	}
	return c.phase(id)
}

// flattened is the rows and columns of weights: a row for each input, or input and tap.
func flattened(shape []int) (rows, columns int) {
	last := len(shape) - 1
	return product(shape[:last]), shape[last]
}

// copyMatrix copies the rows of a shared matrix between strides.
func (c *rowCompiler) copyMatrix(phase int, dst, from rowPlace, rows, columns int) {
	c.add(phase, rowInstruction{kind: rowCopy, rows: rows, n: columns, dst: dst, a: rowOperand{rowPlace: from}})
}

// transposeInto writes a transposed shared matrix.
func (c *rowCompiler) transposeInto(dst rowPlace, id int) {
	arg := c.nodes[id].args[0]
	shape := c.shape(arg)
	from, ok := c.matrices[arg]
	if !ok {
		from = c.place(arg)
		from.stride = shape[1]
	}
	c.add(c.moment(id), rowInstruction{kind: rowTranspose, inner: shape[0], n: shape[1], dst: dst, a: rowOperand{rowPlace: from}})
}

// matrix is a shared matrix, or weights of a convolution, as rows of whole vectors.
func (c *rowCompiler) matrix(id int) rowPlace {
	if m, ok := c.matrices[id]; ok {
		return m
	}
	n := c.nodes[id]
	rows, columns := flattened(n.shape)
	m := rowPlace{arrayShared, 0, whole(columns)}
	switch {
	case n.op == opTranspose:
		m.at = c.newShared(rows, m.stride).at
		c.transposeInto(m, id)
	case columns == m.stride:
		m = c.place(id)
		m.stride = columns
	default:
		from := c.place(id)
		from.stride = columns
		m.at = c.newShared(rows, m.stride).at
		c.copyMatrix(c.moment(id), m, from, rows, columns)
	}
	c.matrices[id] = m
	return m
}

// vector is a shared vector with numbers behind it up to whole vectors.
func (c *rowCompiler) vector(id int) rowPlace {
	if p, ok := c.vectors[id]; ok {
		return p
	}
	n := c.nodes[id]
	p := c.place(id)
	if whole(n.size) != n.size && p.array >= arrayCaller {
		from := p
		p = c.newShared(1, n.size)
		c.add(c.moment(id), rowInstruction{kind: rowCopy, n: n.size, dst: p, a: rowOperand{rowPlace: from}})
	}
	p.stride = 0
	c.vectors[id] = p
	return p
}

// relocated is a node's rows in another stride.
func (c *rowCompiler) relocated(id, stride int) rowPlace {
	if p, ok := c.copies[copyKey{id, stride}]; ok {
		return p
	}
	p := c.newRows(phaseEach, stride)
	from := c.place(id)
	if c.nodes[id].shared {
		from.stride = 0
	}
	c.add(phaseEach, rowInstruction{kind: rowCopy, n: c.size(id), dst: p, a: rowOperand{rowPlace: from}})
	c.copies[copyKey{id, stride}] = p
	return p
}

// output copies a node to an output that it has not been computed in.
func (c *rowCompiler) output(target rowPlace, id int) {
	in := rowInstruction{kind: rowCopy, n: c.size(id), dst: target, a: rowOperand{rowPlace: c.place(id)}}
	if in.a.rowPlace == target { // a gradient whose sums have just been brought there
		return
	}
	c.add(c.moment(id), in)
}
