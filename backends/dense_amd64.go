//go:build !noasm

package backends

import "unsafe"

// denseJob is what a dense kernel is told: c = start + a b, with strides and steps in bytes. The last fields are for the
// kernel itself. Jobs are filled in place, field by field: to copy one right after it was written would cost more than a
// small product.
type denseJob struct {
	c, a, b, bias, gate                          unsafe.Pointer
	strideC, strideA, stepA, strideB, strideGate int
	rows, inner, columns                         int
	start                                        int // 0: from 0, 1: from the bias, 2: from what is in c
	finish                                       int // 0: as it is, 1: rectified, 2: gated
	_                                            [6]uintptr
}

func (job *denseJob) product(y, x, w *Matrix) {
	checkProduct(y, x, w)
	job.c, job.strideC = pointer(y), 4*y.Stride
	job.a, job.strideA, job.stepA = pointer(x), 4*x.Stride, 4*x.Step
	job.b, job.strideB = pointer(w), 4*w.Stride
	job.rows, job.inner, job.columns = y.Rows, x.Columns, y.Columns
}

func pointer(m *Matrix) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(m.Data)) }

func (job *denseJob) dense(y, x, w *Matrix, bias []float32, relu bool) {
	job.product(y, x, w)
	if bias != nil {
		job.bias, job.start = unsafe.Pointer(unsafe.SliceData(bias[:y.Columns])), 1
	}
	if relu {
		job.finish = 1
	}
}

func (job *denseJob) add(y, x, w *Matrix) {
	job.product(y, x, w)
	job.start = 2
}

func (job *denseJob) gated(y, x, w, gate *Matrix) {
	checkGate(y, gate)
	job.product(y, x, w)
	job.gate, job.strideGate, job.finish = pointer(gate), 4*gate.Stride, 2
}

func denseAVX2(y, x, w Matrix, bias []float32, relu bool) {
	var job denseJob
	job.dense(&y, &x, &w, bias, relu)
	denseAVX2Kernel(&job)
}

func denseAddAVX2(y, x, w Matrix) {
	var job denseJob
	job.add(&y, &x, &w)
	denseAVX2Kernel(&job)
}

func denseGatedAVX2(y, x, w, gate Matrix) {
	var job denseJob
	job.gated(&y, &x, &w, &gate)
	denseAVX2Kernel(&job)
}

func denseAVX512(y, x, w Matrix, bias []float32, relu bool) {
	var job denseJob
	job.dense(&y, &x, &w, bias, relu)
	denseAVX512Kernel(&job)
}

func denseAddAVX512(y, x, w Matrix) {
	var job denseJob
	job.add(&y, &x, &w)
	denseAVX512Kernel(&job)
}

func denseGatedAVX512(y, x, w, gate Matrix) {
	var job denseJob
	job.gated(&y, &x, &w, &gate)
	denseAVX512Kernel(&job)
}
