//go:build !noasm

package backends

import "unsafe"

// rowTile is the number of rows that the kernels of this file take at a time.
const rowTile = 16

// thin is the job of a thin product. Its kernel does whole tiles of rows.
func (job *denseJob) thin(y, x, w *Matrix, bias []float32) {
	checkThin(y, x, w)
	job.c, job.strideC = pointer(y), 4*y.Stride
	job.a, job.strideA = pointer(x), 4*x.Stride
	job.b, job.strideB = pointer(w), 4*w.Stride
	job.rows, job.inner, job.columns = x.Rows, x.Columns, y.Rows
	if bias != nil {
		job.bias, job.start = unsafe.Pointer(unsafe.SliceData(bias[:y.Rows])), 1
	}
}

// thinRest makes the job that of the rows left over: the tile of the last rows, which does some of them again and so
// changes no number. Fewer rows than a tile are done in Go. It says whether the kernel has something to do.
func (job *denseJob) thinRest(y, x, w *Matrix, bias []float32) bool {
	if x.Rows < rowTile {
		thinRows(y, x, w, bias)
		return false
	}
	job.rows, job.columns = rowTile, y.Rows
	job.a = unsafe.Add(job.a, (x.Rows-rowTile)*job.strideA)
	job.c = unsafe.Add(job.c, 4*(x.Rows-rowTile))
	return x.Rows%rowTile > 0
}

func (job *denseJob) sums(sums []float32, x *Matrix) {
	checkSums(sums, x)
	job.c = unsafe.Pointer(unsafe.SliceData(sums))
	job.b, job.strideB = pointer(x), 4*x.Stride
	job.inner, job.columns = x.Rows, x.Columns
}

// transpose is the job for the part of a matrix that the kernel can do, from row 0 to row and column 0 to column.
func (job *denseJob) transpose(dst, src *Matrix) (row, column int) {
	checkTranspose(dst, src)
	if dst.Step == 1 && src.Step == 1 {
		row, column = src.Rows&^(rowTile-1), src.Columns&^3
	}
	job.c, job.strideC = pointer(dst), 4*dst.Stride
	job.a, job.strideA = pointer(src), 4*src.Stride
	job.rows, job.inner = row, column
	return row, column
}

func denseThinAVX2(y, x, w Matrix, bias []float32) {
	var job denseJob
	job.thin(&y, &x, &w, bias)
	denseThinAVX2Kernel(&job)
	if job.thinRest(&y, &x, &w, bias) {
		denseThinAVX2Kernel(&job)
	}
}

func columnSumsAVX2(s []float32, x Matrix) {
	var job denseJob
	job.sums(s, &x)
	columnSumsAVX2Kernel(&job)
}

func transposeAVX2(dst, src Matrix) {
	var job denseJob
	row, column := job.transpose(&dst, &src)
	transposeAVX2Kernel(&job)
	transposeFrom(&dst, &src, row, column)
}

func narrowAVX2(dst []float32, src []float64) {
	src = src[:len(dst)]
	whole := len(dst) &^ 15
	if whole > 0 {
		narrowAVX2Kernel(&dst[0], &src[0], whole)
	}
	narrowGeneric(dst[whole:], src[whole:])
}

func widenAVX2(dst []float64, src []float32) {
	src = src[:len(dst)]
	whole := len(dst) &^ 15
	if whole > 0 {
		widenAVX2Kernel(&dst[0], &src[0], whole)
	}
	widenGeneric(dst[whole:], src[whole:])
}

func denseThinAVX512(y, x, w Matrix, bias []float32) {
	var job denseJob
	job.thin(&y, &x, &w, bias)
	denseThinAVX512Kernel(&job)
	if job.thinRest(&y, &x, &w, bias) {
		denseThinAVX512Kernel(&job)
	}
}

func columnSumsAVX512(s []float32, x Matrix) {
	var job denseJob
	job.sums(s, &x)
	columnSumsAVX512Kernel(&job)
}

func transposeAVX512(dst, src Matrix) {
	var job denseJob
	row, column := job.transpose(&dst, &src)
	transposeAVX512Kernel(&job)
	transposeFrom(&dst, &src, row, column)
}

func narrowAVX512(dst []float32, src []float64) {
	src = src[:len(dst)]
	whole := len(dst) &^ 15
	if whole > 0 {
		narrowAVX512Kernel(&dst[0], &src[0], whole)
	}
	narrowGeneric(dst[whole:], src[whole:])
}

func widenAVX512(dst []float64, src []float32) {
	src = src[:len(dst)]
	whole := len(dst) &^ 15
	if whole > 0 {
		widenAVX512Kernel(&dst[0], &src[0], whole)
	}
	widenGeneric(dst[whole:], src[whole:])
}
