package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Kernels that go from pixel to pixel of an image, through the channels of each by 64 bytes.

// Offsets in pixelsJob, in the order of its fields.
const (
	pixelsDst = 8 * iota
	pixelsSrc
	pixelsStrideDst
	pixelsStrideSrc
	pixelsStepSrc
	pixelsLine
	pixelsCount
	pixelsBytes
)

var (
	pixelDst     = reg.RSI
	pixelSrc     = reg.R8
	strideDst    = reg.R9
	stepSrc      = reg.R10
	pixelsLeft   = reg.RDX
	channelBytes = reg.RAX
	channel      = reg.RCX
)

// pixelLoop runs body for every vector of the channels of all pixels.
func (d *denseEmitter) pixelLoop(body func(dst, src Mem)) {
	for _, r := range []struct {
		offset int
		to     reg.Register
	}{
		{pixelsDst, pixelDst}, {pixelsSrc, pixelSrc}, {pixelsStrideDst, strideDst}, {pixelsStepSrc, stepSrc}, {pixelsCount, pixelsLeft}, {pixelsBytes, channelBytes},
	} {
		d.MOVQ(field(r.offset), r.to)
	}
	loop, channels, end := d.label("pixels"), d.label("channels"), d.label("end")
	d.Label(loop)
	d.SUBQ(U32(1), pixelsLeft)
	d.JL(LabelRef(end))
	d.XORQ(channel, channel)
	d.Label(channels)
	for i := range 64 / d.bytes {
		body(Mem{Base: pixelDst, Index: channel, Scale: 1, Disp: i * d.bytes}, Mem{Base: pixelSrc, Index: channel, Scale: 1, Disp: i * d.bytes})
	}
	d.ADDQ(U32(64), channel)
	d.CMPQ(channel, channelBytes)
	d.JL(LabelRef(channels))
	d.ADDQ(strideDst, pixelDst)
	d.ADDQ(stepSrc, pixelSrc)
	d.JMP(LabelRef(loop))
	d.Label(end)
	d.end()
}

// copyPixels writes pixels as they are.
func (d *denseEmitter) copyPixels() {
	d.pixelLoop(func(dst, src Mem) {
		d.op("VMOVUPS", src, d.vectors[0])
		d.op("VMOVUPS", d.vectors[0], dst)
	})
}

// averagePool writes 0.25*((a + b) + (c + d)) of a pixel a, b below it, and their neighbours c and d.
func (d *denseEmitter) averagePool() {
	neighbour, below, both := reg.R11, reg.R12, reg.R13
	d.MOVQ(field(pixelsStrideSrc), neighbour)
	d.MOVQ(field(pixelsLine), below)
	d.MOVQ(neighbour, both)
	d.ADDQ(below, both)
	quarter, left, right := d.vectors[0], d.vectors[1], d.vectors[2]
	d.load(&value{op: "constant", narrow: true, number: 0x3e800000}, quarter)
	offset := reg.RBX
	d.pixelLoop(func(dst, src Mem) {
		d.LEAQ(src, offset)
		beside := func(r reg.Register) Mem { return Mem{Base: offset, Index: r, Scale: 1} }
		d.op("VMOVUPS", src, left)
		d.op("VADDPS", beside(below), left, left)
		d.op("VMOVUPS", beside(neighbour), right)
		d.op("VADDPS", beside(both), right, right)
		d.op("VADDPS", right, left, left)
		d.op("VMULPS", quarter, left, left)
		d.op("VMOVUPS", left, dst)
	})
}
