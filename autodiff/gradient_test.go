package autodiff

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// formula is a scalar function of a vector and the open interval that its elements may come from.
type formula struct {
	name      string
	low, high float64
	f         func(x Value) Value
}

func weighted(v Value) Value {
	weights := make([]float64, v.Size())
	for i := range weights {
		weights[i] = 1 + 0.25*float64(i%5)
	}
	return v.Dot(v.Graph().Constant(weights, v.Shape()...))
}

// matrixOf makes a well-conditioned n by n matrix from a vector: M M' + n I for the M of its elements.
func matrixOf(x Value, n int) Value {
	indices := make([]int, n*n)
	for i := range indices {
		indices[i] = i % x.Size()
	}
	m := x.Gather(indices).Mul(x.Graph().Constant(ramp(n*n), n*n)).Reshape(n, n)
	identity := make([]float64, n*n)
	for i := range n {
		identity[i*n+i] = float64(n)
	}
	return m.MatMul(m.Transpose()).Add(x.Graph().Constant(identity, n, n))
}

func ramp(n int) []float64 {
	r := make([]float64, n)
	for i := range r {
		r[i] = 0.3 + math.Mod(float64(i)*0.37, 1)
	}
	return r
}

var formulas = []formula{
	{"add", -2, 2, func(x Value) Value { return weighted(x.Add(x.Mul(x))) }},
	{"add scalar", -2, 2, func(x Value) Value { return weighted(x.Add(x.Index(0)).Square()) }},
	{"sub", -2, 2, func(x Value) Value { return weighted(x.Mul(x).Sub(x)) }},
	{"sub scalar", -2, 2, func(x Value) Value { return weighted(x.Index(0).Sub(x).Square()) }},
	{"sub product", -2, 2, func(x Value) Value { return weighted(x.Sub(x.Sin().Mul(x.Cos()))) }},
	{"constant minus", -2, 2, func(x Value) Value { return weighted(x.Graph().Scalar(3).Sub(x).Square()) }},
	{"mul", -2, 2, func(x Value) Value { return weighted(x.Sin().Mul(x)) }},
	{"mul scalar", -2, 2, func(x Value) Value { return weighted(x.Sin().Mul(x.Sum())) }},
	{"mul two scalars", -2, 2, func(x Value) Value { return weighted(x.Mul(x.Sum()).Mul(x.Index(0).Sin())) }},
	{"div", 0.5, 2, func(x Value) Value { return weighted(x.Sin().Div(x)) }},
	{"div scalar", 0.5, 2, func(x Value) Value { return weighted(x.Div(x.Sum())) }},
	{"div by vector", 0.5, 2, func(x Value) Value { return weighted(x.Sum().Div(x)) }},
	{"div constant", 0.5, 2, func(x Value) Value { return weighted(x.Graph().Scalar(3).Div(x.Scale(2)).Scale(5)) }},
	{"divOrZero", 0.5, 2, func(x Value) Value { return weighted(x.Sin().DivOrZero(x)) }},
	{"scale shift neg", -2, 2, func(x Value) Value { return weighted(x.Scale(3).Shift(1).Neg().Square().Scale(0.5)) }},
	{"pow", 0.5, 2, func(x Value) Value { return weighted(x.Pow(x.Sin())) }},
	{"pow scalar", 0.5, 2, func(x Value) Value { return weighted(x.Index(0).Pow(x)) }},
	{"pow base", -2, 2, func(x Value) Value { return weighted(x.Graph().Scalar(2.5).Pow(x)) }},
	{"powConst 3", -2, 2, func(x Value) Value { return weighted(x.PowConst(3)) }},
	{"powConst 7", -2, 2, func(x Value) Value { return weighted(x.PowConst(7)) }},
	{"powConst -2", 0.5, 2, func(x Value) Value { return weighted(x.PowConst(-2)) }},
	{"powConst 0.5", 0.5, 2, func(x Value) Value { return weighted(x.PowConst(0.5)) }},
	{"powConst 2.5", 0.5, 2, func(x Value) Value { return weighted(x.PowConst(2.5)) }},
	{"powConst -1.5", 0.5, 2, func(x Value) Value { return weighted(x.PowConst(-1.5)) }},
	{"powConst 1.3", 0.5, 2, func(x Value) Value { return weighted(x.PowConst(1.3)) }},
	{"powConst 0", 0.5, 2, func(x Value) Value { return weighted(x.PowConst(0).Add(x)) }},
	{"min", -2, 2, func(x Value) Value { return weighted(x.Square().Min(x.Shift(1))) }},
	{"max", -2, 2, func(x Value) Value { return weighted(x.Square().Max(x.Shift(1))) }},
	{"max constant", -2, 2, func(x Value) Value { return weighted(x.Max(x.Graph().Scalar(0.3)).Square()) }},
	{"where", -2, 2, func(x Value) Value {
		return weighted(Where(x.Greater(x.Graph().Scalar(0.1)), x.Mul(x), x.Sin()))
	}},
	{"where of scalars", -2, 2, func(x Value) Value {
		return weighted(Where(x.Less(x.Graph().Scalar(0.1)), x.Index(0).Sin(), x.Sum()))
	}},
	{"where by scalar", -2, 2, func(x Value) Value {
		return weighted(Where(x.Index(0).Less(x.Graph().Scalar(0.1)), x.Square(), x.Exp()))
	}},
	{"where by constants", -2, 2, func(x Value) Value {
		c := make([]float64, x.Size())
		for i := range c {
			c[i] = float64(i % 2)
		}
		return weighted(Where(x.Graph().Constant(c, x.Size()), x.Square(), x.Exp()))
	}},
	{"nested where", -2, 2, func(x Value) Value {
		zero := x.Graph().Scalar(0.05)
		inner := Where(x.Index(0).Less(zero), x.Exp(), x.Square())
		return weighted(Where(x.Less(zero), inner, x.Sin().Add(inner)))
	}},
	{"where of a product of matrices", -2, 2, func(x Value) Value {
		m := Concat(x, x.Sin()).Reshape(2, x.Size())
		v := m.MatMul(m.Cos().Transpose()).Reshape(4)
		return weighted(Where(v.Less(x.Graph().Scalar(0.05)), v.Square(), x.Graph().Scalar(1)))
	}},
	{"logic", -2, 2, func(x Value) Value {
		g := x.Graph()
		c := x.Less(g.Scalar(1)).And(x.Greater(g.Scalar(-1))).Or(x.GreaterEqual(g.Scalar(1.5)).Not().And(x.LessEqual(g.Scalar(-1.5))))
		return weighted(Where(c.And(x.NotEqual(g.Scalar(0.7))), x.Square(), x.Equal(g.Scalar(0.7)).Add(x)))
	}},
	{"abs", -2, 2, func(x Value) Value { return weighted(x.Abs().Mul(x.Sin())) }},
	{"floor sign", -2, 2, func(x Value) Value { return weighted(x.Floor().Mul(x).Add(x.Sign().Mul(x))) }},
	{"sqrt", 0.5, 2, func(x Value) Value { return weighted(x.Sqrt()) }},
	{"exp", -2, 2, func(x Value) Value { return weighted(x.Exp()) }},
	{"expm1", -2, 2, func(x Value) Value { return weighted(x.Expm1()) }},
	{"log", 0.5, 2, func(x Value) Value { return weighted(x.Log()) }},
	{"log of 1 + x", -0.4, 2, func(x Value) Value { return weighted(x.Shift(1).Log()) }},
	{"log1p", -0.4, 2, func(x Value) Value { return weighted(x.Log1p()) }},
	{"sin", -2, 2, func(x Value) Value { return weighted(x.Sin()) }},
	{"cos", -2, 2, func(x Value) Value { return weighted(x.Cos()) }},
	{"tanh", -2, 2, func(x Value) Value { return weighted(x.Tanh()) }},
	{"erf", -2, 2, func(x Value) Value { return weighted(x.Erf()) }},
	{"erfc", -2, 2, func(x Value) Value { return weighted(x.Erfc()) }},
	{"lgamma", 0.5, 3, func(x Value) Value { return weighted(x.Lgamma()) }},
	{"digamma", 0.5, 3, func(x Value) Value { return weighted(x.Digamma()) }},
	{"sigmoid", -2, 2, func(x Value) Value { return weighted(x.Sigmoid()) }},
	{"1/(1+exp(-x))", -2, 2, func(x Value) Value {
		one := x.Graph().Scalar(1)
		return weighted(one.Div(one.Add(x.Neg().Exp())))
	}},
	{"relu", -2, 2, func(x Value) Value { return weighted(x.Mul(x.Sin()).ReLU().Mul(x)) }},
	{"relu of a sum", -2, 2, func(x Value) Value { return weighted(x.Square().ReLU()).ReLU().Sin() }},
	{"elu", -2, 2, func(x Value) Value { return weighted(x.Shift(0.01).ELU()) }},
	{"silu", -2, 2, func(x Value) Value { return weighted(x.SiLU()) }},
	{"gelu", -2, 2, func(x Value) Value { return weighted(x.GELU()) }},
	{"layerNorm", -2, 2, func(x Value) Value { return weighted(Concat(x, x.Sin()).LayerNorm(1e-2)) }},
	{"dense of constants", -2, 2, func(x Value) Value {
		g := x.Graph()
		h := x.Sin().Dense(g.Constant(ramp(3*x.Size()), x.Size(), 3), g.Constant(ramp(3), 3))
		return weighted(h.Dense(g.Constant(ramp(6), 3, 2), Value{}).Sin())
	}},
	{"softplus", -2, 2, func(x Value) Value { return weighted(x.Softplus()) }},
	{"log(1+exp(x))", -2, 2, func(x Value) Value { return weighted(x.Exp().Shift(1).Log()) }},
	{"sum", -2, 2, func(x Value) Value { return x.Square().Mul(x).Sum().Sin() }},
	{"sum of products", -2, 2, func(x Value) Value { return x.Sin().Mul(x.Cos()).Sum() }},
	{"mean", -2, 2, func(x Value) Value { return x.Exp().Mean() }},
	{"prod", -2, 2, func(x Value) Value { return x.Prod() }},
	{"maxElement", -2, 2, func(x Value) Value { return x.Square().MaxElement() }},
	{"minElement", -2, 2, func(x Value) Value { return x.Exp().MinElement() }},
	{"dot", -2, 2, func(x Value) Value { return x.Dot(x.Exp()) }},
	{"dot with itself", -2, 2, func(x Value) Value { return x.Dot(x).Sin() }},
	{"norm", 0.2, 2, func(x Value) Value { return x.Norm() }},
	{"norm squared", -2, 2, func(x Value) Value { return x.Norm().Square().Sin() }},
	{"donut", 0.2, 2, donut},
	{"logSumExp", -2, 2, func(x Value) Value { return x.Square().LogSumExp() }},
	{"index", -2, 2, func(x Value) Value { return x.Index(x.Size() - 1).Sin().Mul(x.Index(0)) }},
	{"slice", -2, 2, func(x Value) Value { return weighted(x.Slice(0, (x.Size()+1)/2).Sin()).Mul(x.Index(0)).Add(x.Sum()) }},
	{"concat", -2, 2, func(x Value) Value {
		return weighted(Concat(x.Index(0).Sin(), x, x.Graph().Scalar(2), x.Mul(x), x.Index(0)).Sin())
	}},
	{"reshape", -2, 2, func(x Value) Value { return weighted(Concat(x, x.Sin()).Reshape(2, x.Size()).Sin()) }},
	{"gather", -2, 2, func(x Value) Value {
		return weighted(x.Sin().Gather([]int{0, 0, x.Size() - 1, 0, x.Size() / 2}).Square())
	}},
	{"gather backwards", -2, 2, func(x Value) Value {
		indices := make([]int, x.Size())
		for i := range indices {
			indices[i] = x.Size() - 1 - i
		}
		return weighted(x.Gather(indices).Mul(x.Sin()))
	}},
	{"transpose", -2, 2, func(x Value) Value {
		return weighted(Concat(x, x.Sin(), x.Exp()).Reshape(3, x.Size()).Transpose().Sin())
	}},
	{"matMul", -2, 2, func(x Value) Value {
		a := Concat(x, x.Sin()).Reshape(2, x.Size())
		return weighted(a.MatMul(a.Cos().Transpose()))
	}},
	{"matMul constant left", -2, 2, func(x Value) Value {
		return weighted(x.Graph().Constant(ramp(3*x.Size()), 3, x.Size()).MatMul(x.Sin()).Sin())
	}},
	{"matMul constant right", -2, 2, func(x Value) Value {
		return weighted(x.Sin().MatMul(x.Graph().Constant(ramp(4*x.Size()), x.Size(), 4)).Sin())
	}},
	{"matMul constant matrices", -2, 2, func(x Value) Value {
		g := x.Graph()
		a := Concat(x, x.Sin()).Reshape(x.Size(), 2)
		return weighted(g.Constant(ramp(3*x.Size()), 3, x.Size()).MatMul(a).MatMul(g.Constant(ramp(6), 2, 3)).Sin())
	}},
	{"quadratic form", -2, 2, func(x Value) Value {
		n := x.Size()
		return x.Dot(x.Graph().Constant(ramp(n*n), n, n).MatMul(x))
	}},
	{"cholesky", -2, 2, func(x Value) Value { return weighted(matrixOf(x, 3).Cholesky()) }},
	{"solveLower", -2, 2, func(x Value) Value {
		return weighted(matrixOf(x, 3).Cholesky().SolveLower(Concat(x.Index(0), x.Sum(), x.Norm())))
	}},
	{"solveUpper", -2, 2, func(x Value) Value {
		return weighted(matrixOf(x, 3).SolveUpper(matrixOf(x.Sin(), 3)))
	}},
}

// point draws elements in an interval, a little away from the kinks that the formulas have at multiples of 0.05.
func point(r *rand.Rand, size int, low, high float64) []float64 {
	p := make([]float64, size)
	for i := range p {
		p[i] = low + (high-low)*r.Float64()
		if k := math.Round(p[i]*20) / 20; math.Abs(p[i]-k) < 0.002 {
			p[i] = k + 0.01
		}
	}
	return p
}

// central is the derivative of f in element i by Richardson's extrapolation of two central differences.
func central(f func(x []float64) float64, x []float64, i int) float64 {
	difference := func(h float64) float64 {
		x := append([]float64(nil), x...)
		x[i] += h
		up := f(x)
		x[i] -= 2 * h
		return (up - f(x)) / (2 * h)
	}
	const h = 4e-4
	return (4*difference(h/2) - difference(h)) / 3
}

func TestValuesAndGradientsMatchPlainArithmetic(t *testing.T) {
	for i, f := range formulas {
		t.Run(f.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for size := 1; size <= 7; size += 2 {
				x := NewGraph().Input("x", size)
				y := f.f(x)
				d, err := Gradient(y, x)
				if err != nil {
					t.Fatal(err)
				}
				direction := x.Graph().Input("direction", size)
				second, err := Gradient(d[0].Dot(direction), x)
				if err != nil && f.name != "digamma" {
					t.Fatal(err)
				}
				outputs := append([]Value{y, d[0]}, second...)
				for range 5 {
					at := point(r, size, f.low, f.high)
					v := point(r, size, -1, 1)
					plain := func(outputs ...Value) func(x []float64) [][]float64 {
						return func(p []float64) [][]float64 {
							return evaluate(t, outputs, map[int][]float64{x.id: p, direction.id: v})
						}
					}
					got := run(t, outputs, []Value{x, direction}, [][][]float64{{at, v}})[0]
					want := plain(outputs...)(at)
					for k := range outputs {
						for j := range got[k] {
							if !near(got[k][j], want[k][j], 1e-12) {
								t.Fatalf("size %d: output %d, element %d at %v is %v, want %v", size, k, j, at, got[k][j], want[k][j])
							}
						}
					}
					slope := func(p []float64) float64 {
						sum := 0.0
						for j, g := range plain(d[0])(p)[0] {
							sum += g * v[j]
						}
						return sum
					}
					for j := range size {
						if c := central(func(p []float64) float64 { return plain(y)(p)[0][0] }, at, j); !near(got[1][j], c, 1e-6) {
							t.Fatalf("size %d: derivative %d at %v is %v, by differences %v", size, j, at, got[1][j], c)
						}
						if len(got) < 3 {
							continue
						}
						if c := central(slope, at, j); !near(got[2][j], c, 1e-6) {
							t.Fatalf("size %d: second derivative %d at %v is %v, by differences %v", size, j, at, got[2][j], c)
						}
					}
				}
			}
		})
	}
}

func TestRandomFormulas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 5).Draw(rt, "size")
		x := NewGraph().Input("x", size)
		values := []Value{x, x.Sum(), x.Graph().Scalar(rapid.Float64Range(-2, 2).Draw(rt, "constant"))}
		for range rapid.IntRange(1, 25).Draw(rt, "operations") {
			a := rapid.SampledFrom(values).Draw(rt, "a")
			b := rapid.SampledFrom(values).Draw(rt, "b")
			c := rapid.SampledFrom(values).Draw(rt, "c")
			operations := []func() Value{
				func() Value { return a.Add(b) }, func() Value { return a.Sub(b) }, func() Value { return a.Mul(b).Scale(0.25) },
				func() Value { return a.Div(b.Square().Shift(1)) }, func() Value { return a.Scale(0.5).Shift(1).Neg() },
				func() Value { return a.Sin() }, func() Value { return a.Tanh() }, func() Value { return a.Sigmoid() },
				func() Value { return a.Square().Shift(0.5).Sqrt() }, func() Value { return a.Square().Shift(1).Log() },
				func() Value { return a.Sum().Scale(0.3) }, func() Value { return a.Norm() }, func() Value { return a.LogSumExp() },
				func() Value { return Where(b.Less(c), a, b) }, func() Value { return a.Max(b) }, func() Value { return a.Abs() },
				func() Value {
					if len(a.Shape()) == 0 {
						return Concat(a, b.Sum()).Gather([]int{1, 0, 1}).Dot(a.Graph().Constant([]float64{1, 2, 3}, 3)).Tanh()
					}
					return Concat(a.Slice(0, 1), a).Slice(0, a.Size()).Tanh()
				},
			}
			values = append(values, operations[rapid.IntRange(0, len(operations)-1).Draw(rt, "operation")]())
		}
		y := values[len(values)-1].Sum()
		d, err := Gradient(y, x)
		if err != nil {
			rt.Fatal(err)
		}
		at := make([]float64, size)
		for i := range at {
			at[i] = rapid.Float64Range(-2, 2).Draw(rt, "x")
		}
		got := one(t, []Value{y, d[0]}, x, at...)
		want := evaluate(t, []Value{y, d[0]}, map[int][]float64{x.id: at})
		for k := range got {
			for j := range got[k] {
				if scale := math.Max(1, math.Abs(want[0][0])); !near(got[k][j]/scale, want[k][j]/scale, 1e-9) {
					rt.Fatalf("output %d, element %d at %v is %v, want %v", k, j, at, got[k][j], want[k][j])
				}
			}
		}
	})
}

func TestGradientWhereMathematicsHasNone(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name     string
		f        func(x Value) Value
		at, want []float64
	}{
		{"norm at 0", func(x Value) Value { return x.Norm() }, []float64{0, 0}, []float64{0, 0}},
		{"norm^2 at 0", func(x Value) Value { return x.Norm().Square() }, []float64{0, 0}, []float64{0, 0}},
		{"norm^3 at 0", func(x Value) Value { return x.Norm().PowConst(3) }, []float64{0, 0}, []float64{0, 0}},
		{"norm^1.3 at 0", func(x Value) Value { return x.Norm().PowConst(1.3) }, []float64{0, 0}, []float64{0, 0}},
		{"donut at 0", donut, []float64{0, 0}, []float64{0, 0}},
		{"cone at 0", func(x Value) Value { return x.Dot(x).Sqrt().Scale(-3) }, []float64{0, 0}, []float64{0, 0}},
		{"norm of one number", func(x Value) Value { return x.Norm() }, []float64{-2}, []float64{-1}},
		{"sqrt at 0", func(x Value) Value { return x.Index(0).Sqrt() }, []float64{0}, []float64{0}},
		{"x^0.5 at 0", func(x Value) Value { return x.Index(0).PowConst(0.5) }, []float64{0}, []float64{0}},
		{"x^0.3 at 0", func(x Value) Value { return x.Index(0).PowConst(0.3) }, []float64{0}, []float64{0}},
		{"|x|^0.3 at 0", func(x Value) Value { return x.Index(0).Abs().PowConst(0.3) }, []float64{0}, []float64{0}},
		{"x^y at 0", func(x Value) Value { return x.Index(0).Pow(x.Index(1)) }, []float64{0, 2}, []float64{0, 0}},
		{"abs at 0", func(x Value) Value { return x.Index(0).Abs() }, []float64{0}, []float64{0}},
		{"log at 0", func(x Value) Value { return x.Index(0).Log() }, []float64{0}, []float64{0}},
		{"where, sqrt not taken", func(x Value) Value {
			x = x.Index(0)
			return Where(x.Greater(x.Graph().Scalar(0)), x.Neg().Mul(x.Sqrt()), x)
		}, []float64{-1}, []float64{1}},
		{"where, sqrt taken", func(x Value) Value {
			x = x.Index(0)
			return Where(x.Greater(x.Graph().Scalar(0)), x.Neg().Mul(x.Sqrt()), x)
		}, []float64{4}, []float64{-3}},
		{"where not, log not taken", func(x Value) Value {
			return Where(x.Greater(x.Graph().Scalar(0)).Not(), x.Scale(2), x.Log().Exp()).Sum()
		}, []float64{-1, 3}, []float64{2, 1}},
		{"where within where", func(x Value) Value {
			g := x.Graph()
			root := Where(x.Greater(g.Scalar(-1)), x.Shift(1).Sqrt(), g.Scalar(0))
			return Where(x.Greater(g.Scalar(0)), root.Log().Mul(x.Sqrt()), x.Mul(root)).Sum()
		}, []float64{-2, 0, 3}, []float64{0, 1, math.Sqrt(3)/8 + math.Log(2)/(2*math.Sqrt(3))}},
		{"where around a sum", func(x Value) Value {
			return Where(x.Index(0).Greater(x.Graph().Scalar(0)), x.Sqrt().Sum(), x.Sum())
		}, []float64{-1, -1}, []float64{1, 1}},
		{"where around elements", func(x Value) Value {
			g := x.Graph()
			a := Where(x.Index(0).Greater(g.Scalar(0)), x.Index(1).Sqrt(), g.Scalar(1))
			return a.Add(x.Index(0).Exp())
		}, []float64{0, -1}, []float64{1, 0}},
		{"where around matrices", func(x Value) Value {
			m := Concat(x.Sqrt(), x.Log()).Reshape(2, 2)
			return Where(x.Index(0).Less(x.Graph().Scalar(0)), x.Sum(), m.MatMul(m.Transpose()).Cholesky().Sum())
		}, []float64{-1, -1}, []float64{1, 1}},
		{"max and a root at 0", func(x Value) Value { return x.Max(x.Graph().Scalar(0)).Sqrt().Sum() }, []float64{-1, 4}, []float64{0, 0.25}},
		{"max of equals", func(x Value) Value { return x.Index(0).Max(x.Index(1)) }, []float64{1, 1}, []float64{1, 0}},
		{"largest of equals", func(x Value) Value { return x.MaxElement() }, []float64{1, 0, 1}, []float64{0.5, 0, 0.5}},
		{"prod with a 0", func(x Value) Value { return x.Prod() }, []float64{2, 0, 3}, []float64{0, 6, 0}},
		{"logSumExp of -Inf", func(x Value) Value {
			g := x.Graph()
			return Concat(x.Index(0).Square(), g.Scalar(-inf), x.Index(1).Log()).LogSumExp()
		}, []float64{1, 0}, []float64{2, 0}},
		{"logSumExp of nothing but -Inf", func(x Value) Value { return x.Log().LogSumExp() }, []float64{0, 0}, []float64{0, 0}},
		{"logSumExp far apart", func(x Value) Value {
			a, b := x.Index(0).Square().Scale(-0.5), x.Index(0).Shift(-3).Square().Scale(-0.5).Shift(-800)
			return Concat(a, b).LogSumExp()
		}, []float64{0.5}, []float64{-0.5}},
		{"relu at 0", func(x Value) Value { return x.ReLU().Sum() }, []float64{0, -1, 2}, []float64{0, 0, 1}},
		{"relu of relu", func(x Value) Value { return x.ReLU().ReLU().Square().Sum() }, []float64{-3, 2}, []float64{0, 4}},
		{"relu and a root", func(x Value) Value { return x.ReLU().Sqrt().Sum() }, []float64{-1, 4}, []float64{0, 0.25}},
		{"elu far out", func(x Value) Value { return x.ELU().Sum() }, []float64{1e4, -1e4}, []float64{1, 0}},
		{"comparison", func(x Value) Value { return x.Greater(x.Graph().Scalar(0)).Sum() }, []float64{1, 0}, []float64{0, 0}},
		{"floor", func(x Value) Value { return x.Floor().Sum() }, []float64{1, 0.5}, []float64{0, 0}},
		{"0 times x", func(x Value) Value { return x.Scale(0).Sum() }, []float64{1, inf}, []float64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := NewGraph().Input("x", len(c.at))
			d, err := Gradient(c.f(x), x)
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range one(t, d, x, c.at...)[0] {
				if !near(got, c.want[i], 1e-14) {
					t.Errorf("derivative %d at %v is %v, want %v", i, c.at, got, c.want[i])
				}
			}
		})
	}
}

func TestLogSumExpDoesNotOverflowOrHideFailures(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct{ a, b, want float64 }{
		{1000, 1000, 1000 + math.Ln2}, {-1e6, -1e6, -1e6 + math.Ln2}, {0, -800, 0}, {-inf, 3, 3}, {-inf, -inf, -inf},
		{inf, 0, inf}, {inf, -inf, inf}, {nan, 0, nan}, {0, nan, nan}, {1e308, -1e308, 1e308},
	} {
		x := NewGraph().Input("x", 2)
		if got := one(t, []Value{x.LogSumExp()}, x, c.a, c.b)[0][0]; !near(got, c.want, 1e-15) {
			t.Errorf("logSumExp(%v, %v) is %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestGradientSaysWhyThereIsNone(t *testing.T) {
	g := NewGraph()
	x := g.Input("x", 2)
	other := NewGraph().Input("y")
	broken := NewGraph()
	bad := broken.Input("x", 2).Index(5)
	for _, c := range []struct {
		y    Value
		wrt  Value
		want string
	}{
		{x.Trigamma().Sum(), x, "gradient: trigamma has no derivative here: leave it out of what is differentiated, or differentiate once less"},
		{x, x, "gradient: y has shape [2]: only a scalar has a gradient; sum it, or take one element"},
		{x.Sum(), x.Scale(2), "gradient: wrt[0] is neither an input nor a parameter but mul of shape [2]: make it an input of the formula"},
		{x.Sum(), other, "gradient: wrt[0] belongs to another graph than y"},
		{Value{}, x, "gradient: y is the zero Value, which belongs to no graph: make it with operations on inputs"},
		{bad, broken.Input("x"), "index: 5 is outside dimension 0 of shape [2]: indices go from 0 to 1"},
	} {
		if _, err := Gradient(c.y, c.wrt); err == nil || err.Error() != c.want {
			t.Errorf("error %q, want %q", err, c.want)
		}
	}
	if _, err := Gradient(x.Digamma().Sum(), x); err != nil {
		t.Errorf("digamma: %v", err)
	}
}

func TestGradientOfTheDonutIsFiveInstructions(t *testing.T) {
	want := strings.TrimLeft(`
from x[2] to out[2] by t[2], 512 lanes
t[0] = dot x[0:2] x[0:2]
t[0] = sqrt t[0]
t[1] = fma t[0] -60.60606060606061 157.5757575757576
t[1] = divOrZero t[1] t[0]
out[0:2] = mul x[0:2] t[1]*
`, "\n")
	if got := gradientProgram(t, donut, 2).String(); got != want {
		t.Errorf("program\n%swant\n%s", got, want)
	}
}
