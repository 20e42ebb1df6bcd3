package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Kernels on rows of float32 that turn them into columns, sum them, or change their precision.

// rowTile is the number of rows that a transposing kernel takes at a time: one vector of 512 bits or two of 256.
const rowTile = 16

// thinOutputs are the outputs that the thin product has in registers at a time.
var thinOutputs = []int{4, 2, 1}

// transposed leaves in four registers columns 0 to 3 of the rows of a group, where bases point; each lane of 128 bits holds
// four rows, loaded one above the other and transposed there.
func (d *denseEmitter) transposed(group int, in, out []reg.Register) []reg.Register {
	rows := d.bytes / 4
	for i := range 4 {
		at := func(lane int) Mem { return row(group*rows+4*lane+i, strideA, 0) }
		low := in[i].(reg.VecPhysical)
		d.op("VMOVUPS", at(0), low.AsX())
		for lane := 1; lane < d.bytes/16; lane++ {
			if d.masks != nil {
				d.op("VINSERTF32X4", U8(lane), at(lane), in[i], in[i])
			} else {
				d.op("VINSERTF128", U8(lane), at(lane), in[i], in[i])
			}
		}
	}
	d.op("VUNPCKLPS", in[1], in[0], out[0])
	d.op("VUNPCKHPS", in[1], in[0], out[1])
	d.op("VUNPCKLPS", in[3], in[2], out[2])
	d.op("VUNPCKHPS", in[3], in[2], out[3])
	for half := range 2 {
		d.op("VUNPCKLPD", out[half+2], out[half], in[2*half])
		d.op("VUNPCKHPD", out[half+2], out[half], in[2*half+1])
	}
	return in
}

// rowLoop runs body for every tile of rows, with bases at the tile's rows and tileC at its columns of the result, and in it
// step for every four columns.
func (d *denseEmitter) rowLoop(begin, step, finish func()) {
	d.MOVQ(field(jobRows), rows)
	d.MOVQ(field(jobStripC), tileC)
	d.copyField(jobA, jobTileA)
	tile, done := d.label("rows"), d.label("done")
	d.Label(tile)
	d.CMPQ(rows, U32(rowTile))
	d.JL(LabelRef(done))
	begin()
	d.MOVQ(field(jobTileA), bases[0])
	d.MOVQ(field(jobStrideA), strideA)
	d.rowBases(bases[0], strideA, rowTile)
	d.MOVQ(field(jobInner), counter)
	loop, end := d.label("loop"), d.label("end")
	d.align()
	d.Label(loop)
	d.SUBQ(U32(4), counter)
	d.JL(LabelRef(end))
	step()
	for i := 0; 3*i < rowTile; i++ {
		d.ADDQ(U32(16), bases[i])
	}
	d.JMP(LabelRef(loop))
	d.Label(end)
	finish()
	d.SHLQ(U8(4), strideA) // the bytes of a tile's rows
	d.ADDQ(strideA, field(jobTileA))
	d.SUBQ(U32(rowTile), rows)
	d.JMP(LabelRef(tile))
	d.Label(done)
}

// thin writes c[o][r] = bias[o] + sum over k of a[r][k] b[o][k].
func (d *denseEmitter) thin() {
	strideB3 := reg.R12 // three rows of the right matrix
	groups := rowTile * 4 / d.bytes
	d.copyField(jobC, jobStripC)
	d.copyField(jobB, jobStripB)
	d.copyField(jobBias, jobStripBias)
	for _, outputs := range thinOutputs {
		sum := func(o, group int) reg.Register { return d.vectors[o*groups+group] }
		each := func(f func(o, group int)) {
			for o := range outputs {
				for g := range groups {
					f(o, g)
				}
			}
		}
		spare := d.vectors[outputs*groups:]
		weight := func(o, k int) Mem {
			m := Mem{Base: rightB, Disp: 4 * k}
			switch o {
			case 0:
			case 3:
				m.Index, m.Scale = strideB3, 1
			default:
				m.Index, m.Scale = strideB, uint8(o)
			}
			return m
		}
		strip, next := d.label("outputs"), d.label("fewer")
		d.Label(strip)
		d.CMPQ(field(jobColumns), U32(outputs))
		d.JL(LabelRef(next))
		d.rowLoop(func() {
			zero, started := d.label("zero"), d.label("started")
			d.CMPQ(field(jobStart), U32(0))
			d.JE(LabelRef(zero))
			d.MOVQ(field(jobStripBias), bases[0])
			each(func(o, g int) { d.op("VBROADCASTSS", Mem{Base: bases[0], Disp: 4 * o}, sum(o, g)) })
			d.JMP(LabelRef(started))
			d.Label(zero)
			each(func(o, g int) { d.op("VXORPS", sum(o, g), sum(o, g), sum(o, g)) })
			d.Label(started)
			d.MOVQ(field(jobStripB), rightB)
			d.MOVQ(field(jobStrideB), strideB)
			d.LEAQ(Mem{Base: strideB, Index: strideB, Scale: 2}, strideB3)
		}, func() {
			for g := range groups {
				left := d.transposed(g, spare[:4], spare[4:8])
				for k := range 4 {
					for o := range outputs {
						if d.masks != nil {
							d.op("VFMADD231PS_BCST", weight(o, k), left[k], sum(o, g))
						} else {
							right := spare[4+o]
							d.op("VBROADCASTSS", weight(o, k), right)
							d.op("VFMADD231PS", right, left[k], sum(o, g))
						}
					}
				}
			}
			d.ADDQ(U32(16), rightB)
		}, func() {
			strideC := strideB
			d.MOVQ(field(jobStrideC), strideC)
			d.rowBases(tileC, strideC, outputs)
			each(func(o, g int) { d.op("VMOVUPS", sum(o, g), row(o, strideC, g*d.bytes)) })
			d.ADDQ(U32(4*rowTile), tileC)
		})
		d.SUBQ(U32(outputs), field(jobColumns))
		d.ADDQ(U32(4*outputs), field(jobStripBias))
		for _, f := range [][2]int{{jobStrideB, jobStripB}, {jobStrideC, jobStripC}} {
			d.MOVQ(field(f[0]), strideB)
			d.IMUL3Q(U32(outputs), strideB, strideB)
			d.ADDQ(strideB, field(f[1]))
		}
		d.JMP(LabelRef(strip))
		d.Label(next)
	}
	d.end()
}

// transpose writes c[k][r] = a[r][k].
func (d *denseEmitter) transpose() {
	column, strideC := reg.RBX, reg.R13
	groups := rowTile * 4 / d.bytes
	d.copyField(jobC, jobStripC)
	d.rowLoop(func() {
		d.MOVQ(tileC, column)
		d.MOVQ(field(jobStrideC), strideC)
	}, func() {
		var columns [][]reg.Register
		for g := range groups {
			columns = append(columns, d.transposed(g, d.vectors[8*g:][:4], d.vectors[8*g+4:][:4]))
		}
		for k := range 4 {
			for g := range groups {
				d.op("VMOVUPS", columns[g][k], Mem{Base: column, Disp: g * d.bytes})
			}
			d.ADDQ(strideC, column)
		}
	}, func() { d.ADDQ(U32(4*rowTile), tileC) })
	d.end()
}

// sums writes c[j] = c[j] + sum over l of b[l][j].
func (d *denseEmitter) sums() {
	d.copyField(jobC, jobStripC)
	d.copyField(jobB, jobStripB)
	d.MOVQ(field(jobStrideB), strideB)
	for _, vectors := range []int{4, 2, 1} {
		if vectors*d.bytes < 4*rowTile {
			break
		}
		strip, loop, end, next := d.label("strip"), d.label("loop"), d.label("end"), d.label("narrower")
		width := vectors * d.bytes
		d.Label(strip)
		d.CMPQ(field(jobColumns), U32(width/4))
		d.JL(LabelRef(next))
		d.MOVQ(field(jobStripC), tileC)
		d.MOVQ(field(jobStripB), rightB)
		d.MOVQ(field(jobInner), counter)
		for v := range vectors {
			d.op("VMOVUPS", Mem{Base: tileC, Disp: v * d.bytes}, d.vectors[v])
		}
		d.Label(loop)
		d.SUBQ(U32(1), counter)
		d.JL(LabelRef(end))
		for v := range vectors {
			d.op("VADDPS", Mem{Base: rightB, Disp: v * d.bytes}, d.vectors[v], d.vectors[v])
		}
		d.ADDQ(strideB, rightB)
		d.JMP(LabelRef(loop))
		d.Label(end)
		for v := range vectors {
			d.op("VMOVUPS", d.vectors[v], Mem{Base: tileC, Disp: v * d.bytes})
		}
		d.SUBQ(U32(width/4), field(jobColumns))
		d.ADDQ(U32(width), field(jobStripC))
		d.ADDQ(U32(width), field(jobStripB))
		d.JMP(LabelRef(strip))
		d.Label(next)
	}
	d.end()
}

// convert writes the loop that changes the precision of numbers, 16 at a time, and returns its Go declaration.
func (d *denseEmitter) convert(name, from, to string) (stub string) {
	signature := fmt.Sprintf("(dst *%s, src *%s, n int)", to, from)
	d.Function(name + d.name + "Kernel")
	d.Attributes(attr.NOSPLIT)
	d.SignatureExpr("func" + signature)
	dst, src := reg.RDI, reg.RSI
	d.Load(d.Param("dst"), dst)
	d.Load(d.Param("src"), src)
	d.Load(d.Param("n"), counter)
	loop, end := d.label("loop"), d.label("end")
	d.Label(loop)
	d.SUBQ(U32(16), counter)
	d.JL(LabelRef(end))
	half := func(r reg.Register) reg.Register {
		if d.masks != nil {
			return r.(reg.VecPhysical).AsY()
		}
		return r.(reg.VecPhysical).AsX()
	}
	count := 16 * 8 / d.bytes
	for i := range count {
		r := d.vectors[i]
		wide, narrow := Mem{Base: src, Disp: i * d.bytes}, Mem{Base: dst, Disp: i * d.bytes / 2}
		switch {
		case from == "float32":
			wide.Base, narrow.Base = dst, src
			d.op("VCVTPS2PD", narrow, r)
			d.op("VMOVUPD", r, wide)
		case d.masks != nil:
			d.op("VCVTPD2PS", wide, half(r))
			d.op("VMOVUPS", half(r), narrow)
		default:
			d.op("VCVTPD2PSY", wide, half(r))
			d.op("VMOVUPS", half(r), narrow)
		}
	}
	sizes := map[string]int{"float32": 4, "float64": 8}
	d.ADDQ(U32(16*sizes[from]), src)
	d.ADDQ(U32(16*sizes[to]), dst)
	d.JMP(LabelRef(loop))
	d.Label(end)
	d.end()
	return fmt.Sprintf("\n//go:noescape\nfunc %s%sKernel%s\n", name, d.name, signature)
}
