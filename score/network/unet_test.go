package network_test

import (
	"encoding/binary"
	"math"
	"os"
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
