package backends_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/scorefield/infer/backends"
)

// norm is the root of the mean square.
func norm(s []float32) (sum float64) {
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(s)))
}

// Winograd's convolution and its gradients are Convolve's up to 4e-5 of their size in the worst number, at all sizes.
func TestConvolveWinograd(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 5))
	for _, table := range backends.Available() {
		f := &table.F32
		worst := 0.0
		for _, size := range [][2]int{{1, 1}, {3, 2}, {7, 7}, {8, 4}, {14, 14}, {5, 28}} {
			const inputs, outputs = 32, 16
			x, y, want := randomImage(r, size[0], size[1], inputs), image(size[0], size[1], outputs), image(size[0], size[1], outputs)
			w, bias, u := aligned(9*inputs*outputs), aligned(outputs), aligned(36*inputs*outputs)
			randomize(r, w)
			scratch := aligned(backends.WinogradScratch(y, x))
			near := func(what string, got, want []float32) {
				size, most := norm(want), 0.0
				for i := range got {
					most = max(most, math.Abs(float64(got[i]-want[i]))/size)
				}
				worst = max(worst, most)
				if most > 4e-5 {
					t.Errorf("%s, %d x %d pixels: %s is off by %v of its size", table.Name, x.Height, x.Width, what, most)
				}
			}
			f.TransformWinograd(u, w, inputs, outputs)
			f.Convolve(want, x, w, bias, same3x3)
			if a := testing.AllocsPerRun(1, func() { f.ConvolveWinograd(y, x, u, bias, scratch) }); a != 0 {
				t.Errorf("%s: %v allocations", table.Name, a)
			}
			near("the result", y.Data, want.Data)
			f.Convolve(want, x, w, nil, same3x3)
			f.ConvolveWinograd(y, x, u, nil, scratch)
			near("the result without bias", y.Data, want.Data)

			dy := randomImage(r, size[0], size[1], outputs)
			du, dw, wantW := aligned(len(u)), aligned(len(w)), aligned(len(w))
			clear(du)
			clear(wantW)
			for range 2 {
				f.ConvolveGradient(wantW, x, dy, same3x3)
				f.ConvolveWinogradGradient(du, x, dy, scratch)
			}
			f.TransformWinogradGradient(dw, du, inputs, outputs)
			near("the gradient", dw, wantW)
		}
		t.Logf("%s: at most %.2g", table.Name, worst)
	}
}
