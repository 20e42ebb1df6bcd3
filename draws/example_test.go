package draws_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

func Example() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "draws.npz")

	points, _ := lanes.FromPoints([][]float64{{2.6, 0}, {0, -2.6}, {1.8, 1.9}})
	err := draws.Write(path, draws.Table{
		Points:  points,
		LogProb: []float64{0, 0, -0.009},
		Meta:    []byte(`{"density":"donut","seed":1}`),
	})
	if err != nil {
		fmt.Println(err)
	}

	t, err := draws.Read(path, draws.Options{})
	fmt.Println(t.Names, t.Points.Point(1, nil), t.LogProb[2], string(t.Meta), err)
	// Output: [x0 x1] [0 -2.6] -0.009 {"density":"donut","seed":1} <nil>
}

func ExampleRead_refused() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "points.csv")
	os.WriteFile(path, []byte("mu,tau\n1,2\n3,NaN\n"), 0o666)

	_, err := draws.Read(path, draws.Options{})
	var bad *draws.NonFiniteError
	fmt.Println(errors.As(err, &bad), bad)
	// Output: true line 3, column tau is NaN: only finite numbers are points
}

func ExampleMemory() {
	// What a run does, from several workers at once.
	sink := &draws.Memory{Particles: 4, Dim: 1}
	for _, first := range []uint64{2, 0} {
		x := lanes.New(2, 1)
		x.SetPoint(0, []float64{float64(first)})
		x.SetPoint(1, []float64{float64(first) + 1})
		sink.Put(context.Background(), mcmc.Draws{X: x, First: first, Transition: 1000})
	}
	t, err := sink.Table()
	fmt.Println(t.Points.Row(0)[:4], err)
	// Output: [0 1 2 3] <nil>
}

func ExampleNPY() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "draws.npy")
	sink, err := draws.CreateNPY(path, draws.Shape{Particles: 2, Dim: 1, Transitions: []uint64{10, 20}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, transition := range []uint64{10, 20} {
		x, _ := lanes.FromPoints([][]float64{{float64(transition)}, {float64(transition) + 1}})
		sink.Put(context.Background(), mcmc.Draws{X: x, Transition: transition})
	}
	err = sink.Commit()
	// Both leading axes, transitions and particles, number the points.
	t, _ := draws.Read(path, draws.Options{PointAxes: 2})
	fmt.Println(t.Points.Row(0)[:4], err)
	// Output: [10 11 20 21] <nil>
}
