package backends

import (
	"fmt"
	"math"
)

// Convolutions in bfloat16: the upper half of a float32, 8 bits of precision. Inputs and weights are rounded to it, products
// and sums are in float32. Processors with the instructions AVX512_BF16 do two products at a time, which twice the speed is
// bought with; others do the same sums as ordinary convolutions of rounded numbers, and gain nothing.

// BF16Weights are the weights of a convolution, rounded to bfloat16 once and for all.
type BF16Weights struct {
	size, inputs, outputs int
	// Pairs of input channels, the second in the upper half: [ky][kx][pair][oc].
	pairs []uint32
	// The same numbers in the order in which they are summed, the second of each pair before the first.
	exchanged []float32
}

// NewBF16Weights rounds w[ky][kx][ic][oc]; size is that of the window.
func NewBF16Weights(w []float32, size, ic, oc int) *BF16Weights {
	taps := size * size
	if size < 0 || ic < 0 || oc < 0 || len(w) < taps*ic*oc {
		panic(fmt.Sprintf("backends: %d weights for %d x %d taps from %d to %d channels", len(w), size, size, ic, oc))
	}
	even := (ic + 1) &^ 1
	b := &BF16Weights{size: size, inputs: ic, outputs: oc, pairs: make([]uint32, taps*even/2*oc), exchanged: make([]float32, taps*even*oc)}
	b.Set(w)
	return b
}

// Set rounds other weights into the same memory.
func (b *BF16Weights) Set(w []float32) {
	taps, ic, oc := b.size*b.size, b.inputs, b.outputs
	if len(w) < taps*ic*oc {
		panic(fmt.Sprintf("backends: %d weights for %d x %d taps from %d to %d channels", len(w), b.size, b.size, ic, oc))
	}
	even := (ic + 1) &^ 1
	for tap := range taps {
		for c := range ic {
			from, to, pairs := w[(tap*ic+c)*oc:][:oc], b.exchanged[(tap*even+c^1)*oc:][:oc], b.pairs[(tap*even/2+c/2)*oc:][:oc]
			for o, v := range from {
				to[o] = roundBF16(v)
				bits := math.Float32bits(to[o]) >> 16
				if c%2 == 1 {
					bits = bits<<16 | pairs[o]&0xffff
				}
				pairs[o] = bits // the upper half stays 0 where there is no second channel
			}
		}
	}
}

// roundBF16 is the nearest number of bfloat16, the even one of two. NaN stays NaN.
func roundBF16(x float32) float32 {
	b := math.Float32bits(x)
	if x != x {
		return math.Float32frombits(b&^0xffff | 1<<22)
	}
	return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
}

func checkBF16(y, x *Image, w *BF16Weights, window Window, scratch []float32) {
	checkConvolution(y, x, w.size*w.size*w.inputs*w.outputs, window)
	if w.size != window.Size || w.inputs != x.Channels || w.outputs != y.Channels {
		panic(fmt.Sprintf("backends: weights of %d x %d taps from %d to %d channels for a window of size %d from %d to %d", w.size, w.size, w.inputs, w.outputs, window.Size, x.Channels, y.Channels))
	}
	if want := BF16Scratch(*x); len(scratch) < want {
		panic(fmt.Sprintf("backends: %d numbers to work with: a convolution in bfloat16 wants %d", len(scratch), want))
	}
}

// BF16Scratch is how many numbers [Table32.ConvolveBF16] needs to work with.
func BF16Scratch(x Image) int { return x.Height * x.Width * ((x.Channels + 1) &^ 1) }

func convolveBF16Generic(y, x Image, w *BF16Weights, bias []float32, window Window, scratch []float32) {
	checkBF16(&y, &x, w, window, scratch)
	convolveGeneric(y, exchanged(&x, scratch, exchangeBF16), w.exchanged, bias, window)
}

// exchanged makes the image whose channels are rounded, the second of each pair before the first, and those of the last
// pixel's missing neighbours 0. exchange does so with whole pairs.
func exchanged(x *Image, scratch []float32, exchange func(dst, src []float32)) Image {
	even := (x.Channels + 1) &^ 1
	m := NewImage(x.Height, x.Width, even, scratch[:x.Height*x.Width*even])
	runs, n := runs(x)
	for i := range runs {
		to, from := m.Data[i*((n+1)&^1):], x.Data[i*x.Stride:]
		exchange(to[:n&^1], from)
		if n%2 == 1 {
			to[n-1], to[n] = 0, roundBF16(from[n-1])
		}
	}
	return m
}

// runs is how many stretches of so many numbers an image is, which do not break pairs: one for images without gaps.
func runs(x *Image) (count, numbers int) {
	if x.Channels == 0 {
		return 0, 0
	}
	if x.Stride == x.Channels && x.Channels%2 == 0 {
		return 1, x.Height * x.Width * x.Channels
	}
	return x.Height * x.Width, x.Channels
}

func exchangeBF16(dst, src []float32) {
	for i := range dst {
		dst[i] = roundBF16(src[i^1])
	}
}
