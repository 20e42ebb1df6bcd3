package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score"
)

// What is written is the short model, in a smaller file.
func TestShorten(t *testing.T) {
	g := autodiff.NewGraph()
	x, sigma, w := g.Input("x", 32), g.Input("sigma"), g.Param("w", 32, 32)
	text, err := autodiff.Encode(autodiff.Formula{
		Inputs: []autodiff.Value{x, sigma}, Params: []autodiff.Value{w}, Epoch: 1,
		Outputs: []autodiff.Output{{Name: "score", Value: x.Dense(w, autodiff.Value{}).Div(sigma)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]float32, 32*32)
	for i := range weights {
		weights[i] = 1 / float32(i+3)
	}
	long, err := score.NewModel(text, map[string][]float32{"w": weights}, score.ModelInfo{About: "tiny", Low: 0.1, High: 2})
	if err != nil {
		t.Fatal(err)
	}
	want, err := long.Short()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	from, to := filepath.Join(folder, "long.safetensors"), filepath.Join(folder, "short.safetensors")
	if err := long.Save(from); err != nil {
		t.Fatal(err)
	}
	if err := shorten(from, to); err != nil {
		t.Fatal(err)
	}
	got, err := score.Load(to)
	if err != nil {
		t.Fatal(err)
	}
	if got.SHA256() != want.SHA256() || got.SHA256() == long.SHA256() {
		t.Errorf("the file is of model %s, want %s", got.SHA256(), want.SHA256())
	}
	before, _ := os.Stat(from)
	after, _ := os.Stat(to)
	if saved := before.Size() - after.Size(); saved != 2*32*32 {
		t.Errorf("the file is %d bytes shorter, want two for each of 1024 weights", saved)
	}
	if err := shorten(filepath.Join(folder, "none"), to); err == nil {
		t.Error("a model that is not there is no error")
	}
}
