package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The products of matrices. A tile is so many rows of the result times so many vectors of its columns, all in registers;
// each step of its loop broadcasts one number of every row of the left matrix and multiplies it by a row of the right one.
// All tiles sum in ascending order of that index, so the bits of a result do not depend on the tile it falls into.

// denseTiles are the tiles' rows, the largest first; with two vectors a row, the largest fills the registers.
var denseTiles = map[*machine][]int{avx512: {12, 8, 4, 2, 1}, avx2: {6, 4, 2, 1}}

// Offsets in denseJob, in the order of its fields; the last six are the kernel's own.
const (
	jobC = 8 * iota
	jobA
	jobB
	jobBias
	jobGate
	jobStrideC
	jobStrideA
	jobStepA
	jobStrideB
	jobStrideGate
	jobRows
	jobInner
	jobColumns
	jobStart
	jobFinish
	jobStripC
	jobStripB
	jobStripBias
	jobStripGate
	jobTileA
	jobTileGate
)

// dense writes the kernels that are not elementwise, and returns their Go declarations.
func dense(ctx *build.Context, m *machine, constants map[string]Mem, programs map[*kernel]*program) (stubs string) {
	d := &denseEmitter{emitter: &emitter{Context: ctx, machine: m, constants: constants}}
	for _, k := range []struct {
		name, job string
		body      func()
	}{
		{"dense", "denseJob", d.products}, {"denseThin", "denseJob", d.thin}, {"transpose", "denseJob", d.transpose}, {"columnSums", "denseJob", d.sums},
		{"convolve", "convolveJob", func() { d.convolve(false) }}, {"convolveGradient", "gradientJob", d.gradient},
		{"copyPixels", "pixelsJob", d.copyPixels}, {"averagePool", "pixelsJob", d.averagePool},
	} {
		stubs += d.begin(k.name, k.job)
		k.body()
	}
	stubs += d.bfloat16("exchangeBF16", false)
	if m == avx512 {
		stubs += d.bfloat16("packBF16", true)
		stubs += d.begin("convolveBF16", "convolveJob")
		d.convolve(true)
	}
	for _, k := range transforms {
		stubs += d.transform(k, programs[k])
	}
	return stubs + d.convert("narrow", "float64", "float32") + d.convert("widen", "float32", "float64")
}

type denseEmitter struct {
	*emitter
	labels int
}

// begin starts a function of one pointer to a job of a type, which it keeps in a register.
func (d *denseEmitter) begin(name, typ string) (stub string) {
	d.Function(name + d.name + "Kernel")
	d.Attributes(attr.NOSPLIT)
	d.SignatureExpr("func(job *byte)")
	d.Load(d.Param("job"), job)
	return fmt.Sprintf("\n//go:noescape\nfunc %s%sKernel(job *%s)\n", name, d.name, typ)
}

func (d *denseEmitter) end() {
	d.VZEROUPPER()
	d.RET()
}

var (
	job     = reg.RDI
	bases   = []reg.GPPhysical{reg.RSI, reg.R8, reg.R9, reg.R10, reg.R14, reg.RDX} // of rows 0, 3, 6, ...
	strideA = reg.R11
	stepA   = reg.R12
	rightB  = reg.RBX
	strideB = reg.R13
	counter = reg.RCX
	tileC   = reg.RAX
	rows    = reg.R15
)

func field(offset int) Mem { return Mem{Base: job, Disp: offset} }

func (d *denseEmitter) label(name string) string {
	d.labels++
	return fmt.Sprintf("%s%d", name, d.labels)
}

// align puts the next instruction, the head of a loop, at the start of a line of the instruction cache's fetch.
func (d *denseEmitter) align() {
	d.Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []Op{Imm(32)}})
}

// rowBases sets the registers from which the rows of a matrix are reached: base is that of row 0.
func (d *denseEmitter) rowBases(base, stride reg.GPPhysical, rows int) {
	if base != bases[0] {
		d.MOVQ(base, bases[0])
	}
	for i := 1; 3*i < rows; i++ {
		d.LEAQ(Mem{Base: bases[i-1], Index: stride, Scale: 2}, bases[i])
		d.ADDQ(stride, bases[i])
	}
}

// row is the address of a row.
func row(i int, stride reg.GPPhysical, offset int) Mem {
	m := Mem{Base: bases[i/3], Disp: offset}
	if i%3 > 0 {
		m.Index, m.Scale = stride, uint8(i%3)
	}
	return m
}

func (d *denseEmitter) products() {
	strips := []int{2, 1}
	if d.masks == nil {
		strips = strips[:1] // 16 columns are two vectors
	}
	for i, pointer := range []int{jobC, jobB, jobBias, jobGate} {
		d.copyField(pointer, jobStripC+8*i)
	}
	for n, vectors := range strips {
		strip, next := d.label("strip"), fmt.Sprintf("strips%dDone", n)
		width := vectors * d.bytes
		d.Label(strip)
		d.CMPQ(field(jobColumns), U32(width/4))
		d.JL(LabelRef(next))
		d.MOVQ(field(jobRows), rows)
		d.MOVQ(field(jobStripC), tileC)
		d.copyField(jobA, jobTileA)
		d.copyField(jobStripGate, jobTileGate)
		for _, size := range denseTiles[d.machine] {
			tile, smaller := d.label("tile"), d.label("smaller")
			d.Label(tile)
			d.CMPQ(rows, U32(size))
			d.JL(LabelRef(smaller))
			d.tile(size, vectors)
			d.SUBQ(U32(size), rows)
			d.JMP(LabelRef(tile))
			d.Label(smaller)
		}
		d.SUBQ(U32(width/4), field(jobColumns))
		for _, pointer := range []int{jobStripC, jobStripB, jobStripBias, jobStripGate} {
			d.ADDQ(U32(width), field(pointer))
		}
		d.JMP(LabelRef(strip))
		d.Label(next)
	}
	d.end()
}

func (d *denseEmitter) copyField(from, to int) {
	d.MOVQ(field(from), bases[0])
	d.MOVQ(bases[0], field(to))
}

// tile writes the sums of so many rows and vectors, and moves on to the rows below.
func (d *denseEmitter) tile(size, vectors int) {
	sum := func(i, v int) reg.Register { return d.vectors[i*vectors+v] }
	each := func(f func(i, v int)) {
		for i := range size {
			for v := range vectors {
				f(i, v)
			}
		}
	}
	spare := d.vectors[size*vectors:]
	zero := spare[len(spare)-1]
	strideC := strideA // not needed at the same time

	bias, add, loop, started := d.label("bias"), d.label("add"), d.label("loop"), d.label("started")
	d.CMPQ(field(jobStart), U32(1))
	d.JE(LabelRef(bias))
	d.JA(LabelRef(add))
	each(func(i, v int) { d.op("VXORPS", sum(i, v), sum(i, v), sum(i, v)) })
	d.JMP(LabelRef(started))
	d.Label(bias)
	d.MOVQ(field(jobStripBias), bases[0])
	each(func(i, v int) {
		if i == 0 {
			d.op("VMOVUPS", Mem{Base: bases[0], Disp: v * d.bytes}, sum(i, v))
		} else {
			d.op("VMOVAPS", sum(0, v), sum(i, v))
		}
	})
	d.JMP(LabelRef(started))
	d.Label(add)
	d.MOVQ(field(jobStrideC), strideC)
	d.rowBases(tileC, strideC, size)
	each(func(i, v int) { d.op("VMOVUPS", row(i, strideC, v*d.bytes), sum(i, v)) })

	d.Label(started)
	finish := d.label("finish")
	d.MOVQ(field(jobTileA), bases[0])
	d.MOVQ(field(jobStrideA), strideA)
	d.MOVQ(field(jobStepA), stepA)
	d.MOVQ(field(jobStripB), rightB)
	d.MOVQ(field(jobStrideB), strideB)
	d.rowBases(bases[0], strideA, size)
	d.MOVQ(field(jobInner), counter)
	d.TESTQ(counter, counter)
	d.JZ(LabelRef(finish))
	right, left := spare[:vectors], spare[vectors:]
	step := func() {
		for v := range vectors {
			d.op("VMOVUPS", Mem{Base: rightB, Disp: v * d.bytes}, right[v])
		}
		for i := range size {
			if d.masks != nil && (vectors == 1 || i%2 == 1) {
				for v := range vectors {
					d.op("VFMADD231PS_BCST", row(i, strideA, 0), right[v], sum(i, v))
				}
				continue
			}
			d.op("VBROADCASTSS", row(i, strideA, 0), left[i%len(left)])
			for v := range vectors {
				d.op("VFMADD231PS", right[v], left[i%len(left)], sum(i, v))
			}
		}
		for i := 0; 3*i < size; i++ {
			d.ADDQ(stepA, bases[i])
		}
		d.ADDQ(strideB, rightB)
	}
	d.align()
	d.Label(loop)
	step()
	d.DECQ(counter)
	d.JNZ(LabelRef(loop))

	d.Label(finish)
	rectify, gate, store := d.label("rectify"), d.label("gate"), d.label("store")
	d.CMPQ(field(jobFinish), U32(1))
	d.JE(LabelRef(rectify))
	d.JA(LabelRef(gate))
	d.Label(store)
	d.MOVQ(field(jobStrideC), strideC)
	d.rowBases(tileC, strideC, size)
	each(func(i, v int) { d.op("VMOVUPS", sum(i, v), row(i, strideC, v*d.bytes)) })
	done := d.label("done")
	d.IMUL3Q(U32(size), strideC, strideC)
	d.ADDQ(strideC, tileC)
	d.MOVQ(field(jobStrideA), strideC)
	d.IMUL3Q(U32(size), strideC, strideC)
	d.ADDQ(strideC, field(jobTileA))
	d.MOVQ(field(jobStrideGate), strideC)
	d.IMUL3Q(U32(size), strideC, strideC)
	d.ADDQ(strideC, field(jobTileGate))
	d.JMP(LabelRef(done))

	d.Label(rectify) // the greater of 0 and the sum; the sum if it is NaN, which must be the second operand
	d.op("VXORPS", zero, zero, zero)
	each(func(i, v int) { d.op("VMAXPS", sum(i, v), zero, sum(i, v)) })
	d.JMP(LabelRef(store))
	d.Label(gate)
	strideGate := strideA
	d.MOVQ(field(jobStrideGate), strideGate)
	d.MOVQ(field(jobTileGate), bases[0])
	d.rowBases(bases[0], strideGate, size)
	d.op("VXORPS", zero, zero, zero)
	each(func(i, v int) {
		at := row(i, strideGate, v*d.bytes)
		const less = 0x11 // quiet
		if d.masks != nil {
			k := d.masks[(i*vectors+v)%len(d.masks)]
			d.op("VCMPPS", U8(less), at, zero, k)
			d.op("VMOVAPS_Z", sum(i, v), k, sum(i, v))
		} else {
			d.op("VCMPPS", U8(less), at, zero, spare[0])
			d.op("VANDPS", spare[0], sum(i, v), sum(i, v))
		}
	})
	d.JMP(LabelRef(store))
	d.Label(done)
}
