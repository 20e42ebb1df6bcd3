package cli

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
)

// Public reports of what went wrong for users of other tools, with the right values. The first line of a test names the
// report.

var usual = []string{"--seed", "1", "--particles", "10000", "--steps", "1000", "--strict"}

func with(args ...string) []string { return append(slices.Clone(usual), args...) }

// mathnet-symbolics#53, javaluator#13, squiggle#1413: signs, powers and exponents read wrongly.
func TestFormulaIsReadAsMathematics(t *testing.T) {
	for _, c := range []struct {
		logp           string
		dim            string
		mean, variance []float64
	}{
		{"-x[0]^2/0.5 - (x[1] + 1)^2/2", "2", []float64{0, -1}, []float64{0.25, 1}},
		{"-abs(x[0])^2^0.5", "1", []float64{0}, []float64{0.821728}},
		{"-x[0]^2/2e-3 - x[1]^2*5E+1", "2", []float64{0, 0}, []float64{0.001, 0.01}},
		{"logsumexp(-x[0]^2/2, -(x[0]-3)^2/2 - 800)", "1", []float64{0}, []float64{1}},       // rainier#174
		{"-x[0]^2/2 + where(x[0] > 0, 3, 0)", "1", []float64{0.722204}, []float64{0.478422}}, // stan#1917
		{"where(abs(x[0]) < 1, 0, log(0))", "1", []float64{0}, []float64{1. / 3}},            // CUQIpy#529
	} {
		table, _ := drawn(t, []int{0}, with("--logp", c.logp, "--dim", c.dim)...)
		for j := range c.mean {
			m := momentsOf(points(table, j))
			near(t, c.logp+" mean", m.mean, c.mean[j], m.meanError)
			near(t, c.logp+" variance", m.variance, c.variance[j], m.varianceError)
		}
	}
}

// EquationExplorer#5: 1/2x has two readings.
func TestImplicitProductIsRefused(t *testing.T) {
	r := infer(t, append([]string{"sample"}, with("--logp", "-1/2x[0]^2", "--dim", "1")...)...)
	if r.code != 2 || !strings.Contains(r.err, "column 5") || !strings.Contains(r.err, "1/2*x[0]") {
		t.Errorf("%d %s", r.code, r.err)
	}
}

// DDMathParser#30: a minus copied from a paper.
func TestUnicodeMinus(t *testing.T) {
	table, _ := drawn(t, []int{0}, with("--logp", "−x[0]^2/2", "--dim", "1")...)
	m := momentsOf(points(table, 0))
	near(t, "variance", m.variance, 1, m.varianceError)
}

// jax#347: the gradient of the branch not taken was NaN.
func TestBranchNotTaken(t *testing.T) {
	args := []string{"--seed", "1", "--particles", "1000", "--steps", "1000", "--strict"}
	table, report := drawn(t, []int{0}, append(args, "--init", "testdata/negative_1000x1.npy", "--logp", "where(x[0] > 0, -x[0]*sqrt(x[0]), x[0])", "--dim", "1")...)
	m := momentsOf(points(table, 0))
	near(t, "mean", m.mean, -0.212682, m.meanError)
	near(t, "variance", m.variance, 1.356250, m.varianceError)
	below := 0.0
	for _, v := range points(table, 0) {
		if v < 0 {
			below++
		}
	}
	near(t, "P(x<0)", below/1000, 0.525556, math.Sqrt(0.25/1000))
	if n := report["never_moved"].(float64); n != 0 {
		t.Errorf("%v particles never moved", n)
	}
}

// jax#3058: the gradient of norm(x)^2 at the origin was NaN.
func TestStartsAtTheOrigin(t *testing.T) {
	args := []string{"--seed", "1", "--particles", "1000", "--steps", "1000", "--strict", "--init", "testdata/zeros_1000x2.npy", "--dim", "2"}
	table, _ := drawn(t, []int{0}, append(args, "--logp", "-norm(x)^2/2")...)
	for j := range 2 {
		m := momentsOf(points(table, j))
		near(t, "variance", m.variance, 1, m.varianceError)
	}
}

// CUQIpy#494: a step out of the support put NaN into the ratio, and the chain froze there.
func TestStepsOutOfTheSupport(t *testing.T) {
	args := []string{"--seed", "1", "--particles", "1000", "--steps", "1000", "--strict", "--init", "testdata/unit_interval_1000x1.npy", "--dim", "1"}
	table, report := drawn(t, []int{0, 3}, append(args, "--logp", "-0.5*log(x[0]) - 0.5*log(1-x[0])")...)
	values := slices.Sorted(slices.Values(points(table, 0)))
	if values[0] <= 0 || values[len(values)-1] >= 1 {
		t.Errorf("draws from %v to %v", values[0], values[len(values)-1])
	}
	near(t, "median", values[500], 0.5, 0.5*math.Pi/2/math.Sqrt(1000))
	if len(report["rejected_by_cause"].(map[string]any)) == 0 {
		t.Error("no rejection counted by cause")
	}
}

// BAT.jl#532: the correction used another drift than the proposal.
func TestAcceptanceOfMALA(t *testing.T) {
	table, report := drawn(t, []int{0}, with("--sampler", "mala", "--step", "0.5", "--logp", "-x[0]^2/2", "--dim", "1")...)
	m := momentsOf(points(table, 0))
	near(t, "variance", m.variance, 1, m.varianceError)
	near(t, "acceptance", report["acceptance"].(float64), 0.920833, 1e-4)
}

// pyro PR#1228: a large constant in the log-density.
func TestLargeConstantChangesNothing(t *testing.T) {
	plain, a := drawn(t, []int{0}, with("--logp", "-x[0]^2/2", "--dim", "1")...)
	offset, b := drawn(t, []int{0}, with("--logp", "-x[0]^2/2 - 1e8", "--dim", "1")...)
	for _, table := range []draws.Table{plain, offset} {
		m := momentsOf(points(table, 0))
		near(t, "variance", m.variance, 1, m.varianceError)
	}
	if d := a["acceptance"].(float64) - b["acceptance"].(float64); math.Abs(d) > 0.001 {
		t.Errorf("acceptance differs by %v", d)
	}
}

// nlmixr2est#999: averages of draws from a Cauchy law have no ordinary error.
func TestCauchyHasNoMean(t *testing.T) {
	table, report := drawn(t, []int{0, 3}, with("--logp", "-log(1 + x[0]^2)", "--dim", "1")...)
	values := slices.Sorted(slices.Values(points(table, 0)))
	for p, want := range map[float64]float64{0.25: -1, 0.5: 0, 0.75: 1} {
		density := 1 / (math.Pi * (1 + want*want))
		near(t, "quantile", values[int(p*10000)], want, math.Sqrt(p*(1-p)/10000)/density)
	}
	first := report["columns"].([]any)[0].(map[string]any)
	if first["mean_error"] != nil {
		t.Errorf("the mean has an ordinary error: %v", first)
	}
}

// pymc#1479: chains of one seed were identical.
func TestSeedsDiffer(t *testing.T) {
	a, _ := drawn(t, []int{0}, with("--density", "donut")...)
	b, _ := drawn(t, []int{0}, with("--density", "donut", "--seed", "2")...)
	seen := map[[2]float64]bool{}
	for i := range a.Points.Len() {
		p := [2]float64{points(a, 0)[i], points(a, 1)[i]}
		if seen[p] {
			t.Fatalf("%v stands twice", p)
		}
		seen[p] = true
	}
	for i := range b.Points.Len() {
		if seen[[2]float64{points(b, 0)[i], points(b, 1)[i]}] {
			t.Fatal("two seeds share a draw")
		}
	}
}

// go-flags#190: a value that starts with a minus was taken for an option.
func TestValueThatStartsWithMinus(t *testing.T) {
	for _, form := range [][]string{{"--logp", "-x[0]^2/2"}, {"--logp=-x[0]^2/2"}} {
		drawn(t, []int{0}, with(append(form, "--dim", "1")...)...)
	}
}

// tqdm#750: progress bars wrote carriage returns into files.
func TestNothingMovesInAFile(t *testing.T) {
	r := infer(t, "sample", "--density", "donut", "--json")
	var v any
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || r.code != 0 {
		t.Errorf("%d %v", r.code, err)
	}
	if strings.ContainsAny(r.err, "\r\x1b") {
		t.Errorf("%q", r.err)
	}
	if r := infer(t, "sample", "--density", "donut"); strings.ContainsAny(r.out+r.err, "\r\x1b") {
		t.Errorf("%q", r.out)
	}
}

// csound PR#3054, pystan2#469: text rounded the numbers, or wrote them in the user's locale.
func TestTextHoldsTheSameBits(t *testing.T) {
	folder := t.TempDir()
	var hashes []string
	for _, c := range []struct{ name, locale string }{{"d.npy", "C"}, {"d.csv", "C"}, {"e.csv", "de_DE.UTF-8"}} {
		t.Setenv("LC_ALL", c.locale)
		path := filepath.Join(folder, c.name)
		if r := infer(t, append([]string{"sample", "-o", path}, with("--density", "donut")...)...); r.code != 0 {
			t.Fatal(r.err)
		}
		table, err := draws.Read(path, draws.Options{})
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, pointsHash(table.Points))
	}
	a, _ := os.ReadFile(filepath.Join(folder, "d.csv"))
	b, _ := os.ReadFile(filepath.Join(folder, "e.csv"))
	if hashes[0] != hashes[1] || hashes[1] != hashes[2] || string(a) != string(b) {
		t.Errorf("%v", hashes)
	}
}

// emcee#55: one walker that starts at NaN spoiled the ensemble.
func TestBadStart(t *testing.T) {
	r := infer(t, "sample", "--density", "donut", "--seed", "1", "--particles", "1000", "--init", "testdata/one_nan_1000x2.npy")
	if r.code != 5 && r.code != 2 || !strings.Contains(r.err, "particle 17") || !strings.Contains(r.err, "column 1") {
		t.Errorf("%d %s", r.code, r.err)
	}
	r = infer(t, "sample", "--density", "donut", "--seed", "1", "--particles", "10", "--init", "testdata/wide_10x3.npy")
	if r.code != 5 && r.code != 2 || !strings.Contains(r.err, "3 columns") {
		t.Errorf("%d %s", r.code, r.err)
	}
}

// mathjs#498: a tower of powers gave Infinity without a word.
func TestConstantOverflow(t *testing.T) {
	r := infer(t, append([]string{"sample"}, with("--logp", "-x[0]^2/2 + 0*2^2^2^2^2", "--dim", "1")...)...)
	if r.code != 2 || !strings.Contains(r.err, "column") || strings.Contains(r.err, "NaN everywhere") {
		t.Errorf("%d %s", r.code, r.err)
	}
}
