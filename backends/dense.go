package backends

import "fmt"

// Matrix is Rows times Columns numbers in memory: element (i, j) is Data[i*Stride + j*Step].
type Matrix struct {
	Data          []float32
	Rows, Columns int
	Stride, Step  int // from row to row, and from element to element of a row
}

// NewMatrix is a matrix whose rows lie one after the other, each contiguous.
func NewMatrix(rows, columns int, data []float32) Matrix {
	return Matrix{Data: data, Rows: rows, Columns: columns, Stride: columns, Step: 1}
}

// Transposed is the same numbers with rows and columns exchanged.
func (m Matrix) Transposed() Matrix {
	return Matrix{Data: m.Data, Rows: m.Columns, Columns: m.Rows, Stride: m.Step, Step: m.Stride}
}

// At is element (i, j).
func (m Matrix) At(i, j int) float32 { return m.Data[i*m.Stride+j*m.Step] }

// DenseWidth is what divides the number of columns of the results of [Table32.Dense] and its relatives.
const DenseWidth = 16

// DenseGradient adds to dw and db what the gradient dy at the results of [Table32.Dense] gives at its weights and its bias:
// x transposed times dy, and the sums of dy over the rows. db may be nil. The sums run over the rows in ascending order.
//
// At x itself it gives dy times the transposed weights: [Table32.Transpose], then Dense or DenseGated.
func (t *Table32) DenseGradient(dw Matrix, db []float32, x, dy Matrix) {
	t.DenseAdd(dw, x.Transposed(), dy)
	if db != nil {
		t.ColumnSums(db, dy)
	}
}

// check panics if a matrix reaches beyond its numbers.
func (m *Matrix) check(name string) {
	if m.Rows < 0 || m.Columns < 0 || m.Stride < 0 || m.Step < 0 {
		panic(fmt.Sprintf("backends: %s has %d rows of stride %d and %d columns of step %d: a negative number", name, m.Rows, m.Stride, m.Columns, m.Step))
	}
	if m.Rows > 0 && m.Columns > 0 && (m.Rows-1)*m.Stride+(m.Columns-1)*m.Step >= len(m.Data) {
		panic(fmt.Sprintf("backends: %s has %d rows of stride %d and %d columns of step %d, but %d numbers", name, m.Rows, m.Stride, m.Columns, m.Step, len(m.Data)))
	}
}

// checkProduct panics if y = x w has no meaning, or columns that do not fill vectors.
func checkProduct(y, x, w *Matrix) {
	y.check("the result")
	x.check("the left matrix")
	w.check("the right matrix")
	if x.Rows != y.Rows || x.Columns != w.Rows || w.Columns != y.Columns {
		panic(fmt.Sprintf("backends: %d x %d numbers are no product of %d x %d and %d x %d", y.Rows, y.Columns, x.Rows, x.Columns, w.Rows, w.Columns))
	}
	if y.Columns%DenseWidth != 0 || y.Columns > 0 && (y.Step != 1 || w.Step != 1) {
		panic(fmt.Sprintf("backends: a product has %d columns of steps %d and %d: want a multiple of %d, and steps of 1", y.Columns, y.Step, w.Step, DenseWidth))
	}
}

// relu32 is the greater of 0 and x. NaN stays NaN, and a zero keeps its sign.
func relu32(x float32) float32 { return where32(x < 0, 0, x) }

func denseGeneric(y, x, w Matrix, bias []float32, relu bool) {
	checkProduct(&y, &x, &w)
	if y.Columns == 0 {
		return
	}
	for i := range y.Rows {
		row := y.Data[i*y.Stride:][:y.Columns]
		if bias == nil {
			clear(row)
		} else {
			copy(row, bias[:len(row)])
		}
		addProduct(row, x, w, i)
		if relu {
			for j, s := range row {
				row[j] = relu32(s)
			}
		}
	}
}

func denseAddGeneric(y, x, w Matrix) {
	checkProduct(&y, &x, &w)
	if y.Columns == 0 {
		return
	}
	for i := range y.Rows {
		addProduct(y.Data[i*y.Stride:][:y.Columns], x, w, i)
	}
}

func denseGatedGeneric(y, x, w, gate Matrix) {
	checkGate(&y, &gate)
	denseGeneric(y, x, w, nil, false)
	for i := range y.Rows {
		for j := range y.Columns {
			at := &y.Data[i*y.Stride+j]
			*at = where32(gate.At(i, j) > 0, *at, 0)
		}
	}
}

func checkGate(y, gate *Matrix) {
	gate.check("the gate")
	if gate.Rows != y.Rows || gate.Columns != y.Columns || gate.Columns > 0 && gate.Step != 1 {
		panic(fmt.Sprintf("backends: a gate of %d x %d numbers and step %d for a result of %d x %d", gate.Rows, gate.Columns, gate.Step, y.Rows, y.Columns))
	}
}

// addProduct adds row i of x times w to a row of the result, in ascending order of the index that is summed over.
func addProduct(row []float32, x, w Matrix, i int) {
	for k := range x.Columns {
		left, right := x.At(i, k), w.Data[k*w.Stride:][:len(row)]
		for j := range row {
			row[j] = FMA32(left, right[j], row[j])
		}
	}
}
