package mcmc

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// A step size is tuned on pilots: as many as the population but at most 256, for 300 transitions, with a meeting
// after each. So it depends on the seed, the start, the kernel and the declared population, and on nothing else.
const (
	mostPilots       = 256
	pilotTransitions = 300
)

// Constants of dual averaging: Hoffman & Gelman, The No-U-Turn Sampler, JMLR 15 (2014), section 3.2.
const (
	averagingGamma = 0.05
	averagingT0    = 10
	averagingKappa = 0.75
)

// Tuning is what pilots found.
type Tuning struct {
	Step        float64
	Pilots      int
	Transitions int
	Acceptance  float64 // of the pilots, over the last third of their transitions
	Evaluations uint64  // of the target, beside those of the run
}

// tune finds the step size of a run's kernel.
func tune(ctx context.Context, r *Run) (Tunable, Tuning, error) {
	fail := func(err error) (Tunable, Tuning, error) {
		return nil, Tuning{}, fmt.Errorf("tuning the step size on pilots: %w", err)
	}
	kernel := r.Kernel.(Tunable)
	pilots := &Run{
		Start:     r.Start,
		Kernel:    kernel.WithStep(1),
		Particles: int(min(mostPilots, r.population())),
		Seed:      r.Seed,
		Role:      random.Pilot,
		BlockSize: mostPilots, // one worker and no waking of others, ...
		Workers:   1,
	}
	began := time.Now()
	if err := pilots.To(ctx, 0); err != nil {
		return fail(err)
	}
	if took := time.Since(began); r.Workers != 1 && took > 2*time.Millisecond {
		pilots = &Run{ // ... unless the target is slow
			Start: pilots.Start, Kernel: pilots.Kernel, Particles: pilots.Particles, Seed: pilots.Seed, Role: pilots.Role,
			Workers: r.Workers,
		}
		if err := pilots.To(ctx, 0); err != nil {
			return fail(err)
		}
	}

	average := newAveraging(kernel.FirstStep(pilots.assembled()), kernel.Acceptance())
	probability := make([]float64, pilots.Particles)
	inside := make([]float64, pilots.Particles)
	var late, count float64
	for m := range uint64(pilotTransitions) {
		pilots.kernel = kernel.WithStep(average.step())
		fill(inside, 1)
		if k, ok := pilots.kernel.(LogProber); ok {
			for i, v := range pilots.gather(k.LogProb) {
				if math.IsInf(v, -1) {
					inside[i] = 0 // it waits for a move that lands inside, which says nothing of the step
				}
			}
		}
		before := pilots.gather(probabilities)
		if err := pilots.To(ctx, m+1); err != nil {
			return fail(err)
		}
		for i, after := range pilots.gather(probabilities) {
			probability[i] = (after - before[i]) * inside[i]
		}
		if n := parallel.Sum(inside); n > 0 {
			acceptance := parallel.Sum(probability) / n
			average.learn(acceptance)
			if m >= pilotTransitions*2/3 {
				late, count = late+acceptance, count+1
			}
		}
	}
	tuning := Tuning{
		Step:        average.result(),
		Pilots:      pilots.Particles,
		Transitions: pilotTransitions,
		Acceptance:  late / count,
		Evaluations: pilots.Report().Evaluations,
	}
	return kernel.WithStep(tuning.Step), tuning, nil
}

// fill sets every value of a row.
func fill(row []float64, value float64) {
	for i := range row {
		row[i] = value
	}
}

func probabilities(s *State) []float64 { return s.Probability }

// assembled is the whole population as one state.
func (r *Run) assembled() *State {
	if len(r.blocks) == 1 {
		return r.blocks[0].state
	}
	s := newState(r.kernel, r.Particles, r.First, streamsOf(r.Seed, r.Role))
	for _, b := range r.blocks {
		at := int(b.state.First - r.First)
		s.X.CopyPoints(at, b.state.X, 0, b.state.Len())
		s.carried.CopyPoints(at, b.state.carried, 0, b.state.Len())
	}
	s.attach(lanes.New(r.Particles, 0))
	return s
}

// averaging is dual averaging of the logarithm of a step size, one observation of the mean acceptance at a time.
type averaging struct {
	target    float64
	centre    float64 // log step towards which it is pulled
	shortfall float64 // averaged lack of acceptance
	now, mean float64 // log step: the next to try, and the average of those tried
	count     float64
}

func newAveraging(first, target float64) *averaging {
	log := backends.Log(first)
	return &averaging{target: target, centre: log + backends.Log(10), now: log}
}

func (a *averaging) learn(acceptance float64) {
	a.count++
	m := a.count
	a.shortfall += (a.target - acceptance - a.shortfall) / (m + averagingT0)
	a.now = a.centre - float64(math.Sqrt(m)/averagingGamma*a.shortfall)
	// A target that accepts everything, or nothing, ends at a number all the same.
	a.now = min(max(a.now, a.centre-300), a.centre+300)
	weight := backends.Pow(m, -averagingKappa)
	a.mean = math.FMA(weight, a.now-a.mean, a.mean)
}

func (a *averaging) step() float64 { return backends.Exp(a.now) }

func (a *averaging) result() float64 { return backends.Exp(a.mean) }
