package autodiff_test

import (
	"fmt"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
)

func Example() {
	g := autodiff.NewGraph()
	x := g.Input("x", 2)
	y := x.Norm().Shift(-2.6).Square().Scale(-1 / 0.033) // -(|x| - 2.6)^2 / 0.033
	d, err := autodiff.Gradient(y, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := autodiff.Compile([]autodiff.Value{y, d[0]}, []autodiff.Value{x})
	if err != nil {
		fmt.Println(err)
		return
	}
	points, err := lanes.FromPoints([][]float64{{3, 4}, {1, 1}, {0, 0}})
	if err != nil {
		fmt.Println(err)
		return
	}
	logp, grad := lanes.New(points.Len(), 1), lanes.New(points.Len(), 2)
	p.Run(points.Len(), []autodiff.Array{autodiff.Rows(logp), autodiff.Rows(grad)}, []autodiff.Array{autodiff.Rows(points)})
	for i := range points.Len() {
		fmt.Printf("%.2f at %v, gradient %.2f\n", logp.Row(0)[i], points.Point(i, nil), grad.Point(i, nil))
	}
	// Output:
	// -174.55 at [3 4], gradient [-87.27 -116.36]
	// -42.61 at [1 1], gradient [50.82 50.82]
	// -204.85 at [0 0], gradient [0.00 0.00]
}

// The Hessian times a vector is the gradient of the gradient's dot product with it.
func ExampleGradient() {
	g := autodiff.NewGraph()
	x, v := g.Input("x", 2), g.Input("v", 2)
	y := x.Index(0).PowConst(3).Mul(x.Index(1)) // x0^3 x1
	d, _ := autodiff.Gradient(y, x)
	h, _ := autodiff.Gradient(d[0].Dot(v), x)
	p, err := autodiff.Compile(h, []autodiff.Value{x, v})
	if err != nil {
		fmt.Println(err)
		return
	}
	product := make([]float64, 2)
	p.Run(1, []autodiff.Array{{Data: product, Stride: 1}}, []autodiff.Array{
		{Data: []float64{2, 5}, Stride: 1}, // x
		{Data: []float64{1, 0}, Stride: 1}, // v
	})
	fmt.Println(product)
	// Output: [60 12]
}

// A mistake is reported by the operation that made it.
func ExampleGraph_Err() {
	g := autodiff.NewGraph()
	a, b := g.Input("a", 2), g.Input("b", 3)
	_, err := autodiff.Compile([]autodiff.Value{a.Add(b).Norm().Exp()}, []autodiff.Value{a, b})
	fmt.Println(err)
	// Output: add: shapes [2] and [3] differ: operands need equal shapes, or one is a scalar
}

// A program's listing shows what is computed: t are the rows of its own memory.
func ExampleProgram_String() {
	g := autodiff.NewGraph()
	x := g.Input("x", 2)
	d, _ := autodiff.Gradient(x.Norm().Shift(-2.6).Square().Scale(-1/0.033), x)
	p, _ := autodiff.Compile(d, []autodiff.Value{x})
	fmt.Print(p)
	// Output:
	// from x[2] to out[2] by t[2], 512 lanes
	// t[0] = dot x[0:2] x[0:2]
	// t[0] = sqrt t[0]
	// t[1] = fma t[0] -60.60606060606061 157.5757575757576
	// t[1] = divOrZero t[1] t[0]
	// out[0:2] = mul x[0:2] t[1]*
}
