package autodiff

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

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
	frames          sync.Pool // *frame
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

// frame is what one run needs: memory, and where the rows of every buffer are for the piece at hand.
type frame struct {
	memory []float64
	base   [][]float64 // by buffer: row 0 from the first particle of the piece on
	pitch  []int       // by buffer: from row to row
	width  int         // numbers of a row to compute
	packed bool        // rows lie one behind the other in all buffers
}

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
	f, _ := p.frames.Get().(*frame)
	if f == nil {
		buffers := 1 + len(p.inputs) + len(p.outputs)
		f = &frame{memory: lanes.Aligned(p.rows * p.lanes), base: make([][]float64, buffers), pitch: make([]int, buffers)}
		f.base[0] = f.memory
	}
	for first := 0; first < n; first += p.lanes {
		f.enter(p, first, min(p.lanes, n-first), outputs, inputs)
		for i := range p.code {
			f.execute(&p.code[i], &kernels[i])
		}
	}
	clear(f.base[1:])
	p.frames.Put(f)
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
func (f *frame) enter(p *Program, first, count int, outputs, inputs []Array) {
	pitch := lanes.Pad(count)
	f.pitch[0] = pitch
	f.packed = true
	padded := true // all rows have room for whole vectors
	set := func(buffer int, a Array, rows int) {
		f.base[buffer] = a.Data[first:]
		f.pitch[buffer] = a.Stride
		f.packed = f.packed && (rows == 1 || a.Stride == pitch)
		padded = padded && a.Stride == first+pitch && len(a.Data) >= rows*a.Stride
	}
	for i, a := range inputs {
		set(1+i, a, p.inputs[i])
	}
	for i, a := range outputs {
		set(1+len(inputs)+i, a, p.outputs[i])
	}
	f.width = count
	if padded {
		f.width = pitch
	}
}

// row is row i of a place and what follows.
func (f *frame) row(p *place, i int) []float64 {
	return f.base[p.buffer][(p.row+i*p.step)*f.pitch[p.buffer]:]
}

// number is element i of constants.
func (o *operand) number(i int) float64 { return o.constants[i*o.step] }

// execute carries out one instruction for the piece.
func (f *frame) execute(in *instruction, k *kernel) {
	rows, width := in.rows, f.width
	if in.flat && (f.packed || rows == 1) {
		rows, width = 1, (rows-1)*f.pitch[0]+width
	}
	switch in.form {
	case formUnary:
		for i := range rows {
			k.unary(f.row(&in.dst, i)[:width], f.row(&in.a.place, i))
		}
	case formVV:
		for i := range rows {
			k.vv(f.row(&in.dst, i)[:width], f.row(&in.a.place, i), f.row(&in.b.place, i))
		}
	case formVS:
		for i := range rows {
			k.vs(f.row(&in.dst, i)[:width], f.row(&in.a.place, i), in.b.number(i))
		}
	case formSV:
		for i := range rows {
			k.sv(f.row(&in.dst, i)[:width], in.a.number(i), f.row(&in.b.place, i))
		}
	case formVVV:
		for i := range rows {
			k.vvv(f.row(&in.dst, i)[:width], f.row(&in.a.place, i), f.row(&in.b.place, i), f.row(&in.c.place, i))
		}
	case formVVS:
		for i := range rows {
			k.vvs(f.row(&in.dst, i)[:width], f.row(&in.a.place, i), f.row(&in.b.place, i), in.c.number(i))
		}
	case formVSV:
		for i := range rows {
			k.vsv(f.row(&in.dst, i)[:width], f.row(&in.a.place, i), in.b.number(i), f.row(&in.c.place, i))
		}
	case formVSS:
		for i := range rows {
			k.vss(f.row(&in.dst, i)[:width], f.row(&in.a.place, i), in.b.number(i), in.c.number(i))
		}
	case formFold:
		dst := f.row(&in.dst, 0)[:width]
		k.vv(dst, f.row(&in.a.place, 0), f.row(&in.a.place, 1))
		for i := 2; i < rows; i++ {
			k.vv(dst, dst, f.row(&in.a.place, i))
		}
	case formContract:
		f.contract(in, k)
	case formCopy:
		for i := range rows {
			copy(f.row(&in.dst, i)[:width], f.row(&in.a.place, i))
		}
	case formFill:
		for i := range rows {
			dst, v := f.row(&in.dst, i)[:width], in.a.number(i)
			for j := range dst {
				dst[j] = v
			}
		}
	}
}

// contract is a product of matrices: an element of the result after the other, each in the order of k.
func (f *frame) contract(in *instruction, k *kernel) {
	c := in.matrix
	from := func(p place, row int) []float64 {
		return f.base[p.buffer][(p.row+row)*f.pitch[p.buffer]:]
	}
	for i := range c.m {
		for j := range c.n {
			dst := from(in.dst, i*c.dst.row+j*c.dst.column)[:f.width]
			for l := range c.k {
				a := from(in.a.place, i*c.a.row+l*c.a.column)
				at := l*c.b.row + j*c.b.column
				switch {
				case in.b.constants == nil && l == 0:
					k.vv(dst, a, from(in.b.place, at))
				case in.b.constants == nil:
					k.vvv(dst, a, from(in.b.place, at), dst)
				case l == 0:
					k.vs(dst, a, in.b.constants[at])
				default:
					k.vsv(dst, a, in.b.constants[at], dst)
				}
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
		b.WriteString(p.code[i].text(func(q place) string {
			if q.buffer == 0 {
				return "t"
			}
			return p.names[q.buffer-1]
		}))
		b.WriteByte('\n')
	}
	return b.String()
}
