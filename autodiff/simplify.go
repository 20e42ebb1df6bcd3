package autodiff

import "math"

// The functions of this file make nodes of operations whose operands fit, in a simplified form. The normal form has
// constants second (x + c, x*c), a subtracted constant as an added one, a division by a constant as a product, a
// negation as a product with -1, and at most one constant factor in a product, the last one, unless that would scale a
// vector where a scalar can be scaled. Rules that meet a pattern look at one or two nodes below, never deeper.

// unary makes f(a).
func (g *Graph) unary(op operation, a int) int {
	if g.isConstant(a) {
		return g.fold(op, a)
	}
	n := g.nodes[a]
	switch op {
	case opAbs:
		if g.nonNegative(a) {
			return a
		}
		if n.op == opMul && g.is(n.args[1], -1) && g.covers(n.args[0], n) { // |-x|
			return g.unary(opAbs, n.args[0])
		}
	case opReLU:
		if g.nonNegative(a) {
			return a
		}
	case opSqrt:
		if n.op == opMul && n.args[0] == n.args[1] { // sqrt(x*x)
			return g.unary(opAbs, n.args[0])
		}
	case opLog:
		if n.op == opAdd && g.is(n.args[1], 1) { // log(u + 1)
			return g.unary(opLog1p, g.sized(n.args[0], n.shape))
		}
	case opLog1p:
		if n.op == opExp { // log(1 + exp(u))
			return g.unary(opSoftplus, n.args[0])
		}
	}
	return g.make(node{op: op, shape: n.shape, args: []int{a}})
}

// binary makes f(a, b).
func (g *Graph) binary(op operation, a, b int) int {
	switch op {
	case opAdd:
		return g.add(a, b)
	case opSub:
		return g.sub(a, b)
	case opMul:
		return g.mul(a, b)
	case opDiv, opDivOrZero:
		return g.div(op, a, b)
	case opPow:
		return g.pow(a, b)
	}
	if g.allConstant(a, b) {
		return g.fold(op, a, b)
	}
	if a == b && (op == opMin || op == opMax) {
		return a
	}
	return g.make(node{op: op, shape: g.joined(a, b), args: []int{a, b}})
}

func (g *Graph) add(a, b int) int {
	if g.isConstant(a) {
		a, b = b, a
	}
	if g.isConstant(a) {
		return g.fold(opAdd, a, b)
	}
	na, nb := g.nodes[a], g.nodes[b]
	if nb.op == opConstant {
		switch {
		case g.is(b, 0) && g.fits(a, b): // x + 0
			return a
		case na.op == opAdd && g.isConstant(na.args[1]): // (x + c) + b
			if c, ok := g.merged(opAdd, na.args[1], b); ok {
				return g.add(na.args[0], c)
			}
		case na.op == opSub && g.isConstant(na.args[0]): // (c - x) + b
			if c, ok := g.merged(opAdd, na.args[0], b); ok {
				return g.sub(c, na.args[1])
			}
		}
	} else {
		switch {
		case a == b: // x + x
			return g.mul(a, g.number(2))
		case nb.op == opMul && g.is(nb.args[1], -1) && g.covers(nb.args[0], nb): // x + -y
			return g.sub(a, nb.args[0])
		case na.op == opMul && g.is(na.args[1], -1) && g.covers(na.args[0], na): // -x + y
			return g.sub(b, na.args[0])
		}
	}
	return g.commutative(opAdd, g.joined(a, b), a, b)
}

func (g *Graph) sub(a, b int) int {
	if g.isConstant(b) {
		return g.add(a, g.fold(opNeg, b))
	}
	na, nb := g.nodes[a], g.nodes[b]
	switch {
	case nb.op == opMul && g.is(nb.args[1], -1) && g.covers(nb.args[0], nb): // x - -y
		return g.add(a, nb.args[0])
	case na.op == opConstant && g.is(a, 0) && g.fits(b, a): // 0 - y
		return g.mul(b, g.number(-1))
	case na.op == opConstant && nb.op == opAdd && g.isConstant(nb.args[1]): // a - (y + c)
		if c, ok := g.merged(opSub, a, nb.args[1]); ok {
			return g.sub(c, nb.args[0])
		}
	case na.op == opConstant && nb.op == opSub && g.isConstant(nb.args[0]): // a - (c - y)
		if c, ok := g.merged(opSub, a, nb.args[0]); ok {
			return g.add(nb.args[1], c)
		}
	}
	return g.make(node{op: opSub, shape: g.joined(a, b), args: []int{a, b}})
}

func (g *Graph) mul(a, b int) int {
	if g.isConstant(a) {
		a, b = b, a
	}
	if g.isConstant(a) {
		return g.fold(opMul, a, b)
	}
	if p, ok := g.scaledChannels(a, b); ok {
		return p
	}
	if g.isConstant(b) {
		return g.scale(a, b)
	}
	if p, ok := g.scaledChannels(b, a); ok {
		return p
	}
	if g.nodes[a].op == opSpreadPixels { // an image comes first
		a, b = b, a
	}
	na := g.nodes[a]
	if a == b {
		switch {
		case na.op == opSqrt && g.nonNegative(na.args[0]): // sqrt(s)*sqrt(s)
			return na.args[0]
		case na.op == opAbs: // |x|*|x|
			return g.mul(na.args[0], na.args[0])
		}
	}
	if p, ok := g.reassociated(a, b); ok {
		return p
	}
	if p, ok := g.reassociated(b, a); ok {
		return p
	}
	return g.commutative(opMul, g.joined(a, b), a, b)
}

// reassociated is a*b with the constant factor of a moved out, or in to a quotient b that has one; and with the scalar
// factor of a vector a moved to a scalar b.
func (g *Graph) reassociated(a, b int) (int, bool) {
	na := g.nodes[a]
	if na.op != opMul || na.size < g.size(b) || !g.scalar(na.args[1]) || !g.covers(na.args[0], na) {
		return 0, false
	}
	factor := na.args[1]
	switch {
	case g.scalar(b) && !g.scalar(a): // (vector*factor)*b
		return g.mul(na.args[0], g.mul(factor, b)), true
	case g.isConstant(factor) && g.absorbs(b): // (x*c)*(d/y)
		return g.mul(na.args[0], g.mul(b, factor)), true
	case g.isConstant(factor): // (x*c)*b
		return g.mul(g.mul(na.args[0], b), factor), true
	}
	return 0, false
}

// absorbs tells whether a node is a quotient whose dividend is a constant or has a constant factor.
func (g *Graph) absorbs(id int) bool {
	n := g.nodes[id]
	if n.op != opDiv && n.op != opDivOrZero {
		return false
	}
	top := g.nodes[n.args[0]]
	return top.op == opConstant || top.op == opMul && g.isConstant(top.args[1])
}

// scale makes a*c with a constant c.
func (g *Graph) scale(a, c int) int {
	na := g.nodes[a]
	switch {
	case g.is(c, 1) && g.fits(a, c): // x*1
		return a
	case na.op == opMul && g.isConstant(na.args[1]): // (x*d)*c
		if m, ok := g.merged(opMul, na.args[1], c); ok {
			return g.mul(na.args[0], m)
		}
	case (na.op == opDiv || na.op == opDivOrZero) && g.scalar(c):
		top := g.nodes[na.args[0]]
		if top.op == opConstant { // (d/y)*c
			if m, ok := g.merged(opMul, na.args[0], c); ok {
				return g.div(na.op, m, na.args[1])
			}
		}
		if top.op == opMul && g.isConstant(top.args[1]) { // ((x*d)/y)*c
			if m, ok := g.merged(opMul, top.args[1], c); ok {
				return g.div(na.op, g.mul(top.args[0], m), na.args[1])
			}
		}
	case na.op == opSub && g.is(c, -1) && g.fits(a, c): // -(x - y)
		return g.sub(na.args[1], na.args[0])
	case na.op == opAdd && g.is(c, -1) && g.fits(a, c) && g.isConstant(na.args[1]): // -(x + d)
		return g.sub(g.fold(opNeg, na.args[1]), na.args[0])
	}
	return g.make(node{op: opMul, shape: g.joined(a, c), args: []int{a, c}})
}

// div makes a/b by Div or DivOrZero.
func (g *Graph) div(op operation, a, b int) int {
	if g.allConstant(a, b) {
		return g.fold(op, a, b)
	}
	if g.isConstant(b) && g.ordinary(b) {
		if r := g.fold(opDiv, g.number(1), b); g.ordinary(r) {
			return g.mul(a, r)
		}
	}
	if g.scalar(b) && g.size(a) > 1 && !g.isConstant(b) { // one division, not one for each element
		return g.mul(a, g.div(op, g.number(1), b))
	}
	if nb := g.nodes[b]; g.is(a, 1) && g.scalar(a) && nb.op == opAdd && g.is(nb.args[1], 1) { // 1/(exp(-u) + 1)
		if e := g.nodes[nb.args[0]]; e.op == opExp && e.size == nb.size {
			return g.unary(opSigmoid, g.mul(e.args[0], g.number(-1)))
		}
	}
	return g.make(node{op: op, shape: g.joined(a, b), args: []int{a, b}})
}

// largestPower and largestRoot bound the whole and the half exponents that become products: a longer chain of them
// rounds more often than pow.
const (
	largestPower = 16
	largestRoot  = 4
)

// pow makes a^b. A small whole exponent becomes products, half of an odd one a product with a square root.
func (g *Graph) pow(a, b int) int {
	if g.allConstant(a, b) {
		return g.fold(opPow, a, b)
	}
	if e, ok := g.uniform(b); ok && g.fits(a, b) && math.Abs(e) <= largestPower {
		switch whole := math.Floor(e); {
		case e < 0 && (e == whole || e == whole+0.5 && whole >= -largestRoot):
			return g.div(opDiv, g.number(1), g.pow(a, g.number(-e)))
		case e == whole:
			return g.power(a, int(e))
		case e == 0.5:
			return g.unary(opSqrt, a)
		case e == whole+0.5 && whole < largestRoot:
			return g.mul(g.power(a, int(whole)), g.unary(opSqrt, a))
		}
	}
	return g.make(node{op: opPow, shape: g.joined(a, b), args: []int{a, b}})
}

// power makes a^n for n >= 0 by squaring: x^7 is ((x*x)*x)^2 * x.
func (g *Graph) power(a, n int) int {
	switch {
	case n == 0:
		return g.filled(1, g.shape(a))
	case n == 1:
		return a
	}
	half := g.power(a, n/2)
	square := g.mul(half, half)
	if n%2 == 1 {
		return g.mul(square, a)
	}
	return square
}

// where makes the choice of a where c is not 0, else b.
func (g *Graph) where(c, a, b int) int {
	shape := g.joined(c, a, b)
	if g.allConstant(c, a, b) {
		return g.fold(opWhere, c, a, b)
	}
	if v, ok := g.uniform(c); ok {
		if v != 0 {
			return g.sized(a, shape)
		}
		return g.sized(b, shape)
	}
	if a == b {
		return g.sized(a, shape)
	}
	if nc := g.nodes[c]; nc.op == opEqual && g.is(nc.args[1], 0) && g.covers(nc.args[0], nc) { // not c
		return g.where(nc.args[0], b, a)
	} else if nc.op == opSub && g.is(nc.args[0], 1) && g.covers(nc.args[1], nc) && g.nodes[nc.args[1]].op.truth() { // 1 - c
		return g.where(nc.args[1], b, a)
	}
	return g.make(node{op: opWhere, shape: shape, args: []int{c, a, b}})
}

// commutative makes the node of an operation whose operands may be swapped: it is found again in either order.
func (g *Graph) commutative(op operation, shape []int, a, b int) int {
	if !g.isConstant(b) {
		if swapped := g.find(node{op: op, shape: shape, args: []int{b, a}}); swapped != 0 {
			return swapped
		}
	}
	return g.make(node{op: op, shape: shape, args: []int{a, b}})
}

// nonNegative tells whether the elements of a node are at least 0, or NaN, by its form.
func (g *Graph) nonNegative(id int) bool {
	n := &g.nodes[id]
	switch n.op {
	case opAbs, opSqrt, opReLU, opExp, opSigmoid, opSoftplus, opErfc, opLess, opLessEqual, opEqual:
		return true
	case opMul, opDot:
		return n.args[0] == n.args[1]
	case opAdd:
		return g.nonNegative(n.args[0]) && g.nonNegative(n.args[1])
	case opSum, opView:
		return g.nonNegative(n.args[0])
	case opConstant:
		for _, v := range n.data {
			if !(v >= 0) {
				return false
			}
		}
		return true
	}
	return false
}

// fits tells whether an operation of a and a constant c has the shape of a.
func (g *Graph) fits(a, c int) bool { return g.scalar(c) || !g.scalar(a) }

// covers tells whether an operand has the shape of the node.
func (g *Graph) covers(operand int, n node) bool { return len(g.shape(operand)) == len(n.shape) }

// sized is a node or, for a scalar, its repetition in the shape.
func (g *Graph) sized(id int, shape []int) int {
	if len(shape) == 0 || !g.scalar(id) {
		return id
	}
	return g.gather(id, make([]int, product(shape)), shape)
}

// filled is a constant of one number.
func (g *Graph) filled(v float64, shape []int) int {
	data := make([]float64, product(shape))
	for i := range data {
		data[i] = v
	}
	return g.constant(data, shape)
}
