package backends

import "fmt"

// Image is Height times Width pixels of Channels numbers each, one after the other: channel c of pixel (y, x) is
// Data[(y*Width+x)*Stride + c]. A stride above Channels leaves room for what other images share the pixels with, so two
// images written side by side are one of both their channels.
type Image struct {
	Data                            []float32
	Height, Width, Channels, Stride int
}

// NewImage is an image whose pixels lie one after the other without gaps.
func NewImage(height, width, channels int, data []float32) Image {
	return Image{Data: data, Height: height, Width: width, Channels: channels, Stride: channels}
}

// Window says what a convolution reads. It has Size times Size taps; tap (ky, kx) of output (y, x) is the input
//
//	((y*Step + ky - Before)/Up, (x*Step + kx - Before)/Up)
//
// and is left out where that is no whole number or lies outside. Size is 1 or 3, Step and Up are 1 or 2 and not both 2. Up 2
// is a transposed convolution, which makes an image twice as large. Before is the padding above and to the left; there is
// as much below and to the right as the size of the result asks for.
//
//	Window{3, 1, 1, 1}  3x3, the result as large as the input
//	Window{3, 2, 1, 0}  3x3, half as large: the padding SAME of JAX, for even sizes
//	Window{3, 2, 1, 1}  3x3, half as large: padding 1 of PyTorch
//	Window{3, 1, 2, 2}  transposed 3x3, twice as large: the padding SAME of JAX
//	Window{3, 1, 2, 1}  transposed 3x3, twice as large: padding 1, output padding 1 of PyTorch, with its weights flipped
type Window struct{ Size, Step, Up, Before int }

// Transposed is the window of the gradient at the input: what [Table32.Convolve] reads of the gradient at its result, with
// weights that [Table32.FlipWeights] made.
func (w Window) Transposed() Window {
	return Window{Size: w.Size, Step: w.Up, Up: w.Step, Before: w.Size - 1 - w.Before}
}

// FlipWeights turns weights w[ky][kx][ic][oc] into those of the gradient at the input, dst[Size-1-ky][Size-1-kx][oc][ic], in
// which ic is rounded up to a multiple of [DenseWidth] and filled up with zeros, since those are a convolution's outputs.
func (t *Table32) FlipWeights(dst, w []float32, size, ic, oc int) {
	padded := (ic + DenseWidth - 1) &^ (DenseWidth - 1)
	taps := size * size
	if size < 0 || ic < 0 || oc < 0 || len(w) < taps*ic*oc || len(dst) < taps*oc*padded {
		panic(fmt.Sprintf("backends: %d flipped weights of %d: want %d x %d taps of %d x %d, the first padded to %d", len(dst), len(w), size, size, ic, oc, padded))
	}
	for tap := range taps {
		to := dst[(taps-1-tap)*oc*padded:][:oc*padded]
		if ic < padded {
			clear(to)
		}
		turned := NewMatrix(oc, ic, to)
		turned.Stride = padded
		t.Transpose(turned, NewMatrix(ic, oc, w[tap*ic*oc:][:ic*oc]))
	}
}

// check panics if an image reaches beyond its numbers.
func (m *Image) check(name string) {
	if m.Height < 0 || m.Width < 0 || m.Channels < 0 || m.Stride < m.Channels {
		panic(fmt.Sprintf("backends: %s has %d x %d pixels of %d channels and stride %d: a negative number, or pixels that overlap", name, m.Height, m.Width, m.Channels, m.Stride))
	}
	if m.Height > 0 && m.Width > 0 && m.Channels > 0 && (m.Height*m.Width-1)*m.Stride+m.Channels > len(m.Data) {
		panic(fmt.Sprintf("backends: %s has %d x %d pixels of %d channels and stride %d, but %d numbers", name, m.Height, m.Width, m.Channels, m.Stride, len(m.Data)))
	}
}

// checkConvolution panics if y is no convolution of x.
func checkConvolution(y, x *Image, weights int, window Window) {
	y.check("the result")
	x.check("the input")
	if (window.Size != 1 && window.Size != 3) || window.Step < 1 || window.Up < 1 || window.Step*window.Up > 2 {
		panic(fmt.Sprintf("backends: a window of size %d, step %d, up %d: want size 1 or 3, step and up 1 or 2 and not both 2", window.Size, window.Step, window.Up))
	}
	if y.Channels%DenseWidth != 0 {
		panic(fmt.Sprintf("backends: a convolution with %d output channels: want a multiple of %d", y.Channels, DenseWidth))
	}
	if want := window.Size * window.Size * x.Channels * y.Channels; weights < want {
		panic(fmt.Sprintf("backends: %d weights for %d x %d taps from %d to %d channels: want %d", weights, window.Size, window.Size, x.Channels, y.Channels, want))
	}
}

// vectorKind is what the loops of a backend multiply at a time.
type vectorKind int

const (
	scalars vectorKind = iota
	vectors256
	vectors512
	vectorsBF16 // 512 bits of pairs in bfloat16
)

// tap is where along one axis the input lies that tap k of an output reads, if it reads any.
func (w Window) tap(output, k, inputs int) (input int, inside bool) {
	at := output*w.Step + k - w.Before
	if at < 0 || at%w.Up != 0 || at/w.Up >= inputs {
		return 0, false
	}
	return at / w.Up, true
}

// pixel is the channels of a pixel.
func (m *Image) pixel(y, x int) []float32 {
	return m.Data[(y*m.Width+x)*m.Stride:][:m.Channels]
}

// eachTap calls f for all outputs in ascending order, and for the taps of each in ascending order.
func (w Window) eachTap(y, x *Image, f func(oy, ox, iy, ix, tap int)) {
	for oy := range y.Height {
		for ox := range y.Width {
			for ky := range w.Size {
				iy, ok := w.tap(oy, ky, x.Height)
				if !ok {
					continue
				}
				for kx := range w.Size {
					if ix, ok := w.tap(ox, kx, x.Width); ok {
						f(oy, ox, iy, ix, ky*w.Size+kx)
					}
				}
			}
		}
	}
}

func convolveGeneric(y, x Image, w, bias []float32, window Window) {
	checkConvolution(&y, &x, len(w), window)
	if y.Channels == 0 {
		return
	}
	for oy := range y.Height {
		for ox := range y.Width {
			sums := y.pixel(oy, ox)
			if bias == nil {
				clear(sums)
			} else {
				copy(sums, bias[:y.Channels])
			}
		}
	}
	if x.Channels == 0 {
		return
	}
	window.eachTap(&y, &x, func(oy, ox, iy, ix, tap int) {
		sums, inputs := y.pixel(oy, ox), x.pixel(iy, ix)
		weights := w[tap*x.Channels*y.Channels:]
		for c, input := range inputs {
			addScaled(sums, weights[c*len(sums):], input)
		}
	})
}

func convolveGradientGeneric(dw []float32, x, dy Image, window Window) {
	checkConvolution(&dy, &x, len(dw), window)
	if dy.Channels == 0 || x.Channels == 0 {
		return
	}
	window.eachTap(&dy, &x, func(oy, ox, iy, ix, tap int) {
		gradient, inputs := dy.pixel(oy, ox), x.pixel(iy, ix)
		sums := dw[tap*x.Channels*dy.Channels:]
		for c, input := range inputs {
			addScaled(sums[c*len(gradient):][:len(gradient)], gradient, input)
		}
	})
}

// addScaled adds factor times other to sums, rounded once.
func addScaled(sums, other []float32, factor float32) {
	other = other[:len(sums)]
	for j, s := range sums {
		sums[j] = FMA32(factor, other[j], s)
	}
}
