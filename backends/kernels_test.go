package backends_test

import (
	"testing"
	"time"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/backends/backendtest"
)

func TestKernelsEqualTheirSpecification(t *testing.T) {
	for _, table := range backends.Available() {
		t.Run(table.Name, func(t *testing.T) { backendtest.Run(t, table) })
	}
}

func BenchmarkKernels(b *testing.B) {
	const n = 256
	key := backends.Schedule(1, 2)
	r := make([][]float64, 8)
	for i := range r {
		r[i] = make([]float64, n)
		for j := range r[i] {
			r[i][j] = float64(j+i)/100 + 0.1
		}
	}
	f := make([][]float32, 4)
	for i := range f {
		f[i] = make([]float32, n)
	}
	for _, t := range backends.Available() {
		for _, c := range []struct {
			name    string
			numbers int
			run     func()
		}{
			{"AddVV", n, func() { t.Add.VV(r[0], r[1], r[2]) }},
			{"FMAVSV", n, func() { t.FMA.VSV(r[0], r[1], 0.5, r[2]) }},
			{"Div", n, func() { t.Div.VV(r[0], r[1], r[2]) }},
			{"DivOrZero", n, func() { t.DivOrZero.VV(r[0], r[1], r[2]) }},
			{"Sqrt", n, func() { t.Sqrt(r[0], r[1]) }},
			{"Exp", n, func() { t.Exp(r[0], r[1]) }},
			{"Log", n, func() { t.Log(r[0], r[1]) }},
			{"Uniform", 2 * n, func() { t.Uniform(r[0], r[1], &key, 5, 6, 7) }},
			{"Normal", 2 * n, func() { t.Normal(r[0], r[1], &key, 5, 6, 7) }},
			{"Propose", 2 * n, func() { t.Propose(r[0], r[1], r[2], r[3], r[4], r[5], r[6], 0.5, &key, 5, 6, 7) }},
			{"Normal32", 4 * n, func() { t.Normal32(f[0], f[1], f[2], f[3], &key, 5, 6, 7) }},
		} {
			b.Run(t.Name+"/"+c.name, func(b *testing.B) {
				for b.Loop() {
					c.run()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.numbers), "ns/number")
			})
		}
	}
}

func BenchmarkPeak(b *testing.B) {
	for _, t := range backends.Available() {
		b.Run(t.Name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(backends.Peak(t, 50*time.Millisecond)/1e9, "GF/s")
			}
		})
	}
}
