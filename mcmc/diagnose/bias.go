package diagnose

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
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
// coordinates, which a curved density hides, do not enter. Neither do jumps of log p, which the score does not see and
// Langevin crosses as if they were not there: where log p is known they are looked for.
type Bias struct {
	Known         bool
	Excess        float64
	StandardError float64 // over particles, by the delta method
	Why           string  // why it is not known, in words
	LeftOut       int     // particles whose score is not finite
	Jumps         float64 // share of moves over which log p jumps; NaN where it is not known
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

// Columns implements mcmc.Look: the sums over the looks of |s|^2 and of -div s, and the number of jumps.
func (l *BiasLook) Columns() int { return 3 }

// At implements mcmc.Look: ten times, evenly, the last time at the end.
func (l *BiasLook) At(t uint64) bool {
	if t <= l.begin || t > l.end {
		return false
	}
	length := l.end - l.begin
	return (t-l.begin)*looksForBias/length != (t-1-l.begin)*looksForBias/length
}

// probes is scratch of a look.
type probes struct {
	signs, there, score, forward, backward *lanes.Block
	logp, logpThere                        []float64
}

func (l *BiasLook) probes(n, dim int) *probes {
	if p, ok := l.pool.Get().(*probes); ok && p.signs.Len() == n && p.signs.Dim() == dim {
		return p
	}
	return &probes{
		lanes.New(n, dim), lanes.New(n, dim), lanes.New(n, dim), lanes.New(n, dim), lanes.New(n, dim),
		make([]float64, n), make([]float64, n),
	}
}

// Look implements mcmc.Look. -div s is the mean over random signs v of -v.(s(x+hv) - s(x-hv)) / 2h (Hutchinson 1990); h
// is a small part of the noise of a step, which is less than the density's smallest width.
func (l *BiasLook) Look(ctx context.Context, s *mcmc.State, columns [][]float64) error {
	fn, d := l.target()
	if fn == nil {
		return nil
	}
	t := backends.Current()
	n, dim := s.Len(), s.X.Dim()
	p := l.probes(n, dim)
	defer l.pool.Put(p)
	crossed, err := l.jumps(ctx, d, s, p)
	if err != nil {
		return err
	}
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
	for _, i := range crossed {
		columns[2][i]++
	}
	return nil
}

// A jump of log p is told by a move from x to y over which it changes otherwise than the score says, by (s(x) + s(y)).(y - x)/2.
// That is exact where log p is quadratic. Where it is curved otherwise the error is small for a small step, or becomes
// small when the move is cut into pieces; that of a jump stays.
const (
	jump       = 0.5  // of log p that matters
	pieces     = 16   // that a suspicious move is cut into
	fewJumps   = 2e-4 // share of moves
	noiseLimit = 0.1  // standard error of the estimate above which it has to be worth a third of it
)

// jumps are the particles whose move would cross a jump: y is x and the noise of a step.
func (l *BiasLook) jumps(ctx context.Context, d density.Differentiable, s *mcmc.State, p *probes) ([]int, error) {
	if d == nil {
		return nil, nil
	}
	n, dim := s.Len(), s.X.Dim()
	t := backends.Current()
	if err := d.LogProbGrad(ctx, p.logp, p.score, s.X); err != nil {
		return nil, err
	}
	random.New(l.run.Seed, random.Probe).Sub(1).Normal(p.there, s.First, s.Transition)
	noise := float64(64 * l.reach())
	for j := range dim {
		t.FMA.VSV(p.there.Row(j), p.there.Row(j), noise, s.X.Row(j))
	}
	if err := d.LogProbGrad(ctx, p.logpThere, p.forward, p.there); err != nil {
		return nil, err
	}
	told := make([]float64, n)
	for j := range dim {
		x, y, a, b := s.X.Row(j), p.there.Row(j), p.score.Row(j), p.forward.Row(j)
		for i := range n {
			told[i] = math.FMA(a[i]+b[i], (y[i]-x[i])/2, told[i])
		}
	}
	var suspects []int
	for i := range n {
		if !(math.Abs(p.logpThere[i]-p.logp[i]-told[i]) <= jump) {
			suspects = append(suspects, i)
		}
	}
	if len(suspects) == 0 {
		return nil, nil
	}
	// The trapezoid of all pieces: half of the ends, and all between them.
	between, score := lanes.New(len(suspects), dim), lanes.New(len(suspects), dim)
	again := make([]float64, len(suspects))
	for k, i := range suspects {
		again[k] = float64(told[i] / pieces)
	}
	for piece := 1; piece < pieces; piece++ {
		for j := range dim {
			x, y, row := s.X.Row(j), p.there.Row(j), between.Row(j)
			for k, i := range suspects {
				row[k] = math.FMA(y[i]-x[i], float64(piece)/pieces, x[i])
			}
		}
		if err := d.LogProbGrad(ctx, nil, score, between); err != nil {
			return nil, err
		}
		for j := range dim {
			x, y, row := s.X.Row(j), p.there.Row(j), score.Row(j)
			for k, i := range suspects {
				again[k] = math.FMA(row[k], (y[i]-x[i])/pieces, again[k])
			}
		}
	}
	crossed := suspects[:0]
	for k, i := range suspects {
		if !(math.Abs(p.logpThere[i]-p.logp[i]-again[k]) <= jump) {
			crossed = append(crossed, i)
		}
	}
	return crossed, nil
}

func (l *BiasLook) target() (score.Fn, density.Differentiable) {
	if k, ok := l.run.Kernel.(mcmc.Targeted); ok {
		return k.Target()
	}
	return nil, nil
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
	fn, d := l.target()
	if columns == nil || fn == nil {
		return Bias{Why: "the kernel does not say which score it follows", Jumps: math.NaN()}
	}
	var squares, curvatures []float64
	for i, a := range columns[0] {
		if b := columns[1][i]; a-a == 0 && b-b == 0 {
			squares, curvatures = append(squares, a), append(curvatures, b)
		}
	}
	particles := len(columns[0])
	bias := Bias{LeftOut: particles - len(squares), Jumps: math.NaN()}
	if d != nil && l.looks() > 0 {
		bias.Jumps = parallel.Sum(columns[2]) / float64(particles) / float64(l.looks())
	}
	n := float64(len(squares))
	if n < 2 {
		bias.Why = "fewer than two particles have a finite score"
		return bias
	}
	if share := float64(bias.LeftOut) / float64(particles); share > 1e-3 {
		bias.Why = "the score of " + of(bias.LeftOut, particles, "is", "are") + " not finite"
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
	switch {
	case bias.Excess-bias.Excess != 0 || bias.StandardError-bias.StandardError != 0:
		bias.Why = "its sums overflow"
	case bias.Jumps > fewJumps:
		bias.Why = fmt.Sprintf("log p jumps in %.3g %% of the moves, which the score does not say and the sampler does not see: use one that rejects", 100*bias.Jumps)
	case bias.StandardError > max(noiseLimit, math.Abs(bias.Excess)/3):
		bias.Why = fmt.Sprintf("the estimate, %+.0f %%, has a standard error of %.0f %%: there are too few particles, or log p is too rough", 100*bias.Excess, 100*bias.StandardError)
	default:
		bias.Known = true
	}
	return bias
}

// looks is the number of looks that a run has taken.
func (l *BiasLook) looks() uint64 {
	at := min(l.run.Report().Transition, l.end)
	if at <= l.begin {
		return 0
	}
	return min(at-l.begin, (at-l.begin)*looksForBias/(l.end-l.begin))
}
