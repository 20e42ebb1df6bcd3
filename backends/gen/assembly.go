package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// machine is an instruction set: its vectors, and its registers for masks if it has them.
type machine struct {
	name    string
	bytes   int
	vectors []reg.Register
	masks   []reg.Register // nil: a mask is a vector of all ones and zeros
}

var avx2 = &machine{name: "AVX2", bytes: 32, vectors: []reg.Register{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}

var avx512 = &machine{name: "AVX512", bytes: 64, vectors: []reg.Register{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31},
	masks: []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4, reg.K5, reg.K6, reg.K7}}

var pointers = []reg.GPPhysical{reg.RDI, reg.RSI, reg.RDX, reg.RCX, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.RBX}

// outOfRegisters is the panic of a program that does not fit with the wanted number of interleaved copies.
type outOfRegisters struct{}

// emitter writes one kernel for one machine.
type emitter struct {
	*build.Context
	*machine
	k         *kernel
	p         *program
	dry       bool // count registers, write nothing
	constants map[string]Mem
	fused     map[*value]bool // written as part of their only user
	last      map[*value]int  // index of the last operation that reads a value
	free      [2][]reg.Register
	home      map[*value][]reg.Register // one for each interleaved copy
	pinned    map[*value]bool
	temporary []reg.Register
	at        int
	address   map[*param]reg.GPPhysical
	places    map[*param]Mem // of operands that do not lie at an address plus the index
	index     reg.GPPhysical
}

// op calls avo's constructor of that name.
func (e *emitter) op(name string, operands ...Op) {
	if e.dry {
		return
	}
	m := reflect.ValueOf(e.Context).MethodByName(name)
	if !m.IsValid() {
		panic(failure{fmt.Errorf("avo has no instruction %s", name)})
	}
	var in []reflect.Value
	for _, o := range operands {
		in = append(in, reflect.ValueOf(o))
	}
	m.Call(in)
}

// real follows values that cost no instruction to the one that holds the bits.
func (e *emitter) real(v *value) *value {
	for v.op == "reinterpret" || v.op == "sign" && e.masks == nil {
		v = v.args[0]
	}
	return v
}

func (e *emitter) take(pool int) reg.Register {
	if len(e.free[pool]) == 0 {
		panic(outOfRegisters{})
	}
	n := len(e.free[pool]) - 1
	r := e.free[pool][n]
	e.free[pool] = e.free[pool][:n]
	return r
}

func (e *emitter) pool(v *value) int {
	if v.kind == mask && e.masks != nil {
		return 1
	}
	return 0
}

// dies says whether the operation being written is the last reader of v.
func (e *emitter) dies(v *value, copy int) bool {
	v = e.real(v)
	return e.last[v] == e.at && !e.stays(v, copy) && !inMemory(v)
}

// stays says whether a register outlives the iteration: that of a number, and of the first copy's particle numbers.
func (e *emitter) stays(v *value, copy int) bool {
	return e.pinned[v] && (v.param.class != "particle" || copy == 0)
}

func inMemory(v *value) bool { return v.op == "constant" || v.op == "key" }

// memory is a constant or a round key as an operand; broadcast says that AVX-512 must be told to repeat it.
func (e *emitter) memory(v *value) (m Mem) {
	size := 8
	if v.narrow {
		size = 4
	}
	if v.op == "key" {
		return Mem{Base: e.address[v.param], Disp: int(v.number) * size}
	}
	repeat := 1
	if e.masks == nil {
		repeat = e.bytes / size
	}
	name := fmt.Sprintf("%s%d_%x", strings.ToLower(e.name), size*8, v.number)
	return e.data(name, size, repeat, func(int) uint64 { return v.number })
}

func (e *emitter) data(name string, size, repeat int, number func(int) uint64) Mem {
	if m, ok := e.constants[name]; ok {
		return m
	}
	if e.dry {
		return Mem{}
	}
	m := e.StaticGlobal(name)
	e.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range repeat {
		if size == 4 {
			e.AddDatum(4*i, U32(number(i)))
		} else {
			e.AddDatum(8*i, U64(number(i)))
		}
	}
	e.constants[name] = m
	return m
}

// load brings a constant into a register.
func (e *emitter) load(v *value, to reg.Register) {
	suffix := "SD"
	if v.narrow {
		suffix = "SS"
	}
	if e.masks == nil && v.op == "constant" {
		e.op("VMOVUPD", e.memory(v), to)
		return
	}
	e.op("VBROADCAST"+suffix, e.memory(v), to)
}

// register is the operand in a register, a constant in a temporary one.
func (e *emitter) register(v *value, copy int) reg.Register {
	v = e.real(v)
	if !inMemory(v) {
		return e.home[v][copy]
	}
	t := e.take(0)
	e.load(v, t)
	e.temporary = append(e.temporary, t)
	return t
}

// operand is a register or, for constants, memory; suffix is what the instruction's name then needs.
func (e *emitter) operand(v *value, copy int) (o Op, suffix string) {
	v = e.real(v)
	switch {
	case !inMemory(v):
		return e.home[v][copy], ""
	case e.masks != nil:
		return e.memory(v), "_BCST"
	case v.op == "key": // AVX2 has no repeating operand
		return e.register(v, copy), ""
	}
	return e.memory(v), ""
}

func (e *emitter) releaseTemporaries() {
	e.free[0] = append(e.free[0], e.temporary...)
	e.temporary = nil
}

// release frees the registers of operands that nobody reads again.
func (e *emitter) release(v *value, copy int, except reg.Register) {
	done := map[reg.Register]bool{}
	for _, a := range e.reads(v) {
		a = e.real(a)
		if e.dies(a, copy) && !done[e.home[a][copy]] && e.home[a][copy] != except {
			done[e.home[a][copy]] = true
			e.free[e.pool(a)] = append(e.free[e.pool(a)], e.home[a][copy])
		}
	}
}

// reads lists the operands of v, those of operations fused into it included.
func (e *emitter) reads(v *value) []*value {
	var list []*value
	for _, a := range v.args {
		if e.fused[a] {
			list = append(list, a.args...)
		} else {
			list = append(list, a)
		}
	}
	return list
}

// fuse finds pairs of exclusive ors that AVX-512 does in one instruction.
func (e *emitter) fuse() {
	e.fused = map[*value]bool{}
	if e.masks == nil {
		return
	}
	uses := map[*value]int{}
	for _, v := range e.p.values {
		for _, a := range v.args {
			uses[a]++
		}
	}
	for _, o := range e.p.outputs {
		uses[o]++
	}
	for _, v := range e.p.values {
		if v.op == "xor" && v.kind == bits && !e.fused[v] && v.args[0].op == "xor" && uses[v.args[0]] == 1 && !e.fused[v.args[0].args[0]] && !e.fused[v.args[0].args[1]] {
			e.fused[v.args[0]] = true
		}
	}
}

func (e *emitter) liveness() {
	e.last = map[*value]int{}
	for i, v := range e.p.values {
		if e.fused[v] {
			continue
		}
		for _, a := range e.reads(v) {
			e.last[e.real(a)] = i
		}
	}
	for _, o := range e.p.outputs {
		e.last[e.real(o)] = len(e.p.values)
	}
}

// body writes the operations of so many interleaved copies, each on the next vector of particles.
func (e *emitter) body(copies int) {
	e.home = map[*value][]reg.Register{}
	pinnedHomes := e.pin()
	for v, r := range pinnedHomes {
		e.home[v] = make([]reg.Register, copies)
		for c := range copies {
			e.home[v][c] = r
		}
	}
	for i, v := range e.p.values {
		if e.fused[v] || inMemory(v) || e.real(v) != v || e.pinned[v] && v.param.class != "particle" {
			continue
		}
		e.at = i
		if e.home[v] == nil {
			e.home[v] = make([]reg.Register, copies)
		}
		for c := range copies {
			e.value(v, c)
			e.releaseTemporaries()
		}
	}
	e.at = len(e.p.values)
	for n, o := range e.k.outputs {
		for c := range copies {
			e.store(o, e.p.outputs[n], c)
		}
	}
	for _, o := range e.p.outputs { // all registers are free again for the next loop
		for c := range copies {
			v := e.real(o)
			if r := e.home[v]; r != nil && r[c] != nil && !e.stays(v, c) {
				e.free[0] = append(e.free[0], r[c])
				r[c] = nil
			}
		}
	}
}

func (e *emitter) place(p *param, copy int) Mem {
	if m, ok := e.places[p]; ok {
		return m
	}
	return Mem{Base: e.address[p], Index: e.index, Scale: uint8(e.k.lane()), Disp: copy * e.bytes}
}

func (e *emitter) store(o *param, v *value, copy int) {
	r := e.register(v, copy)
	if !o.narrow || e.k.single {
		e.op("VMOVUPD", r, e.place(o, copy))
		e.releaseTemporaries()
		return
	}
	// The lane of 64 bits holds two numbers of one particle; this output takes the low or the high one.
	t := e.take(0)
	if o.high {
		e.op("VPSRLQ", U8(32), r, t)
		r = t
	}
	to := Mem{Base: e.address[o], Index: e.index, Scale: 4, Disp: copy * e.bytes / 2}
	if e.masks != nil {
		e.op("VPMOVQD", r, to)
	} else {
		e.op("VPSHUFD", U8(0x88), r, t)
		e.op("VPERMQ", U8(0x08), t, t)
		e.op("VMOVDQU", t.(reg.VecPhysical).AsX(), to)
	}
	e.free[0] = append(e.free[0], t)
}

func (e *emitter) suffix(v *value, integer bool) string {
	switch {
	case integer && v.narrow:
		return "D"
	case integer:
		return "Q"
	case v.narrow:
		return "PS"
	}
	return "PD"
}

// value writes one operation of one copy.
func (e *emitter) value(v *value, c int) {
	give := func(r reg.Register) { e.home[v][c] = r }
	// result takes a register for the result, which may be that of a dying operand: it is read before it is written.
	result := func() reg.Register {
		e.release(v, c, nil)
		r := e.take(e.pool(v))
		give(r)
		return r
	}
	two := func(name string) {
		a, b := v.args[0], v.args[1]
		if inMemory(e.real(a)) && (v.op == "add" || v.op == "mul" || v.op == "and" || v.op == "or" || v.op == "xor" || v.op == "mulLow32") {
			a, b = b, a
		}
		x := e.register(a, c)
		y, s := e.operand(b, c)
		e.op(name+s, y, x, result())
	}
	logical := func(name string) {
		if e.masks != nil {
			name += e.suffix(v, true)
		}
		two(name)
	}
	switch v.op {
	case "input":
		switch v.param.class {
		case "vector":
			e.op("VMOVUPD", e.place(v.param, c), result())
		case "particle":
			if c > 0 {
				r := e.take(0)
				step := e.constantInput(uint64(c * e.bytes / 8))
				y, s := e.operand(step, c)
				e.op("VPADDQ"+s, y, e.home[v][0], r)
				e.home[v][c] = r
			}
		}
	case "add", "sub", "mul", "div":
		if v.kind == bits {
			two("VP" + strings.ToUpper(v.op) + e.suffix(v, true))
		} else {
			two("V" + strings.ToUpper(v.op) + e.suffix(v, false))
		}
	case "mulLow32":
		two("VPMULUDQ")
	case "and", "or", "xor":
		if v.kind == mask {
			e.maskLogic(v, c, result)
		} else if e.fused[v.args[0]] {
			e.xor3(v, c)
		} else {
			logical("VP" + strings.ToUpper(v.op))
		}
	case "andnot": // x &^ y; the instruction negates its first operand
		y := e.register(v.args[1], c)
		x, s := e.operand(v.args[0], c)
		name := "VPANDN"
		if e.masks != nil {
			name += e.suffix(v, true)
		}
		e.op(name+s, x, y, result())
	case "neg", "abs":
		name, number := "VPXOR", uint64(1)<<63
		if v.op == "abs" {
			name, number = "VPAND", 1<<63-1
		}
		if v.narrow {
			number >>= 32
		}
		x := e.register(v.args[0], c)
		m := &value{op: "constant", kind: bits, narrow: v.narrow, number: number}
		y, s := e.operand(m, c)
		if e.masks != nil {
			name += e.suffix(v, true)
		}
		e.op(name+s, y, x, result())
	case "shl", "shr":
		x := e.register(v.args[0], c)
		e.op(map[string]string{"shl": "VPSLL", "shr": "VPSRL"}[v.op]+e.suffix(v, true), U8(v.number), x, result())
	case "sqrt":
		x := e.register(v.args[0], c)
		e.op("VSQRT"+e.suffix(v, false), x, result())
	case "round":
		x := e.register(v.args[0], c)
		name := "VROUND"
		if e.masks != nil {
			name = "VRNDSCALE"
		}
		e.op(name+e.suffix(v, false), U8(v.number), x, result())
	case "convert":
		x := e.register(v.args[0], c)
		e.op("VCVTDQ2PS", x, result())
	case "fma":
		e.fma(v, c)
	case "compare":
		x := e.register(v.args[0], c)
		y, s := e.operand(v.args[1], c)
		e.op("VCMP"+e.suffix(v, false)+s, U8(v.number), y, x, result())
	case "sign":
		x := e.register(v.args[0], c)
		e.op("VPMOV"+e.suffix(v, true)+"2M", x, result())
	case "not":
		x := e.register(v.args[0], c)
		if e.masks != nil {
			e.op("KNOTW", x, result())
		} else {
			ones := &value{op: "constant", kind: bits, number: 1<<64 - 1}
			y, _ := e.operand(ones, c)
			e.op("VXORPD", y, x, result())
		}
	case "select":
		m := e.register(v.args[0], c)
		no := e.register(v.args[2], c)
		yes, s := e.operand(v.args[1], c)
		if e.masks != nil {
			e.op("VBLENDM"+e.suffix(v, false)+s, yes, no, m, result())
		} else {
			e.op("VBLENDV"+e.suffix(v, false), m, yes, no, result())
		}
	default:
		panic(failure{fmt.Errorf("no instruction for %s", v.op)})
	}
}

func (e *emitter) constantInput(number uint64) *value {
	return &value{op: "constant", kind: bits, number: number}
}

func (e *emitter) maskLogic(v *value, c int, result func() reg.Register) {
	x, y := e.register(v.args[0], c), e.register(v.args[1], c)
	if e.masks != nil {
		e.op(map[string]string{"and": "KANDW", "or": "KORW"}[v.op], y, x, result())
	} else {
		e.op(map[string]string{"and": "VANDPD", "or": "VORPD"}[v.op], y, x, result())
	}
}

// xor3 is the exclusive or of three, which overwrites its first operand.
func (e *emitter) xor3(v *value, c int) {
	list := []*value{v.args[0].args[0], v.args[0].args[1], v.args[1]}
	for i, a := range list { // an operand that dies goes first
		if e.dies(a, c) {
			list[0], list[i] = list[i], list[0]
			break
		}
	}
	if inMemory(e.real(list[1])) { // memory goes last
		list[1], list[2] = list[2], list[1]
	}
	var to reg.Register
	if e.dies(list[0], c) {
		to = e.register(list[0], c)
	} else {
		to = e.take(0)
		e.op("VMOVDQU64", e.register(list[0], c), to)
	}
	y := e.register(list[1], c)
	z, s := e.operand(list[2], c)
	e.op("VPTERNLOG"+e.suffix(v, true)+s, U8(0x96), z, y, to)
	e.release(v, c, to)
	e.home[v][c] = to
}

// fma writes a*b+c; bit 0 of number negates the product, bit 1 the addend.
func (e *emitter) fma(v *value, c int) {
	name := []string{"VFMADD", "VFNMADD", "VFMSUB", "VFNMSUB"}[v.number]
	suffix := e.suffix(v, false)
	a, b, addend := v.args[0], v.args[1], v.args[2]
	if inMemory(e.real(a)) || !e.dies(a, c) && e.dies(b, c) {
		a, b = b, a
	}
	var to reg.Register
	switch {
	case e.dies(addend, c):
		to = e.register(addend, c)
		x := e.register(a, c)
		y, s := e.operand(b, c)
		e.op(name+"231"+suffix+s, y, x, to)
	case e.dies(a, c):
		to = e.register(a, c)
		if inMemory(e.real(b)) && !inMemory(e.real(addend)) {
			y, s := e.operand(b, c)
			e.op(name+"132"+suffix+s, y, e.register(addend, c), to)
		} else {
			y := e.register(b, c)
			z, s := e.operand(addend, c)
			e.op(name+"213"+suffix+s, z, y, to)
		}
	default:
		to = e.take(0)
		if inMemory(e.real(addend)) {
			e.load(e.real(addend), to)
		} else {
			e.op("VMOVAPD", e.register(addend, c), to)
		}
		x := e.register(a, c)
		y, s := e.operand(b, c)
		e.op(name+"231"+suffix+s, y, x, to)
	}
	e.release(v, c, to)
	e.home[v][c] = to
}

// pin reserves registers for what is the same in every iteration.
func (e *emitter) pin() map[*value]reg.Register {
	homes := map[*value]reg.Register{}
	n := 0
	for _, v := range e.p.values {
		if v.op == "input" && v.param.class != "vector" {
			homes[v] = e.vectors[n]
			n++
		}
	}
	return homes
}

// prepare finds out what lives how long, and frees the registers that are not pinned.
func (e *emitter) prepare() (homes map[*value]reg.Register) {
	e.fuse()
	e.liveness()
	e.pinned = map[*value]bool{}
	homes = e.pin()
	for v := range homes {
		e.pinned[v] = true
	}
	e.free = [2][]reg.Register{}
	for i := len(e.vectors) - 1; i >= len(homes); i-- {
		e.free[0] = append(e.free[0], e.vectors[i])
	}
	for i := len(e.masks) - 1; i >= 0; i-- {
		e.free[1] = append(e.free[1], e.masks[i])
	}
	return homes
}

// write emits the whole function; copies vectors in an iteration of its main loop.
func (e *emitter) write(copies int) {
	p := e.p
	homes := e.prepare()
	e.address = map[*param]reg.GPPhysical{}
	next := 0
	for _, q := range e.k.all() {
		if q.class == "vector" || q.class == "key" {
			e.address[q] = pointers[next]
			next++
		}
	}
	e.index = reg.RAX
	count := reg.R15
	if !e.dry {
		e.Function(e.k.name + e.name + "Vectors")
		e.Attributes(attr.NOSPLIT)
		e.Pragma("noescape")
		e.SignatureExpr(e.k.signature())
		for _, q := range e.k.all() {
			if r, ok := e.address[q]; ok {
				e.Load(e.Param(q.name), r)
			}
		}
		e.Load(e.Param("n"), count)
		for _, v := range p.values {
			r, ok := homes[v]
			if !ok {
				continue
			}
			at, err := e.Param(v.param.name).Resolve()
			if err != nil {
				panic(failure{err})
			}
			if v.param.class == "particle" {
				e.op("VPBROADCASTQ", at.Addr, r)
				iota := e.data(strings.ToLower(e.name)+"_iota", 8, e.bytes/8, func(i int) uint64 { return uint64(i) })
				e.op("VPADDQ", iota, r, r)
			} else if e.k.single {
				e.op("VBROADCASTSS", at.Addr, r)
			} else {
				e.op("VBROADCASTSD", at.Addr, r)
			}
		}
		e.XORQ(e.index, e.index)
	}
	lanes := e.bytes / e.k.lane()
	loop := func(label, next string, copies int) {
		if !e.dry {
			e.Label(label)
			e.CMPQ(count, U32(copies*lanes))
			e.JL(LabelRef(next))
		}
		e.body(copies)
		if e.dry {
			return
		}
		for _, v := range p.values {
			if v.op == "input" && v.param.class == "particle" {
				step := e.constantInput(uint64(copies * lanes))
				y, s := e.operand(step, 0)
				e.op("VPADDQ"+s, y, homes[v], homes[v])
			}
		}
		e.ADDQ(U32(copies*lanes), e.index)
		e.SUBQ(U32(copies*lanes), count)
		e.JMP(LabelRef(label))
	}
	if copies > 1 {
		loop("many", "one", copies)
	}
	loop("one", "done", 1)
	if !e.dry {
		e.Label("done")
		e.VZEROUPPER()
		e.RET()
	}
}

// fits says whether so many copies find registers.
func (e *emitter) fits(copies int) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, is := r.(outOfRegisters); !is {
				panic(r)
			}
			ok = false
		}
	}()
	trial := *e
	trial.dry = true
	trial.write(copies)
	return true
}
