package network_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score/network"
)

// built is a network in a graph of its own, with first weights.
type built struct {
	params  *network.Params
	program *autodiff.RowProgram
	weights [][]float32
	noisy   bool
	dim     int
}

func build(t testing.TB, n network.Network, dim int, noisy bool) built {
	t.Helper()
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	x, sigma := g.Input("x", dim), g.Scalar(0.5)
	inputs := []autodiff.Value{x}
	if noisy {
		sigma = g.Input("sigma")
		inputs = append(inputs, sigma)
	}
	y := n(p, x, sigma)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	program, err := autodiff.CompileRows([]autodiff.Value{y}, inputs, p.Values())
	if err != nil {
		t.Fatal(err)
	}
	b := built{p, program, nil, noisy, dim}
	for _, shape := range p.Shapes() {
		size := 1
		for _, d := range shape {
			size *= d
		}
		b.weights = append(b.weights, make([]float32, size))
	}
	if err := p.Initialise(b.weights, random.New(1, random.Weights)); err != nil {
		t.Fatal(err)
	}
	return b
}

// at is the network's value at one point.
func (b built) at(x []float32, sigma float32) []float32 {
	y := make([]float32, b.dim)
	inputs := [][]float32{x}
	if b.noisy {
		inputs = append(inputs, []float32{sigma})
	}
	b.program.Run(1, [][]float32{y}, inputs, b.weights)
	return y
}

func TestTheTutorialsNetworkHas2274Parameters(t *testing.T) {
	b := build(t, network.MLP([]int{32, 32, 32}, network.ReLU, nil), 2, false)
	if n := b.params.Count(); n != 2274 {
		t.Errorf("%d parameters", n)
	}
	want := []string{
		"layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias", "output.weight", "output.bias",
	}
	if names := b.params.Names(); !slices.Equal(names, want) {
		t.Errorf("names %q", names)
	}
}

// dense is x W + b in float64.
func dense(x []float64, weight, bias []float32) []float64 {
	y := make([]float64, len(bias))
	for j := range y {
		y[j] = float64(bias[j])
		for i, v := range x {
			y[j] += v * float64(weight[i*len(y)+j])
		}
	}
	return y
}

func TestMLPIsDenseLayersWithActivationsBetween(t *testing.T) {
	for _, noisy := range []bool{false, true} {
		embedding := network.Embedding(nil)
		if noisy {
			embedding = network.SigmaChannel
		}
		b := build(t, network.MLP([]int{5, 7}, network.ReLU, embedding), 3, noisy)
		for _, bias := range []int{1, 3, 5} {
			for i := range b.weights[bias] {
				b.weights[bias][i] = float32(i%3) - 0.9
			}
		}
		got := b.at([]float32{0.5, -1, 2}, 0.25)
		h := []float64{0.5, -1, 2}
		if noisy {
			h = append(h, 0.25)
		}
		for i := 0; i < 4; i += 2 {
			h = dense(h, b.weights[i], b.weights[i+1])
			for k := range h {
				h[k] = max(h[k], 0)
			}
		}
		h = dense(h, b.weights[4], b.weights[5])
		for k := range h {
			if math.Abs(float64(got[k])-h[k]) > 1e-5 {
				t.Errorf("noise level seen %v: element %d is %v, want %v", noisy, k, got[k], h[k])
			}
		}
	}
}

func TestPreconditioningIsTheScoreOfANormalLawAtFirst(t *testing.T) {
	zero := func(p *network.Params, x, _ autodiff.Value) autodiff.Value {
		return p.Dense("zero", x, x.Size(), network.Zeros)
	}
	mean, sd := []float64{1, -2, 5}, []float64{0.5, 3, 0}
	b := build(t, network.Preconditioned(zero, mean, sd), 3, true)
	for _, sigma := range []float64{0.01, 1, 50} {
		x := []float32{2, 1, 5.5}
		got := b.at(x, float32(sigma))
		for j := range 3 {
			want := -(float64(x[j]) - mean[j]) / (sd[j]*sd[j] + sigma*sigma)
			if math.Abs(float64(got[j])/want-1) > 1e-5 {
				t.Errorf("sigma %v: coordinate %d is %v, want %v", sigma, j, got[j], want)
			}
		}
	}
	// With a constant F = f, what it adds is d f/(sigma sqrt(sigma^2 + d^2)).
	copy(b.weights[1], []float32{1, 1, 1})
	got := b.at([]float32{1, -2, 5}, 0.5)
	for j, want := range []float64{0.5 / (0.5 * math.Sqrt(0.5)), 3 / (0.5 * math.Sqrt(9.25)), 0} {
		if math.Abs(float64(got[j])-want) > 1e-5 {
			t.Errorf("coordinate %d is %v, want %v", j, got[j], want)
		}
	}
}

func TestOverSigmaDividesByTheLevel(t *testing.T) {
	n := network.MLP([]int{4}, network.ReLU, nil)
	plain, over := build(t, n, 2, true), build(t, network.OverSigma(n), 2, true)
	a, b := plain.at([]float32{1, 2}, 0.25), over.at([]float32{1, 2}, 0.25)
	for j := range a {
		if b[j] != 4*a[j] {
			t.Errorf("element %d is %v, want four times %v", j, b[j], a[j])
		}
	}
}

func TestANameIsOneParameter(t *testing.T) {
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	x := g.Input("x", 3)
	a := p.Dense("layer", x, 4, network.HeNormal)
	if b := p.Dense("layer", x, 4, network.HeNormal); a != b {
		t.Error("the same layer of the same value is another value")
	}
	if n := p.Count(); n != 16 {
		t.Errorf("%d parameters", n)
	}
	p.In("a").In("b").Tensor("c", network.Ones, 2)
	if names := p.Names(); names[2] != "a.b.c" {
		t.Errorf("names %q", names)
	}
	p.Tensor("layer.bias", network.Zeros, 5)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), `parameter "layer.bias" has shape [4] and is asked for with shape [5]`) {
		t.Errorf("error %v", err)
	}
}

func TestInitialisersHaveTheirLaws(t *testing.T) {
	const rows, columns = 200, 300
	shape := []int{rows, columns}
	// The variance of a standard normal number cut at 2 is 1 - 4 phi(2)/(2 Phi(2) - 1), its standard deviation 0.8796.
	cut := 1 - 4*math.Exp(-2)/math.Sqrt(2*math.Pi)/math.Erf(math.Sqrt2)
	for _, c := range []struct {
		name       string
		initialise network.Initialiser
		variance   float64
		fourth     float64 // moment over the variance squared
		limit      float64
	}{
		{"truncated normal", network.TruncatedNormal, cut / rows, 0, 2 / math.Sqrt(rows)},
		{"LeCun normal", network.LecunNormal, 1.0 / rows, 3, math.Inf(1)},
		{"He normal", network.HeNormal, 2.0 / rows, 3, math.Inf(1)},
		{"He uniform", network.HeUniform, 2.0 / rows, 1.8, math.Sqrt(6.0 / rows)},
		{"Glorot normal", network.GlorotNormal, 2.0 / (rows + columns), 3, math.Inf(1)},
		{"Glorot uniform", network.GlorotUniform, 2.0 / (rows + columns), 1.8, math.Sqrt(6.0 / (rows + columns))},
	} {
		g := autodiff.NewGraph()
		p := network.NewParams(g)
		p.Tensor("w", c.initialise, shape...)
		w := make([]float32, rows*columns)
		if err := p.Initialise([][]float32{w}, random.New(4, random.Weights)); err != nil {
			t.Fatal(err)
		}
		var sum, square, fourth, largest float64
		for _, v := range w {
			x := float64(v)
			sum += x
			square += x * x
			fourth += x * x * x * x
			largest = max(largest, math.Abs(x))
		}
		n := float64(len(w))
		ratio := fourth / n / (square / n * square / n)
		if c.fourth == 0 {
			c.fourth = ratio
		}
		zMean := sum / n / math.Sqrt(c.variance/n)
		zVariance := (square/n/c.variance - 1) / math.Sqrt((c.fourth-1)/n)
		t.Logf("%s: z of the mean %.2f, of the variance %.2f; fourth moment %.3f; largest %.4f", c.name, zMean, zVariance, ratio, largest)
		if math.Abs(zMean) > 4 || math.Abs(zVariance) > 4 || math.Abs(ratio-c.fourth) > 0.1 || largest > c.limit*(1+1e-6) || largest < 0.99*min(c.limit, 1e-3) {
			t.Errorf("%s: not its law", c.name)
		}
	}
}

func TestFirstWeightsDependOnTheirPlaceAlone(t *testing.T) {
	a := build(t, network.MLP([]int{8}, network.ReLU, nil), 3, false)
	b := build(t, network.MLP([]int{8, 8}, network.ReLU, nil), 3, false)
	if !slices.Equal(a.weights[0], b.weights[0]) {
		t.Error("a further layer changes the first")
	}
	if slices.Equal(b.weights[2][:8], b.weights[0][:8]) {
		t.Error("two layers begin with the same numbers")
	}
}

// A function of one's own is a network: here with weights that are shared by two layers.
func ExampleNetwork() {
	tied := func(p *network.Params, x, sigma autodiff.Value) autodiff.Value {
		h := network.ReLU(p.Dense("in", x, 16, network.HeNormal))
		h = network.ReLU(p.Dense("middle", h, 16, network.HeNormal))
		h = network.ReLU(p.Dense("middle", h, 16, network.HeNormal))
		return p.Dense("out", h, x.Size(), network.Zeros)
	}
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	tied(p, g.Input("x", 2), g.Scalar(0.1))
	fmt.Println(p.Count(), "parameters in", len(p.Names()), "tensors, error:", p.Err())
	// Output: 354 parameters in 6 tensors, error: <nil>
}
