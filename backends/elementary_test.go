package backends

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// elementary lists the functions with their bounds in units in the last place, as their comments state them. A result
// that misses the bound in ulp may still be within the absolute one, for the functions that have zeros.
var elementary = []struct {
	name     string
	f        func(x, y float64) float64
	ulp      float64
	absolute func(x float64) float64
}{
	{name: "exp", f: oneArgument(exp), ulp: 0.95},
	{name: "expm1", f: oneArgument(expm1), ulp: 1.2},
	{name: "log", f: oneArgument(log), ulp: 0.8},
	{name: "log1p", f: oneArgument(log1p), ulp: 0.8},
	{name: "sin", f: oneArgument(sin), ulp: 0.85},
	{name: "cos", f: oneArgument(cos), ulp: 0.85},
	{name: "tanh", f: oneArgument(tanh), ulp: 1.4},
	{name: "sigmoid", f: oneArgument(sigmoid), ulp: 2},
	{name: "softplus", f: oneArgument(softplus), ulp: 2},
	{name: "pow", f: pow, ulp: 1.2},
	{name: "erf", f: oneArgument(erf), ulp: 1.5},
	{name: "erfc", f: oneArgument(erfc), ulp: 3.5},
	{name: "lgamma", f: oneArgument(lgamma), ulp: 4, absolute: func(x float64) float64 {
		return where(x < -0.5, 0x1p-51*(1+math.Abs(lgamma(-x))), 0)
	}},
	{name: "digamma", f: oneArgument(digamma), ulp: 4, absolute: func(x float64) float64 {
		return where(x < 0, 0x1p-51*(1+math.Abs(digamma(1-x))), 0)
	}},
	{name: "trigamma", f: oneArgument(trigamma), ulp: 4.5},
}

func oneArgument(f func(float64) float64) func(x, y float64) float64 {
	return func(x, _ float64) float64 { return f(x) }
}

// vector is a row of testdata/vectors: the exact result is reference + rest ulp(reference).
type vector struct {
	x, y, reference, rest float64
}

// readVectors reads what vectors.py wrote. The folder INFER_VECTORS replaces the one in testdata.
func readVectors(t *testing.T, name string) []vector {
	t.Helper()
	folder := os.Getenv("INFER_VECTORS")
	if folder == "" {
		folder = filepath.Join("testdata", "vectors")
	}
	file, err := os.Open(filepath.Join(folder, name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var vectors []vector
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var numbers []float64
		for field := range strings.SplitSeq(lines.Text(), ",") {
			number, err := strconv.ParseFloat(field, 64)
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, number)
		}
		v := vector{x: numbers[0], reference: numbers[len(numbers)-2], rest: numbers[len(numbers)-1]}
		if len(numbers) == 4 {
			v.y = numbers[1]
		}
		vectors = append(vectors, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// distance is the one from x to the next float64 in its octave: one ulp.
func distance(x float64) float64 {
	_, e := math.Frexp(x)
	return math.Max(math.Ldexp(1, e-53), 0x1p-1074)
}

// ulps is how far got is from the exact result, in ulp of the reference; infinite where they are different kinds of
// number (NaN, infinite, finite, zeros of different sign).
func (v vector) ulps(got float64) float64 {
	switch {
	case math.IsNaN(v.reference) && math.IsNaN(got), math.IsInf(v.reference, 0) && got == v.reference:
		return 0
	case math.IsNaN(v.reference-got) || math.IsInf(v.reference-got, 0), got == 0 && math.Signbit(got) != math.Signbit(v.reference):
		return math.Inf(1)
	}
	return math.Abs((got-v.reference)/distance(v.reference) - v.rest)
}

func TestElementaryFunctionsAreWithinTheirBounds(t *testing.T) {
	for _, e := range elementary {
		t.Run(e.name, func(t *testing.T) {
			vectors := readVectors(t, e.name)
			if len(vectors) < 1000 {
				t.Fatalf("%d vectors", len(vectors))
			}
			var worst, worstAbsolute float64
			var at, atAbsolute vector
			failures := 0
			for _, v := range vectors {
				got := e.f(v.x, v.y)
				u := v.ulps(got)
				if e.absolute != nil && u > e.ulp {
					a := u * distance(v.reference) / e.absolute(v.x)
					if a > worstAbsolute {
						worstAbsolute, atAbsolute = a, v
					}
					if a <= 1 {
						continue
					}
				}
				if u > e.ulp {
					failures++
					if failures <= 10 {
						t.Errorf("%s(%x, %x) = %x, want %x: %.3f ulp off", e.name, v.x, v.y, got, v.reference, u)
					}
				}
				if u > worst {
					worst, at = u, v
				}
			}
			t.Logf("%-8s %5d points, worst %.3f ulp (bound %g) at x = %x (%.17g), y = %g", e.name, len(vectors), worst, e.ulp, at.x, at.x, at.y)
			if e.absolute != nil {
				t.Logf("%-8s beyond that %.3f of the absolute bound at x = %x (%.17g)", e.name, worstAbsolute, atAbsolute.x, atAbsolute.x)
			}
			if failures > 10 {
				t.Errorf("%d failures in all", failures)
			}
		})
	}
}
