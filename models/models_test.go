package models_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/models"
	"github.com/scorefield/infer/score"
)

// tiny is a model of a few weights.
func tiny(t *testing.T) *score.Model {
	t.Helper()
	g := autodiff.NewGraph()
	x, sigma, w := g.Input("x", 2), g.Input("sigma"), g.Param("w", 2, 2)
	text, err := autodiff.Encode(autodiff.Formula{
		Inputs: []autodiff.Value{x, sigma}, Params: []autodiff.Value{w}, Epoch: 1,
		Outputs: []autodiff.Output{{Name: "score", Value: x.Dense(w, autodiff.Value{}).Div(sigma)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.NewModel(text, map[string][]float32{"w": {-1.00390625, 0.1, 1.01171875, -3}}, score.ModelInfo{About: "tiny", Low: 0.1, High: 2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelsAreFoundByName(t *testing.T) {
	var file bytes.Buffer
	m := tiny(t)
	if err := m.Pack(&file); err != nil {
		t.Fatal(err)
	}
	c := models.In(fstest.MapFS{"tiny.safetensors": {Data: file.Bytes()}, "README.md": {}, "broken.safetensors": {Data: file.Bytes()[:100]}, "d.safetensors": {Mode: fs.ModeDir}})
	if got := c.Names(); !slices.Equal(got, []string{"broken", "tiny"}) {
		t.Errorf("names %q", got)
	}
	got, err := c.Model("tiny")
	if err != nil {
		t.Fatal(err)
	}
	packed, err := m.Packed()
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256() != packed.SHA256() || got.SHA256() == m.SHA256() || got.Info().About != "tiny" {
		t.Errorf("the model is %v (%s), packed it is %v and was %v", got, got.Info().About, packed, m)
	}
	for _, name := range []string{"none", "../models", "", "README.md"} {
		if _, err := c.Model(name); !errors.Is(err, models.ErrUnknown) {
			t.Errorf("model %q: %v", name, err)
		}
	}
	if _, err := c.Model("broken"); !errors.Is(err, score.ErrModel) {
		t.Errorf("half a file: %v", err)
	}
}

// Weights are rounded to 8 binary digits, half way to even.
func TestPackedWeightsAreTheNearest(t *testing.T) {
	var file, again bytes.Buffer
	if err := tiny(t).Pack(&file); err != nil {
		t.Fatal(err)
	}
	m, err := score.Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Pack(&again); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
		t.Errorf("packing a packed model changes it (%v)", err)
	}
	unit, err := lanes.FromPoints([][]float64{{1, 0}, {0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	s := lanes.New(2, 2) // at the unit vectors and level 1 the score is the weights
	if err := m.At(1).Score(t.Context(), s, unit); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{-1, 0.10009765625, 1.015625, -3} {
		if got := s.Row(i % 2)[i/2]; got != want {
			t.Errorf("weight %d is %v, want %v", i, got, want)
		}
	}
}

// What is shipped can be read, is small, and says what it is.
func TestShippedModels(t *testing.T) {
	for _, name := range models.Shipped().Names() {
		m, err := models.Shipped().Model(name)
		if err != nil {
			t.Error(err)
			continue
		}
		info, err := os.Stat(filepath.Join("weights", name+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 2_000_000 || m.Info().About == "" || m.Info().Training == "" {
			t.Errorf("%s: %d bytes, about %q, training %q", name, info.Size(), m.Info().About, m.Info().Training)
		}
		t.Logf("%s: %d bytes, %d parameters, %s", name, info.Size(), m.Parameters(), m.Info().About)
	}
}
