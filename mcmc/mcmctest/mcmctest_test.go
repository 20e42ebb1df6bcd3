package mcmctest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/mcmctest"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

func TestKernelsKeepTheContract(t *testing.T) {
	start := mcmc.Normal{Coordinates: 2}
	for name, s := range map[string]mcmctest.Subject{
		"mala": {Start: start, Exact: density.Donut{}, Kernel: func(fail func() error) mcmc.Kernel {
			return mcmc.MALA{Density: mcmctest.Failing{Differentiable: density.Donut{}, Fail: fail}, Step: 0.02}
		}},
		"mala, half steps, three coordinates": {Start: mcmc.Normal{Coordinates: 3}, Exact: density.Normal{Coordinates: 3}, Kernel: func(fail func() error) mcmc.Kernel {
			return mcmc.MALA{Density: mcmctest.Failing{Differentiable: density.Normal{Coordinates: 3}, Fail: fail}, Step: 1, Convention: mcmc.StepHalf}
		}},
		"langevin": {Start: start, Kernel: func(fail func() error) mcmc.Kernel {
			return mcmc.Langevin{Score: score.Of(mcmctest.Failing{Differentiable: density.Donut{}, Fail: fail}), Step: 0.01}
		}},
	} {
		t.Run(name, func(t *testing.T) { mcmctest.Kernel(t, s) })
	}
}

func TestSamplersKeepTheContract(t *testing.T) {
	x := lanes.New(61, 2)
	for name, s := range map[string]mcmc.Sampler{
		"normal":  mcmc.Normal{Mean: []float64{1, 2, 3}, Scale: []float64{1, 0, 2}},
		"uniform": mcmc.Uniform{Low: []float64{0, -1}, High: []float64{1, 2}},
		"points":  mcmc.Points{X: x},
		"exact":   density.Donut{},
	} {
		t.Run(name, func(t *testing.T) { mcmctest.Sampler(t, s) })
	}
}

// recorder keeps the messages of a test that is to fail.
type recorder struct{ failures, left []string }

func (r *recorder) Helper() {}
func (r *recorder) Logf(format string, arguments ...any) {
	r.left = append(r.left, fmt.Sprintf(format, arguments...))
}
func (r *recorder) Errorf(format string, arguments ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, arguments...))
}

// broken is a kernel on N(0, I) with one fault.
type broken struct {
	mcmc.MALA
	fault func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error
}

func (b broken) Advance(ctx context.Context, s *mcmc.State) error { return b.fault(ctx, b.MALA, s) }

func TestABrokenKernelFailsEachCheckItShould(t *testing.T) {
	var calls atomic.Int64
	var hidden sync.Map
	for check, fault := range map[mcmctest.Check]func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error{
		mcmctest.Alone: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error { // particles meet
			err := k.Advance(ctx, s)
			if err == nil {
				s.X.Row(0)[0] += 1e-9 * s.X.Row(0)[s.Len()-1]
			}
			return err
		},
		mcmctest.Padding: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error {
			pad := s.X.Row(0)[s.X.Stride()-1]
			err := k.Advance(ctx, s)
			if err == nil && s.X.Stride() > s.Len() && !(math.Abs(pad) < 1e100) {
				s.X.Row(0)[0]++
			}
			return err
		},
		mcmctest.Counts: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error {
			err := k.Advance(ctx, s)
			s.Evaluations++
			return err
		},
		mcmctest.Failed: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error { // writes first
			s.Accepted[0]++
			err := k.Advance(ctx, s)
			if err == nil {
				s.Accepted[0]--
			}
			return err
		},
		mcmctest.Cancelled: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error {
			if ctx.Err() != nil {
				s.X.Row(0)[0] = 7
				return ctx.Err()
			}
			return k.Advance(ctx, s)
		},
		mcmctest.Allocations: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error {
			hidden.Store(0, make([]float64, 8))
			return k.Advance(ctx, s)
		},
		mcmctest.Runs: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error { // depends on who comes first
			err := k.Advance(ctx, s)
			if err == nil && s.Len() > 0 && calls.Add(1)%2 == 0 {
				s.X.Row(0)[0] += 1e-12
			}
			return err
		},
		mcmctest.Resumed: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error { // remembers outside the state
			err := k.Advance(ctx, s)
			before, _ := hidden.Swap(s, s.Transition)
			if before, known := before.(uint64); err == nil && s.Transition > 3 && (!known || before != s.Transition-1) {
				s.X.Row(0)[0]++
			}
			return err
		},
		mcmctest.Invariant: func(ctx context.Context, k mcmc.MALA, s *mcmc.State) error { // moves that nothing corrects
			s.Noise.Langevin(s.X, s.X, s.Carried(2, 2), lanes.New(s.Len(), 1).Row(0), 0.5, s.First, s.Transition+1<<20)
			return k.Advance(ctx, s)
		},
	} {
		r := &recorder{}
		mcmctest.Kernel(r, mcmctest.Subject{
			Start: mcmc.Normal{Coordinates: 2}, Exact: density.Normal{Coordinates: 2},
			Kernel: func(fail func() error) mcmc.Kernel {
				return broken{mcmc.MALA{Density: mcmctest.Failing{Differentiable: density.Normal{Coordinates: 2}, Fail: fail}, Step: 0.5}, fault}
			},
		})
		found := false
		for _, f := range append(r.failures, r.left...) { // what is left out cannot fail
			found = found || strings.HasPrefix(f, string(check)+":")
		}
		if !found {
			t.Errorf("the fault for %q gave %q", check, r.failures)
		}
	}
}

// unsteady is a sampler whose draws depend on the place in the block.
type unsteady struct{ mcmc.Normal }

func (u unsteady) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, _ uint64) error {
	return u.Normal.Sample(ctx, dst, stream, 0)
}

func TestABrokenSamplerFails(t *testing.T) {
	r := &recorder{}
	mcmctest.Sampler(r, unsteady{mcmc.Normal{Coordinates: 2}})
	if len(r.failures) == 0 || !strings.HasPrefix(r.failures[0], "draws:") {
		t.Errorf("failures %q", r.failures)
	}
}

// whole is a sink of one transition; careless keeps what it is given instead of a copy.
type whole struct {
	mu       sync.Mutex
	x        *lanes.Block
	logp     []float64
	careless bool
	kept     []mcmc.Draws
}

func (w *whole) Sync() error { return nil }

func (w *whole) Put(_ context.Context, d mcmc.Draws) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := uint64(w.x.Len()); d.X.Dim() != w.x.Dim() || d.First > n || uint64(d.X.Len()) > n-d.First {
		return errors.New("these draws do not fit")
	}
	if w.careless {
		w.kept = append(w.kept, d)
		return nil
	}
	w.x.CopyPoints(int(d.First), d.X, 0, d.X.Len())
	copy(w.logp[d.First:], d.LogProb)
	return nil
}

func TestSinks(t *testing.T) {
	subject := func(careless bool) mcmctest.SinkSubject {
		return mcmctest.SinkSubject{
			Open: func(particles, dim int, _ uint64) (mcmc.Sink, error) {
				return &whole{x: lanes.New(particles, dim), logp: make([]float64, particles), careless: careless}, nil
			},
			Read: func(sink mcmc.Sink) (*lanes.Block, []float64, error) {
				w := sink.(*whole)
				for _, d := range w.kept {
					w.x.CopyPoints(int(d.First), d.X, 0, d.X.Len())
					copy(w.logp[d.First:], d.LogProb)
				}
				return w.x, w.logp, nil
			},
		}
	}
	mcmctest.Sink(t, subject(false))
	r := &recorder{}
	mcmctest.Sink(r, subject(true))
	if len(r.failures) == 0 || !strings.HasPrefix(r.failures[0], "kept:") {
		t.Errorf("failures of a careless sink: %q", r.failures)
	}
}
