package backends_test

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/scorefield/infer/backends"
)

// aligned is n numbers that begin at a line of the cache.
func aligned(n int) []float32 {
	s := make([]float32, n+16)
	for uintptr(unsafe.Pointer(&s[0]))%64 != 0 {
		s = s[1:]
	}
	for i := range s {
		s[i] = float32(i%7) - 3
	}
	return s[:n]
}

func matrix(rows, columns int) backends.Matrix {
	return backends.NewMatrix(rows, columns, aligned(rows*columns))
}

// BenchmarkDense says what share of the peak of multiply-adds, measured right before, each product reaches; the best of
// short stretches, as the peak is.
func BenchmarkDense(b *testing.B) {
	for _, t := range backends.Available() {
		for _, shape := range [][3]int{{100, 32, 32}, {100, 2, 32}, {100, 32, 16}, {128, 128, 128}, {10, 32, 32}, {1, 32, 32}} {
			rows, inputs, outputs := shape[0], shape[1], shape[2]
			y, x, w, gate := matrix(rows, outputs), matrix(rows, inputs), matrix(inputs, outputs), matrix(rows, outputs)
			dx, dw, wt := matrix(rows, inputs), matrix(inputs, outputs), matrix(outputs, inputs)
			bias := aligned(outputs)
			for _, c := range []struct {
				name string
				run  func()
			}{
				{"forward", func() { t.F32.Dense(y, x, w, bias, true) }},
				{"gated", func() { t.F32.DenseGated(y, x, w, gate) }},
				{"weights", func() { t.F32.DenseAdd(dw, x.Transposed(), y) }},
				{"inputs", func() {
					if inputs%backends.DenseWidth == 0 {
						t.F32.Dense(dx, y, wt, nil, false)
					}
				}},
			} {
				b.Run(fmt.Sprintf("%s/%dx%dx%d/%s", t.Name, rows, inputs, outputs, c.name), func(b *testing.B) {
					clear(dw.Data)
					clear(y.Data)
					ns := best(c.run)
					for b.Loop() {
						c.run()
					}
					flops := 2 * float64(rows*inputs*outputs)
					b.ReportMetric(ns, "ns/best")
					if peak := 2 * backends.Peak(t, 10*time.Millisecond); peak > 0 {
						b.ReportMetric(flops/ns*1e9/peak, "peak")
					}
				})
			}
		}
	}
}

// best is the nanoseconds of a call in the best of short stretches of calls.
func best(run func()) float64 {
	const calls = 100
	least := time.Duration(1 << 60)
	for range 100 {
		began := time.Now()
		for range calls {
			run()
		}
		least = min(least, time.Since(began))
	}
	return float64(least.Nanoseconds()) / calls
}
