package density_test

import (
	"cmp"
	"context"
	"math"
	"slices"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

// malaRun takes 10,000 particles from a start through MALA, its step tuned on pilots, and returns their positions and
// the acceptance.
func malaRun(t *testing.T, d density.Differentiable, start mcmc.Sampler, transitions uint64) (*lanes.Block, float64) {
	t.Helper()
	run := mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: d}, Tune: true, Particles: 10_000, Seed: 1}
	if err := run.To(context.Background(), transitions); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range run.Accepted() {
		sum += v
	}
	return run.Positions(), sum / float64(run.Particles) / float64(transitions)
}

// mannWhitney is the z-score of whether the values of a tend to be larger than those of b: the sum of their ranks.
func mannWhitney(a, b []float64) float64 {
	type value struct {
		v   float64
		ofA bool
	}
	all := make([]value, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, value{v: v, ofA: true})
	}
	for _, v := range b {
		all = append(all, value{v: v})
	}
	slices.SortFunc(all, func(x, y value) int { return cmp.Compare(x.v, y.v) })
	n, m := float64(len(a)), float64(len(b))
	sum, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		end := i
		for end < len(all) && all[end].v == all[i].v {
			end++
		}
		for _, v := range all[i:end] {
			if v.ofA {
				sum += float64(i+end+1) / 2
			}
		}
		k := float64(end - i)
		ties += k * (k*k - 1)
		i = end
	}
	total := n + m
	variance := n * m / 12 * (total + 1 - ties/(total*(total-1)))
	if variance == 0 {
		return 0
	}
	return (sum - n*(total+1)/2) / math.Sqrt(variance)
}

// 200 transitions of MALA leave exact draws as they were: against fresh exact draws, every coordinate, its distance from
// the middle, and log p have the same ranks, heavy tails or not.
func TestMALALeavesExactDrawsAsTheyWere(t *testing.T) {
	for _, e := range density.Catalogue() {
		t.Run(e.Name, func(t *testing.T) {
			d, err := e.New(0)
			if err != nil {
				t.Fatal(err)
			}
			moved, acceptance := malaRun(t, d, d.(density.Exact), 200)
			fresh := exactly(t, d, 10_000, 99)
			worst := 0.0
			compare := func(what string, a, b []float64) {
				z := mannWhitney(a, b)
				worst = max(worst, math.Abs(z))
				if !(math.Abs(z) < 4) {
					t.Errorf("%s has changed, z %.2f", what, z)
				}
			}
			var logp [2][]float64
			for k, x := range []*lanes.Block{moved, fresh} {
				logp[k] = make([]float64, x.Len())
				if err := d.LogProb(context.Background(), logp[k], x); err != nil {
					t.Fatal(err)
				}
			}
			compare("log p", logp[0], logp[1])
			for j := range d.Dim() {
				a, b := moved.Row(j)[:moved.Len()], fresh.Row(j)[:fresh.Len()]
				compare("a coordinate", a, b)
				middle := median(b)
				compare("the distance of a coordinate from its median", distances(a, middle), distances(b, middle))
			}
			t.Logf("%s: acceptance %.3f, largest |z| %.2f", e.Name, acceptance, worst)
			if !(acceptance > 0.3 && acceptance < 0.95) {
				t.Errorf("acceptance %.3f, want one between 0.3 and 0.95", acceptance)
			}
		})
	}
}

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func distances(values []float64, from float64) []float64 {
	list := make([]float64, len(values))
	for i, v := range values {
		list[i] = math.Abs(v - from)
	}
	return list
}

// 1,000 transitions from N(0, I) reach the densities that are meant for a first try, among them the banana.
func TestMALASettlesFromAColdStart(t *testing.T) {
	for _, name := range []string{"donut", "normal", "correlated-normal", "mixture-overlapping", "mixture-8", "banana"} {
		t.Run(name, func(t *testing.T) {
			d := mustNew(t, name)
			x, acceptance := malaRun(t, d, mcmc.Normal{Coordinates: d.Dim()}, 1000)
			worst := 0.0
			mean, covariance := d.(density.Moments).Mean(), d.(density.Moments).Covariance()
			for a := range d.Dim() {
				for b := range a + 1 {
					terms := make([]float64, x.Len())
					for i := range terms {
						terms[i] = (x.Row(a)[i]-mean[a])*(x.Row(b)[i]-mean[b]) - covariance[a][b]
					}
					z := zOfMean(terms)
					worst = max(worst, math.Abs(z))
					if !(math.Abs(z) < 4) {
						t.Errorf("covariance[%d][%d] is off by %.2f standard errors", a, b, z)
					}
				}
				z := mannWhitney(x.Row(a)[:x.Len()], exactly(t, d, 10_000, 98).Row(a)[:x.Len()])
				worst = max(worst, math.Abs(z))
				if !(math.Abs(z) < 4) {
					t.Errorf("coordinate %d is off, z %.2f", a, z)
				}
			}
			t.Logf("%s: acceptance %.3f, largest |z| %.2f", name, acceptance, worst)
		})
	}
}

// The bent banana is too hard for that, as its comment says; this is also what the test above looks like when it fails.
func TestMALADoesNotSettleOnTheBentBanana(t *testing.T) {
	d := mustNew(t, "banana-bent")
	x, _ := malaRun(t, d, mcmc.Normal{Coordinates: 2}, 1000)
	terms := make([]float64, x.Len())
	square := 0.0
	for i, v := range x.Row(0)[:x.Len()] {
		terms[i] = v*v - 1
		square += v * v / float64(x.Len())
	}
	z := zOfMean(terms)
	t.Logf("E[x0^2] is %.3f, z %.2f", square, z)
	if !(z < -4) {
		t.Errorf("E[x0^2] is %.3f after 1,000 transitions, z %.2f: the comment of Banana says that it does not settle", square, z)
	}
}

func zOfMean(terms []float64) float64 {
	mean, square := 0.0, 0.0
	for _, v := range terms {
		mean += v / float64(len(terms))
	}
	for _, v := range terms {
		square += (v - mean) * (v - mean)
	}
	n := float64(len(terms))
	return mean / math.Sqrt(square/(n-1)/n)
}
