package density_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/density/densitytest"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// exactly draws n points from a density of the library.
func exactly(t *testing.T, d density.Density, n int, seed uint64) *lanes.Block {
	t.Helper()
	x := lanes.New(n, d.Dim())
	if err := d.(density.Exact).Sample(context.Background(), x, random.New(seed, random.Exact), 0); err != nil {
		t.Fatal(err)
	}
	return x
}

// library is every entry of the catalogue, with other dimensions and constants beside the default.
func library(t *testing.T) map[string]density.Formula {
	t.Helper()
	all := map[string]density.Formula{
		"donut, wide":         density.Donut{Radius: 0.5, Width: 2},
		"rings, one":          density.Rings{Count: 1, Spacing: 2, Width: 0.5},
		"rings, seven":        density.Rings{Count: 7, Spacing: 0.5, Width: 0.02},
		"ring and normal":     density.RingAndNormal{Radius: 3, Width: 0.5, Scale: 1, Share: 0.8},
		"student t, heavy":    density.StudentT{Coordinates: 3, Freedom: 1.5},
		"checkerboard, three": density.Checkerboard{Squares: 3, Side: 0.7},
		"checkerboard, two":   density.Checkerboard{Squares: 2, Side: 1.1},
		"squiggle, slow":      density.Squiggle{Frequency: 0.7},
		"rosenbrock, mild":    density.Rosenbrock{Spread: 1, Thickness: 0.7},
		"banana, down":        density.Banana{Bend: -0.3, Width: 2},
	}
	for _, e := range density.Catalogue() {
		dims := []int{0}
		if e.Least > 0 {
			dims = append(dims, e.Least, 5)
		}
		for _, dim := range dims {
			d, err := e.New(dim)
			if err != nil {
				t.Fatal(err)
			}
			all[fmt.Sprintf("%s in %d dimensions", e.Name, d.Dim())] = d
		}
	}
	return all
}

// Every density of the library keeps the contract: bits, gradients by differences, exact draws against the moments and
// the entropy, Stein's identities. The checkerboard has edges, where the last do not hold.
func TestLibraryKeepsTheContract(t *testing.T) {
	for name, d := range library(t) {
		t.Run(name, func(t *testing.T) {
			suite := densitytest.Suite{}
			if _, edges := d.(density.Checkerboard); edges {
				suite.Without = []densitytest.Check{densitytest.Stein}
			}
			suite.Run(t, d)
			for _, known := range []bool{is[density.Laner](d), is[density.Exact](d), is[density.Normalised](d),
				is[density.Moments](d), is[density.Entropic](d), is[fmt.Stringer](d)} {
				if !known {
					t.Error("a density of the library knows its normaliser, moments and entropy, can be drawn from, and has a name")
				}
			}
		})
	}
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

func TestDonutHasItsExactValues(t *testing.T) {
	d := density.Donut{}
	mean, variance := d.RadiusMoments()
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"log Z", d.LogNormaliser(), 1.660129596},
		{"E r", mean, 2.606346154},
		{"Var r", variance, 0.016459726},
		{"Var x0", d.Covariance()[0][0], 3.40475},
		{"entropy", d.Entropy(), 2.160129596},
		{"quantile .001 of r", d.RadiusQuantile(0.001), 2.20993},
		{"quantile .01 of r", d.RadiusQuantile(0.01), 2.30791},
		{"quantile .05 of r", d.RadiusQuantile(0.05), 2.39533},
		{"quantile .5 of r", d.RadiusQuantile(0.5), 2.60634},
		{"quantile .95 of r", d.RadiusQuantile(0.95), 2.81738},
		{"quantile .999 of r", d.RadiusQuantile(0.999), 3.00285},
	} {
		if !(math.Abs(c.got-c.want) <= 6e-6*math.Max(1, math.Abs(c.want))) || c.want > 1 && !strings.Contains(c.what, "quantile") && math.Abs(c.got-c.want) > 6e-10 {
			t.Errorf("%s is %.10f, want %v", c.what, c.got, c.want)
		}
	}
	for _, d := range []density.Donut{{}, {Radius: 0.01, Width: 3}, {Radius: 1, Width: 1}, {Radius: 50, Width: 1e-4}} {
		for _, u := range []float64{0x1p-53, 1e-9, 0.003, 0.2, 0.5, 0.7, 0.999, 1 - 1e-9, 1 - 0x1p-53} {
			if r := d.RadiusQuantile(u); !(math.Abs(d.RadiusCDF(r)-u) <= 1e-13+1e-6*math.Min(u, 1-u)) {
				t.Errorf("%v: the quantile %v of the radius is %v, below which lies %v", d, u, r, d.RadiusCDF(r))
			}
		}
		if d.RadiusQuantile(0) != 0 || !math.IsInf(d.RadiusQuantile(1), 1) || !math.IsNaN(d.RadiusQuantile(1.5)) || !math.IsNaN(d.RadiusQuantile(math.NaN())) {
			t.Errorf("%v: the ends of the quantile", d)
		}
	}
}

// The score is 0 at the centre of a ring, and no NaN, in the text form too.
func TestScoreAtTheOriginIsZero(t *testing.T) {
	text, err := density.Parse("-(norm(x)-2.6)^2/0.033", 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []density.Differentiable{density.Donut{}, text, density.Rings{}, density.RingAndNormal{}, density.Normal{}, density.StudentT{}} {
		x, grad := lanes.New(1, d.Dim()), lanes.New(1, d.Dim())
		logp := make([]float64, 1)
		if err := d.LogProbGrad(context.Background(), logp, grad, x); err != nil {
			t.Fatal(err)
		}
		for j := range d.Dim() {
			if got := grad.Row(j)[0]; got != 0 {
				t.Errorf("%v: coordinate %d of the score at the origin is %v, want 0", d, j, got)
			}
		}
	}
}

// A text that means a density of the library is that density; the donut's is so to the last instruction.
func TestTextIsTheSameDensity(t *testing.T) {
	for _, e := range density.Catalogue() {
		if e.Text == "" {
			continue
		}
		d, err := e.New(0)
		if err != nil {
			t.Fatal(err)
		}
		text, err := density.Parse(e.Text, e.Dim, nil)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		x := exactly(t, d, 200, 3)
		for i := range 100 {
			for j := range e.Dim {
				x.Row(j)[i] *= 1.5
			}
		}
		ours, theirs := make([]float64, x.Len()), make([]float64, x.Len())
		if err := d.LogProb(context.Background(), ours, x); err != nil {
			t.Fatal(err)
		}
		if err := text.LogProb(context.Background(), theirs, x); err != nil {
			t.Fatal(err)
		}
		for i := range ours {
			if !(math.Abs(ours[i]-theirs[i]) <= 1e-11*math.Max(1, math.Abs(ours[i]))) {
				t.Errorf("%s: log p is %v, of its text %v", e.Name, ours[i], theirs[i])
				break
			}
		}
		// Equal formulas are one node of a graph, so they have one program, its bits and its speed.
		g := autodiff.NewGraph()
		point := g.Input("x", e.Dim)
		equal := d.Apply(point) == text.Apply(point)
		t.Logf("%s: the same program: %v", e.Name, equal)
		if !equal && e.Name == "donut" {
			t.Error("the donut and its text are different formulas")
		}
	}
}

func TestWrongConstantsAreErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for want, d := range map[string]density.Exact{
		"donut: the width is -1: ":                                         density.Donut{Width: -1},
		"donut: the radius is NaN: ":                                       density.Donut{Radius: nan},
		"rings: the count is -2: ":                                         density.Rings{Count: -2},
		"rings: the count is 1000000000: ":                                 density.Rings{Count: 1e9},
		"rings: the spacing is +Inf: ":                                     density.Rings{Spacing: inf},
		"ring and normal: the share of the ring is 1: ":                    density.RingAndNormal{Share: 1},
		"normal: -1 coordinates: ":                                         density.Normal{Coordinates: -1},
		"banana: the bend is NaN: ":                                        density.Banana{Bend: nan},
		"rosenbrock: the thickness is -3: ":                                density.Rosenbrock{Thickness: -3},
		"funnel: 1 coordinates: ":                                          density.Funnel{Coordinates: 1},
		"student t: the number of degrees of freedom is -5: ":              density.StudentT{Freedom: -5},
		"checkerboard: the number of squares is 2000: ":                    density.Checkerboard{Squares: 2000},
		"checkerboard: the side is -Inf: ":                                 density.Checkerboard{Side: -inf},
		"squiggle: the frequency is +Inf: ":                                density.Squiggle{Frequency: inf},
		"sample of a density of dimension 2: the block has room for 3 coo": density.Donut{},
	} {
		dim := max(d.Dim(), 1)
		if d == (density.Donut{}) {
			dim = 3
		}
		x := lanes.New(1, dim)
		if err := d.Sample(context.Background(), x, random.New(1, random.Exact), 0); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Sample of %v: %v, want %q...", d, err, want)
		}
		if strings.HasPrefix(want, "sample") {
			continue
		}
		if err := d.LogProb(context.Background(), make([]float64, 1), x); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("LogProb of %v: %v, want %q...", d, err, want)
		}
		if lanes := d.(density.Laner).Lanes(); lanes < 1 {
			t.Errorf("%v likes %d points in a call", d, lanes)
		}
	}
	// What would be too large is refused before it is allocated.
	if err := (density.Normal{Coordinates: 1 << 40}).LogProb(context.Background(), nil, lanes.New(0, 2)); err == nil {
		t.Error("a normal law in 2^40 coordinates is no error")
	}
}

func TestConstructorsCheckWhatTheyAreGiven(t *testing.T) {
	nan := math.NaN()
	correlated := func(mean []float64, covariance ...[]float64) error {
		_, err := density.NewCorrelatedNormal(mean, covariance)
		return err
	}
	mixture := func(weights []float64, means [][]float64, scales ...float64) error {
		_, err := density.NewMixtureOfNormals(weights, means, scales)
		return err
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{correlated(nil), "dimension 0"},
		{correlated([]float64{0, 0}, []float64{1, 0}), "2 coordinates and the covariance 1 rows"},
		{correlated([]float64{0, nan}, []float64{1, 0}, []float64{0, 1}), "coordinate 1 of the mean is NaN"},
		{correlated([]float64{0, 0}, []float64{1, 0}, []float64{0}), "row 1 of the covariance has 1 columns"},
		{correlated([]float64{0, 0}, []float64{1, 0.5}, []float64{0.4, 1}), "it has to be symmetric"},
		{correlated([]float64{0, 0}, []float64{1, 2}, []float64{2, 1}), "not positive definite: pivot 1 is -3"},
		{correlated([]float64{0}, []float64{nan}), "not positive definite: pivot 0 is NaN"},
		{mixture(nil, nil, 1), "no means"},
		{mixture(nil, [][]float64{{}}, 1), "no means"},
		{mixture([]float64{1}, [][]float64{{0}, {1}}, 1), "1 weights, 2 means and 2 scales"},
		{mixture(nil, [][]float64{{0}, {1, 2}}, 1), "mean 1 has 2 coordinates, mean 0 has 1"},
		{mixture(nil, [][]float64{{0}, {nan}}, 1), "coordinate 0 of mean 1 is NaN"},
		{mixture(nil, [][]float64{{0}}, -1), "scale 0 is -1"},
		{mixture([]float64{1, 0}, [][]float64{{0}, {1}}, 1), "weight 1 is 0"},
		{mixture([]float64{1e308, 1e308}, [][]float64{{0}, {1}}, 1), "overflows"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", c.err, c.want)
		}
	}
}

func TestCatalogue(t *testing.T) {
	var names []string
	for _, e := range density.Catalogue() {
		names = append(names, e.Name)
		if e.Description == "" || strings.ContainsAny(e.Description, "\n") {
			t.Errorf("%s: the description is no line", e.Name)
		}
		if d, err := e.New(0); err != nil || d.Dim() != e.Dim {
			t.Errorf("%s: default dimension %v, error %v", e.Name, e.Dim, err)
		}
		d, err := e.New(7)
		if fixed := e.Least == 0; fixed != (err != nil) || !fixed && d.Dim() != 7 {
			t.Errorf("%s in 7 dimensions: %v, %v", e.Name, d, err)
		}
		if _, err := e.New(-1); err == nil {
			t.Errorf("%s in -1 dimensions is no error", e.Name)
		}
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(names))); len(sorted) != len(names) {
		t.Errorf("names are not unique: %v", names)
	}
}

// A program that makes densities without end is not left with all of their graphs, and gets right answers.
func TestManyConstants(t *testing.T) {
	x, logp := lanes.New(1, 2), make([]float64, 1)
	for i := range 600 {
		d := density.Banana{Width: 1 + float64(i%300)}
		x.SetPoint(0, []float64{0, 3})
		if err := d.LogProb(context.Background(), logp, x); err != nil {
			t.Fatal(err)
		}
		if want := -9 / d.Width; math.Abs(logp[0]-want) > 1e-15*math.Abs(want) {
			t.Fatalf("%v: log p is %v, want %v", d, logp[0], want)
		}
	}
}
