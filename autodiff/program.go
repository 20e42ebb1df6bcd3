package autodiff

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
)

// Program computes the outputs of a formula for a block of particles. It works through the block in pieces of Lanes
// particles, instruction by instruction, and each instruction is a kernel call for all particles of the piece. It may
// be run by several goroutines at once.
type Program struct {
	inputs, outputs []int // elements of each
	names           []string
	code            []instruction
	rows            int // of own memory
	lanes           int
	kernels         atomic.Pointer[resolved]
	memories        sync.Pool // *memory
}

// Array is a value for many particles: one row for each element, in row-major order of the shape, and in a row one
// number for each particle. Row j begins at Data[j*Stride]. A row's numbers from n to Stride are padding, which a run
// may write, if Stride is n rounded up to a multiple of 8; a Data that ends with the last particle, or any other
// Stride of at least n, leaves the rest alone.
type Array struct {
	Data   []float64
	Stride int
}

// Rows is the array of a block, one row for each coordinate.
func Rows(b *lanes.Block) Array { return Array{b.Data(), b.Stride()} }

// resolved is the kernels of the instructions in one table.
type resolved struct {
	table   *backends.Table
	kernels []kernel
}

// memory is what one run needs besides the caller's arrays; a program keeps those of earlier runs.
type memory struct {
	numbers []float64
	rows    []unsafe.Pointer // nil where fewRows are enough
}

// frame is where every row begins for the piece at hand. Rows are numbered: the program's own, those of the inputs, those
// of the outputs. An instruction knows its rows by number, and finding one costs a load.
type frame struct {
	rows   []unsafe.Pointer
	pitch  int  // from row to row in own memory
	width  int  // numbers of a row to compute
	packed bool // the rows of every array lie one behind the other, as in own memory
}

// fewRows is the rows of a program whose frame is on the stack, which saves a few ns a run.
const fewRows = 32

// Lanes is the number of particles that the program works through at a time, a multiple of 8. A block of that many, with
// rows of that length, is read and written in the fewest calls.
func (p *Program) Lanes() int { return p.lanes }

// Run computes the outputs of n particles; outputs and inputs are in the order given to Compile. Outputs may not overlap
// inputs or each other. It panics, before it writes anything, if an array is missing or too short, and allocates nothing
// once it has run.
func (p *Program) Run(n int, outputs, inputs []Array) {
	check("input", n, inputs, p.inputs)
	check("output", n, outputs, p.outputs)
	kernels := p.resolve()
	var few [fewRows]unsafe.Pointer
	f := frame{rows: few[:]}
	m, _ := p.memories.Get().(*memory)
	if m == nil {
		m = p.newMemory()
	}
	if m.rows != nil {
		f.rows = m.rows
	}
	for first := 0; first < n; first += p.lanes {
		f.enter(p, m, first, min(p.lanes, n-first), outputs, inputs)
		f.run(p.code, kernels)
	}
	clear(m.rows) // keep nothing of the caller's
	p.memories.Put(m)
}

func (p *Program) newMemory() *memory {
	m := &memory{numbers: lanes.Aligned(p.rows * p.lanes)}
	if rows := p.rows + sum(p.inputs) + sum(p.outputs); rows > fewRows {
		m.rows = make([]unsafe.Pointer, rows)
	}
	return m
}

// check panics if arrays are missing or too short.
func check(what string, n int, arrays []Array, sizes []int) {
	if len(arrays) != len(sizes) {
		panic(fmt.Sprintf("autodiff: run with %d %ss of a program that has %d", len(arrays), what, len(sizes)))
	}
	for i, a := range arrays {
		rows := sizes[i]
		if n < 0 || rows > 1 && a.Stride < n || len(a.Data) < (rows-1)*a.Stride+n {
			panic(fmt.Sprintf("autodiff: run of %d particles: %s %d has %d numbers and a stride of %d for %d rows", n, what, i, len(a.Data), a.Stride, rows))
		}
	}
}

// resolve returns the kernels of the current table.
func (p *Program) resolve() []kernel {
	t := backends.Current()
	if r := p.kernels.Load(); r != nil && r.table == t {
		return r.kernels
	}
	r := &resolved{t, make([]kernel, len(p.code))}
	for i := range p.code {
		r.kernels[i] = p.code[i].resolve(t)
	}
	p.kernels.Store(r)
	return r.kernels
}

// enter makes the frame ready for count particles from first on.
func (f *frame) enter(p *Program, m *memory, first, count int, outputs, inputs []Array) {
	f.pitch = lanes.Pad(count)
	f.packed = true
	padded := true // all rows have room for whole vectors
	next := 0
	for ; next < p.rows; next++ {
		f.rows[next] = unsafe.Pointer(&m.numbers[next*f.pitch])
	}
	enter := func(arrays []Array, sizes []int) {
		for i, rows := range sizes {
			a := &arrays[i]
			for j := range rows {
				f.rows[next] = unsafe.Pointer(&a.Data[j*a.Stride+first])
				next++
			}
			f.packed = f.packed && (rows == 1 || a.Stride == f.pitch)
			padded = padded && a.Stride == first+f.pitch && len(a.Data) >= rows*a.Stride
		}
	}
	enter(inputs, p.inputs)
	enter(outputs, p.outputs)
	f.width = count
	if padded {
		f.width = f.pitch
	}
}

// run carries out all instructions for the piece.
func (f *frame) run(code []instruction, kernels []kernel) {
	row := func(o *place, n int) []float64 { return unsafe.Slice((*float64)(f.rows[o.row]), n) }
	for i := range code {
		in, k := &code[i], &kernels[i]
		if !in.flat || !f.packed {
			f.execute(in, k)
			continue
		}
		n := (in.rows-1)*f.pitch + f.width
		switch dst := row(&in.dst, n); in.form {
		case formUnary:
			k.unary(dst, row(&in.a.place, n))
		case formVV:
			k.vv(dst, row(&in.a.place, n), row(&in.b.place, n))
		case formVS:
			k.vs(dst, row(&in.a.place, n), in.b.constants[0])
		case formSV:
			k.sv(dst, in.a.constants[0], row(&in.b.place, n))
		case formVVV:
			k.vvv(dst, row(&in.a.place, n), row(&in.b.place, n), row(&in.c.place, n))
		case formVVS:
			k.vvs(dst, row(&in.a.place, n), row(&in.b.place, n), in.c.constants[0])
		case formVSV:
			k.vsv(dst, row(&in.a.place, n), in.b.constants[0], row(&in.c.place, n))
		case formVSS:
			k.vss(dst, row(&in.a.place, n), in.b.constants[0], in.c.constants[0])
		}
	}
}

// row is n numbers from the beginning of row i of a place on. Compile made sure that the place has such a row, check
// that an array has the numbers.
func (f *frame) row(p *place, i, n int) []float64 {
	return unsafe.Slice((*float64)(f.rows[p.row+i*p.step]), n)
}

// number is element i of constants.
func (o *operand) number(i int) float64 { return o.constants[i*o.step] }

// execute carries out one instruction row by row.
func (f *frame) execute(in *instruction, k *kernel) {
	rows, n := in.rows, f.width
	switch in.form {
	case formUnary:
		for i := range rows {
			k.unary(f.row(&in.dst, i, n), f.row(&in.a.place, i, n))
		}
	case formVV:
		for i := range rows {
			k.vv(f.row(&in.dst, i, n), f.row(&in.a.place, i, n), f.row(&in.b.place, i, n))
		}
	case formVS:
		for i := range rows {
			k.vs(f.row(&in.dst, i, n), f.row(&in.a.place, i, n), in.b.number(i))
		}
	case formSV:
		for i := range rows {
			k.sv(f.row(&in.dst, i, n), in.a.number(i), f.row(&in.b.place, i, n))
		}
	case formVVV:
		for i := range rows {
			k.vvv(f.row(&in.dst, i, n), f.row(&in.a.place, i, n), f.row(&in.b.place, i, n), f.row(&in.c.place, i, n))
		}
	case formVVS:
		for i := range rows {
			k.vvs(f.row(&in.dst, i, n), f.row(&in.a.place, i, n), f.row(&in.b.place, i, n), in.c.number(i))
		}
	case formVSV:
		for i := range rows {
			k.vsv(f.row(&in.dst, i, n), f.row(&in.a.place, i, n), in.b.number(i), f.row(&in.c.place, i, n))
		}
	case formVSS:
		for i := range rows {
			k.vss(f.row(&in.dst, i, n), f.row(&in.a.place, i, n), in.b.number(i), in.c.number(i))
		}
	case formFold:
		dst := f.row(&in.dst, 0, n)
		k.vv(dst, f.row(&in.a.place, 0, n), f.row(&in.a.place, 1, n))
		for i := 2; i < rows; i++ {
			k.vv(dst, dst, f.row(&in.a.place, i, n))
		}
	case formContract:
		f.contract(in, k)
	case formCopy:
		for i := range rows {
			copy(f.row(&in.dst, i, n), f.row(&in.a.place, i, n))
		}
	case formFill:
		for i := range rows {
			dst, v := f.row(&in.dst, i, n), in.a.number(i)
			for j := range dst {
				dst[j] = v
			}
		}
	}
}

// contract is a product of matrices: an element of the result after the other, each in the order of k.
func (f *frame) contract(in *instruction, k *kernel) {
	c := in.matrix
	row := func(i int) []float64 { return unsafe.Slice((*float64)(f.rows[i]), f.width) }
	for i := range c.m {
		for j := range c.n {
			dst := row(in.dst.row + i*c.dst.row + j*c.dst.column)
			a, b := in.a.row+i*c.a.row, in.b.row+j*c.b.column
			if in.b.constants != nil {
				if c.more {
					k.vsv(dst, row(a), in.b.constants[b], dst)
				} else {
					k.vs(dst, row(a), in.b.constants[b])
				}
				for range c.k - 1 {
					a, b = a+c.a.column, b+c.b.row
					k.vsv(dst, row(a), in.b.constants[b], dst)
				}
				continue
			}
			k.vv(dst, row(a), row(b))
			for range c.k - 1 {
				a, b = a+c.a.column, b+c.b.row
				k.vvv(dst, row(a), row(b), dst)
			}
		}
	}
}

// String lists the program: its inputs and outputs, its own rows (t) and lanes, and its instructions, one a line.
func (p *Program) String() string {
	var b strings.Builder
	sizes := append(append([]int(nil), p.inputs...), p.outputs...)
	for i, name := range p.names {
		before := ", "
		if i == len(p.inputs) {
			before = " to "
		} else if i == 0 {
			before = "from "
		}
		fmt.Fprintf(&b, "%s%s[%d]", before, name, sizes[i])
	}
	fmt.Fprintf(&b, " by t[%d], %d lanes\n", p.rows, p.lanes)
	for i := range p.code {
		b.WriteString(p.code[i].text(p.name))
		b.WriteByte('\n')
	}
	return b.String()
}

// name is the array that a row belongs to, and its number there.
func (p *Program) name(row int) (string, int) {
	if row < p.rows {
		return "t", row
	}
	row -= p.rows
	sizes := append(append([]int(nil), p.inputs...), p.outputs...)
	i := 0
	for ; row >= sizes[i]; i++ {
		row -= sizes[i]
	}
	return p.names[i], row
}

func sum(sizes []int) int {
	total := 0
	for _, k := range sizes {
		total += k
	}
	return total
}
