package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// layer is a formula of a vector x, a number s and parameters that it makes: a scalar of each particle, mostly.
type layer struct {
	name string
	f    func(g *Graph, x, s Value) (y Value, params []Value)
}

// with1 and its siblings are formulas with one vector of parameters of the size of x, or more.
func with1(f func(x, s, p Value) Value) func(g *Graph, x, s Value) (Value, []Value) {
	return func(g *Graph, x, s Value) (Value, []Value) {
		p := g.Param("p", x.Size())
		return f(x, s, p), []Value{p}
	}
}

func with2(f func(x, s, p, q Value) Value) func(g *Graph, x, s Value) (Value, []Value) {
	return func(g *Graph, x, s Value) (Value, []Value) {
		p, q := g.Param("p", x.Size()), g.Param("q", x.Size())
		return f(x, s, p, q), []Value{p, q}
	}
}

// withWeights has weights from x to a number of outputs, and their bias.
func withWeights(outputs int, f func(x, s, w, b Value) Value) func(g *Graph, x, s Value) (Value, []Value) {
	return func(g *Graph, x, s Value) (Value, []Value) {
		w, b := g.Param("w", x.Size(), outputs), g.Param("b", outputs)
		return f(x, s, w, b), []Value{w, b}
	}
}

var layers = []layer{
	{"gain and bias", with2(func(x, s, p, q Value) Value { return weighted(x.Mul(p).Add(q).Sin()) })},
	{"scalar parameter", func(g *Graph, x, s Value) (Value, []Value) {
		p := g.Param("p")
		return weighted(x.Mul(p).Sin()).Add(s.Mul(p)), []Value{p}
	}},
	{"number times parameters", with1(func(x, s, p Value) Value { return weighted(p.Mul(s).Sin()).Mul(x.Sum()) })},
	{"three operands", with2(func(x, s, p, q Value) Value { return weighted(Where(x.Less(p), x.Mul(q), q.Mul(s).Add(x))) })},
	{"choice of parameters", with2(func(x, s, p, q Value) Value { return Where(s.Less(s.Graph().Scalar(0)), p, q).Dot(x) })},
	{"choice by constants", with2(func(x, s, p, q Value) Value {
		c := make([]float64, x.Size())
		c[0] = 1
		return weighted(Where(x.Graph().Constant(c, x.Size()), x.Mul(p), q.Mul(s)))
	})},
	{"dot", with1(func(x, s, p Value) Value { return x.Dot(p).Sin() })},
	{"made of parameters", with2(func(x, s, p, q Value) Value { return x.Dot(p.Exp().Mul(q.Sum())) })},
	{"parameters alone", with1(func(x, s, p Value) Value { return p.Dot(p).Sin() })},
	{"penalty", with1(func(x, s, p Value) Value { return x.Dot(p).Add(p.Dot(p)) })},
	{"side by side", with1(func(x, s, p Value) Value { return weighted(Concat(x, p, s, x.Sin()).Sin()) })},
	{"parts", with1(func(x, s, p Value) Value {
		return weighted(p.Gather([]int{0, 0, p.Size() - 1}).Mul(s)).Add(p.Index(p.Size() - 1).Mul(x.Sum())).Add(weighted(p.Slice(0, 1).Mul(x.Slice(x.Size()-1, x.Size()))))
	})},
	{"views of a row", with1(func(x, s, p Value) Value {
		h := Concat(x, x.Sin())
		return weighted(h.Slice(1, 1+x.Size()).Mul(p)).Add(h.Slice(x.Size()-1, 2*x.Size()).Dot(h.Slice(0, x.Size()+1)))
	})},
	{"largest", with1(func(x, s, p Value) Value { return x.Mul(p).LogSumExp().Add(x.Add(p).MaxElement()) })},
	{"powers", with1(func(x, s, p Value) Value { return weighted(x.Square().Shift(0.5).Pow(p)) })},
	{"norm", with1(func(x, s, p Value) Value { return x.Sub(p).Norm().Add(x.Abs().Mul(p.Abs()).Sum().Log1p()) })},
	{"frequencies", with1(func(x, s, p Value) Value {
		phase := s.Mul(s.Graph().Constant(ramp(20), 20))
		return weighted(Concat(phase.Sin(), phase.Cos())).Mul(x.Dot(p))
	})},
	{"layer norm", with2(func(x, s, p, q Value) Value {
		return weighted(Concat(x, s).LayerNorm(1e-1)).Add(weighted(x.Mul(p).Add(q)))
	})},
	{"matrix of parameters", func(g *Graph, x, s Value) (Value, []Value) {
		p := g.Param("p", 1, x.Size())
		return weighted(x.Reshape(1, x.Size()).Mul(p).Transpose().Sin()), []Value{p}
	}},
	{"dense", withWeights(3, func(x, s, w, b Value) Value { return weighted(x.Dense(w, b).Tanh()) })},
	{"dense, one output", withWeights(1, func(x, s, w, b Value) Value { return x.Dense(w, b).Sum().Sin() })},
	{"dense, two outputs, ReLU", withWeights(2, func(x, s, w, b Value) Value { return weighted(x.Dense(w, b).ReLU().Square()) })},
	{"dense, whole vectors", withWeights(16, func(x, s, w, b Value) Value { return weighted(x.Dense(w, b).SiLU()) })},
	{"dense, 20 outputs", withWeights(20, func(x, s, w, b Value) Value { return weighted(x.Dense(w, b).ReLU().Mul(x.Index(0))) })},
	{"dense, both ReLU and not", withWeights(16, func(x, s, w, b Value) Value {
		h := x.Dense(w, b)
		return weighted(h.ReLU().Add(h.Sin()))
	})},
	{"dense without bias", withWeights(5, func(x, s, w, b Value) Value { return weighted(x.Dense(w, Value{}).Add(b).Sin()) })},
	{"matMul", withWeights(5, func(x, s, w, b Value) Value { return weighted(x.MatMul(w).Mul(b)) })},
	{"dense of made weights", withWeights(5, func(x, s, w, b Value) Value {
		return weighted(x.Dense(w.Mul(w).Mul(b.Sum()), b.Exp()).Sin())
	})},
	{"tied weights", withWeights(6, func(x, s, w, b Value) Value {
		return weighted(x.Dense(w, b).Tanh().Dense(w.Transpose(), Value{}).Sin())
	})},
	{"dense of a view", withWeights(5, func(x, s, w, b Value) Value {
		h := Concat(s, x, s)
		return weighted(h.Slice(1, 1+x.Size()).Dense(w, b).Tanh())
	})},
	{"dense of parameters", withWeights(5, func(x, s, w, b Value) Value {
		p := w.Transpose().Slice(0, 1).Reshape(x.Size())
		return weighted(p.Dense(w, b).Mul(s)).Add(x.Sum())
	})},
	{"dense of constants", func(g *Graph, x, s Value) (Value, []Value) {
		p := g.Param("p", 3)
		return x.Dense(g.Constant(ramp(3*x.Size()), x.Size(), 3), g.Constant(ramp(3), 3)).Dot(p), []Value{p}
	}},
	{"choice around a layer", withWeights(5, func(x, s, w, b Value) Value {
		return Where(s.Less(s.Graph().Scalar(0)), weighted(x.Dense(w, b)), s)
	})},
	{"choice by a number", withWeights(5, func(x, s, w, b Value) Value {
		zero := s.Graph().Scalar(0)
		return weighted(Where(zero.Less(s), x.Dense(w, Value{}), zero)).Add(b.Sum())
	})},
	{"choice of a layer that is used", withWeights(16, func(x, s, w, b Value) Value {
		zero := s.Graph().Scalar(0)
		h := x.Dense(w, Value{})
		return weighted(Where(zero.Less(b.Mul(s)), h, zero)).Add(weighted(h.Sin())).Add(weighted(Where(zero.Less(h), h, zero)))
	})},
	{"neighbours in a row", withWeights(30, func(x, s, w, b Value) Value {
		h := x.Dense(w, b)
		return weighted(h.Slice(1, 30).Sub(h.Slice(0, 29)).Sin())
	})},
	{"two layers", func(g *Graph, x, s Value) (Value, []Value) {
		w, b, v := g.Param("w", x.Size()+1, 20), g.Param("b", 20), g.Param("v", 20, 3)
		return weighted(Concat(x, s).Dense(w, b).ELU().Dense(v, Value{})), []Value{w, b, v}
	}},
	{"residual and FiLM", func(g *Graph, x, s Value) (Value, []Value) {
		n := x.Size()
		w, b, e, c := g.Param("w", n, n), g.Param("b", n), g.Param("e", 1, 2*n), g.Param("c", 2*n)
		film := s.Reshape(1).Dense(e, c)
		h := x.Mul(film.Slice(0, n).Shift(1)).Add(film.Slice(n, 2*n))
		return weighted(x.Add(h.Dense(w, b).GELU())), []Value{w, b, e, c}
	}},
	{"energy", func(g *Graph, x, s Value) (Value, []Value) { // the score is the gradient of a network
		w, b, v := g.Param("w", x.Size(), 20), g.Param("b", 20), g.Param("v", 20, 1)
		d, _ := Gradient(x.Dense(w, b).Softplus().Dense(v, Value{}).Sum(), x)
		return weighted(d[0].Mul(s)), []Value{w, b, v}
	}},
	{"sliced score matching", func(g *Graph, x, s Value) (Value, []Value) {
		n := x.Size()
		w, b, v, c := g.Param("w", n, 18), g.Param("b", 18), g.Param("v", 18, n), g.Param("c", n)
		score := x.Dense(w, b).Tanh().Dense(v, c)
		probe := x.Graph().Constant(ramp(n), n)
		d, _ := Gradient(score.Dot(probe), x)
		return d[0].Dot(probe).Add(score.Dot(probe).Square().Scale(0.5)), []Value{w, b, v, c}
	}},
	{"exact trace", func(g *Graph, x, s Value) (Value, []Value) {
		n := x.Size()
		w, v := g.Param("w", n, 16), g.Param("v", 16, n)
		score := x.Dense(w, Value{}).Softplus().Dense(v, Value{})
		y := score.Dot(score).Scale(0.5)
		for i := range n {
			d, _ := Gradient(score.Index(i), x)
			y = y.Add(d[0].Index(i))
		}
		return y, []Value{w, v}
	}},
	{"sliced score matching through ReLU", func(g *Graph, x, s Value) (Value, []Value) {
		n := x.Size()
		w, b, v := g.Param("w", n, 32), g.Param("b", 32), g.Param("v", 32, n)
		score := x.Dense(w, b).ReLU().Dense(v, Value{})
		d, _ := Gradient(score.Dot(x.Mul(s)), x)
		return d[0].Dot(x).Add(score.Dot(score)), []Value{w, b, v}
	}},
}

// data32 draws numbers of float32 and the same in float64.
func data32(r *rand.Rand, rows int, values []Value) ([][]float32, map[int][]float64) {
	data, plain := make([][]float32, len(values)), map[int][]float64{}
	for i, v := range values {
		n := v.Size()
		if !v.Shared() {
			n *= rows
		}
		data[i] = make([]float32, n)
		plain[v.id] = make([]float64, n)
		for j := range n {
			data[i][j] = float32(r.NormFloat64() * 0.7)
			plain[v.id][j] = float64(data[i][j])
		}
	}
	return data, plain
}

func TestLayersAndTheirGradients(t *testing.T) {
	for _, l := range layers {
		t.Run(l.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 5, 16, 24, 33} {
				if l.name == "exact trace" && size > 5 {
					continue
				}
				r := rand.New(rand.NewPCG(uint64(len(l.name)), uint64(size)))
				g := NewGraph()
				x, s := g.Input("x", size), g.Input("s")
				y, params := l.f(g, x, s)
				wrt := append([]Value{x, s}, params...)
				outputs := append([]Value{y}, mustGradient(t, y, wrt...)...)
				p := mustCompileRows(t, outputs, []Value{x, s}, params)
				for _, rows := range []int{1, 7, 40} {
					data, plain := data32(r, rows, wrt)
					got := empty32(rows, outputs)
					p.Run(rows, got, data[:2], data[2:])
					want := evaluateRows(t, rows, outputs, plain)
					checkRowsAgree(t, fmt.Sprintf("size %d, %d rows", size, rows), got, want, 1e-5)
					if rows > 7 {
						continue
					}
					// The derivative of the sum over the particles, by differences.
					for k, v := range wrt {
						if !v.Shared() {
							continue
						}
						at := plain[v.id]
						for range 3 {
							j := r.IntN(len(at))
							slope := central(func(p []float64) float64 {
								plain[v.id] = p
								sum := 0.0
								for _, v := range evaluateRows(t, rows, []Value{y}, plain)[0] {
									sum += v
								}
								plain[v.id] = at
								return sum
							}, at, j)
							if d := want[k+1][j]; !near(d, slope, 1e-6) {
								t.Fatalf("size %d, %d rows: derivative %d in %v is %v, by differences %v", size, rows, j, v, d, slope)
							}
						}
					}
				}
			}
		})
	}
}

func TestFormulasByRows(t *testing.T) {
	for i, f := range formulas {
		t.Run(f.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			for _, size := range []int{1, 3, 7, 16, 30} {
				x := NewGraph().Input("x", size)
				y := f.f(x)
				outputs := append([]Value{y}, mustGradient(t, y, x)...)
				p := mustCompileRows(t, outputs, []Value{x}, nil)
				const rows = 9
				data := make([]float32, 0, rows*size)
				plain := make([]float64, rows*size)
				for range rows {
					for _, v := range point(r, size, f.low, f.high) {
						data = append(data, float32(v))
					}
				}
				for j, v := range data {
					plain[j] = float64(v)
				}
				got := empty32(rows, outputs)
				p.Run(rows, got, [][]float32{data}, nil)
				checkRowsAgree(t, fmt.Sprint("size ", size), got, evaluateRows(t, rows, outputs, map[int][]float64{x.id: plain}), 2e-5)
			}
		})
	}
}

func TestRowsWithoutFiniteNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := NewGraph().Input("x", 3)
	p := mustCompileRows(t, []Value{x.LogSumExp(), x.MaxElement(), x.ReLU(), x.DivOrZero(x)}, []Value{x}, nil)
	out := [][]float32{make([]float32, 3), make([]float32, 3), make([]float32, 9), make([]float32, 9)}
	p.Run(3, out, [][]float32{{-inf, -inf, -inf, 1, nan, 2, inf, 0, -inf}}, nil)
	want := [][]float32{{-inf, nan, inf}, {-inf, nan, inf}, {0, 0, 0, 1, nan, 2, inf, 0, 0}, {nan, nan, nan, 1, nan, 1, nan, 0, nan}}
	sameBits(t, "three rows", out, want)
}

// TestInstructionsStayWithinTheirArrays checks what unsafe slices do not: the numbers that each instruction touches in the
// caller's arrays are there, for any number of rows.
func TestInstructionsStayWithinTheirArrays(t *testing.T) {
	for _, size := range []int{1, 2, 5, 16, 24, 33} {
		p, _, _, _ := everything(t, size)
		arrays := slices.Concat(p.inputs, p.params, p.outputs)
		for phase, code := range p.code {
			for i := range code {
				in := &code[i]
				check := func(q *rowPlace, rows, n int) { // rows is 0 for those of the piece
					if q.array < arrayCaller {
						return
					}
					a := arrays[q.array-arrayCaller]
					end := q.at + n
					if rows > 0 {
						end += (rows - 1) * q.stride
					}
					stride := a.size
					if a.shared {
						stride = 0
					}
					if end > a.size || rows == 0 && phase == phaseEach && q.stride != stride {
						t.Errorf("size %d: %s touches number %d of %s, which has %d", size, in.text(p), end-1, a.name, a.size)
					}
				}
				a, b, c := &in.a.rowPlace, &in.b.rowPlace, &in.c.rowPlace
				switch in.kind {
				case rowFlat, rowByRow:
					check(&in.dst, 0, in.n)
					for _, o := range in.operands() {
						switch o.use {
						case useRows:
							check(&o.rowPlace, 0, in.n)
						case useNumber, useNumbers:
							check(&o.rowPlace, 0, 1)
						}
					}
				case rowCopy:
					check(&in.dst, in.rows, in.n)
					check(a, in.rows, in.n)
				case rowDense:
					check(&in.dst, 0, in.n)
					check(a, 0, in.inner)
					check(b, in.inner, in.n)
					if in.gated {
						check(c, 0, in.n)
					} else if in.bias {
						check(c, 1, in.n)
					}
				case rowDenseThin:
					check(a, 0, in.inner)
					check(b, in.n, in.inner)
				case rowDenseAdd, rowDenseAddTurned:
					check(a, 0, in.inner)
					check(b, 0, in.n)
				case rowColumnSums:
					check(a, 0, in.n)
				case rowSumProducts:
					check(a, 0, in.n)
					check(b, 0, in.n)
				}
			}
		}
	}
}

// TestNoGradientThroughASumOverParticles: a parameter's gradient is final.
func TestNoGradientThroughASumOverParticles(t *testing.T) {
	const want = "gradient: the gradient of a parameter is a sum over the particles and cannot be differentiated again: differentiate in the inputs first and in the parameters last"
	g := NewGraph()
	x, w, b := g.Input("x", 3), g.Param("w", 3, 2), g.Param("b", 3)
	first := mustGradient(t, x.Dense(w, Value{}).Square().Sum().Add(x.Mul(b).Sum()), w, b)
	for i, wrt := range []Value{w, x} {
		if _, err := Gradient(first[0].Sum(), wrt); err == nil || err.Error() != want {
			t.Errorf("%d: error %v, want %s", i, err, want)
		}
	}
	if _, err := Gradient(first[1].Dot(first[1]), x); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	// What is not differentiated may stand beside.
	if _, err := Gradient(first[0].Sum().Mul(w.Sum()), b); err != nil {
		t.Error(err)
	}
	if !first[0].Shared() || x.Shared() || !w.Shared() || x.Mul(b).Shared() || !b.Exp().Shared() || !g.Scalar(1).Shared() || (Value{}).Shared() {
		t.Error("Shared is wrong")
	}
}

func TestCompileRowsSaysWhatIsWrong(t *testing.T) {
	g := NewGraph()
	x, w := g.Input("x", 2), g.Param("w", 2)
	d := mustGradient(t, x.Dot(w), w)
	other := NewGraph().Param("other")
	for _, c := range []struct {
		outputs, inputs, params []Value
		want                    string
	}{
		{nil, nil, nil, "compileRows: no outputs: give at least one value to compute"},
		{[]Value{x.Mul(w)}, []Value{x}, nil, `compileRows: the outputs need param "w" of shape [2], which is not among the params: add it`},
		{[]Value{x.Mul(w)}, nil, []Value{w}, `compileRows: the outputs need input "x" of shape [2], which is not among the inputs: add it`},
		{[]Value{x}, []Value{w}, nil, `compileRows: input 0 is param "w" of shape [2]: inputs are made by Graph.Input`},
		{[]Value{x}, []Value{x}, []Value{x}, `compileRows: param 0 is input "x" of shape [2]: params are made by Graph.Param`},
		{[]Value{x}, []Value{x}, []Value{w, w}, `compileRows: param 1, param "w" of shape [2], is given twice: give it once`},
		{[]Value{x}, []Value{x}, []Value{other}, `compileRows: param 0 belongs to another graph than the outputs: build a formula in one graph`},
		{[]Value{x.Mul(d[0])}, []Value{x}, []Value{w}, `compileRows: mul of shape [2] is each particle's own, but made of a sum over the particles: use a parameter's gradient in shared values only`},
	} {
		if _, err := CompileRows(c.outputs, c.inputs, c.params); err == nil || err.Error() != c.want {
			t.Errorf("error %q, want %q", err, c.want)
		}
	}
	// Shared values may be made of it: a gradient that is cut to length 1.
	length := d[0].Norm().Max(g.Scalar(1))
	p := mustCompileRows(t, []Value{d[0].Div(length), length}, []Value{x}, []Value{w})
	out := [][]float32{make([]float32, 2), make([]float32, 1)}
	p.Run(3, out, [][]float32{{1, 0, 0, 2, 2, 2}}, [][]float32{{1, 1}})
	if math.Abs(float64(out[0][0])-0.6) > 1e-6 || math.Abs(float64(out[0][1])-0.8) > 1e-6 || out[1][0] != 5 {
		t.Errorf("a gradient of [3 4] cut to length 1 is %v of %v, want [0.6 0.8] of 5", out[0], out[1])
	}
}
