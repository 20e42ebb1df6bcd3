package score_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

func TestTheScoreOfADensityIsItsGradient(t *testing.T) {
	x, err := lanes.FromPoints([][]float64{{1, 2}, {0, 0}, {-3, 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	s := score.Of(density.Donut{})
	if s.Dim() != 2 {
		t.Errorf("dimension %d", s.Dim())
	}
	got, want := lanes.New(3, 2), lanes.New(3, 2)
	if err := s.Score(context.Background(), got, x); err != nil {
		t.Fatal(err)
	}
	if err := (density.Donut{}).LogProbGrad(context.Background(), nil, want, x); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		for j := range 2 {
			if got.Row(j)[i] != want.Row(j)[i] {
				t.Errorf("coordinate %d at point %d: %v, want %v", j, i, got.Row(j)[i], want.Row(j)[i])
			}
		}
	}
	if name := fmt.Sprint(s); name != "score of donut of radius 2.6 and width 0.033" {
		t.Errorf("it is called %q", name)
	}
}

func TestTheScoreOfABrokenDensityIsItsError(t *testing.T) {
	broken := errors.New("broken")
	s := score.Of(failing{density.Donut{}, broken})
	if err := s.Score(context.Background(), lanes.New(1, 2), lanes.New(1, 2)); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type failing struct {
	density.Differentiable
	err error
}

func (f failing) LogProbGrad(context.Context, []float64, *lanes.Block, *lanes.Block) error {
	return f.err
}

func ExampleOf() {
	s := score.Of(density.Normal{Coordinates: 2})
	x, dst := lanes.New(1, 2), lanes.New(1, 2)
	x.SetPoint(0, []float64{1, -2})
	if err := s.Score(context.Background(), dst, x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dst.Point(0, nil))
	// Output: [-1 2]
}
