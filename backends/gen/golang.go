package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// shorten is the line that checks the lengths of all slices against the first.
func (k *kernel) shorten(n string) string {
	var left, right []string
	for _, p := range k.all()[1:] {
		if p.class == "vector" {
			left, right = append(left, p.name), append(right, p.name+"[:"+n+"]")
		}
	}
	if left == nil {
		return ""
	}
	return strings.Join(left, ", ") + " = " + strings.Join(right, ", ") + "\n"
}

// genericSource is the loops over slices and the table of them.
func genericSource(s *source) string {
	var b strings.Builder
	b.WriteString("// Generic is the table of the specifications themselves, in Go: the backend of machines without assembly.\n")
	b.WriteString(tableSource("Generic", "generic", "Generic"))
	for _, f := range slices.Concat(families, families32) {
		for _, k := range f.forms {
			var targets, args []string
			for _, o := range k.outputs {
				targets = append(targets, o.name+"[i]")
			}
			for _, p := range k.params {
				switch p.class {
				case "vector":
					args = append(args, p.name+"[i]")
				case "particle":
					args = append(args, p.name+"+uint64(i)")
				default:
					args = append(args, p.name)
				}
			}
			first := k.outputs[0].name
			fmt.Fprintf(&b, "\nfunc %sGeneric(%s) {\n%sfor i := range %s {\n%s = %s(%s)\n}\n}\n",
				k.name, k.goParams(), k.shorten("len("+first+")"), first, strings.Join(targets, ", "), k.spec, strings.Join(args, ", "))
		}
	}
	return b.String()
}

// kernelSource is the tables of assembly kernels and the Go functions around them, which deal with lengths.
func kernelSource() string {
	var b strings.Builder
	for _, m := range []*machine{avx2, avx512} {
		b.WriteString(tableSource("table"+m.name, strings.ToLower(m.name), m.name))
	}
	for _, m := range []*machine{avx2, avx512} {
		for _, f := range slices.Concat(families, families32) {
			for _, k := range f.forms {
				b.WriteString(k.wrapper(m.name))
			}
		}
	}
	return b.String()
}

func tableSource(name, label, suffix string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "var %s = Table{\nName: %q,\n", name, label)
	b.WriteString(fieldSource(families, suffix))
	b.WriteString("F32: Table32{\n")
	b.WriteString(fieldSource(families32, suffix))
	for _, field := range handwritten {
		fmt.Fprintf(&b, "%s: %s%s,\n", field, lower(field), suffix)
	}
	b.WriteString("},\n}\n\n")
	return b.String()
}

func fieldSource(list []*family, suffix string) string {
	var b strings.Builder
	for _, f := range list {
		if len(f.forms) == 1 {
			fmt.Fprintf(&b, "%s: %s%s,\n", f.field, f.forms[0].name, suffix)
			continue
		}
		var forms []string
		for i, k := range f.forms {
			forms = append(forms, f.suffix[i]+": "+k.name+suffix)
		}
		fmt.Fprintf(&b, "%s: %s{%s},\n", f.field, f.typ, strings.Join(forms, ", "))
	}
	return b.String()
}

// wrapper calls the assembly for the whole vectors and, for what is left, on copies padded to one.
func (k *kernel) wrapper(machine string) string {
	var b strings.Builder
	call := func(vector func(p *param) string, particle, n string) string {
		var args []string
		for _, p := range k.all() {
			switch p.class {
			case "vector":
				args = append(args, vector(p))
			case "particle":
				args = append(args, p.name+particle)
			case "key":
				args = append(args, "(*[20]uint64)(key)")
			default:
				args = append(args, p.name)
			}
		}
		return fmt.Sprintf("%s%sVectors(%s, %s)\n", k.name, machine, strings.Join(args, ", "), n)
	}
	tail := 64 / k.lane() // numbers in the widest vector
	fmt.Fprintf(&b, "\nfunc %s%s(%s) {\nn := len(%s)\n%swhole := n &^ %d\nif whole > 0 {\n%s}\nif whole == n {\nreturn\n}\n",
		k.name, machine, k.goParams(), k.outputs[0].name, k.shorten("n"), tail-1, call(func(p *param) string { return "&" + p.name + "[0]" }, "", "whole"))
	for _, p := range k.all() {
		if p.class == "vector" {
			fmt.Fprintf(&b, "var %sTail [%d]%s\n", p.name, tail, p.element())
		}
	}
	for _, p := range k.params {
		if p.class == "vector" {
			fmt.Fprintf(&b, "copy(%sTail[:], %s[whole:])\n", p.name, p.name)
		}
	}
	b.WriteString(call(func(p *param) string { return "&" + p.name + "Tail[0]" }, " + uint64(whole)", strconv.Itoa(tail)))
	for _, o := range k.outputs {
		fmt.Fprintf(&b, "copy(%s[whole:], %sTail[:])\n", o.name, o.name)
	}
	b.WriteString("}\n")
	return b.String()
}
