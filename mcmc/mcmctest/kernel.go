package mcmctest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
)

// Subject is a kernel under test.
type Subject struct {
	// Start is where particles begin, inside the support of the target.
	Start mcmc.Sampler
	// Kernel makes the kernel, whose target asks fail before each evaluation and returns its error if there is
	// one. For a kernel on a density, [Failing] does that.
	Kernel func(fail func() error) mcmc.Kernel
	// Exact draws from the law that the kernel leaves as it is; nil if it leaves none, as an unadjusted one.
	Exact mcmc.Sampler
	// Without are checks to leave out; a line of the log says so.
	Without []Check
}

const (
	someParticles = 61 // no multiple of a vector's length
	someSteps     = 20
)

// Kernel checks that a kernel keeps its contract.
func Kernel(t T, s Subject) {
	t.Helper()
	c := &kernelSuite{Subject: s, t: t}
	for _, check := range []struct {
		name Check
		f    func() error
	}{
		{Dimension, c.dimension}, {Alone, c.alone}, {Padding, c.padding}, {Counts, c.counts}, {Failed, c.failed},
		{Cancelled, c.cancelled}, {Concurrent, c.concurrent}, {Allocations, c.allocations}, {Runs, c.runs},
		{Resumed, c.resumed}, {Invariant, c.invariant},
	} {
		if skipped(t, s.Without, check.name) {
			continue
		}
		if err := check.f(); err != nil {
			t.Errorf("%s: %v", check.name, err)
			if check.name == Dimension {
				return
			}
		}
	}
}

func skipped(t T, without []Check, name Check) bool {
	for _, w := range without {
		if w == name {
			t.Logf("%s: left out", name)
			return true
		}
	}
	return false
}

type kernelSuite struct {
	Subject
	t T
}

func never() error { return nil }

func (c *kernelSuite) healthy() mcmc.Kernel { return c.Kernel(never) }

// state is n particles at their start under a kernel.
func (c *kernelSuite) state(k mcmc.Kernel, n int, first uint64) (*mcmc.State, error) {
	s := mcmc.NewState(k, n, first, seed)
	if err := c.Start.Sample(context.Background(), s.X, random.New(seed, random.Start), first); err != nil {
		return nil, fmt.Errorf("the start: %w", err)
	}
	if err := k.Init(context.Background(), s); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	return s, nil
}

// reach advances a state to a transition.
func reach(k mcmc.Kernel, s *mcmc.State, transition uint64) error {
	s.Until = transition
	for calls := 0; s.Transition < transition; calls++ {
		if calls > 1_000_000 {
			return fmt.Errorf("transition %d is not reached in %d calls of Advance", transition, calls)
		}
		if err := k.Advance(context.Background(), s); err != nil {
			return fmt.Errorf("advance: %w", err)
		}
	}
	return nil
}

// carried is the block of all carried columns.
func carried(k mcmc.Kernel, s *mcmc.State) *lanes.Block {
	columns, _ := k.Columns()
	return s.Carried(0, columns)
}

func (c *kernelSuite) dimension() error {
	k := c.healthy()
	carried, scratch := k.Columns()
	if k.Dim() < 1 || carried < 0 || scratch < 0 {
		return fmt.Errorf("the kernel has Dim %d, %d carried columns, %d of scratch", k.Dim(), carried, scratch)
	}
	if k.Dim() != c.Start.Dim() {
		return fmt.Errorf("the kernel has Dim %d, and the start has %d", k.Dim(), c.Start.Dim())
	}
	s, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	if err := reach(k, s, 1); err != nil {
		return err
	}
	if a, b := k.Columns(); a != carried || b != scratch {
		return fmt.Errorf("%d and %d columns after a transition, %d and %d before", a, b, carried, scratch)
	}
	return nil
}

func (c *kernelSuite) alone() error {
	k := c.healthy()
	whole, err := c.state(k, someParticles, 100)
	if err != nil {
		return err
	}
	if err := reach(k, whole, someSteps); err != nil {
		return err
	}
	for _, part := range [][2]int{{0, 1}, {1, 9}, {10, 8}, {18, 43}} {
		s, err := c.state(k, part[1], 100+uint64(part[0]))
		if err != nil {
			return err
		}
		if err := reach(k, s, someSteps); err != nil {
			return err
		}
		if i, j, ok := samePoints(whole.X, part[0], s.X); !ok {
			return fmt.Errorf("particle %d: coordinate %d is %v in a block of %d and %v in one of %d", s.First+uint64(i), j,
				whole.X.Row(j)[part[0]+i], someParticles, s.X.Row(j)[i], part[1])
		}
		if i, j, ok := samePoints(carried(k, whole), part[0], carried(k, s)); !ok {
			return fmt.Errorf("particle %d: carried column %d differs between a block of %d and one of %d", s.First+uint64(i), j, someParticles, part[1])
		}
		for i := range part[1] {
			if !same(whole.Accepted[part[0]+i], s.Accepted[i]) || !same(whole.Probability[part[0]+i], s.Probability[i]) {
				return fmt.Errorf("particle %d: the accepted moves differ between a block of %d and one of %d", s.First+uint64(i), someParticles, part[1])
			}
		}
	}
	return nil
}

func (c *kernelSuite) padding() error {
	k := c.healthy()
	clean, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	dirty, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	for _, b := range []*lanes.Block{dirty.X, carried(k, dirty)} {
		for j := range b.Dim() {
			for i := b.Len(); i < b.Stride(); i++ {
				b.Row(j)[i] = []float64{math.NaN(), math.Inf(-1), 1e300}[i%3]
			}
		}
	}
	if err := errors.Join(reach(k, clean, someSteps), reach(k, dirty, someSteps)); err != nil {
		return err
	}
	if i, j, ok := samePoints(clean.X, 0, dirty.X); !ok {
		return fmt.Errorf("coordinate %d of particle %d is %v, and %v with other padding", j, i, clean.X.Row(j)[i], dirty.X.Row(j)[i])
	}
	if clean.Rejected != dirty.Rejected {
		return fmt.Errorf("rejections %+v, and %+v with other padding", clean.Rejected, dirty.Rejected)
	}
	return nil
}

func (c *kernelSuite) counts() error {
	var calls atomic.Int64
	k := c.Kernel(func() error { calls.Add(1); return nil })
	s, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	if s.Transition != 0 {
		return fmt.Errorf("init leaves the state at transition %d", s.Transition)
	}
	if err := reach(k, s, someSteps); err != nil {
		return err
	}
	if s.Transition != someSteps {
		return fmt.Errorf("a call of Advance jumped from below %d to transition %d", someSteps, s.Transition)
	}
	if want := uint64(calls.Load()) * someParticles; s.Evaluations != want {
		return fmt.Errorf("%d evaluations are counted, the target saw %d", s.Evaluations, want)
	}
	for i, accepted := range s.Accepted[:s.Len()] {
		if accepted < 0 || accepted > someSteps || accepted != math.Floor(accepted) {
			return fmt.Errorf("particle %d has accepted %v moves of %d", i, accepted, someSteps)
		}
	}
	return nil
}

// copied is a copy of everything that lasts in a state.
type copied struct {
	x, carried            *lanes.Block
	accepted, probability []float64
	rejected              mcmc.Rejections
	transition, count     uint64
}

func copyOf(k mcmc.Kernel, s *mcmc.State) copied {
	x, columns := lanes.New(s.Len(), s.X.Dim()), lanes.New(s.Len(), carried(k, s).Dim())
	x.Copy(s.X)
	columns.Copy(carried(k, s))
	return copied{
		x, columns, append([]float64(nil), s.Accepted...), append([]float64(nil), s.Probability...), s.Rejected, s.Transition, s.Evaluations,
	}
}

// changed says what of a state is not as it was.
func (before copied) changed(k mcmc.Kernel, s *mcmc.State) error {
	now := copyOf(k, s)
	if i, j, ok := samePoints(before.x, 0, now.x); !ok {
		return fmt.Errorf("coordinate %d of particle %d changed", j, i)
	}
	if i, j, ok := samePoints(before.carried, 0, now.carried); !ok {
		return fmt.Errorf("carried column %d of particle %d changed", j, i)
	}
	for i := range s.Len() {
		if !same(before.accepted[i], now.accepted[i]) || !same(before.probability[i], now.probability[i]) {
			return fmt.Errorf("the accepted moves of particle %d changed", i)
		}
	}
	if before.rejected != now.rejected || before.transition != now.transition || before.count != now.count {
		return fmt.Errorf("its counts changed: rejections %+v, transition %d, evaluations %d; before %+v, %d, %d", now.rejected, now.transition, now.count,
			before.rejected, before.transition, before.count)
	}
	return nil
}

var errPlanned = errors.New("a failure that was planned")

func (c *kernelSuite) failed() error {
	broken := false
	k := c.Kernel(func() error {
		if broken {
			return errPlanned
		}
		return nil
	})
	s, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	undisturbed, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	for transition := range uint64(someSteps) {
		before := copyOf(k, s)
		broken = true
		err := k.Advance(context.Background(), s)
		broken = false
		if !errors.Is(err, errPlanned) {
			return fmt.Errorf("the target fails and Advance returns %v, without its error", err)
		}
		if err := before.changed(k, s); err != nil {
			return fmt.Errorf("a call of Advance that failed: %w", err)
		}
		if err := reach(k, s, transition+1); err != nil {
			return err
		}
	}
	if err := reach(k, undisturbed, someSteps); err != nil {
		return err
	}
	if i, j, ok := samePoints(undisturbed.X, 0, s.X); !ok {
		return fmt.Errorf("coordinate %d of particle %d is another after failures", j, i)
	}
	return nil
}

func (c *kernelSuite) cancelled() error {
	k := c.healthy()
	s, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	right, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	before := copyOf(k, s)
	if err := k.Advance(ctx, s); err != nil {
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("a cancelled call returns %w, not the context's error", err)
		}
		if err := before.changed(k, s); err != nil {
			return fmt.Errorf("a cancelled call of Advance: %w", err)
		}
	}
	if err := errors.Join(reach(k, s, 1), reach(k, right, 1)); err != nil {
		return err
	}
	if i, j, ok := samePoints(right.X, 0, s.X); !ok {
		return fmt.Errorf("coordinate %d of particle %d is another after a cancelled call", j, i)
	}
	return nil
}

func (c *kernelSuite) concurrent() error {
	k := c.healthy()
	const states = 8
	problems := make([]error, states)
	var wait sync.WaitGroup
	for i := range states {
		wait.Go(func() {
			s, err := c.state(k, someParticles, uint64(i)*someParticles)
			if err == nil {
				err = reach(k, s, someSteps)
			}
			if err != nil {
				problems[i] = err
				return
			}
			lonely := c.healthy()
			alone, err := c.state(lonely, someParticles, s.First)
			if err == nil {
				err = reach(lonely, alone, someSteps)
			}
			if err == nil {
				if i, j, ok := samePoints(alone.X, 0, s.X); !ok {
					err = fmt.Errorf("coordinate %d of particle %d is another beside other calls", j, s.First+uint64(i))
				}
			}
			problems[i] = err
		})
	}
	wait.Wait()
	return errors.Join(problems...)
}

func (c *kernelSuite) allocations() error {
	if raceDetector {
		c.t.Logf("%s: not measured under the race detector", Allocations)
		return nil
	}
	k := c.healthy()
	s, err := c.state(k, someParticles, 0)
	if err != nil {
		return err
	}
	if err := reach(k, s, 2); err != nil {
		return err
	}
	s.Until = math.MaxUint64
	var failed error
	n := testing.AllocsPerRun(50, func() {
		if err := k.Advance(context.Background(), s); err != nil {
			failed = err
		}
	})
	if failed != nil {
		return failed
	}
	if n != 0 {
		return fmt.Errorf("%v a call of Advance", n)
	}
	return nil
}
