package autodiff

import (
	"math"
	"strings"
	"testing"
)

func TestMistakesAreRecordedWhereTheyAreMade(t *testing.T) {
	other := NewGraph().Input("other", 2)
	for _, c := range []struct {
		want string
		f    func(g *Graph, x, m, s Value) Value // x of shape [2], m of [2, 3], s a scalar
	}{
		{`input "y": shape [2, 0] has a dimension of 0: every dimension must be at least 1`,
			func(g *Graph, x, m, s Value) Value { return g.Input("y", 2, 0) }},
		{`input "y": shape [100000, 100000] has more than 1048576 elements for one particle: split the value`,
			func(g *Graph, x, m, s Value) Value { return g.Input("y", 100000, 100000) }},
		{`constant: shape [3] has 3 elements, data has 2: give one number for each element`,
			func(g *Graph, x, m, s Value) Value { return g.Constant([]float64{1, 2}, 3) }},
		{`add: shapes [2] and [2, 3] differ: operands need equal shapes, or one is a scalar`,
			func(g *Graph, x, m, s Value) Value { return x.Add(m) }},
		{`where: shapes [2] and [2, 3] differ: operands need equal shapes, or one is a scalar`,
			func(g *Graph, x, m, s Value) Value { return Where(s, x, m) }},
		{`mul: operand 1 belongs to another graph than operand 0: build a formula in one graph`,
			func(g *Graph, x, m, s Value) Value { return x.Mul(other) }},
		{`sub: operand 1 is the zero Value, which belongs to no graph: make it with Input, Constant or an operation`,
			func(g *Graph, x, m, s Value) Value { return x.Sub(Value{}) }},
		{`sub: operand 0 is the zero Value, which belongs to no graph: make it with Input, Constant or an operation`,
			func(g *Graph, x, m, s Value) Value { return Value{}.Sub(x) }},
		{`dot: shapes [2] and [2, 3] differ: operands need equal shapes`,
			func(g *Graph, x, m, s Value) Value { return x.Dot(m) }},
		{`index: 2 is outside dimension 0 of shape [2]: indices go from 0 to 1`,
			func(g *Graph, x, m, s Value) Value { return x.Index(2) }},
		{`index: -1 is outside dimension 1 of shape [2, 3]: indices go from 0 to 2`,
			func(g *Graph, x, m, s Value) Value { return m.Index(0, -1) }},
		{`index: 1 indices for a value of shape [2, 3]: give one for each dimension`,
			func(g *Graph, x, m, s Value) Value { return m.Index(0) }},
		{`slice: [1:4] of shape [2, 3]: a part needs 0 <= from < to <= 2`,
			func(g *Graph, x, m, s Value) Value { return m.Slice(1, 4) }},
		{`slice: the value is a scalar: only vectors and matrices have parts`,
			func(g *Graph, x, m, s Value) Value { return s.Slice(0, 1) }},
		{`reshape: shape [4] has 4 elements, shape [2, 3] has 6: they must be equal`,
			func(g *Graph, x, m, s Value) Value { return m.Reshape(4) }},
		{`reshape: shape [-6] has a dimension of -6: every dimension must be at least 1`,
			func(g *Graph, x, m, s Value) Value { return m.Reshape(-6) }},
		{`concat: shapes [2] and [2, 3] differ after the first dimension: they must be equal there`,
			func(g *Graph, x, m, s Value) Value { return Concat(x, m) }},
		{`gather: index 2 is outside shape [2, 3]: indices go from 0 to 1`,
			func(g *Graph, x, m, s Value) Value { return m.Gather([]int{0, 2}) }},
		{`gather: 0 indices of elements of 3 numbers: give at least 1 and at most 349525`,
			func(g *Graph, x, m, s Value) Value { return m.Gather(nil) }},
		{`transpose: shape [2] is no matrix: it needs two dimensions`,
			func(g *Graph, x, m, s Value) Value { return x.Transpose() }},
		{`matMul: shapes [2, 3] and [2] do not fit: the last dimension of a matrix or vector must equal the first one of the other`,
			func(g *Graph, x, m, s Value) Value { return m.MatMul(x) }},
		{`cholesky: shape [2, 3] is no square matrix: it needs two equal dimensions`,
			func(g *Graph, x, m, s Value) Value { return m.Cholesky() }},
		{`cholesky: shape [200, 200] is too large: at most 64 rows`,
			func(g *Graph, x, m, s Value) Value { return g.Input("a", 200, 200).Cholesky() }},
		{`param "w": shape [3, -1] has a dimension of -1: every dimension must be at least 1`,
			func(g *Graph, x, m, s Value) Value { return g.Param("w", 3, -1) }},
		{`dense: shapes [2, 3] and [2, 3] do not fit: it takes a vector [k] and weights [k, o]`,
			func(g *Graph, x, m, s Value) Value { return m.Dense(m, Value{}) }},
		{`dense: shapes [2] and [3, 2] do not fit: it takes a vector [k] and weights [k, o]`,
			func(g *Graph, x, m, s Value) Value { return x.Dense(g.Param("w", 3, 2), Value{}) }},
		{`dense: a bias of shape [2] does not fit weights of shape [2, 3]: it needs shape [3]`,
			func(g *Graph, x, m, s Value) Value { return x.Dense(g.Param("w", 2, 3), g.Param("b", 2)) }},
		{`dense: the weights are each particle's own, input "m" of shape [2, 3]: make a dense layer of parameters and constants`,
			func(g *Graph, x, m, s Value) Value { return x.Dense(m, Value{}) }},
		{`dense: the bias is each particle's own, input "x" of shape [2]: make a dense layer of parameters and constants`,
			func(g *Graph, x, m, s Value) Value { return x.Dense(g.Param("w", 2, 2), x) }},
		{`layerNorm: epsilon is 0: it must be above 0, 1e-5 is usual`,
			func(g *Graph, x, m, s Value) Value { return x.LayerNorm(0) }},
		{`solveLower: shapes [2, 2] and [3] do not fit: the right side needs 2 rows, as a vector or matrix`,
			func(g *Graph, x, m, s Value) Value {
				return m.MatMul(m.Transpose()).SolveLower(g.Input("b", 3))
			}},
	} {
		g := NewGraph()
		x, m, s := g.Input("x", 2), g.Input("m", 2, 3), g.Input("s")
		// What is done with a failed value neither panics nor hides the mistake.
		y := c.f(g, x, m, s).Exp().Add(x).Index(7).MatMul(m).Norm()
		if g.Err() == nil || g.Err().Error() != c.want {
			t.Errorf("error %q, want %q", g.Err(), c.want)
		}
		if _, err := Compile([]Value{y}, []Value{x, m, s}); err == nil || err.Error() != c.want {
			t.Errorf("compile: error %q, want %q", err, c.want)
		}
	}
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	g := NewGraph()
	x, s, p, w := g.Input("x", 2), g.Input("s"), g.Param("p", 2), g.Param("w", 2, 3)
	other := NewGraph().Input("other")
	for _, c := range []struct {
		outputs, inputs []Value
		want            string
	}{
		{nil, []Value{x}, "compile: no outputs: give at least one value to compute"},
		{[]Value{{}}, nil, "compile: output 0 is the zero Value, which belongs to no graph: make it with operations on inputs"},
		{[]Value{x, other}, []Value{x}, "compile: output 1 belongs to another graph than output 0: build a formula in one graph"},
		{[]Value{x}, []Value{other}, "compile: input 0 belongs to another graph than the outputs: build a formula in one graph"},
		{[]Value{x}, []Value{x.Exp()}, "compile: input 0 is exp of shape [2]: inputs are made by Graph.Input"},
		{[]Value{x}, []Value{x, x}, `compile: input 1, input "x" of shape [2], is given twice: give it once`},
		{[]Value{x.Mul(s)}, []Value{x}, `compile: the outputs need input "s" of shape [], which is not among the inputs: add it`},
		{[]Value{x.Mul(p)}, []Value{x}, `compile: the outputs need param "p" of shape [2]: use CompileRows, which takes parameters`},
		{mustGradient(t, x.Dense(w, Value{}).Sum(), w), []Value{x}, `compile: the outputs need a sum over the particles, the gradient of a parameter: use CompileRows, which computes it`},
		{mustGradient(t, x.Dot(p), p), []Value{x}, `compile: the outputs need a sum over the particles, the gradient of a parameter: use CompileRows, which computes it`},
	} {
		if _, err := Compile(c.outputs, c.inputs); err == nil || err.Error() != c.want {
			t.Errorf("error %q, want %q", err, c.want)
		}
	}
	if _, err := Compile([]Value{g.Scalar(1)}, []Value{x, s}); err != nil {
		t.Errorf("unused inputs: %v", err)
	}
}

func TestZeroValuesDoNoHarm(t *testing.T) {
	var g Graph
	if g.Err() != nil {
		t.Error(g.Err())
	}
	x := g.Input("")
	if got := one(t, []Value{x.Shift(1)}, x, 2)[0][0]; got != 3 {
		t.Errorf("a graph of type Graph computes %v, want 3", got)
	}
	v := Value{}
	if w := Where(v.Exp().Add(v), Concat(v).Norm(), v.Index(0)); len(w.Shape()) != 0 || w.Size() != 1 || w.Graph() != nil {
		t.Errorf("operations on zero Values give %v", w)
	}
	if w := Concat(); w.Graph() != nil {
		t.Errorf("concat of nothing gives %v", w)
	}
}

func TestShapes(t *testing.T) {
	g := NewGraph()
	m, x, s := g.Input("m", 2, 3), g.Input("x", 3), g.Input("s")
	for _, c := range []struct {
		v    Value
		want string
	}{
		{s, "[]"}, {m, "[2, 3]"}, {m.Mul(s), "[2, 3]"}, {s.Sub(x), "[3]"}, {m.MatMul(x), "[2]"}, {x.MatMul(m.Transpose()), "[2]"},
		{m.MatMul(m.Transpose()), "[2, 2]"}, {x.MatMul(x), "[]"}, {m.Slice(0, 1), "[1, 3]"}, {m.Gather([]int{1, 0, 1}), "[3, 3]"},
		{Concat(s, x, s), "[5]"}, {Concat(m, m), "[4, 3]"}, {m.Sum(), "[]"}, {x.Norm(), "[]"}, {m.LogSumExp(), "[]"}, {m.Reshape(6), "[6]"},
		{m.Reshape(1, 6).MaxElement(), "[]"}, {g.Input("one", 1).Sum(), "[]"}, {g.Input("one", 1).Norm(), "[]"}, {g.Input("one", 1).Dot(g.Input("two", 1)), "[]"},
		{Where(s, s, x), "[3]"}, {Where(g.Scalar(1), s, x), "[3]"}, {g.Scalar(1).Mul(g.Constant([]float64{1, 1}, 2)), "[2]"},
		{s.Mul(g.Constant([]float64{1, 1}, 2)), "[2]"}, {s.Add(g.Constant([]float64{0, 0}, 2)), "[2]"}, {g.Constant([]float64{0, 0}, 2).Sub(s), "[2]"},
		{s.Pow(g.Constant([]float64{2, 2}, 2)), "[2]"}, {s.Mul(g.Constant([]float64{-1, -1}, 2)).Abs(), "[2]"},
		{s.Mul(g.Constant([]float64{-1, -1}, 2)).Add(s), "[2]"}, {s.Add(g.Constant([]float64{1, 1}, 2)).Log(), "[2]"},
	} {
		if got := shapeText(c.v.Shape()).String(); got != c.want {
			t.Errorf("%v has shape %s, want %s", c.v, got, c.want)
		}
	}
	if g.Err() != nil {
		t.Error(g.Err())
	}
}

// TestSimplification pins the instructions that formulas become.
func TestSimplification(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(x Value) Value
		want string
	}{
		{"x*1 + 0", func(x Value) Value { return x.Scale(1).Shift(0) }, "out[0] = copy x[0]"},
		{"--x", func(x Value) Value { return x.Neg().Neg() }, "out[0] = copy x[0]"},
		{"x - x", func(x Value) Value { return x.Sub(x) }, "out[0] = sub x[0] x[0]"},
		{"x*0", func(x Value) Value { return x.Scale(0) }, "out[0] = mul x[0] 0"},
		{"x/4", func(x Value) Value { return x.Div(x.Graph().Scalar(4)) }, "out[0] = mul x[0] 0.25"},
		{"x/0", func(x Value) Value { return x.Div(x.Graph().Scalar(0)) }, "out[0] = div x[0] 0"},
		{"x - 4", func(x Value) Value { return x.Sub(x.Graph().Scalar(4)) }, "out[0] = add x[0] -4"},
		{"-(3*x)*2", func(x Value) Value { return x.Scale(3).Neg().Scale(2) }, "out[0] = mul x[0] -6"},
		{"x*1e200*1e200", func(x Value) Value { return x.Scale(1e200).Scale(1e200) }, "t[0] = mul x[0] 1e+200; out[0] = mul t[0] 1e+200"},
		{"x + 1 + 2", func(x Value) Value { return x.Shift(1).Shift(2) }, "out[0] = add x[0] 3"},
		{"-(x - 1)", func(x Value) Value { return x.Shift(-1).Neg() }, "out[0] = sub 1 x[0]"},
		{"x*x + 1", func(x Value) Value { return x.Square().Shift(1) }, "out[0] = fma x[0] x[0] 1"},
		{"1 - 2*x", func(x Value) Value { return x.Graph().Scalar(1).Sub(x.Scale(2)) }, "out[0] = fma x[0] -2 1"},
		{"sin x - 2*x", func(x Value) Value { return x.Sin().Sub(x.Scale(2)) }, "t[0] = sin x[0]; out[0] = fma x[0] -2 t[0]"},
		{"(x - 1)*3", func(x Value) Value { return x.Shift(-1).Scale(3) }, "t[0] = add x[0] -1; out[0] = mul t[0] 3"},
		{"(exp x - 1)*3", func(x Value) Value { return x.Exp().Shift(-1).Scale(3) }, "t[0] = exp x[0]; out[0] = fma t[0] 3 -3"},
		{"(2 - exp x)*3", func(x Value) Value { return x.Graph().Scalar(2).Sub(x.Exp()).Scale(3) }, "t[0] = exp x[0]; out[0] = fma t[0] -3 6"},
		{"(exp x + 1e300)*1e300", func(x Value) Value { return x.Exp().Shift(1e300).Scale(1e300) }, "t[0] = exp x[0]; t[0] = add t[0] 1e+300; out[0] = mul t[0] 1e+300"},
		{"sqrt(x)^2", func(x Value) Value { return x.Sqrt().Square() }, "t[0] = sqrt x[0]; out[0] = mul t[0] t[0]"},
		{"(2*x)*(3/sin x)", func(x Value) Value { return x.Scale(2).Mul(x.Graph().Scalar(3).Div(x.Sin())) }, "t[0] = sin x[0]; t[0] = div 6 t[0]; out[0] = mul x[0] t[0]"},
		{"x^3", func(x Value) Value { return x.PowConst(3) }, "t[0] = mul x[0] x[0]; out[0] = mul t[0] x[0]"},
		{"x^0.5", func(x Value) Value { return x.PowConst(0.5) }, "out[0] = sqrt x[0]"},
		{"x^-1", func(x Value) Value { return x.PowConst(-1) }, "out[0] = div 1 x[0]"},
		{"x^0.3", func(x Value) Value { return x.PowConst(0.3) }, "out[0] = pow x[0] 0.3"},
		{"x^99", func(x Value) Value { return x.PowConst(99) }, "out[0] = pow x[0] 99"},
		{"log(1 + x)", func(x Value) Value { return x.Shift(1).Log() }, "out[0] = log1p x[0]"},
		{"log(1 + exp x)", func(x Value) Value { return x.Exp().Shift(1).Log() }, "out[0] = softplus x[0]"},
		{"1/(1 + exp(-x))", func(x Value) Value { return x.Graph().Scalar(1).Div(x.Neg().Exp().Shift(1)) }, "out[0] = sigmoid x[0]"},
		{"sqrt(x*x)", func(x Value) Value { return x.Square().Sqrt() }, "out[0] = abs x[0]"},
		{"|tanh x|", func(x Value) Value { return x.Tanh().Abs() }, "t[0] = tanh x[0]; out[0] = abs t[0]"},
		{"silu x", func(x Value) Value { return x.SiLU() }, "t[0] = sigmoid x[0]; out[0] = mul x[0] t[0]"},
		{"silu 2", func(x Value) Value { return x.Add(x.Graph().Scalar(2).SiLU()) }, "out[0] = add x[0] 1.7615941559557649"},
		{"|relu x|", func(x Value) Value { return x.ReLU().Abs() }, "out[0] = relu x[0]"},
		{"|x|^2", func(x Value) Value { return x.Abs().Square() }, "out[0] = mul x[0] x[0]"},
		{"twice the same", func(x Value) Value { return x.Sin().Mul(x.Exp()).Add(x.Exp().Mul(x.Sin())) }, "t[0] = sin x[0]; t[1] = exp x[0]; t[0] = mul t[0] t[1]; out[0] = mul t[0] 2"},
		{"where not", func(x Value) Value { return Where(x.Less(x.Graph().Scalar(1)).Not(), x, x.Neg()) }, "t[0] = less x[0] 1; t[1] = neg x[0]; out[0] = where t[0] t[1] x[0]"},
	} {
		g := NewGraph()
		x := g.Input("x")
		p, err := Compile([]Value{c.f(x)}, []Value{x})
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(strings.TrimSpace(p.String()), "\n")
		if got = strings.ReplaceAll(got, "\n", "; "); got != c.want {
			t.Errorf("%s: program %q, want %q", c.name, got, c.want)
		}
	}
}

// TestVectorPrograms pins what needs more than one row.
func TestVectorPrograms(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(x Value) Value
		want string
	}{
		{"norm(x)^2", func(x Value) Value { return x.Norm().Square() }, "out[0] = dot x[0:3] x[0:3]"},
		{"sum(x*x)", func(x Value) Value { return x.Square().Sum() }, "out[0] = dot x[0:3] x[0:3]"},
		{"sum(x/2)", func(x Value) Value { return x.Scale(0.5).Sum() }, "t[0] = sum x[0:3]; out[0] = mul t[0] 0.5"},
		{"x/norm(x)", func(x Value) Value { return x.Div(x.Norm()) }, "t[0] = dot x[0:3] x[0:3]; t[0] = sqrt t[0]; t[0] = div 1 t[0]; out[0:3] = mul x[0:3] t[0]*"},
		{"x[0]^2 + x[1]^2", func(x Value) Value { return x.Index(0).Square().Add(x.Index(1).Square()) }, "t[0] = mul x[0] x[0]; out[0] = fma x[1] x[1] t[0]"},
		{"elements side by side", func(x Value) Value { return Concat(x.Index(0), x.Index(1), x.Index(2)).Exp() }, "out[0:3] = exp x[0:3]"},
		{"backwards", func(x Value) Value { return x.Gather([]int{2, 1, 0}).Add(x) }, "out[0:3] = add x[2:-1:-1] x[0:3]"},
		{"in place", func(x Value) Value { return Concat(x.Index(0).Exp(), x.Slice(1, 3).Sin()) }, "out[0] = exp x[0]; out[1:3] = sin x[1:3]"},
		{"constant vector", func(x Value) Value { return x.Mul(x.Graph().Constant([]float64{1, 2, 3}, 3)) }, "out[0:3] = mul x[0:3] constants[3]"},
		{"equal constants", func(x Value) Value { return x.Mul(x.Graph().Constant([]float64{2, 2, 2}, 3)) }, "out[0:3] = mul x[0:3] 2"},
		{"transposed in place", func(x Value) Value {
			m := Concat(x.Sin(), x.Cos()).Reshape(2, 3)
			return m.MatMul(m.Transpose())
		}, "t[0:3] = sin x[0:3]; t[3:6] = cos x[0:3]; out[0:4] = matMul[2, 3, 2] t[0:6] t[0:6]"},
		{"the same of other rows", func(x Value) Value {
			h := x.Index(1).Exp()
			return Concat(x.Index(2).Mul(h), x.Index(1).Mul(h), x.Index(0).Mul(h))
		}, "t[0] = exp x[1]; out[0:3] = mul x[2:-1:-1] t[0]*"},
		{"not in place: one element repeated", func(x Value) Value {
			v := x.Sin()
			return v.Mul(v.Index(1)).Exp()
		}, "t[0:3] = sin x[0:3]; t[3:6] = mul t[0:3] t[1]*; out[0:3] = exp t[3:6]"},
		{"not in place: backwards", func(x Value) Value {
			return x.Sin().Gather([]int{2, 1, 0}).Abs().Exp()
		}, "t[0:3] = sin x[0:3]; t[3:6] = abs t[2:-1:-1]; out[0:3] = exp t[3:6]"},
		{"not merged: one after the other", func(x Value) Value {
			a := x.Index(0).Sin()
			b := a.Sin()
			return Concat(a, b, b.Sin())
		}, "out[0] = sin x[0]; out[1] = sin out[0]; out[2] = sin out[1]"},
		{"gradient of logSumExp", func(x Value) Value {
			d, _ := Gradient(x.LogSumExp(), x)
			return d[0]
		}, "t[0] = maxElement x[0:3]; t[0] = max t[0] -1.7976931348623157e+308; t[0] = min t[0] 1.7976931348623157e+308; " +
			"t[1:4] = sub x[0:3] t[0]*; t[1:4] = exp t[1:4]; t[0] = sum t[1:4]; t[0] = divOrZero 1 t[0]; out[0:3] = mul t[0]* t[1:4]"},
		{"gradient of a product in text", func(x Value) Value {
			d, _ := Gradient(x.Index(0).Square().Add(x.Index(1).Square()).Scale(-0.5), x)
			return d[0]
		}, "out[0:2] = neg x[0:2]; out[2] = fill 0"},
	} {
		g := NewGraph()
		x := g.Input("x", 3)
		p, err := Compile([]Value{c.f(x)}, []Value{x})
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(strings.TrimSpace(p.String()), "\n")
		if got = strings.ReplaceAll(got, "\n", "; "); got != c.want {
			t.Errorf("%s: program %q, want %q", c.name, got, c.want)
		}
	}
}

func TestConstantsAreFoldedAndCanBeAsked(t *testing.T) {
	g := NewGraph()
	if data, ok := g.Scalar(2).Exp().Log().Shift(1).Constant(); !ok || !near(data[0], 3, 1e-15) {
		t.Errorf("log(exp(2)) + 1 is %v, %v", data, ok)
	}
	if data, ok := g.Scalar(1e200).Square().Constant(); !ok || !math.IsInf(data[0], 1) {
		t.Errorf("1e200^2 is %v, %v, want +Inf", data, ok)
	}
	if data, ok := g.Scalar(0).Log().Constant(); !ok || !math.IsInf(data[0], -1) {
		t.Errorf("log(0) is %v, %v, want -Inf", data, ok)
	}
	if _, ok := g.Input("x").Constant(); ok {
		t.Error("an input is constant")
	}
	a := g.Constant([]float64{4, 2, 2, 3}, 2, 2)
	if data, ok := a.Cholesky().Constant(); !ok || data[0] != 2 || data[1] != 0 || data[2] != 1 || !near(data[3], math.Sqrt2, 1e-15) {
		t.Errorf("Cholesky of [4 2; 2 3] is %v, %v", data, ok)
	}
}

func TestConstantsAreCopied(t *testing.T) {
	g := NewGraph()
	data := []float64{1, 2}
	v := g.Constant(data, 2)
	data[0] = 7
	if got, _ := v.Constant(); got[0] != 1 {
		t.Error("a constant changed with the caller's slice")
	}
}
