package autodiff_test

import (
	"fmt"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
)

// A straight line through four points, by gradient descent: parameters are shared by all particles, and the gradient of one
// is the sum over them.
func ExampleCompileRows() {
	g := autodiff.NewGraph()
	x, y := g.Input("x", 1), g.Input("y", 1)
	w, b := g.Param("w", 1, 1), g.Param("b", 1)
	loss := x.Dense(w, b).Sub(y).Square().Sum()
	d, err := autodiff.Gradient(loss, w, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := autodiff.CompileRows([]autodiff.Value{loss, d[0], d[1]}, []autodiff.Value{x, y}, []autodiff.Value{w, b})
	if err != nil {
		fmt.Println(err)
		return
	}
	inputs := [][]float32{{0, 1, 2, 3}, {1, 3, 5, 7}}
	params := [][]float32{{0}, {0}}
	outputs := [][]float32{make([]float32, 4), make([]float32, 1), make([]float32, 1)}
	for range 200 {
		p.Run(4, outputs, inputs, params)
		for i := range params {
			params[i][0] -= 0.05 * outputs[1+i][0]
		}
	}
	fmt.Printf("y = %.3f x + %.3f\n", params[0][0], params[1][0])
	// Output: y = 2.000 x + 1.000
}

// A transposed convolution makes an image twice as large; its window says which pixels each result is made of.
func ExampleValue_Conv() {
	g := autodiff.NewGraph()
	x, w := g.Input("x", 1, 2, 1), g.Param("w", 3, 3, 1, 1)
	y := x.Conv(w, autodiff.Value{}, backends.Window{Size: 3, Step: 1, Up: 2, Before: 1})
	p, err := autodiff.CompileRows([]autodiff.Value{y}, []autodiff.Value{x}, []autodiff.Value{w})
	if err != nil {
		fmt.Println(err)
		return
	}
	weights := []float32{
		1, 2, 1,
		2, 4, 2,
		1, 2, 1,
	}
	out := make([]float32, 2*4)
	p.Run(1, [][]float32{out}, [][]float32{{1, 10}}, [][]float32{weights})
	fmt.Println(y.Shape(), out[:4], out[4:])
	// Output: [2 4 1] [4 22 40 20] [2 11 20 10]
}

// A formula as text needs no Go code to be read.
func ExampleEncode() {
	g := autodiff.NewGraph()
	x := g.Input("x", 2)
	y := x.Dot(x).Scale(-0.5)
	text, err := autodiff.Encode(autodiff.Formula{
		Inputs: []autodiff.Value{x}, Outputs: []autodiff.Output{{Name: "logp", Value: y}}, Epoch: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", text)
	f, err := autodiff.Decode(text)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, _ := autodiff.Gradient(f.Outputs[0].Value, f.Inputs[0])
	p, _ := autodiff.Compile(d, f.Inputs)
	gradient := make([]float64, 2)
	p.Run(1, []autodiff.Array{{Data: gradient, Stride: 1}}, []autodiff.Array{{Data: []float64{3, 4}, Stride: 1}})
	fmt.Println(gradient)
	// Output:
	// {"format":"infer-graph","version":1,"precision":"float32","epoch":1,
	// "inputs":[{"name":"x","shape":[2]}],
	// "params":[],
	// "nodes":[
	// {"op":"dot","args":[0,0],"shape":[]},
	// {"op":"constant","shape":[],"data":[-0.5]},
	// {"op":"mul","args":[1,2],"shape":[]}],
	// "outputs":[{"name":"logp","node":3}]}
	// [-3 -4]
}
