package autodiff

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// TestPerceptronMatchesJAX compares the network of the tutorial, its loss, its gradients and a gradient through a gradient
// with numbers stored by testdata/perceptron.py.
func TestPerceptronMatchesJAX(t *testing.T) {
	text, err := os.ReadFile("testdata/perceptron.json")
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		Widths              []int
		Sigma               float64
		Params              [][]float32
		X, Z                []float32
		Score, Losses       []float64
		Gradients           [][]float64
		GradientX           []float64 `json:"gradient_x"`
		Hutchinson          []float64
		HutchinsonGradients [][]float64 `json:"hutchinson_gradients"`
	}
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	g := NewGraph()
	m := perceptron(g, Value.ReLU, stored.Widths...)
	loss := m.score.Add(m.z.Scale(1 / stored.Sigma)).Square().Sum()
	slope := mustGradient(t, m.score.Dot(m.z), m.x)[0].Dot(m.z)

	outputs := []Value{m.score, loss, slope}
	want := [][]float64{stored.Score, stored.Losses, stored.Hutchinson}
	outputs = append(append(outputs, mustGradient(t, loss, m.params...)...), mustGradient(t, loss, m.x)...)
	want = append(append(want, stored.Gradients...), stored.GradientX)
	outputs = append(outputs, mustGradient(t, slope, m.params...)...)
	want = append(want, stored.HutchinsonGradients...)

	rows := len(stored.Losses)
	p := mustCompileRows(t, outputs, []Value{m.x, m.z}, m.params)
	got := empty32(rows, outputs)
	p.Run(rows, got, [][]float32{stored.X, stored.Z}, stored.Params)
	for i := range outputs {
		// Biases have no part in the slope of a network of ReLU: their gradient is 0.
		checkRowsAgree(t, fmt.Sprint("output ", i), got[i:i+1], want[i:i+1], 1e-5)
	}
}
