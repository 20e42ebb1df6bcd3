package backends_test

import (
	"fmt"

	"github.com/scorefield/infer/backends"
)

// The log-density of a gamma distribution of shape 2.5 and rate 1 at x = 3, the same bits on every machine.
func ExampleLgamma() {
	shape, x := 2.5, 3.0
	fmt.Printf("%.6f\n", float64((shape-1)*backends.Log(x))-x-backends.Lgamma(shape))
	// Output: -1.636764
}
