package mcmc

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

type table = backends.Table

// MALA is the Metropolis-adjusted Langevin algorithm (Besag 1994; Roberts & Tweedie 1996): a Langevin move
//
//	y = x + d(x) + sqrt(2 eps) z
//
// accepted with probability
//
//	min(1, exp(log p(y) - log p(x) + (|y - x - d(x)|^2 - |x - y - d(y)|^2) / (4 eps))).
//
// The drift d(x) is eps s(x), shortened to length 3 sqrt(2 eps Dim) where it is longer, in both directions of
// the move, so the law is exactly p. Uncut, a particle that starts far out, where the score is large,
// overshoots at every move and is never accepted.
//
// From outside the support (log p = -Inf) a particle moves by noise alone until a move lands inside. Where
// log p is NaN or +Inf, or the gradient is not finite, a move is rejected and counted.
type MALA struct {
	Density    density.Differentiable
	Step       float64 // eps, positive; a run with Tune sets it
	Convention Convention
}

// A particle carries log p, the norm of its score and its score.
const (
	malaLogProb = 0
	malaNorm    = 1
	malaScore   = 2
)

// longest is the number of standard deviations of the noise at which the drift is cut.
const longest = 3

// Check says what is wrong with the kernel's settings.
func (k MALA) Check() error {
	if k.Density == nil {
		return errNoTarget
	}
	if err := k.Convention.check(); err != nil {
		return err
	}
	return checkStep("mala", k.Step)
}

// Dim implements [Kernel].
func (k MALA) Dim() int { return k.Density.Dim() }

// Columns implements [Kernel]: a particle carries log p, the norm of its score, and its score.
func (k MALA) Columns() (carried, scratch int) {
	d := k.Density.Dim()
	return malaScore + d, 2*d + malaRows
}

// Acceptance implements [Tunable]: 0.574, the best for a product of many equal factors (Roberts & Rosenthal 1998).
func (k MALA) Acceptance() float64 { return 0.574 }

// WithStep implements [Tunable].
func (k MALA) WithStep(size float64) Tunable { k.Step = size; return k }

// StepSize is Step.
func (k MALA) StepSize() float64 { return k.Step }

// Target implements [Targeted].
func (k MALA) Target() (score.Fn, density.Differentiable) { return score.Of(k.Density), k.Density }

// Lanes is the number of particles that the density likes in a call, 1 if it has no preference.
func (k MALA) Lanes() int { return lanesOf(k.Density) }

// LogProb implements [LogProber].
func (k MALA) LogProb(s *State) []float64 { return s.Carried(malaLogProb, 1).Row(0)[:s.Len()] }

// String names the kernel, its settings and, where it has a name, its target.
func (k MALA) String() string {
	return fmt.Sprintf("mala, step %v (%v)%s", k.Step, k.Convention, targetName(k.Density))
}

// FirstStep implements [Tunable]: for a Gaussian of variance v in every direction the mean of |s|^2 is Dim/v, and
// the best step is of the size of v. The median is not moved by a few particles far out.
func (k MALA) FirstStep(s *State) float64 {
	var lengths []float64
	logp := k.LogProb(s)
	for i, q := range s.Carried(malaNorm, 1).Row(0)[:s.Len()] {
		if q > 0 && isFinite(q) && isFinite(logp[i]) {
			lengths = append(lengths, q)
		}
	}
	step := 1.0
	if len(lengths) > 0 {
		slices.Sort(lengths)
		median := lengths[len(lengths)/2]
		step = float64(k.Dim()) / median / median
	}
	step = min(max(step, 1e-100), 1e100)
	if k.Convention == StepHalf {
		step *= 2
	}
	return step
}

// Init implements [Kernel].
func (k MALA) Init(ctx context.Context, s *State) error {
	if err := k.Check(); err != nil {
		return err
	}
	t := backends.Current()
	n, d := s.Len(), k.Dim()
	logp := s.Carried(malaLogProb, 1).Row(0)
	grad := s.Carried(malaScore, d)
	if err := k.Density.LogProbGrad(ctx, logp[:n], grad, s.X); err != nil {
		return err
	}
	for i, v := range logp[:n] {
		switch {
		case v != v || math.IsInf(v, 1):
			return s.Particle(i, fmt.Sprintf("log p is %v", v))
		case math.IsInf(v, -1):
			for j := range d {
				grad.Row(j)[i] = 0
			}
		default:
			for j := range d {
				if g := grad.Row(j)[i]; !isFinite(g) {
					return s.Particle(i, fmt.Sprintf("log p is %v and coordinate %d of its gradient is %v", v, j, g))
				}
			}
		}
	}
	norms(t, s.Carried(malaNorm, 1).Row(0), grad)
	s.Evaluations += uint64(n)
	return nil
}

// Rows of scratch besides the proposal and its score.
const (
	rowLogProb = iota
	rowNorm
	rowStepX // the step at x: eps, or less where the drift is cut
	rowStepY
	rowRatio
	rowAccepted
	rowProbability
	rowA
	rowB
	rowC
	malaRows
)

// Advance implements [Kernel].
func (k MALA) Advance(ctx context.Context, s *State) error {
	t := backends.Current()
	x, d := s.X, s.X.Dim()
	eps := k.Convention.full(k.Step)
	noise := math.Sqrt(2 * eps)
	bound := longest * math.Sqrt(2*eps*float64(d))

	carried := s.Carried(0, malaScore+d)
	logpX, normX := carried.Row(malaLogProb), carried.Row(malaNorm)
	scoreX := s.Carried(malaScore, d)
	y, scoreY := s.Scratch(0, d), s.Scratch(d, d)
	rows := s.Scratch(2*d, malaRows)
	logpY, normY := rows.Row(rowLogProb), rows.Row(rowNorm)
	stepX, stepY := rows.Row(rowStepX), rows.Row(rowStepY)

	cutStep(t, stepX, normX, eps, bound)
	s.Noise.Langevin(y, x, scoreX, stepX, noise, s.First, s.Transition)
	if err := k.Density.LogProbGrad(ctx, logpY[:y.Len()], scoreY, y); err != nil {
		return err
	}
	norms(t, normY, scoreY)
	cutStep(t, stepY, normY, eps, bound)

	// |y-x-d(x)|^2 - |x-y-d(y)|^2 = -(d(x)+d(y)) . (d(y)-d(x) + 2(y-x)), which does not cancel.
	ratio, a, b, c := rows.Row(rowRatio), rows.Row(rowA), rows.Row(rowB), rows.Row(rowC)
	for j := range d {
		t.Mul.VV(a, scoreX.Row(j), stepX)     // d(x)
		t.FMA.VVV(b, scoreY.Row(j), stepY, a) // d(x) + d(y)
		t.Sub.VV(c, y.Row(j), x.Row(j))
		t.Sub.VV(c, c, a) // y - x - d(x)
		t.FMA.VSV(c, c, 2, b)
		if j == 0 {
			t.Mul.VV(ratio, b, c)
		} else {
			t.FMA.VVV(ratio, b, c, ratio)
		}
	}
	t.Sub.VV(a, logpY, logpX)
	t.FMA.VSV(ratio, ratio, -1/(4*eps), a)
	if !finite(ratio[:x.Len()]) {
		reject(s, y, scoreY, logpY, ratio)
	}

	accepted, probability := rows.Row(rowAccepted), rows.Row(rowProbability)
	s.Accept.Accept(accepted, probability, ratio, s.First, s.Transition)
	for j := range d {
		t.Where.VVV(x.Row(j), accepted, y.Row(j), x.Row(j))
		t.Where.VVV(scoreX.Row(j), accepted, scoreY.Row(j), scoreX.Row(j))
	}
	t.Where.VVV(logpX, accepted, logpY, logpX)
	t.Where.VVV(normX, accepted, normY, normX)
	t.Add.VV(s.Accepted, s.Accepted, accepted)
	t.Add.VV(s.Probability, s.Probability, probability)
	s.Evaluations += uint64(x.Len())
	s.Transition++
	return nil
}

// cutStep sets dst to eps, or to what makes the drift as long as bound where it would be longer.
func cutStep(t *table, dst, norm []float64, eps, bound float64) {
	t.Div.SV(dst, bound, norm)
	t.Min.VS(dst, dst, eps)
}

// norms sets dst to the Euclidean norm of every point of x.
func norms(t *table, dst []float64, x *lanes.Block) {
	t.Mul.VV(dst, x.Row(0), x.Row(0))
	for j := 1; j < x.Dim(); j++ {
		t.FMA.VVV(dst, x.Row(j), x.Row(j), dst)
	}
	t.Sqrt(dst, dst)
}

// reject makes sure that moves to where the target fails are rejected, and counts them by cause. It is called
// only where some ratio is not finite. A move from outside into the support has the ratio +Inf and stays.
func reject(s *State, y, scoreY *lanes.Block, logpY, ratio []float64) {
	for i := range s.Len() {
		if isFinite(ratio[i]) {
			continue
		}
		count := &s.Rejected.BadArithmetic
		switch v := logpY[i]; {
		case v != v:
			count = &s.Rejected.NaNLogProb
		case math.IsInf(v, 1):
			count = &s.Rejected.InfLogProb
		case math.IsInf(v, -1):
			count = &s.Rejected.OutOfSupport
		case !finitePoint(scoreY, i):
			count = &s.Rejected.BadGradient
		case ratio[i] == ratio[i] && finitePoint(y, i):
			continue
		}
		*count++
		ratio[i] = math.NaN()
	}
}

func finitePoint(x *lanes.Block, i int) bool {
	for j := range x.Dim() {
		if !isFinite(x.Row(j)[i]) {
			return false
		}
	}
	return true
}
