// Package mcmctest is the contract of kernels, samplers and sinks as tests that anybody can call:
//
//	func TestKernel(t *testing.T) {
//		mcmctest.Kernel(t, mcmctest.Subject{
//			Start:  mcmc.Normal{Coordinates: 2},
//			Kernel: func(fail func() error) mcmc.Kernel { return mine(target{fail}) },
//		})
//	}
//
// [Kernel], [Sampler] and [Sink] check what the interfaces of package mcmc promise. All random numbers have fixed
// seeds, so what passes once passes always.
package mcmctest

import (
	"context"
	"math"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

// Check names a clause of a contract. Messages begin with it.
type Check string

// The clauses. Bits are compared, where values are: NaN equals NaN.
const (
	Dimension   Check = "dimension"   // Dim is at least 1, Columns are not negative, and both stay the same
	Alone       Check = "alone"       // a particle's result does not depend on the block it is in, its place there, or its neighbours
	Padding     Check = "padding"     // what stands in the padding of a block changes nothing
	Counts      Check = "counts"      // evaluations and transitions are counted, and a transition is reached
	Failed      Check = "failed"      // a call that fails returns the target's error and leaves the state as it was
	Cancelled   Check = "cancelled"   // a cancelled context gives its error and the state as it was, or right values
	Concurrent  Check = "concurrent"  // calls at the same time on different states do not disturb each other
	Allocations Check = "allocations" // Advance allocates nothing once warm
	Runs        Check = "runs"        // a run's draws do not depend on workers, blocks, rounds or shards
	Resumed     Check = "resumed"     // a run that is stopped and resumed gives the same draws
	Invariant   Check = "invariant"   // the kernel leaves exact draws as they were
	Draws       Check = "draws"       // draws are finite, depend on the stream and the particle's number alone, and fill the block
	Kept        Check = "kept"        // a sink keeps what it was given, and no reference to it
	Repeated    Check = "repeated"    // the same address may come again
	Refused     Check = "refused"     // a sink refuses draws that do not fit
)

// T is what a check needs of a *testing.T.
type T interface {
	Helper()
	Errorf(format string, arguments ...any)
	Logf(format string, arguments ...any)
}

// seed is that of all random numbers of the tests.
const seed = 20250805

// same says whether two numbers have the same bits, NaN all alike.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// samePoints finds the first difference between points from of a and points of b.
func samePoints(a *lanes.Block, from int, b *lanes.Block) (point, row int, ok bool) {
	for j := range b.Dim() {
		x, y := a.Row(j)[from:], b.Row(j)
		for i := range b.Len() {
			if !same(x[i], y[i]) {
				return i, j, false
			}
		}
	}
	return 0, 0, true
}

// Failing is a density whose evaluations first ask Fail, and return its error if there is one: what a [Subject] needs
// of its target, for a kernel on a density.
type Failing struct {
	density.Differentiable
	Fail func() error
}

// LogProb implements density.Density.
func (f Failing) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	if err := f.Fail(); err != nil {
		return err
	}
	return f.Differentiable.LogProb(ctx, logp, x)
}

// LogProbGrad implements density.Differentiable. When it fails it leaves nonsense behind, as a target may.
func (f Failing) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if err := f.Fail(); err != nil {
		for i := range logp {
			logp[i] = math.NaN()
		}
		for i := range grad.Data() {
			grad.Data()[i] = 1e300
		}
		return err
	}
	return f.Differentiable.LogProbGrad(ctx, logp, grad, x)
}

// memory is a sink that keeps one transition.
type memory struct {
	x     *lanes.Block
	at    uint64
	first uint64
}

func (m *memory) Put(_ context.Context, d mcmc.Draws) error {
	if d.Transition == m.at {
		m.x.CopyPoints(int(d.First-m.first), d.X, 0, d.X.Len()) // particles of one call are no other call's
	}
	return nil
}

func (m *memory) Sync() error { return nil }
