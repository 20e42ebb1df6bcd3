package score_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// conditional is the model x W + given V, over sigma.
func conditional(t testing.TB, info score.ModelInfo) *score.Model {
	t.Helper()
	g := autodiff.NewGraph()
	x, sigma, given := g.Input("x", 2), g.Input("sigma"), g.Input("given", 3)
	w, v := g.Param("w", 2, 2), g.Param("v", 3, 2)
	s := x.Dense(w, autodiff.Value{}).Add(given.Dense(v, autodiff.Value{})).Div(sigma)
	text, err := autodiff.Encode(autodiff.Formula{
		Inputs: []autodiff.Value{given, x, sigma}, Params: []autodiff.Value{w, v}, Outputs: []autodiff.Output{{Name: "score", Value: s}}, Epoch: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.NewModel(text, map[string][]float32{"w": {-1, 0, 0, -1}, "v": {1, 2, 3, 4, 5, 6}}, info)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAModelIsConditionedOnAVector(t *testing.T) {
	m := conditional(t, score.ModelInfo{Low: 0.1, High: 1, Classes: []string{"a", "b", "c"}})
	if m.GivenSize() != 3 {
		t.Errorf("%d elements are given", m.GivenSize())
	}
	x := lanes.New(300, 2) // at 0, more points than come into rows at a time
	expect := func(what string, s *lanes.Block, i int, want0, want1 float64) {
		t.Helper()
		if s.Row(0)[i] != want0 || s.Row(1)[i] != want1 {
			t.Errorf("%s: point %d has the score (%v, %v), want (%v, %v)", what, i, s.Row(0)[i], s.Row(1)[i], want0, want1)
		}
	}
	expect("no condition", evaluate(t, m.At(0.5), x), 299, 0, 0)
	family, err := m.Given([]float64{0, 1, 0.5})
	if err != nil {
		t.Fatal(err)
	}
	expect("one vector", evaluate(t, family.At(0.5), x), 299, 11, 14)
	expect("no condition again", evaluate(t, m.At(0.5), x), 0, 0, 0)
	s := lanes.New(300, 2)
	vectors := [][]float32{{1, 0, 0}, nil, {0, 0, 1}}
	if err := m.ScoreGiven(background, s, x, 0.5, func(i int) []float32 { return vectors[i%3] }); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		want := [][2]float64{{2, 4}, {0, 0}, {10, 12}}[i%3]
		expect("a vector each", s, i, want[0], want[1])
	}
	given := func(i int) []float32 { return vectors[i%3] }
	if n := testing.AllocsPerRun(20, func() { _ = m.ScoreGiven(background, s, x, 0.5, given) }); n != 0 && !raceEnabled {
		t.Errorf("%v allocations a call", n)
	}
}

func TestWhatIsGivenHasToFitTheModel(t *testing.T) {
	m := conditional(t, score.ModelInfo{})
	x, s := lanes.New(2, 2), lanes.New(2, 2)
	_, short := m.Given([]float64{1, 2})
	_, infinite := m.Given([]float64{1, 2, math.Inf(1)})
	_, none := model(t, true).Given([]float64{1})
	ended, cancel := context.WithCancel(background)
	cancel()
	for _, c := range []struct {
		err   error
		words string
	}{
		{short, "2 elements"}, {infinite, "element 2"}, {none, "not conditioned"},
		{model(t, true).ScoreGiven(background, s, x, 0.5, nil), "not conditioned"},
		{m.ScoreGiven(background, s, x, 0.5, func(int) []float32 { return []float32{1} }), "1 elements is given for point 0"},
		{m.ScoreGiven(background, s, x, math.NaN(), nil), "NaN"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.words) {
			t.Errorf("%v, want %q in it", c.err, c.words)
		}
	}
	if err := m.ScoreGiven(ended, s, x, 0.5, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWhatAModelSaysOfImagesHasToFit(t *testing.T) {
	text := formula(t, 2, false)
	weights := map[string][]float32{"w": {-1, 0.25, 0.5, -2}, "b": {0.125, 3}}
	for _, c := range []struct {
		info  score.ModelInfo
		words string
	}{
		{score.ModelInfo{Shape: []int{2}}, "rows and columns"},
		{score.ModelInfo{Shape: []int{2, 2}}, "rows and columns"},
		{score.ModelInfo{Shape: []int{-1, -2}}, "shape"},
		{score.ModelInfo{Shape: []int{1 << 40, 1 << 40}}, "shape"},
		{score.ModelInfo{Range: []float64{1, 0}}, "range"},
		{score.ModelInfo{Range: []float64{0, math.NaN()}}, "range"},
		{score.ModelInfo{Classes: []string{"a"}}, "1 names of classes"},
	} {
		if _, err := score.NewModel(text, weights, c.info); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%+v: %v, want %q in it", c.info, err, c.words)
		}
	}
	if _, err := score.NewModel(text, weights, score.ModelInfo{Shape: []int{1, 2}, Range: []float64{0, 1}}); err != nil {
		t.Error(err)
	}
}

// Rounding to bfloat16 keeps eight significant bits, to the nearest and of two to the even number, and halves the file.
func TestAShortModelHasWeightsOfEightBits(t *testing.T) {
	weights := map[string][]float32{"w": {-1.00390625, 0.25, 1.01171875, 3.1415927}, "b": {0x1p-126, -0x1.fffffep127 / 2}}
	want := map[string][]float32{"w": {-1, 0.25, 1.015625, 3.140625}, "b": {0x1p-126, -0x1p127}}
	long, err := score.NewModel(formula(t, 2, true), weights, score.ModelInfo{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := long.Short()
	if err != nil {
		t.Fatal(err)
	}
	reference, err := score.NewModel(formula(t, 2, true), want, score.ModelInfo{})
	if err != nil {
		t.Fatal(err)
	}
	x := points(50, 2)
	got, expected := evaluate(t, m.At(0.5), x), evaluate(t, reference.At(0.5), x)
	for j := range 2 {
		for i := range 50 {
			if got.Row(j)[i] != expected.Row(j)[i] {
				t.Fatalf("coordinate %d of the score at point %d is %v, want %v", j, i, got.Row(j)[i], expected.Row(j)[i])
			}
		}
	}
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := score.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if back.SHA256() != m.SHA256() || m.SHA256() == reference.SHA256() || m.SHA256() == long.SHA256() {
		t.Errorf("checksums: %v saved, %v read, %v in float32", m.SHA256(), back.SHA256(), reference.SHA256())
	}
	if _, err := score.Decode([]byte("no model")); !errors.Is(err, score.ErrModel) {
		t.Error(err)
	}
}
