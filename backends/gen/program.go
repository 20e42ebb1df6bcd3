package main

import (
	"fmt"
	"math"
)

// kind is the type of a value: what fills a lane.
type kind int

const (
	float kind = iota // float64, or float32 where the value is narrow
	bits              // uint64, or uint32 where the value is narrow
	mask              // the outcome of a comparison
)

// value is one operation of a straight-line vector program.
type value struct {
	op     string // see translate.go and assembly.go
	kind   kind
	narrow bool // lanes of 32 bits
	args   []*value
	number uint64 // bit pattern of a constant, shift count, predicate, index of a round key
	param  *param // of an input
}

// program is a specification as a list of operations, each after its arguments.
type program struct {
	values  []*value
	outputs []*value
	known   map[string]*value
}

func newProgram() *program { return &program{known: map[string]*value{}} }

// add appends an operation, or returns an equal earlier one.
func (p *program) add(v value) *value {
	if folded, ok := fold(v); ok {
		v = folded
	}
	key := fmt.Sprintf("%s/%d/%v/%x/%p", v.op, v.kind, v.narrow, v.number, v.param)
	for _, a := range v.args {
		key += fmt.Sprintf("/%p", a)
	}
	if old, ok := p.known[key]; ok {
		return old
	}
	n := &v
	p.known[key] = n
	p.values = append(p.values, n)
	return n
}

func (p *program) constant(k kind, narrow bool, number uint64) *value {
	return p.add(value{op: "constant", kind: k, narrow: narrow, number: number})
}

// fold evaluates operations on constants that specifications write for clarity.
func fold(v value) (value, bool) {
	for _, a := range v.args {
		if a.op != "constant" {
			return v, false
		}
	}
	constant := func(number uint64) (value, bool) {
		return value{op: "constant", kind: v.kind, narrow: v.narrow, number: number}, true
	}
	switch {
	case v.op == "reinterpret":
		return constant(v.args[0].number)
	case v.op == "neg" && v.narrow:
		return constant(v.args[0].number ^ 1<<31)
	case v.op == "neg":
		return constant(v.args[0].number ^ 1<<63)
	case len(v.args) != 2 || v.narrow:
	case v.op == "add" && v.kind == bits:
		return constant(v.args[0].number + v.args[1].number)
	case v.op == "sub" && v.kind == bits:
		return constant(v.args[0].number - v.args[1].number)
	case v.op == "add" && v.kind == float:
		return constant(math.Float64bits(math.Float64frombits(v.args[0].number) + math.Float64frombits(v.args[1].number)))
	}
	return v, false
}

// trim drops what no output needs.
func (p *program) trim() {
	needed := map[*value]bool{}
	var need func(v *value)
	need = func(v *value) {
		if needed[v] {
			return
		}
		needed[v] = true
		for _, a := range v.args {
			need(a)
		}
	}
	for _, o := range p.outputs {
		need(o)
	}
	var kept []*value
	for _, v := range p.values {
		if needed[v] {
			kept = append(kept, v)
		}
	}
	p.values = kept
}

// finish drops dead operations, lets multiply-adds absorb signs, and puts inputs where they are first read.
func (p *program) finish() {
	for _, v := range p.values {
		if v.op != "fma" {
			continue
		}
		for i, a := range v.args {
			if a.op == "neg" {
				v.args[i] = a.args[0]
				if i < 2 {
					v.number ^= 1
				} else {
					v.number ^= 2
				}
			}
		}
	}
	p.trim()
	var ordered []*value
	placed := map[*value]bool{}
	for _, v := range p.values {
		for _, a := range v.args {
			for a.op == "reinterpret" {
				a = a.args[0]
			}
			if a.op == "input" && !placed[a] {
				placed[a] = true
				ordered = append(ordered, a)
			}
		}
		ordered = append(ordered, v)
	}
	p.values = ordered
}
