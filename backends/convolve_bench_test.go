package backends_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/scorefield/infer/backends"
)

// layer is a convolution of images.
type layer struct {
	window        backends.Window
	inputs        int
	outputs, size int // of the result
}

var (
	down    = backends.Window{Size: 3, Step: 2, Up: 1, Before: 0}
	up      = backends.Window{Size: 3, Step: 1, Up: 2, Before: 2}
	oneTap  = backends.Window{Size: 1, Step: 1, Up: 1, Before: 0}
	columns = map[backends.Window]string{same3x3: "3x3", down: "step2", up: "up2", oneTap: "1x1"}
)

// layers are those of the tutorial's U-Net, then of larger networks.
func layers() (list []layer) {
	for _, s := range [][3]int{{16, 16, 28}, {32, 16, 28}, {16, 32, 14}, {64, 32, 14}, {32, 32, 14}, {32, 64, 7}, {64, 64, 7}} {
		list = append(list, layer{same3x3, s[0], s[1], s[2]})
	}
	return append(list,
		layer{same3x3, 2, 16, 28}, layer{oneTap, 16, 16, 28}, layer{up, 32, 16, 28}, layer{up, 64, 32, 14},
		layer{same3x3, 32, 32, 28}, layer{same3x3, 64, 64, 14}, layer{same3x3, 96, 96, 7}, layer{same3x3, 128, 128, 7}, layer{same3x3, 48, 48, 14}, layer{same3x3, 64, 64, 16},
		layer{down, 32, 64, 14}, layer{same3x3, 32, 32, 32},
	)
}

func (l layer) String() string {
	return fmt.Sprintf("%s/%d-%d@%d", columns[l.window], l.inputs, l.outputs, l.size)
}

// products counts the multiply-adds of an image whose taps lie inside.
func (l layer) products(inputSize int) float64 {
	taps := 0
	for o := range l.size {
		for k := range l.window.Size {
			if i := o*l.window.Step + k - l.window.Before; i >= 0 && i%l.window.Up == 0 && i/l.window.Up < inputSize {
				taps++
			}
		}
	}
	return float64(taps * taps * l.inputs * l.outputs)
}

// BenchmarkConvolve says what share of the peak of multiply-adds, measured right before, each layer reaches on one core, and
// on two with a larger batch. Only multiply-adds of taps inside the image count, those in bfloat16 as one of float32.
func BenchmarkConvolve(b *testing.B) {
	for _, t := range backends.Available() {
		for i, l := range layers() {
			l.benchmark(b, t, 1, 10)
			if i < 7 && t != &backends.Generic {
				l.benchmark(b, t, 2, 120)
			}
		}
	}
}

// benchmark runs a layer on a batch, of which each worker has its part, and weights of its own to add gradients to.
func (l layer) benchmark(b *testing.B, t *backends.Table, workers, batch int) {
	size := l.size * l.window.Step / l.window.Up
	var x, y []backends.Image
	for range batch {
		x, y = append(x, image(size, size, l.inputs)), append(y, image(l.size, l.size, l.outputs))
	}
	weights := l.window.Size * l.window.Size * l.inputs * l.outputs
	w, bias, flipped := aligned(weights), aligned(l.outputs), aligned(weights/l.inputs*((l.inputs+15)&^15))
	t.F32.FlipWeights(flipped, w, l.window.Size, l.inputs, l.outputs)
	dw, scratch, rounded := make([][]float32, workers), make([][]float32, workers), backends.NewBF16Weights(w, l.window.Size, l.inputs, l.outputs)
	u, du := aligned(4*weights), make([][]float32, workers)
	for i := range dw {
		dw[i], du[i], scratch[i] = aligned(weights), aligned(4*weights), aligned(backends.BF16Scratch(x[0])+backends.WinogradScratch(y[0], x[0])+backends.WinogradScratch(x[0], y[0]))
	}
	for i, c := range []struct {
		name string
		run  func(worker, i int)
	}{
		{"forward", func(_, i int) { t.F32.Convolve(y[i], x[i], w, bias, l.window) }},
		{"inputs", func(_, i int) { t.F32.Convolve(x[i], y[i], flipped, nil, l.window.Transposed()) }},
		{"weights", func(worker, i int) { t.F32.ConvolveGradient(dw[worker], x[i], y[i], l.window) }},
		{"bf16", func(worker, i int) { t.F32.ConvolveBF16(y[i], x[i], rounded, bias, l.window, scratch[worker]) }},
		{"winograd", func(worker, i int) { t.F32.ConvolveWinograd(y[i], x[i], u, bias, scratch[worker]) }},
		{"winogradWeights", func(worker, i int) { t.F32.ConvolveWinogradGradient(du[worker], x[i], y[i], scratch[worker]) }},
		{"transform", func(_, i int) { t.F32.TransformWinograd(u, w, l.inputs, l.outputs) }},
	} {
		if c.name == "inputs" && l.inputs%backends.DenseWidth != 0 || i > 3 && (l.inputs%backends.DenseWidth != 0 || l.window != same3x3) {
			continue
		}
		b.Run(fmt.Sprintf("%s/%d/%s/%s", t.Name, workers, l, c.name), func(b *testing.B) {
			for i := range dw {
				clear(dw[i])
				clear(du[i])
			}
			run := func() {
				var others sync.WaitGroup
				part := batch / workers
				for worker := 1; worker < workers; worker++ {
					others.Go(func() {
						for i := range part {
							c.run(worker, worker*part+i)
						}
					})
				}
				for i := range part {
					c.run(0, i)
				}
				others.Wait()
			}
			peak := 2 * float64(workers) * backends.Peak(t, 10*time.Millisecond)
			ns := shortest(30*time.Millisecond, run) / float64(batch)
			for b.Loop() {
				run()
			}
			b.ReportMetric(ns, "ns/image")
			if peak > 0 {
				b.ReportMetric(2*l.products(size)/ns*1e9/peak, "peak")
			}
		})
	}
}

// shortest is the nanoseconds of the fastest call in some time.
func shortest(d time.Duration, run func()) float64 {
	run()
	least := time.Duration(1 << 60)
	for end := time.Now().Add(d); time.Now().Before(end); {
		began := time.Now()
		run()
		least = min(least, time.Since(began))
	}
	return float64(least.Nanoseconds())
}
