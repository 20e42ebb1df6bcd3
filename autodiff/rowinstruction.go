package autodiff

import (
	"fmt"
	"strings"

	"github.com/scorefield/infer/backends"
)

// rowKind is how a row instruction walks over rows.
type rowKind uint8

const (
	rowFlat             rowKind = iota // an elementwise kernel over all rows at once, padding included
	rowByRow                           // an elementwise kernel row by row
	rowCopy                            // a row's n numbers to a place of another stride; from stride 0, repeated
	rowSpread                          // n times the one number of a row
	rowFill                            // n times a constant
	rowReduce                          // all numbers of a row to one
	rowGather                          // numbers of a row at indices
	rowScatter                         // numbers of a row added at indices
	rowTranspose                       // a shared matrix of inner rows and n columns, exchanged
	rowTurn                            // n numbers each of which lies beside those of other rows, to rows
	rowDense                           // rows times a matrix of inner rows and n columns
	rowDenseThin                       // rows times a transposed matrix of n rows, each number beside those of other rows
	rowDenseAdd                        // inner numbers of a row times n numbers of one, summed over the rows
	rowDenseAddTurned                  // that, with the n numbers being the rows of the result
	rowColumnSums                      // rows, summed
	rowMatMul                          // matrices of m and inner rows times each other
	rowSumProducts                     // products of rows, summed over the rows
	rowConvolve                        // an image, convolved with weights
	rowConvolveThin                    // an image times a vector at each pixel
	rowConvolveAdd                     // the gradient at weights, summed over the rows
	rowWinograd                        // rowConvolve by Winograd's filtering, with the transform of weights
	rowWinogradAdd                     // rowConvolveAdd by it, the gradient at the transform of inner times n weights
	rowTransform                       // the transform of 3x3 weights of inner times n channels
	rowTransformBack                   // the gradient at weights from that at their transform
	rowConvolveBF16                    // rowConvolve in bfloat16, with the m-th rounded weights
	rowRound                           // n weights to the m-th rounded ones
	rowFlip                            // weights turned around, for the gradient at an image
	rowCopyPixels                      // the channels of an image
	rowAveragePool                     // images of another size
	rowUpsample                        //
	rowBilinear                        //
	rowBilinearGradient                //
	rowSpreadPixels                    // a vector again and again
	rowLines                           // an elementwise kernel, some of m lines of n numbers at a time
	rowPixelLines                      // pixels of inner numbers to others that are wider apart or closer, by lines
	rowSumLines                        // the sum over the lines of an image, or of products of two
	rowSumLinesAdd                     // that, and over the rows
	rowFoldPixels                      // the sum over the pixels of a line
	rowGroupSum                        // sums over m groups of numbers, for each number
	rowProduct                         // matrices in float32
	rowTransposePixels                 // a matrix, exchanged
	rowSoftmax                         // of the columns of a matrix
	rowSoftmaxGradient                 //
)

// rowPlace is where rows are: numbers of row i begin at number at + i*stride of an array. While a program is compiled, a
// negative array is a buffer that has no place yet.
type rowPlace struct{ array, at, stride int }

// rowUse is what an elementwise instruction does with an operand.
type rowUse uint8

const (
	useRows     rowUse = iota // a vector a row; with stride 0, one for all
	useConstant               // a number known when the program is compiled
	useNumber                 // one number for all rows: its stride is 0, or there is one row
	useNumbers                // one number for each row
)

type rowOperand struct {
	rowPlace
	pixel  int  // from pixel to pixel of an image
	repeat bool // the same for all lines
	use    rowUse
	value  float32
}

type rowInstruction struct {
	kind    rowKind
	op      operation
	form    form
	n       int // numbers of a row
	rows    int // 0 for those of the piece
	inner   int
	m       int
	relu    bool
	gated   bool
	dst     rowPlace
	a, b, c rowOperand // of a dense one: rows, weights, bias; of a gated one: rows, weights, gate
	bias    bool
	turned  bool // a is transposed
	pixel   int  // of dst, as that of an operand
	repeat  bool // of dst: each strip is written over the last
	run     int  // so many instructions, with this one, go through their lines together
	window  backends.Window
	size    imageSize // of dst
	from    imageSize // of a
	indices []int
}

// operands are those that the instruction has.
func (in *rowInstruction) operands() []*rowOperand {
	switch in.kind {
	case rowFlat, rowByRow, rowLines:
		return []*rowOperand{&in.a, &in.b, &in.c}[:in.op.arity()]
	case rowSumLines, rowSumLinesAdd:
		if in.op == opDotPixels {
			return []*rowOperand{&in.a, &in.b}
		}
	case rowFill:
		return nil
	case rowReduce:
		if in.op == opDot {
			return []*rowOperand{&in.a, &in.b}
		}
	case rowDense, rowDenseThin:
		if in.bias || in.gated {
			return []*rowOperand{&in.a, &in.b, &in.c}
		}
		return []*rowOperand{&in.a, &in.b}
	case rowConvolveBF16:
		if in.bias {
			return []*rowOperand{&in.a, &in.c}
		}
	case rowConvolve, rowConvolveThin, rowWinograd:
		if in.bias {
			return []*rowOperand{&in.a, &in.b, &in.c}
		}
		return []*rowOperand{&in.a, &in.b}
	case rowSoftmaxGradient:
		return []*rowOperand{&in.a, &in.b, &in.c}
	case rowDenseAdd, rowDenseAddTurned, rowSumProducts, rowMatMul, rowConvolveAdd, rowWinogradAdd, rowProduct, rowSoftmax:
		return []*rowOperand{&in.a, &in.b}
	}
	return []*rowOperand{&in.a}
}

// each calls f for the places that the instruction reads or writes.
func (in *rowInstruction) each(f func(*rowPlace)) {
	f(&in.dst)
	for _, o := range in.operands() {
		if o.use != useConstant {
			f(&o.rowPlace)
		}
	}
}

// setForm finds the form of kernel for the operands that are numbers.
func (in *rowInstruction) setForm() {
	numbers := 0
	for i, o := range in.operands() {
		if o.use != useRows {
			numbers |= 1 << i
		}
	}
	in.form = elementwiseForm(in.op, numbers)
}

// kernel32 is the function of an instruction in one table; which field is set depends on the form.
type kernel32 struct {
	unary backends.Unary32
	vv    func(dst, a, b []float32)
	vs    func(dst, a []float32, b float32)
	sv    func(dst []float32, a float32, b []float32)
	vvv   func(dst, a, b, c []float32)
	vvs   func(dst, a, b []float32, c float32)
	vsv   func(dst, a []float32, b float32, c []float32)
	vss   func(dst, a []float32, b, c float32)
	table *backends.Table32
}

func (in *rowInstruction) resolve(t *backends.Table) kernel32 {
	switch in.kind {
	case rowFlat, rowByRow, rowLines:
		switch in.op.arity() {
		case 1:
			return kernel32{unary: unary32(t, in.op)}
		case 2:
			k := binary32(t, in.op)
			return kernel32{vv: k.VV, vs: k.VS, sv: k.SV}
		case 3:
			if in.op == opSiLUGradient { // of vectors alone
				return kernel32{vvv: t.F32.SiLUGradient}
			}
			k := &t.F32.Where
			if in.op == opFMA {
				k = &t.F32.FMA
			}
			return kernel32{vvv: k.VVV, vvs: k.VVS, vsv: k.VSV, vss: k.VSS}
		}
	case rowSumProducts:
		return kernel32{vvv: t.F32.FMA.VVV}
	}
	return kernel32{table: &t.F32}
}

// text is one line of a listing.
func (in *rowInstruction) text(p *RowProgram) string {
	name := in.op.String()
	switch in.kind {
	case rowCopy:
		name = "copy"
	case rowSpread:
		name = "spread"
	case rowFill:
		name = fmt.Sprintf("fill %v", in.a.value)
	case rowByRow:
		name += " by row"
	case rowDense:
		name = fmt.Sprintf("dense[%d, %d]", in.inner, in.n)
		if in.relu {
			name += " relu"
		}
		if in.gated {
			name += " gated"
		}
	case rowDenseThin:
		name = fmt.Sprintf("denseThin[%d, %d]", in.inner, in.n)
	case rowDenseAdd:
		name = fmt.Sprintf("denseAdd[%d, %d]", in.inner, in.n)
	case rowDenseAddTurned:
		name = fmt.Sprintf("denseAddTurned[%d, %d]", in.inner, in.n)
	case rowColumnSums:
		name = "columnSums"
	case rowTranspose:
		name = fmt.Sprintf("transpose[%d, %d]", in.inner, in.n)
	case rowTurn:
		name = "turn"
	default:
		if in.kind >= rowConvolve {
			return in.imageText(p)
		}
	}
	text := []string{in.dst.text(p, in.n), "=", name}
	for _, o := range in.operands() {
		if o.use == useConstant {
			text = append(text, fmt.Sprint(o.value))
			continue
		}
		n := in.n
		if o.use != useRows || in.kind == rowSpread {
			n = 1
		}
		switch in.kind {
		case rowDense, rowDenseAdd, rowDenseAddTurned:
			if o == &in.a {
				n = in.inner
			}
		case rowDenseThin:
			if o != &in.c {
				n = in.inner
			}
		}
		text = append(text, o.text(p, n))
	}
	return strings.Join(text, " ")
}

// text prints a place as array[first:end] and, if it is not the length, the stride.
func (q rowPlace) text(p *RowProgram, n int) string {
	s := fmt.Sprintf("%s[%d:%d]", p.array(q.array), q.at, q.at+n)
	if q.stride != n {
		s += fmt.Sprintf("+%d", q.stride)
	}
	return s
}
