package backends_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/scorefield/infer/backends"
)

// A convolution in bfloat16 is one of float32 whose inputs and weights have 8 bits.
func TestConvolveBF16(t *testing.T) {
	round := func(s []float32) (rounded []float32) {
		for _, v := range s {
			exponent := math.Ilogb(float64(v))
			rounded = append(rounded, float32(math.Ldexp(math.RoundToEven(math.Ldexp(float64(v), 7-exponent)), exponent-7)))
		}
		return rounded
	}
	r := rand.New(rand.NewPCG(8, 3))
	for _, table := range backends.Available() {
		for _, window := range testedWindows {
			for _, inputs := range []int{1, 2, 5, 32} {
				const outputs, height, width = 16, 6, 8
				x, y := randomImage(r, height, width, inputs), image(height*window.Up/window.Step, width*window.Up/window.Step, outputs)
				w, bias := aligned(window.Size*window.Size*inputs*outputs), aligned(outputs)
				randomize(r, w)
				weights, scratch := backends.NewBF16Weights(w, window.Size, inputs, outputs), aligned(backends.BF16Scratch(x))
				if a := testing.AllocsPerRun(3, func() { table.F32.ConvolveBF16(y, x, weights, bias, window, scratch) }); a != 0 {
					t.Errorf("%s: %v allocations", table.Name, a)
				}
				want := image(y.Height, y.Width, outputs)
				table.F32.Convolve(want, backends.NewImage(height, width, inputs, round(x.Data)), round(w), bias, window)
				for i, got := range y.Data {
					if math.Abs(float64(got-want.Data[i])) > 1e-4 {
						t.Fatalf("%s, %+v, %d inputs: number %d is %v, want %v", table.Name, window, inputs, i, got, want.Data[i])
					}
				}
			}
		}
	}
}
