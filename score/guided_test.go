package score_test

import (
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/scoretest"
)

// classMeans are the means of the law of each class under [classModel].
var classMeans = [][]float32{{3, 0}, {-2, 1}, {0, -4}}

// classModel is the exact score of a normal law of standard deviation 0.5 whose mean is that of the class given, or 0.
func classModel(t testing.TB, info score.ModelInfo) *score.Model {
	t.Helper()
	g := autodiff.NewGraph()
	x, sigma, given := g.Input("x", 2), g.Input("sigma"), g.Input("given", 3)
	means := g.Param("means", 3, 2)
	s := given.Dense(means, autodiff.Value{}).Sub(x).Div(sigma.Square().Shift(0.25))
	text, err := autodiff.Encode(autodiff.Formula{
		Inputs: []autodiff.Value{x, sigma, given}, Params: []autodiff.Value{means}, Epoch: 1,
		Outputs: []autodiff.Output{{Name: "score", Value: s}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var weights []float32
	for _, m := range classMeans {
		weights = append(weights, m...)
	}
	model, err := score.NewModel(text, map[string][]float32{"means": weights}, info)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func TestGuidanceGoesBeyondTheClass(t *testing.T) {
	m := classModel(t, score.ModelInfo{Low: 0.1, High: 5})
	const sigma = 0.5
	x := points(100, 2)
	classes := score.Classes{Shares: []float64{1, 2, 1}, Seed: 9}
	for _, weight := range []float64{0, 1, 3} {
		family, err := score.Guided(m, classes, weight)
		if err != nil {
			t.Fatal(err)
		}
		fn, ok := family.At(sigma).(score.ByParticle)
		if !ok {
			t.Fatalf("%T does not go by particle", family.At(sigma))
		}
		s := lanes.New(x.Len(), 2)
		if err := fn.ScoreOf(background, s, x, 1000); err != nil {
			t.Fatal(err)
		}
		for i := range x.Len() {
			mean := classMeans[classes.Of(1000+uint64(i))]
			for j := range 2 {
				want := (weight*float64(mean[j]) - x.Row(j)[i]) / (0.25 + sigma*sigma)
				if got := s.Row(j)[i]; math.Abs(got-want) > 1e-4 {
					t.Errorf("weight %v: coordinate %d of the score of point %d is %v, want %v", weight, j, i, got, want)
				}
			}
		}
		one, err := score.Guided(m, score.Classes{Fixed: []int{1}}, weight)
		if err != nil {
			t.Fatal(err)
		}
		scoretest.NoiseConditional(t, one, x, 0.5, 2)
	}
}

func TestClassesGoByNumberAndShare(t *testing.T) {
	classes := score.Classes{Shares: []float64{0.5, 0, 3, 1.5}, Seed: 4}
	const n = 100_000
	var counts [4]float64
	for i := range uint64(n) {
		counts[classes.Of(i)]++
	}
	for k, share := range classes.Shares {
		p := share / 5
		z := (counts[k] - n*p) / math.Sqrt(n*p*(1-p)+1e-300)
		t.Logf("class %d: %v of %v, z %.2f", k, counts[k], n*p, z)
		if p == 0 && counts[k] > 0 || math.Abs(z) > 4.5 {
			t.Errorf("class %d has %v of %d particles, its share is %v", k, counts[k], n, p)
		}
	}
	same := 0
	for i := range uint64(1000) {
		if classes.Of(i) == (score.Classes{Shares: classes.Shares, Seed: 5}).Of(i) {
			same++
		}
	}
	if same > 600 {
		t.Errorf("%d of 1000 particles have the same class under another seed", same)
	}
	turns := score.Classes{Fixed: []int{2, 0}}
	if turns.Of(0) != 2 || turns.Of(1) != 0 || turns.Of(1<<40) != 2 {
		t.Error("fixed classes are not taken in turn")
	}
}

func TestGuidedRefusesWhatIsNoClass(t *testing.T) {
	m := classModel(t, score.ModelInfo{})
	for _, c := range []struct {
		model   *score.Model
		classes score.Classes
		weight  float64
		want    string
	}{
		{model(t, true), score.Classes{}, 1, "no classes"},
		{m, score.Classes{Fixed: []int{3}}, 1, "class 3 of a model with 3"},
		{m, score.Classes{Fixed: []int{-1}}, 1, "class -1"},
		{m, score.Classes{Shares: []float64{1}}, 1, "shares of 1 classes for a model with 3"},
		{m, score.Classes{Shares: []float64{1, -1, 1}}, 1, "the share of class 1 is -1"},
		{m, score.Classes{Shares: []float64{0, 0, 0}}, 1, "add up to 0"},
		{m, score.Classes{Fixed: []int{1}}, math.NaN(), "guidance of weight NaN"},
	} {
		if _, err := score.Guided(c.model, c.classes, c.weight); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestPowerLevels(t *testing.T) {
	// Equation 5 with rho 7 from 80 to 0.002 in 18 levels: values of the paper's program.
	levels, err := score.PowerLevels(80, 0.002, 18, score.EDMRho)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]float64{0: 80, 1: 57.58598, 2: 40.78557, 17: 0.002} {
		if math.Abs(levels[i]-want) > 1e-4*want {
			t.Errorf("level %d is %v, want %v", i, levels[i], want)
		}
	}
	if one, err := score.PowerLevels(80, 0.002, 1, score.EDMRho); err != nil || len(one) != 1 || one[0] != 80 {
		t.Errorf("one level is %v, %v", one, err)
	}
	if even, err := score.PowerLevels(3, 1, 3, 1); err != nil || math.Abs(even[1]-2) > 1e-12 {
		t.Errorf("rho 1: %v, %v", even, err)
	}
	for _, c := range []struct {
		high, low float64
		count     int
		rho       float64
		want      string
	}{
		{1, 1, 5, 7, "the first has to be the larger"}, {1, 0, 5, 7, "lowest noise level is 0"}, {math.Inf(1), 1, 5, 7, "highest noise level is +Inf"},
		{2, 1, 0, 7, "0 noise levels"}, {2, 1, 5, 0, "rho 0"}, {math.Nextafter(1, 2), 1, 50, 7, "cannot be told apart"},
	} {
		if _, err := score.PowerLevels(c.high, c.low, c.count, c.rho); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestDrawingIsChecked(t *testing.T) {
	for _, c := range []struct {
		drawing score.Drawing
		want    string
	}{
		{score.Drawing{Sampler: "nuts"}, `sampler is "nuts"`},
		{score.Drawing{High: 1, Low: 2}, "they fall"},
		{score.Drawing{Step: math.NaN()}, "is NaN"},
		{score.Drawing{Steps: -1}, "-1 steps"},
	} {
		_, err := score.NewModel(formula(t, 2, true), map[string][]float32{"w": {-1, 0, 0, -1}, "b": {0, 0}}, score.ModelInfo{Drawing: &c.drawing})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}
