//go:build !noasm

package backends

func convolveAVX2(y, x Image, w, bias []float32, window Window) {
	convolveGeneric(y, x, w, bias, window)
}

func convolveAVX512(y, x Image, w, bias []float32, window Window) {
	convolveGeneric(y, x, w, bias, window)
}

func convolveGradientAVX2(dw []float32, x, dy Image, window Window) {
	convolveGradientGeneric(dw, x, dy, window)
}

func convolveGradientAVX512(dw []float32, x, dy Image, window Window) {
	convolveGradientGeneric(dw, x, dy, window)
}
