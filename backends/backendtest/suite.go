// Package backendtest is the contract of a kernel table as a test: every kernel gives the bits of its specification.
//
//	func TestTable(t *testing.T) { backendtest.Run(t, table) }
package backendtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"testing"

	"github.com/scorefield/infer/backends"
)

// lengths are those that the suite runs: none is left out up to two widest vectors, then some beyond that are multiples of
// nothing, up to four loops of four vectors and back.
func lengths() []int {
	var list []int
	for n := range 34 {
		list = append(list, n)
	}
	return append(list, 47, 63, 64, 65, 100, 127, 128, 129, 191, 255, 256, 257)
}

// Run compares every kernel of the table with [backends.Generic], bit for bit: at many lengths, at every offset of a slice
// in a vector, with slices that end or begin beside memory that may not be touched, on random bit patterns, ordinary
// numbers, infinities, NaN and subnormals. A kernel that is missing fails. NaN equals NaN.
func Run(t *testing.T, table *backends.Table) {
	fields := reflect.ValueOf(table).Elem()
	specification := reflect.ValueOf(&backends.Generic).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Name
		switch fields.Field(i).Kind() {
		case reflect.Func:
			t.Run(name, func(t *testing.T) { compare(t, fields.Field(i), specification.Field(i)) })
		case reflect.Struct:
			for j := range fields.Field(i).NumField() {
				form := fields.Field(i).Type().Field(j).Name
				t.Run(name+form, func(t *testing.T) { compare(t, fields.Field(i).Field(j), specification.Field(i).Field(j)) })
			}
		}
	}
}

func compare(t *testing.T, kernel, specification reflect.Value) {
	if kernel.IsNil() {
		t.Fatal("the table lacks this kernel")
	}
	// A fault in assembly becomes a panic, and so a failure that names the kernel.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r := rand.New(rand.NewPCG(1, uint64(kernel.Type().NumIn())))
	for _, n := range lengths() {
		for offset := range 9 { // 8: against the upper guard
			got := arguments(r, kernel.Type(), n, offset)
			want := clone(got)
			inputs := clone(got)
			kernel.Call(got.values)
			specification.Call(want.values)
			for a := range got.values {
				if message := difference(got.values[a], want.values[a]); message != "" {
					t.Fatalf("length %d, offset %d, argument %d, %s; inputs %s", n, offset, a, message, inputs)
				}
			}
			got.free()
		}
	}
}

// call is the arguments of a kernel; its slices lie in guarded memory.
type call struct {
	values []reflect.Value
	free   func()
}

func (c call) String() string {
	s := ""
	for _, v := range c.values {
		if v.Kind() == reflect.Slice && v.Len() > 8 {
			v = v.Slice(0, 8)
		}
		if v.Kind() != reflect.Pointer {
			s += fmt.Sprintf("%v ", v)
		}
	}
	return s
}

func arguments(r *rand.Rand, typ reflect.Type, n, offset int) call {
	var c call
	var frees []func()
	style := r.IntN(4)
	for a := range typ.NumIn() {
		switch typ.In(a) {
		case reflect.TypeFor[[]float64]():
			s, free := guarded[float64](n, offset)
			for i := range s {
				s[i] = Number(r, style)
			}
			c.values, frees = append(c.values, reflect.ValueOf(s)), append(frees, free)
		case reflect.TypeFor[[]float32]():
			s, free := guarded[float32](n, offset)
			c.values, frees = append(c.values, reflect.ValueOf(s)), append(frees, free)
		case reflect.TypeFor[float64]():
			c.values = append(c.values, reflect.ValueOf(Number(r, style)))
		case reflect.TypeFor[uint64]():
			v := r.Uint64()
			if r.IntN(3) == 0 { // the low word overflows inside the block
				v = v<<32 - uint64(r.IntN(300))
			}
			c.values = append(c.values, reflect.ValueOf(v))
		case reflect.TypeFor[*backends.Key]():
			key := backends.Schedule(r.Uint32(), r.Uint32())
			c.values = append(c.values, reflect.ValueOf(&key))
		default:
			panic(fmt.Sprintf("backendtest: argument of type %s", typ.In(a)))
		}
	}
	c.free = func() {
		for _, f := range frees {
			f()
		}
	}
	return c
}

func clone(c call) call {
	d := call{free: func() {}}
	for _, v := range c.values {
		if v.Kind() == reflect.Slice {
			s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(s, v)
			v = s
		}
		d.values = append(d.values, v)
	}
	return d
}

func difference(got, want reflect.Value) string {
	if got.Kind() != reflect.Slice {
		return ""
	}
	for i := range got.Len() {
		x, y := got.Index(i).Float(), want.Index(i).Float()
		if math.Float64bits(x) != math.Float64bits(y) && !(x != x && y != y) {
			return fmt.Sprintf("element %d: %x (%v), specification %x (%v)", i, x, x, y, y)
		}
	}
	return ""
}

var special = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 2, math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, -5e-324, 0x1p-1022, 0x1p-1060,
	-0x1p-1040, math.MaxFloat64, -math.MaxFloat64, 0x1p53, 709.5, 710, -745.2, -746, 1e300, 1e-300, math.Pi, -math.Pi, 1e5, 3, 170.5, -2.5}

// Number draws an operand: style 0 any bit pattern, 1 ordinary numbers, 2 special ones, 3 all of these.
func Number(r *rand.Rand, style int) float64 {
	if style == 3 {
		style = r.IntN(3)
	}
	switch style {
	case 0:
		return math.Float64frombits(r.Uint64())
	case 1:
		return math.Ldexp(2*r.Float64()-1, r.IntN(14)-6)
	}
	return special[r.IntN(len(special))]
}
