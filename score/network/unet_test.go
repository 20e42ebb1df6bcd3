package network_test

import (
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score/network"
)

// reference is testdata/unet.f32, which testdata/unet.py wrote: its numbers are taken from it in order.
type reference struct {
	t       *testing.T
	numbers []byte
}

func openReference(t *testing.T) *reference {
	numbers, err := os.ReadFile("testdata/unet.f32")
	if err != nil {
		t.Fatal(err)
	}
	return &reference{t, numbers}
}

func (r *reference) next(count int) []float32 {
	if len(r.numbers) < 4*count {
		r.t.Fatalf("testdata/unet.f32 ends %d numbers before the next %d", len(r.numbers)/4, count)
	}
	values := make([]float32, count)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.numbers[4*i:]))
	}
	r.numbers = r.numbers[4*count:]
	return values
}

// Every layer agrees with what JAX computes in float64 of the same weights, up to 1e-5 of its largest number.
func TestTheTutorialsUNetAgreesWithJAX(t *testing.T) {
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	x, sigma := g.Input("x", 784), g.Input("sigma")
	var layers []autodiff.Value
	var names []string
	y := network.TutorialUNetLayers(28, 28, func(name string, v autodiff.Value) {
		layers, names = append(layers, v), append(names, name)
	})(p, x, sigma)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	if n := p.Count(); n != 129_697 {
		t.Errorf("%d parameters, want 129,697", n)
	}
	program, err := autodiff.CompileRows(append(layers, y), []autodiff.Value{x, sigma}, p.Values())
	if err != nil {
		t.Fatal(err)
	}
	r := openReference(t)
	var weights [][]float32
	for _, v := range p.Values() {
		weights = append(weights, r.next(v.Size()))
	}
	const images = 2
	points, levels := make([]float32, 0, images*784), make([]float32, 0, images)
	for range images {
		points, levels = append(points, r.next(784)...), append(levels, r.next(1)...)
	}
	var outputs [][]float32
	for _, v := range append(layers, y) {
		outputs = append(outputs, make([]float32, images*v.Size()))
	}
	program.Run(images, outputs, [][]float32{points, levels}, weights)
	for i, name := range append(names, "the network") {
		size := len(outputs[i]) / images
		got := outputs[i][:size]
		if name == "the network" {
			got = outputs[i][size:]
		}
		off := worst(got, r.next(size))
		t.Logf("%s: off by %.1e of the largest", name, off)
		if !(off <= 1e-5) {
			t.Errorf("%s: off by %.2e of the largest, want 1e-5", name, off)
		}
	}
	if len(r.numbers) != 0 {
		t.Errorf("%d bytes of the reference are left", len(r.numbers))
	}
}

// worst is the largest difference over the largest number.
func worst(got, want []float32) float64 {
	scale, off := 0.0, 0.0
	for i, v := range want {
		scale = max(scale, math.Abs(float64(v)))
		off = max(off, math.Abs(float64(got[i])-float64(v)))
		if got[i] != got[i] {
			return math.NaN()
		}
	}
	return off / scale
}

// moved is a network whose weights are not those it begins with, so that all its parts matter.
func moved(t *testing.T, n network.Network, dim, given int) (at func(x []float32, sigma float32, given []float32) []float32) {
	t.Helper()
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	inputs := []autodiff.Value{g.Input("x", dim), g.Input("sigma"), g.Input("given", given)}
	p.SetGiven(inputs[2])
	y := n(p, inputs[0], inputs[1])
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	program, err := autodiff.CompileRows([]autodiff.Value{y}, inputs, p.Values())
	if err != nil {
		t.Fatal(err)
	}
	var weights [][]float32
	for i, v := range p.Values() {
		weights = append(weights, cycle(v.Size(), 37, 11*i, 101, 400))
	}
	return func(x []float32, sigma float32, given []float32) []float32 {
		y := make([]float32, dim)
		program.Run(1, [][]float32{y}, [][]float32{x, {sigma}, given}, weights)
		return y
	}
}

func TestTheResidualUNetSeesPointLevelAndClass(t *testing.T) {
	for _, patch := range []int{1, 2} {
		unet := network.UNet{Height: 8, Width: 8, Patch: patch, Channels: []int{16, 16}, Blocks: []int{1, 2}, Condition: 8}
		at := moved(t, unet.Network(), 64, 2)
		x := cycle(64, 29, 7, 61, 20)
		base := at(x, 0.5, []float32{1, 0})
		differs := func(what string, y []float32) {
			if worst(y, base) < 1e-3 {
				t.Errorf("patches of %d: %s does not matter", patch, what)
			}
		}
		differs("the noise level", at(x, 0.1, []float32{1, 0}))
		differs("the class", at(x, 0.5, []float32{0, 1}))
		differs("having a class", at(x, 0.5, []float32{0, 0}))
		x[63]++
		differs("the last pixel", at(x, 0.5, []float32{1, 0}))
	}
}

// Where the network gives 0 the score is that of a normal law.
func TestAStandardisedUNetBeginsAsTheScoreOfANormalLaw(t *testing.T) {
	const mean, sd, sigma = 0.2, 0.3, 0.7
	unet := network.UNet{Height: 8, Width: 8, Patch: 2, Channels: []int{16, 16}, Blocks: []int{1, 2}, Condition: 8}
	b := build(t, network.Standardised(unet.Network(), mean, sd), 64, true)
	x := cycle(64, 29, 7, 61, 20)
	for j, v := range b.at(x, sigma) {
		want := -(float64(x[j]) - mean) / (sigma*sigma + sd*sd)
		if math.Abs(float64(v)-want) > 1e-6*math.Abs(want)+1e-7 {
			t.Errorf("coordinate %d is %v, want %v", j, v, want)
		}
	}
}

// Standardised is Preconditioned with the same numbers for all coordinates.
func TestStandardisedIsPreconditioned(t *testing.T) {
	const mean, sd = 0.2, 0.3
	net := network.MLP([]int{9}, network.SiLU, network.LogSigma)
	a := build(t, network.Standardised(net, mean, sd), 3, true)
	b := build(t, network.Preconditioned(net, []float64{mean, mean, mean}, []float64{sd, sd, sd}), 3, true)
	x := []float32{0.5, -1, 2}
	if off := worst(a.at(x, 0.4), b.at(x, 0.4)); off > 1e-6 {
		t.Errorf("off by %v: %v and %v", off, a.at(x, 0.4), b.at(x, 0.4))
	}
}

func TestPatchesAreSquaresOfPixels(t *testing.T) {
	unet := network.UNet{Height: 4, Width: 6, Patch: 2}
	patches := network.Patches(unet)
	if want := []int{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 12, 13, 18, 19}; !slices.Equal(patches[:16], want) {
		t.Errorf("%v, want %v", patches[:16], want)
	}
	for i, at := range network.Inverse(patches) {
		if patches[at] != i {
			t.Errorf("pixel %d comes from element %d, which is pixel %d", i, at, patches[at])
		}
	}
}
