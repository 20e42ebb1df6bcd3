package autodiff

import "math"

// Sum is the sum of all elements, a scalar, in the order of the index.
func (v Value) Sum() Value { return apply1("sum", v, (*Graph).sum) }

// Mean is the mean of all elements, a scalar: Sum times the reciprocal of their number.
func (v Value) Mean() Value {
	return apply1("mean", v, func(g *Graph, a int) int { return g.mul(g.sum(a), g.number(1/float64(g.size(a)))) })
}

// Prod is the product of all elements, a scalar, in the order of the index. Its gradient needs no division, so an
// element that is 0 does no harm.
func (v Value) Prod() Value {
	return apply1("prod", v, func(g *Graph, a int) int {
		product := g.view(a, 0, nil)
		for i := 1; i < g.size(a); i++ {
			product = g.mul(product, g.view(a, i, nil))
		}
		return product
	})
}

// MaxElement is the largest element, a scalar; NaN if one is. The gradient is shared equally among equal largest ones.
func (v Value) MaxElement() Value { return apply1("maxElement", v, (*Graph).maxElement) }

// MinElement is the smallest element, a scalar; NaN if one is. The gradient is shared as that of MaxElement.
func (v Value) MinElement() Value {
	return apply1("minElement", v, func(g *Graph, a int) int {
		minus := g.number(-1)
		return g.mul(g.maxElement(g.mul(a, minus)), minus)
	})
}

// Dot is the sum of the products of the elements of v and w, which have equal shapes, a scalar: fma(a2, b2, fma(a1, b1,
// a0*b0)) and so on.
func (v Value) Dot(w Value) Value {
	g := together("dot", v, w)
	if g == nil {
		return poison(v, w)
	}
	if a, b := g.shape(v.id), g.shape(w.id); !equalShapes(a, b) {
		return g.fail("dot: shapes %v and %v differ: operands need equal shapes", shapeText(a), shapeText(b))
	}
	return Value{g, g.dot(v.id, w.id)}
}

// Norm is the Euclidean length of all elements, a scalar: Sqrt of Dot with itself, with gradient 0 at 0.
func (v Value) Norm() Value {
	return apply1("norm", v, func(g *Graph, a int) int { return g.unary(opSqrt, g.dot(a, a)) })
}

// LogSumExp is log(exp(v0) + exp(v1) + ...) over all elements, a scalar. The largest element is taken out first, so
// nothing overflows, and a sum that underflows next to it is 0. If all elements are -Inf it is -Inf with gradient 0.
func (v Value) LogSumExp() Value {
	return apply1("logSumExp", v, func(g *Graph, a int) int {
		if g.size(a) == 1 {
			return g.view(a, 0, nil)
		}
		// Kept finite, the largest element can be subtracted from itself.
		largest := g.binary(opMax, g.maxElement(a), g.number(-math.MaxFloat64))
		largest = g.hold(g.binary(opMin, largest, g.number(math.MaxFloat64)))
		sum := g.sum(g.unary(opExp, g.sub(a, largest)))
		return g.add(g.unary(opLog, sum), largest)
	})
}

// hold makes a node that Gradient takes for a constant.
func (g *Graph) hold(a int) int {
	if g.isConstant(a) {
		return a
	}
	return g.make(node{op: opHold, shape: g.shape(a), args: []int{a}})
}

func (g *Graph) sum(a int) int {
	n := g.nodes[a]
	switch {
	case n.size == 1:
		return g.view(a, 0, nil)
	case n.op == opConstant:
		total := n.data[0]
		for _, v := range n.data[1:] {
			total += v
		}
		return g.number(total)
	case n.op == opMul && g.scalar(n.args[1]): // sum(x*c)
		return g.mul(g.sum(n.args[0]), n.args[1])
	case n.op == opMul && g.scalar(n.args[0]): // sum(c*x)
		return g.mul(g.sum(n.args[1]), n.args[0])
	case n.op == opConcat: // so that products among the pieces are fused into the sum
		total := g.sum(n.args[0])
		for _, piece := range n.args[1:] {
			for i := range g.size(piece) {
				total = g.add(total, g.view(piece, i, nil))
			}
		}
		return total
	}
	return g.make(node{op: opSum, args: []int{a}})
}

func (g *Graph) dot(a, b int) int {
	if g.isConstant(a) {
		a, b = b, a
	}
	na, nb := g.nodes[a], g.nodes[b]
	switch {
	case na.size == 1:
		return g.mul(g.view(a, 0, nil), g.view(b, 0, nil))
	case na.op == opConstant:
		return g.number(foldDot(na.data, nb.data))
	case na.op == opMul && g.scalar(na.args[1]): // dot(x*c, y)
		return g.mul(g.dot(na.args[0], b), na.args[1])
	case nb.op == opMul && g.scalar(nb.args[1]):
		return g.mul(g.dot(a, nb.args[0]), nb.args[1])
	case na.op == opConcat || nb.op == opConcat: // the pieces need not be brought together
		total := g.mul(g.view(a, 0, nil), g.view(b, 0, nil))
		for i := 1; i < na.size; i++ {
			total = g.add(total, g.mul(g.view(a, i, nil), g.view(b, i, nil)))
		}
		return total
	}
	return g.commutative(opDot, nil, a, b)
}

func (g *Graph) maxElement(a int) int {
	n := g.nodes[a]
	switch {
	case n.size == 1:
		return g.view(a, 0, nil)
	case n.op == opConstant || n.op == opConcat:
		largest := g.view(a, 0, nil)
		for i := 1; i < n.size; i++ {
			largest = g.binary(opMax, largest, g.view(a, i, nil))
		}
		return largest
	}
	return g.make(node{op: opMaxElement, args: []int{a}})
}
