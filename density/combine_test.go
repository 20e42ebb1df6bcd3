package density_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/density/densitytest"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

func formula(t *testing.T) func(f density.Formula, err error) density.Formula {
	return func(f density.Formula, err error) density.Formula {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

func parsed(t *testing.T, text string, dim int) density.Formula {
	t.Helper()
	d, err := density.Parse(text, dim, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCombinationsKeepTheContract(t *testing.T) {
	ok := formula(t)
	mixed := ok(density.Mixture([]float64{1, 2, 3}, density.Squiggle{}, density.OverlappingModes(), density.RingAndNormal{}))
	nested := ok(density.Mixture(nil, mixed, density.Normal{}))
	for name, d := range map[string]density.Formula{"mixture": mixed, "mixture of a mixture": nested} {
		if !is[density.Exact](d) || d.(density.Normalised).LogNormaliser() != 0 {
			t.Errorf("%s: not exact, or not normalised", name)
		}
		densitytest.Run(t, d)
	}
	tempered, err := density.Tempered(parsed(t, "-(norm(x)-2.6)^2/0.033", 2), 10)
	if err != nil {
		t.Fatal(err)
	}
	densitytest.Run(t, tempered)
	densitytest.Run(t, logGamma(t))
	densitytest.Run(t, sheared(t))
}

// Cooled to a temperature of 1/4, the standard normal law is that of variance 1/4.
func TestTemperedDividesLogP(t *testing.T) {
	d, err := density.Tempered(density.Normal{}, 0.25)
	if err != nil {
		t.Fatal(err)
	}
	x, logp := lanes.New(1, 2), make([]float64, 1)
	x.SetPoint(0, []float64{1, 3})
	if err := d.LogProb(context.Background(), logp, x); err != nil || logp[0] != -20 {
		t.Errorf("log p is %v, %v; want -20", logp[0], err)
	}
}

// logGamma is the law of the logarithm of a gamma variable of shape 3.
func logGamma(t *testing.T) *density.Transformed {
	t.Helper()
	gamma := parsed(t, "where(x[0] > 0, 2*log(x[0]) - x[0], log(0))", 1)
	d, err := density.Transform(gamma, func(x autodiff.Value) (y, logDeterminant autodiff.Value) {
		return x.Exp(), x.Sum()
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sheared is a normal law in bent coordinates: y0 = 2 x0, y1 = x1 + x0^2.
func sheared(t *testing.T) *density.Transformed {
	t.Helper()
	d, err := density.Transform(mustNew(t, "correlated-normal"), func(x autodiff.Value) (y, logDeterminant autodiff.Value) {
		return autodiff.Concat(x.Index(0).Scale(2), x.Index(1).Add(x.Index(0).Square())), x.Graph().Scalar(math.Ln2)
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTransformKeepsMasses(t *testing.T) {
	d := sheared(t)
	const step = 0.05
	sum := 0.0
	x, logp := lanes.New(800, 2), make([]float64, 800)
	for i := range 200 { // x0 from -5 to 5
		for k := range 800 { // x1 from -33 to 7
			x.SetPoint(k, []float64{float64(i-100) * step, float64(k-660) * step})
		}
		if err := d.LogProb(context.Background(), logp, x); err != nil {
			t.Fatal(err)
		}
		for _, v := range logp {
			sum += math.Exp(v) * step * step
		}
	}
	if got := math.Log(sum); !(math.Abs(got-d.LogNormaliser()) < 1e-9) {
		t.Errorf("log of the integral is %.12g, want %.12g", got, d.LogNormaliser())
	}
	if z := logGamma(t).LogNormaliser(); !math.IsNaN(z) {
		t.Errorf("the normaliser of a text is not known, and is said to be %v", z)
	}
}

// A positive parameter is sampled on all of R and mapped back: gamma of shape 3 has mean 3 and variance 3.
func TestTransformSamplesPositiveParameters(t *testing.T) {
	d := logGamma(t)
	x, acceptance := malaRun(t, d, mcmc.Normal{Coordinates: 1}, 300)
	y := lanes.New(x.Len(), 1)
	if err := d.Map(y, x); err != nil {
		t.Fatal(err)
	}
	mean, variance := make([]float64, y.Len()), make([]float64, y.Len())
	for i, v := range y.Row(0)[:y.Len()] {
		if !(v > 0) {
			t.Fatalf("a draw of a positive parameter is %v", v)
		}
		mean[i], variance[i] = v-3, (v-3)*(v-3)-3
	}
	z0, z1 := zOfMean(mean), zOfMean(variance)
	t.Logf("acceptance %.2f, mean z %.2f, variance z %.2f", acceptance, z0, z1)
	if !(math.Abs(z0) < 4 && math.Abs(z1) < 4) {
		t.Errorf("mean off by %.2f standard errors, variance by %.2f", z0, z1)
	}
	if err := d.Map(x, x); err == nil {
		t.Error("a map onto the points themselves is no error")
	}
	if err := d.Map(lanes.New(3, 1), lanes.New(4, 1)); err == nil {
		t.Error("a map of 4 points to 3 is no error")
	}
}

func TestMixtureKnowsWhatItsComponentsKnow(t *testing.T) {
	ok := formula(t)
	inexact := ok(density.Mixture(nil, sheared(t), density.Donut{}))
	if is[density.Exact](inexact) || inexact.(density.Moments).Mean() != nil || inexact.(density.Moments).Covariance() != nil {
		t.Error("a mixture draws from a component that cannot be drawn from, or knows moments that nobody knows")
	}
	// Two normal laws, one of them shifted: mean 0.75 c, variance 1 + 3/16 c^2.
	shifted, err := density.NewCorrelatedNormal([]float64{4}, [][]float64{{1}})
	if err != nil {
		t.Fatal(err)
	}
	d := ok(density.Mixture([]float64{1, 3}, density.Normal{Coordinates: 1}, shifted)).(density.Moments)
	if mean, variance := d.Mean()[0], d.Covariance()[0][0]; mean != 3 || variance != 4 {
		t.Errorf("mean %v and variance %v, want 3 and 4", mean, variance)
	}
}

func TestCombinationsCheckWhatTheyAreGiven(t *testing.T) {
	mix := func(weights []float64, components ...density.Formula) error {
		_, err := density.Mixture(weights, components...)
		return err
	}
	temper := func(f density.Formula, temperature float64) error {
		_, err := density.Tempered(f, temperature)
		return err
	}
	transform := func(f density.Formula, change func(x autodiff.Value) (y, logDeterminant autodiff.Value)) error {
		_, err := density.Transform(f, change)
		return err
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{mix(nil), "no components"},
		{mix([]float64{1}, density.Donut{}, density.Normal{}), "1 weights and 2 components"},
		{mix([]float64{1, -1}, density.Donut{}, density.Normal{}), "weight 1 is -1"},
		{mix(nil, density.Donut{}, nil), "component 1 is nil"},
		{mix(nil, density.Donut{Width: -1}), "component 0: donut: the width is -1"},
		{mix(nil, density.Donut{}, density.Normal{Coordinates: 3}), "component 1 has dimension 3, component 0 has 2"},
		{mix(nil, parsed(t, "-x[0]^2", 1)), "no known normaliser"},
		{mix(nil, logGamma(t)), "no known normaliser"},
		{temper(density.Donut{}, 0), "the temperature is 0"},
		{temper(density.Donut{}, math.NaN()), "the temperature is NaN"},
		{temper(density.Funnel{Coordinates: 1}, 2), "funnel: 1 coordinates"},
		{temper(nil, 2), "is nil"},
		{transform(density.Normal{}, nil), "the change of variables is nil"},
		{transform(nil, nil), "is nil"},
		{transform(density.Normal{}, func(x autodiff.Value) (y, logDeterminant autodiff.Value) {
			return x.Index(0), x.Graph().Scalar(0)
		}), "shape"},
		{transform(density.Normal{}, func(x autodiff.Value) (y, logDeterminant autodiff.Value) { return x, x }), "log p is one number"},
		{transform(density.Normal{}, func(autodiff.Value) (y, logDeterminant autodiff.Value) { return }), "value of the graph"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", c.err, c.want)
		}
	}
}
