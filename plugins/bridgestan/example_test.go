package bridgestan_test

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/bridgestan"
)

// The gradient of a compiled Stan program at a point of its unconstrained parameters.
func Example() {
	model, err := bridgestan.Open("eight_schools_model.so", bridgestan.Options{Data: "eight_schools.json"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer model.Close()
	x, gradient := lanes.New(1, model.Dim()), lanes.New(1, model.Dim())
	if err := model.LogProbGrad(context.Background(), nil, gradient, x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(model.Names(), gradient.Point(0, nil))
}
