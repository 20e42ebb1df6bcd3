package autodiff

import (
	"unsafe"

	"github.com/scorefield/infer/backends"
)

// rowFrame is where every array begins for the piece at hand.
type rowFrame struct {
	*rowMemory
	rows  int
	first bool // sums over the rows begin
}

// enterShared makes the frame ready for shared values.
func (f *rowFrame) enterShared(p *RowProgram, outputs, params [][]float32) {
	bases := f.bases[arrayCaller+len(p.inputs):]
	for i, data := range params {
		bases[i] = unsafe.Pointer(unsafe.SliceData(data))
	}
	bases = bases[len(params):]
	for i, data := range outputs {
		if p.outputs[i].shared {
			bases[i] = unsafe.Pointer(unsafe.SliceData(data))
		}
	}
}

// enter makes the frame ready for the rows from first on.
func (f *rowFrame) enter(p *RowProgram, first int, outputs, inputs [][]float32) {
	bases := f.bases[arrayCaller:]
	for i, data := range inputs {
		bases[i] = unsafe.Pointer(unsafe.SliceData(data[first*p.inputs[i].size:]))
	}
	bases = bases[len(inputs)+len(p.params):]
	for i, data := range outputs {
		if a := &p.outputs[i]; !a.shared {
			bases[i] = unsafe.Pointer(unsafe.SliceData(data[first*a.size:]))
		}
	}
}

// at is where row r of a place begins. CompileRows made sure that the place has it, checkRows that an array does.
func (f *rowFrame) at(p *rowPlace, r int) unsafe.Pointer {
	return unsafe.Add(f.bases[p.array], 4*(p.at+r*p.stride))
}

// numbers is n numbers of row r of a place.
func (f *rowFrame) numbers(p *rowPlace, r, n int) []float32 {
	return unsafe.Slice((*float32)(f.at(p, r)), n)
}

// number is the first number of row r of a place.
func (f *rowFrame) number(p *rowPlace, r int) float32 { return *(*float32)(f.at(p, r)) }

// value is an operand that is a number, for row r.
func (f *rowFrame) value(o *rowOperand, r int) float32 {
	if o.use == useConstant {
		return o.value
	}
	return f.number(&o.rowPlace, r)
}

func (f *rowFrame) run(code []rowInstruction, kernels []kernel32) {
	for i := range code {
		in, k := &code[i], &kernels[i]
		switch in.kind {
		case rowFlat:
			f.elementwise(in, k, 0, f.rows*in.n)
		case rowByRow:
			for r := range f.rows {
				f.elementwise(in, k, r, in.n)
			}
		case rowDense:
			f.dense(in, k.table)
		case rowDenseThin:
			f.denseThin(in, k.table)
		case rowDenseAdd:
			f.denseAdd(in, k.table, &in.a.rowPlace, in.inner, &in.b.rowPlace, in.n)
		case rowDenseAddTurned:
			f.denseAdd(in, k.table, &in.b.rowPlace, in.n, &in.a.rowPlace, in.inner)
		case rowColumnSums:
			k.table.ColumnSums(f.sum(in), f.matrix(&in.a.rowPlace, f.rows, in.n))
		case rowSumProducts:
			sum := f.sum(in)
			for r := range f.rows {
				k.vvv(sum, f.numbers(&in.a.rowPlace, r, in.n), f.numbers(&in.b.rowPlace, r, in.n), sum)
			}
		case rowTranspose:
			k.table.Transpose(f.matrix(&in.dst, in.n, in.inner), f.matrix(&in.a.rowPlace, in.inner, in.n))
		case rowTurn:
			f.turn(in, k.table)
		default:
			switch {
			case in.kind.byLines():
				if in.run > 0 {
					f.lines(code[i:i+in.run], kernels[i:])
				}
				continue
			case in.kind >= rowConvolve:
				f.image(in, k)
				continue
			}
			f.move(in)
		}
	}
}

// elementwise calls a kernel for n numbers from row r on.
func (f *rowFrame) elementwise(in *rowInstruction, k *kernel32, r, n int) {
	dst := f.numbers(&in.dst, r, n)
	switch in.form {
	case formUnary:
		k.unary(dst, f.numbers(&in.a.rowPlace, r, n))
	case formVV:
		k.vv(dst, f.numbers(&in.a.rowPlace, r, n), f.numbers(&in.b.rowPlace, r, n))
	case formVS:
		k.vs(dst, f.numbers(&in.a.rowPlace, r, n), f.value(&in.b, r))
	case formSV:
		k.sv(dst, f.value(&in.a, r), f.numbers(&in.b.rowPlace, r, n))
	case formVVV:
		k.vvv(dst, f.numbers(&in.a.rowPlace, r, n), f.numbers(&in.b.rowPlace, r, n), f.numbers(&in.c.rowPlace, r, n))
	case formVVS:
		k.vvs(dst, f.numbers(&in.a.rowPlace, r, n), f.numbers(&in.b.rowPlace, r, n), f.value(&in.c, r))
	case formVSV:
		k.vsv(dst, f.numbers(&in.a.rowPlace, r, n), f.value(&in.b, r), f.numbers(&in.c.rowPlace, r, n))
	case formVSS:
		k.vss(dst, f.numbers(&in.a.rowPlace, r, n), f.value(&in.b, r), f.value(&in.c, r))
	}
}

// matrix is columns numbers of each of some rows.
func (f *rowFrame) matrix(p *rowPlace, rows, columns int) backends.Matrix {
	n := 0
	if rows > 0 {
		n = (rows-1)*p.stride + columns
	}
	return backends.Matrix{Data: f.numbers(p, 0, n), Rows: rows, Columns: columns, Stride: p.stride, Step: 1}
}

func (f *rowFrame) dense(in *rowInstruction, t *backends.Table32) {
	y := f.matrix(&in.dst, f.rows, in.n)
	x := f.matrix(&in.a.rowPlace, f.rows, in.inner)
	w := f.matrix(&in.b.rowPlace, in.inner, in.n)
	switch {
	case in.gated:
		t.DenseGated(y, x, w, f.matrix(&in.c.rowPlace, f.rows, in.n))
	case in.bias:
		t.Dense(y, x, w, f.numbers(&in.c.rowPlace, 0, in.n), in.relu)
	default:
		t.Dense(y, x, w, nil, in.relu)
	}
}

// denseAdd sums the products of m numbers of x and n of y over the rows.
func (f *rowFrame) denseAdd(in *rowInstruction, t *backends.Table32, x *rowPlace, m int, y *rowPlace, n int) {
	dst, left, right := f.matrix(&in.dst, m, n), f.matrix(x, f.rows, m).Transposed(), f.matrix(y, f.rows, n)
	if f.first {
		t.Dense(dst, left, right, nil, false)
		return
	}
	t.DenseAdd(dst, left, right)
}

// sum is what a sum over the rows has come to: 0 at first.
func (f *rowFrame) sum(in *rowInstruction) []float32 {
	sum := f.numbers(&in.dst, 0, in.n)
	if f.first {
		clear(sum)
	}
	return sum
}

func (f *rowFrame) denseThin(in *rowInstruction, t *backends.Table32) {
	var bias []float32
	if in.bias {
		bias = f.numbers(&in.c.rowPlace, 0, in.n)
	}
	x := f.matrix(&in.a.rowPlace, f.rows, in.inner)
	t.DenseThin(f.columns(&in.dst, in.n), x, f.matrix(&in.b.rowPlace, in.n, in.inner), bias)
}

// turn brings the numbers of each row together.
func (f *rowFrame) turn(in *rowInstruction, t *backends.Table32) {
	if in.n != 2 {
		t.Transpose(f.matrix(&in.dst, f.rows, in.n), f.columns(&in.a.rowPlace, in.n))
		return
	}
	dst := f.numbers(&in.dst, 0, 2*f.rows)
	a, b := f.numbers(&in.a.rowPlace, 0, f.rows), f.numbers(&in.a.rowPlace, 0, 2*f.rows)[f.rows:]
	for i := 0; i+1 < len(dst); i += 2 {
		dst[i], dst[i+1] = a[i/2], b[i/2]
	}
}

// columns is a matrix of n rows that has a column for each row of the piece.
func (f *rowFrame) columns(p *rowPlace, n int) backends.Matrix {
	return backends.NewMatrix(n, f.rows, f.numbers(p, 0, n*f.rows))
}

// move carries out what is no kernel: it moves numbers, or reduces them.
func (f *rowFrame) move(in *rowInstruction) {
	switch in.kind {
	case rowCopy:
		f.copy(in)
	case rowSpread:
		for r := range f.rows {
			v := f.number(&in.a.rowPlace, r)
			dst := f.numbers(&in.dst, r, in.n)
			for j := range dst {
				dst[j] = v
			}
		}
	case rowFill:
		for r := range f.rows {
			dst := f.numbers(&in.dst, r, in.n)
			for j := range dst {
				dst[j] = in.a.value
			}
		}
	case rowGather:
		for r := range f.rows {
			dst := f.numbers(&in.dst, r, len(in.indices))
			a := f.numbers(&in.a.rowPlace, r, in.inner)
			for j, k := range in.indices {
				dst[j] = a[k]
			}
		}
	case rowScatter:
		for r := range f.rows {
			dst := f.numbers(&in.dst, r, in.n)
			clear(dst)
			for j, v := range f.numbers(&in.a.rowPlace, r, len(in.indices)) {
				dst[in.indices[j]] += v
			}
		}
	case rowReduce:
		f.reduce(in)
	case rowMatMul:
		f.matMul(in)
	}
}

// matMul multiplies the matrices of each row, [m, inner] times [inner, n/m], with sums as in reduce.
func (f *rowFrame) matMul(in *rowInstruction) {
	columns := in.n / in.m
	for r := range f.rows {
		dst := f.numbers(&in.dst, r, in.n)
		a, b := f.numbers(&in.a.rowPlace, r, in.m*in.inner), f.numbers(&in.b.rowPlace, r, in.inner*columns)
		for i := range in.m {
			for j := range columns {
				var s float64
				for k := range in.inner {
					s += float64(float64(a[i*in.inner+k]) * float64(b[k*columns+j]))
				}
				dst[i*columns+j] = float32(s)
			}
		}
	}
}

// few is the numbers of a row up to which a loop is faster than a call of copy.
const few = 4

func (f *rowFrame) copy(in *rowInstruction) {
	rows := in.rows
	if rows == 0 {
		rows = f.rows
	}
	switch {
	case in.n == 2:
		for r := range rows {
			*(*[2]float32)(f.at(&in.dst, r)) = *(*[2]float32)(f.at(&in.a.rowPlace, r))
		}
	case in.n <= few:
		for r := range rows {
			dst := f.numbers(&in.dst, r, in.n)
			for j, v := range f.numbers(&in.a.rowPlace, r, in.n) {
				dst[j] = v
			}
		}
	case in.dst.stride == in.n && in.a.stride == in.n:
		copy(f.numbers(&in.dst, 0, rows*in.n), f.numbers(&in.a.rowPlace, 0, rows*in.n))
	default:
		for r := range rows {
			copy(f.numbers(&in.dst, r, in.n), f.numbers(&in.a.rowPlace, r, in.n))
		}
	}
}

// reduce makes one number of each row. Sums and dot products run in float64, in the order of the index, where a product of
// two float32 is exact, and are rounded to float32 once.
func (f *rowFrame) reduce(in *rowInstruction) {
	if in.n <= few && in.op != opMaxElement {
		f.reduceFew(in)
		return
	}
	r := 0
	for ; r+4 <= f.rows && in.op != opMaxElement; r += 4 { // four at a time: one addition need not wait for the other
		var s0, s1, s2, s3 float64
		a0, a1 := f.numbers(&in.a.rowPlace, r, in.n), f.numbers(&in.a.rowPlace, r+1, in.n)
		a2, a3 := f.numbers(&in.a.rowPlace, r+2, in.n), f.numbers(&in.a.rowPlace, r+3, in.n)
		if in.op == opDot {
			b0, b1 := f.numbers(&in.b.rowPlace, r, in.n), f.numbers(&in.b.rowPlace, r+1, in.n)
			b2, b3 := f.numbers(&in.b.rowPlace, r+2, in.n), f.numbers(&in.b.rowPlace, r+3, in.n)
			for j := range a0 {
				s0 += float64(float64(a0[j]) * float64(b0[j]))
				s1 += float64(float64(a1[j]) * float64(b1[j]))
				s2 += float64(float64(a2[j]) * float64(b2[j]))
				s3 += float64(float64(a3[j]) * float64(b3[j]))
			}
		} else {
			for j := range a0 {
				s0 += float64(a0[j])
				s1 += float64(a1[j])
				s2 += float64(a2[j])
				s3 += float64(a3[j])
			}
		}
		f.numbers(&in.dst, r, 1)[0] = float32(s0)
		f.numbers(&in.dst, r+1, 1)[0] = float32(s1)
		f.numbers(&in.dst, r+2, 1)[0] = float32(s2)
		f.numbers(&in.dst, r+3, 1)[0] = float32(s3)
	}
	for ; r < f.rows; r++ {
		a := f.numbers(&in.a.rowPlace, r, in.n)
		var s float64
		switch in.op {
		case opDot:
			for j, v := range f.numbers(&in.b.rowPlace, r, in.n) {
				s += float64(float64(a[j]) * float64(v))
			}
		case opMaxElement:
			s = float64(largest(a))
		default:
			for _, v := range a {
				s += float64(v)
			}
		}
		f.numbers(&in.dst, r, 1)[0] = float32(s)
	}
}

// reduceFew is reduce for sums of few numbers, where rows need not be taken four at a time.
func (f *rowFrame) reduceFew(in *rowInstruction) {
	if f.rows == 0 {
		return
	}
	last := f.rows - 1
	a, dst := f.numbers(&in.a.rowPlace, 0, last*in.a.stride+in.n), f.numbers(&in.dst, 0, f.rows)
	b := a
	if in.op == opDot {
		b = f.numbers(&in.b.rowPlace, 0, last*in.b.stride+in.n)
	}
	n, next, other := in.n, in.a.stride, in.b.stride
	switch {
	case in.op == opDot && n == 2:
		for r := range dst {
			x, y := a[r*next:][:2], b[r*other:][:2]
			first := float64(float64(x[0]) * float64(y[0]))
			dst[r] = float32(first + float64(float64(x[1])*float64(y[1])))
		}
	case in.op == opDot:
		for r := range dst {
			x, y := a[r*next:][:n], b[r*other:][:n]
			var s float64
			for j, v := range x {
				s += float64(float64(v) * float64(y[j]))
			}
			dst[r] = float32(s)
		}
	default:
		for r := range dst {
			var s float64
			for _, v := range a[r*next:][:n] {
				s += float64(v)
			}
			dst[r] = float32(s)
		}
	}
}

// largest is the largest of some numbers, NaN if one is, as the kernel Max finds it number by number.
func largest(a []float32) float32 {
	m := a[0]
	for _, v := range a[1:] {
		if m == m && !(m > v) {
			m = v
		}
	}
	return m
}
