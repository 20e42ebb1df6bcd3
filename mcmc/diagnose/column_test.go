package diagnose

import (
	"math"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

func draws(n int, label uint64, f func(z0, z1, u float64) float64) []float64 {
	z, u := lanes.New(n, 2), lanes.New(n, 1)
	random.New(1, random.User).Sub(label).Normal(z, 0, 0)
	random.New(2, random.User).Sub(label).Uniform(u, 0, 0)
	v := make([]float64, n)
	for i := range v {
		v[i] = f(z.Row(0)[i], z.Row(1)[i], u.Row(0)[i])
	}
	return v
}

func TestSummaryOfNormalDraws(t *testing.T) {
	c := Summarise(draws(10_000, 1, func(z, _, _ float64) float64 { return 3 + 2*z }))
	if z := (c.Mean - 3) / 0.02; math.Abs(z) > 4 {
		t.Errorf("mean %v, z %.2f", c.Mean, z)
	}
	if z := (c.SD - 2) / (2 / math.Sqrt(20_000)); math.Abs(z) > 4 {
		t.Errorf("sd %v, z %.2f", c.SD, z)
	}
	if math.Abs(c.MeanError-0.02) > 0.001 || c.TailIndex > 0.3 {
		t.Errorf("error %v, tail index %v", c.MeanError, c.TailIndex)
	}
	for i, want := range []float64{3 - 2*1.6448536, 3 - 2*0.6744898, 3, 3 + 2*0.6744898, 3 + 2*1.6448536} {
		if math.Abs(c.Quantiles[i]-want) > 0.12 {
			t.Errorf("quantile %v: %v, want %v", Probabilities[i], c.Quantiles[i], want)
		}
	}
}

// A Cauchy law has no mean, so a summary of its draws gives none; light tails are not called heavy.
func TestHeavyTailsHaveNoOrdinaryError(t *testing.T) {
	for label := range uint64(10) {
		cauchy := Summarise(draws(10_000, label, func(z0, z1, _ float64) float64 { return z0 / z1 }))
		if cauchy.Mean == cauchy.Mean || cauchy.SD == cauchy.SD || cauchy.MeanError == cauchy.MeanError {
			t.Errorf("Cauchy: %+v", cauchy)
		}
		if math.Abs(cauchy.Quantiles[2]) > 0.06 {
			t.Errorf("Cauchy: median %v", cauchy.Quantiles[2])
		}
		light := Summarise(draws(10_000, label, func(_, _, u float64) float64 { return u }))
		if light.TailIndex > 0 || light.MeanError != light.MeanError {
			t.Errorf("uniform: %+v", light)
		}
		exponential := Summarise(draws(10_000, label, func(_, _, u float64) float64 { return -math.Log(u) }))
		if exponential.TailIndex > 0.3 || exponential.MeanError != exponential.MeanError {
			t.Errorf("exponential: %+v", exponential)
		}
	}
}

// A few draws in a mode far away are no tail: 0.9, 0.09 and 0.01 of the mass at 0, 5 and 10.
func TestGapsBetweenModesAreNoHeavyTails(t *testing.T) {
	for _, width := range []float64{1, 0.2} {
		for label := range uint64(8) {
			c := Summarise(draws(10_000, label, func(z, _, u float64) float64 {
				switch {
				case u < 0.01:
					return 10 + width*z
				case u < 0.1:
					return 5 + width*z
				}
				return width * z
			}))
			if c.MeanError != c.MeanError {
				t.Errorf("width %v: %+v", width, c)
			}
			if z := (c.Mean - 0.55) / c.MeanError; math.Abs(z) > 4.5 {
				t.Errorf("width %v: mean %v, z %.2f", width, c.Mean, z)
			}
		}
	}
}

// The summary of a run believes the index it is given.
func TestSummaryOfARunUsesItsTailIndex(t *testing.T) {
	values := draws(10_000, 5, func(z, _, _ float64) float64 { return z })
	for _, c := range []struct {
		index    float64
		mean, sd bool
	}{{math.NaN(), true, true}, {0, true, true}, {0.5, true, true}, {0.51, true, false}, {0.69, true, false}, {0.71, false, false}, {5, false, false}} {
		s := SummariseRun(values, c.index)
		if (s.Mean == s.Mean) != c.mean || (s.SD == s.SD) != c.sd || (s.MeanError == s.MeanError) != c.sd || s.Quantiles[2] != s.Quantiles[2] {
			t.Errorf("index %v: %+v", c.index, s)
		}
	}
}

// Sums of squares overflow from 1e154 on, differences from 9e307.
func TestSummaryOfVastAndTinyNumbers(t *testing.T) {
	const huge = 1e308
	c := Summarise([]float64{huge, -huge, huge, -huge, huge, -huge, huge, -huge, huge, -huge})
	if c.Quantiles[2] != 0 || c.Quantiles[0] != -huge || c.Mean != 0 || math.Abs(c.SD/huge-math.Sqrt(10.0/9)) > 1e-12 || math.Abs(c.MeanError/huge-1.0/3) > 1e-12 {
		t.Errorf("ten of 1e308: %+v", c)
	}
	if c := Summarise([]float64{-math.MaxFloat64, math.MaxFloat64}); c.Mean != 0 || c.SD == c.SD || c.Quantiles[2] != 0 {
		t.Errorf("the largest numbers: %+v", c)
	}
	ordinary := draws(1000, 1, func(z, _, _ float64) float64 { return 3 + z })
	want := Summarise(ordinary)
	for _, exponent := range []int{900, -900} {
		scaled := make([]float64, len(ordinary))
		for i, v := range ordinary {
			scaled[i] = math.Ldexp(v, exponent)
		}
		got := Summarise(scaled)
		if got.Mean != math.Ldexp(want.Mean, exponent) || got.SD != math.Ldexp(want.SD, exponent) || math.Abs(got.TailIndex-want.TailIndex) > 1e-9 {
			t.Errorf("times 2^%d: %+v, want %+v", exponent, got, want)
		}
	}
}

func TestSummaryOfLittle(t *testing.T) {
	if c := Summarise(nil); c.Count != 0 || c.Mean == c.Mean || c.Quantiles[2] == c.Quantiles[2] {
		t.Errorf("nothing: %+v", c)
	}
	if c := Summarise([]float64{5}); c.Mean != 5 || c.SD == c.SD || c.Quantiles[0] != 5 {
		t.Errorf("one: %+v", c)
	}
	if c := Summarise([]float64{1, 2, math.NaN(), math.Inf(1)}); c.Mean != 1.5 || c.NotFinite != 2 || c.Quantiles[2] != 1.5 || c.SD != math.Sqrt(0.5) {
		t.Errorf("some not finite: %+v", c)
	}
	constant := make([]float64, 1000)
	for i := range constant {
		constant[i] = 0.1
	}
	if c := Summarise(constant); c.Mean != 0.1 || c.SD != 0 || c.TailIndex != 0 {
		t.Errorf("constant: %+v", c)
	}
}

// 1e8 + z has its spread in the last digits.
func TestSummaryOfLargeOffset(t *testing.T) {
	c := Summarise(draws(10_000, 3, func(z, _, _ float64) float64 { return 1e8 + z }))
	if math.Abs(c.SD-1) > 0.03 || math.Abs(c.Mean-1e8) > 0.04 {
		t.Errorf("%+v", c)
	}
}
