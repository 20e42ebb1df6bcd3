package figure_test

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

func ExampleTerminal() {
	draws := lanes.New(55, 1)
	for i := range 55 {
		draws.Row(0)[i] = float64(i * i)
	}
	if err := figure.Terminal(os.Stdout, draws, []string{"square"}, figure.Screen{Columns: 50, Rows: 12, ASCII: true}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 17 -|###
	//        |###
	// draws  |###
	//        |#########......   ...
	//     0 -|##############################
	//        +------------------------------
	//         -29        square         2945
	// 55 draws, 10 bins
}

func ExamplePlot() {
	draws, err := lanes.FromPoints([][]float64{{0, 1}, {1, 0}, {0, -1}, {-1, 0}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	spec := figure.Spec{Title: "four draws", Names: []string{"x", "y"}, Draws: draws}
	if err := figure.Plot(context.Background(), &file, "png", spec); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", file.Bytes()[1:4])
	// Output: "PNG"
}

func ExampleField() {
	truth := score.Of(density.Donut{})
	learned := score.Of(density.Donut{Radius: 2.5}) // a network, say
	data, err := lanes.FromPoints([][]float64{{0, 2.6}, {2.6, 0}, {0, -2.6}, {-2.6, 0}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	spec := figure.FieldSpec{Title: "donut", Learned: learned, True: truth, Points: data}
	if err := figure.Field(context.Background(), &file, "pdf", spec); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", file.Bytes()[:4])
	// Output: %PDF
}

// The chart of a schedule of noise levels is a curve on a logarithmic axis.
func ExampleCurve() {
	levels, err := score.Geometric(16, 0.01, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	index, steps := make([]float64, len(levels)), make([]float64, len(levels))
	for i, sigma := range levels {
		index[i], steps[i] = float64(i), 0.1*sigma*sigma
	}
	var file bytes.Buffer
	spec := figure.CurveSpec{
		Title: "noise levels", X: "level", LogY: true,
		Series: []figure.Series{{Name: "sigma", X: index, Y: levels}, {Name: "step size", X: index, Y: steps}},
	}
	if err := figure.Curve(&file, "svg", spec); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", file.Bytes()[:5])
	// Output: <?xml
}
