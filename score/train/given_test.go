package train_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// labelled is n points of the plane around the corner that their class, one of three, stands for.
func labelled(t *testing.T, n int) (data, given *lanes.Block, corners [3][2]float64) {
	t.Helper()
	corners = [3][2]float64{{2, 1}, {-1, 3}, {0, -2}}
	data = lanes.New(n, 2)
	random.New(17, random.User).Normal(data, 0, 0)
	labels := make([]int, n)
	for i := range n {
		labels[i] = i * i % 3
		if i%5 == 0 {
			labels[i] = 2
		}
		for j := range 2 {
			data.Row(j)[i] = 0.5*data.Row(j)[i] + corners[labels[i]][j]
		}
	}
	given, err := train.OneHot(labels, 3)
	if err != nil {
		t.Fatal(err)
	}
	return data, given, corners
}

// conditional is the network (given W + b - x) / (1/4 + sigma^2): exact for the points of labelled, with the corners as W + b.
func conditional(p *network.Params, x, sigma autodiff.Value) autodiff.Value {
	return p.Dense("corner", p.Given(), x.Size(), network.Zeros).Sub(x).Div(sigma.Square().Shift(0.25))
}

func conditionalConfig(t *testing.T) (train.Config, [3][2]float64) {
	data, given, corners := labelled(t, 600)
	return train.Config{
		Data: data, Given: given, Network: conditional, Objective: train.Denoising(score.SigmaSquared), Levels: score.LogUniform{Low: 0.1, High: 1},
		Steps: 1500, Batch: 64, Group: 16, Seed: 3, Rate: train.Rate{Peak: 0.02, Decay: train.Linear}, Classes: []string{"a", "b", "c"},
	}, corners
}

func TestAClassMovesTheScore(t *testing.T) {
	skipWithRace(t)
	c, corners := conditionalConfig(t)
	m := learn(t, c).Model
	if m.GivenSize() != 3 || len(m.Info().Classes) != 3 {
		t.Fatalf("%d elements are given, for classes %q", m.GivenSize(), m.Info().Classes)
	}
	const sigma = 0.5
	x, one, each := lanes.New(3, 2), lanes.New(3, 2), lanes.New(3, 2)
	vectors := [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	if err := m.ScoreGiven(background, each, x, sigma, func(i int) []float32 { return vectors[i] }); err != nil {
		t.Fatal(err)
	}
	for class, corner := range corners {
		values := make([]float64, 3)
		values[class] = 1
		family, err := m.Given(values)
		if err != nil {
			t.Fatal(err)
		}
		if err := family.At(sigma).Score(background, one, x); err != nil {
			t.Fatal(err)
		}
		for j := range 2 {
			got, want := one.Row(j)[class], corner[j]/(0.25+sigma*sigma)
			// 200 points of standard deviation 1/2 have a mean of standard error 0.035, and the score is twice as steep.
			if math.Abs(got-want) > 0.25 {
				t.Errorf("class %d: coordinate %d of the score at 0 is %.3f, want %.3f", class, j, got, want)
			}
			if math.Float64bits(each.Row(j)[class]) != math.Float64bits(got) {
				t.Errorf("class %d: %v for all points and %v for this one", class, got, each.Row(j)[class])
			}
		}
	}
}

// Under zeros only the bias is learned, which is then the mean of all points.
func TestADroppedClassIsNoCondition(t *testing.T) {
	skipWithRace(t)
	c, corners := conditionalConfig(t)
	c.DropGiven, c.Steps = 0.5, 6000
	m := learn(t, c).Model
	mean := [2]float64{}
	for j := range 2 {
		for i := range c.Data.Len() {
			mean[j] += c.Data.Row(j)[i] / float64(c.Data.Len())
		}
	}
	const sigma = 0.5
	x, s := lanes.New(1, 2), lanes.New(1, 2)
	if err := m.At(sigma).Score(background, s, x); err != nil {
		t.Fatal(err)
	}
	for j := range 2 {
		if want := mean[j] / (0.25 + sigma*sigma); math.Abs(s.Row(j)[0]-want) > 0.3 {
			t.Errorf("coordinate %d of the score at 0 under no condition is %.3f, want %.3f", j, s.Row(j)[0], want)
		}
	}
	if err := m.ScoreGiven(background, s, x, sigma, func(int) []float32 { return []float32{1, 0, 0} }); err != nil {
		t.Fatal(err)
	}
	for j := range 2 {
		if want := corners[0][j] / (0.25 + sigma*sigma); math.Abs(s.Row(j)[0]-want) > 0.4 {
			t.Errorf("coordinate %d of the score at 0 of the first class is %.3f, want %.3f", j, s.Row(j)[0], want)
		}
	}
}

func TestWhatIsGivenHasToFit(t *testing.T) {
	base, _ := conditionalConfig(t)
	for _, wrong := range []struct {
		words  string
		change func(c *train.Config)
	}{
		{"599 rows", func(c *train.Config) { c.Given = lanes.New(599, 3) }},
		{"finite", func(c *train.Config) {
			c.Given = lanes.New(600, 3)
			c.Given.Row(1)[7] = math.NaN()
		}},
		{"dropped, and none are given", func(c *train.Config) { c.Given, c.Classes, c.DropGiven, c.Network = nil, nil, 0.1, nil }},
		{"from 0 to below 1", func(c *train.Config) { c.DropGiven = 1 }},
		{"2 names of classes", func(c *train.Config) { c.Classes = []string{"a", "b"} }},
	} {
		c := base
		wrong.change(&c)
		if _, err := train.Train(context.Background(), c); err == nil || !strings.Contains(err.Error(), wrong.words) {
			t.Errorf("%v, want %q in it", err, wrong.words)
		}
	}
	if _, err := train.OneHot([]int{0, 3}, 3); err == nil || !strings.Contains(err.Error(), "label 1 is 3") {
		t.Error(err)
	}
}
