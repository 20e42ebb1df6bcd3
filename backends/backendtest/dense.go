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

// product is one call of a kernel of matrices: y is the result, x left, w right, of as many rows as x has columns.
type product struct {
	y, x, w, gate backends.Matrix
	bias          []float32
	relu          bool
}

// products are the kernels that [Run] cannot call by the types of their arguments.
var products = map[string]func(t *backends.Table32, p product){
	"Dense":      func(t *backends.Table32, p product) { t.Dense(p.y, p.x, p.w, p.bias, p.relu) },
	"DenseAdd":   func(t *backends.Table32, p product) { t.DenseAdd(p.y, p.x, p.w) },
	"DenseGated": func(t *backends.Table32, p product) { t.DenseGated(p.y, p.x, p.w, p.gate) },
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
	kernel := products[name]
	if kernel == nil {
		t.Fatal("the suite has no test for this kernel")
	}
	if reflect.ValueOf(table).Elem().FieldByName(name).IsNil() {
		t.Fatal("the table lacks this kernel")
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r := rand.New(rand.NewPCG(2, 0))
	memory := make([][]byte, 6)
	for i := range memory {
		var free func()
		memory[i], free = guarded(4 * (100*80 + atEnd))
		defer free()
	}
	for _, rows := range append(slices.Collect(upTo(28)), 100) {
		for _, inner := range []int{0, 1, 2, 3, 7, 16, 33} {
			for _, columns := range []int{0, 16, 32, 48} {
				piece := 0
				matrix := func(rows, columns int) backends.Matrix {
					m := backends.NewMatrix(rows, columns, nil)
					m.Stride += r.IntN(3) * r.IntN(9)
					piece++
					n := 0
					if rows > 0 && columns > 0 {
						n = (rows-1)*m.Stride + columns
					}
					m.Data = place[float32](memory[piece-1], n, r.IntN(atEnd+1))
					style := 1
					if r.IntN(2) == 0 {
						style = r.IntN(4)
					}
					for i := range m.Data {
						m.Data[i] = number32(r, style)
						if r.IntN(50) == 0 {
							m.Data[i] = number32(r, 2)
						}
					}
					return m
				}
				p := product{y: matrix(rows, columns), x: matrix(rows, inner), w: matrix(inner, columns), gate: matrix(rows, columns), relu: r.IntN(2) == 0}
				if r.IntN(2) == 0 {
					p.x = matrix(inner, rows).Transposed()
				}
				if r.IntN(2) == 0 {
					p.bias = matrix(1, columns).Data
				}
				want := p
				want.y.Data = slices.Clone(p.y.Data)
				kernel(table, p)
				kernel(&backends.Generic.F32, want)
				for i, x := range p.y.Data {
					if s := want.y.Data[i]; math.Float32bits(x) != math.Float32bits(s) && !(x != x && s != s) {
						t.Fatalf("%d rows, %d terms, %d columns, strides %d %d %d, steps of x %d, bias %v, relu %v: element (%d, %d) is %x (%v), specification %x (%v)",
							rows, inner, columns, p.y.Stride, p.x.Stride, p.w.Stride, p.x.Step, p.bias != nil, p.relu, i/p.y.Stride, i%p.y.Stride, x, x, s, s)
					}
				}
			}
		}
	}
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
