package backends_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/scorefield/infer/backends"
)

func image(height, width, channels int) backends.Image {
	return backends.NewImage(height, width, channels, aligned(height*width*channels))
}

func randomImage(r *rand.Rand, height, width, channels int) backends.Image {
	m := image(height, width, channels)
	randomize(r, m.Data)
	return m
}

func randomize(r *rand.Rand, s []float32) {
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
}

// padded is the number of channel c of the pixel that lies at (y, x), with zeros between pixels up apart, and outside.
func padded(m backends.Image, y, x, c, up int) float64 {
	if y < 0 || x < 0 || y%up != 0 || x%up != 0 || y/up >= m.Height || x/up >= m.Width {
		return 0
	}
	return float64(m.Data[(y/up*m.Width+x/up)*m.Stride+c])
}

var same3x3 = backends.Window{Size: 3, Step: 1, Up: 1, Before: 1}

var testedWindows = []backends.Window{{1, 1, 1, 0}, {3, 1, 1, 1}, {3, 2, 1, 0}, {3, 2, 1, 1}, {3, 1, 2, 2}, {3, 1, 2, 1}}

// Convolve is the sum that textbooks have, over an input with zeros between and around its pixels.
func TestConvolve(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for _, table := range backends.Available() {
		for _, window := range testedWindows {
			const inputs, outputs, height, width = 5, 16, 6, 8
			x, y := randomImage(r, height, width, inputs), image(height*window.Up/window.Step, width*window.Up/window.Step, outputs)
			w, bias := aligned(window.Size*window.Size*inputs*outputs), aligned(outputs)
			randomize(r, w)
			table.F32.Convolve(y, x, w, bias, window)
			for i, got := range y.Data {
				oc, ox, oy := i%outputs, i/outputs%y.Width, i/outputs/y.Width
				want := float64(bias[oc])
				for k := range window.Size * window.Size * inputs {
					ic, kx, ky := k%inputs, k/inputs%window.Size, k/inputs/window.Size
					want += float64(w[k*outputs+oc]) * padded(x, oy*window.Step+ky-window.Before, ox*window.Step+kx-window.Before, ic, window.Up)
				}
				if math.Abs(float64(got)-want) > 1e-5 {
					t.Fatalf("%s, %+v: channel %d of pixel (%d, %d) is %v, want %v", table.Name, window, oc, oy, ox, got, want)
				}
			}
		}
	}
}

func TestConvolutionsAllocateNothing(t *testing.T) {
	x, y, w, dw := image(8, 8, 16), image(8, 8, 32), aligned(9*16*32), aligned(9*16*32)
	for _, table := range backends.Available() {
		if a := testing.AllocsPerRun(3, func() {
			table.F32.Convolve(y, x, w, nil, same3x3)
			table.F32.ConvolveGradient(dw, x, y, same3x3)
			table.F32.FlipWeights(dw, w, 3, 16, 32)
		}); a != 0 {
			t.Errorf("%s: %v allocations", table.Name, a)
		}
	}
}

// Convolve is linear in its input and in its weights: a product with its result is the same product with the gradients.
func TestConvolveGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2))
	dot := func(a, b []float32) (sum float64) {
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return sum
	}
	for _, table := range backends.Available() {
		for _, window := range testedWindows {
			const inputs, outputs, height, width = 16, 32, 6, 8
			x, y := randomImage(r, height, width, inputs), image(height*window.Up/window.Step, width*window.Up/window.Step, outputs)
			dx, dy := image(height, width, inputs), randomImage(r, y.Height, y.Width, outputs)
			w, dw, flipped := aligned(window.Size*window.Size*inputs*outputs), aligned(window.Size*window.Size*inputs*outputs), aligned(window.Size*window.Size*inputs*outputs)
			randomize(r, w)
			clear(dw)
			table.F32.Convolve(y, x, w, nil, window)
			table.F32.FlipWeights(flipped, w, window.Size, inputs, outputs)
			table.F32.Convolve(dx, dy, flipped, nil, window.Transposed())
			table.F32.ConvolveGradient(dw, x, dy, window)
			want, scale := dot(y.Data, dy.Data), math.Sqrt(dot(y.Data, y.Data)*dot(dy.Data, dy.Data))
			if got := dot(x.Data, dx.Data); math.Abs(got-want) > 1e-6*scale {
				t.Errorf("%s, %+v: input times its gradient is %v, want %v", table.Name, window, got, want)
			}
			if got := dot(w, dw); math.Abs(got-want) > 1e-6*scale {
				t.Errorf("%s, %+v: weights times their gradient are %v, want %v", table.Name, window, got, want)
			}
			table.F32.ConvolveGradient(dw, x, dy, window) // adds
			if got := dot(w, dw); math.Abs(got-2*want) > 1e-6*scale {
				t.Errorf("%s, %+v: weights times twice their gradient are %v, want %v", table.Name, window, got, 2*want)
			}
		}
	}
}

// The inputs of a flipped convolution are padded, to be the outputs of another.
func TestFlipWeightsPads(t *testing.T) {
	w := make([]float32, 9*2*16)
	for i := range w {
		w[i] = float32(i)
	}
	flipped := aligned(9 * 16 * 16)
	backends.Current().F32.FlipWeights(flipped, w, 3, 2, 16)
	for i, got := range flipped {
		ic, oc, tap := i%16, i/16%16, i/256
		want := float32(0)
		if ic < 2 {
			want = w[((8-tap)*2+ic)*16+oc]
		}
		if got != want {
			t.Fatalf("weight %d is %v, want %v", i, got, want)
		}
	}
}

func TestImagesThatDoNotFitPanic(t *testing.T) {
	same := same3x3
	short, overlapping, negative := image(4, 4, 16), image(4, 4, 16), image(4, 4, 16)
	short.Data = short.Data[:255]
	overlapping.Stride = 15
	negative.Height = -4
	w := aligned(9 * 16 * 16)
	for _, table := range backends.Available() {
		f := table.F32
		bf16 := backends.NewBF16Weights(w, 3, 16, 16)
		for name, call := range map[string]func(){
			"bf16 size": func() {
				f.ConvolveBF16(image(4, 4, 16), image(4, 4, 16), bf16, nil, backends.Window{Size: 1, Step: 1, Up: 1}, w)
			},
			"bf16 inputs":  func() { f.ConvolveBF16(image(4, 4, 16), image(4, 4, 8), bf16, nil, same, w) },
			"bf16 outputs": func() { f.ConvolveBF16(image(4, 4, 32), image(4, 4, 16), bf16, nil, same, w) },
			"bf16 scratch": func() { f.ConvolveBF16(image(4, 4, 16), image(4, 4, 16), bf16, nil, same, w[:255]) },
			"bf16 weights": func() { backends.NewBF16Weights(w[1:], 3, 16, 16) },
			"channels":     func() { f.Convolve(image(4, 4, 17), image(4, 4, 8), w, nil, same) },
			"weights":      func() { f.Convolve(image(4, 4, 16), image(4, 4, 16), w[1:], nil, same) },
			"bias":         func() { f.Convolve(image(4, 4, 16), image(4, 4, 16), w, make([]float32, 15), same) },
			"short y":      func() { f.Convolve(short, image(4, 4, 16), w, nil, same) },
			"short x":      func() { f.Convolve(image(4, 4, 16), short, w, nil, same) },
			"overlapping":  func() { f.Convolve(image(4, 4, 16), overlapping, w, nil, same) },
			"negative":     func() { f.Convolve(image(4, 4, 16), negative, w, nil, same) },
			"size":         func() { f.Convolve(image(4, 4, 16), image(4, 4, 16), w, nil, backends.Window{Size: 2, Step: 1, Up: 1}) },
			"step":         func() { f.Convolve(image(4, 4, 16), image(4, 4, 16), w, nil, backends.Window{Size: 3, Up: 1}) },
			"both":         func() { f.Convolve(image(4, 4, 16), image(4, 4, 16), w, nil, backends.Window{Size: 3, Step: 2, Up: 2}) },
			"gradient":     func() { f.ConvolveGradient(w[1:], image(4, 4, 16), image(4, 4, 16), same) },
			"short dy":     func() { f.ConvolveGradient(w, image(4, 4, 16), short, same) },
			"flipped":      func() { f.FlipWeights(w[1:], w, 3, 16, 16) },
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

func ExampleTable32_FlipWeights() {
	t := backends.Current().F32
	window := backends.Window{Size: 3, Step: 1, Up: 1, Before: 1}
	x := backends.NewImage(4, 4, 16, make([]float32, 4*4*16))
	y := backends.NewImage(4, 4, 16, make([]float32, 4*4*16))
	w := make([]float32, 3*3*16*16) // [ky][kx][ic][oc]
	w[0], x.Data[0] = 2, 1          // the tap above and to the left, from channel 0 to channel 0
	t.Convolve(y, x, w, nil, window)
	fmt.Println("pixel (1, 1) reads pixel (0, 0):", y.Data[(1*4+1)*16])

	flipped := make([]float32, len(w))
	t.FlipWeights(flipped, w, 3, 16, 16)
	t.Convolve(x, y, flipped, nil, window.Transposed())
	fmt.Println("and its gradient goes there:", x.Data[0])
	// Output:
	// pixel (1, 1) reads pixel (0, 0): 2
	// and its gradient goes there: 4
}
