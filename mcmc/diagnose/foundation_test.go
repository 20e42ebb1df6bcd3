package diagnose_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/diagnose"
	"github.com/scorefield/infer/score"
)

func parse(t *testing.T, text string, dim int) *density.Text {
	t.Helper()
	d, err := density.Parse(text, dim, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// judge runs and judges.
func judge(t *testing.T, run *mcmc.Run, steps uint64) diagnose.Verdict {
	t.Helper()
	watch := diagnose.Attach(run, steps)
	if err := run.To(context.Background(), steps); err != nil {
		t.Fatal(err)
	}
	v, err := watch.Judge(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("settled %v, half %.1f (%s), far %.1f (%s), stuck %d, far stuck %d, far outside %d, outside %d, %v", v.Settled, v.HalfTime.Z, v.HalfTime.What,
		v.Far.Z, v.Far.What, v.Stuck, v.FarStuck, v.FarOutside, v.Outside, run.Report())
	for _, reason := range v.Reasons {
		t.Log(reason)
	}
	return v
}

// evenly are n points of a line, evenly spaced inside an interval.
func evenly(n int, low, high float64) mcmc.Points {
	x := lanes.New(n, 1)
	for i := range n {
		x.SetPoint(i, []float64{low + (high-low)*(float64(i)+0.5)/float64(n)})
	}
	return mcmc.Points{X: x}
}

// Densities that broke other samplers, with their right values.
func TestFoundationCases(t *testing.T) {
	for _, c := range []struct {
		name, logp string
		dim        int
		start      mcmc.Sampler
		particles  int
		mean       []float64
		variance   []float64
		settled    bool // it has to be
	}{
		{"the branch not taken", "where(x[0] > 0, -x[0]*sqrt(x[0]), x[0])", 1, evenly(1000, -3, 0), 1000, []float64{-0.212682}, []float64{1.356250}, true},
		{"starts at the origin", "-norm(x)^2/2", 2, mcmc.Points{X: lanes.New(1000, 2)}, 1000, []float64{0, 0}, []float64{1, 1}, true},
		{"underflow", "logsumexp(-x[0]^2/2, -(x[0]-3)^2/2 - 800)", 1, nil, 4000, []float64{0}, []float64{1}, true},
		{"beta(1/2,1/2)", "-0.5*log(x[0]) - 0.5*log(1-x[0])", 1, evenly(1000, 0, 1), 1000, []float64{0.5}, nil, false},
		{"offset", "-x[0]^2/2 - 1e8", 1, nil, 4000, []float64{0}, []float64{1}, true},
		{"discontinuity", "-x[0]^2/2 + where(x[0] > 0, 3, 0)", 1, nil, 4000, []float64{0.722204}, []float64{0.478422}, true},
		{"plateau", "where(abs(x[0]) < 1, 0, log(0))", 1, nil, 4000, []float64{0}, []float64{1.0 / 3}, true},
		{"unary minus", "-x[0]^2/0.5 - (x[1]+1)^2/2", 2, nil, 4000, []float64{0, -1}, []float64{0.25, 1}, true},
		{"two scales", "-x[0]^2/2e-3 - x[1]^2*5E+1", 2, nil, 4000, []float64{0, 0}, []float64{0.001, 0.01}, true},
		{"root in a power", "-abs(x[0])^2^0.5", 1, nil, 4000, []float64{0}, []float64{0.821728}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := c.start
			if start == nil {
				start = mcmc.Normal{Coordinates: c.dim}
			}
			run := &mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: parse(t, c.logp, c.dim)}, Tune: true, Particles: c.particles, Seed: 1}
			v := judge(t, run, 1000)
			if c.settled && !v.Settled {
				t.Error("not settled")
			}
			x := run.Positions()
			for j, want := range c.mean {
				column := diagnose.Summarise(x.Row(j)[:x.Len()])
				z := (column.Mean - want) / column.MeanError
				t.Logf("mean of x[%d] %.5f, want %.5f, z %.2f", j, column.Mean, want, z)
				if math.Abs(z) > 4.5 {
					t.Errorf("mean of x[%d] is %v, want %v, z %v", j, column.Mean, want, z)
				}
				if c.variance == nil {
					continue
				}
				squares := make([]float64, x.Len())
				for i, v := range x.Row(j)[:x.Len()] {
					squares[i] = (v - want) * (v - want)
				}
				square := diagnose.Summarise(squares)
				z = (square.Mean - c.variance[j]) / square.MeanError
				t.Logf("variance of x[%d] %.5f, want %.5f, z %.2f", j, square.Mean, c.variance[j], z)
				if math.Abs(z) > 4.5 {
					t.Errorf("variance of x[%d] is %v, want %v, z %v", j, square.Mean, c.variance[j], z)
				}
			}
		})
	}
}

func TestTheDonutIsSettledFromAnywhere(t *testing.T) {
	circle := lanes.New(4000, 2)
	for i := range circle.Len() {
		angle := 2 * math.Pi * float64(i) / float64(circle.Len())
		circle.SetPoint(i, []float64{8 * math.Cos(angle), 8 * math.Sin(angle)})
	}
	for name, start := range map[string]mcmc.Sampler{
		"N(0, I)":    mcmc.Normal{Coordinates: 2},
		"N(0, 9 I)":  mcmc.Normal{Scale: []float64{3, 3}},
		"N(0, 25 I)": mcmc.Normal{Scale: []float64{5, 5}},
		"radius 8":   mcmc.Points{X: circle},
	} {
		t.Run(name, func(t *testing.T) {
			run := &mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: density.Donut{}}, Tune: true, Particles: 4000, Seed: 1}
			if v := judge(t, run, 1000); !v.Settled {
				t.Error("not settled")
			}
		})
	}
}

// From one side the angle takes several hundred steps: either it is even at the end, or it is said not to be.
func TestADonutStartedOnOneSide(t *testing.T) {
	for _, steps := range []uint64{100, 1000} {
		run := &mcmc.Run{
			Start: mcmc.Normal{Mean: []float64{3, 3}}, Kernel: mcmc.MALA{Density: density.Donut{}}, Tune: true, Particles: 10_000, Seed: 1,
		}
		v := judge(t, run, steps)
		x := run.Positions()
		column := diagnose.Summarise(x.Row(0)[:x.Len()])
		z := column.Mean / column.MeanError
		t.Logf("after %d steps: mean of x[0] %.3f, z %.1f", steps, column.Mean, z)
		if v.Settled && math.Abs(z) > 4.5 {
			t.Errorf("settled after %d steps with a mean %v standard errors off", steps, z)
		}
		if steps == 100 && v.Settled {
			t.Error("settled after 100 steps")
		}
	}
}

// The excess of E|s|^2 over E[-div s] under the stationary law of unadjusted Langevin on the donut: 43.5 % at a step of
// 1e-2 and 6.5 % at 2e-3.
func TestBiasOfLangevinOnTheDonut(t *testing.T) {
	for _, target := range []score.Fn{score.Of(density.Donut{}), score.Of(parse(t, "-(norm(x)-2.6)^2/0.033", 2))} {
		for _, c := range []struct{ step, excess float64 }{{1e-2, 0.435}, {2e-3, 0.065}} {
			run := &mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.Langevin{Score: target, Step: c.step}, Particles: 10_000, Seed: 1}
			v := judge(t, run, 1000)
			t.Logf("step %v: excess %.4f +- %.4f, want %.3f", c.step, v.Bias.Excess, v.Bias.StandardError, c.excess)
			if !v.Bias.Known || math.Abs(v.Bias.Excess-c.excess) > c.excess/4 {
				t.Errorf("step %v: %+v, want an excess of %v within a quarter", c.step, *v.Bias, c.excess)
			}
			if !v.Settled {
				t.Error("not settled")
			}
		}
	}
}

func TestBiasOfLangevinOnGaussians(t *testing.T) {
	// Variance v/(1 - eps/2v) against v: an excess of eps/2v / (1 - eps/2v).
	for _, c := range []struct {
		logp         string
		step, excess float64
	}{
		{"-x[0]^2/2", 0.5, 1.0 / 3}, {"-x[0]^2/2e-12", 5e-13, 1.0 / 3}, {"-(x[0] - 1e6)^2/2", 0.2, 1.0 / 9}, {"-x[0]^2/2e12", 5e11, 1.0 / 3},
	} {
		start := mcmc.Normal{Coordinates: 1, Scale: []float64{1e-6}}
		if c.step == 0.2 {
			start.Mean = []float64{1e6}
		}
		run := &mcmc.Run{Start: start, Kernel: mcmc.Langevin{Score: score.Of(parse(t, c.logp, 1)), Step: c.step}, Particles: 10_000, Seed: 1}
		v := judge(t, run, 200)
		z := (v.Bias.Excess - c.excess) / v.Bias.StandardError
		t.Logf("%s: excess %.4f +- %.4f, want %.4f, z %.2f", c.logp, v.Bias.Excess, v.Bias.StandardError, c.excess, z)
		if !v.Bias.Known || math.Abs(z) > 4.5 {
			t.Errorf("%s: %+v, want an excess of %v", c.logp, *v.Bias, c.excess)
		}
	}
}

func TestMALAHasNoBias(t *testing.T) {
	for _, d := range []density.Differentiable{density.Donut{}, parse(t, "-x[0]^2/2 - (x[1] - x[0]/2)^2", 2), parse(t, "-3*norm(x)", 2)} {
		run := &mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: d}, Tune: true, Particles: 4000, Seed: 1}
		look := diagnose.AttachBias(run, 1000)
		if v := judge(t, run, 1000); v.Bias != nil {
			t.Error("a verdict of MALA speaks of bias")
		}
		bias := look.Estimate()
		z := bias.Excess / bias.StandardError
		t.Logf("excess %.4f +- %.4f, z %.2f", bias.Excess, bias.StandardError, z)
		if !bias.Known || math.Abs(z) > 4.5 {
			t.Errorf("%+v", bias)
		}
	}
}

// A jump of log p gives no bias that the score could tell: under N(0, 1) the identity holds and P(x > 0) is a half. So does
// a support with an edge. Kinks and curved laws are no jumps.
func TestJumpsOfLogPAreFound(t *testing.T) {
	for _, c := range []struct {
		logp  string
		dim   int
		step  float64
		jumps float64 // share of moves over which log p jumps, about; 0: the bias is known
	}{
		{"-x[0]^2/2 + where(x[0]>0,3,0)", 1, 0.1, 0.13},
		{"-x[0]^2/2 + where(x[0]>0,3,0)", 1, 0.01, 0.045},
		{"-x[0]^2/2 + where(x[0]>0,0.7,0)", 1, 0.01, 0.045},
		{"-x[0]^2/2 + where(x[0]>3,8,0)", 1, 0.01, 0.0008},
		{"-x[0]^2/2 + 3*sigmoid(1000*x[0])", 1, 0.01, 0.025},
		{"where(x[0]>0,-x[0],log(0))", 1, 0.01, 0.81},
		{"-x[0]^2/2", 1, 0.5, 0},
		{"-(norm(x)-2.6)^2/0.033", 2, 0.01, 0},
		{"-(norm(x)-2.6)^2/0.033", 2, 0.002, 0},
		{"-3*norm(x)", 2, 0.01, 0},
		{"3*x[0] - exp(x[0])", 1, 0.1, 0},
		{"-(x[0]^2/2 - x[0]*(x[1] + sin(5*x[0]))/2 + 2*(x[1] + sin(5*x[0]))^2)/1.875", 2, 0.01, 0},
		{"-log(1 + x[0]^2)", 1, 0.1, 0},
	} {
		run := &mcmc.Run{
			Start: mcmc.Normal{Coordinates: c.dim}, Kernel: mcmc.Langevin{Score: score.Of(parse(t, c.logp, c.dim)), Step: c.step}, Particles: 4000, Seed: 1,
		}
		v := quietly(t, run, 500)
		t.Logf("%s, step %v: %+v", c.logp, c.step, *v.Bias)
		if c.jumps == 0 && (!v.Bias.Known || v.Bias.Jumps > 1e-4) || c.jumps > 0 && (v.Bias.Known || math.Abs(v.Bias.Jumps/c.jumps-1) > 0.3) {
			t.Errorf("%s, step %v: %+v, want %v jumps", c.logp, c.step, *v.Bias, c.jumps)
		}
	}
}

// An estimate that is all noise is none.
func TestANoisyBiasIsNotKnown(t *testing.T) {
	run := &mcmc.Run{
		Start: mcmc.Normal{Coordinates: 1}, Kernel: mcmc.Langevin{Score: score.Of(parse(t, "-abs(x[0])", 1)), Step: 0.002}, Particles: 4000, Seed: 1,
	}
	v := quietly(t, run, 500)
	t.Logf("%+v", *v.Bias)
	if v.Bias.Known || !strings.Contains(v.Bias.Why, "standard error") || v.Bias.StandardError < 0.1 {
		t.Errorf("%+v", *v.Bias)
	}
}

// Where the mean curvature of log p is not positive, the identity says nothing.
func TestNoBiasIsGivenWhereCurvatureVanishes(t *testing.T) {
	run := &mcmc.Run{
		Start: mcmc.Normal{Coordinates: 1}, Kernel: mcmc.Langevin{Score: score.Of(parse(t, "0*x[0]", 1)), Step: 0.1}, Particles: 1000, Seed: 1,
	}
	if v := judge(t, run, 100); v.Bias == nil || v.Bias.Known || v.Bias.Why == "" {
		t.Errorf("%+v", v.Bias)
	}
}
