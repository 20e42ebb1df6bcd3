package figure_test

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/lanes"
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
