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
	"unsafe"

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

const (
	longest = 257
	longer  = 9 // than the first slice, at most, are the others
	atEnd   = 8 // the offset of a slice that ends where memory does
)

// Run compares every kernel of the table with [backends.Generic], bit for bit: at many lengths, at every offset of a slice
// in a vector, with slices that end or begin beside memory that may not be touched, in place where the table promises that,
// with operands longer than the result, on random bit patterns, ordinary numbers, infinities, NaN and subnormals. A kernel
// that is missing fails. NaN equals NaN.
func Run(t *testing.T, table *backends.Table) {
	compareFields(t, "", reflect.ValueOf(table).Elem(), reflect.ValueOf(&backends.Generic).Elem())
}

// compareFields goes through a table, its forms of one operation and its table of float32.
func compareFields(t *testing.T, prefix string, table, specification reflect.Value) {
	for i := range table.NumField() {
		name := prefix + table.Type().Field(i).Name
		switch table.Field(i).Kind() {
		case reflect.Func:
			if _, ok := convolutions[table.Type().Field(i).Name]; ok {
				t.Run(name, func(t *testing.T) {
					compareConvolutions(t, table.Type().Field(i).Name, table.Addr().Interface().(*backends.Table32))
				})
				continue
			}
			if _, ok := resizes[table.Type().Field(i).Name]; ok {
				t.Run(name, func(t *testing.T) {
					comparePixels(t, table.Type().Field(i).Name, table.Addr().Interface().(*backends.Table32))
				})
				continue
			}
			if takesMatrices(table.Field(i).Type()) {
				t.Run(name, func(t *testing.T) {
					compareProducts(t, table.Type().Field(i).Name, table.Addr().Interface().(*backends.Table32))
				})
				continue
			}
			t.Run(name, func(t *testing.T) { compare(t, name, table.Field(i), specification.Field(i)) })
		case reflect.Struct:
			compareFields(t, name, table.Field(i), specification.Field(i))
		}
	}
}

// alias says that output and operand are one slice.
type alias struct{ output, operand int }

// inPlace lists the ways in which the table promises that a kernel may overwrite operands; the first is none.
func inPlace(name string, typ reflect.Type) [][]alias {
	ways := [][]alias{nil}
	switch name {
	case "Propose":
		return append(ways, []alias{{0, 2}, {1, 3}})
	case "ProposeLast":
		return append(ways, []alias{{0, 1}})
	case "Uniform", "Normal", "Accept", "Uniform32", "Normal32", "F32Adam":
		return ways
	}
	for a := 1; a < typ.NumIn(); a++ {
		if typ.In(a) == typ.In(0) {
			ways = append(ways, []alias{{0, a}})
		}
	}
	return ways
}

func compare(t *testing.T, name string, kernel, specification reflect.Value) {
	if kernel.IsNil() {
		t.Fatal("the table lacks this kernel")
	}
	// A fault in assembly becomes a panic, and so a failure that names the kernel.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	typ := kernel.Type()
	memory := make([][]byte, typ.NumIn())
	for a := range memory {
		var free func()
		memory[a], free = guarded(8 * (longest + longer + atEnd))
		defer free()
	}
	r := rand.New(rand.NewPCG(1, uint64(typ.NumIn())))
	ways := inPlace(name, typ)
	for _, n := range lengths() {
		for offset := range atEnd + 1 {
			got := arguments(r, typ, memory, n, offset)
			want, inputs := clone(got), clone(got)
			specification.Call(want)
			overwritten := map[int]bool{}
			way := ways[r.IntN(len(ways))]
			for _, w := range way {
				got[w.output] = got[w.operand].Slice(0, n)
				want[w.output] = want[w.output].Slice(0, n)
				overwritten[w.operand] = true
			}
			kernel.Call(got)
			for a := range got {
				if message := difference(got[a], want[a]); message != "" && !overwritten[a] {
					t.Fatalf("length %d, offset %d, in place %v, argument %d, %s; inputs %s", n, offset, way, a, message, show(inputs))
				}
			}
		}
	}
}

// place is n elements of a piece of memory: offset ones behind its beginning, or right before its end.
func place[E float32 | float64](memory []byte, n, offset int) []E {
	var e E
	all := unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(memory))), len(memory)/int(unsafe.Sizeof(e)))
	if offset == atEnd {
		offset = len(all) - n
	}
	return all[offset : offset+n : offset+n]
}

// arguments draws those of a call. The first slice has n elements, the others as many or a few more.
func arguments(r *rand.Rand, typ reflect.Type, memory [][]byte, n, offset int) []reflect.Value {
	var values []reflect.Value
	style := [...]int{0, 1, 1, 1, 2, 3}[r.IntN(6)] // ordinary numbers show most of a polynomial
	for a := range typ.NumIn() {
		length := n
		if a > 0 && r.IntN(2) == 0 {
			length += r.IntN(longer + 1)
		}
		switch typ.In(a) {
		case reflect.TypeFor[[]float64]():
			s := place[float64](memory[a], length, offset)
			for i := range s {
				s[i] = Number(r, style)
			}
			values = append(values, reflect.ValueOf(s))
		case reflect.TypeFor[[]float32]():
			s := place[float32](memory[a], length, offset)
			for i := range s {
				s[i] = number32(r, style)
			}
			values = append(values, reflect.ValueOf(s))
		case reflect.TypeFor[float64]():
			values = append(values, reflect.ValueOf(Number(r, style)))
		case reflect.TypeFor[float32]():
			values = append(values, reflect.ValueOf(number32(r, style)))
		case reflect.TypeFor[uint64]():
			v := r.Uint64()
			if r.IntN(3) == 0 { // the low word overflows inside the block
				v = v<<32 - uint64(r.IntN(300))
			}
			values = append(values, reflect.ValueOf(v))
		case reflect.TypeFor[*backends.Key]():
			key := backends.Schedule(r.Uint32(), r.Uint32())
			values = append(values, reflect.ValueOf(&key))
		default:
			panic(fmt.Sprintf("backendtest: argument of type %s", typ.In(a)))
		}
	}
	return values
}

func clone(values []reflect.Value) []reflect.Value {
	var list []reflect.Value
	for _, v := range values {
		if v.Kind() == reflect.Slice {
			s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(s, v)
			v = s
		}
		list = append(list, v)
	}
	return list
}

// show prints arguments, of long slices the beginning.
func show(values []reflect.Value) string {
	s := ""
	for _, v := range values {
		if v.Kind() == reflect.Slice && v.Len() > 8 {
			v = v.Slice(0, 8)
		}
		if v.Kind() != reflect.Pointer {
			s += fmt.Sprintf("%v ", v)
		}
	}
	return s
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
	-0x1p-1040, 0x1p-126, 0x1p-149, -0x1p-140, math.MaxFloat32, math.MaxFloat64, -math.MaxFloat64, 0x1p53, 88.5, 89, -103.5, -104.5, 709.5, 710, -745.2, -746, 1e300, 1e-300, math.Pi, -math.Pi, 1e5, 3, 170.5, -2.5}

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

// number32 is Number for float32; any bit pattern is one of its own.
func number32(r *rand.Rand, style int) float32 {
	if v := Number(r, style); style != 0 {
		return float32(v)
	}
	return math.Float32frombits(r.Uint32())
}
