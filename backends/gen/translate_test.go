package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// translate makes the program of a specification f of one parameter of type float64.
func translate(t *testing.T, text string) (*program, error) {
	t.Helper()
	folder := t.TempDir()
	text = "package backends\n\nimport \"math\"\n\nvar table = [...]float64{1, 2, 4}\n\n" + text + "\n\nvar _ = math.Pi\n"
	if err := os.WriteFile(filepath.Join(folder, "f.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := readSource(folder)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{name: "f", spec: "f", outputs: vectors("dst"), params: vectors("x")}
	return k.program(s)
}

func TestWhatIsOutsideTheSubsetIsRefused(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"if x > 0 { return 1 }; return x", "statement outside the subset"},
		{"switch { default: }; return x", "statement outside the subset"},
		{"for x > 0 { x = x - 1 }; return x", "statement outside the subset"},
		{"for i := range 3 { return x + table[i] }; return x", "return in a loop"},
		{"for i := range int(x) { x = x + table[i] }; return x", "a loop needs a constant count"},
		{"y := x; for i := range 3 { y := x * table[i]; x = y }; return y", "y hides a variable"},
		{"return table[int(x)]", "an index must be constant"},
		{"return table[3]", "no such table entry"},
		{"return float64(math.Float64bits(x))", "conversion to float64 of another type"},
		{"return math.Float64frombits(uint64(x))", "conversion to uint64 of another type"},
		{"return math.Float64frombits(math.Float64bits(x) << math.Float64bits(x))", "a shift needs a constant count"},
		{"return math.Float64frombits(math.Float64bits(x) * 3)", "operator * outside the subset"},
		{"return math.Exp(x)", "math.Exp is no specification"},
		{"return g(x)", "g is no specification"},
		{"x = x", "does not end in a return"},
		{"return x, x", "2 results for 1 outputs"},
	} {
		_, err := translate(t, "func f(x float64) float64 { "+c.body+" }")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.body, err, c.want)
		}
	}
}

// operations lists a program as its operations in order.
func operations(p *program) string {
	var list []string
	for _, v := range p.values {
		list = append(list, v.op)
	}
	return strings.Join(list, " ")
}

func TestPrograms(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"products are not fused", "return float64(x*x) + x", "input mul add"},
		{"multiply-adds are", "return math.FMA(x, x, 3)", "constant input fma"},
		{"and take a sign in", "return math.FMA(-x, x, 3)", "constant input fma"},
		{"equal expressions are one", "y := x + 1; z := x + 1; return y * z", "constant input add mul"},
		{"what no result needs is left out", "y := math.Sqrt(x); y = x; return y + y", "input add"},
		{"loops are unrolled, in order", "for i := range 2 { x = x * table[i] }; return x", "constant input mul constant mul"},
		{"constants are folded", "return x + -(0x1p52 + 1)", "constant input add"},
		{"other specifications are inlined", "return square(square(x))", "input mul mul"},
	} {
		p, err := translate(t, "func f(x float64) float64 { "+c.body+" }\n\nfunc square(x float64) float64 { return x * x }")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := operations(p); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	p, err := translate(t, "func f(x float64) float64 { return x + -(0x1p52 + 1) }")
	if err != nil || math.Float64frombits(p.values[0].number) != -(0x1p52+1) {
		t.Errorf("the folded constant is %v, error %v", p.values[0], err)
	}
}
