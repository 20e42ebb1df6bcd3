package backends_test

import (
	"fmt"
	"math"
	"math/rand/v2"
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

func TestDenseKernelsAllocateNothing(t *testing.T) {
	for _, table := range backends.Available() {
		n := newNetwork(table, 20)
		if a := testing.AllocsPerRun(10, func() { n.forward(); n.backward() }); a != 0 {
			t.Errorf("%s: %v allocations in a training step", table.Name, a)
		}
	}
}

// A training step as the layers of a network need it has the gradient that differences of its loss give.
func TestNetworkGradient(t *testing.T) {
	n := newNetwork(backends.Current(), 19)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range n.parameters {
		n.parameters[i] = float32(r.NormFloat64()) / 4
	}
	for i := range n.x.Data {
		n.x.Data[i] = float32(r.NormFloat64())
	}
	loss := func() (sum float64) { // half the squared distance from the input
		n.forward()
		for i, y := range n.y.Data {
			d := float64(y - n.x.Data[i])
			sum += d * d / 2
		}
		return sum
	}
	loss()
	n.backward()
	const h = 1.0 / 4096
	for i := range n.parameters[:len(n.parameters)-16] { // the last bias has padding, and no gradient in this test
		p := n.parameters[i]
		n.parameters[i] = p + h
		above := loss()
		n.parameters[i] = p - h
		below := loss()
		n.parameters[i] = p
		if got, want := float64(n.gradients[i]), (above-below)/(2*h); math.Abs(got-want) > 0.02+0.02*math.Abs(want) {
			t.Errorf("parameter %d: gradient %v, by differences %v", i, got, want)
		}
	}
}

func TestMatricesThatDoNotFitPanic(t *testing.T) {
	short, strided := matrix(4, 32), matrix(4, 32)
	short.Data = short.Data[:127]
	strided.Step = 2
	strided.Data = aligned(300)
	negative := matrix(4, 32)
	negative.Stride = -32
	for _, table := range backends.Available() {
		f := table.F32
		for name, call := range map[string]func(){
			"inner":         func() { f.Dense(matrix(4, 32), matrix(4, 3), matrix(2, 32), nil, false) },
			"rows":          func() { f.Dense(matrix(4, 32), matrix(5, 3), matrix(3, 32), nil, false) },
			"columns":       func() { f.Dense(matrix(4, 32), matrix(4, 3), matrix(3, 16), nil, false) },
			"width":         func() { f.DenseAdd(matrix(4, 20), matrix(4, 3), matrix(3, 20)) },
			"short result":  func() { f.DenseAdd(short, matrix(4, 3), matrix(3, 32)) },
			"short x":       func() { f.DenseAdd(matrix(4, 16), short, matrix(32, 16)) },
			"short w":       func() { f.DenseAdd(matrix(3, 32), matrix(3, 4), short) },
			"short bias":    func() { f.Dense(matrix(4, 32), matrix(4, 3), matrix(3, 32), make([]float32, 31), false) },
			"step":          func() { f.DenseAdd(strided, matrix(4, 3), matrix(3, 32)) },
			"negative":      func() { f.DenseAdd(matrix(4, 32), matrix(4, 4), negative) },
			"gate":          func() { f.DenseGated(matrix(4, 32), matrix(4, 3), matrix(3, 32), matrix(3, 32)) },
			"short gate":    func() { f.DenseGated(matrix(4, 32), matrix(4, 3), matrix(3, 32), short) },
			"thin outputs":  func() { f.DenseThin(matrix(2, 20), matrix(20, 4), matrix(3, 4), nil) },
			"thin terms":    func() { f.DenseThin(matrix(2, 20), matrix(20, 5), matrix(2, 5), nil) },
			"thin bias":     func() { f.DenseThin(matrix(2, 20), matrix(20, 4), matrix(2, 4), make([]float32, 1)) },
			"few sums":      func() { f.ColumnSums(make([]float32, 31), matrix(4, 32)) },
			"sums of step":  func() { f.ColumnSums(make([]float32, 32), strided) },
			"transpose":     func() { f.Transpose(matrix(4, 5), matrix(4, 5)) },
			"short numbers": func() { f.Narrow(make([]float32, 20), make([]float64, 19)) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s, %s: no panic", table.Name, name)
					}
				}()
				call()
			}()
		}
	}
}

func ExampleTable32() {
	t := backends.Current().F32
	x := backends.NewMatrix(3, 2, []float32{1, 2, 3, 4, 5, 6}) // a row is a particle
	w := backends.NewMatrix(2, backends.DenseWidth, make([]float32, 2*backends.DenseWidth))
	copy(w.Data, []float32{1, -1})
	copy(w.Data[w.Stride:], []float32{1, 1})
	y := backends.NewMatrix(3, backends.DenseWidth, make([]float32, 3*backends.DenseWidth))
	bias := make([]float32, backends.DenseWidth)
	bias[1] = 0.5
	t.Dense(y, x, w, bias, true)
	for i := range y.Rows {
		fmt.Println(y.At(i, 0), y.At(i, 1))
	}
	// Output:
	// 3 1.5
	// 7 1.5
	// 11 1.5
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

// BenchmarkRows says what the other kernels of networks cost, in nanoseconds a number of the largest operand.
func BenchmarkRows(b *testing.B) {
	for _, t := range backends.Available() {
		x, y, w, square, turned := matrix(100, 32), matrix(2, 100), matrix(2, 32), matrix(32, 32), matrix(32, 32)
		p, m, v, g := aligned(2304), aligned(2304), aligned(2304), aligned(2304)
		wide := make([]float64, 2304)
		clear(v)
		for _, c := range []struct {
			name    string
			numbers int
			run     func()
		}{
			{"DenseThin", 3200, func() { t.F32.DenseThin(y, x, w, nil) }},
			{"Transpose", 1024, func() { t.F32.Transpose(turned, square) }},
			{"ColumnSums", 3200, func() { t.F32.ColumnSums(p, x) }},
			{"Adam", 2304, func() { t.F32.Adam(p, m, v, g, 0.1, 0.001, 1e-3, 1, 1e-8, 0) }},
			{"Narrow", 2304, func() { t.F32.Narrow(p, wide) }},
			{"Widen", 2304, func() { t.F32.Widen(wide, p) }},
			{"Sub", 2304, func() { t.F32.Sub.VV(p, m, v) }},
			{"Exp", 2304, func() { t.F32.Exp(p, m) }},
			{"Expm1", 2304, func() { t.F32.Expm1(p, m) }},
			{"Log", 2304, func() { t.F32.Log(p, m) }},
			{"Sin", 2304, func() { t.F32.Sin(p, m) }},
			{"Tanh", 2304, func() { t.F32.Tanh(p, m) }},
			{"Sigmoid", 2304, func() { t.F32.Sigmoid(p, m) }},
			{"Softplus", 2304, func() { t.F32.Softplus(p, m) }},
			{"Erf", 2304, func() { t.F32.Erf(p, m) }},
		} {
			b.Run(t.Name+"/"+c.name, func(b *testing.B) {
				ns := best(c.run)
				for b.Loop() {
					c.run()
				}
				b.ReportMetric(ns, "ns/best")
				b.ReportMetric(ns/float64(c.numbers), "ns/number")
			})
		}
	}
}

// network is one of dense layers 2-32-32-32-2 with ReLU, and what a training step on a batch of it needs.
type network struct {
	*backends.Table32
	x, h1, h2, h3, y                  backends.Matrix // x and y are a row a coordinate
	d1, d2, d3, dy, turned            backends.Matrix
	w1, w2, w3, w4                    backends.Matrix // w4 is transposed
	g1, g2, g3, g4                    backends.Matrix
	b, c                              [4][]float32 // biases and their gradients
	parameters, gradients, mean, size []float32
}

func newNetwork(t *backends.Table, rows int) *network {
	n := &network{Table32: &t.F32}
	const count = 2*32 + 2*32*32 + 2*32 + 3*32 + 16
	for _, s := range []*[]float32{&n.parameters, &n.gradients, &n.mean, &n.size} {
		*s = aligned(count)
	}
	clear(n.size)
	for i := range n.parameters {
		n.parameters[i] /= 16
	}
	n.x, n.y, n.dy = matrix(2, rows), matrix(2, rows), matrix(2, rows)
	for _, m := range []*backends.Matrix{&n.h1, &n.h2, &n.h3, &n.d1, &n.d2, &n.d3} {
		*m = matrix(rows, 32)
	}
	n.turned = matrix(32, 32)
	at := 0
	for i, m := range [][2]*backends.Matrix{{&n.w1, &n.g1}, {&n.w2, &n.g2}, {&n.w3, &n.g3}, {&n.w4, &n.g4}} {
		k := []int{2, 32, 32, 2}[i]
		*m[0] = backends.NewMatrix(k, 32, n.parameters[at:])
		*m[1] = backends.NewMatrix(k, 32, n.gradients[at:])
		at += k * 32
	}
	for i := range n.b {
		n.b[i], n.c[i] = n.parameters[at:][:32:32], n.gradients[at:][:32:32]
		if i < 3 {
			at += 32
		}
	}
	n.b[3], n.c[3] = n.parameters[at:], n.gradients[at:]
	return n
}

func (n *network) forward() {
	n.Dense(n.h1, n.x.Transposed(), n.w1, n.b[0], true)
	n.Dense(n.h2, n.h1, n.w2, n.b[1], true)
	n.Dense(n.h3, n.h2, n.w3, n.b[2], true)
	n.DenseThin(n.y, n.h3, n.w4, n.b[3])
}

func (n *network) backward() {
	n.Sub.VV(n.dy.Data, n.y.Data, n.x.Data)
	clear(n.gradients)
	n.DenseAdd(n.g4, n.dy, n.h3)
	for o := range 2 {
		n.c[3][o] = n.dy.At(o, 0)
	}
	n.DenseGated(n.d3, n.dy.Transposed(), n.w4, n.h3)
	n.DenseGradient(n.g3, n.c[2], n.h2, n.d3)
	n.Transpose(n.turned, n.w3)
	n.DenseGated(n.d2, n.d3, n.turned, n.h2)
	n.DenseGradient(n.g2, n.c[1], n.h1, n.d2)
	n.Transpose(n.turned, n.w2)
	n.DenseGated(n.d1, n.d2, n.turned, n.h1)
	n.DenseGradient(n.g1, n.c[0], n.x.Transposed(), n.d1)
}

// BenchmarkNetwork is a training step of 100 rows, without drawing its batch, and an evaluation of a row in blocks of 96.
func BenchmarkNetwork(b *testing.B) {
	for _, t := range backends.Available() {
		n, block := newNetwork(t, 100), newNetwork(t, 96)
		for _, c := range []struct {
			name string
			run  func()
			rows float64
		}{
			{"forward", n.forward, 1},
			{"backward", n.backward, 1},
			{"step", func() {
				n.forward()
				n.backward()
				n.Adam(n.parameters, n.mean, n.size, n.gradients, 0.1, 0.001, 1e-6, 1, 1e-8, 0)
			}, 1},
			{"row", block.forward, 96},
		} {
			b.Run(t.Name+"/"+c.name, func(b *testing.B) {
				ns := best(c.run)
				for b.Loop() {
					c.run()
				}
				b.ReportMetric(ns/c.rows, "ns/best")
			})
		}
	}
}

// best is the nanoseconds of a call in the best of short stretches of calls.
func best(run func()) float64 {
	const calls = 20
	least := time.Duration(1 << 60)
	for end := time.Now().Add(30 * time.Millisecond); time.Now().Before(end); {
		began := time.Now()
		for range calls {
			run()
		}
		least = min(least, time.Since(began))
	}
	return float64(least.Nanoseconds()) / calls
}
