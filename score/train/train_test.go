package train_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// normals is n points of a normal law in the plane with the given means, standard deviations and correlation.
func normals(n int, mean, sd [2]float64, correlation float64) *lanes.Block {
	b := lanes.New(n, 2)
	random.New(99, random.User).Normal(b, 0, 0)
	for i := range n {
		u, v := b.Row(0)[i], b.Row(1)[i]
		// Every multiply-add is spelled out, so that the points, and pins of what is learned from them, are the same on every machine.
		b.Row(0)[i] = math.FMA(sd[0], u, mean[0])
		b.Row(1)[i] = math.FMA(sd[1], math.FMA(correlation, u, float64(math.Sqrt(1-float64(correlation*correlation))*v)), mean[1])
	}
	return b
}

// affine is the network A x + b, the form of the score of a normal law.
func affine(p *network.Params, x, _ autodiff.Value) autodiff.Value {
	return p.Dense("affine", x, x.Size(), network.Zeros)
}

// small is a config that learns something in a few milliseconds: one level, ReLU.
func small(data *lanes.Block) train.Config {
	return train.Config{
		Data: data, Network: network.MLP([]int{16, 16}, network.ReLU, nil), Objective: train.Denoising(score.Unweighted),
		Levels: score.List{0.3}, Steps: 400, Batch: 48, Group: 16, Seed: 5, Rate: train.Rate{Peak: 3e-3},
	}
}

// skipWithRace leaves out, under the race detector, a test that is long and shares nothing, or counts allocations.
func skipWithRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("nothing for the race detector")
	}
}

func learn(t *testing.T, c train.Config) *train.Result {
	t.Helper()
	r, err := train.Train(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// at is a model's score at points.
func at(t *testing.T, fn score.Fn, points ...[]float64) [][]float64 {
	t.Helper()
	x, err := lanes.FromPoints(points)
	if err != nil {
		t.Fatal(err)
	}
	s := lanes.New(x.Len(), x.Dim())
	if err := fn.Score(context.Background(), s, x); err != nil {
		t.Fatal(err)
	}
	var values [][]float64
	for i := range points {
		values = append(values, s.Point(i, nil))
	}
	return values
}

// covariance is the mean and the covariance of the points of the plane themselves, not of their law.
func covariance(b *lanes.Block) (mean [2]float64, c [2][2]float64) {
	n := float64(b.Len())
	for j := range 2 {
		for _, v := range b.Row(j)[:b.Len()] {
			mean[j] += v / n
		}
	}
	for j := range 2 {
		for k := range 2 {
			for i := range b.Len() {
				c[j][k] += (b.Row(j)[i] - mean[j]) * (b.Row(k)[i] - mean[k]) / n
			}
		}
	}
	return mean, c
}

// For a score A x + b every objective has its least value in closed form: A = -(C + sigma^2 I)^-1 and b = -A m, m and C the mean and
// the covariance of the points. (For sliced score matching by random signs it is the same A, as it is symmetric.)
func TestEveryObjectiveFindsTheExactLinearScore(t *testing.T) {
	skipWithRace(t)
	data := normals(4000, [2]float64{0.5, -1}, [2]float64{1, 0.7}, 0.6)
	mean, c := covariance(data)
	for _, o := range []struct {
		name      string
		objective train.Objective
		levels    score.Levels
		sigma     float64
	}{
		{"denoising", train.Denoising(score.Unweighted), score.List{0.5}, 0.5},
		{"denoising, weighted", train.Denoising(score.SigmaSquared), score.List{0.5}, 0.5},
		{"implicit", train.Implicit, nil, 0},
		{"sliced", train.Sliced, nil, 0},
		{"sliced, variance reduced", train.SlicedVarianceReduced, nil, 0},
	} {
		r := learn(t, train.Config{
			Data: data, Network: affine, Objective: o.objective, Levels: o.levels, Seed: 2,
			Steps: 4000, Batch: 200, Rate: train.Rate{Peak: 2e-2, Decay: train.Linear}, EMA: 0.99,
		})
		fn, err := r.Model.Plain()
		if err != nil {
			t.Fatal(err)
		}
		a, b, d := c[0][0]+o.sigma*o.sigma, c[1][1]+o.sigma*o.sigma, c[0][1]
		det := a*b - d*d
		for _, p := range [][]float64{{0, 0}, {1, 0}, {0, 1}, {-2, 1}} {
			u, v := p[0]-mean[0], p[1]-mean[1]
			want := []float64{-(b*u - d*v) / det, -(a*v - d*u) / det}
			got := at(t, fn, p)[0]
			for j := range 2 {
				if math.Abs(got[j]-want[j]) > 0.05*(1+math.Abs(want[j])) {
					t.Errorf("%s: coordinate %d of the score at %v is %.4f, want %.4f", o.name, j, p, got[j], want[j])
				}
			}
		}
		t.Logf("%s: loss %.4f, score at the origin %.4f", o.name, r.Curve[len(r.Curve)-1].Loss, at(t, fn, []float64{0, 0})[0])
	}
}

func sameWeights(t *testing.T, what string, a, b *train.Result) {
	t.Helper()
	if a.Model.SHA256() != b.Model.SHA256() {
		t.Errorf("%s: other weights", what)
	}
	if len(a.Curve) != len(b.Curve) {
		t.Errorf("%s: a curve of %d points, want %d", what, len(a.Curve), len(b.Curve))
		return
	}
	same := func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y }
	for i, p := range a.Curve {
		q := b.Curve[i]
		if p.Step != q.Step || !same(p.Loss, q.Loss) || !same(p.Rate, q.Rate) || !same(p.Validation, q.Validation) {
			t.Errorf("%s: point %d of the curve is %v, want %v", what, i, p, q)
			return
		}
	}
}

func TestWeightsDependOnNothingButTheConfig(t *testing.T) {
	data := normals(500, [2]float64{0, 0}, [2]float64{1, 2}, 0.5)
	c := small(data)
	c.Network = network.MLP([]int{64, 64}, network.ReLU, nil)
	c.Batch, c.Group, c.Steps = 130, 20, 60 // groups of 20 and one of 10
	c.Clip, c.EMA, c.Validation = 1, 0.9, train.Validation{Share: 0.2, Every: 7}
	reference := learn(t, c)
	for _, workers := range []int{1, 2, 3, 7} {
		for _, shared := range []bool{false, true} {
			c.Workers = workers
			if shared {
				c = train.ShareAlways(c)
			}
			sameWeights(t, "workers", learn(t, c), reference)
		}
	}
	for name, change := range map[string]func(c *train.Config){
		"seed":  func(c *train.Config) { c.Seed++ },
		"group": func(c *train.Config) { c.Group = 30 },
		"batch": func(c *train.Config) { c.Batch = 120 },
		"level": func(c *train.Config) { c.Levels = score.List{0.31} },
	} {
		other := c
		change(&other)
		if learn(t, other).Model.SHA256() == reference.Model.SHA256() {
			t.Errorf("another %s has the same weights", name)
		}
	}
}

func TestConditionalModelsKnowTheScoreAtEveryLevel(t *testing.T) {
	data := normals(4000, [2]float64{1, -2}, [2]float64{0.5, 2}, 0)
	mean, c := covariance(data)
	for _, levels := range []score.Levels{score.List{2, 1, 0.5, 0.25}, score.LogNormal{Mean: -0.5, SD: 1}, score.LogUniform{Low: 0.2, High: 3}} {
		r := learn(t, train.Config{Data: data, Levels: levels, Steps: 1500, Batch: 128, Seed: 1, Rate: train.Rate{Peak: 2e-3, Decay: train.Cosine}})
		family, err := r.Model.Conditional()
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for _, sigma := range []float64{0.25, 0.5, 1, 2} {
			fn := family.At(sigma)
			for _, p := range [][]float64{{1, -2}, {0.5, 0}, {1.4, -4}} {
				got := at(t, fn, p)[0]
				for j := range 2 {
					// In units of the score's own size, 1/sqrt(variance).
					v := c[j][j] + sigma*sigma
					want := -(p[j] - mean[j]) / v
					worst = max(worst, math.Abs(got[j]-want)*math.Sqrt(v))
				}
			}
		}
		t.Logf("%v: worst error %.3f", levels, worst)
		if worst > 0.25 {
			t.Errorf("%v: the score is off by %.3f of its size", levels, worst)
		}
		if low, high := levels.Range(); r.Model.Info().Low != low || r.Model.Info().High != high {
			t.Errorf("%v: the model says %v to %v", levels, r.Model.Info().Low, r.Model.Info().High)
		}
	}
}

func TestValidationStopsEarlyAndKeepsTheBest(t *testing.T) {
	// 40 points and a network that can learn them by heart.
	c := small(normals(50, [2]float64{0, 0}, [2]float64{1, 1}, 0))
	c.Network = network.MLP([]int{64, 64}, network.ReLU, nil)
	c.Levels, c.Batch, c.Group, c.Steps = score.List{0.1}, 40, 0, 3000
	c.Validation = train.Validation{Share: 0.2, Every: 10, Patience: 5}
	r := learn(t, c)
	if r.Steps >= c.Steps || r.Best >= r.Steps || r.Best+5*10 != r.Steps {
		t.Errorf("%d steps, the best after %d", r.Steps, r.Best)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "stopped at step") {
		t.Errorf("notes %q", r.Notes)
	}
	for _, p := range r.Curve {
		if p.Validation < r.Validation || (p.Step == r.Best) != (p.Validation == r.Validation) {
			t.Errorf("step %d has a validation loss of %v, the best is %v at step %d", p.Step, p.Validation, r.Validation, r.Best)
		}
	}
	// The weights are those of the best step.
	c.Validation.Patience, c.Steps = 0, r.Best
	if other := learn(t, c); other.Model.Info().Steps != r.Best || other.Validation != r.Validation {
		t.Errorf("stopped there the loss is %v, want %v", other.Validation, r.Validation)
	} else if a, b := at(t, r.Model.At(0.1), []float64{1, 1})[0], at(t, other.Model.At(0.1), []float64{1, 1})[0]; !slices.Equal(a, b) || a[0] == 0 {
		t.Errorf("the model has the score %v, the best step %v", a, b)
	}
}

// An affine score is linear in its weights, so the averages of the weights show in it. They begin at weights of 0 and take what
// min(m, (1+n)/(10+n)) says of the one before: 1/10, 2/11, and then m.
func TestTheAverageOfTheWeightsWarmsUp(t *testing.T) {
	c := small(normals(100, [2]float64{1, -1}, [2]float64{1, 0.5}, 0.3))
	c.Network = affine
	want, x := 0.0, []float64{0.7, -0.4}
	for i, kept := range []float64{0.1, 2.0 / 11, 0.2, 0.2} {
		c.Steps, c.EMA = i+1, 0
		last := at(t, learn(t, c).Model.At(0.3), x)[0][1]
		want = kept*want + (1-kept)*last
		c.EMA = 0.2
		if got := at(t, learn(t, c).Model.At(0.3), x)[0][1]; math.Abs(got-want) > 1e-5*math.Abs(want) || last == 0 {
			t.Errorf("after %d steps the score is %v, and %v with averaged weights, want %v", i+1, last, got, want)
		}
	}
}

func TestLearningRatesAreAFunctionOfTheStep(t *testing.T) {
	r := train.Rate{Peak: 1, WarmUp: 4, Decay: train.Linear, From: 0.5, Floor: 0.2}
	for step, want := range map[int]float64{0: 0.2, 3: 0.8, 4: 1, 9: 1, 10: 1, 15: 0.6, 19: 0.28} {
		if got := train.RateAt(r, step, 20); math.Abs(got-want) > 1e-15 {
			t.Errorf("linear: step %d has rate %v, want %v", step, got, want)
		}
	}
	r = train.Rate{Peak: 2, Decay: train.Cosine}
	for step, want := range map[int]float64{0: 2, 5: 1 + math.Sqrt2/2, 10: 1, 20: 0} {
		if got := train.RateAt(r, step, 20); math.Abs(got-want) > 1e-15 {
			t.Errorf("cosine: step %d has rate %v, want %v", step, got, want)
		}
	}
}

func TestTheDataAreJudgedBeforeAnythingIsLearned(t *testing.T) {
	bad := normals(200, [2]float64{}, [2]float64{1, 1}, 0)
	bad.Row(1)[137] = math.NaN()
	huge := normals(200, [2]float64{}, [2]float64{1, 1}, 0)
	huge.Row(0)[3] = 1e39
	good := normals(200, [2]float64{}, [2]float64{1, 1}, 0)
	wrong := func(p *network.Params, x, _ autodiff.Value) autodiff.Value { return p.Dense("d", x, 3, network.Zeros) }
	for _, c := range []struct {
		name   string
		change func(c *train.Config)
		want   string
	}{
		{"NaN", func(c *train.Config) { c.Data = bad }, "row 137, column 1 (x1) is NaN"},
		{"too large", func(c *train.Config) { c.Data = huge }, "row 3, column 0 (x0) is 1e+39"},
		{"names", func(c *train.Config) { c.Data, c.Columns = bad, []string{"a", "b"} }, "row 137, column 1 (b) is NaN"},
		{"too many names", func(c *train.Config) { c.Columns = []string{"a"} }, "1 names for 2 columns"},
		{"nothing", func(c *train.Config) { c.Data = nil }, "no data"},
		{"no rows", func(c *train.Config) { c.Data = lanes.New(0, 2) }, "no data"},
		{"few rows", func(c *train.Config) { c.Batch, c.Group = 201, 0 }, "200 rows are fewer than a batch of 201"},
		{"few rows to train on", func(c *train.Config) { c.Batch, c.Validation.Share = 190, 0.1 }, "180 rows are fewer than a batch of 190"},
		{"width", func(c *train.Config) { c.Network = wrong }, "shape"},
		{"no levels", func(c *train.Config) { c.Levels = score.List{} }, "no noise levels"},
		{"level", func(c *train.Config) { c.Levels = score.List{-1} }, "noise level 0 is -1"},
		{"steps", func(c *train.Config) { c.Steps = -1 }, "-1 steps"},
		{"group", func(c *train.Config) { c.Group = 49 }, "groups of 49 rows"},
		{"rate", func(c *train.Config) { c.Rate.Peak = math.Inf(1) }, "a learning rate of +Inf"},
		{"beta", func(c *train.Config) { c.Adam.Beta2 = 1 }, "beta2 1"},
		{"decay", func(c *train.Config) { c.Adam.WeightDecay = -1 }, "a weight decay of -1"},
		{"clip", func(c *train.Config) { c.Clip = math.NaN() }, "clipped at NaN"},
		{"average", func(c *train.Config) { c.EMA = 1 }, "decay 1"},
		{"validation", func(c *train.Config) { c.Validation.Share = 1 }, "a share of 1"},
		{"patience", func(c *train.Config) { c.Validation.Patience = 3 }, "a patience of 3 without validation"},
		{"warm-up", func(c *train.Config) { c.Rate.WarmUp = 400 }, "400 steps of warm-up"},
		{"fall", func(c *train.Config) { c.Rate.Decay = 7 }, "decay 7"},
		{"workers", func(c *train.Config) { c.Workers = -2 }, "-2 workers"},
		{"resume", func(c *train.Config) { c.Resume = true }, "resume without a checkpoint"},
	} {
		config := small(good)
		c.change(&config)
		if _, err := train.Train(context.Background(), config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// Case S36: a column without variance, which a standardisation would divide by.
func TestAConstantColumnIsNamedAndDoesNoHarm(t *testing.T) {
	data := lanes.New(300, 3)
	random.New(1, random.User).Normal(data, 0, 0)
	for i := range data.Len() {
		data.Row(1)[i] = 2.5
	}
	for name, c := range map[string]train.Config{
		"a plain network":        {Data: data, Network: network.MLP([]int{8}, network.ReLU, nil), Objective: train.Denoising(score.Unweighted), Levels: score.List{0.2}, Steps: 50, Batch: 32},
		"the preconditioned one": {Data: data, Steps: 50, Batch: 32},
	} {
		r := learn(t, c)
		if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "column 1 (x1) is constant, 2.5 in all 300 rows") {
			t.Errorf("%s: notes %q", name, r.Notes)
		}
		if loss := r.Curve[len(r.Curve)-1].Loss; math.IsNaN(loss) || math.IsInf(loss, 0) {
			t.Errorf("%s: loss %v", name, loss)
		}
		got := at(t, r.Model.At(0.2), []float64{0, 2.6, 0})[0]
		for j, v := range got {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: coordinate %d of the score is %v", name, j, v)
			}
		}
		if r.Model.IsConditional() && math.Abs(got[1]-(-0.1/0.04)) > 1e-4 {
			t.Errorf("the score along the constant is %v, want -2.5: that of noise alone", got[1])
		}
	}
}

func TestADivergedTrainingSaysSo(t *testing.T) {
	c := small(normals(200, [2]float64{}, [2]float64{1e18, 1e18}, 0))
	_, err := train.Train(context.Background(), c)
	var diverged *train.DivergedError
	if !errors.As(err, &diverged) || diverged.Loss-diverged.Loss == 0 || !strings.Contains(err.Error(), "the loss is") {
		t.Errorf("error %v", err)
	}
}

func TestAStepAllocatesNothing(t *testing.T) {
	skipWithRace(t)
	c := small(normals(300, [2]float64{}, [2]float64{1, 1}, 0))
	c.Clip, c.EMA = 1, 0.99
	step := train.Stepper(t, c)
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
	c.Levels, c.Network = score.LogUniform{Low: 0.1, High: 1}, network.OverSigma(network.MLP([]int{16}, network.ReLU, network.SigmaChannel))
	step = train.Stepper(t, c)
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("many levels: %v allocations a step", n)
	}
}

var background = context.Background()

// donutData makes the points of a recipe.
func donutData(t testing.TB, d train.Data, seed uint64) *lanes.Block {
	t.Helper()
	if d.Transitions == 0 {
		x := lanes.New(d.Points, 2)
		if err := (density.Donut{}).Sample(background, x, random.New(seed, random.Data), 0); err != nil {
			t.Fatal(err)
		}
		return x
	}
	run := mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.Langevin{Score: score.Of(density.Donut{}), Step: d.Step}, Particles: d.Points, Seed: seed}
	if err := run.To(background, uint64(d.Transitions)); err != nil {
		t.Fatal(err)
	}
	return run.Positions()
}
