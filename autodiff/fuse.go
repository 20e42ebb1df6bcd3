package autodiff

import "math"

// fuse copies what the outputs need into a graph of its own, in which multiply-adds are one operation. What a node
// becomes depends on its formula alone, not on who else uses its operands: so a value has the same bits in every program.
//
//	x*y + z              fma(x, y, z)
//	z - x*c              fma(x, -c, z)
//	(x + c)*d            fma(x, d, c*d)     where x has been rounded already: (x + c) would hide that error, not avoid it
//	sum(x*y)             dot(x, y)
//	x*(-1)               neg(x)
//
// and the sum over the particles of a product is one of multiply-adds. Programs by rows have kernels of the activations of
// networks, which give the same bits as the operations that they stand for.
func fuse(g *Graph, byRows bool, outputs []int) (*Graph, []int) {
	f := fusion{from: g, to: NewGraph(), byRows: byRows, done: make([]int, len(g.nodes))}
	for id, needed := range reachable(g, outputs) {
		if needed {
			f.done[id] = f.copy(id)
		}
	}
	fused := make([]int, len(outputs))
	for i, id := range outputs {
		fused[i] = f.done[id]
	}
	return f.to, fused
}

// reachable marks the nodes that the outputs need. Operands have lower numbers than the nodes made of them.
func reachable(g *Graph, outputs []int) []bool {
	needed := make([]bool, len(g.nodes))
	for _, id := range outputs {
		needed[id] = true
	}
	for id := len(needed) - 1; id >= 0; id-- {
		if needed[id] {
			for _, a := range g.nodes[id].args {
				needed[a] = true
			}
		}
	}
	return needed
}

type fusion struct {
	from, to *Graph
	byRows   bool  // for a program by rows
	done     []int // the copy of each node
}

// copy makes the fused form of a node whose operands have been copied.
func (f *fusion) copy(id int) int {
	n := f.from.nodes[id]
	switch n.op {
	case opInput, opParam:
		f.to.begin()
		f.to.nodes = append(f.to.nodes, n)
		return len(f.to.nodes) - 1
	case opHold:
		return f.done[n.args[0]]
	case opAdd:
		if p, ok := f.product(n.args[1], n); ok {
			return f.fma(n, p[0], p[1], n.args[0])
		}
		if p, ok := f.product(n.args[0], n); ok {
			return f.fma(n, p[0], p[1], n.args[1])
		}
	case opWhere:
		if id, ok := f.elu(n); ok && f.byRows {
			return id
		}
	case opSub:
		if p, ok := f.product(n.args[1], n); ok && f.from.isConstant(p[1]) {
			return f.fma(n, p[0], f.from.fold(opNeg, p[1]), n.args[0])
		}
	case opMul:
		if id, ok := f.siluGradient(n); ok && f.byRows {
			return id
		}
		if f.from.is(n.args[1], -1) && f.from.covers(n.args[0], n) {
			return f.to.make(node{op: opNeg, shape: n.shape, args: []int{f.done[n.args[0]]}})
		}
		if x, d, cd, ok := f.scaledSum(n); ok {
			return f.fma(n, x, d, cd)
		}
	case opSumPixels:
		if args := f.factors(n.args[0]); len(args) == 2 {
			return f.to.make(node{op: opDotPixels, shape: n.shape, args: args})
		}
	case opSum:
		x := f.from.nodes[n.args[0]]
		if p, ok := f.product(n.args[0], x); ok && f.from.covers(p[0], x) && f.from.covers(p[1], x) {
			return f.to.make(node{op: opDot, args: []int{f.done[p[0]], f.done[p[1]]}})
		}
	}
	if n.op == opSumParticles {
		if x := f.from.nodes[n.args[0]]; x.op == opSumPixels { // over pixels and particles at once
			return f.to.make(node{op: opSumParticles, shape: n.shape, args: f.factors(x.args[0])})
		}
		if p, ok := f.product(n.args[0], n); ok && !f.from.isConstant(p[1]) {
			return f.sumProducts(n, f.done[p[0]], f.done[p[1]])
		}
	}
	args := make([]int, len(n.args))
	for i, a := range n.args {
		args[i] = f.done[a]
	}
	n.args = args
	return f.to.make(n)
}

// factors is an image, or the two whose product it is.
func (f *fusion) factors(id int) []int {
	x := f.from.nodes[id]
	if _, ok := f.siluGradient(x); ok { // there already, as an operation of its own
		return []int{f.done[id]}
	}
	if p, ok := f.product(id, x); ok && f.from.covers(p[0], x) && f.from.covers(p[1], x) {
		return []int{f.done[p[0]], f.done[p[1]]}
	}
	return []int{f.done[id]}
}

// sumProducts is the sum over the particles of x*y. A number for each particle times a vector is the gradient of weights
// with one row.
func (f *fusion) sumProducts(n node, x, y int) int {
	if f.to.size(y) == 1 {
		x, y = y, x
	}
	if f.to.size(x) == 1 {
		return f.to.view(f.to.denseGradient(x, y), 0, n.shape)
	}
	return f.to.make(node{op: opSumProducts, shape: n.shape, args: []int{x, y}})
}

// product returns the factors of an operand of n, if it is a product of n's shape. A constant factor comes second.
func (f *fusion) product(operand int, n node) ([]int, bool) {
	p := f.from.nodes[operand]
	return p.args, p.op == opMul && len(p.shape) == len(n.shape)
}

// scaledSum takes (x + c)*d or (c - x)*d apart, for scalar constants c and d, into x, d (or -d) and c*d.
func (f *fusion) scaledSum(n node) (x, d, cd int, ok bool) {
	g := f.from
	sum := g.nodes[n.args[0]]
	d = n.args[1]
	if !g.isConstant(d) || !g.scalar(d) || len(sum.shape) != len(n.shape) {
		return 0, 0, 0, false
	}
	var c int
	factor := d
	switch sum.op {
	case opAdd:
		x, c = sum.args[0], sum.args[1]
	case opSub:
		c, x = sum.args[0], sum.args[1]
		factor = g.fold(opNeg, d)
	default:
		return 0, 0, 0, false
	}
	if !g.isConstant(c) || !g.scalar(c) || !rounded(g.nodes[x].op) {
		return 0, 0, 0, false
	}
	v := math.Abs(g.nodes[c].data[0] * g.nodes[d].data[0])
	if !(v >= 0x1p-900 && v <= 0x1p900) {
		return 0, 0, 0, false
	}
	cd = g.fold(opMul, c, d)
	return x, factor, cd, true
}

// rounded tells whether an operation's results carry a rounding error.
func rounded(op operation) bool {
	switch op {
	case opAbs, opFloor, opSign, opReLU, opMin, opMax, opLess, opLessEqual, opEqual, opWhere, opNeg:
		return false
	case opSum, opDot, opMatMul, opDense, opDenseGradient, opSumParticles:
		return true
	}
	return op.arity() > 0
}

// fma makes x*y + z from nodes of the formula, some of which may be constants that are not copied yet.
func (f *fusion) fma(n node, x, y, z int) int {
	return f.to.make(node{op: opFMA, shape: n.shape, args: []int{f.operand(x), f.operand(y), f.operand(z)}})
}

func (f *fusion) operand(id int) int {
	if n := f.from.nodes[id]; n.op == opConstant {
		return f.to.constant(n.data, n.shape)
	}
	return f.done[id]
}
