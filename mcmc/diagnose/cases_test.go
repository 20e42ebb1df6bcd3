package diagnose_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/diagnose"
)

// reference is a density with its right values, and what a MALA of another make did on it.
type reference struct {
	ID        string      `json:"id"`
	LogP      string      `json:"logp"`
	Dim       int         `json:"dim"`
	Mean      []float64   `json:"mean"`
	Cov       [][]float64 `json:"cov"`
	Quantiles []struct {
		Function string    `json:"function"`
		P        []float64 `json:"p"`
		Q        []float64 `json:"q"`
	} `json:"quantiles"`
	MALA struct {
		Expect string `json:"expect"`
	} `json:"mala_1000_steps_from_normal"`
}

func references(t *testing.T) []reference {
	t.Helper()
	data, err := os.ReadFile("testdata/densities.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Densities []reference `json:"densities"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Densities
}

// functions are those whose quantiles the references name.
var functions = map[string]func(x []float64) float64{
	"x[0]":              func(x []float64) float64 { return x[0] },
	"x[1]":              func(x []float64) float64 { return x[1] },
	"norm(x)":           func(x []float64) float64 { return math.Hypot(x[0], x[1]) },
	"x[1]*exp(-x[0]/2)": func(x []float64) float64 { return x[1] * math.Exp(-x[0]/2) },
}

// wrong is the largest error of a quantile or mean, in standard errors.
func (r reference) wrong(t *testing.T, x *lanes.Block) float64 {
	n := float64(x.Len())
	point := make([]float64, r.Dim)
	largest := 0.0
	for _, q := range r.Quantiles {
		f, ok := functions[q.Function]
		if !ok {
			t.Fatalf("%s: what is %s?", r.ID, q.Function)
		}
		for i, level := range q.Q {
			below := 0.0
			for k := range x.Len() {
				if f(x.Point(k, point)) <= level {
					below++
				}
			}
			p := q.P[i]
			largest = max(largest, math.Abs(below-n*p)/math.Sqrt(n*p*(1-p)))
		}
	}
	for j, mean := range r.Mean {
		sum := 0.0
		for _, v := range x.Row(j)[:x.Len()] {
			sum += v
		}
		largest = max(largest, math.Abs(sum/n-mean)/math.Sqrt(r.Cov[j][j]/n))
	}
	return largest
}

// A density that mixes is settled and right; one that does not is reported, or right all the same.
func TestVerdictOnTextDensities(t *testing.T) {
	for _, r := range references(t) {
		t.Run(r.ID, func(t *testing.T) {
			d, err := density.Parse(r.LogP, r.Dim, nil)
			if err != nil {
				t.Fatal(err)
			}
			run := &mcmc.Run{Start: mcmc.Normal{Coordinates: r.Dim}, Kernel: mcmc.MALA{Density: d}, Tune: true, Particles: 10_000, Seed: 1}
			watch := diagnose.Attach(run, 1000)
			if err := run.To(context.Background(), 1000); err != nil {
				t.Fatal(err)
			}
			v, err := watch.Judge(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			wrong := r.wrong(t, run.Positions())
			report := run.Report()
			t.Logf("%s: MALA of another make %s; wrong by %.1f standard errors; settled %v; step %.3g, acceptance %.3f; never moved %d, stuck %d, outside %d",
				r.ID, r.MALA.Expect, wrong, v.Settled, report.Step, report.Acceptance, report.NeverMoved, v.Stuck, v.Outside)
			t.Logf("half-time z %.1f in %s; far z %.1f in %s, stuck %d, outside %d", v.HalfTime.Z, v.HalfTime.What, v.Far.Z, v.Far.What, v.FarStuck, v.FarOutside)
			for _, reason := range v.Reasons {
				t.Log(reason)
			}
			right := wrong < 4.5
			switch {
			case r.MALA.Expect == "mixes" && !(v.Settled && right):
				t.Errorf("settled %v, right within %.1f standard errors", v.Settled, wrong)
			case v.Settled && !right:
				t.Errorf("settled, but wrong by %.1f standard errors", wrong)
			}
		})
	}
}
