package diagnose

import (
	"context"
	"errors"
	"math"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

const (
	mostFar  = 256 // particles of the second population
	farTimes = 5   // as far out as the population at its widest
	// patience is how many times as long a run the second population is given where it has not arrived in time: what it
	// can prove is that there is one law to arrive at, not that the way from far out is short.
	patience = 4
)

// farPopulation is the second population.
type farPopulation struct {
	run        *mcmc.Run
	all        population // with the particles that are lost
	population            // without
	count      int
	steps      uint64
	// stuck never moved, as many as unmoved may do so by ordinary rejections; outside are lost.
	stuck, unmoved, outside int
	evaluations             uint64
}

// farOut runs a second population, with random numbers of its own, under the same kernel for as many transitions. It
// starts around the population's median, five times as wide as the population is now or was at its start.
func (w *Watch) farOut(ctx context.Context, end population) (*farPopulation, error) {
	n := min(mostFar, w.run.Particles)
	start, err := w.farStart(ctx, end, n)
	if err != nil {
		return nil, err
	}
	f := &farPopulation{count: n, run: &mcmc.Run{
		Start: start, Kernel: w.run.Working(), Particles: n, Seed: w.run.Seed, Role: random.Far, Workers: w.run.Workers,
	}}
	return f, f.to(ctx, w.steps)
}

// to takes the second population to a transition.
func (f *farPopulation) to(ctx context.Context, steps uint64) error {
	var diverged *mcmc.DivergedError
	if err := f.run.To(ctx, steps); err != nil && !errors.As(err, &diverged) {
		return err
	}
	f.all, f.steps, f.evaluations = populationOf(f.run), steps, f.run.Report().Evaluations
	f.stuck, f.outside = 0, 0
	skip := make([]bool, f.count)
	for i := range f.count {
		lost := f.all.norm[i]-f.all.norm[i] != 0 || f.all.logp != nil && math.IsInf(f.all.logp[i], -1)
		if lost {
			f.outside++
		} else if f.run.Adjusted() && f.all.accepted[i] == 0 {
			f.stuck++
		}
		skip[i] = lost
	}
	if f.run.Adjusted() {
		f.unmoved = unmoved(f.count, parallel.Sum(f.all.accepted), steps)
	}
	f.population = f.all.without(skip)
	return nil
}

// goOn gives the second population more time, and says how much it had had and whether it used it to move on.
func (f *farPopulation) goOn(ctx context.Context, steps uint64) (early uint64, moving bool, err error) {
	before, early := f.all, f.steps
	if err := f.to(ctx, min(steps, 1<<40-1)); err != nil {
		return early, false, err
	}
	return early, worst(compareInTime(before, f.all)).Failed(), nil
}

// farStart is where the second population starts.
type farStart struct {
	centre, scale []float64
	inside        *lanes.Block // a particle of the first population for each of the second
	target        score.Fn     // nil if the kernel does not say
	density       density.Differentiable
}

// halvings is how often a start may be brought nearer.
const halvings = 30

func (w *Watch) farStart(ctx context.Context, end population, n int) (*farStart, error) {
	dim := len(end.x)
	began := lanes.New(n, dim)
	if err := w.run.Start.Sample(ctx, began, random.New(w.run.Seed, random.Start), w.run.First); err != nil {
		return nil, err
	}
	f := &farStart{inside: lanes.New(n, dim)}
	for j, column := range end.x {
		sorted := finiteSorted(thin(column, mostSorted))
		scale := farTimes * max(width(sorted), width(finiteSorted(began.Row(j)[:n])))
		if !(scale > 0) {
			scale = farTimes
		}
		f.centre = append(f.centre, Quantile(sorted, 0.5))
		f.scale = append(f.scale, scale)
	}
	usable := make([]int, 0, len(end.norm))
	for i, v := range end.norm {
		if v-v == 0 && (end.logp == nil || !math.IsInf(end.logp[i], -1)) {
			usable = append(usable, i)
		}
	}
	for i := range n {
		for j, column := range end.x {
			v := f.centre[j]
			if len(usable) > 0 {
				v = column[usable[i*len(usable)/n]]
			}
			f.inside.Row(j)[i] = v
		}
	}
	if k, ok := w.run.Working().(mcmc.Targeted); ok {
		f.target, f.density = k.Target()
	}
	return f, nil
}

// width is the standard deviation of a normal law with the same quartiles, or, where these agree, the standard
// deviation.
func width(sorted []float64) float64 {
	const quartiles = 1.3489795003921634 // between those of the standard normal law
	if w := (Quantile(sorted, 0.75) - Quantile(sorted, 0.25)) / quartiles; w > 0 {
		return w
	}
	mean := sum(sorted, func(v float64) float64 { return v }) / float64(len(sorted))
	return math.Sqrt(sum(sorted, func(v float64) float64 { return (v - mean) * (v - mean) }) / float64(len(sorted)))
}

// Dim implements mcmc.Sampler.
func (f *farStart) Dim() int { return len(f.centre) }

// Sample implements mcmc.Sampler. A start at which the target is no number, or out of the support, is brought nearer to
// a particle of the first population, by halves.
func (f *farStart) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	t := backends.Current()
	n := dst.Len()
	stream.Normal(dst, first, 0)
	inside := lanes.New(n, f.Dim())
	inside.CopyPoints(0, f.inside, int(first), n)
	for j := range f.Dim() {
		row := dst.Row(j)
		t.Mul.VS(row, row, f.scale[j])
		t.Add.VS(row, row, f.centre[j])
	}
	for range halvings {
		bad, err := f.unusable(ctx, dst)
		if err != nil {
			return err
		}
		if len(bad) == 0 {
			return nil
		}
		for _, i := range bad {
			for j := range f.Dim() {
				row := dst.Row(j)
				row[i] = inside.Row(j)[i] + float64((row[i]-inside.Row(j)[i])/2)
			}
		}
	}
	bad, err := f.unusable(ctx, dst)
	for _, i := range bad {
		dst.CopyPoints(i, inside, i, 1)
	}
	return err
}

// unusable are the points from which a kernel cannot start.
func (f *farStart) unusable(ctx context.Context, x *lanes.Block) ([]int, error) {
	if f.target == nil {
		return nil, nil
	}
	n := x.Len()
	grad, logp := lanes.New(n, f.Dim()), make([]float64, n)
	var err error
	if f.density != nil {
		err = f.density.LogProbGrad(ctx, logp, grad, x)
	} else {
		err = f.target.Score(ctx, grad, x)
	}
	if err != nil {
		return nil, err
	}
	var bad []int
	for i := range n {
		usable := logp[i]-logp[i] == 0
		for j := range f.Dim() {
			g := grad.Row(j)[i]
			usable = usable && g-g == 0
		}
		if !usable {
			bad = append(bad, i)
		}
	}
	return bad, nil
}
