package quality_test

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/quality"
)

// A classifier that comes with the module looks at an empty picture and at a vertical bar.
func Example() {
	c, err := quality.Open("digits")
	if err != nil {
		fmt.Println(err)
		return
	}
	bar := make([]float32, c.Dim())
	for y := 4; y < 24; y++ {
		bar[y*28+13], bar[y*28+14] = 1, 1
	}
	result, err := c.Classify(context.Background(), bar, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	class, probability := result.Class(0)
	fmt.Printf("a %s, beyond doubt: %v\n", c.Info().Classes[class], probability > 0.9)
	// Output:
	// a 1, beyond doubt: true
}
