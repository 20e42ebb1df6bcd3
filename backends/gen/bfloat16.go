package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dot writes VDPBF16PS: to += the two products of w's pairs with the pair at a place in memory, the upper one first. Go's
// assembler does not know the instruction, so this is its encoding, "EVEX.512.F3.0F38.W0 52 /r" with a repeated operand, in
// eight bytes: the prefix of four, opcode, ModRM, SIB, and a displacement of 0.
func (d *denseEmitter) dot(at Mem, w, to reg.Register) {
	number := func(r reg.Register) byte { return byte(r.(reg.Physical).PhysicalIndex()) }
	bit := func(n byte, from, to uint) byte { return n >> from & 1 << to }
	base, index, scale := number(at.Base), byte(4), byte(0) // index 4 is none
	if at.Index != nil {
		index = number(at.Index)
		scale = map[uint8]byte{1: 0, 2: 1, 4: 2, 8: 3}[at.Scale]
	}
	if at.Disp != 0 {
		panic(failure{fmt.Errorf("VDPBF16PS with a displacement of %d", at.Disp)})
	}
	v, r := number(w), number(to)
	const noMask, repeat, length512 = 0, 1 << 4, 1 << 6
	code := []byte{
		0x62,
		(bit(r, 3, 7) | bit(index, 3, 6) | bit(base, 3, 5) | bit(r, 4, 4)) ^ 0xf0 | 2, // map 0F38
		v&15<<3 ^ 15<<3 | 1<<2 | 2, // prefix F3
		length512 | repeat | bit(v, 4, 3) ^ 1<<3 | noMask,
		0x52,
		1<<6 | r&7<<3 | 4,
		scale<<6 | index&7<<3 | base&7,
		0,
	}
	quad := uint64(0)
	for i, c := range code {
		quad |= uint64(c) << (8 * i)
	}
	d.Instruction(&ir.Instruction{Opcode: "QUAD", Operands: []Op{U64(quad)}})
}

// bfloat16 writes the loop that rounds numbers to bfloat16, 16 at a time, and either exchanges neighbours or packs them into
// one number's bits. It returns its Go declaration.
func (d *denseEmitter) bfloat16(name string, pack bool) (stub string) {
	const signature = "(dst *float32, src *float32, n int)"
	d.Function(name + d.name + "Kernel")
	d.Attributes(attr.NOSPLIT)
	d.SignatureExpr("func" + signature)
	dst, src := reg.RDI, reg.RSI
	d.Load(d.Param("dst"), dst)
	d.Load(d.Param("src"), src)
	d.Load(d.Param("n"), counter)
	suffix := ""
	if d.masks != nil {
		suffix = "D"
	}
	constants := map[uint64]reg.Register{}
	for i, c := range []uint64{1, 0x7fff, 1 << 22, 0xffff0000} {
		constants[c] = d.vectors[8+i]
		d.load(&value{op: "constant", narrow: true, number: c}, constants[c])
	}
	loop, end := d.label("loop"), d.label("end")
	d.Label(loop)
	d.SUBQ(U32(16), counter)
	d.JL(LabelRef(end))
	for i := range 64 / d.bytes {
		x, rounded, nan := d.vectors[0], d.vectors[1], d.vectors[2]
		d.op("VMOVUPS", Mem{Base: src, Disp: i * d.bytes}, x)
		d.op("VPSRLD", U8(16), x, rounded)
		d.op("VPAND"+suffix, constants[1], rounded, rounded)
		d.op("VPADDD", constants[0x7fff], rounded, rounded)
		d.op("VPADDD", x, rounded, rounded)
		d.op("VPOR"+suffix, constants[1<<22], x, nan)
		const unordered = 3
		if d.masks != nil {
			d.op("VCMPPS", U8(unordered), x, x, d.masks[0])
			d.op("VBLENDMPS", nan, rounded, d.masks[0], rounded)
		} else {
			d.op("VCMPPS", U8(unordered), x, x, d.vectors[3])
			d.op("VBLENDVPS", d.vectors[3], nan, rounded, rounded)
		}
		if pack {
			d.op("VPSRLD", U8(16), rounded, rounded)
			d.op("VPMOVDW", rounded, Mem{Base: dst, Disp: i * d.bytes / 2})
			continue
		}
		d.op("VPAND"+suffix, constants[0xffff0000], rounded, rounded)
		d.op("VPERMILPS", U8(0xb1), rounded, rounded)
		d.op("VMOVUPS", rounded, Mem{Base: dst, Disp: i * d.bytes})
	}
	d.ADDQ(U32(64), src)
	if pack {
		d.ADDQ(U32(32), dst)
	} else {
		d.ADDQ(U32(64), dst)
	}
	d.JMP(LabelRef(loop))
	d.Label(end)
	d.end()
	return fmt.Sprintf("\n//go:noescape\nfunc %s%sKernel%s\n", name, d.name, signature)
}
