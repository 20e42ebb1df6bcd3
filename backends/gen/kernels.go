package main

import (
	"fmt"
	"slices"
	"strings"
)

// param is an operand of a kernel.
type param struct {
	name string
	// class is "vector" (a number a lane), "scalar" (one float64), "word" (one uint64), "particle" (the number of
	// the first lane's particle; the others follow) or "key" (round keys).
	class  string
	narrow bool // float32, of a vector or a number
	high   bool // of the two float32 numbers in a lane, the high one
}

// kernel is a specification in one form: which operands are vectors and which are numbers.
type kernel struct {
	name    string // addVV
	spec    string // add
	outputs []*param
	params  []*param
	copies  int  // interleaved vectors in an iteration, at most
	single  bool // a lane is 32 bits and holds a float32; else it is 64 bits
	build   func(t *translator, inputs []*value) []*value
}

func vectors(names string) []*param { return params(names, "vector") }

func params(names, class string) []*param {
	var list []*param
	for _, n := range strings.Fields(names) {
		list = append(list, &param{name: n, class: class})
	}
	return list
}

// family is a field of the table: one function, or several forms of it.
type family struct {
	field  string // Add
	typ    string // Binary; empty for a plain function
	forms  []*kernel
	suffix []string // VV, VS, SV
}

func unary(field string) *family {
	spec := lower(field)
	return &family{field: field, typ: "Unary", suffix: []string{""}, forms: []*kernel{
		{name: spec, spec: spec, outputs: vectors("dst"), params: vectors("a")}}}
}

func forms(field, typ, operands string, suffixes ...string) *family {
	f := &family{field: field, typ: typ, suffix: suffixes}
	spec := lower(field)
	for _, s := range suffixes {
		k := &kernel{name: spec + s, spec: spec, outputs: vectors("dst")}
		for i, n := range strings.Fields(operands) {
			class := "vector"
			if s[i] == 'S' {
				class = "scalar"
			}
			k.params = append(k.params, &param{name: n, class: class})
		}
		f.forms = append(f.forms, k)
	}
	return f
}

func binary(field string) *family { return forms(field, "Binary", "a b", "VV", "VS", "SV") }

func ternary(field string) *family {
	return forms(field, "Ternary", "a b c", "VVV", "VVS", "VSV", "VSS")
}

// random is a kernel that draws numbers: its outputs, its vector and scalar operands, and what addresses the numbers.
func random(field, outputs, inputs, scalars string, copies int) *family {
	spec := lower(field)
	k := &kernel{name: spec, spec: spec, copies: copies, outputs: vectors(outputs), params: append(vectors(inputs), params(scalars, "scalar")...)}
	k.params = append(k.params, &param{name: "key", class: "key"}, &param{name: "particle", class: "particle"},
		&param{name: "step", class: "word"}, &param{name: "slot", class: "word"})
	return &family{field: field, suffix: []string{""}, forms: []*kernel{k}}
}

// narrowPair makes the float32 version of a random kernel: four numbers a particle, two in each lane of 64 bits, so that
// the specification of two runs once on all sixteen halves of a vector.
func narrowPair(f *family, spec string) *family {
	k := f.forms[0]
	for i, o := range k.outputs {
		o.narrow, o.high = true, i >= 2
	}
	k.build = func(t *translator, in []*value) []*value {
		words := t.call(t.functions["words"], "words", in)
		pack := func(lo, hi *value) *value {
			low := t.add(value{op: "and", kind: bits, args: []*value{lo, t.constant(bits, false, 1<<32-1)}})
			high := t.add(value{op: "shl", kind: bits, args: []*value{hi}, number: 32})
			both := t.add(value{op: "or", kind: bits, args: []*value{low, high}})
			return t.add(value{op: "reinterpret", kind: bits, narrow: true, args: []*value{both}})
		}
		r := t.call(t.functions[spec], spec, []*value{pack(words[0], words[2]), pack(words[1], words[3])})
		return []*value{r[0], r[1], r[0], r[1]}
	}
	return f
}

// single makes a family of float32: the specification's name ends in 32, and so does that of the type.
func single(f *family) *family {
	f.typ += "32"
	for _, k := range f.forms {
		k.spec += "32"
		k.name = strings.Replace(k.name, strings.TrimSuffix(k.spec, "32"), k.spec, 1)
		k.single = true
		for _, p := range k.all() {
			p.narrow = true
		}
	}
	return f
}

// adam is the step of an optimiser, on parameters and their two moments in place.
func adam() *family {
	k := &kernel{name: "adam", spec: "adam", outputs: vectors("p m v")}
	k.params = append(k.params, k.outputs...)
	k.params = append(append(k.params, vectors("gradient")...), params("first second size correction epsilon decay", "scalar")...)
	f := single(&family{field: "Adam", suffix: []string{""}, forms: []*kernel{k}})
	f.typ = ""
	return f
}

// network is a kernel of networks, in one form.
func network(field, spec, operands string) *family {
	k := &kernel{name: spec, spec: spec, outputs: vectors("dst"), params: vectors(operands)}
	f := single(&family{field: field, suffix: []string{""}, forms: []*kernel{k}})
	f.typ = ""
	return f
}

// families32 are the fields of Table32.
var families32 = []*family{
	single(unary("Neg")), single(unary("Abs")), single(unary("Sqrt")),
	single(binary("Add")), single(binary("Sub")), single(binary("Mul")), single(binary("Div")), single(binary("Min")), single(binary("Max")),
	single(binary("Less")), single(binary("LessEqual")), single(binary("Equal")),
	single(ternary("FMA")), single(ternary("Where")),
	single(unary("Exp")), single(unary("Expm1")), single(unary("Log")), single(unary("Sin")), single(unary("Cos")),
	single(unary("Tanh")), single(unary("Sigmoid")), single(unary("Softplus")), single(unary("Erf")),
	network("ELU", "elu", "x"), network("ELUGradient", "eluGradient", "y d"),
	network("SiLU", "silu", "x"), network("SiLUGradient", "siluGradient", "s y d"),
	adam(),
}

// handwritten are the fields of Table32 whose kernels are written by hand, in Go and in dense.go, rows.go, convolve.go and pixels.go of this generator.
var handwritten = []string{"Dense", "DenseAdd", "DenseGated", "DenseThin", "Transpose", "ColumnSums", "Convolve", "ConvolveGradient", "ConvolveBF16",
	"ConvolveWinograd", "ConvolveWinogradGradient", "TransformWinograd", "TransformWinogradGradient", "CopyPixels", "AveragePool", "Narrow", "Widen"}

var families = []*family{
	unary("Neg"), unary("Abs"), unary("Sqrt"), unary("Floor"), unary("Sign"),
	binary("Add"), binary("Sub"), binary("Mul"), binary("Div"), binary("DivOrZero"), binary("Min"), binary("Max"),
	binary("Less"), binary("LessEqual"), binary("Equal"),
	ternary("FMA"), ternary("Where"),
	unary("Exp"), unary("Expm1"), unary("Log"), unary("Log1p"), binary("Pow"),
	unary("Sin"), unary("Cos"), unary("Tanh"), unary("Sigmoid"), unary("Softplus"),
	unary("Erf"), unary("Erfc"), unary("Lgamma"), unary("Digamma"), unary("Trigamma"),
	random("Uniform", "u0 u1", "", "", 4),
	random("Normal", "z0 z1", "", "", 4),
	random("Propose", "y0 y1", "x0 x1 s0 s1 size", "noise", 4),
	random("ProposeLast", "y", "x s size", "noise", 4),
	random("Accept", "accepted probability", "ratio", "", 2),
	narrowPair(random("Uniform32", "u0 u1 u2 u3", "", "", 4), "uniformPair32"),
	narrowPair(random("Normal32", "z0 z1 z2 z3", "", "", 4), "normalPair32"),
}

// lower is the name of the specification of a field: Add is add, DivOrZero divOrZero, FMA fma, Where pick.
func lower(field string) string {
	switch field {
	case "FMA":
		return "fma"
	case "Where":
		return "pick"
	}
	return strings.ToLower(field[:1]) + field[1:]
}

// all lists the operands in the order of the Go signature: outputs, then inputs that are no outputs.
func (k *kernel) all() []*param {
	list := slices.Clone(k.outputs)
	for _, p := range k.params {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// lane is the size of a lane in bytes.
func (k *kernel) lane() int {
	if k.single {
		return 4
	}
	return 8
}

// signature is that of the assembly function.
func (k *kernel) signature() string {
	var list []string
	for _, p := range k.all() {
		list = append(list, p.name+" "+map[string]string{"vector": "*" + p.element(), "scalar": p.element(), "word": "uint64", "particle": "uint64", "key": "*[20]uint64"}[p.class])
	}
	return fmt.Sprintf("func(%s, n int)", strings.Join(list, ", "))
}

func (p *param) element() string {
	if p.narrow {
		return "float32"
	}
	return "float64"
}

// goParams is the parameter list of the Go function.
func (k *kernel) goParams() string {
	var list []string
	for _, p := range k.all() {
		list = append(list, p.name+" "+map[string]string{"vector": "[]" + p.element(), "scalar": p.element(), "word": "uint64", "particle": "uint64", "key": "*Key"}[p.class])
	}
	return strings.Join(list, ", ")
}

// program translates the specification.
func (k *kernel) program(s *source) (p *program, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("%s: %w", k.name, f.error)
		}
	}()
	t := &translator{source: s, program: newProgram()}
	var inputs []*value
	for _, q := range k.params {
		kind := bits
		if q.class == "vector" || q.class == "scalar" {
			kind = float
		}
		// An input is loaded where it is first read, which keeps registers free until then.
		inputs = append(inputs, &value{op: "input", kind: kind, narrow: q.narrow, param: q})
	}
	if k.build != nil {
		t.outputs = k.build(t, inputs)
	} else {
		f, ok := s.functions[k.spec]
		if !ok {
			return nil, fmt.Errorf("no specification %s", k.spec)
		}
		t.outputs = t.call(f, k.spec, inputs)
	}
	if len(t.outputs) != len(k.outputs) {
		return nil, fmt.Errorf("%s: %d results for %d outputs", k.name, len(t.outputs), len(k.outputs))
	}
	t.program.finish()
	return t.program, nil
}
