package scoretest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/scoretest"
)

// recorder takes down what a check finds wrong.
type recorder struct{ found []string }

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, arguments ...any) {
	r.found = append(r.found, fmt.Sprintf(format, arguments...))
}

func points() *lanes.Block {
	x := lanes.New(37, 2)
	random.New(1, random.User).Normal(x, 0, 0)
	return x
}

// wrong is the score of a standard normal law with a fault.
type wrong struct {
	fault string
	last  *float64
}

func (w wrong) Dim() int { return 2 }

func (w wrong) At(sigma float64) score.Fn {
	if w.fault == "levels" {
		*w.last = sigma // all scores share it
	}
	return w
}

func (w wrong) Score(ctx context.Context, dst, x *lanes.Block) error {
	if w.fault == "cancelled" && ctx.Err() != nil {
		return fmt.Errorf("stopped")
	}
	scale := 1.0
	if w.fault == "levels" {
		scale = *w.last
	}
	sum := 0.0
	for j := range 2 {
		row, to := x.Row(j), dst.Row(j)
		for i, v := range row {
			sum += v
			to[i] = -v / scale
		}
	}
	switch w.fault {
	case "finite":
		dst.Row(1)[3] = 0 / (sum - sum)
	case "alone":
		dst.Row(0)[0] += float64(x.Len())
	case "padding":
		dst.Row(0)[0] += sum - x.Row(0)[0]
	case "kept":
		x.Row(0)[2]++
	}
	return nil
}

func TestEveryClauseIsBrokenBySomebody(t *testing.T) {
	for _, fault := range []string{"finite", "alone", "padding", "kept", "cancelled", "levels"} {
		if fault == "kept" && scoretest.RaceEnabled {
			continue // the detector itself finds the fault, and ends the test
		}
		r := &recorder{}
		scoretest.NoiseConditional(r, wrong{fault: fault, last: new(float64)}, points(), 0.5, 2)
		if !strings.Contains(strings.Join(r.found, "\n"), fault+": ") {
			t.Errorf("%s: found %q", fault, r.found)
		}
	}
	r := &recorder{}
	scoretest.Fn(r, wrong{}, lanes.New(20, 3))
	if len(r.found) != 1 || !strings.HasPrefix(r.found[0], "dimension: ") {
		t.Errorf("points of another space: %q", r.found)
	}
}

func TestARightScorePasses(t *testing.T) {
	scoretest.NoiseConditional(t, wrong{}, points(), 0.5, 2)
	scoretest.Fn(t, score.Of(density.Donut{}), points())
}

// In a test of your own, the first argument is its *testing.T.
func ExampleFn() {
	r := &recorder{}
	scoretest.Fn(r, wrong{fault: "alone"}, points())
	fmt.Println(len(r.found) > 0)
	// Output: true
}
