package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/scorefield/infer/tools/internal/house"
	"github.com/scorefield/infer/tools/internal/housetest"
)

// A copy of a package of the project passes; with a fused sum or a transcendental function planted, it fails,
// and the fault is named.
func TestPlantedFaultsAreFoundInACopyOfThePackage(t *testing.T) {
	dir := housetest.Scratch(t, nil)
	housetest.Copy(t, "../..", "lanes", dir)
	if problems, _, err := run(dir, nil); err != nil || len(problems) > 0 {
		t.Fatalf("the clean copy: %q, %v", problems, err)
	}
	for _, c := range []struct{ fault, want string }{
		{"package lanes\n\nfunc planted(a, b, c float64) float64 { return a*b + c }\n", "meets +"},
		{"package lanes\n\nimport \"math\"\n\nfunc planted(x float64) float64 { return math.Exp(x) }\n", "math.Exp"},
	} {
		housetest.Write(t, dir, "lanes/planted.go", c.fault)
		problems, _, err := run(dir, nil)
		if err != nil || len(problems) != 1 || !strings.HasPrefix(problems[0], "lanes/planted.go:") || !strings.Contains(problems[0], c.want) {
			t.Errorf("planted %q: got %q, %v", c.want, problems, err)
		}
	}
}

// Every line that must be reported ends in "// bad"; no other may be.
func TestProductsAreFollowed(t *testing.T) {
	source := `package random

import "math"

type pair struct{ a, b float64 }
type float interface{ ~float32 | ~float64 }
type wide interface{ float }

func sum(a, b, c float64) float64         { return a*b + c } // bad
func difference(a, b, c float64) float64  { return c - a*b } // bad
func sign(a, b, c float64) float64        { return -(a * b) - c } // bad
func single(a, b, c float32) float32      { return a*b + c } // bad
func operands(a, b int, c float64) float64 { return float64(a)*float64(b) + c } // bad
func eighth(x, y float64) float64         { return x/8 + y } // bad
func generic[T float](a, b, c T) T        { return a*b + c } // bad
func nested[T wide](a, b, c T) T          { return a*b + c } // bad
func complexes(a, b complex128) complex128 { return a * b } // bad

func accumulate(a, b, s float64) float64 {
	s += a * b // bad
	s -= a * b // bad
	return s
}

func variable(a, b, c float64) float64 {
	p := a * b
	return p + c // bad
}

func scaled(p, a, c float64) float64 {
	p *= a
	p++ // bad
	return p + c // bad
}

func stored(d []float64, a, b, c float64) float64 {
	d[0] = a * b
	return d[1] + c // bad
}

func ranged(a, b, c float64) float64 {
	for _, v := range []float64{a * b} {
		c += v // bad
	}
	return c
}

func field(a, b, c float64) float64 {
	q := pair{a: a * b}
	r := pair{a, a * c}
	return (q.a + c) / // bad
		(r.b - c) // bad
}

func pointer(p *float64, a, b, c float64) float64 {
	*p = a * b
	return *p + c // bad
}

func product(a, b float64) float64             { return a * b }
func returned(a, b, c float64) float64         { return product(a, b) + c } // bad
func twice(a, b, c float64) (float64, float64) { return c, a * b }
func second(a, b, c float64) float64 {
	x, y := twice(a, b, c)
	return x + // fine: the first result is no product
		c - y // bad
}
func named(a, b float64) (p float64) { p = a * b; return }
func namedUse(a, b, c float64) float64 { return named(a, b) + c } // bad
func forwarded(a, b, c float64) (float64, float64) { return twice(a, b, c) }
func third(a, b, c float64) float64 {
	_, y := forwarded(a, b, c)
	return y + c // bad
}

func parameter(p, c float64) float64   { return p + c } // bad
func passes(a, b, c float64) float64    { return parameter(a*b, c) }
func closure(a, b, c float64) float64 {
	add := func(p, q float64) float64 { return p + q } // bad
	mul := func(p, q float64) float64 { return p * q }
	return add(a*b, c) + mul(a, b) // bad
}
func genericProduct[T float](a, b T) T            { return a * b }
func genericUse(a, b, c float64) float64          { return genericProduct(a, b) + c } // bad
func genericParameter[T float](p, c T) T          { return p + c } // bad
func genericPass(a, b, c float64) float64         { return genericParameter(a*b, c) }

func choose(c bool, a, b float64) float64 { if c { return a }; return b }
func chosen(c bool, a, b float64) float64 { return choose(c, a*b, a) + b } // bad
func choose2(c bool, a, b float64) (x, y float64) { x = choose(c, a, b); return x, b }
func chosen2(c bool, a, b float64) float64 {
	x, y := choose2(c, a*b, a)
	return x - // bad
		(y + b)
}

var exponential = math.Exp // bad
func transcendental(x float64) float64 { return math.Log1p(x) } // bad

// Nothing below may be reported.
func pick(c bool, a, b float64) float64 { if c { return a }; return b }
func picked(c bool, a, b float64) float64 { return pick(c, a*b, a) }
func other(c bool, a, b float64) float64 { return pick(c, a, b) + a }
const c1, c2 = 3.0, 4.0

func converted(a, b, c float64) float64 { return float64(a*b) + c }
func explicit(a, b, c float64) float64  { return math.FMA(a, b, c) }
func constants(x float64) float64       { return c1*c2 + x }
func integers(a, b, c int) int          { return a*b + c }
func third3(x, y float64) float64       { return x/3 + y }
func rounded(d []float64, a, b, c float64) float64 {
	d[0] = float64(a * b)
	return d[0] + c + math.Sqrt(a*b)
}
func powers(a, b, c float64) float64 { return a * b * c / 3 }
func exactly(x float64) float64      { return math.Floor(x) + math.Mod(x, 2) + math.Inf(1) }
func smaller(a, b, c float64) float64 { return min(a*b, c) + 1 }
`
	compare(t, map[string]string{"random/r.go": source})
}

// A product that one package returns is followed into the sum of another. One that is passed into a sum of another
// package is reported where it is passed.
func TestProductsAreFollowedAcrossPackages(t *testing.T) {
	compare(t, map[string]string{
		"lanes/l.go":  "package lanes\n\nfunc Product(a, b float64) float64 { return a * b }\n\nfunc Add(p, c float64) float64 { return add(p, c) }\n\nfunc add(p, c float64) float64 { return p + c }\n",
		"random/r.go": "package random\n\nimport \"github.com/scorefield/infer/lanes\"\n\nfunc F(a, b, c float64) float64 {\n\tlanes.Add(a*b, c) // bad\n\treturn lanes.Product(a, b) + c // bad\n}\n",
	})
}

// File lists differ by architecture and tag; the one file of fma32 may fuse, and only it.
func TestEveryBuildIsChecked(t *testing.T) {
	fma := "func %s(a, b, c float32) float32 { return a*b + c }"
	compare(t, map[string]string{
		"backends/f.go":           "package backends\n",
		"backends/fma32_arm64.go": "package backends\n\n" + strings.Replace(fma, "%s", "fma32", 1) + "\n",
		"backends/x_arm64.go":     "package backends\n\n" + strings.Replace(fma, "%s", "x", 1) + " // bad\n",
		"backends/y_amd64.go":     "//go:build !noasm\n\npackage backends\n\n" + strings.Replace(fma, "%s", "y", 1) + " // bad\n",
		"backends/z_amd64.go":     "//go:build noasm\n\npackage backends\n\n" + strings.Replace(fma, "%s", "z", 1) + " // bad\n",
	})
}

// What carries no promise is left alone, tests and their helpers too; what stands on no floor gets every rule.
func TestPromiseGoesByTheFloorPlan(t *testing.T) {
	body := "import \"math\"\n\nfunc F(a, b float64) float64 { return a*b + math.Exp(a) }"
	compare(t, map[string]string{
		"lanes/l.go":               "package lanes\n",
		"lanes/l_test.go":          "package lanes\n\n" + body + "\n",
		"internal/cli/c.go":        "package cli\n\n" + body + "\n",
		"density/densitytest/d.go": "package densitytest\n\n" + body + "\n",
		"unknown/u.go":             "package unknown\n\nfunc F(a, b, c float64) float64 { return a*b + c } // bad\n",
		"mcmc/diagnose/d.go":       "package diagnose\n\nfunc F(a, b, c float64) float64 { return a*b + c } // bad\n",
	})
}

// Gonum sums in an order of its own: it is refused where results reach the draws, and only there.
func TestGonumIsRefusedUnderThePromiseOfBits(t *testing.T) {
	use := "import \"gonum.org/v1/gonum/floats\""
	compare(t, map[string]string{
		"go.mod":             "module " + house.Module + "\n\ngo 1.26.0\n\nrequire gonum.org/v1/gonum v0.17.0\n\nreplace gonum.org/v1/gonum => ./gonum\n",
		"gonum/go.mod":       "module gonum.org/v1/gonum\n\ngo 1.26.0\n",
		"gonum/floats/f.go":  "package floats\n\nfunc Sum(x []float64) float64 { return 0 }\n",
		"density/d.go":       "package density\n\n" + use + " // bad\n\nvar Sum = floats.Sum\n",
		"mcmc/diagnose/d.go": "package diagnose\n\n" + use + "\n\nvar Sum = floats.Sum\n",
	})
}

// compare checks a scratch module: problems are reported for exactly the lines that end in "// bad".
func compare(t *testing.T, files map[string]string) {
	t.Helper()
	problems, _, err := run(housetest.Scratch(t, files), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, p := range problems {
		parts := strings.SplitN(p, ":", 3)
		found[parts[0]+":"+parts[1]] = p
	}
	for name, text := range files {
		for i, line := range strings.Split(text, "\n") {
			at := name + ":" + strconv.Itoa(i+1)
			if bad := strings.HasSuffix(line, "// bad"); bad != (found[at] != "") {
				t.Errorf("%s: reported %q, line is %q", at, found[at], line)
			}
			delete(found, at)
		}
	}
	for at := range found {
		t.Errorf("reported a line that does not exist: %s", at)
	}
}
