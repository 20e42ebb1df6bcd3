package autodiff

import "math"

// ReLU is 0 where v is below 0, else v (so NaN stays NaN). Its gradient at 0 is 0, where that of Max goes to v.
func (v Value) ReLU() Value { return v.unary(opReLU) }

// ELU is v where it is above 0, else exp(v) - 1 (Clevert, Unterthiner and Hochreiter, 2016, with alpha 1).
func (v Value) ELU() Value {
	return apply1("elu", v, func(g *Graph, a int) int {
		return g.where(g.binary(opLess, g.number(0), a), a, g.unary(opExpm1, a))
	})
}

// SiLU is v*sigmoid(v), also called swish.
func (v Value) SiLU() Value {
	return apply1("silu", v, func(g *Graph, a int) int { return g.mul(a, g.unary(opSigmoid, a)) })
}

// GELU is v times the standard normal distribution function of v (Hendrycks and Gimpel, 2016), not its approximation by
// tanh.
func (v Value) GELU() Value {
	return apply1("gelu", v, func(g *Graph, a int) int {
		half := g.number(0.5)
		below := g.add(g.mul(g.unary(opErf, g.mul(a, g.number(math.Sqrt2/2))), half), half)
		return g.mul(a, below)
	})
}

// LayerNorm is the elements of v less their mean, over the square root of their variance plus epsilon (Ba, Kiros and
// Hinton, 2016). The variance is the mean of the squares; a gain and a bias are operations on the result. Epsilon must be
// above 0.
func (v Value) LayerNorm(epsilon float64) Value {
	g := together("layerNorm", v)
	if g == nil {
		return poison(v)
	}
	if !(epsilon > 0) {
		return g.fail("layerNorm: epsilon is %v: it must be above 0, 1e-5 is usual", epsilon)
	}
	centred := v.Sub(v.Mean())
	deviation := centred.Square().Mean().Shift(epsilon).Sqrt()
	return centred.Div(deviation)
}
