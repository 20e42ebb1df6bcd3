package network_test

import (
	"encoding/json"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score/network"
)

// counted is the parameters of a network and the multiply-adds of one evaluation, read off its formula: a tap of a transposed
// convolution counts once for each pixel it reads, any other once for each it writes, whether or not it lies outside the image.
func counted(t *testing.T, n network.Network, dim, given int) (parameters, multiplyAdds int) {
	t.Helper()
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	inputs := []autodiff.Value{g.Input("x", dim), g.Input("sigma")}
	if given > 0 {
		inputs = append(inputs, g.Input("given", given))
		p.SetGiven(inputs[2])
	}
	y := n(p, inputs[0], inputs[1])
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	text, err := autodiff.Encode(autodiff.Formula{Inputs: inputs, Params: p.Values(), Outputs: []autodiff.Output{{Name: "y", Value: y}}, Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	type value struct {
		Op           string
		Args, Window []int
		Shape        []int
	}
	var formula struct{ Inputs, Params, Nodes []value }
	if err := json.Unmarshal(text, &formula); err != nil {
		t.Fatal(err)
	}
	all := append(append(formula.Inputs, formula.Params...), formula.Nodes...)
	for _, v := range all {
		shape := func(i int) []int { return all[v.Args[i]].Shape }
		switch v.Op {
		case "conv":
			w, pixels := shape(1), v.Shape
			if v.Window[2] == 2 {
				pixels = shape(0)
			}
			multiplyAdds += w[0] * w[1] * w[2] * w[3] * pixels[0] * pixels[1]
		case "dense":
			multiplyAdds += shape(1)[0] * shape(1)[1]
		case "product":
			multiplyAdds += shape(0)[0] * shape(0)[1] * shape(1)[1]
		}
	}
	return p.Count(), multiplyAdds
}

func TestTheTutorialsUNetCounts(t *testing.T) {
	parameters, multiplyAdds := counted(t, network.TutorialUNet(28, 28), 784, 0)
	if parameters != 129_697 || multiplyAdds != 20_108_032 {
		t.Errorf("%d parameters and %d multiply-adds, want 129,697 and 20,108,032", parameters, multiplyAdds)
	}
}
