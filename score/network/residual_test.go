package network_test

import (
	"math"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score/network"
)

func TestResidualMLPBeginsAtZeroAndHasItsParameters(t *testing.T) {
	const width, blocks, frequencies, dim = 12, 2, 5, 3
	layer := func(in, out int) int { return in*out + out }
	b := build(t, network.ResidualMLP(width, blocks, network.SiLU, network.Fourier(frequencies)), dim, true)
	block := 2*width /* norm */ + 2*layer(width, width) + 2*layer(width, width) /* film */
	want := layer(2*frequencies, width) + layer(width, width) + layer(dim, width) + blocks*block + 2*width + layer(width, dim)
	if n := b.params.Count(); n != want {
		t.Errorf("%d parameters, want %d", n, want)
	}
	for _, v := range b.at([]float32{1, -2, 0.5}, 0.3) {
		if v != 0 {
			t.Errorf("it begins at %v", v)
		}
	}
	plain := build(t, network.ResidualMLP(width, blocks, network.ReLU, nil), dim, false)
	if n := plain.params.Count(); n != layer(dim, width)+blocks*(2*width+2*layer(width, width))+2*width+layer(width, dim) {
		t.Errorf("%d parameters without a noise level", n)
	}
}

// With weights other than those it begins with, the noise level matters.
func TestResidualMLPSeesTheNoiseLevel(t *testing.T) {
	b := build(t, network.ResidualMLP(8, 1, network.SiLU, network.Fourier(4)), 2, true)
	for i := range b.weights {
		for k := range b.weights[i] {
			b.weights[i][k] += 0.3 * float32(math.Sin(float64(7*i+3*k)))
		}
	}
	x := []float32{0.5, -1}
	if low, high := b.at(x, 0.1), b.at(x, 2); low[0] == high[0] {
		t.Errorf("%v at noise levels 0.1 and 2", low)
	}
}

func TestLayerNormHasMeanZeroAndVarianceOne(t *testing.T) {
	norm := func(p *network.Params, x, _ autodiff.Value) autodiff.Value { return network.LayerNorm(p, x) }
	b := build(t, norm, 5, false)
	var sum, square float64
	for _, v := range b.at([]float32{3, -1, 7, 2, 2}, 0) {
		sum += float64(v)
		square += float64(v) * float64(v)
	}
	if math.Abs(sum) > 1e-5 || math.Abs(square/5-1) > 1e-5 {
		t.Errorf("mean %v, variance %v", sum/5, square/5)
	}
}

func TestEmbeddings(t *testing.T) {
	// An embedding is seen through a network that gives it back: its elements are the result.
	see := func(e network.Embedding) network.Network {
		return func(p *network.Params, x, sigma autodiff.Value) autodiff.Value {
			v := e(sigma)
			p.Tensor("unused", network.Zeros, 1)
			return v.Add(x.Sum().Scale(0))
		}
	}
	at := func(e network.Embedding, dim int, sigma float32) []float32 {
		return build(t, see(e), dim, true).at(make([]float32, dim), sigma)
	}
	if v := at(network.SigmaChannel, 1, 0.25); v[0] != 0.25 {
		t.Errorf("the channel of 0.25 is %v", v)
	}
	if v := at(network.LogSigma, 1, 0.25); math.Abs(float64(v[0])-math.Log(0.25)/4) > 1e-6 {
		t.Errorf("the logarithm of 0.25 is %v", v)
	}
	v := at(network.Fourier(3), 6, 0.25)
	for i, f := range []float64{0.125, math.Sqrt(0.5), 4} { // equal factors from 1/8 to 4
		angle := 2 * math.Pi * f * math.Log(0.25) / 4
		if math.Abs(float64(v[i])-math.Cos(angle)) > 1e-5 || math.Abs(float64(v[3+i])-math.Sin(angle)) > 1e-5 {
			t.Errorf("frequency %v: (%v, %v), want (%v, %v)", f, v[i], v[3+i], math.Cos(angle), math.Sin(angle))
		}
	}
}
