package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The transforms of Winograd's convolution: straight-line specifications like those of elementwise kernels, whose operands
// lie in many places. A kernel runs one over rows of numbers.

// transforms are the kernels and their operands.
var transforms = []*kernel{
	transform("winogradInput", "v0 v1 v2 v3 v4 v5", "d0 d1 d2 d3 d4 d5"),
	transform("winogradOutput", "y0 y1 y2 y3", "m0 m1 m2 m3 m4 m5"),
	transform("winogradResult", "y0 y1 y2 y3", "m0 m1 m2 m3 m4 m5 bias"),
	transform("winogradWeights", "u0 u1 u2 u3 u4 u5", "g0 g1 g2"),
	transform("winogradGradient", "d0 d1 d2 d3 d4 d5", "y0 y1 y2 y3"),
	transform("winogradBack", "g0 g1 g2", "u0 u1 u2 u3 u4 u5"),
}

func transform(name, outputs, inputs string) *kernel {
	k := &kernel{name: name, spec: name, outputs: vectors(outputs), params: vectors(inputs), single: true}
	for _, p := range k.all() {
		p.narrow = true
	}
	return k
}

// Offsets in transformJob, in the order of its fields.
const (
	transformIn  = 0
	transformOut = 8 * (iota + 5)
	transformBias
	transformStepOut
	transformN
	transformRows
	transformNextIn
	transformNextOut
)

// transform writes the kernel of one and returns its Go declaration.
func (d *denseEmitter) transform(k *kernel, p *program) (stub string) {
	stub = d.begin(k.name, "transformJob")
	var (
		in          = []reg.GPPhysical{reg.RSI, reg.R8, reg.R9, reg.R10, reg.RDX, reg.RBX}
		out, out3   = reg.R11, reg.R12
		step        = reg.R13
		bias, index = reg.R14, reg.RAX
		left        = reg.RCX
		n           = reg.R15
		places      = map[*param]Mem{}
	)
	for i, q := range k.params {
		if i == len(in) {
			places[q] = Mem{Base: bias, Index: index, Scale: 1}
			d.MOVQ(field(transformBias), bias)
			continue
		}
		places[q] = Mem{Base: in[i], Index: index, Scale: 1}
		d.MOVQ(field(transformIn+8*i), in[i])
	}
	for i, q := range k.outputs {
		m := Mem{Base: []reg.Register{out, out3}[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = step, uint8(i%3)
		}
		places[q] = m
	}
	d.MOVQ(field(transformOut), out)
	d.MOVQ(field(transformStepOut), step)
	d.LEAQ(Mem{Base: out, Index: step, Scale: 2}, out3)
	d.ADDQ(step, out3)
	d.MOVQ(field(transformN), n)
	d.MOVQ(field(transformRows), left)
	row, loop := d.label("row"), d.label("loop")
	d.Label(row)
	d.XORQ(index, index)
	d.align()
	d.Label(loop)
	e := &emitter{Context: d.Context, machine: d.machine, k: k, p: p, constants: d.constants}
	e.places = places
	e.prepare()
	e.body(1)
	for _, r := range []reg.GPPhysical{index, out, out3} {
		d.ADDQ(U8(d.bytes), r)
	}
	d.CMPQ(index, n)
	d.JL(LabelRef(loop))
	for i := range min(len(k.params), len(in)) {
		d.ADDQ(field(transformNextIn), in[i])
	}
	d.ADDQ(field(transformNextOut), out)
	d.ADDQ(field(transformNextOut), out3)
	d.DECQ(left)
	d.JNZ(LabelRef(row))
	d.end()
	return stub
}
