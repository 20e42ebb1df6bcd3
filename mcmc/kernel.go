// Package mcmc moves a population of particles by Markov kernels: on all cores, to the same bits whatever the
// number of workers, the size of the blocks or the machine.
//
// A [Run] takes a [Sampler], which says where the particles begin, and a [Kernel], which moves them, and
// brings every particle to a transition:
//
//	run := mcmc.Run{
//		Start:     mcmc.Normal{Scale: []float64{1, 1}},
//		Kernel:    mcmc.MALA{Density: density.Donut{}},
//		Tune:      true, // the step size, on pilot particles
//		Particles: 10_000,
//		Seed:      1,
//	}
//	err := run.To(ctx, 1000)
//	x := run.Positions()
//
// Particles never look at each other inside a run. What needs the whole population, as the choice of a step
// size and every diagnostic does, happens between two calls of [Run.To]. A [Look] notes something of each
// particle on the way, a [Sink] takes the draws, a checkpoint lets a run that was stopped go on to the same
// bits. Package mcmc/diagnose says whether a run can be believed, package mcmc/mcmctest is the contract of
// the interfaces as tests.
package mcmc

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

// Kernel advances the particles of a state.
//
// It holds its target and its tunables and nothing that changes; everything that changes is in the state. It
// is safe for concurrent calls on different states. A call that fails leaves the state as it found it:
// evaluate first, write after. Kernels that print themselves (fmt.Stringer) are named in checkpoints and
// errors; so far as they name their target, a resume checks it.
type Kernel interface {
	// Dim is the number of coordinates of a particle.
	Dim() int
	// Columns are the numbers a particle carries besides its position (log p, gradient), kept from one
	// transition to the next, and those that are scratch.
	Columns() (carried, scratch int)
	// Init fills the carried columns at the start; a resumed run has them. A particle from which no move can
	// be judged (log p is NaN or +Inf) is an error that names it; see [State.Particle].
	Init(ctx context.Context, s *State) error
	// Advance gives every particle one more evaluation of the target, mostly a whole transition, and counts
	// it in s.Transition. It does not allocate once warm.
	Advance(ctx context.Context, s *State) error
}

// Tunable is a Kernel that accepts or rejects, and whose step size pilots can set.
type Tunable interface {
	Kernel
	// Acceptance is the mean acceptance probability to aim at.
	Acceptance() float64
	// WithStep is the same kernel with another step size, positive and finite.
	WithStep(size float64) Tunable
	// FirstStep is a step size to begin tuning with, guessed from a population at its start. It is a
	// function of the population alone, whatever its order of magnitude.
	FirstStep(s *State) float64
}

// LogProber is a Kernel whose particles carry log p.
type LogProber interface {
	// LogProb is log p of every particle, a row of the state that only reading is allowed of.
	LogProb(s *State) []float64
}

// Targeted is a Kernel that says what it aims at. Diagnostics ask.
type Targeted interface {
	// Target is the score it follows, and the density, nil if it knows none.
	Target() (score.Fn, density.Differentiable)
}

// Stepper is a Kernel with a step size.
type Stepper interface {
	StepSize() float64
}

// laner is a Kernel that says how many particles its target likes in a call.
type laner interface {
	Lanes() int
}

// checker is a Kernel or a Sampler that can tell before any work that it cannot work.
type checker interface {
	Check() error
}

// check is Check where it exists.
func check(v any) error {
	if c, ok := v.(checker); ok {
		return c.Check()
	}
	return nil
}

// Rejections counts moves that were rejected because the target failed at the proposal, by cause. Ordinary
// rejections, by the acceptance probability, are not among them.
type Rejections struct {
	OutOfSupport  uint64 // log p is -Inf
	NaNLogProb    uint64 // log p is NaN
	InfLogProb    uint64 // log p is +Inf
	BadGradient   uint64 // log p is finite, the gradient is NaN or infinite
	BadArithmetic uint64 // both are finite, the proposal or the ratio is not: an overflow
}

// Add adds the counts of other.
func (r *Rejections) Add(other Rejections) {
	r.OutOfSupport += other.OutOfSupport
	r.NaNLogProb += other.NaNLogProb
	r.InfLogProb += other.InfLogProb
	r.BadGradient += other.BadGradient
	r.BadArithmetic += other.BadArithmetic
}

// Numerical is the number of rejections that are failures of arithmetic: all but those out of the support.
func (r Rejections) Numerical() uint64 {
	return r.NaNLogProb + r.InfLogProb + r.BadGradient + r.BadArithmetic
}

// State is a block of particles under a kernel: flat, serialisable, and all that changes.
type State struct {
	X          *lanes.Block // positions
	First      uint64       // number of the particle in lane 0
	Transition uint64       // transitions made so far; keys the noise of the next
	Until      uint64       // the transition the run was asked for
	// Accepted is the number of moves each particle has accepted, Probability the sum of its acceptance
	// probabilities; 0 under a kernel that does not accept or reject.
	Accepted    []float64
	Probability []float64
	Rejected    Rejections
	Evaluations uint64 // of the target, particle by particle

	// Noise and Accept are the streams of the population: proposals, and the choice whether to accept.
	Noise, Accept random.Stream

	carried, scratch *lanes.Block
	views            []view
}

// view is a part of the carried columns or of the scratch that a kernel has asked for.
type view struct {
	scratch     bool
	from, count int
	block       *lanes.Block
}

// NewState returns a state of n particles at the origin, the first of them with the number first, whose
// random numbers are those of the seed's population. A [Run] makes its own; this is for whoever drives a
// kernel by hand: set X, call Init, then Advance.
func NewState(k Kernel, n int, first, seed uint64) *State {
	s := newState(k, n, first, streamsOf(seed, 0))
	_, scratch := k.Columns()
	s.attach(lanes.New(n, scratch))
	return s
}

func newState(k Kernel, n int, first uint64, streams streams) *State {
	carried, _ := k.Columns()
	counts := lanes.New(n, 2)
	return &State{
		X:           lanes.New(n, k.Dim()),
		First:       first,
		Accepted:    counts.Row(0),
		Probability: counts.Row(1),
		Noise:       streams.noise,
		Accept:      streams.accept,
		carried:     lanes.New(n, carried),
	}
}

// attach lends the state a worker's scratch.
func (s *State) attach(scratch *lanes.Block) {
	if s.scratch == scratch {
		return
	}
	s.scratch = scratch
	kept := s.views[:0]
	for _, v := range s.views {
		if !v.scratch {
			kept = append(kept, v)
		}
	}
	s.views = kept
}

// Len is the number of particles.
func (s *State) Len() int { return s.X.Len() }

// Carried is the block of carried columns from to from+count-1. It allocates at its first call only.
func (s *State) Carried(from, count int) *lanes.Block { return s.view(false, from, count) }

// Scratch is the block of scratch columns from to from+count-1, whose contents mean nothing when a call
// begins. It allocates at its first call only.
func (s *State) Scratch(from, count int) *lanes.Block { return s.view(true, from, count) }

func (s *State) view(scratch bool, from, count int) *lanes.Block {
	for i := range s.views {
		if v := &s.views[i]; v.scratch == scratch && v.from == from && v.count == count {
			return v.block
		}
	}
	whole := s.carried
	if scratch {
		whole = s.scratch
	}
	block := whole.Rows(from, count)
	s.views = append(s.views, view{scratch, from, count, block})
	return block
}

// Particle is an error about lane i: it names the particle and its point, and says what is wrong there.
func (s *State) Particle(i int, wrong string) error {
	return &ParticleError{Particle: s.First + uint64(i), Point: s.X.Point(i, nil), Wrong: wrong}
}

// ParticleError says that a particle stands where it cannot be.
type ParticleError struct {
	Particle uint64    // its number in the population
	Point    []float64 // its position
	Wrong    string    // what is wrong there
}

func (e *ParticleError) Error() string {
	return fmt.Sprintf("particle %d starts at %s, where %s: give a start where log p and its gradient are numbers", e.Particle, point(e.Point), e.Wrong)
}

// point prints a position, a long one cut.
func point(x []float64) string {
	const shown = 8
	text := "("
	for j, v := range x {
		if j == shown {
			return text + fmt.Sprintf(", and %d more)", len(x)-shown)
		}
		if j > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.6g", v)
	}
	return text + ")"
}

// checkStep refuses a step size that is no positive number.
func checkStep(kernel string, step float64) error {
	if step > 0 && !math.IsInf(step, 1) {
		return nil
	}
	return fmt.Errorf("mcmc: %s with a step of %v: a step is a positive finite number, about the square of the smallest width of the density", kernel, step)
}

var errNoTarget = errors.New("mcmc: a kernel without a target: set its Density or Score")

// finite says whether every value is a finite number. Four sums, so that none waits for the other.
func finite(values []float64) bool {
	var a, b, c, d float64
	for len(values) >= 4 {
		a += values[0] - values[0]
		b += values[1] - values[1]
		c += values[2] - values[2]
		d += values[3] - values[3]
		values = values[4:]
	}
	for _, v := range values {
		a += v - v
	}
	return a+b+c+d == 0
}

func isFinite(v float64) bool { return v-v == 0 }
