//go:build !noasm

package backends

import "unsafe"

// denseJob is what a dense kernel is told: c = start + a b, with strides and steps in bytes. The last fields are for the
// kernel itself.
type denseJob struct {
	c, a, b, bias, gate                          unsafe.Pointer
	strideC, strideA, stepA, strideB, strideGate int
	rows, inner, columns                         int
	start                                        int // 0: from 0, 1: from the bias, 2: from what is in c
	finish                                       int // 0: as it is, 1: rectified, 2: gated
	_                                            [6]uintptr
}

func newJob(y, x, w Matrix) denseJob {
	checkProduct(y, x, w)
	return denseJob{
		c: pointer(y), a: pointer(x), b: pointer(w),
		strideC: 4 * y.Stride, strideA: 4 * x.Stride, stepA: 4 * x.Step, strideB: 4 * w.Stride,
		rows: y.Rows, inner: x.Columns, columns: y.Columns,
	}
}

func pointer(m Matrix) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(m.Data)) }

func jobDense(y, x, w Matrix, bias []float32, relu bool) denseJob {
	job := newJob(y, x, w)
	if bias != nil {
		job.bias, job.start = unsafe.Pointer(unsafe.SliceData(bias[:y.Columns])), 1
	}
	if relu {
		job.finish = 1
	}
	return job
}

func jobDenseAdd(y, x, w Matrix) denseJob {
	job := newJob(y, x, w)
	job.start = 2
	return job
}

func jobDenseGated(y, x, w, gate Matrix) denseJob {
	checkGate(y, gate)
	job := newJob(y, x, w)
	job.gate, job.strideGate, job.finish = pointer(gate), 4*gate.Stride, 2
	return job
}

func denseAVX2(y, x, w Matrix, bias []float32, relu bool) {
	job := jobDense(y, x, w, bias, relu)
	denseAVX2Kernel(&job)
}

func denseAddAVX2(y, x, w Matrix) {
	job := jobDenseAdd(y, x, w)
	denseAVX2Kernel(&job)
}

func denseGatedAVX2(y, x, w, gate Matrix) {
	job := jobDenseGated(y, x, w, gate)
	denseAVX2Kernel(&job)
}

func denseAVX512(y, x, w Matrix, bias []float32, relu bool) {
	job := jobDense(y, x, w, bias, relu)
	denseAVX512Kernel(&job)
}

func denseAddAVX512(y, x, w Matrix) {
	job := jobDenseAdd(y, x, w)
	denseAVX512Kernel(&job)
}

func denseGatedAVX512(y, x, w, gate Matrix) {
	job := jobDenseGated(y, x, w, gate)
	denseAVX512Kernel(&job)
}
