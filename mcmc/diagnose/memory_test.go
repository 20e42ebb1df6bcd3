package diagnose_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/diagnose"
	"github.com/scorefield/infer/score"
)

// shareBelow is the probability that the only coordinate is below 0, by the midpoint rule.
func shareBelow(t *testing.T, d density.Density) float64 {
	const n, low, high = 40_000, -8.0, 8.0
	x := lanes.New(n, 1)
	logp := make([]float64, n)
	for i := range n {
		x.SetPoint(i, []float64{low + (high-low)*(float64(i)+0.5)/n})
	}
	if err := d.LogProb(t.Context(), logp, x); err != nil {
		t.Fatal(err)
	}
	most := slices.Max(logp)
	var below, all float64
	for i, v := range logp {
		p := math.Exp(v - most)
		all += p
		if x.Row(0)[i] < 0 {
			below += p
		}
	}
	return below / all
}

// Modes between which nothing crosses: starts split by basin, half and half, and everything is at rest but the shares.
func TestSharesOfTheStartAreReported(t *testing.T) {
	for _, c := range []struct {
		logp  string
		dim   int
		share float64 // of the mass with sum(x) or, in two dimensions, x[0] below 0; NaN: by quadrature
	}{
		{"logsumexp(log(0.7)-(x[0]+2)^2/0.5, log(0.3)-(x[0]-2)^2/0.5)", 1, math.NaN()},
		{"logsumexp(log(0.7)-(x[0]+2.5)^2/0.5, log(0.3)-(x[0]-2.5)^2/0.5)", 1, math.NaN()},
		{"logsumexp(log(0.7)-(x[0]+3)^2/0.5, log(0.3)-(x[0]-3)^2/0.5)", 1, math.NaN()},
		{"logsumexp(log(0.7)-(x[0]+4)^2/0.5, log(0.3)-(x[0]-4)^2/0.5)", 1, math.NaN()},
		{"-10*(x[0]^2-1)^2 + x[0]", 1, math.NaN()},
		{"-8*(x[0]^2-1)^2 + 0.3*x[0]", 1, math.NaN()},
		{"-7*(x[0]^2-1)^2 + 0.3*x[0]", 1, math.NaN()},
		{"-6*(x[0]^2-1)^2 + 0.1*x[0]", 1, math.NaN()},
		{"where(x[0]>2, -x[0]^2/2+2, where(x[0]<0-1, -x[0]^2/2, log(0)))", 1, math.NaN()},
		{"logsumexp(log(0.8)-((x[0]+2)^2+(x[1]-1)^2)/0.3, log(0.2)-((x[0]-2)^2+(x[1]+1)^2)/0.3)", 2, 0.8},
		{"logsumexp(log(0.6)-sum((x-1)^2)*2, log(0.4)-sum((x+1)^2)*2)", 5, 0.4},
		{"logsumexp(log(0.7)-sum((x-1.5)^2), log(0.3)-sum((x+1.5)^2))", 10, 0.3},
		// 6 standard deviations apart, but only 0.4 in each coordinate.
		{"logsumexp(log(0.7)-sum((x-0.22)^2)/2, log(0.3)-sum((x+0.22)^2)/2)", 200, 0.3},
	} {
		d := parse(t, c.logp, c.dim)
		if c.share != c.share {
			c.share = shareBelow(t, d)
		}
		seeds := uint64(2)
		if c.dim == 200 {
			seeds = 1
		}
		for seed := uint64(1); seed <= seeds; seed++ {
			run := &mcmc.Run{Start: mcmc.Normal{Coordinates: c.dim}, Kernel: mcmc.MALA{Density: d}, Tune: true, Particles: 2000, Seed: seed}
			steps := uint64(1000)
			if c.dim == 200 {
				steps = 200
			}
			v := quietly(t, run, steps)
			x := run.Positions()
			below := 0.0
			for i := range x.Len() {
				side := x.Row(0)[i]
				if c.dim > 2 {
					side = 0
					for j := range c.dim {
						side += x.Row(j)[i]
					}
				}
				if side < 0 {
					below++
				}
			}
			n := float64(x.Len())
			z := (below - n*c.share) / math.Sqrt(n*c.share*(1-c.share))
			t.Logf("%s, seed %d: settled %v, share %.3f for %.3f, z %.1f; memory %+.2f, %+.2f of %s (limit %.2f)",
				c.logp, seed, v.Settled, below/n, c.share, z, v.Memory.Half, v.Memory.ThreeQuarters, v.Memory.What, v.Memory.Limit)
			if v.Settled || !v.Memory.Trapped() || !slices.ContainsFunc(v.Reasons, func(s string) bool { return strings.Contains(s, "the shares of its parts are those of the start") }) {
				t.Errorf("%s, seed %d: settled %v, %v", c.logp, seed, v.Settled, v.Reasons)
			}
		}
	}
}

// Whoever wanders slowly remembers too, but forgets with time: a note where it is much, and no fault.
func TestWanderersAreNoPrisoners(t *testing.T) {
	donut := score.Of(density.Donut{})
	for _, c := range []struct {
		name    string
		kernel  mcmc.Kernel
		memory  float64 // rank correlation with half-time
		noteFor string
	}{
		{"donut, MALA", mcmc.MALA{Density: density.Donut{}}, 0.30, ""},
		{"donut, Langevin with 1e-2", mcmc.Langevin{Score: donut, Step: 1e-2}, 0.47, ""},
		{"donut, Langevin with 2e-3", mcmc.Langevin{Score: donut, Step: 2e-3}, 0.85, "particles remember where they were"},
		{"ring of radius 4", mcmc.MALA{Density: parse(t, "-(norm(x)-4)^2/0.03", 2)}, 0.63, "particles remember where they were"},
		{"narrow normal", mcmc.MALA{Density: parse(t, "-x[0]^2/2-x[1]^2/0.002", 2)}, 0.60, "particles remember where they were"},
		{"a double well that is crossed", mcmc.MALA{Density: parse(t, "-4*(x[0]^2-1)^2 + 0.1*x[0]", 1)}, 0.13, ""},
		{"50 dimensions", mcmc.MALA{Density: parse(t, "-dot(x,x)/2", 50)}, 0, ""},
	} {
		for seed := uint64(1); seed <= 2; seed++ {
			run := &mcmc.Run{Start: mcmc.Normal{Coordinates: c.kernel.Dim()}, Kernel: c.kernel, Particles: 2000, Seed: seed}
			run.Tune = run.Adjusted()
			steps := uint64(1000)
			if c.kernel.Dim() == 50 {
				steps = 200
			}
			v := quietly(t, run, steps)
			t.Logf("%s, seed %d: memory %.2f, %.2f of %s", c.name, seed, v.Memory.Half, v.Memory.ThreeQuarters, v.Memory.What)
			if !v.Settled {
				t.Errorf("%s, seed %d: %v", c.name, seed, v.Reasons)
			}
			if math.Abs(v.Memory.Half-c.memory) > 0.08 {
				t.Errorf("%s, seed %d: memory %v, want about %v", c.name, seed, v.Memory.Half, c.memory)
			}
			noted := slices.ContainsFunc(v.Notes, func(s string) bool { return strings.HasPrefix(s, "particles remember") })
			if noted != (c.noteFor != "") {
				t.Errorf("%s, seed %d: notes %q", c.name, seed, v.Notes)
			}
		}
	}
}

// One mode of two has all the particles: they remember nothing, and the far start finds the other.
func TestAFarStartFindsTheOtherMode(t *testing.T) {
	run := &mcmc.Run{
		Start:  mcmc.Normal{Mean: []float64{0}, Scale: []float64{0.2}},
		Kernel: mcmc.MALA{Density: parse(t, "logsumexp(log(0.5)-x[0]^2/0.1, log(0.5)-(x[0]-2)^2/0.1)", 1)}, Tune: true, Particles: 4000, Seed: 1,
	}
	v := quietly(t, run, 500)
	if v.Settled || !v.Far.Failed() || v.FarSteps != 2000 || !strings.Contains(v.Reasons[0], "and rests: the law has parts") {
		t.Errorf("settled %v, %d steps, %q", v.Settled, v.FarSteps, v.Reasons)
	}
}

// A far start that had no time to arrive is given more: the population was right.
func TestAFarStartThatArrivesLateIsNoFault(t *testing.T) {
	for _, c := range []struct {
		logp string
		seed uint64
	}{
		{"-x[0]^2/2-x[1]^2/0.002", 1}, {"-x[0]^2/2-x[1]^2/0.002", 2}, {"-x[0]^2/2-(x[1]-0.5*x[0]^2)^2/0.2", 1},
	} {
		run := &mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: parse(t, c.logp, 2)}, Tune: true, Particles: 10_000, Seed: c.seed}
		v := quietly(t, run, 1000)
		t.Logf("%s, seed %d: far z %.1f, limit %.1f, after %d steps; %q", c.logp, c.seed, v.Far.Z, v.Far.Limit, v.FarSteps, v.Notes)
		if !v.Settled || v.FarSteps != 4000 || !slices.ContainsFunc(v.Notes, func(s string) bool { return strings.Contains(s, "had not arrived after 1,000 transitions") }) {
			t.Errorf("%s, seed %d: settled %v, %q", c.logp, c.seed, v.Settled, v.Reasons)
		}
	}
}

// A law without a norm spreads for ever; nobody should be told to run longer without being asked about that.
func TestLawsThatCannotBeNormalised(t *testing.T) {
	for _, c := range []struct {
		logp, name string
		dim        int
	}{{"x[0]", "x[0]", 1}, {"0*x[0]", "x[0]", 1}, {"-log(1+x[0]^2)/10", "x[0]", 1}, {"-x[0]^2/2", "x[1]", 2}} {
		for seed := uint64(1); seed <= 2; seed++ {
			run := &mcmc.Run{Start: mcmc.Normal{Coordinates: c.dim}, Kernel: mcmc.MALA{Density: parse(t, c.logp, c.dim)}, Tune: true, Particles: 4000, Seed: seed}
			v := quietly(t, run, 500)
			if v.Settled || !strings.HasPrefix(v.Reasons[0], c.name+" spreads ever wider") || !strings.Contains(v.Reasons[0], "normalised") {
				t.Errorf("%s, seed %d: settled %v, %q", c.logp, seed, v.Settled, v.Reasons)
			}
			if slices.ContainsFunc(v.Reasons[1:], func(s string) bool { return strings.Contains(s, "run longer") }) {
				t.Errorf("%s, seed %d: advises to run longer: %q", c.logp, seed, v.Reasons)
			}
		}
	}
}

// In few transitions some particles are rejected each time, which says nothing of the step.
func TestFewStepsLeaveSomeParticlesWhereTheyAre(t *testing.T) {
	for _, steps := range []uint64{1, 3, 4, 5, 10} {
		run := &mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: density.Normal{Coordinates: 2}}, Tune: true, Particles: 10_000, Seed: 1}
		v := quietly(t, run, steps)
		all := strings.Join(append(v.Reasons, v.Notes...), "\n")
		if v.Stuck == 0 || strings.Contains(all, "the step is too large") || strings.Contains(all, "1 transitions") {
			t.Errorf("after %d steps: %d stuck, %s", steps, v.Stuck, all)
		}
		if v.Settled != (steps >= 4) {
			t.Errorf("after %d steps: settled %v, %q", steps, v.Settled, v.Reasons)
		}
	}
}

// quietly runs and judges.
func quietly(t *testing.T, run *mcmc.Run, steps uint64) diagnose.Verdict {
	t.Helper()
	watch := diagnose.Attach(run, steps)
	if err := run.To(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	v, err := watch.Judge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}
