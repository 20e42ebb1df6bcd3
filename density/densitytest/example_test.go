package densitytest_test

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/density/densitytest"
)

// printer stands for the *testing.T of a test.
type printer struct{}

func (printer) Helper() {}

func (printer) Logf(string, ...any) {}

func (printer) Errorf(format string, arguments ...any) { fmt.Printf(format+"\n", arguments...) }

// In a test of your own, t is its *testing.T.
func ExampleRun() {
	t := printer{}
	model := density.FuncGrad(1, nil, func(grad, x []float64) float64 {
		grad[0] = -math.Tanh(x[0])
		return -math.Log(math.Cosh(x[0]))
	})
	densitytest.Run(t, model)

	reckless := density.Func(1, func(x []float64) float64 { return math.Log(x[0]) - x[0] })
	densitytest.Suite{Without: []densitytest.Check{densitytest.Allocations}}.Run(t, reckless)
	// Output:
	// numbers: log p at point 0, (-4.28993), is NaN; out of the support it is -Inf
	// numbers: log p at point 1, (-1.12663), is NaN; out of the support it is -Inf
	// numbers: log p at point 3, (-1.33314), is NaN; out of the support it is -Inf
	// numbers: and 25 more
}
