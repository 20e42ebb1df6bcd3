//go:build unix

package plugins_test

import (
	"context"
	"fmt"
	"os"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
)

// A plug-in is opened, its density evaluated like any other. Here the program is this test itself, which serves the donut.
func Example() {
	ctx := context.Background()
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p, err := plugins.Open(ctx, plugins.Options{Command: []string{program}, Set: []string{modeVariable + "=models"}})
	if err != nil {
		panic(err)
	}
	defer p.Close()
	d, err := p.Density(ctx, "donut", nil)
	if err != nil {
		panic(err)
	}
	x := lanes.New(2, 2)
	x.SetPoint(0, []float64{2.6, 0})
	x.SetPoint(1, []float64{0, 2.5})
	logp := make([]float64, 2)
	if err := d.LogProb(ctx, logp, x); err != nil {
		panic(err)
	}
	fmt.Printf("%v: %.4f\n", d, logp)
	// Output: plug-in test 1.0.0, model donut: [-0.0000 -0.3030]
}
