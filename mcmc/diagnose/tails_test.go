package diagnose_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/diagnose"
	"github.com/scorefield/infer/score"
)

// What the score says of tails, from populations that have not filled them: of a Cauchy law the outermost of 4,000
// particles are at 10 or 100, where they should be at 1,000.
func TestTailsOfRuns(t *testing.T) {
	library := func(name string) density.Differentiable {
		for _, e := range density.Catalogue() {
			if e.Name == name {
				d, err := e.New(0)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
		}
		t.Fatal(name)
		return nil
	}
	for _, c := range []struct {
		name     string
		d        density.Differentiable
		seeds    uint64
		mean, sd bool
		index    float64 // NaN: any below 0.5; Inf: any above 0.7
	}{
		{"Cauchy", parse(t, "-log(1+x[0]^2)", 1), 12, false, false, 1},
		{"Cauchy in ten dimensions", parse(t, "-5.5*log(1+dot(x,x))", 10), 2, false, false, 1},
		{"|x|^-2.5", parse(t, "-1.25*log(1+x[0]^2)", 1), 3, true, false, 2.0 / 3},
		{"x^-2 above 0", parse(t, "where(x[0]>0,-2*log(1+x[0]),log(0))", 1), 3, false, false, 1.11},
		{"t with 2 degrees", parse(t, "-1.5*log(1+x[0]^2/2)", 1), 4, true, false, 0.505},
		{"t with 5 degrees", parse(t, "-3*log(1+x[0]^2/5)", 1), 3, true, true, 0.235},
		{"normal", parse(t, "-x[0]^2/2", 1), 3, true, true, math.NaN()},
		{"narrow normal", parse(t, "-(x[0]^2 - 1.998*x[0]*x[1] + x[1]^2)/0.004", 2), 2, true, true, math.NaN()},
		{"log-normal", parse(t, "where(x[0]>0,-log(x[0])-2*log(x[0])^2,log(0))", 1), 3, true, true, math.NaN()},
		{"three modes", parse(t, "logsumexp(log(0.9)-x[0]^2/2, log(0.09)-(x[0]-5)^2/2, log(0.01)-(x[0]-10)^2/2)", 1), 3, true, true, math.NaN()},
		{"a Cauchy law that ends", parse(t, "where(abs(x[0])<20,-log(1+x[0]^2),log(0))", 1), 2, true, true, 0},
		{"Cauchy in order", parse(t, "where(x[0]<x[1],-log(1+x[0]^2)-log(1+x[1]^2),log(0))", 2), 2, false, false, math.Inf(1)},
		{"flat", parse(t, "where(abs(x[0]) < 1, 0, log(0))", 1), 1, true, true, 0},
		{"mixture-25", library("mixture-25"), 2, true, true, math.NaN()},
		{"checkerboard", library("checkerboard"), 2, true, true, math.NaN()},
		{"donut", library("donut"), 1, true, true, math.NaN()},
	} {
		for seed := uint64(1); seed <= c.seeds; seed++ {
			run := &mcmc.Run{Start: mcmc.Normal{Coordinates: c.d.Dim()}, Kernel: mcmc.MALA{Density: c.d}, Tune: true, Particles: 4000, Seed: seed}
			if err := run.To(context.Background(), 300); err != nil {
				t.Fatal(err)
			}
			x := run.Positions()
			indices, err := diagnose.TailIndices(context.Background(), score.Of(c.d), x)
			if err != nil {
				t.Fatal(err)
			}
			for j, index := range indices {
				s := diagnose.SummariseRun(x.Row(j)[:x.Len()], index)
				t.Logf("%s, seed %d, x[%d]: index %.3f", c.name, seed, j, index)
				if (s.Mean == s.Mean) != c.mean || (s.SD == s.SD) != c.sd {
					t.Errorf("%s, seed %d: %+v", c.name, seed, s)
				}
				ok := math.Abs(index-c.index) < 0.03
				if c.index != c.index {
					ok = index < 0.5
				} else if math.IsInf(c.index, 1) {
					ok = index > 0.7
				}
				if !ok {
					t.Errorf("%s, seed %d: index of x[%d] %v, want %v", c.name, seed, j, index, c.index)
				}
			}
		}
	}
}

type broken struct{}

func (broken) Dim() int { return 1 }

func (broken) Score(context.Context, *lanes.Block, *lanes.Block) error { return errors.New("broken") }

func TestTailsOfLittle(t *testing.T) {
	fn := score.Of(parse(t, "-x[0]^2/2", 1))
	few, none := lanes.New(399, 1), lanes.New(0, 1)
	same := lanes.New(1000, 1)
	for _, x := range []*lanes.Block{few, none} {
		if indices, err := diagnose.TailIndices(context.Background(), fn, x); err != nil || indices[0] == indices[0] {
			t.Errorf("%d points: %v, %v", x.Len(), indices, err)
		}
	}
	for i := range same.Len() {
		same.SetPoint(i, []float64{math.NaN()})
	}
	if indices, err := diagnose.TailIndices(context.Background(), fn, same); err != nil || indices[0] == indices[0] {
		t.Errorf("no numbers: %v, %v", indices, err)
	}
	for i := range same.Len() {
		same.SetPoint(i, []float64{2})
	}
	if indices, err := diagnose.TailIndices(context.Background(), fn, same); err != nil || indices[0] != 0 {
		t.Errorf("one point: %v, %v", indices, err)
	}
	if _, err := diagnose.TailIndices(context.Background(), fn, lanes.New(10, 2)); err == nil {
		t.Error("two coordinates for a score of one")
	}
	if _, err := diagnose.TailIndices(context.Background(), broken{}, same); err == nil {
		t.Error("a broken score")
	}
}
