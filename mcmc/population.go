package mcmc

import (
	"math"

	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
)

// Positions is a copy of where the particles are, in the order of their numbers. Nil before the first call of To.
func (r *Run) Positions() *lanes.Block {
	if !r.begun {
		return nil
	}
	x := lanes.New(r.Particles, r.kernel.Dim())
	at := 0
	for _, b := range r.blocks {
		x.CopyPoints(at, b.state.X, 0, b.state.Len())
		at += b.state.Len()
	}
	return x
}

// LogProb is a copy of log p of every particle, nil if the kernel does not know it.
func (r *Run) LogProb() []float64 {
	k, ok := r.kernel.(LogProber)
	if !ok || !r.begun {
		return nil
	}
	return r.gather(k.LogProb)
}

// Accepted is a copy of the number of moves that each particle has accepted.
func (r *Run) Accepted() []float64 {
	return r.gather(func(s *State) []float64 { return s.Accepted })
}

// LookColumns is a copy of what a look of this run has noted: one slice a column, of a value a particle. Nil
// if the look is not one of the run's.
func (r *Run) LookColumns(look Look) [][]float64 {
	column := 0
	for _, l := range r.Looks {
		if l != look {
			column += l.Columns()
			continue
		}
		columns := make([][]float64, l.Columns())
		for c := range columns {
			for _, b := range r.blocks {
				columns[c] = append(columns[c], b.looks.Row(column + c)[:b.state.Len()]...)
			}
		}
		return columns
	}
	return nil
}

// gather assembles a row of every block's state in the order of the particles.
func (r *Run) gather(row func(s *State) []float64) []float64 {
	all := make([]float64, 0, r.Particles)
	for _, b := range r.blocks {
		all = append(all, row(b.state)[:b.state.Len()]...)
	}
	return all
}

// outside is the number of particles out of the support, 0 if the kernel does not know log p.
func (r *Run) outside() int {
	k, ok := r.kernel.(LogProber)
	if !ok {
		return 0
	}
	count := 0
	for _, b := range r.blocks {
		for _, v := range k.LogProb(b.state)[:b.state.Len()] {
			if math.IsInf(v, -1) {
				count++
			}
		}
	}
	return count
}

// travelled is the number of transitions, summed over the particles.
func (r *Run) travelled() uint64 {
	var sum uint64
	for _, b := range r.blocks {
		sum += b.state.Transition * uint64(b.state.Len())
	}
	return sum
}

// mean is how many transitions the particles have made on average, rounded down.
func (r *Run) mean() uint64 { return r.travelled() / uint64(r.Particles) }

// slowest is the transition of the block that is least far.
func (r *Run) slowest() uint64 {
	least := uint64(math.MaxUint64)
	for _, b := range r.blocks {
		least = min(least, b.state.Transition)
	}
	return least
}

// Report is what a run says of itself without further work.
type Report struct {
	Particles  int
	Transition uint64 // of the particle that is least far
	Kernel     string
	Step       float64 // step size, NaN if the kernel has none
	// Acceptance is the mean acceptance probability and Moved the share of moves accepted, over all particles and
	// transitions; NaN for a kernel that does not reject, and before the first transition.
	Acceptance, Moved float64
	Rejected          Rejections
	NeverMoved        int // particles without one accepted move; 0 for a kernel that does not reject
	Outside           int // particles out of the support
	Evaluations       uint64
	Tuning            Tuning
}

// Report sums up the run so far. The zero Report before the first call of To.
func (r *Run) Report() Report {
	if !r.begun {
		return Report{}
	}
	report := Report{
		Particles:  r.Particles,
		Transition: r.slowest(),
		Kernel:     kernelName(r.kernel),
		Step:       math.NaN(),
		Acceptance: math.NaN(),
		Moved:      math.NaN(),
		Outside:    r.outside(),
		Tuning:     r.tuning,
	}
	if k, ok := r.kernel.(Stepper); ok {
		report.Step = k.StepSize()
	}
	for _, b := range r.blocks {
		report.Rejected.Add(b.state.Rejected)
		report.Evaluations += b.state.Evaluations
	}
	if _, ok := r.kernel.(Tunable); ok {
		if travelled := float64(r.travelled()); travelled > 0 {
			report.Acceptance = parallel.Sum(r.gather(func(s *State) []float64 { return s.Probability })) / travelled
			accepted := r.Accepted()
			report.Moved = parallel.Sum(accepted) / travelled
			for _, v := range accepted {
				if v == 0 {
					report.NeverMoved++
				}
			}
		}
	}
	return report
}

// Adjusted says whether the kernel accepts or rejects, so that its law is exact.
func (r *Run) Adjusted() bool {
	_, ok := r.Kernel.(Tunable)
	return ok
}

// Working is the kernel at work: Kernel with its tuned step. Nil before the first call of To.
func (r *Run) Working() Kernel { return r.kernel }
