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

func TestTheResidualUNetCounts(t *testing.T) {
	const height, width, given, condition, wide, narrow = 8, 12, 3, 10, 24, 16
	unet := network.UNet{Height: height, Width: width, Patch: 1, Channels: []int{narrow, wide}, Blocks: []int{1, 2}, Condition: condition}
	conv := func(size, in, out int) int { return size*size*in*out + out }
	dense := func(in, out int) int { return in*out + out }
	block := func(in, out int) int {
		n := 2*in + conv(3, in, out) + 2*dense(condition, out) + conv(3, out, out)
		if in != out {
			n += conv(1, in, out)
		}
		return n
	}
	attention := 2*wide + 4*conv(1, wide, wide)
	want := dense(32, condition) + dense(condition, condition) + given*condition + conv(3, 1, narrow) + block(narrow, narrow) +
		block(narrow, wide) + attention + block(wide, wide) + block(wide+narrow, narrow) + 2*narrow + conv(3, narrow, 1)
	pixels, few := height*width, height*width/4
	work := func(in, out int) int {
		n := 9*in*out + 9*out*out
		if in != out {
			n += in * out
		}
		return n
	}
	film := func(out int) int { return 2 * condition * out }
	multiplyAdds := 32*condition + condition*condition + given*condition + pixels*(9*narrow+work(narrow, narrow)+work(wide+narrow, narrow)+9*narrow) +
		few*(work(narrow, wide)+work(wide, wide)+4*wide*wide+2*few*wide) + film(narrow)*2 + film(wide)*2
	parameters, counted := counted(t, unet.Network(), height*width, given)
	if parameters != want || counted != multiplyAdds {
		t.Errorf("%d parameters and %d multiply-adds, want %d and %d", parameters, counted, want, multiplyAdds)
	}
}
