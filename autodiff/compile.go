package autodiff

import (
	"fmt"
	"slices"
)

// Compile makes a program that computes the outputs from the inputs. Everything the outputs need must be among the
// inputs; an input may be unused. The first mistake of the graph, an output or input of another graph, a missing input,
// an input given twice, and a parameter ([CompileRows] takes those) are errors. Later changes of the graph do not concern
// the program.
func Compile(outputs, inputs []Value) (*Program, error) {
	g, ids, err := request{"compile", outputs, inputs, nil}.check()
	if err != nil {
		return nil, err
	}

	// Inputs are fused first, used or not, so that each has its number.
	inputIDs := make([]int, len(inputs))
	for i, v := range inputs {
		inputIDs[i] = v.id
	}
	h, fused := fuse(g, false, append(inputIDs, ids...))
	c := &compiler{
		Graph:  h,
		places: map[int]place{},
		homes:  map[int]place{},
	}
	return c.compile(fused[len(inputs):], fused[:len(inputs)]), nil
}

// place is where rows are: row, row+step, ... of a buffer. Element i of a value is row row+i*step. In a finished program
// rows are counted through all buffers, and those of the program's own memory are one buffer, own.
type place struct {
	buffer    int
	row, step int
}

// at is the place of the elements from, from+stride, ...
func (p place) at(from, stride int) place {
	return place{p.buffer, p.row + from*p.step, p.step * stride}
}

// operand is a place, or numbers that are the same for all particles: element i is constants[i*step].
type operand struct {
	place
	constants []float64
}

// buffer is rows that live and die together: an input, an output, or a piece of the program's own memory.
type buffer struct {
	rows        int
	caller      bool   // an input or output
	name        string // of an input or output
	first, last int    // instructions that touch it
	row         int    // its first one among the rows of the program
}

// compiler turns nodes into instructions. A node's numbers are at its place: those of an input with the caller; those of
// a view within its operand; those of an output with the caller; those of a piece of a Concat within it; and others in
// buffers of their own.
type compiler struct {
	*Graph
	places  map[int]place // of nodes that have been computed
	homes   map[int]place // where nodes are to be computed
	buffers []buffer
	code    []instruction
}

func (c *compiler) compile(outputs, inputs []int) *Program {
	p := &Program{}
	for _, id := range inputs {
		n := c.nodes[id]
		c.places[id] = c.callerBuffer(n.size, n.name)
		p.inputs = append(p.inputs, n.size)
	}
	order := c.order(outputs)
	targets := make([]place, len(outputs))
	inPlace := make([]bool, len(outputs))
	for i, id := range outputs {
		name := "out"
		if len(outputs) > 1 {
			name = fmt.Sprintf("out%d", i)
		}
		targets[i] = c.callerBuffer(c.size(id), name)
		inPlace[i] = c.settle(id, targets[i])
		p.outputs = append(p.outputs, c.size(id))
	}
	for _, id := range slices.Backward(order) { // an outer Concat before those within it
		if _, ok := c.homes[id]; !ok && c.nodes[id].op == opConcat {
			c.settle(id, c.newBuffer(c.size(id)))
		}
	}
	for _, id := range order {
		c.emit(id)
	}
	for i, id := range outputs {
		if !inPlace[i] {
			c.copy(targets[i], c.operand(id), c.size(id))
		}
	}
	p.code = c.code
	p.plan(c.buffers)
	return p
}

func (c *compiler) newBuffer(rows int) place {
	c.buffers = append(c.buffers, buffer{rows: rows, first: -1})
	return place{len(c.buffers) - 1, 0, 1}
}

func (c *compiler) callerBuffer(rows int, name string) place {
	p := c.newBuffer(rows)
	c.buffers[p.buffer].caller, c.buffers[p.buffer].name = true, name
	return p
}

// order lists the nodes that have to be computed, operands first: depth first from the outputs.
func (c *compiler) order(outputs []int) []int {
	var order []int
	state := make([]uint8, len(c.nodes)) // 1: entered, 2: listed
	var stack []int
	for _, id := range outputs {
		stack = append(stack, id)
		for len(stack) > 0 {
			id := stack[len(stack)-1]
			switch state[id] {
			case 0:
				state[id] = 1
				args := c.reads(id)
				for _, a := range slices.Backward(args) {
					if state[a] == 0 {
						stack = append(stack, a)
					}
				}
				continue
			case 1:
				state[id] = 2
				order = append(order, id)
			}
			stack = stack[:len(stack)-1]
		}
	}
	return order
}

// reads is the nodes whose numbers a node is computed from. A product of matrices reads a transposed one in place.
func (c *compiler) reads(id int) []int {
	n := c.nodes[id]
	if n.op != opMatMul {
		return n.args
	}
	args := slices.Clone(n.args)
	for i, a := range args {
		if c.nodes[a].op == opTranspose {
			args[i] = c.nodes[a].args[0]
		}
	}
	return args
}

// settle makes a place the home of a node, and of the pieces of a Concat. It returns false if the node's numbers are, or
// will be, somewhere else: then they have to be copied.
func (c *compiler) settle(id int, home place) bool {
	n := c.nodes[id]
	if n.op == opView && n.from == 0 && n.size == c.size(n.args[0]) {
		return c.settle(n.args[0], home)
	}
	if _, ok := c.homes[id]; ok || !c.computed(id) {
		return false
	}
	c.homes[id] = home
	if n.op == opConcat {
		from := 0
		for _, piece := range n.args {
			c.settle(piece, home.at(from, 1))
			from += c.size(piece)
		}
	}
	return true
}

// computed tells whether a node's numbers are written by an instruction, and not just found within others.
func (c *compiler) computed(id int) bool {
	n := c.nodes[id]
	switch n.op {
	case opInput, opConstant, opView:
		return false
	case opGather:
		_, _, ok := progression(n.indices)
		return !ok
	}
	return true
}

// progression tells whether indices are from, from+stride, ...
func progression(indices []int) (from, stride int, ok bool) {
	from = indices[0]
	if len(indices) > 1 {
		stride = indices[1] - from
	}
	for i, k := range indices {
		if k != from+i*stride {
			return 0, 0, false
		}
	}
	return from, stride, true
}

// operand is where the numbers of a node are.
func (c *compiler) operand(id int) operand {
	if n := c.nodes[id]; n.op == opConstant {
		if v, ok := c.uniform(id); ok {
			return operand{constants: []float64{v}}
		}
		return operand{constants: n.data, place: place{step: 1}}
	}
	return operand{place: c.places[id]}
}

// broadcast is the operand of an elementwise operation: a scalar is repeated.
func (c *compiler) broadcast(id int) operand {
	o := c.operand(id)
	if c.scalar(id) {
		o.step = 0
	}
	return o
}

// emit writes the instructions that compute a node and notes its place.
func (c *compiler) emit(id int) {
	n := c.nodes[id]
	switch n.op {
	case opInput, opConstant:
		return
	case opView:
		c.places[id] = c.places[n.args[0]].at(n.from, 1)
		return
	case opGather:
		if from, stride, ok := progression(n.indices); ok {
			c.places[id] = c.places[n.args[0]].at(from, stride)
			return
		}
	}
	dst, ok := c.homes[id]
	if !ok {
		dst = c.newBuffer(n.size)
	}
	c.places[id] = dst
	switch n.op {
	case opSum:
		c.add(instruction{op: opAdd, form: formFold, rows: c.size(n.args[0]), dst: dst, a: c.operand(n.args[0])})
	case opMaxElement:
		c.add(instruction{op: opMax, form: formFold, rows: c.size(n.args[0]), dst: dst, a: c.operand(n.args[0])})
	case opDot:
		k := c.size(n.args[0])
		c.contract(dst, [3]int{1, k, 1}, c.operand(n.args[0]), c.operand(n.args[1]), stride{0, 1}, stride{1, 0})
	case opMatMul:
		m, k, columns := n.shape[0], c.shape(n.args[0])[1], n.shape[1]
		a, as := c.matrix(n.args[0])
		b, bs := c.matrix(n.args[1])
		c.contract(dst, [3]int{m, k, columns}, a, b, as, bs)
	case opDense: // of constant weights, as there are no parameters
		start := operand{constants: []float64{0}}
		if len(n.args) == 3 {
			start = c.operand(n.args[2])
		}
		c.copy(dst, start, n.size)
		c.add(instruction{op: opDense, form: formContract, rows: n.size, dst: dst, a: c.operand(n.args[0]), b: operand{constants: c.nodes[n.args[1]].data, place: place{step: 1}}, matrix: &contraction{
			m: 1, k: c.size(n.args[0]), n: n.size, more: true,
			dst: stride{0, dst.step}, a: stride{0, c.places[n.args[0]].step}, b: stride{n.size, 1},
		}})
	case opConcat:
		from := 0
		for _, piece := range n.args {
			size := c.size(piece)
			if at := dst.at(from, 1); !c.stays(piece, at) {
				c.copy(at, c.operand(piece), size)
			}
			from += size
		}
	case opGather:
		c.gatherRows(dst, c.places[n.args[0]], n.indices)
	case opTranspose:
		rows, columns := n.shape[1], n.shape[0]
		c.gatherRows(dst, c.places[n.args[0]], transposed(rows, columns))
	case opScatter:
		c.scatterRows(dst, c.places[n.args[0]], n)
	default:
		c.elementwise(dst, n)
	}
}

// stays tells whether a piece of a Concat has been computed at its place there.
func (c *compiler) stays(piece int, at place) bool {
	if c.isConstant(piece) {
		return false
	}
	p := c.places[piece]
	return p.buffer == at.buffer && p.row == at.row && (p.step == 1 || c.size(piece) == 1)
}

func (c *compiler) elementwise(dst place, n node) {
	in := instruction{op: n.op, rows: n.size, dst: dst}
	operands := [3]*operand{&in.a, &in.b, &in.c}
	forms := 0
	for i, a := range n.args {
		o := c.broadcast(a)
		if o.constants != nil && i == 0 && n.op.arity() == 3 { // a choice by constants has no kernel
			o = operand{place: c.newBuffer(n.size)}
			c.copy(o.place, c.operand(a), n.size)
		}
		*operands[i] = o
		if o.constants != nil {
			forms |= 1 << i
		}
	}
	in.form = elementwiseForm(n.op, forms)
	c.add(in)
}

// stride is how far apart the elements of a matrix are: from row to row, and from column to column.
type stride struct{ row, column int }

// matrix is where the numbers of a factor are. A transposed matrix is read as it lies.
func (c *compiler) matrix(id int) (operand, stride) {
	n := c.nodes[id]
	if n.op == opTranspose {
		return c.operand(n.args[0]), stride{1, n.shape[0]}
	}
	return c.operand(id), stride{n.shape[1], 1}
}

// contract writes a product of matrices, [m, k] times [k, n].
func (c *compiler) contract(dst place, sizes [3]int, a, b operand, as, bs stride) {
	if a.constants != nil { // the kernels take a number for b only: (b'a')'
		a, b = b, a
		as, bs = stride{bs.column, bs.row}, stride{as.column, as.row}
		sizes[0], sizes[2] = sizes[2], sizes[0]
		c.contractInto(dst, stride{1, sizes[0]}, sizes, a, b, as, bs)
		return
	}
	c.contractInto(dst, stride{sizes[2], 1}, sizes, a, b, as, bs)
}

func (c *compiler) contractInto(dst place, ds stride, sizes [3]int, a, b operand, as, bs stride) {
	in := instruction{op: opMatMul, form: formContract, rows: sizes[0] * sizes[2], dst: dst, a: a, b: b}
	if sizes[0] == 1 && sizes[2] == 1 {
		in.op = opDot
	}
	in.matrix = &contraction{
		m: sizes[0], k: sizes[1], n: sizes[2],
		dst: stride{ds.row * dst.step, ds.column * dst.step},
		a:   stride{as.row * a.step, as.column * a.step},
		b:   stride{bs.row * b.step, bs.column * b.step},
	}
	c.add(in)
}

// copy writes an operand's elements, or constants, to a place.
func (c *compiler) copy(dst place, from operand, rows int) {
	f := formCopy
	if from.constants != nil {
		f = formFill
	}
	c.add(instruction{op: opConcat, form: f, rows: rows, dst: dst, a: from})
}

// gatherRows copies the rows at the indices, as few runs of equal distance as a look ahead finds.
func (c *compiler) gatherRows(dst, from place, indices []int) {
	for i := 0; i < len(indices); {
		j := i + 1
		step := 1
		if j < len(indices) {
			step = indices[j] - indices[i]
			for j < len(indices) && indices[j] == indices[i]+(j-i)*step {
				j++
			}
		}
		c.copy(dst.at(i, 1), operand{place: from.at(indices[i], step)}, j-i)
		i = j
	}
}

// scatterRows sums the rows of each index.
func (c *compiler) scatterRows(dst, from place, n node) {
	sources := make([][]int, n.size)
	for i, k := range n.indices {
		sources[k] = append(sources[k], i)
	}
	for k, rows := range sources {
		at := dst.at(k, 1)
		switch {
		case len(rows) == 0:
			c.copy(at, operand{constants: []float64{0}}, 1)
		case len(rows) == 1:
			c.copy(at, operand{place: from.at(rows[0], 1)}, 1)
		default:
			if first, step, ok := progression(rows); ok {
				c.add(instruction{op: opAdd, form: formFold, rows: len(rows), dst: at, a: operand{place: from.at(first, step)}})
				continue
			}
			sum := operand{place: from.at(rows[0], 1)}
			for _, r := range rows[1:] {
				c.add(instruction{op: opAdd, form: formVV, rows: 1, dst: at, a: sum, b: operand{place: from.at(r, 1)}})
				sum = operand{place: at}
			}
		}
	}
}

// add appends an instruction and notes that its buffers live.
func (c *compiler) add(in instruction) {
	at := len(c.code)
	c.code = append(c.code, in)
	in.each(func(p *place) {
		b := &c.buffers[p.buffer]
		if b.first < 0 {
			b.first = at
		}
		b.last = at
	})
}
