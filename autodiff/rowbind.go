package autodiff

import "sync"

// BoundRows is a [RowProgram] with parameters that do not change. It may be run by several goroutines at once.
type BoundRows struct {
	p        *RowProgram
	params   [][]float32
	kept     bool // what is made of the parameters alone is there
	shared   sharedMemory
	memories sync.Pool // *rowMemory
}

// Bind is the program with parameters that stay as they are from now on: what is made of them alone, such as weights in whole
// vectors, turned around or transformed, is computed once, and not by each run. They are not copied. It panics as
// [RowProgram.Run] does.
func (p *RowProgram) Bind(params [][]float32) *BoundRows {
	checkRows("param", 0, params, p.params)
	b := &BoundRows{p: p, params: params, kept: p.separable()}
	if b.kept {
		b.shared = p.newShared()
		outputs := make([][]float32, len(p.outputs)) // none is written
		p.before(p.newMemory(b.shared), outputs, params)
	}
	return b
}

// separable tells whether what is made before the pieces is not written again, and in no output.
func (p *RowProgram) separable() bool {
	for phase, code := range p.code {
		for i := range code {
			in := &code[i]
			if shared := in.dst.array == arrayShared || in.kind == rowRound; shared != (phase == phaseBefore) {
				return false
			}
		}
	}
	return true
}

// Run is that of the program, with its parameters.
func (b *BoundRows) Run(rows int, outputs, inputs [][]float32) {
	p := b.p
	if !b.kept {
		p.Run(rows, outputs, inputs, b.params)
		return
	}
	checkRows("input", rows, inputs, p.inputs)
	checkRows("output", rows, outputs, p.outputs)
	m, _ := b.memories.Get().(*rowMemory)
	if m == nil {
		m = p.newMemory(b.shared)
	}
	p.run(m, rows, outputs, inputs, b.params)
	b.memories.Put(m)
}
