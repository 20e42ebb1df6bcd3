package models_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/scorefield/infer/autodiff"
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
	short, err := tiny(t).Short()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tiny.safetensors")
	if err := short.Save(path); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := models.In(fstest.MapFS{"tiny.safetensors": {Data: file}, "README.md": {}, "broken.safetensors": {Data: file[:100]}, "d.safetensors": {Mode: fs.ModeDir}})
	if got := c.Names(); !slices.Equal(got, []string{"broken", "tiny"}) {
		t.Errorf("names %q", got)
	}
	got, err := c.Model("tiny")
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256() != short.SHA256() || got.Info().About != "tiny" {
		t.Errorf("the model is %v (%s), was %v", got, got.Info().About, short)
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
