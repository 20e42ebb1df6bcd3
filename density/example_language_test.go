package density_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
)

// A density typed as text, at two points of the plane.
func ExampleParse() {
	d, err := density.Parse("-(norm(x) - 2.6)^2/w", 2, map[string]float64{"w": 0.033})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, _ := lanes.FromPoints([][]float64{{1.8, 2.4}, {1.2, 1.6}})
	logp, score := make([]float64, x.Len()), lanes.New(x.Len(), x.Dim())
	if err := d.LogProbGrad(context.Background(), logp, score, x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("log p %.4f, score (%.4f, %.4f)\n", logp[0], score.Row(0)[0], score.Row(1)[0])
	fmt.Printf("log p %.4f, score (%.4f, %.4f)\n", logp[1], score.Row(0)[1], score.Row(1)[1])
	// Output:
	// log p -4.8485, score (-14.5455, -19.3939)
	// log p -10.9091, score (21.8182, 29.0909)
}

// A slip names its column and the nearest spelling.
func ExampleParseError() {
	_, err := density.Parse("-(nrm(x) - 2.6)^2/0.033", 2, nil)
	fmt.Println(err)
	var fault *density.ParseError
	if errors.As(err, &fault) {
		fmt.Println(fault.Picture())
	}
	// Output:
	// column 3: unknown function "nrm"; did you mean "norm"?
	// -(nrm(x) - 2.6)^2/0.033
	//   ^
}

// The same density as a graph.
func ExampleBuild() {
	d, err := density.Build(2, func(x autodiff.Value) autodiff.Value {
		return x.Norm().Shift(-2.6).Square().Scale(-1 / 0.033)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, _ := lanes.FromPoints([][]float64{{3, 0}})
	logp := make([]float64, 1)
	if err := d.LogProb(context.Background(), logp, x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("log p %.4f\n", logp[0])
	// Output: log p -4.8485
}

type rosenbrock struct{ a, b float64 }

func (r rosenbrock) LogProb(x []float64) float64 {
	u, v := r.a-x[0], x[1]-x[0]*x[0]
	return -u*u - r.b*v*v
}

// Any Go code that returns log p of a point: here a method of a struct.
func ExampleFunc() {
	d := density.Func(2, rosenbrock{a: 1, b: 100}.LogProb)
	x, _ := lanes.FromPoints([][]float64{{2, 1}, {0, 1}})
	logp := make([]float64, 2)
	if err := d.LogProb(context.Background(), logp, x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(logp)
	// Output: [-901 -101]
}
