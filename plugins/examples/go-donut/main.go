// Command go-donut is a plug-in of infer in Go: the donut, written by hand.
package main

import (
	"math"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/plugins/sdk"
)

func main() {
	sdk.Serve(sdk.Plugin{Name: "go-donut", Version: "1.0.0", Models: []sdk.Model{{
		Name: "donut", Density: density.FuncGrad(2, nil, donut),
	}}})
}

// donut returns log p = -(|x| - 2.6)^2 / 0.033 and sets the gradient.
func donut(grad, x []float64) float64 {
	r := math.Sqrt(x[0]*x[0] + x[1]*x[1])
	for j := range x {
		grad[j] = 0
		if r > 0 {
			grad[j] = -2 * (r - 2.6) / 0.033 * x[j] / r
		}
	}
	return -(r - 2.6) * (r - 2.6) / 0.033
}
