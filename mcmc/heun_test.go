package mcmc_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/mcmctest"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

// eightModes is the exact family of scores of eight equal normal modes of standard deviation 0.1 on a circle of radius 2.
type eightModes struct{}

func (eightModes) Dim() int { return 2 }

func (eightModes) At(sigma float64) score.Fn { return eightModesAt(0.01 + sigma*sigma) }

type eightModesAt float64 // the variance of a mode

func (eightModesAt) Dim() int { return 2 }

func (v eightModesAt) Score(_ context.Context, dst, x *lanes.Block) error {
	for i := range x.Len() {
		var dx, dy, exponent [8]float64
		for k := range 8 {
			sin, cos := math.Sincos(float64(k) * math.Pi / 4)
			dx[k], dy[k] = 2*cos-x.Row(0)[i], 2*sin-x.Row(1)[i]
			exponent[k] = -(dx[k]*dx[k] + dy[k]*dy[k]) / (2 * float64(v))
		}
		most := slices.Max(exponent[:])
		var sum, sx, sy float64
		for k := range 8 {
			w := math.Exp(exponent[k] - most)
			sum += w
			sx += w * dx[k]
			sy += w * dy[k]
		}
		dst.Row(0)[i], dst.Row(1)[i] = sx/sum/float64(v), sy/sum/float64(v)
	}
	return nil
}

// endpoints takes particles from the first level to 0.
func endpoints(t *testing.T, family score.NoiseConditional, steps int, high, low float64, particles int, euler bool) *lanes.Block {
	t.Helper()
	levels, err := score.PowerLevels(high, low, steps, score.EDMRho)
	if err != nil {
		t.Fatal(err)
	}
	k := &mcmc.Heun{Score: family, Levels: levels, Euler: euler}
	run := mcmc.Run{Start: mcmc.Normal{Scale: []float64{high, high}}, Kernel: k, Particles: particles, Seed: 5}
	if err := run.To(context.Background(), k.Length()); err != nil {
		t.Fatal(err)
	}
	evaluations := uint64(2*steps - 1)
	if euler {
		evaluations = uint64(steps)
	}
	if got := run.Report().Evaluations; got != evaluations*uint64(particles) {
		t.Errorf("%d steps of %d particles took %d evaluations, want %d a particle", steps, particles, got, evaluations)
	}
	return run.Positions()
}

// medianDistance is that between the points of two blocks.
func medianDistance(a, b *lanes.Block) float64 {
	distances := make([]float64, a.Len())
	for i := range distances {
		distances[i] = math.Hypot(a.Row(0)[i]-b.Row(0)[i], a.Row(1)[i]-b.Row(1)[i])
	}
	slices.Sort(distances)
	return distances[len(distances)/2]
}

// On the modes from noise level 80 to 0.002 the median errors fall with the square of the number of steps, Euler's with the
// number; values measured by another program stand beside.
func TestHeunIsOfSecondOrder(t *testing.T) {
	const particles = 400
	right := endpoints(t, eightModes{}, 2000, 80, 0.002, particles, false)
	for _, c := range []struct {
		euler              bool
		slope, at18, at144 float64
	}{{false, 2, 2.0e-2, 1.8e-4}, {true, 1, 4.9e-2, 5.4e-3}} {
		errors := map[int]float64{}
		for _, steps := range []int{18, 36, 72, 144} {
			errors[steps] = medianDistance(right, endpoints(t, eightModes{}, steps, 80, 0.002, particles, c.euler))
		}
		slope := math.Log2(errors[72] / errors[144])
		t.Logf("euler %v: median errors %v, slope %.2f", c.euler, errors, slope)
		if math.Abs(slope-c.slope) > 0.25 {
			t.Errorf("euler %v: slope %.2f from 72 to 144 steps, want %v", c.euler, slope, c.slope)
		}
		for steps, want := range map[int]float64{18: c.at18, 144: c.at144} {
			if errors[steps] < want/1.5 || errors[steps] > want*1.5 {
				t.Errorf("euler %v: median error %.2g after %d steps, want about %v", c.euler, errors[steps], steps, want)
			}
		}
	}
}

// Of a normal law the flow is known: x goes to mean + (x - mean) sd / sqrt(sd^2 + high^2).
func TestHeunFollowsTheFlowOfANormalLaw(t *testing.T) {
	const mean, sd, high = 3.0, 0.5, 30.0
	start := lanes.New(9, 2)
	if err := (mcmc.Normal{Scale: []float64{high, high}}).Sample(context.Background(), start, random.New(5, random.Start), 0); err != nil {
		t.Fatal(err)
	}
	end := endpoints(t, blurred{2, mean, sd, nil}, 4000, high, 1e-4, start.Len(), false)
	for j := range 2 {
		for i := range start.Len() {
			want := mean + (start.Row(j)[i]-mean)*sd/math.Sqrt(sd*sd+high*high)
			if got := end.Row(j)[i]; math.Abs(got-want) > 1e-5 {
				t.Errorf("particle %d, coordinate %d ends at %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestHeunIsFiniteInAnyNumberOfSteps(t *testing.T) {
	for _, steps := range []int{1, 2, 3, 5} {
		x := endpoints(t, eightModes{}, steps, 80, 0.002, 50, false)
		for i := range x.Len() {
			if r := math.Hypot(x.Row(0)[i], x.Row(1)[i]); !(r < 1000) || steps == 1 && r > 3 {
				t.Errorf("%d steps: particle %d ends at radius %v", steps, i, r)
			}
		}
	}
}

// Without the last transition particles keep noise of the last level.
func TestHeunKeepsNoiseWhereAsked(t *testing.T) {
	levels, err := score.PowerLevels(20, 0.3, 200, score.EDMRho)
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{false, true} {
		k := &mcmc.Heun{Score: blurred{1, 0, 0.01, nil}, Levels: levels, KeepNoise: keep}
		run := mcmc.Run{Start: mcmc.Normal{Scale: []float64{20}}, Kernel: k, Particles: 20_000, Seed: 3}
		if err := run.To(context.Background(), k.Length()); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		x := run.Positions().Row(0)[:20_000]
		for _, v := range x {
			sum += v * v
		}
		v := 0.3*0.3 + 0.01*0.01
		sd, want := math.Sqrt(sum/float64(len(x))), math.Sqrt(v)
		if !keep { // the mean of what is under the noise
			want = 0.01 * 0.01 / v * math.Sqrt(v)
		}
		t.Logf("noise kept %v: sd %.5f, right %.5f", keep, sd, want)
		if math.Abs(sd-want) > 0.03*want {
			t.Errorf("noise kept %v: sd %v, want about %v", keep, sd, want)
		}
	}
}

func TestHeunKeepsTheContract(t *testing.T) {
	levels, err := score.PowerLevels(20, 0.01, 100, score.EDMRho)
	if err != nil {
		t.Fatal(err)
	}
	mcmctest.Kernel(t, mcmctest.Subject{
		Start: mcmc.Normal{Scale: []float64{20, 20, 20}},
		Kernel: func(fail func() error) mcmc.Kernel {
			return &mcmc.Heun{Score: blurred{3, 1, 0.5, fail}, Levels: levels}
		},
	})
}

func TestHeunRefusesSettingsThatCannotWork(t *testing.T) {
	for _, c := range []struct {
		kernel *mcmc.Heun
		want   string
	}{
		{&mcmc.Heun{Levels: []float64{1}}, "without a target"},
		{&mcmc.Heun{Score: eightModes{}}, "without noise levels"},
		{&mcmc.Heun{Score: eightModes{}, Levels: []float64{1, 1}}, "noise level 1 is 1 after 1: levels fall"},
		{&mcmc.Heun{Score: eightModes{}, Levels: []float64{1, 0}}, "noise level 1 is 0: give a positive number"},
		{&mcmc.Heun{Score: eightModes{}, Levels: []float64{math.Inf(1)}}, "noise level 0 is +Inf"},
	} {
		if err := c.kernel.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	k := &mcmc.Heun{Score: eightModes{}, Levels: []float64{2, 1}}
	run := mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: k, Particles: 8, Seed: 1}
	if err := run.To(context.Background(), 3); err == nil || !strings.Contains(err.Error(), "its schedule has 2 transitions") {
		t.Errorf("beyond the schedule: %v", err)
	}
}

func ExampleHeun() {
	levels, err := score.PowerLevels(20, 0.01, 18, score.EDMRho)
	if err != nil {
		fmt.Println(err)
		return
	}
	k := &mcmc.Heun{Score: blurred{dim: 2, mean: 3, sd: 0.5}, Levels: levels}
	run := mcmc.Run{Start: mcmc.Normal{Scale: []float64{20, 20}}, Kernel: k, Particles: 1000, Seed: 1}
	err = run.To(context.Background(), k.Length())
	fmt.Println(k.Length(), "transitions,", run.Report().Evaluations/1000, "evaluations a particle, error:", err)
	// Output: 18 transitions, 35 evaluations a particle, error: <nil>
}
