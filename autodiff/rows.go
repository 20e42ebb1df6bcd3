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

// RowProgram computes the outputs of a formula in float32 for many particles, each a row: the numbers of a particle lie
// side by side, so the features of a network fill the vectors. It works through the rows in pieces that stay in the
// cache, instruction by instruction. It may be run by several goroutines at once.
type RowProgram struct {
	inputs, params, outputs []rowArray
	code                    [3][]rowInstruction // before the first piece, for each piece, after the last
	constants               []float32
	shared                  int // numbers of values that all particles share
	columns                 int // numbers a row of the values of a piece
	piece                   int // rows
	own                     int // numbers of the values of the largest piece
	room                    int // numbers that kernels work with beside their operands
	rounded                 []roundedWeights
	convolution             Convolution
	kernels                 atomic.Pointer[resolvedRows]
	memories                sync.Pool // *rowMemory
}

// rowArray is an array of the caller.
type rowArray struct {
	name   string
	size   int // numbers, of one particle if it is not shared
	shared bool
}

// The arrays that places refer to: memory for the values of a piece, for shared values, constants, and then the caller's
// inputs, parameters and outputs.
const (
	arrayPiece = iota
	arrayShared
	arrayConstants
	arrayCaller
)

// When an instruction runs.
const (
	phaseBefore = iota // once, first: what is made of parameters
	phaseEach          // for each piece of rows
	phaseAfter         // once, last: what is made of sums over the particles
)

type resolvedRows struct {
	table   *backends.Table
	kernels [3][]kernel32
}

// rowMemory is what one run needs besides the caller's arrays; a program keeps those of earlier runs.
type rowMemory struct {
	sharedMemory
	piece, room []float32
	bases       []unsafe.Pointer // of each array, for the piece at hand
}

// Piece is the number of rows that the program works through at a time.
func (p *RowProgram) Piece() int { return p.piece }

// Run computes the outputs for a number of rows; outputs, inputs and params are in the order given to CompileRows. An
// array of a value that each particle has its own of is rows times the value's size, row after row, and that of a shared
// value, parameter or output, is its size. Outputs may not overlap anything else. It panics, before it writes anything, if
// an array is missing or of another length, and allocates nothing once it has run.
//
// A row of an output depends on the same row of the inputs alone. A sum over the particles starts from 0 and goes in the
// order of the rows, each product and sum rounded once together, however many rows the program works through at a time.
func (p *RowProgram) Run(rows int, outputs, inputs, params [][]float32) {
	checkRows("input", rows, inputs, p.inputs)
	checkRows("param", rows, params, p.params)
	checkRows("output", rows, outputs, p.outputs)
	m, _ := p.memories.Get().(*rowMemory)
	if m == nil {
		m = p.newMemory(p.newShared())
	}
	p.before(m, outputs, params)
	p.run(m, rows, outputs, inputs, params)
	p.memories.Put(m)
}

// before carries out what comes before the pieces.
func (p *RowProgram) before(m *rowMemory, outputs, params [][]float32) {
	f := rowFrame{rowMemory: m, rows: 1, first: true}
	f.enterShared(p, outputs, params)
	f.run(p.code[phaseBefore], p.resolve()[phaseBefore])
}

// run carries out the rest.
func (p *RowProgram) run(m *rowMemory, rows int, outputs, inputs, params [][]float32) {
	kernels := p.resolve()
	f := rowFrame{rowMemory: m}
	f.enterShared(p, outputs, params)
	pieces := max(1, (rows+p.piece-1)/p.piece) // one of no rows makes sums 0
	for i := range pieces {
		first, end := i*rows/pieces, (i+1)*rows/pieces
		f.rows, f.first = end-first, i == 0
		f.enter(p, first, outputs, inputs)
		f.run(p.code[phaseEach], kernels[phaseEach])
	}
	f.rows, f.first = 1, true
	f.run(p.code[phaseAfter], kernels[phaseAfter])
	clear(m.bases[arrayCaller:]) // keep nothing of the caller's
}

// sharedMemory is what the values that all particles share live in.
type sharedMemory struct {
	numbers []float32
	rounded []*backends.BF16Weights
}

func (p *RowProgram) newShared() sharedMemory {
	s := sharedMemory{numbers: aligned32(p.shared + backends.DenseWidth)}
	for _, w := range p.rounded {
		s.rounded = append(s.rounded, backends.NewBF16Weights(make([]float32, w.numbers()), w.size, w.inputs, w.outputs))
	}
	return s
}

func (p *RowProgram) newMemory(shared sharedMemory) *rowMemory {
	m := &rowMemory{
		sharedMemory: shared,
		piece:        aligned32(p.own + backends.DenseWidth),
		room:         aligned32(p.room),
		bases:        make([]unsafe.Pointer, arrayCaller+len(p.inputs)+len(p.params)+len(p.outputs)),
	}
	m.bases[arrayPiece] = unsafe.Pointer(unsafe.SliceData(m.piece))
	m.bases[arrayShared] = unsafe.Pointer(unsafe.SliceData(m.numbers))
	m.bases[arrayConstants] = unsafe.Pointer(unsafe.SliceData(p.constants))
	return m
}

// aligned32 returns n zeros that start at a multiple of 64 bytes.
func aligned32(n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(lanes.Aligned((n+1)/2)))), n)
}

func checkRows(what string, rows int, arrays [][]float32, declared []rowArray) {
	if len(arrays) != len(declared) {
		panic(fmt.Sprintf("autodiff: run with %d %ss of a program that has %d", len(arrays), what, len(declared)))
	}
	for i, d := range declared {
		want := d.size
		if !d.shared {
			want *= rows
		}
		if rows < 0 || len(arrays[i]) != want {
			panic(fmt.Sprintf("autodiff: run of %d rows: %s %d, %s, has %d numbers, want %d", rows, what, i, d.name, len(arrays[i]), want))
		}
	}
}

func (p *RowProgram) resolve() [3][]kernel32 {
	t := backends.Current()
	if r := p.kernels.Load(); r != nil && r.table == t {
		return r.kernels
	}
	r := &resolvedRows{table: t}
	for phase, code := range p.code {
		r.kernels[phase] = make([]kernel32, len(code))
		for i := range code {
			r.kernels[phase][i] = code[i].resolve(t)
		}
	}
	p.kernels.Store(r)
	return r.kernels
}

// String lists the program: its arrays, its memory and its instructions, one a line, those before and after the pieces
// apart.
func (p *RowProgram) String() string {
	var b strings.Builder
	for i, list := range [3][]rowArray{p.inputs, p.params, p.outputs} {
		b.WriteString([3]string{"from", " with", " to"}[i])
		for _, a := range list {
			fmt.Fprintf(&b, " %s[%d]", a.name, a.size)
		}
	}
	fmt.Fprintf(&b, " by t[%d] and shared s[%d], %d rows\n", p.columns, p.shared, p.piece)
	for phase, code := range p.code {
		if len(code) > 0 {
			b.WriteString([3]string{"before:\n", "each piece:\n", "after:\n"}[phase])
		}
		for i := range code {
			b.WriteString("\t" + code[i].text(p) + "\n")
		}
	}
	return b.String()
}

// array is the name of an array.
func (p *RowProgram) array(i int) string {
	switch i {
	case arrayPiece:
		return "t"
	case arrayShared:
		return "s"
	case arrayConstants:
		return "constants"
	}
	i -= arrayCaller
	for _, list := range [3][]rowArray{p.inputs, p.params, p.outputs} {
		if i < len(list) {
			return list[i].name
		}
		i -= len(list)
	}
	return "?"
}
