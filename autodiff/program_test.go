package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
)

// busy is a formula that uses all forms of instructions: log p, its gradient, and some values of other shapes.
func busy(t testing.TB) (outputs []Value, x, s Value) {
	t.Helper()
	g := NewGraph()
	x, s = g.Input("x", 3), g.Input("s")
	a := Concat(x.Sin(), x.Mul(s), g.Scalar(0.5), s.Exp()).Slice(0, 6).Reshape(2, 3)
	b := a.MatMul(g.Constant(ramp(9), 3, 3)).MatMul(a.Transpose())
	y := donut(x.Slice(0, 2)).Add(b.Sum()).Add(Where(x.Greater(s), x.Exp(), s.Neg()).LogSumExp()).Add(x.Max(s).Dot(x))
	d, err := Gradient(y, x, s)
	if err != nil {
		t.Fatal(err)
	}
	return []Value{y, d[0], d[1], a, b, x, x, g.Constant([]float64{1, 2}, 2), x.Index(1), a.Index(1, 0), y, a.Transpose()}, x, s
}

// block fills the rows of n particles; numbers beyond a row's n are NaN.
func block(r *rand.Rand, rows, n, stride int) Array {
	a := Array{lanes.Aligned(rows * stride), stride}
	for i := range a.Data {
		a.Data[i] = math.NaN()
		if i%stride < n {
			a.Data[i] = 4*r.Float64() - 2
		}
	}
	return a
}

// TestEveryLayoutGivesTheSameBits runs particles one by one, and then all together in blocks with padding, without, and in
// the middle of longer rows: in place, row by row, and in several pieces.
func TestEveryLayoutGivesTheSameBits(t *testing.T) {
	outputs, x, s := busy(t)
	p, err := Compile(outputs, []Value{x, s})
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{255, 256, 257, 1000, p.Lanes() - 1, p.Lanes(), p.Lanes() + 1, 2*p.Lanes() + 8}
	for n := 0; n <= 20; n++ {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		r := rand.New(rand.NewPCG(2, uint64(n)))
		points := block(r, 4, n, n)
		want := make([][]float64, len(outputs)) // n numbers for each row
		for i, v := range outputs {
			want[i] = make([]float64, v.Size()*n)
		}
		for k := range n {
			in := []Array{{make([]float64, 3), 1}, {make([]float64, 1), 1}}
			for j := range 3 {
				in[0].Data[j] = points.Data[j*n+k]
			}
			in[1].Data[0] = points.Data[3*n+k]
			out := make([]Array, len(outputs))
			for i, v := range outputs {
				out[i] = Array{make([]float64, v.Size()), 1}
			}
			p.Run(1, out, in)
			for i := range out {
				for j, v := range out[i].Data {
					want[i][j*n+k] = v
				}
			}
		}
		for _, stride := range []int{lanes.Pad(n), n, n + 3, n + 40} {
			const mark = 12345.0
			in := []Array{block(r, 3, n, stride), block(r, 1, n, stride)}
			for k := range n {
				for j := range 3 {
					in[0].Data[j*stride+k] = points.Data[j*n+k]
				}
				in[1].Data[k] = points.Data[3*n+k]
			}
			out := make([]Array, len(outputs))
			for i, v := range outputs {
				out[i] = Array{slices.Repeat([]float64{mark}, v.Size()*stride+8), stride}
				last := len(out[i].Data) - 8
				if stride != lanes.Pad(n) {
					last -= stride - n // an array that ends with the last particle
				}
				out[i].Data = out[i].Data[:last]
			}
			p.Run(n, out, in)
			for i, v := range outputs {
				for j := range v.Size() {
					for k := range n {
						got, want := out[i].Data[j*stride+k], want[i][j*n+k]
						if math.Float64bits(got) != math.Float64bits(want) {
							t.Fatalf("%d particles, stride %d: output %d, row %d, particle %d is %v, alone %v", n, stride, i, j, k, got, want)
						}
					}
				}
				whole := out[i].Data[:cap(out[i].Data)]
				for at, got := range whole {
					padding := stride == lanes.Pad(n) && at < v.Size()*stride
					inside := stride > 0 && at%stride < n && at < v.Size()*stride
					if !padding && !inside && got != mark {
						t.Fatalf("%d particles, stride %d: output %d was written at %d, beyond its rows", n, stride, i, at)
					}
				}
			}
		}
	}
}

func TestAllBackendsGiveTheSameBits(t *testing.T) {
	defer backends.Use(backends.Current().Name)
	outputs, x, s := busy(t)
	p, err := Compile(outputs, []Value{x, s})
	if err != nil {
		t.Fatal(err)
	}
	const n = 1003
	r := rand.New(rand.NewPCG(3, 0))
	in := []Array{block(r, 3, n, 1008), block(r, 1, n, 1008)}
	var first [][]float64
	for _, table := range backends.Available() {
		if err := backends.Use(table.Name); err != nil {
			t.Fatal(err)
		}
		var all [][]float64
		out := make([]Array, len(outputs))
		for i, v := range outputs {
			out[i] = Array{make([]float64, v.Size()*n), n}
			all = append(all, out[i].Data)
		}
		p.Run(n, out, in)
		if first == nil {
			first = all
		}
		for i := range all {
			for j := range all[i] {
				if a, b := first[i][j], all[i][j]; math.Float64bits(a) != math.Float64bits(b) && !(a != a && b != b) {
					t.Fatalf("output %d, number %d: %v with %s, %v with %s", i, j, a, backends.Available()[0].Name, b, table.Name)
				}
			}
		}
	}
}

// TestBitsDoNotDependOnTheOtherOutputs holds the promise that log p alone and log p beside its gradient are equal.
func TestBitsDoNotDependOnTheOtherOutputs(t *testing.T) {
	outputs, x, s := busy(t)
	const n = 64
	r := rand.New(rand.NewPCG(4, 0))
	in := []Array{block(r, 3, n, n), block(r, 1, n, n)}
	compute := func(outputs ...Value) [][]float64 {
		p, err := Compile(outputs, []Value{x, s})
		if err != nil {
			t.Fatal(err)
		}
		var all [][]float64
		out := make([]Array, len(outputs))
		for i, v := range outputs {
			out[i] = Array{make([]float64, v.Size()*n), n}
			all = append(all, out[i].Data)
		}
		p.Run(n, out, in)
		return all
	}
	together := compute(outputs...)
	for i, v := range outputs {
		if alone := compute(v)[0]; !slices.Equal(alone, together[i]) {
			t.Errorf("output %d, %v, differs when it is computed alone", i, v)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	outputs, x, s := busy(t)
	p, err := Compile(outputs, []Value{x, s})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 0))
	const n = 500
	in := []Array{block(r, 3, n, 504), block(r, 1, n, 504)}
	out := make([]Array, len(outputs))
	for i, v := range outputs {
		out[i] = Array{make([]float64, v.Size()*504), 504}
	}
	small := gradientProgram(t, donut, 2)
	smallIn, smallOut := in[:1], out[1:2]
	if a := testing.AllocsPerRun(100, func() {
		p.Run(n, out, in)
		small.Run(n, smallOut, smallIn)
	}); a != 0 && !raceEnabled {
		t.Errorf("a warm run allocates %v times", a)
	}
}

func TestRunKeepsNothingOfTheCaller(t *testing.T) {
	p := gradientProgram(t, donut, fewRows)
	p.Run(1, []Array{{make([]float64, fewRows), 1}}, []Array{{make([]float64, fewRows), 1}})
	m, _ := p.memories.Get().(*memory)
	if m == nil && raceEnabled {
		return
	}
	for i, row := range m.rows {
		if i >= p.rows && row != nil {
			t.Errorf("row %d, of an array of the caller, is kept", i)
		}
	}
}

func TestConcurrentRuns(t *testing.T) {
	outputs, x, s := busy(t)
	p, err := Compile(outputs, []Value{x, s})
	if err != nil {
		t.Fatal(err)
	}
	const n = 100
	results := make([][]float64, 8)
	var group sync.WaitGroup
	for worker := range results {
		group.Go(func() {
			r := rand.New(rand.NewPCG(6, 0))
			in := []Array{block(r, 3, n, n), block(r, 1, n, n)}
			out := make([]Array, len(outputs))
			for range 50 {
				results[worker] = results[worker][:0]
				for i, v := range outputs {
					out[i] = Array{make([]float64, v.Size()*n), n}
				}
				p.Run(n, out, in)
				for _, o := range out {
					results[worker] = append(results[worker], o.Data...)
				}
			}
		})
	}
	group.Wait()
	for worker, got := range results {
		if !slices.Equal(got, results[0]) {
			t.Errorf("worker %d found other numbers than worker 0", worker)
		}
	}
}

func TestRunRefusesArraysThatAreTooShort(t *testing.T) {
	p := gradientProgram(t, donut, 2)
	good := Array{make([]float64, 16), 8}
	for _, c := range []struct {
		n       int
		out, in []Array
		want    string
	}{
		{8, []Array{good}, nil, "autodiff: run with 0 inputs of a program that has 1"},
		{9, []Array{good}, []Array{good}, "autodiff: run of 9 particles: input 0 has 16 numbers and a stride of 8 for 2 rows"},
		{8, []Array{{good.Data[:15], 8}}, []Array{good}, "autodiff: run of 8 particles: output 0 has 15 numbers and a stride of 8 for 2 rows"},
		{-1, []Array{good}, []Array{good}, "autodiff: run of -1 particles: input 0 has 16 numbers and a stride of 8 for 2 rows"},
	} {
		func() {
			defer func() {
				if r := recover(); fmt.Sprint(r) != c.want {
					t.Errorf("panic %v, want %v", r, c.want)
				}
			}()
			p.Run(c.n, c.out, c.in)
		}()
	}
	p.Run(8, []Array{{good.Data, 8}}, []Array{{make([]float64, 16), 8}})
}

func TestLanesKeepLiveRowsInCache(t *testing.T) {
	for rows, want := range map[int]int{1: 512, 64: 512, 100: 320, 1000: 128, 20000: 8} {
		if got := lanesFor(rows); got != want {
			t.Errorf("%d rows: %d lanes, want %d", rows, got, want)
		}
	}
}

func TestLargeValues(t *testing.T) {
	x := NewGraph().Input("x", 5000)
	y := x.Sin().Dot(x.Gather(slices.Repeat([]int{1, 0}, 2500))).Add(x.LogSumExp())
	d, err := Gradient(y, x)
	if err != nil {
		t.Fatal(err)
	}
	at := point(rand.New(rand.NewPCG(7, 0)), 5000, -2, 2)
	got := one(t, []Value{y, d[0]}, x, at...)
	want := evaluate(t, []Value{y, d[0]}, map[int][]float64{x.id: at})
	for k := range got {
		for j := range got[k] {
			if !near(got[k][j], want[k][j], 1e-11) {
				t.Fatalf("output %d, element %d is %v, want %v", k, j, got[k][j], want[k][j])
			}
		}
	}
}
