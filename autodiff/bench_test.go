package autodiff

import (
	"fmt"
	"math"
	"testing"

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

func BenchmarkDonutGradient(b *testing.B) {
	for _, table := range backends.Available() {
		for _, n := range []int{64, 128, 256, 512, 1024} {
			b.Run(fmt.Sprintf("%s/%d", table.Name, n), func(b *testing.B) {
				before := backends.Current().Name
				defer backends.Use(before)
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
				b.ResetTimer()
				for range b.N {
					p.Run(n, out, in)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/particle")
			})
		}
	}
}

