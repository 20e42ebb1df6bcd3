package mcmc_test

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

// Ten thousand particles on the donut, their step size set on pilots.
func Example() {
	run := mcmc.Run{
		Start:     mcmc.Normal{Coordinates: 2},
		Kernel:    mcmc.MALA{Density: density.Donut{}},
		Tune:      true,
		Particles: 10_000,
		Seed:      1,
	}
	if err := run.To(context.Background(), 1000); err != nil {
		fmt.Println(err)
		return
	}
	report := run.Report()
	fmt.Printf("step %.3f, acceptance %.2f, %d particles never moved\n", report.Step, report.Acceptance, report.NeverMoved)
	fmt.Println(len(run.LogProb()), "values of log p beside", run.Positions().Len(), "points")
	// Output:
	// step 0.028, acceptance 0.58, 0 particles never moved
	// 10000 values of log p beside 10000 points
}

// A population may be looked at between two calls of To: rounds give the same bits as one call.
func ExampleRun_To() {
	run := mcmc.Run{
		Start:     mcmc.Normal{Coordinates: 2},
		Kernel:    mcmc.Langevin{Score: score.Of(density.Donut{}), Step: 1e-2},
		Particles: 2000,
		Seed:      1,
	}
	for _, transition := range []uint64{0, 1, 100} {
		if err := run.To(context.Background(), transition); err != nil {
			fmt.Println(err)
			return
		}
		x := run.Positions()
		near := 0
		for i := range x.Len() {
			if r2 := x.Row(0)[i]*x.Row(0)[i] + x.Row(1)[i]*x.Row(1)[i]; r2 > 4 && r2 < 10 {
				near++
			}
		}
		fmt.Printf("after %3d transitions %.0f %% are on the ring\n", transition, 100*float64(near)/2000)
	}
	// Output:
	// after   0 transitions 13 % are on the ring
	// after   1 transitions 56 % are on the ring
	// after 100 transitions 100 % are on the ring
}
