package densitytest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
)

// alone evaluates every point by itself, and in blocks of many sizes at every place of a vector, among neighbours that
// are copies of other points or no numbers at all.
func (s *suite) alone(r *report) {
	n := s.x.Len()
	for _, size := range []int{1, 2, 3, 7, 8, 9, 16, 33, 100, 257} {
		for _, hostile := range []bool{false, true} {
			x := lanes.New(size, s.dim)
			for start := 0; start < n; start += max(1, size/3) {
				for i := range size {
					x.CopyPoints(i, s.x, (start+i)%n, 1)
				}
				at := start % size
				x.CopyPoints(at, s.x, start, 1)
				if hostile {
					poison(x, at)
				}
				got := s.evaluate(r, x, 0)
				if len(r.failures) > 0 {
					return
				}
				how := fmt.Sprintf("in place %d of a block of %d", at, size)
				if hostile {
					how += " among neighbours that are not finite"
				}
				one := s.known().pick(start)
				one.compare(r, got.pick(at), how)
				if len(r.failures) > 0 {
					r.note("that is point %d of the suite, %s", start, show(s.x, start))
					return
				}
			}
		}
	}
}

// poison makes all points but one something that no result can bear.
func poison(x *lanes.Block, but int) {
	bad := []float64{math.NaN(), math.Inf(1), 1e300, math.Inf(-1), 5e-324}
	for j := range x.Dim() {
		for i := range x.Len() {
			if i != but {
				x.Row(j)[i] = bad[(i+j)%len(bad)]
			}
		}
	}
}

// padding fills the padding of the points with numbers and no numbers.
func (s *suite) padding(r *report) {
	for _, n := range []int{1, 3, 5, 13} {
		for _, value := range []float64{math.NaN(), math.Inf(1), 1e300, 3} {
			x := lanes.New(n, s.dim)
			for i := range n {
				x.CopyPoints(i, s.x, i%s.x.Len(), 1)
			}
			for j := range s.dim {
				fill(x.Row(j)[n:], value)
			}
			got := s.evaluate(r, x, 0)
			for i := range n {
				if len(r.failures) > 0 {
					return
				}
				s.known().pick(i%s.x.Len()).compare(r, got.pick(i), fmt.Sprintf("with %v in the padding of a block of %d", value, n))
			}
		}
	}
}

// input compares the points with a copy.
func (s *suite) input(r *report) {
	x := clone(s.x)
	if err := s.d.LogProb(background, make([]float64, x.Len()), x); err != nil {
		r.fail("LogProb: %v", err)
	}
	s.unchanged(r, x)
	if g, ok := s.d.(density.Differentiable); ok {
		if err := g.LogProbGrad(background, make([]float64, x.Len()), lanes.New(x.Len(), s.dim), x); err != nil {
			r.fail("LogProbGrad: %v", err)
		}
		s.unchanged(r, x)
	}
}

func (s *suite) unchanged(r *report, x *lanes.Block) {
	for j := range s.dim {
		for i := range x.Len() {
			if !same(x.Row(j)[i], s.x.Row(j)[i]) {
				r.fail("coordinate %d of point %d was %v and is %v after the call", j, i, s.x.Row(j)[i], x.Row(j)[i])
				return
			}
		}
	}
}

// concurrent evaluates rotations of the points on several goroutines at once.
func (s *suite) concurrent(r *report) {
	const workers, rounds = 8, 20
	reports := make([]report, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			mine := &reports[w]
			defer func() {
				if cause := recover(); cause != nil {
					mine.fail("panic: %v", cause)
				}
			}()
			n := s.x.Len()
			x := lanes.New(n, s.dim)
			x.CopyPoints(0, s.x, w%n, n-w%n)
			x.CopyPoints(n-w%n, s.x, 0, w%n)
			for range rounds {
				got := s.evaluate(mine, x, float64(w))
				for i := range n {
					if len(mine.failures) > 0 {
						return
					}
					s.known().pick((i+w)%n).compare(mine, got.pick(i), "while other goroutines evaluate other blocks")
				}
			}
		})
	}
	all.Wait()
	for _, mine := range reports {
		r.failures = append(r.failures, mine.failures...)
	}
}

// nilLogProb asks for the gradient alone.
func (s *suite) nilLogProb(r *report) {
	g, ok := s.d.(density.Differentiable)
	if !ok {
		return
	}
	grad := lanes.New(s.x.Len(), s.dim)
	fill(grad.Data(), -3)
	if err := g.LogProbGrad(background, nil, grad, clone(s.x)); err != nil {
		r.fail("%v", err)
		return
	}
	s.known().compare(r, values{s.logp, grad}, "with a nil logp")
}

// sameLogProb compares log p of both methods, here and far out.
func (s *suite) sameLogProb(r *report) {
	g, ok := s.d.(density.Differentiable)
	if !ok {
		return
	}
	far := lanes.New(s.x.Len(), s.dim)
	for i, v := range s.x.Data() {
		far.Data()[i] = 10 * v
	}
	for _, x := range []*lanes.Block{s.x, far} {
		one, both := make([]float64, x.Len()), make([]float64, x.Len())
		fill(both, -3)
		err := errors.Join(
			s.d.LogProb(background, one, clone(x)),
			g.LogProbGrad(background, both, lanes.New(x.Len(), s.dim), clone(x)))
		if err != nil {
			r.fail("%v", err)
			return
		}
		values{logp: one}.compare(r, values{logp: both}, "from LogProbGrad")
	}
}

// numbers looks for what is not finite at the points and, for the gradient, at the origin, where formulas divide by 0.
func (s *suite) numbers(r *report) {
	for i, v := range s.logp {
		switch {
		case v != v || math.IsInf(v, 1):
			r.fail("log p at point %d, %s, is %v; out of the support it is -Inf", i, show(s.x, i), v)
		case !math.IsInf(v, -1):
			s.finite(r, s.x, s.grad, i)
		}
	}
	origin := lanes.New(1, s.dim)
	at := s.evaluate(r, origin, 0)
	if len(at.logp) == 1 && at.logp[0]-at.logp[0] == 0 {
		s.finite(r, origin, at.grad, 0)
	}
}

func (s *suite) finite(r *report, x, grad *lanes.Block, i int) {
	if grad == nil {
		return
	}
	for j := range s.dim {
		if g := grad.Row(j)[i]; g-g != 0 {
			r.fail("log p at %s is finite and coordinate %d of its gradient is %v", show(x, i), j, g)
			return
		}
	}
}

// cancelled calls with a context that has ended.
func (s *suite) cancelled(r *report) {
	ctx, cancel := context.WithCancel(background)
	cancel()
	judge := func(got values, err error) {
		switch {
		case err == nil:
			s.known().compare(r, got, "with a cancelled context and without an error")
		case !errors.Is(err, context.Canceled):
			r.fail("with a cancelled context the error is %q, which does not wrap context.Canceled", err)
		}
	}
	logp, err := s.callLogProb(ctx, r, s.x, 0)
	judge(values{logp: logp}, err)
	grad, err := s.callGradient(ctx, s.x, 0)
	judge(values{grad: grad}, err)
	s.known().compare(r, s.evaluate(r, s.x, 0), "after a cancelled call")
}

// allocations counts those of a warm call. Counts include what the runtime does meanwhile, so the best of several
// counts. Under the race detector a sync.Pool forgets on purpose, and nothing can be said.
func (s *suite) allocations(r *report) {
	logp, x := make([]float64, s.x.Len()), clone(s.x)
	grad := lanes.New(s.x.Len(), s.dim)
	calls := map[string]func(){
		"LogProb": func() { _ = s.d.LogProb(background, logp, x) },
	}
	if g, ok := s.d.(density.Differentiable); ok {
		calls["LogProbGrad"] = func() { _ = g.LogProbGrad(background, logp, grad, x) }
		calls["LogProbGrad with a nil logp"] = func() { _ = g.LogProbGrad(background, nil, grad, x) }
	}
	_, fast := s.d.(density.Laner)
	for name, call := range calls {
		count := leastAllocations(call)
		switch {
		case count == 0 || raceDetector:
		case fast:
			r.fail("%s allocates %d times a call", name, count)
		default:
			r.note("%s allocates %d times a call; a run would be faster without", name, count)
		}
	}
}

func leastAllocations(call func()) uint64 {
	const tries, rounds = 5, 10
	call()
	least := uint64(math.MaxUint64)
	for range tries {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			call()
		}
		runtime.ReadMemStats(&after)
		least = min(least, (after.Mallocs-before.Mallocs+rounds-1)/rounds)
	}
	return least
}
