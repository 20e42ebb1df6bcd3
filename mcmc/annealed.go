package mcmc

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/scorefield/infer/score"
)

// Annealed is Langevin dynamics along falling noise levels (Song and Ermon 2019, 1907.05600): transition t follows the score at
// level t / Steps with a step size of
//
//	Step sigma^2 / sigma_L^2,    sigma_L the last level,
//
// and one more transition denoises: x + sigma_L^2 s(x, sigma_L), the mean of the noise-free point given x. Without it the noise of
// the last level stays in the draws. [score.DesignNoise] makes levels and a step.
//
// The schedule has a length, and the particles stop there: a run is taken to transition [Annealed.Length]. An Annealed may not be
// copied once it is at work.
type Annealed struct {
	Score      score.NoiseConditional
	Levels     []float64 // noise levels, falling
	Steps      int       // transitions a level, at least 1
	Step       float64   // eps, the step size at the last level, positive
	Convention Convention
	// KeepNoise leaves out the denoising transition at the end.
	KeepNoise bool

	at levelScores
}

// Length is the number of transitions of the schedule.
func (k *Annealed) Length() uint64 {
	length := uint64(len(k.Levels)) * uint64(k.Steps)
	if !k.KeepNoise {
		length++
	}
	return length
}

// Check says what is wrong with the kernel's settings.
func (k *Annealed) Check() error {
	if k.Score == nil {
		return errNoTarget
	}
	if err := k.Convention.check(); err != nil {
		return err
	}
	if len(k.Levels) == 0 {
		return fmt.Errorf("mcmc: annealed langevin without noise levels: set Levels, falling, as score.DesignNoise or score.Geometric make them")
	}
	if err := checkLevels("annealed langevin", k.Levels); err != nil {
		return err
	}
	if k.Steps < 1 || uint64(k.Steps) > lastTransition/uint64(len(k.Levels)) {
		return fmt.Errorf("mcmc: annealed langevin with %d transitions a noise level: give at least 1", k.Steps)
	}
	return checkStep("annealed langevin", k.Step)
}

// Dim implements [Kernel].
func (k *Annealed) Dim() int { return k.Score.Dim() }

// Columns implements [Kernel].
func (k *Annealed) Columns() (carried, scratch int) { return 0, k.Score.Dim() + 1 }

// StepSize is Step, that of the last level.
func (k *Annealed) StepSize() float64 { return k.Step }

// Lanes is the number of particles that the score likes in a call, 1 if it has no preference.
func (k *Annealed) Lanes() int {
	if k.Check() != nil {
		return 1
	}
	return lanesOf(k.scores()[0])
}

// String names the kernel, its settings and, where it has a name, its target.
func (k *Annealed) String() string {
	ending := "denoised"
	if k.KeepNoise {
		ending = "not denoised"
	}
	return fmt.Sprintf("annealed langevin, noise levels %v, %d transitions each, step %v (%v) at the last, %s%s",
		k.Levels, k.Steps, k.Step, k.Convention, ending, targetName(k.Score))
}

// scores are those at each level.
func (k *Annealed) scores() []score.Fn { return k.at.of(k.Score, k.Levels) }

// Init implements [Kernel]. A score at the start that is not finite is an error.
func (k *Annealed) Init(ctx context.Context, s *State) error {
	if err := k.Check(); err != nil {
		return err
	}
	drift := s.Scratch(0, k.Dim())
	if err := score.ForParticles(ctx, k.scores()[0], drift, s.X, s.First); err != nil {
		return err
	}
	s.Evaluations += uint64(s.Len())
	return finiteDrift(s, drift)
}

// Advance implements [Kernel].
func (k *Annealed) Advance(ctx context.Context, s *State) error {
	if s.Transition >= k.Length() {
		return fmt.Errorf("mcmc: annealed langevin: its schedule has %d transitions: take the run to transition %d", k.Length(), k.Length())
	}
	level := int(s.Transition / uint64(k.Steps))
	last := k.Levels[len(k.Levels)-1]
	var size, noise float64
	if level == len(k.Levels) { // denoise
		level--
		size = float64(last * last)
	} else {
		ratio := k.Levels[level] / last
		size = float64(k.Convention.full(k.Step) * float64(ratio*ratio))
		noise = math.Sqrt(2 * size)
	}
	dim := s.X.Dim()
	drift, sizes := s.Scratch(0, dim), s.Scratch(dim, 1).Row(0)
	if err := score.ForParticles(ctx, k.scores()[level], drift, s.X, s.First); err != nil {
		return err
	}
	fill(sizes, size)
	s.Noise.Langevin(s.X, s.X, drift, sizes, noise, s.First, s.Transition)
	s.Evaluations += uint64(s.Len())
	s.Transition++
	return nil
}

// levelScores asks a family for its score at each of some levels, once.
type levelScores struct {
	once sync.Once
	at   []score.Fn
}

func (l *levelScores) of(family score.NoiseConditional, levels []float64) []score.Fn {
	l.once.Do(func() {
		l.at = make([]score.Fn, len(levels))
		for i, sigma := range levels {
			l.at[i] = family.At(sigma)
		}
	})
	return l.at
}
