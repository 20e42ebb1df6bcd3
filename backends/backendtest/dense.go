package backendtest

import (
	"math"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/scorefield/infer/backends"
)

// product is one call of a kernel of matrices: y is the result.
type product struct {
	y, x, w, gate backends.Matrix
	bias          []float32 // as many as y has columns, or nil
	biases        []float32 // as many as y has rows, or nil
	relu          bool
}

// shape is the rows and columns of a matrix.
type shape struct{ rows, columns int }

// productKernel is a kernel that [Run] cannot call by the types of its arguments.
type productKernel struct {
	call       func(t *backends.Table32, p product)
	outputs    []int // instead of multiples of backends.DenseWidth
	inner      int   // what the number of terms must be a multiple of
	shapes     func(rows, inner, outputs int) (y, x, w shape)
	steps      bool // whether y and x may have steps other than 1
	transposed bool // whether x may be
}

func ordinary(rows, inner, outputs int) (y, x, w shape) {
	return shape{rows, outputs}, shape{rows, inner}, shape{inner, outputs}
}

var products = map[string]productKernel{
	"Dense":      {call: func(t *backends.Table32, p product) { t.Dense(p.y, p.x, p.w, p.bias, p.relu) }, shapes: ordinary, transposed: true},
	"DenseAdd":   {call: func(t *backends.Table32, p product) { t.DenseAdd(p.y, p.x, p.w) }, shapes: ordinary, transposed: true},
	"DenseGated": {call: func(t *backends.Table32, p product) { t.DenseGated(p.y, p.x, p.w, p.gate) }, shapes: ordinary, transposed: true},
	"DenseThin": {
		call:    func(t *backends.Table32, p product) { t.DenseThin(p.y, p.x, p.w, p.biases) },
		outputs: []int{0, 1, 2, 3, 4, 7}, inner: 4,
		shapes: func(rows, inner, outputs int) (y, x, w shape) {
			return shape{outputs, rows}, shape{rows, inner}, shape{outputs, inner}
		},
	},
	"ColumnSums": {
		call:   func(t *backends.Table32, p product) { t.ColumnSums(p.y.Data, p.x) },
		shapes: func(rows, _, outputs int) (y, x, w shape) { return shape{1, outputs}, shape{rows, outputs}, shape{} },
	},
	"Transpose": {
		call: func(t *backends.Table32, p product) { t.Transpose(p.y, p.x) }, steps: true,
		shapes: func(rows, inner, _ int) (y, x, w shape) { return shape{inner, rows}, shape{rows, inner}, shape{} },
	},
}

func takesMatrices(typ reflect.Type) bool {
	for a := range typ.NumIn() {
		if typ.In(a) == reflect.TypeFor[backends.Matrix]() {
			return true
		}
	}
	return false
}

// compareProducts runs a kernel on many shapes: every count of rows up to two of the largest tiles, few and many terms,
// strides that leave gaps, left matrices that are transposed. What lies in the gaps must stay.
func compareProducts(t *testing.T, name string, table *backends.Table32) {
	kernel, ok := products[name]
	if !ok {
		t.Fatal("the suite has no test for this kernel")
	}
	if reflect.ValueOf(table).Elem().FieldByName(name).IsNil() {
		t.Fatal("the table lacks this kernel")
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	d := drawer{Rand: rand.New(rand.NewPCG(2, 0))}
	for range 6 {
		memory, free := guarded(4 * 20_000)
		defer free()
		d.memory = append(d.memory, memory)
	}
	outputs := kernel.outputs
	if outputs == nil {
		outputs = []int{0, 16, 32, 48, 64, 80}
	}
	for _, rows := range append(slices.Collect(upTo(34)), 100) {
		for _, inner := range []int{0, 1, 2, 3, 7, 16, 33} {
			inner *= max(kernel.inner, 1)
			p, want := d.product(kernel, rows, inner, outputs[d.IntN(len(outputs))])
			kernel.call(table, p)
			kernel.call(&backends.Generic.F32, want)
			for i, x := range p.y.Data {
				if s := want.y.Data[i]; math.Float32bits(x) != math.Float32bits(s) && !(x != x && s != s) {
					t.Fatalf("%d x %d, strides %d %d %d, %d terms, steps of x %d, bias %v %v, relu %v: number %d is %x (%v), specification %x (%v)",
						p.y.Rows, p.y.Columns, p.y.Stride, p.x.Stride, p.w.Stride, inner, p.x.Step, p.bias != nil, p.biases != nil, p.relu, i, x, x, s, s)
				}
			}
		}
	}
}

// drawer draws matrices in pieces of guarded memory.
type drawer struct {
	*rand.Rand
	memory [][]byte
	piece  int
	normal bool // draw nothing below the normal range
}

// product draws the operands of a call, and those of the specification, which differ in where the result goes.
func (d *drawer) product(kernel productKernel, rows, inner, outputs int) (p, want product) {
	d.piece = 0
	y, x, w := kernel.shapes(rows, inner, outputs)
	step := 1
	if kernel.steps && d.IntN(2) == 0 {
		step = 2
	}
	p = product{y: d.matrix(y, step), w: d.matrix(w, 1), gate: d.matrix(y, 1), relu: d.IntN(2) == 0}
	if kernel.transposed && d.IntN(2) == 0 {
		p.x = d.matrix(shape{x.columns, x.rows}, 1).Transposed()
	} else {
		p.x = d.matrix(x, step)
	}
	if d.IntN(2) == 0 {
		p.bias = d.matrix(shape{1, y.columns}, 1).Data
		p.biases = d.matrix(shape{1, y.rows}, 1).Data
	}
	want = p
	want.y.Data = slices.Clone(p.y.Data)
	return p, want
}

func (d *drawer) matrix(s shape, step int) backends.Matrix {
	m := backends.Matrix{Rows: s.rows, Columns: s.columns, Stride: s.columns*step + d.IntN(3)*d.IntN(9), Step: step}
	n := 0
	if s.rows > 0 && s.columns > 0 {
		n = (s.rows-1)*m.Stride + (s.columns-1)*step + 1
	}
	m.Data = d.numbers(n, d.style())
	return m
}

// style is mostly that of ordinary numbers.
func (d *drawer) style() int {
	if style := d.IntN(8); style <= 3 {
		return style
	}
	return 1
}

// numbers draws n of a style, a few of them special, into the next piece of memory.
func (d *drawer) numbers(n, style int) []float32 {
	s := place[float32](d.memory[d.piece], n, d.IntN(atEnd+1))
	d.piece++
	for i := range s {
		s[i] = number32(d.Rand, style)
		if d.IntN(50) == 0 {
			s[i] = number32(d.Rand, 2)
		}
		if d.normal && !(s[i] == 0 || math.Abs(float64(s[i])) > 1e-6) {
			s[i] = 1
		}
	}
	return s
}

func upTo(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
