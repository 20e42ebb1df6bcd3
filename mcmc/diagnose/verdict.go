package diagnose

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/mcmc"
)

// Verdict says whether a run had settled, and why not.
type Verdict struct {
	Settled bool
	Reasons []string // why it had not, in words, the gravest first
	Notes   []string // worth knowing and no reason
	// HalfTime and Far are the worst of the comparisons with the population at half-time, and of the second
	// population with the first.
	HalfTime, Far Test
	Tests         []Test // all comparisons
	Memory        Memory // the worst
	Stuck         int    // particles that have not moved since half-time; 0 for a kernel that does not reject
	Outside       int    // particles out of the support
	FarParticles  int    // size of the second population
	FarSteps      uint64 // transitions it was given
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

// evidence is what a verdict is made of besides the numbers it gives.
type evidence struct {
	report    mcmc.Report
	steps     uint64
	tolerated int     // particles that may not have moved since half-time
	wider     string  // the coordinate that spreads most, if it does
	factor    float64 // by which it is wider than at half-time
	early     uint64  // transitions after which the second population had not arrived, 0 if it had
	firstFar  Test    // what differed then
	moving    bool    // it has moved on since
	// farUnmoved of the second population may never have moved: too little time.
	farUnmoved int
}

// conclude writes the reasons.
func (v *Verdict) conclude(e evidence) {
	n := e.report.Particles
	say := func(format string, args ...any) { v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...)) }
	note := func(format string, args ...any) { v.Notes = append(v.Notes, fmt.Sprintf(format, args...)) }
	if n < fewParticles {
		say("%s too few to tell: give at least %d", are(n, "particle"), fewParticles)
	}
	if e.steps < fewSteps {
		say("%s too few to tell: give at least %d", are(int(e.steps), "transition"), fewSteps)
	}
	if v.Outside > tolerated(n) {
		say("%s out of the support at the end: start them inside", of(v.Outside, n, "is", "are"))
	}
	if e.wider != "" && e.steps >= fewSteps {
		say("%s spreads ever wider, by a factor of %.2g since half-time: run longer, if log p can be normalised at all: does it fall off fast enough in %s?", e.wider, e.factor, e.wider)
	}
	if v.Stuck > e.tolerated {
		say("%s not moved since half-time: the step is too large where they are, and quantiles are wrong by that share", of(v.Stuck, n, "has", "have"))
	} else if v.Stuck > tolerated(n) {
		note("%s not moved since half-time, which is %s ago", of(v.Stuck, n, "has", "have"), spelling.Counted(e.steps-e.steps/2, "transition"))
	}
	if v.HalfTime.Failed() {
		advice := ": run longer"
		if e.wider != "" || e.steps < fewSteps {
			advice = ""
		}
		say("%s changed between half-time and the end (z %.1f, limit %.1f)%s", v.HalfTime.What, v.HalfTime.Z, v.HalfTime.Limit, advice)
	}
	memory := fmt.Sprintf("(rank correlation of %s at the end with half-time %.2f, with three quarters %.2f)", v.Memory.What, v.Memory.Half, v.Memory.ThreeQuarters)
	switch {
	case e.steps < fewSteps:
	case v.Memory.Trapped():
		say("particles stay in the part of the law where they were %s: the shares of its parts are those of the start: give each part its share there, or run much longer", memory)
	case v.Memory.Long() && !v.HalfTime.Failed():
		note("particles remember where they were %s: where they start still shows, unless the start was even in that", memory)
	}
	v.concludeFar(e, say, note)
	if bad := e.report.Rejected.Numerical(); float64(bad) > 1e-3*float64(e.report.Evaluations) {
		note("%s of %s proposals were rejected because log p or its gradient is no number there", spelling.Grouped(bad), spelling.Grouped(e.report.Evaluations))
	}
	v.Settled = len(v.Reasons) == 0
}

// concludeFar writes what the second population says.
func (v *Verdict) concludeFar(e evidence, say, note func(format string, args ...any)) {
	second := fmt.Sprintf("a second population of %d, started far out,", v.FarParticles)
	differs := func(t Test) string { return fmt.Sprintf("%s (z %.1f, limit %.1f)", t.What, t.Z, t.Limit) }
	after := spelling.Grouped(v.FarSteps) + " transitions"
	switch {
	case !v.Far.Failed() && e.early > 0:
		note("%s had not arrived after %s, in %s, and has after %s: a run of this length needs a start like this one", second, spelling.Counted(e.early, "transition"), differs(e.firstFar), after)
	case !v.Far.Failed():
	case v.HalfTime.Failed():
		say("%s differs in %s", second, differs(v.Far))
	case e.moving:
		say("%s still differs after %s in %s, and is on its way: run much longer", second, after, differs(v.Far))
	default:
		say("%s still differs after %s in %s, and rests: the law has parts that one of the two cannot reach: start in all of them", second, after, differs(v.Far))
	}
	never := of(v.FarStuck, v.FarParticles, "has", "have")
	if v.FarStuck > toleratedFar*v.FarParticles/100+e.farUnmoved {
		say("of a second population, started far out, %s never moved: the step is too large there", never)
	} else if v.FarStuck > e.farUnmoved {
		note("of a second population, started far out, %s never moved: the step is too large there", never)
	}
	if v.FarOutside > toleratedFar*v.FarParticles/100 {
		say("of a second population, started far out, %s not come back: what happens there is not known", of(v.FarOutside, v.FarParticles, "has", "have"))
	}
}

// tolerated is the number of particles in the wrong place that no reader of the draws can notice: the standard
// error of the count below the 1 % quantile is about sqrt(n)/10.
func tolerated(n int) int { return int(math.Sqrt(float64(n)) / 10) }

// toleratedFar is the percentage of the second population that may stay where it started: far out, where hardly any
// mass is. More is a sign of regions that the kernel cannot leave.
const toleratedFar = 2

// stuck is the number of particles that have not moved since half-time, and how many of them no reader notices, or are
// left by ordinary rejections.
func stuck(half, end population, steps uint64) (count, tolerable int) {
	moves := 0.0
	for i, accepted := range end.accepted {
		made := accepted - half.accepted[i]
		moves += made
		if made == 0 {
			count++
		}
	}
	n := len(end.accepted)
	return count, tolerated(n) + unmoved(n, moves, steps)
}

// unmoved is how many of n particles that made so many moves together may have made none, by ordinary rejections. Places
// differ in these: in some a particle waits three times as long as on average.
func unmoved(n int, moves float64, steps uint64) int {
	const slower = 3
	rejected := 1 - moves/float64(n)/float64(steps)
	return int(float64(n) * backends.Pow(rejected, float64(steps)/slower))
}

// spreading is the factor by which a coordinate widens between half-time and end that makes one ask whether it ever
// stops. Under no force it is the square root of 2.
const spreading = 1.35

// growth is the coordinate that has become wider by the largest factor since half-time, "" if none has by much.
func growth(half, end population) (name string, factor float64) {
	factor = spreading
	for j, column := range end.x {
		before, after := width(finiteSorted(thin(half.x[j], mostSorted))), width(finiteSorted(thin(column, mostSorted)))
		if f := after / before; f > factor && f-f == 0 {
			name, factor = fmt.Sprintf("x[%d]", j), f
		}
	}
	return name, factor
}

// of is a part of the particles, and the verb that goes with its number.
func of(part, whole int, singular, plural string) string {
	if part == 1 {
		plural = singular
	}
	return fmt.Sprintf("%s of %s particles %s", spelling.Grouped(part), spelling.Grouped(whole), plural)
}

// are is "1 particle is" or "20 particles are".
func are(n int, thing string) string {
	verb := " are"
	if n == 1 {
		verb = " is"
	}
	return spelling.Counted(n, thing) + verb
}
