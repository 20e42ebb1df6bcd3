package diagnose_test

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/diagnose"
	"github.com/scorefield/infer/score"
)

// Unadjusted Langevin settles, and says by how much its law is too wide.
func ExampleAttach() {
	run := mcmc.Run{
		Start:     mcmc.Normal{Coordinates: 2},
		Kernel:    mcmc.Langevin{Score: score.Of(density.Donut{}), Step: 1e-2},
		Particles: 10_000,
		Seed:      1,
	}
	watch := diagnose.Attach(&run, 1000)
	ctx := context.Background()
	if err := run.To(ctx, 1000); err != nil {
		fmt.Println(err)
		return
	}
	verdict, err := watch.Judge(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("settled:", verdict.Settled)
	fmt.Printf("excess variance: %.0f %%\n", 100*verdict.Bias.Excess)
	// Output:
	// settled: true
	// excess variance: 43 %
}

// A run that is too short says what has not settled.
func ExampleWatch_Judge() {
	run := mcmc.Run{
		Start:     mcmc.Normal{Mean: []float64{3, 3}},
		Kernel:    mcmc.MALA{Density: density.Donut{}},
		Tune:      true,
		Particles: 10_000,
		Seed:      1,
	}
	watch := diagnose.Attach(&run, 100)
	ctx := context.Background()
	if err := run.To(ctx, 100); err != nil {
		fmt.Println(err)
		return
	}
	verdict, err := watch.Judge(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("settled:", verdict.Settled)
	fmt.Println(verdict.Reasons[0])
	// Output:
	// settled: false
	// the mean of x[0] changed between half-time and the end (z -20.3, limit 4.2): run longer
}
