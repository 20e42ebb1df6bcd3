// Package diagnose says whether a run can be believed.
//
// [Attach] adds to a run what has to be noted on the way; [Watch.Judge], at its end, compares the population with
// itself at half-time, particle by particle, counts particles that have stopped moving, which moments cannot see,
// and runs a small second population from far outside. Of a kernel that does not reject it estimates the bias.
// [Summarise] describes the draws.
//
//	run := mcmc.Run{...}
//	watch := diagnose.Attach(&run, 1000)
//	err := run.To(ctx, 1000)
//	verdict, err := watch.Judge(ctx)
//	if !verdict.Settled {
//		log.Print(verdict.Reasons)
//	}
//
// No diagnostic proves that a run has settled: a mode that nothing has visited leaves no trace.
package diagnose

import (
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/mcmc"
)

// Watch is what is noted of a run so that it can be judged.
type Watch struct {
	run   *mcmc.Run
	steps uint64
	half  *halfTime
	bias  *BiasLook // nil for a kernel that rejects
}

// Attach adds looks to a run that is to be judged at a transition. Call it before the run begins, or resumes.
func Attach(run *mcmc.Run, steps uint64) *Watch {
	w := &Watch{run: run, steps: steps, half: &halfTime{at: steps / 2, kernel: run.Kernel}}
	if run.Kernel == nil {
		return w // the run will say so
	}
	run.Looks = append(run.Looks, w.half)
	if !run.Adjusted() {
		w.bias = AttachBias(run, steps)
	}
	return w
}

// Verdict says whether a run had settled, and why not.
type Verdict struct {
	Settled bool
	Reasons []string // why it had not, in words, the gravest first
	Notes   []string // worth knowing and no reason
	// HalfTime and Far are the worst of the comparisons with the population at half-time, and of the second
	// population with the first.
	HalfTime, Far Test
	Tests         []Test // all comparisons
	Stuck         int    // particles that have not moved since half-time; 0 for a kernel that does not reject
	Outside       int    // particles out of the support
	FarParticles  int    // size of the second population
	FarStuck      int    // those of them that never moved
	FarOutside    int    // and those that end out of the support, or no longer finite
	Evaluations   uint64 // of the target, by the second population
	// Bias is that of a kernel that does not reject; nil for others.
	Bias *Bias
}

// Test is one comparison.
type Test struct {
	What  string  // what is compared, in words
	Z     float64 // standard errors apart
	Limit float64 // beyond which it is no chance, given the number of comparisons
}

// Failed says whether the difference is no chance.
func (t Test) Failed() bool { return math.Abs(t.Z) > t.Limit }

// falseAlarm is the probability that a group of comparisons, such as those with half-time, fails by chance.
const falseAlarm = 1e-3

// fewParticles is the number below which standard errors mean little.
const fewParticles = 32

// Judge compares, once the run is at the transition it was to be judged at. It evaluates the target for a second
// population of at most 256 particles, over as many transitions.
func (w *Watch) Judge(ctx context.Context) (Verdict, error) {
	report := w.run.Report()
	if report.Particles == 0 || report.Transition != w.steps {
		return Verdict{}, fmt.Errorf("diagnose: the run is at transition %d and was to be judged at %d: judge it there", report.Transition, w.steps)
	}
	v := Verdict{Outside: report.Outside}
	if w.bias != nil {
		bias := w.bias.Estimate()
		v.Bias = &bias
	}
	if w.steps == 0 {
		v.Reasons = []string{"no transition was made: these are the starts"}
		return v, nil
	}
	end := populationOf(w.run)
	half := w.half.population(w.run)

	if w.run.Adjusted() {
		for i, accepted := range end.accepted {
			if accepted == half.accepted[i] {
				v.Stuck++
			}
		}
	}
	halfTests := compareInTime(half, end)
	far, err := w.farOut(ctx, end)
	if err != nil {
		return v, err
	}
	v.FarParticles, v.FarStuck, v.FarOutside, v.Evaluations = far.count, far.stuck, far.outside, far.evaluations
	farTests := compareApart(end, far.population)
	v.HalfTime, v.Far = worst(halfTests), worst(farTests)
	v.Tests = append(halfTests, farTests...)
	v.conclude(report)
	return v, nil
}

// conclude writes the reasons.
func (v *Verdict) conclude(report mcmc.Report) {
	n := report.Particles
	say := func(format string, args ...any) { v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...)) }
	if n < fewParticles {
		say("%d particles are too few to tell: give at least %d", n, fewParticles)
	}
	if v.Outside > tolerated(n) {
		say("%d of %d particles are out of the support at the end: start them inside", v.Outside, n)
	}
	if v.Stuck > tolerated(n) {
		say("%d of %d particles have not moved since half-time: the step is too large where they are, and quantiles are wrong by that share", v.Stuck, n)
	} else if v.Stuck > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d of %d particles have not moved since half-time", v.Stuck, n))
	}
	if v.HalfTime.Failed() {
		say("%s changed between half-time and the end (z %.1f, limit %.1f): run longer", v.HalfTime.What, v.HalfTime.Z, v.HalfTime.Limit)
	}
	if v.Far.Failed() {
		say("a second population of %d, started far out, differs in %s (z %.1f, limit %.1f): run longer, or start elsewhere", v.FarParticles, v.Far.What, v.Far.Z, v.Far.Limit)
	}
	if share := "%d of a second population of %d, started far out, never moved: the step is too large there"; v.FarStuck > toleratedFar*v.FarParticles/100 {
		say(share, v.FarStuck, v.FarParticles)
	} else if v.FarStuck > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf(share, v.FarStuck, v.FarParticles))
	}
	if v.FarOutside > toleratedFar*v.FarParticles/100 {
		say("%d of a second population of %d, started far out, did not come back: what happens there is not known", v.FarOutside, v.FarParticles)
	}
	if bad := report.Rejected.Numerical(); float64(bad) > 1e-3*float64(report.Evaluations) {
		v.Notes = append(v.Notes, fmt.Sprintf("%d of %d proposals were rejected because log p or its gradient is no number there", bad, report.Evaluations))
	}
	v.Settled = len(v.Reasons) == 0
}

// tolerated is the number of particles in the wrong place that no reader of the draws can notice: the standard
// error of the count below the 1 % quantile is about sqrt(n)/10.
func tolerated(n int) int { return int(math.Sqrt(float64(n)) / 10) }

// toleratedFar is the percentage of the second population that may stay where it started: far out, where hardly any
// mass is. More is a sign of regions that the kernel cannot leave.
const toleratedFar = 2

// worst is the test that is furthest beyond its limit.
func worst(tests []Test) Test {
	var w Test
	for _, t := range tests {
		if w.Limit == 0 || math.Abs(t.Z)/t.Limit > math.Abs(w.Z)/w.Limit {
			w = t
		}
	}
	return w
}
