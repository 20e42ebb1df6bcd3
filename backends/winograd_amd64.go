//go:build !noasm

package backends

import "unsafe"

// transformJob is what the kernel of a transform is told: a pass, with strides and offsets in bytes.
type transformJob struct {
	in               [6]unsafe.Pointer
	out, bias        unsafe.Pointer
	stepOut, n, rows int
	nextIn, nextOut  int // nextOut from the end of a row
}

// run does the pass with vectors of a kind; its n is a multiple of 16.
func (p *pass) run(of transform, kind vectorKind) {
	if kind == scalars {
		p.generic(of)
		return
	}
	if p.rows == 0 {
		return
	}
	job := transformJob{
		out: unsafe.Pointer(unsafe.SliceData(p.out)), bias: unsafe.Pointer(unsafe.SliceData(p.bias)),
		stepOut: 4 * p.stepOut, n: 4 * p.n, rows: p.rows, nextIn: 4 * p.nextIn, nextOut: 4 * (p.nextOut - p.n),
	}
	for s, in := range p.in {
		job.in[s] = unsafe.Pointer(unsafe.SliceData(in))
	}
	if kind == vectors512 {
		switch of {
		case transformInput:
			winogradInputAVX512Kernel(&job)
		case transformOutput:
			winogradOutputAVX512Kernel(&job)
		case transformResult:
			winogradResultAVX512Kernel(&job)
		case transformWeights:
			winogradWeightsAVX512Kernel(&job)
		case transformGradient:
			winogradGradientAVX512Kernel(&job)
		case transformBack:
			winogradBackAVX512Kernel(&job)
		}
		return
	}
	switch of {
	case transformInput:
		winogradInputAVX2Kernel(&job)
	case transformOutput:
		winogradOutputAVX2Kernel(&job)
	case transformResult:
		winogradResultAVX2Kernel(&job)
	case transformWeights:
		winogradWeightsAVX2Kernel(&job)
	case transformGradient:
		winogradGradientAVX2Kernel(&job)
	case transformBack:
		winogradBackAVX2Kernel(&job)
	}
}

func denseAdd(y, x, w Matrix, kind vectorKind) {
	switch kind {
	case vectors512:
		denseAddAVX512(y, x, w)
	case vectors256:
		denseAddAVX2(y, x, w)
	default:
		denseAddGeneric(y, x, w)
	}
}

// winogradProducts multiplies the transforms with the kernel of a convolution: tiles are the pixels of a row, and there is
// one tap.
func winogradProducts(outputs, inputs, u []float32, room, tiles, ic, oc int, kind vectorKind) {
	if kind == scalars {
		productsGeneric(outputs, inputs, u, room, tiles, ic, oc)
		return
	}
	job := convolveJob{
		a: unsafe.Pointer(unsafe.SliceData(inputs)), stepC: 4 * oc, stepA: 4 * ic, strideB: 4 * oc, inner: ic,
		first: int(unsafe.Offsetof(convolveJob{}.list)), count: 1,
	}
	all := along{}
	for term := range winogradTerms {
		for channel := 0; channel < oc; channel += job.size >> 8 * kind.lanes() {
			vectors, most := tilesOf(tiles, oc-channel, kind)
			job.b = unsafe.Pointer(&u[term*ic*oc+channel])
			for j := 0; j < tiles; j += job.size & 255 {
				job.size = vectors<<8 + all.tile(j, tiles-j, most, false)
				job.rowA = 4 * (term*(room*ic+gap) + j*ic)
				job.c = unsafe.Pointer(&outputs[term*(room*oc+gap)+j*oc+channel])
				if kind == vectors512 {
					convolveAVX512Kernel(&job)
				} else {
					convolveAVX2Kernel(&job)
				}
			}
		}
	}
}

func convolveWinogradAVX512(y, x Image, u, bias, scratch []float32) {
	convolveWinograd(&y, &x, u, bias, scratch, vectors512)
}

func convolveWinogradAVX2(y, x Image, u, bias, scratch []float32) {
	convolveWinograd(&y, &x, u, bias, scratch, vectors256)
}

func convolveWinogradGradientAVX512(du []float32, x, dy Image, scratch []float32) {
	convolveWinogradGradient(du, &x, &dy, scratch, vectors512)
}

func convolveWinogradGradientAVX2(du []float32, x, dy Image, scratch []float32) {
	convolveWinogradGradient(du, &x, &dy, scratch, vectors256)
}

func transformWinogradAVX512(u, w []float32, ic, oc int) { transformWinograd(u, w, ic, oc, vectors512) }

func transformWinogradAVX2(u, w []float32, ic, oc int) { transformWinograd(u, w, ic, oc, vectors256) }

func transformWinogradGradientAVX512(dw, du []float32, ic, oc int) {
	transformWinogradGradient(dw, du, ic, oc, vectors512)
}

func transformWinogradGradientAVX2(dw, du []float32, ic, oc int) {
	transformWinogradGradient(dw, du, ic, oc, vectors256)
}
