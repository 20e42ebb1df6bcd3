package mcmc_test

import (
	"context"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/mcmctest"
	"github.com/scorefield/infer/score"
)

// byClass is a family of scores under which particle i follows a normal law of mean 10 (i mod 3) and standard deviation 0.5.
type byClass struct{ blurred }

func (b byClass) At(sigma float64) score.Fn {
	at, _ := b.blurred.At(sigma).(blurredAt)
	return byClassAt{at}
}

type byClassAt struct{ blurredAt }

func (b byClassAt) Score(ctx context.Context, dst, x *lanes.Block) error {
	return b.ScoreOf(ctx, dst, x, 0)
}

func (b byClassAt) ScoreOf(_ context.Context, dst, x *lanes.Block, first uint64) error {
	if b.fail != nil {
		if err := b.fail(); err != nil {
			return err
		}
	}
	for j := range b.dim {
		for i, v := range x.Row(j)[:x.Len()] {
			dst.Row(j)[i] = (10*float64((first+uint64(i))%3) - v) / b.variance
		}
	}
	return nil
}

var _ score.ByParticle = byClassAt{}

// classKernels are the kernels that follow scores, on a score that goes by particle.
var classKernels = []struct {
	name   string
	length uint64
	kernel func(fail func() error) mcmc.Kernel
}{
	{"langevin", 300, func(fail func() error) mcmc.Kernel {
		return mcmc.Langevin{Score: byClass{blurred{2, 0, 0.5, fail}}.At(0), Step: 0.02}
	}},
	{"annealed", 301, func(fail func() error) mcmc.Kernel {
		return &mcmc.Annealed{Score: byClass{blurred{2, 0, 0.5, fail}}, Levels: []float64{4, 1, 0.25}, Steps: 100, Step: 0.01}
	}},
	{"heun", 100, func(fail func() error) mcmc.Kernel {
		levels, err := score.PowerLevels(20, 0.01, 100, score.EDMRho)
		if err != nil {
			panic(err)
		}
		return &mcmc.Heun{Score: byClass{blurred{2, 0, 0.5, fail}}, Levels: levels}
	}},
}

func TestScoresByParticleKeepTheContract(t *testing.T) {
	for _, c := range classKernels {
		t.Run(c.name, func(t *testing.T) {
			mcmctest.Kernel(t, mcmctest.Subject{Start: mcmc.Normal{Scale: []float64{20, 20}}, Kernel: c.kernel})
		})
	}
}

// Every particle ends at the mean of its class.
func TestParticlesFollowTheirClass(t *testing.T) {
	for _, c := range classKernels {
		run := mcmc.Run{Start: mcmc.Normal{Scale: []float64{20, 20}}, Kernel: c.kernel(nil), First: 7, Particles: 100, Population: 200, Seed: 1}
		if err := run.To(context.Background(), c.length); err != nil {
			t.Fatal(err)
		}
		x := run.Positions()
		for j := range x.Dim() {
			for i, v := range x.Row(j)[:x.Len()] {
				if want := 10 * float64((7+i)%3); v < want-3 || v > want+3 {
					t.Errorf("%s: particle %d ends at %v, its class has mean %v", c.name, 7+i, v, want)
				}
			}
		}
	}
}
