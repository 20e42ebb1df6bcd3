package diagnose

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

// Bias is an estimate of how far the law of a kernel that does not reject is from its target.
//
// Under a law p with score s that is continuous and vanishes at its edge, the mean of |s|^2 is that of -div s
// (integrate by parts). Excess is the first over the second, less 1. For a Gaussian it is the excess of the variance,
// weighted by curvature: 0.43 where the variance along the narrow direction is 43 % too large. Moments of
// coordinates, which a curved density hides, do not enter.
type Bias struct {
	Known         bool
	Excess        float64
	StandardError float64 // over particles, by the delta method
	Why           string  // why it is not known, in words
	LeftOut       int     // particles whose score is not finite
}

// looksForBias are taken in the second half of a run and summed: one alone is too noisy.
const looksForBias = 10

// BiasLook notes of each particle what the estimate of the bias needs.
type BiasLook struct {
	run        *mcmc.Run
	begin, end uint64 // looks in (begin, end]
	pool       sync.Pool
}

// AttachBias adds to a run the looks from which its bias at a transition is estimated. Call it before the run
// begins. A run under a kernel that rejects has no bias; the estimate is then about 0.
func AttachBias(run *mcmc.Run, steps uint64) *BiasLook {
	l := &BiasLook{run: run, begin: steps / 2, end: steps}
	run.Looks = append(run.Looks, l)
	return l
}

// String names the look in checkpoints.
func (l *BiasLook) String() string {
	return fmt.Sprintf("bias between transitions %d and %d", l.begin, l.end)
}

// Columns implements mcmc.Look: the sums over the looks of |s|^2 and of -div s.
func (l *BiasLook) Columns() int { return 2 }

// At implements mcmc.Look: ten times, evenly, the last time at the end.
func (l *BiasLook) At(t uint64) bool {
	if t <= l.begin || t > l.end {
		return false
	}
	length := l.end - l.begin
	return (t-l.begin)*looksForBias/length != (t-1-l.begin)*looksForBias/length
}

// probes is scratch of a look.
type probes struct{ signs, there, score, forward, backward *lanes.Block }

func (l *BiasLook) probes(n, dim int) *probes {
	if p, ok := l.pool.Get().(*probes); ok && p.signs.Len() == n && p.signs.Dim() == dim {
		return p
	}
	return &probes{lanes.New(n, dim), lanes.New(n, dim), lanes.New(n, dim), lanes.New(n, dim), lanes.New(n, dim)}
}

// Look implements mcmc.Look. -div s is the mean over random signs v of -v.(s(x+hv) - s(x-hv)) / 2h (Hutchinson 1990); h
// is a small part of the noise of a step, which is less than the density's smallest width.
func (l *BiasLook) Look(ctx context.Context, s *mcmc.State, columns [][]float64) error {
	fn := l.target()
	if fn == nil {
		return nil
	}
	t := backends.Current()
	n, dim := s.Len(), s.X.Dim()
	p := l.probes(n, dim)
	defer l.pool.Put(p)
	h := l.reach()
	random.New(l.run.Seed, random.Probe).Uniform(p.signs, s.First, s.Transition)
	for j := range dim {
		v := p.signs.Row(j)
		t.Less.VS(v, v, 0.5)
		t.FMA.VSV(v, v, -2, ones(n))
	}
	if err := fn.Score(ctx, p.score, s.X); err != nil {
		return err
	}
	for _, side := range []struct {
		h   float64
		dst *lanes.Block
	}{{h, p.forward}, {-h, p.backward}} {
		for j := range dim {
			t.FMA.VSV(p.there.Row(j), p.signs.Row(j), side.h, s.X.Row(j))
		}
		if err := fn.Score(ctx, side.dst, p.there); err != nil {
			return err
		}
	}
	for j := range dim {
		score, difference := p.score.Row(j), p.forward.Row(j)
		t.FMA.VVV(columns[0], score, score, columns[0])
		t.Sub.VV(difference, p.backward.Row(j), difference)
		t.Mul.VV(difference, difference, p.signs.Row(j))
		t.FMA.VSV(columns[1], difference, 1/(2*h), columns[1])
	}
	return nil
}

func (l *BiasLook) target() score.Fn {
	if k, ok := l.run.Kernel.(mcmc.Targeted); ok {
		fn, _ := k.Target()
		return fn
	}
	return nil
}

// reach is h: 1/64 of the noise of a step.
func (l *BiasLook) reach() float64 {
	step := 1e-4
	if k, ok := l.run.Working().(mcmc.Stepper); ok {
		step = k.StepSize()
	}
	return math.Sqrt(2*step) / 64
}

// ones is a row of the number 1, as long as those of n particles.
func ones(n int) []float64 {
	row := make([]float64, lanes.Pad(n))
	for i := range row {
		row[i] = 1
	}
	return row
}

// Estimate is the bias, from the looks taken so far.
func (l *BiasLook) Estimate() Bias {
	columns := l.run.LookColumns(l)
	if columns == nil || l.target() == nil {
		return Bias{Why: "the kernel does not say which score it follows"}
	}
	var squares, curvatures []float64
	for i, a := range columns[0] {
		if b := columns[1][i]; a-a == 0 && b-b == 0 {
			squares, curvatures = append(squares, a), append(curvatures, b)
		}
	}
	bias := Bias{LeftOut: len(columns[0]) - len(squares)}
	n := float64(len(squares))
	if n < 2 {
		bias.Why = "fewer than two particles have a finite score"
		return bias
	}
	if share := float64(bias.LeftOut) / float64(len(columns[0])); share > 1e-3 {
		bias.Why = fmt.Sprintf("the score of %d of %d particles is not finite", bias.LeftOut, len(columns[0]))
		return bias
	}
	square, curvature := parallel.Sum(squares)/n, parallel.Sum(curvatures)/n
	if !(curvature > 0) {
		bias.Why = "the mean curvature of log p is not positive where the particles are"
		return bias
	}
	ratio := square / curvature
	residuals := make([]float64, len(squares))
	for i := range squares {
		r := math.FMA(-ratio, curvatures[i], squares[i])
		residuals[i] = r * r
	}
	bias.Excess = ratio - 1
	bias.StandardError = math.Sqrt(parallel.Sum(residuals)/(n-1)/n) / curvature
	bias.Known = bias.Excess-bias.Excess == 0 && bias.StandardError-bias.StandardError == 0
	if !bias.Known {
		bias.Why = "its sums overflow"
	}
	return bias
}
