package densitytest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/density/densitytest"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// normal is N((0, 0), diag(1, 4)), written by hand, with everything that can be known of it.
type normal struct{}

func (normal) Dim() int { return 2 }

func (normal) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return normal{}.LogProbGrad(ctx, logp, nil, x)
}

func (normal) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, b := x.Row(0), x.Row(1)
	for i := range x.Len() {
		if logp != nil {
			logp[i] = -(a[i]*a[i] + b[i]*b[i]/4) / 2
		}
		if grad != nil {
			grad.Row(0)[i], grad.Row(1)[i] = -a[i], -b[i]/4
		}
	}
	return nil
}

func (normal) Lanes() int { return 64 }

func (normal) Sample(_ context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	stream.Normal(dst, first, 0)
	for i := range dst.Row(1) {
		dst.Row(1)[i] *= 2
	}
	return nil
}

func (normal) LogNormaliser() float64  { return math.Log(4 * math.Pi) }
func (normal) Mean() []float64         { return []float64{0, 0} }
func (normal) Covariance() [][]float64 { return [][]float64{{1, 0}, {0, 4}} }
func (normal) Entropy() float64        { return 1 + math.Log(4*math.Pi) }

// broken is normal, but for the functions that are set.
type broken struct {
	normal
	dim      func() int
	logProb  func(ctx context.Context, logp []float64, x *lanes.Block) error
	gradient func(ctx context.Context, logp []float64, grad, x *lanes.Block) error
	sample   func(dst *lanes.Block, stream random.Stream, first uint64) error
	mean     []float64
	variance float64
	entropy  float64
}

func (b broken) Dim() int {
	if b.dim != nil {
		return b.dim()
	}
	return 2
}

func (b broken) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	if b.logProb != nil {
		return b.logProb(ctx, logp, x)
	}
	return b.normal.LogProb(ctx, logp, x)
}

func (b broken) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if b.gradient != nil {
		return b.gradient(ctx, logp, grad, x)
	}
	return b.normal.LogProbGrad(ctx, logp, grad, x)
}

func (b broken) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if b.sample != nil {
		return b.sample(dst, stream, first)
	}
	return b.normal.Sample(ctx, dst, stream, first)
}

func (b broken) Mean() []float64 {
	if b.mean != nil {
		return b.mean
	}
	return b.normal.Mean()
}

func (b broken) Covariance() [][]float64 {
	c := b.normal.Covariance()
	c[0][0] += b.variance
	return c
}

func (b broken) Entropy() float64 { return b.normal.Entropy() + b.entropy }

// after is the right gradient, then something else.
func after(then func(logp []float64, grad, x *lanes.Block)) func(context.Context, []float64, *lanes.Block, *lanes.Block) error {
	return func(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
		if err := (normal{}).LogProbGrad(ctx, logp, grad, x); err != nil {
			return err
		}
		then(logp, grad, x)
		return nil
	}
}

// afterBoth lets LogProb and LogProbGrad change log p in the same way.
func afterBoth(then func(logp []float64, x *lanes.Block)) broken {
	return broken{
		logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			if err := (normal{}).LogProb(ctx, logp, x); err != nil {
				return err
			}
			then(logp, x)
			return nil
		},
		gradient: after(func(logp []float64, _, x *lanes.Block) {
			if logp != nil {
				then(logp, x)
			}
		}),
	}
}

// shared is memory that a density should not share between calls. It is atomic so that the race detector lets the
// check find that.
var shared [1 << 14]atomic.Uint64

var garbage atomic.Pointer[[]float64]

func brokenDensities() map[string]struct {
	d     density.Density
	fails []densitytest.Check
} {
	type clause = struct {
		d     density.Density
		fails []densitytest.Check
	}
	one := func(d density.Density, fails ...densitytest.Check) clause { return clause{d, fails} }
	calls := 0
	var cancelled atomic.Bool
	return map[string]clause{
		"has no coordinates": one(broken{dim: func() int { return 0 }}, densitytest.Dimension),
		"changes its dimension": one(broken{dim: func() int {
			calls++
			return 2 + calls%2
		}}, densitytest.Dimension),
		"forgets the last point": one(broken{logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			last := logp[x.Len()-1]
			err := normal{}.LogProb(ctx, logp, x)
			logp[x.Len()-1] = last
			return err
		}}, densitytest.Complete),
		"adds to log p": one(broken{logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			own := make([]float64, len(logp))
			if err := (normal{}).LogProb(ctx, own, x); err != nil {
				return err
			}
			for i, v := range own {
				logp[i] += v
			}
			return nil
		}}, densitytest.Complete),
		"adds to the gradient": one(broken{gradient: func(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
			own := lanes.New(x.Len(), 2)
			if err := (normal{}).LogProbGrad(ctx, logp, own, x); err != nil {
				return err
			}
			for i, v := range own.Data() {
				grad.Data()[i] += v
			}
			return nil
		}}, densitytest.Complete),
		"writes beyond log p": one(broken{logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			_ = logp[:x.Stride()]
			return normal{}.LogProb(ctx, logp, x)
		}}, densitytest.Complete),
		"always fails": one(broken{logProb: func(context.Context, []float64, *lanes.Block) error {
			return errors.New("no data")
		}}, densitytest.Complete),
		"sees its neighbour": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := 1; i < x.Len(); i++ {
				logp[i] += 1e-13 * x.Row(0)[i-1]
			}
		}), densitytest.Alone),
		"knows the size of the block": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range logp {
				logp[i] += math.Ldexp(float64(x.Len()), -30)
			}
		}), densitytest.Alone),
		"rounds otherwise in whole vectors": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range x.Len() / 8 * 8 {
				logp[i] *= 1 + 0x1p-52
			}
		}), densitytest.Alone),
		"is spoilt by a NaN in the block": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range logp {
				logp[i] += 0 * slices.Max(x.Row(1)[:x.Len()])
			}
		}), densitytest.Alone),
		"reads the padding": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range logp {
				if x.Stride() > x.Len() {
					logp[i] += 1e-6 * x.Row(1)[x.Len()]
				}
			}
		}), densitytest.Padding),
		"moves the points": one(afterBoth(func(logp []float64, x *lanes.Block) {
			x.Row(0)[0] += 1e-9
		}), densitytest.Input),
		"shares scratch": one(broken{logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			if err := (normal{}).LogProb(ctx, logp, x); err != nil {
				return err
			}
			for i, v := range logp {
				shared[i].Store(math.Float64bits(v))
			}
			runtime.Gosched()
			for i := range logp {
				logp[i] = math.Float64frombits(shared[i].Load())
			}
			return nil
		}}, densitytest.Concurrent),
		"needs a log p": one(broken{gradient: func(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
			for i := range x.Len() {
				logp[i] = 0
			}
			return normal{}.LogProbGrad(ctx, logp, grad, x)
		}}, densitytest.NilLogProb),
		"gives another gradient without log p": one(broken{gradient: func(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
			if err := (normal{}).LogProbGrad(ctx, logp, grad, x); err != nil || logp != nil {
				return err
			}
			grad.Row(0)[0] *= 1 + 1e-15
			return nil
		}}, densitytest.NilLogProb),
		"normalises in one method only": one(broken{gradient: after(func(logp []float64, _, _ *lanes.Block) {
			for i := range logp {
				logp[i] -= math.Log(4 * math.Pi)
			}
		})}, densitytest.SameLogProb),
		"is NaN somewhere": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range logp {
				if x.Row(0)[i] > 1.5 {
					logp[i] = math.NaN()
				}
			}
		}), densitytest.Numbers),
		"is +Inf somewhere": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range logp {
				if x.Row(0)[i] > 1.5 {
					logp[i] = math.Inf(1)
				}
			}
		}), densitytest.Numbers),
		"divides by 0 at the origin": one(broken{gradient: after(func(_ []float64, grad, x *lanes.Block) {
			for i := range x.Len() {
				grad.Row(0)[i] *= x.Row(1)[i] / x.Row(1)[i]
			}
		})}, densitytest.Numbers),
		"has the gradient's sign wrong": one(broken{gradient: after(func(_ []float64, grad, _ *lanes.Block) {
			for i, v := range grad.Data() {
				grad.Data()[i] = -v
			}
		})}, densitytest.Gradient),
		"has the gradient wrong by a thousandth": one(broken{gradient: after(func(_ []float64, grad, _ *lanes.Block) {
			for i := range grad.Row(1) {
				grad.Row(1)[i] *= 1.001
			}
		})}, densitytest.Gradient),
		"has no gradient": one(broken{gradient: after(func(_ []float64, grad, _ *lanes.Block) {
			clear(grad.Data())
		})}, densitytest.Gradient),
		"is noise": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range logp {
				logp[i] += float64(math.Float64bits(x.Row(0)[i])%97) / 97
			}
		}), densitytest.Gradient),
		"hides the context's error": one(broken{logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return normal{}.LogProb(ctx, logp, x)
		}}, densitytest.Cancelled),
		"gives up half-way without a word": one(broken{logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			if ctx.Err() != nil {
				return nil
			}
			return normal{}.LogProb(ctx, logp, x)
		}}, densitytest.Cancelled),
		"never recovers": one(broken{logProb: func(ctx context.Context, logp []float64, x *lanes.Block) error {
			if ctx.Err() != nil {
				cancelled.Store(true)
			}
			if cancelled.Load() {
				return context.Canceled
			}
			return normal{}.LogProb(ctx, logp, x)
		}}, densitytest.Cancelled),
		"allocates": one(afterBoth(func([]float64, *lanes.Block) {
			fresh := make([]float64, 10)
			garbage.Store(&fresh)
		}), densitytest.Allocations),
		"draws by the place in the block": one(broken{sample: func(dst *lanes.Block, stream random.Stream, first uint64) error {
			return normal{}.Sample(context.Background(), dst, stream, 0)
		}}, densitytest.Draws),
		"draws without the stream": one(broken{sample: func(dst *lanes.Block, _ random.Stream, first uint64) error {
			return normal{}.Sample(context.Background(), dst, random.New(1, random.Exact), first)
		}}, densitytest.Draws),
		"adds to the block it draws into": one(broken{sample: func(dst *lanes.Block, stream random.Stream, first uint64) error {
			old := slices.Clone(dst.Row(0))
			if err := (normal{}).Sample(context.Background(), dst, stream, first); err != nil {
				return err
			}
			for i, v := range old {
				dst.Row(0)[i] += v
			}
			return nil
		}}, densitytest.Draws),
		"draws outside of the support": one(afterBoth(func(logp []float64, x *lanes.Block) {
			for i := range logp {
				if math.Abs(x.Row(0)[i]) > 2 {
					logp[i] = math.Inf(-1)
				}
			}
		}), densitytest.Draws),
		"claims another mean":     one(broken{mean: []float64{0, 0.2}}, densitytest.Moments),
		"claims another variance": one(broken{variance: 0.1}, densitytest.Moments),
		"claims too few means":    one(broken{mean: []float64{0}}, densitytest.Moments),
		"claims another entropy":  one(broken{entropy: 0.1}, densitytest.Entropy),
		"draws from another law": one(broken{sample: func(dst *lanes.Block, stream random.Stream, first uint64) error {
			if err := (normal{}).Sample(context.Background(), dst, stream, first); err != nil {
				return err
			}
			for i := range dst.Row(0) {
				dst.Row(0)[i] *= 1.1
			}
			return nil
		}}, densitytest.Moments, densitytest.Entropy, densitytest.Stein),
	}
}

// recorder is a T that remembers which checks failed.
type recorder struct {
	failed map[string][]string
}

func (*recorder) Helper() {}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Errorf(format string, arguments ...any) {
	message := fmt.Sprintf(format, arguments...)
	name, _, _ := strings.Cut(message, ":")
	if r.failed == nil {
		r.failed = map[string][]string{}
	}
	r.failed[name] = append(r.failed[name], message)
}

func TestBrokenDensityFailsTheCheckItShould(t *testing.T) {
	for name, c := range brokenDensities() {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			densitytest.Run(r, c.d)
			for _, want := range c.fails {
				if want == densitytest.Allocations && densitytest.RaceDetector {
					t.Log("the check is off under the race detector")
					continue
				}
				messages := r.failed[string(want)]
				if len(messages) == 0 {
					t.Errorf("the density passed %q; it failed %v", want, r.failed)
					continue
				}
				t.Log(strings.SplitN(messages[0], "\n", 2)[0])
			}
		})
	}
}

// Every check has a density that fails it and passes all the others, so that no check stands in for another.
func TestChecksAreIndependent(t *testing.T) {
	alone := map[string]bool{}
	for _, c := range brokenDensities() {
		r := &recorder{}
		densitytest.Run(r, c.d)
		if len(r.failed) == 1 {
			for name := range r.failed {
				alone[name] = true
			}
		}
	}
	for _, check := range []densitytest.Check{
		densitytest.Dimension, densitytest.Complete, densitytest.Alone, densitytest.Padding, densitytest.Input,
		densitytest.Concurrent, densitytest.NilLogProb, densitytest.SameLogProb, densitytest.Numbers, densitytest.Gradient,
		densitytest.Cancelled, densitytest.Allocations, densitytest.Draws, densitytest.Moments, densitytest.Entropy,
	} {
		if !alone[string(check)] && !(check == densitytest.Allocations && densitytest.RaceDetector) {
			t.Errorf("no density fails %q alone", check)
		}
	}
}

func TestRightDensityPasses(t *testing.T) {
	densitytest.Run(t, normal{})
	densitytest.Run(t, density.Func(2, func(x []float64) float64 { return -x[0]*x[0] - math.Abs(x[1]) }))
	densitytest.Run(t, density.FuncGrad(1, nil, func(grad, x []float64) float64 {
		grad[0] = -x[0] * 1e-6
		return -x[0] * x[0] / 2e6
	}))
}

// A density that jumps passes once what cannot hold is left out, and is looked at only where the points are.
func TestSuiteCanBeCut(t *testing.T) {
	d, err := density.Parse("where(x[0] > 0, -x[0] - log(x[0])/2, log(0))", 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	points, err := lanes.FromPoints([][]float64{{0.1}, {0.5}, {1}, {4}, {-1}})
	if err != nil {
		t.Fatal(err)
	}
	densitytest.Suite{Points: points}.Run(t, d)
	densitytest.Suite{Without: []densitytest.Check{densitytest.Stein}}.Run(t, density.Checkerboard{})
	r := &recorder{}
	densitytest.Run(r, density.Checkerboard{})
	if len(r.failed) != 1 || r.failed["stein"] == nil {
		t.Errorf("the checkerboard, whose edges break Stein's identity, failed %v", r.failed)
	}
}
