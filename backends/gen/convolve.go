package main

import (
	"slices"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Convolutions. A tile is so many pixels of a row of the result times so many vectors of its channels, all in registers
// over all taps and input channels: each step of the loop broadcasts one input channel of every pixel and multiplies it by
// a row of the weights. Which taps there are is a list in memory, since a tile at the edge of the image has fewer; a tap
// that only the first or only the last pixel of the tile lacks has a loop of its own without that pixel.

// tileSize is the pixels and vectors of a tile.
type tileSize struct{ pixels, vectors int }

// convolveTiles are all tiles of up to the most pixels, the largest first. The Go side has the same sizes.
var convolveTiles = map[*machine][]tileSize{
	avx512: slices.Concat(tilesOf(2, 14), []tileSize{{28, 1}}, tilesOf(1, 14)),
	avx2:   tilesOf(2, 7),
}

func tilesOf(vectors, most int) (list []tileSize) {
	for pixels := most; pixels > 0; pixels-- {
		list = append(list, tileSize{pixels, vectors})
	}
	return list
}

// Offsets in convolveJob, in the order of its fields.
const (
	tileJobC = 8 * iota
	tileJobA
	tileJobB
	tileJobBias
	tileJobStepC
	tileJobStepA
	tileJobStrideB
	tileJobRowA
	tileJobInner
	tileJobFirst
	tileJobCount
	tileJobSize // pixels + 256 vectors
)

// Offsets in convolveTap, and its size.
const (
	tapA = 8 * iota
	tapB
	tapEdge // 0: all pixels, 1: not the first, 2: not the last
	tapSize
)

// pixelsPerBase are the pixels that are reached from one register with multiples of the step.
const pixelsPerBase = 5

var (
	step3 = reg.R12
	taps  = reg.RAX
	left  = reg.R15
)

// pixelBases sets the registers from which pixels are reached; bases[0] is that of pixel 0.
func (d *denseEmitter) pixelBases(step reg.GPPhysical, pixels int) {
	for i := 1; pixelsPerBase*i < pixels; i++ {
		d.LEAQ(Mem{Base: bases[i-1], Index: step, Scale: 4}, bases[i])
		d.ADDQ(step, bases[i])
	}
}

// pixel is the address of a pixel.
func pixel(i int, step reg.GPPhysical, offset int) Mem {
	m := Mem{Base: bases[i/pixelsPerBase], Disp: offset}
	switch i %= pixelsPerBase; i {
	case 0:
	case 3:
		m.Index, m.Scale = step3, 1
	default:
		m.Index, m.Scale = step, uint8(i)
	}
	return m
}

// convolve writes the kernel that makes one tile; pairs says that input channels are pairs in bfloat16.
func (d *denseEmitter) convolve(pairs bool) {
	for _, t := range convolveTiles[d.machine] {
		next := d.label("next")
		d.CMPQ(field(tileJobSize), U32(t.pixels+256*t.vectors))
		d.JNE(LabelRef(next))
		d.convolveTile(t, pairs)
		d.end()
		d.Label(next)
	}
	d.end()
}

func (d *denseEmitter) convolveTile(t tileSize, pairs bool) {
	sum := func(i, v int) reg.Register { return d.vectors[i*t.vectors+v] }
	each := func(f func(i, v int)) {
		for i := range t.pixels {
			for v := range t.vectors {
				f(i, v)
			}
		}
	}
	spare := d.vectors[t.pixels*t.vectors:]
	stepA := strideA

	zero, started := d.label("zero"), d.label("started")
	d.MOVQ(field(tileJobBias), bases[0])
	d.TESTQ(bases[0], bases[0])
	d.JZ(LabelRef(zero))
	each(func(i, v int) {
		if i == 0 {
			d.op("VMOVUPS", Mem{Base: bases[0], Disp: v * d.bytes}, sum(i, v))
		} else {
			d.op("VMOVAPS", sum(0, v), sum(i, v))
		}
	})
	d.JMP(LabelRef(started))
	d.Label(zero)
	each(func(i, v int) { d.op("VXORPS", sum(i, v), sum(i, v), sum(i, v)) })
	d.Label(started)

	d.MOVQ(field(tileJobStepA), stepA)
	d.LEAQ(Mem{Base: stepA, Index: stepA, Scale: 2}, step3)
	d.MOVQ(field(tileJobStrideB), strideB)
	d.MOVQ(job, taps)
	d.ADDQ(field(tileJobFirst), taps)
	d.MOVQ(field(tileJobCount), left)
	tap, finish := d.label("tap"), d.label("finish")
	d.Label(tap)
	d.SUBQ(U8(1), left)
	d.JL(LabelRef(finish))
	d.MOVQ(field(tileJobA), bases[0])
	d.ADDQ(field(tileJobRowA), bases[0])
	d.ADDQ(Mem{Base: taps, Disp: tapA}, bases[0])
	d.pixelBases(stepA, t.pixels)
	d.MOVQ(field(tileJobB), rightB)
	d.ADDQ(Mem{Base: taps, Disp: tapB}, rightB)
	d.ADDQ(U8(tapSize), taps)
	if t.pixels == 1 {
		d.inner(t, pairs, 0, 1, sum, spare)
		d.JMP(LabelRef(tap))
	} else {
		notFirst, notLast := d.label("notFirst"), d.label("notLast")
		d.CMPQ(Mem{Base: taps, Disp: tapEdge - tapSize}, U8(1))
		d.JE(LabelRef(notFirst))
		d.JA(LabelRef(notLast))
		d.inner(t, pairs, 0, t.pixels, sum, spare)
		d.JMP(LabelRef(tap))
		d.Label(notFirst)
		d.inner(t, pairs, 1, t.pixels, sum, spare)
		d.JMP(LabelRef(tap))
		d.Label(notLast)
		d.inner(t, pairs, 0, t.pixels-1, sum, spare)
		d.JMP(LabelRef(tap))
	}
	d.Label(finish)
	stepC := strideA
	d.MOVQ(field(tileJobC), bases[0])
	d.MOVQ(field(tileJobStepC), stepC)
	d.LEAQ(Mem{Base: stepC, Index: stepC, Scale: 2}, step3)
	d.pixelBases(stepC, t.pixels)
	each(func(i, v int) { d.op("VMOVUPS", sum(i, v), pixel(i, stepC, v*d.bytes)) })
}

// inner writes the loop over the input channels of a tap, or over pairs of them in bfloat16, for some pixels of the tile.
func (d *denseEmitter) inner(t tileSize, pairs bool, from, to int, sum func(i, v int) reg.Register, spare []reg.Register) {
	stepA := strideA
	held := t.vectors // in registers; others come from memory each time
	if len(spare) == held {
		held--
	}
	right, repeated := spare[:held], spare[held:]
	loop := d.label("loop")
	// The assembler of Go 1.26 never ends on a jump to the padding of a loop, so an instruction stands between.
	d.MOVQ(field(tileJobInner), counter)
	d.align()
	d.Label(loop)
	for v := range held {
		d.op("VMOVUPS", Mem{Base: rightB, Disp: v * d.bytes}, right[v])
	}
	for i := from; i < to; i++ {
		if pairs {
			for v := range t.vectors {
				d.dot(pixel(i, stepA, 0), right[v], sum(i, v))
			}
			continue
		}
		if d.masks != nil && (t.vectors == 1 || i%2 == 1) {
			for v := range t.vectors {
				d.op("VFMADD231PS_BCST", pixel(i, stepA, 0), right[v], sum(i, v))
			}
			continue
		}
		one := repeated[i%len(repeated)]
		d.op("VBROADCASTSS", pixel(i, stepA, 0), one)
		for v := range t.vectors {
			if v < held {
				d.op("VFMADD231PS", right[v], one, sum(i, v))
			} else {
				d.op("VFMADD231PS", Mem{Base: rightB, Disp: v * d.bytes}, one, sum(i, v))
			}
		}
	}
	for i := 0; pixelsPerBase*i < to; i++ {
		d.ADDQ(U8(4), bases[i])
	}
	d.ADDQ(strideB, rightB)
	d.DECQ(counter)
	d.JNZ(LabelRef(loop))
}

// The gradient at the weights. A tile is so many taps that read the same row, times so many input channels, times one vector
// of output channels, all in registers over the whole image. It walks over the pixels of the input: each broadcasts its
// channels, and multiplies them by what the gradient at the result has at the pixel that each tap belongs to.

// gradientTile is the taps and channels of a tile.
type gradientTile struct{ taps, channels int }

// gradientTiles are all tiles. The Go side has the same sizes.
var gradientTiles = map[*machine][]gradientTile{
	avx512: {{3, 8}, {3, 4}, {3, 2}, {3, 1}, {1, 16}, {1, 8}, {1, 4}, {1, 2}, {1, 1}},
	avx2:   {{3, 4}, {3, 2}, {3, 1}, {1, 8}, {1, 4}, {1, 2}, {1, 1}},
}

// Offsets in gradientJob, in the order of its fields.
const (
	gradientJobW = 8 * iota
	gradientJobX
	gradientJobD
	gradientJobTapW
	gradientJobTapD
	gradientJobStrideW
	gradientJobRowX
	gradientJobRowD
	gradientJobStepX
	gradientJobStepD
	gradientJobRows
	gradientJobCount
	gradientJobSize // channels + 256 taps
	gradientJobSegments
)

// Offsets in gradientSegment, and its size.
const (
	segmentX = 8 * iota
	segmentD
	segmentCount
	segmentTaps // the first tap + 4 times the number of taps
	segmentSize
)

// gradient writes the kernel of one tile.
func (d *denseEmitter) gradient() {
	for _, t := range gradientTiles[d.machine] {
		next := d.label("next")
		d.CMPQ(field(gradientJobSize), U32(t.channels+256*t.taps))
		d.JNE(LabelRef(next))
		d.gradientTile(t)
		d.end()
		d.Label(next)
	}
	d.end()
}

func (d *denseEmitter) gradientTile(t gradientTile) {
	var (
		x, dy          = reg.RSI, reg.R8
		rowX, rowD     = reg.R9, reg.R10
		stepX, stepD   = reg.R11, reg.R12
		tapD           = reg.R13
		segment        = reg.RAX
		segments, rows = reg.RBX, reg.R15
		which          = reg.RDX
	)
	sum := func(tap, c int) reg.Register { return d.vectors[tap*t.channels+c] }
	// weights calls f with the address of every weight.
	weights := func(f func(at Mem, tap, c int)) {
		tapW, strideW, stride3 := reg.R9, reg.R10, reg.R11
		d.MOVQ(field(gradientJobW), x)
		d.MOVQ(field(gradientJobTapW), tapW)
		d.MOVQ(field(gradientJobStrideW), strideW)
		d.LEAQ(Mem{Base: strideW, Index: strideW, Scale: 2}, stride3)
		for tap := range t.taps {
			d.MOVQ(x, dy)
			for c := range t.channels {
				at := Mem{Base: dy}
				switch c % 4 {
				case 1, 2:
					at.Index, at.Scale = strideW, uint8(c%4)
				case 3:
					at.Index, at.Scale = stride3, 1
				}
				f(at, tap, c)
				if c%4 == 3 {
					d.LEAQ(Mem{Base: dy, Index: strideW, Scale: 4}, dy)
				}
			}
			d.ADDQ(tapW, x)
		}
	}
	weights(func(at Mem, tap, c int) { d.op("VMOVUPS", at, sum(tap, c)) })
	d.MOVQ(field(gradientJobX), rowX)
	d.MOVQ(field(gradientJobD), rowD)
	d.MOVQ(field(gradientJobStepX), stepX)
	d.MOVQ(field(gradientJobStepD), stepD)
	d.MOVQ(field(gradientJobTapD), tapD)
	d.MOVQ(field(gradientJobRows), rows)
	row, across := d.label("row"), d.label("across")
	rowEnd := d.label("rowEnd")
	d.Label(row)
	d.LEAQ(field(gradientJobSegments), segment)
	d.MOVQ(field(gradientJobCount), segments)
	d.Label(across)
	d.MOVQ(Mem{Base: segment, Disp: segmentX}, x)
	d.ADDQ(rowX, x)
	d.MOVQ(Mem{Base: segment, Disp: segmentD}, dy)
	d.ADDQ(rowD, dy)
	d.MOVQ(Mem{Base: segment, Disp: segmentCount}, counter)
	d.MOVQ(Mem{Base: segment, Disp: segmentTaps}, which)

	spare := d.vectors[t.taps*t.channels:]
	gradients, repeated := spare[:t.taps], spare[t.taps:]
	walk := func(first, count int) {
		loop := d.label("loop")
		d.ADDQ(U8(segmentSize), segment) // before the padding of the loop: see inner
		d.align()
		d.Label(loop)
		for tap := first; tap < first+count; tap++ {
			at := Mem{Base: dy}
			if tap > 0 {
				at.Index, at.Scale = tapD, uint8(tap)
			}
			d.op("VMOVUPS", at, gradients[tap])
		}
		for c := range t.channels {
			at := Mem{Base: x, Disp: 4 * c}
			if d.masks != nil && count == 1 {
				d.op("VFMADD231PS_BCST", at, gradients[first], sum(first, c))
				continue
			}
			one := repeated[c%len(repeated)]
			d.op("VBROADCASTSS", at, one)
			for tap := first; tap < first+count; tap++ {
				d.op("VFMADD231PS", gradients[tap], one, sum(tap, c))
			}
		}
		d.ADDQ(stepX, x)
		d.ADDQ(stepD, dy)
		d.DECQ(counter)
		d.JNZ(LabelRef(loop))
		d.JMP(LabelRef(rowEnd))
	}
	for count := t.taps; count > 0; count-- {
		for first := 0; first+count <= t.taps; first++ {
			other := d.label("other")
			if count > 1 || first+count < t.taps {
				d.CMPQ(which, U8(first+4*count))
				d.JNE(LabelRef(other))
			}
			walk(first, count)
			d.Label(other)
		}
	}
	d.Label(rowEnd)
	d.DECQ(segments)
	d.JNZ(LabelRef(across))
	d.ADDQ(field(gradientJobRowX), rowX)
	d.ADDQ(field(gradientJobRowD), rowD)
	d.DECQ(rows)
	d.JNZ(LabelRef(row))
	weights(func(at Mem, tap, c int) { d.op("VMOVUPS", sum(tap, c), at) })
}
