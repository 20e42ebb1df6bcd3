package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peakFMAs is the number of independent multiply-adds in an iteration of the peak loop: more than the latency of the units
// times their number.
const peakFMAs = 14

// peak writes a loop that does nothing but multiply-adds on registers, the measure of what a core can do.
func peak(ctx *build.Context, m *machine) (stub string) {
	ctx.Function("peak" + m.name + "Loop")
	ctx.Attributes(attr.NOSPLIT)
	ctx.SignatureExpr("func(n int)")
	n := reg.RAX
	ctx.Load(ctx.Param("n"), n)
	e := &emitter{Context: ctx, machine: m}
	for i := range peakFMAs + 1 {
		v := m.vectors[i]
		e.op("VXORPD", v, v, v)
	}
	ctx.Label("loop")
	for i := range peakFMAs {
		e.op("VFMADD231PD", m.vectors[peakFMAs], m.vectors[peakFMAs], m.vectors[i])
	}
	ctx.SUBQ(U8(1), n)
	ctx.JNZ(LabelRef("loop"))
	ctx.VZEROUPPER()
	ctx.RET()
	return fmt.Sprintf("\nfunc peak%sLoop(n int)\n", m.name)
}
