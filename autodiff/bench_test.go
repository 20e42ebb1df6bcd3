package autodiff

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
)

// donut is -(|x| - 2.6)^2 / 0.033 in the plane.
func donut(x Value) Value { return x.Norm().Shift(-2.6).Square().Scale(-1 / 0.033) }

// gradientProgram compiles the gradient of f alone.
func gradientProgram(t testing.TB, f func(x Value) Value, shape ...int) *Program {
	t.Helper()
	x := NewGraph().Input("x", shape...)
	d, err := Gradient(f(x), x)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(d, []Value{x})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bestStep reports the shortest of many short runs of f in ns, and what of it is the kernels', if their ns are known.
func bestStep(b *testing.B, f func()) {
	f()
	shortest := time.Hour
	for range b.N {
		start := time.Now()
		for range 10 {
			f()
		}
		shortest = min(shortest, time.Since(start)/10)
	}
	b.ReportMetric(float64(shortest.Nanoseconds()), "ns/step")
	b.ReportMetric(0, "ns/op")
}

// best reports the shortest of many short runs of f, in ns for each of n particles: others use the machine too.
func best(b *testing.B, n int, f func()) {
	f()
	shortest := time.Hour
	for range b.N {
		start := time.Now()
		for range 20 {
			f()
		}
		shortest = min(shortest, time.Since(start))
	}
	b.ReportMetric(float64(shortest.Nanoseconds())/20/float64(n), "ns/particle")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkDonutGradient(b *testing.B) {
	defer backends.Use(backends.Current().Name)
	for _, table := range backends.Available() {
		for _, n := range []int{64, 128, 256, 512, 1024} {
			b.Run(fmt.Sprintf("%s/%d", table.Name, n), func(b *testing.B) {
				if err := backends.Use(table.Name); err != nil {
					b.Fatal(err)
				}
				p := gradientProgram(b, donut, 2)
				p.lanes = n
				x, d := lanes.New(n, 2), lanes.New(n, 2)
				for i := range x.Data() {
					x.Data()[i] = math.Sin(float64(i)) * 3
				}
				out, in := []Array{Rows(d)}, []Array{Rows(x)}
				best(b, n, func() { p.Run(n, out, in) })
			})
		}
	}
}

// BenchmarkKernels is the kernels of the donut's gradient alone, in the same unit: what is left is the interpreter.
func BenchmarkKernels(b *testing.B) {
	t := backends.Current()
	x, y := lanes.Aligned(256), lanes.Aligned(256)
	for i := range x {
		x[i] = float64(i) + 1
	}
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"mul", func() { t.Mul.VV(y, x, x) }},
		{"fma", func() { t.FMA.VVV(y, x, x, y) }},
		{"fmaVSS", func() { t.FMA.VSS(y, x, 2, 3) }},
		{"sqrt", func() { t.Sqrt(y, x) }},
		{"divOrZero", func() { t.DivOrZero.VV(y, x, x) }},
		{"exp", func() { t.Exp(y, x) }},
		{"nothing", func() { t.Mul.VV(y[:0], x, x) }},
	} {
		b.Run(c.name, func(b *testing.B) { best(b, len(x), c.f) })
	}
}
