package random_test

import (
	"math"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// The helpers of the statistical tests. Seeds are fixed, so a test that passes once passes always, until the numbers
// themselves change. Every test states its outcome as a z-score or a probability, which -v prints.

// limit is the z-score that no statistic may reach: one in 16,000 does by chance, and there are some hundreds.
const limit = 4

// judge notes the z-score of a statistic.
func judge(t *testing.T, z float64, what string) {
	t.Helper()
	t.Logf("z = %+.2f  %s", z, what)
	if !(math.Abs(z) < limit) {
		t.Errorf("%s: z = %+.2f, beyond %d", what, z, limit)
	}
}

// judgeProbability notes the probability of a statistic at least so large.
func judgeProbability(t *testing.T, p float64, what string) {
	t.Helper()
	t.Logf("p = %.4f  %s", p, what)
	if !(p > 1e-4) {
		t.Errorf("%s: p = %.2g", what, p)
	}
}

// worst collects z-scores of which only the largest is told.
type worst struct {
	z     float64
	what  string
	count int
}

func (w *worst) add(z float64, what string) {
	w.count++
	if w.what == "" || !(math.Abs(z) <= math.Abs(w.z)) {
		w.z, w.what = z, what
	}
}

func (w *worst) judge(t *testing.T, of string) {
	t.Helper()
	t.Logf("the largest of %d:", w.count)
	judge(t, w.z, of+": "+w.what)
}

// chiSquare is the z-score, by Wilson and Hilferty (1931), of counts that are equally likely.
func chiSquare(counts []int) float64 {
	total := 0
	for _, c := range counts {
		total += c
	}
	expected := float64(total) / float64(len(counts))
	statistic := 0.0
	for _, c := range counts {
		d := float64(c) - expected
		statistic += d * d / expected
	}
	k := float64(len(counts) - 1)
	return (math.Cbrt(statistic/k) - (1 - 2/(9*k))) / math.Sqrt(2/(9*k))
}

// discrepancies is how far the distribution of sorted values of [0, 1] lies above and below the uniform one.
func discrepancies(sorted []float64) (above, below float64) {
	n := float64(len(sorted))
	for i, u := range sorted {
		above = math.Max(above, float64(i+1)/n-u)
		below = math.Max(below, u-float64(i)/n)
	}
	return above, below
}

// kolmogorov is the probability of a discrepancy at least so large, by the first terms of its limit law (Stephens 1970).
func kolmogorov(sorted []float64) float64 {
	above, below := discrepancies(sorted)
	root := math.Sqrt(float64(len(sorted)))
	x := math.Max(above, below) * (root + 0.12 + 0.11/root)
	p := 0.0
	for k := 1.0; k < 50; k++ {
		p += 2 * math.Pow(-1, k-1) * math.Exp(-2*k*k*x*x)
	}
	return math.Min(1, p)
}

// kuiper is kolmogorov for numbers on a circle, which has no beginning.
func kuiper(sorted []float64) float64 {
	above, below := discrepancies(sorted)
	root := math.Sqrt(float64(len(sorted)))
	x := (above + below) * (root + 0.155 + 0.24/root)
	p := 0.0
	for k := 1.0; k < 50; k++ {
		p += 2 * (4*k*k*x*x - 1) * math.Exp(-2*k*k*x*x)
	}
	return math.Min(1, p)
}

// precision is the numbers of one float type, as float64: what the tests of both have in common.
type precision struct {
	name            string
	bits            int     // of a uniform number
	largest         float64 // normal number, rounded up
	normal, uniform func(s random.Stream, dst *lanes.Block, first, step uint64)
}

var precisions = []precision{
	{"float64", 52, 8.572, random.Stream.Normal, random.Stream.Uniform},
	{"float32", 23, 6.556, widened(random.Stream.Normal32), widened(random.Stream.Uniform32)},
}

func widened(draw func(s random.Stream, rows [][]float32, first, step uint64)) func(s random.Stream, dst *lanes.Block, first, step uint64) {
	return func(s random.Stream, dst *lanes.Block, first, step uint64) {
		rows := make([][]float32, dst.Dim())
		for j := range rows {
			rows[j] = make([]float32, dst.Len())
		}
		draw(s, rows, first, step)
		for j, row := range rows {
			wide := dst.Row(j)
			for i, v := range row {
				wide[i] = float64(v)
			}
		}
	}
}

func forBoth(t *testing.T, test func(t *testing.T, p precision)) {
	for _, p := range precisions {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

// forEachBackend runs a test with every table of this machine as the current one.
func forEachBackend(t *testing.T, test func(t *testing.T)) {
	before := backends.Current().Name
	defer func() {
		if err := backends.Use(before); err != nil {
			t.Fatal(err)
		}
	}()
	for _, table := range backends.Available() {
		t.Run(table.Name, func(t *testing.T) {
			if err := backends.Use(table.Name); err != nil {
				t.Fatal(err)
			}
			test(t)
		})
	}
}

// slice is how many steps of draws a statistical test takes: all of them with vector kernels, an eighth without or in an
// emulator, which are much slower and give the same numbers.
func slice(steps uint64) uint64 {
	if backends.Current() == &backends.Generic || strings.HasPrefix(cpuid.CPU.BrandName, "QEMU") {
		return (steps + 7) / 8
	}
	return steps
}
