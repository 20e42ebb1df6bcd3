package diagnose

import (
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/mcmc"
)

func TestMemoryIsJudgedByHowItFades(t *testing.T) {
	for _, c := range []struct {
		half, threeQuarters float64
		trapped, long       bool
	}{
		{0.75, 0.75, true, true}, {0.61, 0.67, true, true}, {0.95, 0.95, true, true}, {0.1, 0.1, true, false}, {0.1, 0.09, true, false},
		{1, 1, true, true}, {0.2, -0.1, true, false},
		{0.30, 0.55, false, false}, {0.476, 0.69, false, false}, {0.86, 0.927, false, true}, {0.98, 0.99, false, true}, {0.14, 0.37, false, false},
		{0.02, 0.02, false, false}, {-0.5, -0.5, false, false}, {0, 0, false, false}, {0.05, 0.1, false, false}, {0.2, 0.3, false, false},
	} {
		m := Memory{Half: c.half, ThreeQuarters: c.threeQuarters, Limit: 0.04}
		if m.Trapped() != c.trapped || m.Long() != c.long {
			t.Errorf("%v, %v: trapped %v, long %v", c.half, c.threeQuarters, m.Trapped(), m.Long())
		}
	}
	if (Memory{Half: 0.5, ThreeQuarters: 0.5, Limit: 0.6}).Trapped() {
		t.Error("a memory that may be chance")
	}
}

func TestRankCorrelation(t *testing.T) {
	// Ranks 1, 2.5, 2.5, 4 of b: covariance 4.5, variances 5 and 4.5.
	near(t, "with ties", memory("x", []float64{1, 2, 3, 4}, nil, []float64{0, 7, 7, 9}).Half, 4.5/math.Sqrt(5*4.5), 1e-14)
	near(t, "of a decreasing function", correlation(ranks([]float64{1, 5, 30}), ranks([]float64{4, 3, -1e300})), -1, 1e-15)
	near(t, "of equals", correlation(ranks([]float64{1, 1, 1}), ranks([]float64{1, 2, 3})), 0, 0)
	var squares float64
	const pairs, n = 300, 200
	for k := range uint64(pairs) {
		z := correlation(ranks(normals(2*k, n)), ranks(normals(2*k+1, n))) * math.Sqrt(n-1)
		squares += z * z / pairs
	}
	t.Logf("mean square of z %.3f", squares)
	near(t, "mean square of z", squares, 1, 4.5*math.Sqrt(2.0/pairs))
}

// Two clusters a third of a standard deviation apart in each of 100 coordinates.
func TestTheDirectionThatRemembersIsFound(t *testing.T) {
	const n, d = 2000, 100
	before, after := make([][]float64, d), make([][]float64, d)
	pick := make([]int, n)
	for i := range pick {
		pick[i] = i
	}
	for j := range d {
		before[j], after[j] = normals(uint64(2*j), n), normals(uint64(2*j+1), n)
		for i := range n {
			side := float64(i%2)*2 - 1
			if j%2 == 1 {
				side = -side
			}
			before[j][i] += side / 3
			after[j][i] += side / 3
		}
	}
	v := direction(standardised(before, pick), standardised(after, pick))
	along := 0.0
	for j, w := range v {
		along += w * (1 - float64(j%2)*2) / math.Sqrt(d)
	}
	t.Logf("cosine with the right one %.3f", along)
	if math.Abs(along) < 0.95 {
		t.Errorf("cosine %v", along)
	}
	constant := make([][]float64, 2)
	for j := range constant {
		constant[j] = make([]float64, n)
	}
	if v := direction(standardised(constant, pick), standardised(constant, pick)); v != nil {
		t.Errorf("a direction of nothing: %v", v)
	}
}

// The words of a verdict: numbers and verbs agree, thousands have commas.
func TestWordsOfAVerdict(t *testing.T) {
	for _, c := range []struct {
		v    Verdict
		e    evidence
		want []string // reasons, then notes
	}{
		{Verdict{Outside: 100}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 1000},
			[]string{"100 of 10,000 particles are out of the support at the end: start them inside"}},
		{Verdict{Outside: 1}, evidence{report: mcmc.Report{Particles: 32}, steps: 1000},
			[]string{"1 of 32 particles is out of the support at the end: start them inside"}},
		{Verdict{Stuck: 1234}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 1000, tolerated: 10},
			[]string{"1,234 of 10,000 particles have not moved since half-time: the step is too large where they are, and quantiles are wrong by that share"}},
		{Verdict{Stuck: 1234}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 10, tolerated: 2000},
			[]string{"1,234 of 10,000 particles have not moved since half-time, which is 5 transitions ago"}},
		{Verdict{Stuck: 1}, evidence{report: mcmc.Report{Particles: 1000}, steps: 1000, tolerated: 3}, nil},
		{Verdict{}, evidence{report: mcmc.Report{Particles: 1}, steps: 1},
			[]string{"1 particle is too few to tell: give at least 32", "1 transition is too few to tell: give at least 4"}},
		{Verdict{FarStuck: 1, FarParticles: 256}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 1000},
			[]string{"of a second population, started far out, 1 of 256 particles has never moved: the step is too large there"}},
		{Verdict{FarStuck: 200, FarParticles: 256}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 1000, farUnmoved: 200}, nil},
		{Verdict{Far: Test{"x", 9, 4}, HalfTime: Test{"y", 9, 4}, FarParticles: 256, FarSteps: 1000}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 1000},
			[]string{"y changed between half-time and the end (z 9.0, limit 4.0): run longer", "a second population of 256, started far out, differs in x (z 9.0, limit 4.0)"}},
		{Verdict{Far: Test{"x", 9, 4}, FarParticles: 256, FarSteps: 4000}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 1000, early: 1000, moving: true},
			[]string{"a second population of 256, started far out, still differs after 4,000 transitions in x (z 9.0, limit 4.0), and is on its way: run much longer"}},
		{Verdict{Far: Test{"x", 1, 4}, FarParticles: 256, FarSteps: 4000}, evidence{report: mcmc.Report{Particles: 10_000}, steps: 1000, early: 1000, firstFar: Test{"z", 9, 4}},
			[]string{"a second population of 256, started far out, had not arrived after 1,000 transitions, in z (z 9.0, limit 4.0), and has after 4,000 transitions: a run of this length needs a start like this one"}},
	} {
		c.v.conclude(c.e)
		got := append(c.v.Reasons, c.v.Notes...)
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// A quarter of 1000 particles rests and the others accept two moves of three: on average half. Of as many as move a third as
// often as that, a half to the power of steps/3 have made none.
func TestParticlesThatHaveNotMoved(t *testing.T) {
	half, end := population{accepted: make([]float64, 1000)}, population{accepted: make([]float64, 1000)}
	for _, c := range []struct {
		steps     uint64
		tolerable int
	}{{3, 3 + 500}, {9, 3 + 125}, {300, 3}} {
		for i := range end.accepted {
			if i%4 > 0 {
				end.accepted[i] = float64(c.steps) * 2 / 3
			}
		}
		if count, tolerable := stuck(half, end, c.steps); count != 250 || tolerable != c.tolerable {
			t.Errorf("%d steps: %d have not moved, %d are tolerable, want %d", c.steps, count, tolerable, c.tolerable)
		}
	}
}
