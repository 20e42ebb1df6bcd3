//go:build !noasm

package backends

import (
	"math"
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

// multipliesBF16 says whether this machine has VDPBF16PS.
var multipliesBF16 = cpuid.CPU.Supports(cpuid.AVX512BF16)

func convolveBF16AVX512(y, x Image, w *BF16Weights, bias []float32, window Window, scratch []float32) {
	checkBF16(&y, &x, w, window, scratch)
	if multipliesBF16 {
		packed := pairs(&x, scratch, packBF16AVX512)
		convolution(&y, &packed, bits32(w.pairs), bias, window, vectorsBF16)
		return
	}
	rounded := exchanged(&x, scratch, exchangeBF16AVX512)
	convolution(&y, &rounded, w.exchanged, bias, window, vectors512)
}

func convolveBF16AVX2(y, x Image, w *BF16Weights, bias []float32, window Window, scratch []float32) {
	checkBF16(&y, &x, w, window, scratch)
	rounded := exchanged(&x, scratch, exchangeBF16AVX2)
	convolution(&y, &rounded, w.exchanged, bias, window, vectors256)
}

func exchangeBF16AVX512(dst, src []float32) {
	whole := len(dst) &^ 15
	if whole > 0 {
		src = src[:len(dst)]
		exchangeBF16AVX512Kernel(&dst[0], &src[0], whole)
	}
	exchangeBF16(dst[whole:], src[whole:])
}

func exchangeBF16AVX2(dst, src []float32) {
	whole := len(dst) &^ 15
	if whole > 0 {
		src = src[:len(dst)]
		exchangeBF16AVX2Kernel(&dst[0], &src[0], whole)
	}
	exchangeBF16(dst[whole:], src[whole:])
}

func packBF16AVX512(dst, src []float32) {
	whole := len(dst) &^ 7
	if whole > 0 {
		src = src[:2*len(dst)]
		packBF16AVX512Kernel(&dst[0], &src[0], 2*whole)
	}
	packBF16(dst[whole:], src[2*whole:])
}

// pairs makes the image whose channels are pairs of those of x, each in one number's bits. pack does so with whole pairs.
func pairs(x *Image, scratch []float32, pack func(dst, src []float32)) Image {
	half := (x.Channels + 1) / 2
	m := NewImage(x.Height, x.Width, half, scratch[:x.Height*x.Width*half])
	runs, n := runs(x)
	for i := range runs {
		to, from := m.Data[i*((n+1)/2):], x.Data[i*x.Stride:]
		pack(to[:n/2], from)
		if n%2 == 1 {
			to[n/2] = math.Float32frombits(math.Float32bits(roundBF16(from[n-1])) >> 16)
		}
	}
	return m
}

func packBF16(dst, src []float32) {
	for i := range dst {
		low, high := math.Float32bits(roundBF16(src[2*i])), math.Float32bits(roundBF16(src[2*i+1]))
		dst[i] = math.Float32frombits(low>>16 | high)
	}
}

// bits32 is the same memory as numbers.
func bits32(s []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}
