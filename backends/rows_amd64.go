//go:build !noasm

package backends

import "unsafe"

// rowTile is the number of rows that the kernels of this file take at a time.
const rowTile = 16

// thinJobs are the jobs of whole tiles of rows and, if more rows are left, of a last tile that overlaps the one before, which
// changes no number. Fewer rows than a tile are done in Go, and no job is left.
func thinJobs(y, x, w Matrix, bias []float32) (jobs [2]denseJob) {
	checkThin(y, x, w)
	if x.Rows < rowTile || x.Columns == 0 {
		thinRows(y, x, w, bias)
		return jobs
	}
	jobs[0] = denseJob{
		c: pointer(y), a: pointer(x), b: pointer(w),
		strideC: 4 * y.Stride, strideA: 4 * x.Stride, strideB: 4 * w.Stride,
		rows: x.Rows, inner: x.Columns, columns: y.Rows,
	}
	if bias != nil {
		jobs[0].bias, jobs[0].start = unsafe.Pointer(unsafe.SliceData(bias[:y.Rows])), 1
	}
	if x.Rows%rowTile > 0 {
		jobs[1] = jobs[0]
		jobs[1].rows = rowTile
		jobs[1].a = unsafe.Add(jobs[1].a, (x.Rows-rowTile)*jobs[1].strideA)
		jobs[1].c = unsafe.Add(jobs[1].c, 4*(x.Rows-rowTile))
	}
	return jobs
}

func sums(sums []float32, x Matrix) denseJob {
	checkSums(sums, x)
	return denseJob{c: unsafe.Pointer(unsafe.SliceData(sums)), b: pointer(x), strideB: 4 * x.Stride, inner: x.Rows, columns: x.Columns}
}

// transposeTiles is the job for the part of a matrix that the kernel can do, from row 0 to row and column 0 to column.
func transposeTiles(dst, src Matrix) (job denseJob, row, column int) {
	checkTranspose(dst, src)
	if dst.Step == 1 && src.Step == 1 {
		row, column = src.Rows&^(rowTile-1), src.Columns&^3
	}
	return denseJob{c: pointer(dst), a: pointer(src), strideC: 4 * dst.Stride, strideA: 4 * src.Stride, rows: row, inner: column}, row, column
}

func denseThinAVX2(y, x, w Matrix, bias []float32) {
	jobs := thinJobs(y, x, w, bias)
	denseThinAVX2Kernel(&jobs[0])
	denseThinAVX2Kernel(&jobs[1])
}

func columnSumsAVX2(s []float32, x Matrix) {
	job := sums(s, x)
	columnSumsAVX2Kernel(&job)
}

func transposeAVX2(dst, src Matrix) {
	job, row, column := transposeTiles(dst, src)
	transposeAVX2Kernel(&job)
	transposeFrom(dst, src, row, column)
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
	jobs := thinJobs(y, x, w, bias)
	denseThinAVX512Kernel(&jobs[0])
	denseThinAVX512Kernel(&jobs[1])
}

func columnSumsAVX512(s []float32, x Matrix) {
	job := sums(s, x)
	columnSumsAVX512Kernel(&job)
}

func transposeAVX512(dst, src Matrix) {
	job, row, column := transposeTiles(dst, src)
	transposeAVX512Kernel(&job)
	transposeFrom(dst, src, row, column)
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
