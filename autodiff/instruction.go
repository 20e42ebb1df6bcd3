package autodiff

import (
	"fmt"
	"strings"

	"github.com/scorefield/infer/backends"
)

// form is what an instruction's operands are: slices (V) or numbers (S), and how it walks over rows.
type form uint8

const (
	formUnary form = iota
	formVV
	formVS
	formSV
	formVVV
	formVVS
	formVSV
	formVSS
	formFold     // dst = op(op(a0, a1), a2)...
	formContract // a product of matrices
	formCopy
	formFill
)

// instruction computes rows of a value. Elementwise ones do row after row, or all rows by one call of the kernel where
// they lie one behind the other.
type instruction struct {
	op      operation
	form    form
	flat    bool // no operand is repeated or skips rows, and numbers are the same for all rows
	rows    int
	dst     place
	a, b, c operand
	matrix  *contraction
}

// contraction is the sizes of a product of matrices, [m, k] times [k, n], and the rows from element to element.
type contraction struct {
	m, k, n   int
	dst, a, b stride
	more      bool // add to what is there
}

// elementwiseForm is the form of an operation with numbers as the operands whose bits are set. There is always a vector,
// and it is the first operand of three.
func elementwiseForm(op operation, numbers int) form {
	return [4][8]form{
		1: {formUnary},
		2: {0: formVV, 1: formSV, 2: formVS},
		3: {0: formVVV, 4: formVVS, 2: formVSV, 6: formVSS},
	}[op.arity()][numbers]
}

// each calls f for the places that the instruction reads or writes.
func (in *instruction) each(f func(*place)) {
	f(&in.dst)
	for _, o := range in.operands() {
		if o.constants == nil {
			f(&o.place)
		}
	}
}

// operands are those that the form has.
func (in *instruction) operands() []*operand {
	switch in.form {
	case formUnary, formFold, formCopy, formFill:
		return []*operand{&in.a}
	case formVV, formVS, formSV, formContract:
		return []*operand{&in.a, &in.b}
	}
	return []*operand{&in.a, &in.b, &in.c}
}

// elementwise tells whether element i of the result depends on element i of the operands only.
func (in *instruction) elementwise() bool { return in.form < formFold }

// setFlat finds out whether one call can do all rows.
func (in *instruction) setFlat() {
	in.flat = in.elementwise() && in.dst.step == 1
	for _, o := range in.operands() {
		if o.constants != nil {
			in.flat = in.flat && len(o.constants) == 1
		} else {
			in.flat = in.flat && o.step == 1
		}
	}
	in.flat = in.flat || in.elementwise() && in.rows == 1
}

// kernel is the function of an instruction in one table; which field is set depends on the form. Folds use vv,
// contractions vv and vvv, or vs and vsv.
type kernel struct {
	unary backends.Unary
	vv    func(dst, a, b []float64)
	vs    func(dst, a []float64, b float64)
	sv    func(dst []float64, a float64, b []float64)
	vvv   func(dst, a, b, c []float64)
	vvs   func(dst, a, b []float64, c float64)
	vsv   func(dst, a []float64, b float64, c []float64)
	vss   func(dst, a []float64, b, c float64)
}

func (in *instruction) resolve(t *backends.Table) kernel {
	switch in.form {
	case formUnary:
		return kernel{unary: unaryKernel(t, in.op)}
	case formVV, formVS, formSV, formFold:
		k := binaryKernel(t, in.op)
		return kernel{vv: k.VV, vs: k.VS, sv: k.SV}
	case formVVV, formVVS, formVSV, formVSS:
		k := ternaryKernel(t, in.op)
		return kernel{vvv: k.VVV, vvs: k.VVS, vsv: k.VSV, vss: k.VSS}
	case formContract:
		return kernel{vv: t.Mul.VV, vs: t.Mul.VS, vvv: t.FMA.VVV, vsv: t.FMA.VSV}
	}
	return kernel{}
}

// text is one line of a listing: what is written, the operation, what is read.
func (in *instruction) text(name func(row int) (string, int)) string {
	op := in.op.String()
	switch in.form {
	case formFold:
		op = map[operation]string{opAdd: "sum", opMax: "maxElement"}[in.op]
	case formCopy:
		op = "copy"
	case formFill:
		op = "fill"
	case formContract:
		if c := in.matrix; c.more {
			op = fmt.Sprintf("dense[%d, %d]", c.k, c.n)
		} else if c.m*c.n > 1 {
			op = fmt.Sprintf("matMul[%d, %d, %d]", c.m, c.k, c.n)
		}
	}
	rows := in.rows
	source := rows
	if in.form == formFold {
		rows = 1
	}
	text := []string{rowsText(name, in.dst, rows), "=", op}
	for i, o := range in.operands() {
		count := source
		if in.form == formContract {
			count = []int{in.matrix.m * in.matrix.k, in.matrix.k * in.matrix.n}[i]
		}
		switch {
		case len(o.constants) == 1:
			text = append(text, fmt.Sprint(o.constants[0]))
		case o.constants != nil:
			text = append(text, fmt.Sprintf("constants[%d]", len(o.constants)))
		default:
			text = append(text, rowsText(name, o.place, count))
		}
	}
	return strings.Join(text, " ")
}

// rowsText prints rows: x[2], x[0:3], x[0:6:2] with a distance, x[1]* for one row that is repeated.
func rowsText(name func(row int) (string, int), p place, rows int) string {
	array, row := name(p.row)
	switch {
	case rows == 1:
		return fmt.Sprintf("%s[%d]", array, row)
	case p.step == 0:
		return fmt.Sprintf("%s[%d]*", array, row)
	case p.step == 1:
		return fmt.Sprintf("%s[%d:%d]", array, row, row+rows)
	}
	return fmt.Sprintf("%s[%d:%d:%d]", array, row, row+rows*p.step, p.step)
}
