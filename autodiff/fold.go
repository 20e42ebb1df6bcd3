package autodiff

import (
	"math"

	"github.com/scorefield/infer/backends"
)

// fold computes an elementwise operation on constants, with the kernels that programs use, so that a folded number has
// the bits that the program would have found.
func (g *Graph) fold(op operation, args ...int) int {
	shape := g.joined(args...)
	size := product(shape)
	t := backends.Current()
	dst := make([]float64, size)
	a := g.spread(args[0], size)
	switch op.arity() {
	case 1:
		unaryKernel(t, op)(dst, a)
	case 2:
		binaryKernel(t, op).VV(dst, a, g.spread(args[1], size))
	case 3:
		ternaryKernel(t, op).VVV(dst, a, g.spread(args[1], size), g.spread(args[2], size))
	}
	return g.constant(dst, shape)
}

// spread returns the elements of a constant, a scalar's repeated to the size.
func (g *Graph) spread(id, size int) []float64 {
	data := g.nodes[id].data
	if len(data) == size {
		return data
	}
	s := make([]float64, size)
	for i := range s {
		s[i] = data[0]
	}
	return s
}

func (g *Graph) allConstant(ids ...int) bool {
	for _, id := range ids {
		if !g.isConstant(id) {
			return false
		}
	}
	return true
}

// foldDot is the dot product of two constants in the stated order.
func foldDot(a, b []float64) float64 {
	sum := float64(a[0] * b[0])
	for i := 1; i < len(a); i++ {
		sum = math.FMA(a[i], b[i], sum)
	}
	return sum
}

// ordinary tells whether all elements of a constant are finite, not 0 and not subnormal: two such factors may be
// merged if their product is such a factor again.
func (g *Graph) ordinary(id int) bool {
	for _, v := range g.nodes[id].data {
		if m := math.Abs(v); !(m >= 0x1p-1022 && m <= math.MaxFloat64) {
			return false
		}
	}
	return true
}

// finite tells whether all elements of a constant are finite.
func (g *Graph) finite(id int) bool {
	for _, v := range g.nodes[id].data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// merged is the product or sum of two constants and whether that may replace one operation after the other.
func (g *Graph) merged(op operation, a, b int) (int, bool) {
	if op == opMul {
		if !g.ordinary(a) || !g.ordinary(b) {
			return 0, false
		}
		c := g.fold(op, a, b)
		return c, g.ordinary(c)
	}
	if !g.finite(a) || !g.finite(b) {
		return 0, false
	}
	c := g.fold(op, a, b)
	return c, g.finite(c)
}
