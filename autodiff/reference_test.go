package autodiff

import (
	"math"
	"testing"
)

// evaluate computes the values of a graph for one particle the slow way: node by node, with package math. It is what
// programs are compared with.
func evaluate(t testing.TB, outputs []Value, inputs map[int][]float64) [][]float64 {
	t.Helper()
	return evaluateRows(t, 1, outputs, inputs)
}

// evaluateRows is evaluate for a number of particles: an input's numbers are row after row, and so are the results, but for
// what all particles share.
func evaluateRows(t testing.TB, rows int, outputs []Value, given map[int][]float64) [][]float64 {
	t.Helper()
	g := outputs[0].graph
	if g.err != nil {
		t.Fatal(g.err)
	}
	values := make([][][]float64, len(g.nodes)) // of each node, for each particle or for all
	of := func(id, r int) []float64 {
		if g.nodes[id].shared {
			r = 0
		}
		return values[id][r]
	}
	for id := range g.nodes {
		n := &g.nodes[id]
		count := rows
		if n.shared {
			count = 1
		}
		for r := range count {
			operands := func(r int) [][]float64 {
				list := make([][]float64, len(n.args))
				for i, a := range n.args {
					list[i] = of(a, r)
				}
				return list
			}
			var out []float64
			switch {
			case n.op == opInput || n.op == opParam:
				out = make([]float64, n.size)
				if data := given[id]; data != nil {
					copy(out, data[r*n.size:])
				}
			case n.op == opSumParticles || n.op == opDenseGradient || n.op == opConvGradient:
				particles := rows
				if n.op != opSumParticles && g.nodes[n.args[0]].shared && g.nodes[n.args[1]].shared {
					particles = 1
				}
				out = make([]float64, n.size)
				for r := range particles {
					for i, v := range plain(g, n, operands(r)) {
						out[i] += v
					}
				}
			default:
				out = plain(g, n, operands(r))
			}
			values[id] = append(values[id], out)
		}
	}
	result := make([][]float64, len(outputs))
	for i, v := range outputs {
		for _, row := range values[v.id] {
			result[i] = append(result[i], row...)
		}
	}
	return result
}

// plain computes one node for one particle. A sum over the particles has one particle's share.
func plain(g *Graph, n *node, values [][]float64) []float64 {
	at := func(operand, i int) float64 {
		v := values[operand]
		if g.scalar(n.args[operand]) {
			return v[0]
		}
		return v[i]
	}
	if n.op.image() {
		return plainImage(g, n, values)
	}
	out := make([]float64, n.size)
	switch n.op {
	case opPoison:
	case opConstant:
		copy(out, n.data)
	case opSum:
		for _, v := range values[0] {
			out[0] += v
		}
	case opDot:
		for i, v := range values[0] {
			out[0] += v * values[1][i]
		}
	case opMaxElement:
		out[0] = math.Inf(-1)
		for _, v := range values[0] {
			out[0] = math.Max(out[0], v)
		}
	case opMatMul:
		k, columns := g.shape(n.args[0])[1], n.shape[1]
		for i := range n.shape[0] {
			for j := range columns {
				for l := range k {
					out[i*columns+j] += values[0][i*k+l] * values[1][l*columns+j]
				}
			}
		}
	case opDense:
		for j := range out {
			if len(n.args) == 3 {
				out[j] = values[2][j]
			}
			for i, x := range values[0] {
				out[j] += x * values[1][i*n.size+j]
			}
		}
	case opDenseGradient:
		for i, x := range values[0] {
			for j, y := range values[1] {
				out[i*len(values[1])+j] = x * y
			}
		}
	case opView:
		copy(out, values[0][n.from:])
	case opConcat:
		out = out[:0]
		for _, v := range values {
			out = append(out, v...)
		}
	case opGather:
		for i, k := range n.indices {
			out[i] = values[0][k]
		}
	case opScatter:
		for i, k := range n.indices {
			out[k] += values[0][i]
		}
	case opTranspose:
		for i := range n.shape[0] {
			for j := range n.shape[1] {
				out[i*n.shape[1]+j] = values[0][j*n.shape[0]+i]
			}
		}
	case opHold, opSumParticles:
		copy(out, values[0])
	default:
		for i := range out {
			switch n.op.arity() {
			case 1:
				out[i] = plainUnary(n.op, at(0, i))
			case 2:
				out[i] = plainBinary(n.op, at(0, i), at(1, i))
			default:
				out[i] = at(2, i)
				if at(0, i) != 0 {
					out[i] = at(1, i)
				}
			}
		}
	}
	return out
}

func plainUnary(op operation, a float64) float64 {
	switch op {
	case opAbs:
		return math.Abs(a)
	case opSqrt:
		return math.Sqrt(a)
	case opExp:
		return math.Exp(a)
	case opExpm1:
		return math.Expm1(a)
	case opLog:
		return math.Log(a)
	case opLog1p:
		return math.Log1p(a)
	case opSin:
		return math.Sin(a)
	case opCos:
		return math.Cos(a)
	case opTanh:
		return math.Tanh(a)
	case opErf:
		return math.Erf(a)
	case opErfc:
		return math.Erfc(a)
	case opLgamma:
		v, _ := math.Lgamma(a)
		return v
	case opDigamma:
		return plainPolygamma(a, func(x float64) float64 { return -1 / x }, func(x float64) float64 {
			y := 1 / (x * x)
			return math.Log(x) - 0.5/x - y*(1.0/12-y*(1.0/120-y*(1.0/252-y/240)))
		})
	case opTrigamma:
		return plainPolygamma(a, func(x float64) float64 { return 1 / (x * x) }, func(x float64) float64 {
			y := 1 / (x * x)
			return 1/x + y/2 + y/x*(1.0/6-y*(1.0/30-y*(1.0/42-y/30)))
		})
	case opSigmoid:
		return 1 / (1 + math.Exp(-a))
	case opSoftplus:
		return math.Max(a, 0) + math.Log1p(math.Exp(-math.Abs(a)))
	case opFloor:
		return math.Floor(a)
	case opReLU:
		if a < 0 {
			return 0
		}
		return a
	case opSign:
		switch {
		case a > 0:
			return 1
		case a < 0:
			return -1
		}
		return a
	}
	panic("no plain function for " + op.String())
}

// plainPolygamma shifts a positive argument to where the asymptotic series is accurate.
func plainPolygamma(x float64, shift, series func(x float64) float64) float64 {
	sum := 0.0
	for ; x < 12; x++ {
		sum += shift(x)
	}
	return sum + series(x)
}

func plainBinary(op operation, a, b float64) float64 {
	truth := func(c bool) float64 {
		if c {
			return 1
		}
		return 0
	}
	switch op {
	case opAdd:
		return a + b
	case opSub:
		return a - b
	case opMul:
		return a * b
	case opDiv:
		return a / b
	case opDivOrZero:
		if b == 0 {
			return 0
		}
		return a / b
	case opMin:
		return math.Min(a, b)
	case opMax:
		return math.Max(a, b)
	case opPow:
		return math.Pow(a, b)
	case opLess:
		return truth(a < b)
	case opLessEqual:
		return truth(a <= b)
	case opEqual:
		return truth(a == b)
	}
	panic("no plain function for " + op.String())
}

// run compiles outputs and computes them for particles, a slice of elements each for every input.
func run(t testing.TB, outputs, inputs []Value, points [][][]float64) [][][]float64 {
	t.Helper()
	p, err := Compile(outputs, inputs)
	if err != nil {
		t.Fatal(err)
	}
	n := len(points)
	in, out := make([]Array, len(inputs)), make([]Array, len(outputs))
	for i, v := range inputs {
		in[i] = Array{make([]float64, v.Size()*n), n}
		for k, point := range points {
			for j, x := range point[i] {
				in[i].Data[j*n+k] = x
			}
		}
	}
	for i, v := range outputs {
		out[i] = Array{make([]float64, v.Size()*n), n}
	}
	p.Run(n, out, in)
	result := make([][][]float64, n)
	for k := range result {
		result[k] = make([][]float64, len(outputs))
		for i, v := range outputs {
			for j := range v.Size() {
				result[k][i] = append(result[k][i], out[i].Data[j*n+k])
			}
		}
	}
	return result
}

// one computes outputs for one particle of one input.
func one(t testing.TB, outputs []Value, x Value, point ...float64) [][]float64 {
	t.Helper()
	return run(t, outputs, []Value{x}, [][][]float64{{point}})[0]
}

// near tells whether two numbers agree to a relative or absolute tolerance, NaN with NaN and infinities with themselves.
func near(a, b, tolerance float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= tolerance*math.Max(1, math.Min(math.Abs(a), math.Abs(b)))
}
