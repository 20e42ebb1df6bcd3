package mcmc_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/mcmctest"
	"github.com/scorefield/infer/score"
)

// blurred is the family of scores of a normal law of standard deviation SD about Mean: -(x - mean)/(SD^2 + sigma^2).
type blurred struct {
	dim      int
	mean, sd float64
	fail     func() error
}

func (b blurred) Dim() int { return b.dim }

func (b blurred) At(sigma float64) score.Fn {
	return blurredAt{b, float64(b.sd*b.sd) + float64(sigma*sigma)}
}

type blurredAt struct {
	blurred
	variance float64
}

func (b blurredAt) Score(_ context.Context, dst, x *lanes.Block) error {
	if b.fail != nil {
		if err := b.fail(); err != nil {
			return err
		}
	}
	for j := range b.dim {
		to := dst.Row(j)
		for i, v := range x.Row(j) {
			to[i] = (b.mean - v) / b.variance
		}
	}
	return nil
}

func TestAnnealedKeepsTheContract(t *testing.T) {
	mcmctest.Kernel(t, mcmctest.Subject{
		Start: mcmc.Normal{Coordinates: 3},
		Kernel: func(fail func() error) mcmc.Kernel {
			return &mcmc.Annealed{Score: blurred{3, 1, 0.5, fail}, Levels: []float64{4, 2, 1, 0.5}, Steps: 100, Step: 0.01}
		},
	})
}

// Along one coordinate everything is linear, so the variance after each transition has a recursion: at level sigma, with
// v = sd^2 + sigma^2 and step a, var' = (1 - a/v)^2 var + 2a; denoising is the same without noise and with a = sigma_L^2.
func TestAnnealedFollowsTheRecursionOfANormalLaw(t *testing.T) {
	const mean, sd, particles = 3.0, 0.5, 40_000
	levels := []float64{8, 4, 2, 1, 0.5, 0.25}
	for _, c := range []struct {
		convention mcmc.Convention
		keep       bool
	}{{mcmc.StepFull, false}, {mcmc.StepFull, true}, {mcmc.StepHalf, false}} {
		k := &mcmc.Annealed{Score: blurred{2, mean, sd, nil}, Levels: levels, Steps: 7, Step: 0.02, Convention: c.convention, KeepNoise: c.keep}
		run := mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: k, Particles: particles, Seed: 3}
		if err := run.To(context.Background(), k.Length()); err != nil {
			t.Fatal(err)
		}
		wantMean, wantVar := 0.0, 1.0
		step := 0.02
		if c.convention == mcmc.StepHalf {
			step = 0.01
		}
		move := func(a, noise, v float64) {
			wantMean += a / v * (mean - wantMean)
			wantVar = (1-a/v)*(1-a/v)*wantVar + noise
		}
		last := levels[len(levels)-1]
		for _, sigma := range levels {
			a := step * sigma * sigma / (last * last)
			for range k.Steps {
				move(a, 2*a, sd*sd+sigma*sigma)
			}
		}
		if !c.keep {
			move(last*last, 0, sd*sd+last*last)
		}
		x := run.Positions()
		for j := range 2 {
			var sum, square float64
			for _, v := range x.Row(j)[:particles] {
				sum += v
				square += v * v
			}
			m := sum / particles
			v := square/particles - m*m
			zMean := (m - wantMean) / math.Sqrt(wantVar/particles)
			zVar := (v - wantVar) / (wantVar * math.Sqrt(2.0/particles))
			t.Logf("%v, noise kept %v, coordinate %d: mean %.4f, z %.2f; variance %.5f (want %.5f), z %.2f", c.convention, c.keep, j, m, zMean, v, wantVar, zVar)
			if math.Abs(zMean) > 4 || math.Abs(zVar) > 4 {
				t.Errorf("%v, noise kept %v: coordinate %d has mean %v and variance %v, want %v and %v", c.convention, c.keep, j, m, v, wantMean, wantVar)
			}
		}
	}
}

func TestAnnealedEndsWithItsSchedule(t *testing.T) {
	k := &mcmc.Annealed{Score: blurred{1, 0, 1, nil}, Levels: []float64{2, 1}, Steps: 3, Step: 0.1}
	if k.Length() != 7 {
		t.Errorf("length %d, want 2*3 + 1", k.Length())
	}
	run := mcmc.Run{Start: mcmc.Normal{Coordinates: 1}, Kernel: k, Particles: 8, Seed: 1}
	err := run.To(context.Background(), 8)
	if err == nil || !strings.Contains(err.Error(), "its schedule has 7 transitions") {
		t.Errorf("beyond the schedule: %v", err)
	}
}

func TestAnnealedRefusesSettingsThatCannotWork(t *testing.T) {
	good := func() *mcmc.Annealed {
		return &mcmc.Annealed{Score: blurred{1, 0, 1, nil}, Levels: []float64{2, 1}, Steps: 3, Step: 0.1}
	}
	for _, c := range []struct {
		change func(k *mcmc.Annealed)
		want   string
	}{
		{func(k *mcmc.Annealed) { k.Score = nil }, "without a target"},
		{func(k *mcmc.Annealed) { k.Levels = nil }, "without noise levels"},
		{func(k *mcmc.Annealed) { k.Levels = []float64{1, 1} }, "noise level 1 is 1 after 1: levels fall"},
		{func(k *mcmc.Annealed) { k.Levels = []float64{1, 0} }, "noise level 1 is 0: give a positive number"},
		{func(k *mcmc.Annealed) { k.Levels = []float64{math.NaN()} }, "noise level 0 is NaN"},
		{func(k *mcmc.Annealed) { k.Steps = 0 }, "0 transitions a noise level"},
		{func(k *mcmc.Annealed) { k.Step = 0 }, "a step of 0"},
		{func(k *mcmc.Annealed) { k.Convention = 5 }, "convention 5"},
	} {
		k := good()
		c.change(k)
		if err := k.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func ExampleAnnealed() {
	k := &mcmc.Annealed{Score: blurred{dim: 2, mean: 3, sd: 0.5}, Levels: []float64{4, 2, 1, 0.5}, Steps: 20, Step: 0.05}
	run := mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: k, Particles: 1000, Seed: 1}
	err := run.To(context.Background(), k.Length())
	fmt.Println(k.Length(), "transitions,", run.Positions().Len(), "draws, error:", err)
	// Output: 81 transitions, 1000 draws, error: <nil>
}
