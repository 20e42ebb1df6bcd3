package mcmc

import (
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// Convention says what a step size means. Both are in use, a factor of 2 apart, and are mixed up often.
type Convention int

const (
	// StepFull moves by eps s(x) + sqrt(2 eps) z.
	StepFull Convention = iota
	// StepHalf moves by eps/2 s(x) + sqrt(eps) z.
	StepHalf
)

// String is the convention's name.
func (c Convention) String() string {
	switch c {
	case StepFull:
		return "full"
	case StepHalf:
		return "half"
	}
	return fmt.Sprintf("convention %d", int(c))
}

// full is the step in the convention StepFull. Halving is exact.
func (c Convention) full(step float64) float64 {
	if c == StepHalf {
		return step / 2
	}
	return step
}

func (c Convention) check() error {
	if c != StepFull && c != StepHalf {
		return fmt.Errorf("mcmc: step convention %d: use StepFull or StepHalf", int(c))
	}
	return nil
}

// Langevin is the unadjusted Langevin algorithm, x + eps s(x) + sqrt(2 eps) z with z standard normal: a step of
// Euler and Maruyama along the Langevin diffusion (Roberts & Tweedie 1996, 1.4.1).
//
// It needs no log p, and never rejects. So its law is a little off: for a Gaussian of variance v it is
// v / (1 - eps/(2v)), and above eps = 2v, v the variance in the narrowest direction, it runs away. Package
// mcmc/diagnose estimates the error.
type Langevin struct {
	Score      score.Fn
	Step       float64 // eps, positive
	Convention Convention
}

// Check says what is wrong with the kernel's settings.
func (k Langevin) Check() error {
	if k.Score == nil {
		return errNoTarget
	}
	if err := k.Convention.check(); err != nil {
		return err
	}
	return checkStep("langevin", k.Step)
}

// Dim implements [Kernel].
func (k Langevin) Dim() int { return k.Score.Dim() }

// Columns implements [Kernel]: a particle carries its step size.
func (k Langevin) Columns() (carried, scratch int) { return 1, k.Score.Dim() }

// StepSize is Step.
func (k Langevin) StepSize() float64 { return k.Step }

// Target implements [Targeted]. The density is known of a score that has a method Density, as those of [score.Of] have. A
// score that differs from particle to particle is not one target.
func (k Langevin) Target() (score.Fn, density.Differentiable) {
	if _, ok := k.Score.(score.ByParticle); ok {
		return nil, nil
	}
	if s, ok := k.Score.(interface{ Density() density.Differentiable }); ok {
		return k.Score, s.Density()
	}
	return k.Score, nil
}

// Lanes is the number of particles that the score likes in a call, 1 if it has no preference.
func (k Langevin) Lanes() int { return lanesOf(k.Score) }

// String names the kernel, its settings and, where it has a name, its target.
func (k Langevin) String() string {
	return fmt.Sprintf("langevin, step %v (%v)%s", k.Step, k.Convention, targetName(k.Score))
}

// Init implements [Kernel]. A score at the start that is not finite is an error.
func (k Langevin) Init(ctx context.Context, s *State) error {
	if err := k.Check(); err != nil {
		return err
	}
	drift := s.Scratch(0, k.Dim())
	if err := score.ForParticles(ctx, k.Score, drift, s.X, s.First); err != nil {
		return err
	}
	if err := finiteDrift(s, drift); err != nil {
		return err
	}
	step := s.Carried(0, 1).Row(0)
	for i := range step {
		step[i] = k.Convention.full(k.Step)
	}
	s.Evaluations += uint64(s.Len())
	return nil
}

// finiteDrift refuses a score that is not finite.
func finiteDrift(s *State, drift *lanes.Block) error {
	n := s.Len()
	for j := range drift.Dim() {
		if row := drift.Row(j)[:n]; !finite(row) {
			for i, v := range row {
				if !isFinite(v) {
					return s.Particle(i, fmt.Sprintf("coordinate %d of the score is %v", j, v))
				}
			}
		}
	}
	return nil
}

// Advance implements [Kernel].
func (k Langevin) Advance(ctx context.Context, s *State) error {
	drift := s.Scratch(0, s.X.Dim())
	if err := score.ForParticles(ctx, k.Score, drift, s.X, s.First); err != nil {
		return err
	}
	noise := math.Sqrt(2 * k.Convention.full(k.Step))
	s.Noise.Langevin(s.X, s.X, drift, s.Carried(0, 1).Row(0), noise, s.First, s.Transition)
	s.Evaluations += uint64(s.X.Len())
	s.Transition++
	return nil
}

// lanesOf is the preference of a target, at least 1.
func lanesOf(target any) int {
	if l, ok := target.(laner); ok {
		return max(1, l.Lanes())
	}
	return 1
}

// targetName is ", target NAME" for a target that has one.
func targetName(target any) string {
	if s, ok := target.(fmt.Stringer); ok {
		return ", target " + s.String()
	}
	return ""
}
