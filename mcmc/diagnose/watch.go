// Package diagnose says whether a run can be believed.
//
// [Attach] adds to a run what has to be noted on the way; [Watch.Judge], at its end, compares the population with
// itself at half-time, particle by particle, asks whether particles still remember where they were, counts those that
// have stopped moving, and runs a small second population from far outside. Of a kernel that does not reject it
// estimates the bias. [Summarise] and [SummariseRun] describe the draws.
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

	"github.com/scorefield/infer/mcmc"
)

// Watch is what is noted of a run so that it can be judged.
type Watch struct {
	run                 *mcmc.Run
	steps               uint64
	half, threeQuarters *snapshot
	bias                *BiasLook // nil for a kernel that rejects
}

// Attach adds looks to a run that is to be judged at a transition. Call it before the run begins, or resumes.
func Attach(run *mcmc.Run, steps uint64) *Watch {
	late := steps - steps/2
	w := &Watch{
		run: run, steps: steps,
		half:          &snapshot{at: steps - late, kernel: run.Kernel},
		threeQuarters: &snapshot{at: steps - late/2, kernel: run.Kernel},
	}
	if run.Kernel == nil {
		return w // the run will say so
	}
	run.Looks = append(run.Looks, w.half, w.threeQuarters)
	if !run.Adjusted() {
		w.bias = AttachBias(run, steps)
	}
	return w
}

// fewParticles is the number below which standard errors mean little.
const fewParticles = 32

// fewSteps is the number of transitions below which there is no time between half-time and end.
const fewSteps = 4

// Judge compares, once the run is at the transition it was to be judged at. It evaluates the target for a second
// population of at most 256 particles, over as many transitions, or four times as many where it needs longer to arrive.
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
	e := evidence{report: report, steps: w.steps}
	if w.run.Adjusted() {
		v.Stuck, e.tolerated = stuck(half, end, w.steps-w.half.at)
	}
	v.Memory = remembered(half, w.threeQuarters.population(w.run), end, w.run.Workers)
	v.Tests = compareInTime(half, end)
	v.HalfTime = worst(v.Tests)
	if v.HalfTime.Failed() {
		e.wider, e.factor = growth(half, end)
	}

	far, err := w.farOut(ctx, end)
	if err != nil {
		return v, err
	}
	tests := compareApart(end, far.population)
	v.Far = worst(tests)
	if v.Far.Failed() && !v.HalfTime.Failed() {
		e.early, e.moving, err = far.goOn(ctx, patience*w.steps)
		if err != nil {
			return v, err
		}
		e.firstFar = v.Far
		tests = compareApart(end, far.population)
		v.Far = worst(tests)
	}
	v.Tests = append(v.Tests, tests...)
	v.FarParticles, v.FarSteps, v.FarStuck, v.FarOutside, v.Evaluations = far.count, far.steps, far.stuck, far.outside, far.evaluations
	e.farUnmoved = far.unmoved
	v.conclude(e)
	return v, nil
}
