package mcmc

import (
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// Heun solves the probability flow of a density under falling noise (Karras et al. 2022, 2206.00364, algorithm 1): the
// differential equation
//
//	dx/dsigma = -sigma s(x, sigma),
//
// whose solutions that begin as draws of the density blurred by the first level end as draws of the density. A particle's
// way has no noise in it: all chance is in the start, about [Normal] of the first level's standard deviation.
//
// Transition t goes from level t to the next by a step of Heun's method, of second order and two evaluations; the last one goes
// to level 0 by a step of Euler's, which is x + sigma^2 s(x, sigma), the mean of the noise-free point given x. There are as
// many transitions as levels, and the particles stop there: a run is taken to transition [Heun.Length].
// [score.PowerLevels] makes levels. A Heun may not be copied once it is at work.
type Heun struct {
	Score  score.NoiseConditional
	Levels []float64 // noise levels, falling, at least 1
	// Euler makes every step one of Euler's: of first order, and one evaluation.
	Euler bool
	// KeepNoise leaves out the last transition, to level 0.
	KeepNoise bool

	at levelScores
}

// Length is the number of transitions of the schedule.
func (k *Heun) Length() uint64 {
	if k.KeepNoise {
		return uint64(max(1, len(k.Levels)) - 1)
	}
	return uint64(len(k.Levels))
}

// Check says what is wrong with the kernel's settings.
func (k *Heun) Check() error {
	if k.Score == nil {
		return errNoTarget
	}
	if len(k.Levels) == 0 {
		return fmt.Errorf("mcmc: heun without noise levels: set Levels, falling, as score.PowerLevels makes them")
	}
	return checkLevels("heun", k.Levels)
}

// checkLevels refuses noise levels that do not fall.
func checkLevels(kernel string, levels []float64) error {
	for i, sigma := range levels {
		if !(sigma > 0) || math.IsInf(sigma, 1) {
			return fmt.Errorf("mcmc: %s: noise level %d is %v: give a positive number", kernel, i, sigma)
		}
		if i > 0 && sigma >= levels[i-1] {
			return fmt.Errorf("mcmc: %s: noise level %d is %v after %v: levels fall", kernel, i, sigma, levels[i-1])
		}
	}
	return nil
}

// Dim implements [Kernel].
func (k *Heun) Dim() int { return k.Score.Dim() }

// Columns implements [Kernel]: scores at both ends of a step, and the point at its end.
func (k *Heun) Columns() (carried, scratch int) { return 0, 3 * k.Score.Dim() }

// Lanes is the number of particles that the score likes in a call, 1 if it has no preference.
func (k *Heun) Lanes() int {
	if k.Check() != nil {
		return 1
	}
	return lanesOf(k.scores()[0])
}

// String names the kernel, its settings and, where it has a name, its target.
func (k *Heun) String() string {
	method, ending := "heun", "denoised"
	if k.Euler {
		method = "euler"
	}
	if k.KeepNoise {
		ending = "not denoised"
	}
	return fmt.Sprintf("%s, probability flow along noise levels %v, %s%s", method, k.Levels, ending, targetName(k.Score))
}

// scores are those at each level.
func (k *Heun) scores() []score.Fn { return k.at.of(k.Score, k.Levels) }

// Init implements [Kernel]. Nothing is carried, and nothing evaluated: in so few evaluations one more would be felt.
func (k *Heun) Init(context.Context, *State) error { return k.Check() }

// Advance implements [Kernel].
func (k *Heun) Advance(ctx context.Context, s *State) error {
	if s.Transition >= k.Length() {
		return fmt.Errorf("mcmc: heun: its schedule has %d transitions: take the run to transition %d", k.Length(), k.Length())
	}
	t, level, dim := backends.Current(), int(s.Transition), s.X.Dim()
	sigma, next := k.Levels[level], 0.0
	if level+1 < len(k.Levels) {
		next = k.Levels[level+1]
	}
	here := s.Scratch(0, dim)
	if err := score.ForParticles(ctx, k.scores()[level], here, s.X, s.First); err != nil {
		return err
	}
	step := sigma - next
	if next == 0 || k.Euler {
		along(t, s.X, here, float64(step*sigma), s.X)
		s.Evaluations += uint64(s.Len())
		s.Transition++
		return nil
	}
	there, end := s.Scratch(dim, dim), s.Scratch(2*dim, dim)
	along(t, end, here, float64(step*sigma), s.X)
	if err := score.ForParticles(ctx, k.scores()[level+1], there, end, s.First); err != nil {
		return err
	}
	along(t, s.X, here, float64(step/2*sigma), s.X)
	along(t, s.X, there, float64(step/2*next), s.X)
	s.Evaluations += 2 * uint64(s.Len())
	s.Transition++
	return nil
}

// along sets y to x + size drift. y may be x.
func along(t *backends.Table, y, drift *lanes.Block, size float64, x *lanes.Block) {
	for j := range x.Dim() {
		t.FMA.VSV(y.Row(j), drift.Row(j), size, x.Row(j))
	}
}
