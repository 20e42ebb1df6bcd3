// Package densitytest is the contract of a density as a test that anybody can call:
//
//	func TestModel(t *testing.T) { densitytest.Run(t, model) }
//
// [Run] checks what the interfaces of package density promise, so far as the density implements them: the values
// of log p ([density.Density]), the gradient ([density.Differentiable]), exact draws ([density.Exact]), and the
// normaliser, moments and entropy it claims to know. All random numbers have fixed seeds, so a density that
// passes once passes always.
package densitytest

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"strings"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Check names a clause of the contract. Messages begin with it.
type Check string

// The clauses. Bits are compared, where values are: NaN equals NaN.
const (
	Dimension   Check = "dimension"   // Dim is at least 1 and stays the same
	Complete    Check = "complete"    // every value of log p and of the gradient is set, and nothing beyond
	Alone       Check = "alone"       // a point has the same values alone and in any place of any block, whatever its neighbours are
	Padding     Check = "padding"     // what stands in the padding of a block changes nothing
	Input       Check = "input"       // the points are left as they are
	Concurrent  Check = "concurrent"  // calls at the same time on different blocks do not disturb each other
	NilLogProb  Check = "nil log p"   // LogProbGrad with a nil logp gives the same gradient
	SameLogProb Check = "same log p"  // LogProb and LogProbGrad give the same log p
	Numbers     Check = "numbers"     // log p is no NaN and not +Inf, and where it is finite the gradient is, too
	Gradient    Check = "gradient"    // the gradient is that of log p, by central differences
	Cancelled   Check = "cancelled"   // a cancelled context gives its error or right values, and the next call is right
	Allocations Check = "allocations" // a density that implements Laner allocates nothing once warm
	Draws       Check = "draws"       // exact draws depend on the stream and the number of the particle alone and lie in the support
	Moments     Check = "moments"     // exact draws have the mean and covariance that the density claims
	Entropy     Check = "entropy"     // exact draws have the entropy that the density claims
	Stein       Check = "stein"       // under the exact law of a smooth density, E s_j = 0 and E[1 + x_j s_j] = 0
)

// T is what a check needs of a *testing.T.
type T interface {
	Helper()
	Errorf(format string, arguments ...any)
	Logf(format string, arguments ...any)
}

// Suite says how a density is tested. Its zero value is that of [Run].
type Suite struct {
	// Points are where log p and its gradient are evaluated, at least 2. Nil means exact draws if the density has
	// them, else normal numbers, half of them with standard deviation 1 and half with 3; a density that is not
	// defined there needs points of its own.
	Points *lanes.Block
	// Without are checks to leave out; a line of the log says so. A density whose p does not vanish at its edges,
	// or jumps, does not pass Stein.
	Without []Check
}

// Run checks that d keeps the contract of a density.
func Run(t T, d density.Density) {
	t.Helper()
	Suite{}.Run(t, d)
}

// The size of the tests: points at which values are compared, and draws of the statistical checks.
const (
	points = 61
	draws  = 10_000
)

// seed is that of all random numbers of the tests.
const seed = 20250805

// suite is what the checks share.
type suite struct {
	d     density.Density
	dim   int
	x     *lanes.Block
	drawn *lanes.Block // exact draws
	logp  []float64    // of x
	grad  *lanes.Block // of x, nil without a gradient
}

// Run checks that d keeps the contract, but for what the suite leaves out.
func (options Suite) Run(t T, d density.Density) {
	t.Helper()
	out := map[Check]bool{}
	for _, c := range options.Without {
		out[c] = true
		t.Logf("%s: left out", c)
	}
	s := &suite{d: d}
	if !s.run(t, Dimension, s.dimension) {
		return
	}
	if !s.run(t, Complete, func(r *report) { s.prepare(r, options.Points) }) {
		return
	}
	for _, c := range []struct {
		name  Check
		check func(*report)
	}{
		{Alone, s.alone}, {Padding, s.padding}, {Input, s.input}, {Concurrent, s.concurrent},
		{NilLogProb, s.nilLogProb}, {SameLogProb, s.sameLogProb}, {Numbers, s.numbers}, {Gradient, s.gradient},
		{Cancelled, s.cancelled}, {Allocations, s.allocations},
		{Draws, s.draws}, {Moments, s.moments}, {Entropy, s.entropy}, {Stein, s.stein},
	} {
		if !out[c.name] {
			s.run(t, c.name, c.check)
		}
	}
}

// report collects what a check finds.
type report struct {
	failures []string
	notes    []string
}

func (r *report) fail(format string, arguments ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, arguments...))
}

func (r *report) note(format string, arguments ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, arguments...))
}

// run runs a check and says whether the density passed it. A panic is a failure of the check. Of many failures of a
// check the first few tell enough.
func (s *suite) run(t T, name Check, check func(*report)) bool {
	t.Helper()
	r := &report{}
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				r.fail("panic: %v\n%s", cause, debug.Stack())
			}
		}()
		check(r)
	}()
	for _, note := range r.notes {
		t.Logf("%s: %s", name, note)
	}
	const most = 3
	for i, failure := range r.failures {
		if i == most {
			t.Errorf("%s: and %d more", name, len(r.failures)-most)
			break
		}
		t.Errorf("%s: %s", name, failure)
	}
	return len(r.failures) == 0
}

func (s *suite) dimension(r *report) {
	s.dim = s.d.Dim()
	if s.dim < 1 {
		r.fail("Dim is %d: a point has at least one coordinate", s.dim)
	}
	if again := s.d.Dim(); again != s.dim {
		r.fail("Dim is %d, then %d", s.dim, again)
	}
}

// prepare chooses the points and evaluates the density there, twice into memory that holds something else: what was
// not set, or was added to what was there, differs.
func (s *suite) prepare(r *report, given *lanes.Block) {
	s.choose(r, given)
	if len(r.failures) > 0 {
		return
	}
	var first, second values
	first = s.evaluate(r, s.x, -7)
	second = s.evaluate(r, s.x, 11)
	if len(r.failures) > 0 {
		return
	}
	first.compare(r, second, "into memory that held other numbers")
	s.logp, s.grad = first.logp, first.grad
}

// choose sets the points.
func (s *suite) choose(r *report, given *lanes.Block) {
	exact, isExact := s.d.(density.Exact)
	switch {
	case given != nil:
		if given.Dim() != s.dim || given.Len() < 2 {
			r.fail("the suite has %d points of %d coordinates: give at least 2 of %d", given.Len(), given.Dim(), s.dim)
			return
		}
		s.x = clone(given)
	case isExact:
		s.x = lanes.New(points, s.dim)
		if err := exact.Sample(context.Background(), s.x, random.New(seed, random.Exact), 0); err != nil {
			r.fail("Sample: %v", err)
		}
	default:
		s.x = lanes.New(points, s.dim)
		random.New(seed, random.Start).Normal(s.x, 0, 0)
		for j := range s.dim {
			row := s.x.Row(j)
			for i := 0; i < points; i += 2 {
				row[i] *= 3
			}
		}
	}
	for j := range s.dim {
		clear(s.x.Row(j)[s.x.Len():])
	}
}

// values is what a density says of some points.
type values struct {
	logp []float64
	grad *lanes.Block // nil without a gradient
}

// evaluate calls LogProb and, where there is one, LogProbGrad, into memory filled with the number, and looks whether
// it was left alone beyond the last point. The gradient may write its padding.
func (s *suite) evaluate(r *report, x *lanes.Block, filled float64) values {
	v, err := s.call(context.Background(), r, x, filled)
	if err != nil {
		r.fail("%d points: %v", x.Len(), err)
	}
	return v
}

func (s *suite) call(ctx context.Context, r *report, x *lanes.Block, filled float64) (v values, err error) {
	if v.logp, err = s.callLogProb(ctx, r, x, filled); err != nil {
		return v, err
	}
	v.grad, err = s.callGradient(ctx, x, filled)
	return v, err
}

// callLogProb is LogProb on a copy of the points.
func (s *suite) callLogProb(ctx context.Context, r *report, x *lanes.Block, filled float64) ([]float64, error) {
	const beyond = 8
	n := x.Len()
	memory := make([]float64, n+beyond)
	fill(memory, filled)
	if err := s.d.LogProb(ctx, memory[:n:n], clone(x)); err != nil {
		return nil, fmt.Errorf("LogProb: %w", err)
	}
	for _, value := range memory[n:] {
		if value != filled {
			r.fail("LogProb writes beyond the %d values of logp", n)
			break
		}
	}
	return memory[:n], nil
}

// callGradient is the gradient on a copy of the points, nil where there is none.
func (s *suite) callGradient(ctx context.Context, x *lanes.Block, filled float64) (*lanes.Block, error) {
	g, ok := s.d.(density.Differentiable)
	if !ok {
		return nil, nil
	}
	grad := lanes.New(x.Len(), s.dim)
	fill(grad.Data(), filled)
	if err := g.LogProbGrad(ctx, make([]float64, x.Len()), grad, clone(x)); err != nil {
		return nil, fmt.Errorf("LogProbGrad: %w", err)
	}
	return grad, nil
}

func clone(x *lanes.Block) *lanes.Block {
	c := lanes.New(x.Len(), x.Dim())
	c.Copy(x)
	return c
}

// compare fails for what differs between two evaluations of the same points.
func (v values) compare(r *report, other values, how string) {
	for i := range min(len(v.logp), len(other.logp)) { // there may be one of the gradients alone
		if !same(v.logp[i], other.logp[i]) {
			r.fail("log p of point %d is %v, and %v %s", i, v.logp[i], other.logp[i], how)
			return
		}
	}
	if v.grad == nil || other.grad == nil {
		return
	}
	for j := range v.grad.Dim() {
		for i := range v.grad.Len() {
			if a, b := v.grad.Row(j)[i], other.grad.Row(j)[i]; !same(a, b) {
				r.fail("coordinate %d of the gradient at point %d is %v, and %v %s", j, i, a, b, how)
				return
			}
		}
	}
}

// pick is what was said of one point.
func (v values) pick(i int) values {
	one := values{logp: v.logp[i : i+1]}
	if v.grad != nil {
		one.grad = lanes.New(1, v.grad.Dim())
		one.grad.CopyPoints(0, v.grad, i, 1)
	}
	return one
}

// known is what is known of the suite's points.
func (s *suite) known() values { return values{s.logp, s.grad} }

// same says whether two numbers have the same bits; all NaN are the same.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

func fill(values []float64, value float64) {
	for i := range values {
		values[i] = value
	}
}

// show prints point i, of many coordinates the first.
func show(x *lanes.Block, i int) string {
	var text []string
	for j := range min(x.Dim(), 4) {
		text = append(text, fmt.Sprintf("%.6g", x.Row(j)[i]))
	}
	if x.Dim() > 4 {
		text = append(text, "...")
	}
	return "(" + strings.Join(text, ", ") + ")"
}
