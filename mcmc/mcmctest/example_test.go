package mcmctest_test

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/mcmctest"
)

// printer stands for the *testing.T of a test.
type printer struct{}

func (printer) Helper() {}

func (printer) Logf(string, ...any) {}

func (printer) Errorf(format string, arguments ...any) { fmt.Printf(format+"\n", arguments...) }

// forgetful is a kernel that counts its moves before it knows whether they succeed.
type forgetful struct{ mcmc.MALA }

func (k forgetful) Advance(ctx context.Context, s *mcmc.State) error {
	s.Evaluations += uint64(s.Len())
	err := k.MALA.Advance(ctx, s)
	if err == nil {
		s.Evaluations -= uint64(s.Len())
	}
	return err
}

// In a test of your own, t is its *testing.T.
func ExampleKernel() {
	t := printer{}
	mcmctest.Kernel(t, mcmctest.Subject{
		Start: mcmc.Normal{Coordinates: 2},
		Exact: density.Donut{},
		Kernel: func(fail func() error) mcmc.Kernel {
			return forgetful{mcmc.MALA{Density: mcmctest.Failing{Differentiable: density.Donut{}, Fail: fail}, Step: 0.02}}
		},
		Without: []mcmctest.Check{mcmctest.Cancelled, mcmctest.Resumed},
	})
	// Output:
	// failed: a call of Advance that failed: its counts changed: rejections {OutOfSupport:0 NaNLogProb:0 InfLogProb:0 BadGradient:0 BadArithmetic:0}, transition 0, evaluations 122; before {OutOfSupport:0 NaNLogProb:0 InfLogProb:0 BadGradient:0 BadArithmetic:0}, 0, 61
}
