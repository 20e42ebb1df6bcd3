package network_test

import (
	"math"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// For every parameter of a U-Net at the size of digits, the gradient along a direction is the difference quotient of the loss along it;
// and the loss has the same bits with and without the gradients, two programs that share their memory out differently.
func TestGradientsOfTheResidualUNetAreDifferenceQuotients(t *testing.T) {
	const rows, side, classes = 2, 28, 10
	const dim = side * side
	unet := network.UNet{Height: side, Width: side, Patch: 1, Channels: []int{16, 48}, Blocks: []int{1, 2}, Condition: 32}
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	x, sigma, z, given := g.Input("x", dim), g.Input("sigma"), g.Input("z", dim), g.Input("given", classes)
	p.SetGiven(given)
	s := network.Standardised(unet.Network(), 0.13, 0.3)(p, x.Add(z.Mul(sigma)), sigma)
	loss := score.Denoising(s, z, sigma, score.EDM(0.3))
	gradients, err := autodiff.Gradient(loss, p.Values()...)
	if err != nil {
		t.Fatal(err)
	}
	inputs := []autodiff.Value{x, sigma, z, given}
	both, err := autodiff.CompileRows(append([]autodiff.Value{loss}, gradients...), inputs, p.Values())
	if err != nil {
		t.Fatal(err)
	}
	alone, err := autodiff.CompileRows([]autodiff.Value{loss}, inputs, p.Values())
	if err != nil {
		t.Fatal(err)
	}
	values := [][]float32{make([]float32, rows*dim), {0.3, 0.9}, cycle(rows*dim, 53, 0, 97, 28), make([]float32, rows*classes)}
	for i := range values[0] {
		values[0][i] = float32(i*37%101%11) / 11
	}
	values[3][3], values[3][17] = 1, 1
	var weights, sums [][]float32
	for _, v := range p.Values() {
		weights, sums = append(weights, make([]float32, v.Size())), append(sums, make([]float32, v.Size()))
	}
	if err := p.Initialise(weights, random.New(1, random.Weights)); err != nil {
		t.Fatal(err)
	}
	for i, w := range weights { // away from zeros
		for k, c := range cycle(len(w), 37, 11*i+5, 101, 1200) {
			w[k] += c
		}
	}
	with, without := make([]float32, rows), make([]float32, rows)
	both.Run(rows, append([][]float32{with}, sums...), values, weights)
	sum := func() float64 {
		alone.Run(rows, [][]float32{without}, values, weights)
		return float64(without[0]) + float64(without[1])
	}
	sum()
	if math.Float32bits(with[0]) != math.Float32bits(without[0]) || math.Float32bits(with[1]) != math.Float32bits(without[1]) {
		t.Errorf("losses %v with gradients, %v without", with, without)
	}
	for i, name := range p.Names() {
		direction := cycle(len(weights[i]), 41, 13*i+3, 103, 51)
		var along, square float64
		for k, d := range direction {
			along += float64(d) * float64(sums[i][k])
			square += float64(d) * float64(d)
		}
		norm := math.Sqrt(square)
		h := float32(0.02 / norm)
		kept := append([]float32(nil), weights[i]...)
		at := func(h float32) float64 {
			for k, d := range direction {
				weights[i][k] = kept[k] + h*d
			}
			return sum()
		}
		quotient := (at(h) - at(-h)) / (2 * float64(h))
		copy(weights[i], kept)
		// Losses of about 3 are rounded to 2e-7, and the quotient is by 0.04/norm.
		if math.Abs(quotient-along) > 0.02*math.Abs(along)+1e-4*norm {
			t.Errorf("%s: the gradient along a direction is %.6g, the difference quotient %.6g", name, along, quotient)
		}
	}
}
