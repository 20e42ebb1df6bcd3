package network_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// cycle is the numbers of testdata/mlp.py.
func cycle(count, factor, offset, modulus int, scale float64) []float32 {
	values := make([]float32, count)
	for k := range values {
		values[k] = float32(float64((factor*k+offset)%modulus-modulus/2) / scale)
	}
	return values
}

// testdata/mlp.json is what PyTorch makes of the same weights, in float64.
func TestLossAndGradientsAgreeWithPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/mlp.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct{ Score, Loss, Gradient []float64 }
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	const rows, dim, sigma = 7, 3, 0.5
	for _, named := range network.Activations() {
		w, ok := want[named.Name]
		if !ok {
			t.Fatalf("%s is not in testdata/mlp.json", named.Name)
		}
		g := autodiff.NewGraph()
		p := network.NewParams(g)
		x, z := g.Input("x", dim), g.Input("z", dim)
		level := g.Scalar(sigma)
		s := network.MLP([]int{12, 9}, named.Activation, nil)(p, x.Add(z.Scale(sigma)), level)
		loss := score.Denoising(s, z, level, score.Unweighted)
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		gradients, err := autodiff.Gradient(loss, p.Values()...)
		if err != nil {
			t.Fatal(err)
		}
		program, err := autodiff.CompileRows(append([]autodiff.Value{s, loss}, gradients...), []autodiff.Value{x, z}, p.Values())
		if err != nil {
			t.Fatalf("%s: %v", named.Name, err)
		}
		flat, sums := cycle(p.Count(), 37, 11, 101, 120), make([]float32, p.Count())
		outputs := [][]float32{make([]float32, rows*dim), make([]float32, rows)}
		var weights [][]float32
		at := 0
		for _, v := range p.Values() {
			weights = append(weights, flat[at:at+v.Size()])
			outputs = append(outputs, sums[at:at+v.Size()])
			at += v.Size()
		}
		program.Run(rows, outputs, [][]float32{cycle(rows*dim, 29, 7, 61, 20), cycle(rows*dim, 23, 3, 53, 15)}, weights)
		for _, c := range []struct {
			what      string
			got       []float32
			want      []float64
			tolerance float64
		}{{"score", outputs[0], w.Score, 1e-5}, {"loss", outputs[1], w.Loss, 1e-5}, {"gradient", sums, w.Gradient, 1e-5}} {
			if len(c.got) != len(c.want) {
				t.Fatalf("%s: %s: %d numbers, PyTorch has %d", named.Name, c.what, len(c.got), len(c.want))
			}
			scale, worst := 0.0, 0.0
			for _, v := range c.want {
				scale = max(scale, math.Abs(v))
			}
			for i, v := range c.want {
				worst = max(worst, math.Abs(float64(c.got[i])-v)/scale)
			}
			t.Logf("%s: %s is off by %.1e of the largest", named.Name, c.what, worst)
			if worst > c.tolerance {
				t.Errorf("%s: %s is off by %.2e of the largest, want %.0e", named.Name, c.what, worst, c.tolerance)
			}
		}
	}
}
