package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/backends"
)

// network is a multi-layer perceptron and its loss under denoising score matching at one level: x are the noisy data, z the
// noise over sigma.
type network struct {
	x, z, score, loss Value
	params            []Value
}

// perceptron builds layers of the given widths with an activation between them.
func perceptron(g *Graph, activation func(Value) Value, widths ...int) network {
	m := network{x: g.Input("x", widths[0]), z: g.Input("z", widths[len(widths)-1])}
	h := m.x
	for i, width := range widths[1:] {
		w, b := g.Param(fmt.Sprintf("w%d", i), widths[i], width), g.Param(fmt.Sprintf("b%d", i), width)
		m.params = append(m.params, w, b)
		h = h.Dense(w, b)
		if i+2 < len(widths) {
			h = activation(h)
		}
	}
	m.score = h
	m.loss = h.Add(m.z).Square().Mean()
	return m
}

// numbers32 draws numbers for values, rows of them for each particle's own.
func numbers32(r *rand.Rand, rows int, values []Value) [][]float32 {
	all := make([][]float32, len(values))
	for i, v := range values {
		n := v.Size()
		if !v.Shared() {
			n *= rows
		}
		all[i] = make([]float32, n)
		for j := range all[i] {
			all[i][j] = float32(r.NormFloat64()) * 0.5
		}
	}
	return all
}

func empty32(rows int, values []Value) [][]float32 {
	all := make([][]float32, len(values))
	for i, v := range values {
		n := v.Size()
		if !v.Shared() {
			n *= rows
		}
		all[i] = make([]float32, n)
		for j := range all[i] {
			all[i][j] = float32(math.NaN())
		}
	}
	return all
}

// plainRows is the reference's results for the same numbers.
func plainRows(t testing.TB, rows int, outputs []Value, values [][]Value, data [][][]float32) [][]float64 {
	given := map[int][]float64{}
	for i, list := range values {
		for j, v := range list {
			d := make([]float64, len(data[i][j]))
			for k, x := range data[i][j] {
				d[k] = float64(x)
			}
			given[v.id] = d
		}
	}
	return evaluateRows(t, rows, outputs, given)
}

// checkRowsAgree compares results with the reference, relative to the largest number of each output, or to 0.1.
func checkRowsAgree(t testing.TB, what string, got [][]float32, want [][]float64, tolerance float64) {
	t.Helper()
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("%s: output %d has %d numbers, want %d", what, i, len(got[i]), len(want[i]))
		}
		scale := 0.1
		for _, v := range want[i] {
			scale = math.Max(scale, math.Abs(v))
		}
		for j, v := range want[i] {
			if d := math.Abs(float64(got[i][j]) - v); !(d <= tolerance*scale) {
				t.Fatalf("%s: output %d, number %d is %v, want %v", what, i, j, got[i][j], v)
			}
		}
	}
}

func mustCompileRows(t testing.TB, outputs, inputs, params []Value) *RowProgram {
	t.Helper()
	p, err := CompileRows(outputs, inputs, params)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustGradient(t testing.TB, y Value, wrt ...Value) []Value {
	t.Helper()
	d, err := Gradient(y, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPerceptronTrains(t *testing.T) {
	for _, widths := range [][]int{{2, 32, 32, 32, 2}, {3, 50, 7, 24, 5}, {1, 16, 1}, {2, 8, 2}} {
		g := NewGraph()
		m := perceptron(g, Value.ReLU, widths...)
		inputs := []Value{m.x, m.z}
		outputs := append([]Value{m.loss, m.score}, mustGradient(t, m.loss, append([]Value{m.x}, m.params...)...)...)
		p := mustCompileRows(t, outputs, inputs, m.params)
		for _, rows := range []int{0, 1, 5, 100, 300} {
			r := rand.New(rand.NewPCG(1, uint64(rows)))
			in, params := numbers32(r, rows, inputs), numbers32(r, rows, m.params)
			out := empty32(rows, outputs)
			p.Run(rows, out, in, params)
			want := plainRows(t, rows, outputs, [][]Value{inputs, m.params}, [][][]float32{in, params})
			checkRowsAgree(t, fmt.Sprint(widths, rows), out, want, 3e-6)
		}
	}
}

func BenchmarkPerceptron(b *testing.B) {
	defer backends.Use(backends.Current().Name)
	for _, table := range backends.Available()[:len(backends.Available())-1] {
		if err := backends.Use(table.Name); err != nil {
			b.Fatal(err)
		}
		g := NewGraph()
		m := perceptron(g, Value.ReLU, 2, 32, 32, 32, 2)
		inputs := []Value{m.x, m.z}
		outputs := append([]Value{m.loss}, mustGradient(b, m.loss, m.params...)...)
		train := mustCompileRows(b, outputs, inputs, m.params)
		r := rand.New(rand.NewPCG(1, 0))
		in, params := numbers32(r, 100, inputs), numbers32(r, 100, m.params)
		out := empty32(100, outputs)
		b.Run(table.Name+"/train/100", func(b *testing.B) {
			bestStep(b, func() { train.Run(100, out, in, params) })
		})
		score := mustCompileRows(b, []Value{m.score}, inputs[:1], m.params)
		in, out = numbers32(r, 256, inputs[:1]), empty32(256, []Value{m.score})
		b.Run(table.Name+"/score/256", func(b *testing.B) {
			bestStep(b, func() { score.Run(256, out, in, params) })
		})
	}
}

// everything is all layers in one program, with its gradients.
func everything(t testing.TB, size int) (p *RowProgram, outputs, inputs, params []Value) {
	g := NewGraph()
	x, s := g.Input("x", size), g.Input("s")
	var y Value
	for i, l := range layers {
		v, more := l.f(g, x, s)
		params = append(params, more...)
		outputs = append(outputs, v)
		if i == 0 {
			y = v
		} else {
			y = y.Add(v)
		}
	}
	inputs = []Value{x, s}
	outputs = append(outputs, mustGradient(t, y, append(append([]Value(nil), inputs...), params...)...)...)
	outputs = append(outputs, x, params[0], params[0], outputs[0], x.Sin(), g.Scalar(3), x.Slice(0, 1))
	return mustCompileRows(t, outputs, inputs, params), outputs, inputs, params
}

// sameBits compares results but for the sign and payload of NaN.
func sameBits(t testing.TB, what string, got, want [][]float32) {
	t.Helper()
	for i := range want {
		for j := range want[i] {
			if a, b := got[i][j], want[i][j]; math.Float32bits(a) != math.Float32bits(b) && (a == a || b == b) {
				t.Fatalf("%s: output %d, number %d is %v, want %v", what, i, j, a, b)
			}
		}
	}
}

func TestRowsHaveTheSameBitsInAllBackendsAndPieces(t *testing.T) {
	defer backends.Use(backends.Current().Name)
	for _, size := range []int{2, 5, 16, 33} {
		p, outputs, inputs, params := everything(t, size)
		const rows = 53
		r := rand.New(rand.NewPCG(3, uint64(size)))
		in, weights := numbers32(r, rows, inputs), numbers32(r, rows, params)
		want := empty32(rows, outputs)
		planned := p.piece
		for _, table := range backends.Available() {
			if err := backends.Use(table.Name); err != nil {
				t.Fatal(err)
			}
			for _, piece := range []int{planned, 1, 2, 7, 16, 52} {
				p.piece = min(piece, planned)
				got := empty32(rows, outputs)
				p.Run(rows, got, in, weights)
				if math.IsNaN(float64(want[0][0])) {
					want = got
				}
				sameBits(t, fmt.Sprintf("size %d, %s, pieces of %d", size, table.Name, piece), got, want)
			}
		}
	}
}

func TestRowsAreIndependent(t *testing.T) {
	for _, size := range []int{2, 16, 33} {
		p, outputs, inputs, params := everything(t, size)
		const rows = 21
		r := rand.New(rand.NewPCG(4, uint64(size)))
		in, weights := numbers32(r, rows, inputs), numbers32(r, rows, params)
		all := empty32(rows, outputs)
		p.Run(rows, all, in, weights)
		// A row that is NaN and one that is infinite do no harm to the others.
		spoiled := empty32(rows, outputs)
		in[0][3*size] = float32(math.NaN())
		in[1][5] = float32(math.Inf(1))
		p.Run(rows, spoiled, in, weights)
		alone := empty32(1, outputs)
		for k := range rows {
			if k == 3 || k == 5 {
				continue
			}
			p.Run(1, alone, [][]float32{in[0][k*size : (k+1)*size], in[1][k : k+1]}, weights)
			for i, v := range outputs {
				if !v.Shared() {
					n := v.Size()
					sameBits(t, fmt.Sprintf("size %d, row %d, output %d", size, k, i), [][]float32{all[i][k*n : (k+1)*n], spoiled[i][k*n : (k+1)*n]}, [][]float32{alone[i], alone[i]})
				}
			}
		}
	}
}

// TestBitsOfRowsDoNotDependOnTheOtherOutputs holds what fusing a layer with its ReLU could break.
func TestBitsOfRowsDoNotDependOnTheOtherOutputs(t *testing.T) {
	g := NewGraph()
	x, w, b, v := g.Input("x", 3), g.Param("w", 3, 16), g.Param("b", 16), g.Param("v", 16, 2)
	h := x.Dense(w, b)
	y := h.ReLU().Dense(v, Value{}).Square().Sum()
	outputs := append([]Value{y, h}, mustGradient(t, y, w, b, v, x)...)
	above := g.Scalar(0).Less(h.ReLU())
	outputs = append(outputs, above, Where(above, h, g.Scalar(0)))
	const rows = 30
	r := rand.New(rand.NewPCG(5, 0))
	in, params := numbers32(r, rows, []Value{x}), numbers32(r, rows, []Value{w, b, v})
	for i := range 3 { // zeros of both signs before the ReLU
		in[0][i] = 0
	}
	params[1][0], params[1][1] = 0, float32(math.Copysign(0, -1))
	compute := func(outputs ...Value) [][]float32 {
		out := empty32(rows, outputs)
		mustCompileRows(t, outputs, []Value{x}, []Value{w, b, v}).Run(rows, out, in, params)
		return out
	}
	together := compute(outputs...)
	for i, v := range outputs {
		sameBits(t, fmt.Sprint("output ", i, " alone"), compute(v), together[i:i+1])
	}
}

func TestRowsAllocateNothing(t *testing.T) {
	p, outputs, inputs, params := everything(t, 5)
	r := rand.New(rand.NewPCG(6, 0))
	in, weights, out := numbers32(r, 300, inputs), numbers32(r, 300, params), empty32(300, outputs)
	if a := testing.AllocsPerRun(20, func() { p.Run(300, out, in, weights) }); a != 0 && !raceEnabled {
		t.Errorf("a warm run allocates %v times", a)
	}
	m, _ := p.memories.Get().(*rowMemory)
	if m == nil { // the collector, or the race detector, has emptied the pool
		return
	}
	for i, base := range m.bases[arrayCaller:] {
		if base != nil {
			t.Errorf("array %d, of the caller, is kept", i)
		}
	}
}

func TestConcurrentRunsOfRows(t *testing.T) {
	p, outputs, inputs, params := everything(t, 5)
	const rows = 40
	results := make([][][]float32, 8)
	var group sync.WaitGroup
	for worker := range results {
		group.Go(func() {
			r := rand.New(rand.NewPCG(7, 0))
			in, weights := numbers32(r, rows, inputs), numbers32(r, rows, params)
			for range 20 {
				results[worker] = empty32(rows, outputs)
				p.Run(rows, results[worker], in, weights)
			}
		})
	}
	group.Wait()
	for worker := range results {
		sameBits(t, fmt.Sprint("worker ", worker), results[worker], results[0])
	}
}

func TestRunOfRowsRefusesArraysOfOtherLengths(t *testing.T) {
	g := NewGraph()
	x, w := g.Input("x", 2), g.Param("w", 2)
	p := mustCompileRows(t, []Value{x.Mul(w), w.Exp()}, []Value{x}, []Value{w})
	f := func(n int) []float32 { return make([]float32, n) }
	for _, c := range []struct {
		rows            int
		out, in, params [][]float32
		want            string
	}{
		{3, [][]float32{f(6), f(2)}, nil, [][]float32{f(2)}, "autodiff: run with 0 inputs of a program that has 1"},
		{3, [][]float32{f(6), f(2)}, [][]float32{f(5)}, [][]float32{f(2)}, "autodiff: run of 3 rows: input 0, x, has 5 numbers, want 6"},
		{3, [][]float32{f(6), f(2)}, [][]float32{f(6)}, [][]float32{f(6)}, "autodiff: run of 3 rows: param 0, w, has 6 numbers, want 2"},
		{3, [][]float32{f(6), f(6)}, [][]float32{f(6)}, [][]float32{f(2)}, "autodiff: run of 3 rows: output 1, out1, has 6 numbers, want 2"},
		{-3, [][]float32{f(6), f(2)}, [][]float32{f(6)}, [][]float32{f(2)}, "autodiff: run of -3 rows: input 0, x, has 6 numbers, want -6"},
	} {
		func() {
			defer func() {
				if r := recover(); fmt.Sprint(r) != c.want {
					t.Errorf("panic %v, want %v", r, c.want)
				}
			}()
			p.Run(c.rows, c.out, c.in, c.params)
		}()
	}
}

// TestPerceptronListing pins the instructions of a training step: what is fused, and nothing computed twice.
func TestPerceptronListing(t *testing.T) {
	g := NewGraph()
	m := perceptron(g, Value.ReLU, 2, 32, 32, 2)
	p := mustCompileRows(t, append([]Value{m.loss}, mustGradient(t, m.loss, m.params...)...), []Value{m.x, m.z}, m.params)
	want := strings.TrimLeft(`
from x[2] z[2] with w0[64] b0[32] w1[1024] b1[32] w2[64] b2[2] to out0[1] out1[64] out2[32] out3[1024] out4[32] out5[64] out6[2] by t[100] and shared s[1232], 512 rows
before:
	s[0:2]+32 = transpose[32, 2] w2[0:2]
	s[144:176] = transpose[32, 32] w1[0:32]
each piece:
	t[0:32] = dense[2, 32] relu x[0:2] w0[0:32] b0[0:32]+0
	t[16384:16416] = dense[32, 32] relu t[0:32] w1[0:32] b1[0:32]+0
	t[32768:32770] = denseThin[32, 2] t[16384:16416] s[0:32] b2[0:2]
	t[33792:33794] = turn t[32768:32770]
	t[33792:33794] = add t[33792:33794] z[0:2]
	t[32768:32770]+1 = dot t[33792:33794] t[33792:33794]
	out0[0:1] = mul t[32768:32769] 0.5
	s[64:66]+32 = denseAddTurned[32, 2] t[16384:16416] t[33792:33794]
	s[128:144] = columnSums t[33792:33808]+2
	t[34816:34848] = dense[2, 32] gated t[33792:33794] s[0:32] t[16384:16416]
	out3[0:32] = denseAdd[32, 32] t[0:32] t[34816:34848]
	out4[0:32] = columnSums t[34816:34848]
	t[16384:16416] = dense[32, 32] gated t[34816:34848] s[144:176] t[0:32]
	out1[0:32] = denseAdd[2, 32] x[0:2] t[16384:16416]
	out2[0:32] = columnSums t[16384:16416]
after:
	out5[0:32]+2 = transpose[2, 32] s[64:96]
	out6[0:2] = copy s[128:130]
`, "\n")
	if got := p.String(); got != want {
		t.Errorf("program\n%swant\n%s", got, want)
	}
}
