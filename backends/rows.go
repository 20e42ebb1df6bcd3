package backends

import "fmt"

// Kernels on rows of float32 that turn them into columns, sum them, or change their precision.

func checkThin(y, x, w *Matrix) {
	y.check("the result")
	x.check("the left matrix")
	w.check("the right matrix")
	if x.Rows != y.Columns || x.Columns != w.Columns || w.Rows != y.Rows {
		panic(fmt.Sprintf("backends: %d x %d numbers are no thin product of %d x %d and %d x %d", y.Rows, y.Columns, x.Rows, x.Columns, w.Rows, w.Columns))
	}
	if x.Columns%4 != 0 || x.Columns > 0 && (y.Step != 1 || x.Step != 1 || w.Step != 1) {
		panic(fmt.Sprintf("backends: a thin product over %d columns with steps %d, %d and %d: want a multiple of 4, and steps of 1", x.Columns, y.Step, x.Step, w.Step))
	}
}

func denseThinGeneric(y, x, w Matrix, bias []float32) {
	checkThin(&y, &x, &w)
	thinRows(&y, &x, &w, bias)
}

func thinRows(y, x, w *Matrix, bias []float32) {
	for o := range y.Rows {
		for r := range y.Columns {
			var sum float32
			if bias != nil {
				sum = bias[o]
			}
			for k := range x.Columns {
				sum = FMA32(x.At(r, k), w.At(o, k), sum)
			}
			y.Data[o*y.Stride+r] = sum
		}
	}
}

func checkSums(sums []float32, x *Matrix) {
	x.check("the matrix")
	if len(sums) < x.Columns || x.Columns%DenseWidth != 0 || x.Columns > 0 && x.Step != 1 {
		panic(fmt.Sprintf("backends: %d sums of %d columns with step %d: want as many, a multiple of %d, and a step of 1", len(sums), x.Columns, x.Step, DenseWidth))
	}
}

func columnSumsGeneric(sums []float32, x Matrix) {
	checkSums(sums, &x)
	for i := range x.Rows {
		for j := range x.Columns {
			sums[j] += x.At(i, j)
		}
	}
}

func checkTranspose(dst, src *Matrix) {
	dst.check("the result")
	src.check("the matrix")
	if dst.Rows != src.Columns || dst.Columns != src.Rows {
		panic(fmt.Sprintf("backends: %d x %d numbers are no transpose of %d x %d", dst.Rows, dst.Columns, src.Rows, src.Columns))
	}
}

func transposeGeneric(dst, src Matrix) {
	checkTranspose(&dst, &src)
	transposeFrom(&dst, &src, 0, 0)
}

// transposeFrom copies what lies below a row or right of a column of src.
func transposeFrom(dst, src *Matrix, row, column int) {
	transposePart(dst, src, 0, row, column)
	transposePart(dst, src, row, src.Rows, 0)
}

// transposePart copies the columns of src from one on, in some of its rows: column by column, since what is left is mostly
// narrow.
func transposePart(dst, src *Matrix, row, end, column int) {
	if row == end {
		return
	}
	for j := column; j < src.Columns; j++ {
		to, from := dst.Data[j*dst.Stride+row*dst.Step:], src.Data[row*src.Stride+j*src.Step:]
		step, stride := dst.Step, src.Stride
		for i := range end - row {
			to[i*step] = from[i*stride]
		}
	}
}

func narrowGeneric(dst []float32, src []float64) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = float32(src[i])
	}
}

func widenGeneric(dst []float64, src []float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = float64(src[i])
	}
}
