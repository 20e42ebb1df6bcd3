package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
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
