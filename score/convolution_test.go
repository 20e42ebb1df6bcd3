package score_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// tutorialUNet is the tutorial's network with the weights of network/testdata/unet.f32.
func tutorialUNet(t testing.TB) *score.Model {
	t.Helper()
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	x, sigma := g.Input("x", 784), g.Input("sigma")
	s := network.TutorialUNet(28, 28)(p, x, sigma)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("network/testdata/unet.f32")
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string][]float32{}
	for _, v := range p.Values() {
		values := make([]float32, v.Size())
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(file[4*i:]))
		}
		file = file[4*len(values):]
		weights[v.Name()] = values
	}
	formula, err := autodiff.Encode(autodiff.Formula{Inputs: []autodiff.Value{x, sigma}, Params: p.Values(), Outputs: []autodiff.Output{{Name: "score", Value: s}}, Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.NewModel(formula, weights, score.ModelInfo{Low: 0.01, High: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The tutorial's network by Winograd is off by what is said, as a whole and not only layer by layer; in bfloat16 by its 8 bits. Both
// have the same bits in every backend, and the model's file is one and the same.
func TestAModelWithOtherConvolutions(t *testing.T) {
	defer backends.Use(backends.Current().Name)
	direct := tutorialUNet(t)
	x := lanes.New(2, 784)
	random.New(1, random.User).Uniform(x, 0, 0)
	want := lanes.New(2, 784)
	if err := direct.At(0.1).Score(t.Context(), want, x); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		by  autodiff.Convolution
		off float64
	}{{autodiff.Direct, 0}, {autodiff.Winograd, 4e-5}, {autodiff.BFloat16, 0.05}} {
		m, err := direct.With(c.by)
		if err != nil {
			t.Fatal(err)
		}
		if m.Convolution() != c.by || m.SHA256() != direct.SHA256() || m.Parameters() != direct.Parameters() || m.Dim() != direct.Dim() {
			t.Errorf("%v: %v with %v convolutions and %d parameters", c.by, m, m.Convolution(), m.Parameters())
		}
		if named := strings.Contains(m.String(), fmt.Sprintf("%v convolutions", c.by)); named != (c.by != autodiff.Direct) {
			t.Errorf("it calls itself %v", m)
		}
		var first *lanes.Block
		for _, table := range backends.Available() {
			if err := backends.Use(table.Name); err != nil {
				t.Fatal(err)
			}
			got := lanes.New(2, 784)
			if err := m.At(0.1).Score(t.Context(), got, x); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = got
			}
			var most, squares float64
			for j := range 784 {
				for i := range 2 {
					if got.Row(j)[i] != first.Row(j)[i] {
						t.Fatalf("%v, %s: other bits than in %s", c.by, table.Name, backends.Available()[0].Name)
					}
					most = max(most, math.Abs(got.Row(j)[i]-want.Row(j)[i]))
					squares += want.Row(j)[i] * want.Row(j)[i]
				}
			}
			off := most / math.Sqrt(squares/(2*784))
			t.Logf("%v, %s: the worst number is off by %.2g of the root mean square", c.by, table.Name, off)
			if !(off <= c.off) || c.by != autodiff.Direct && off == 0 {
				t.Errorf("%v, %s: off by %v, want up to %v", c.by, table.Name, off, c.off)
			}
		}
	}
	back, err := direct.With(autodiff.Winograd)
	if err == nil {
		back, err = back.With(autodiff.Direct)
	}
	if err != nil || back.String() != direct.String() {
		t.Errorf("back to direct: %v, %v", back, err)
	}
}

func TestAModelWithoutConvolutionsHasNoOtherWay(t *testing.T) {
	for _, by := range []autodiff.Convolution{autodiff.Winograd, autodiff.BFloat16} {
		_, err := model(t, true).With(by)
		if want := fmt.Sprintf("score: the model has 0 convolutions, and none that %v would compute: use direct", by); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := tutorialUNet(t).With(7); err == nil || !strings.Contains(err.Error(), "there is no convolution 7") {
		t.Errorf("convolution 7: %v", err)
	}
}
