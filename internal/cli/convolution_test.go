package cli

import (
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// convolved writes a model of images of 8 x 8 pixels with layers that every way of convolutions computes.
func convolved(t *testing.T) (path string) {
	t.Helper()
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	x, sigma := g.Input("x", 64), g.Input("sigma")
	s := network.TutorialUNet(8, 8)(p, x, sigma)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	var slices [][]float32
	weights := map[string][]float32{}
	for _, v := range p.Values() {
		slices = append(slices, make([]float32, v.Size()))
		weights[v.Name()] = slices[len(slices)-1]
	}
	if err := p.Initialise(slices, random.New(1, random.Weights)); err != nil {
		t.Fatal(err)
	}
	formula, err := autodiff.Encode(autodiff.Formula{Inputs: []autodiff.Value{x, sigma}, Params: p.Values(), Outputs: []autodiff.Output{{Name: "score", Value: s}}, Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.NewModel(formula, weights, score.ModelInfo{Low: 0.1, High: 1, Shape: []int{8, 8}, Range: []float64{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "convolved.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// The way of convolutions is in the settings of draws unless it is direct, rerun repeats it, and a report says what it costs.
func TestTheWayOfConvolutionsIsRecorded(t *testing.T) {
	model := convolved(t)
	folder := t.TempDir()
	hashes := map[string]string{}
	for _, way := range []string{"", "direct", "winograd", "bf16"} {
		path := filepath.Join(folder, "of"+way+".npz")
		args := []string{"sample", "--model", model, "--seed", "1", "--particles", "3", "--steps", "4", "-o", path}
		if way != "" {
			args = append(args, "--conv", way)
		}
		r := infer(t, args...)
		if r.code != 0 {
			t.Fatalf("--conv %s exits %d: %s", way, r.code, r.err)
		}
		unusual := way == "winograd" || way == "bf16"
		if said := strings.Contains(r.out, "conv        "+way+": "); said != unusual {
			t.Errorf("--conv %s is said: %v\n%s", way, said, r.out)
		}
		table, set, err := readDraws(path)
		if err != nil {
			t.Fatal(err)
		}
		hashes[way] = pointsHash(table.Points)
		if got := set.Convolution; unusual && got != way || !unusual && got != "" {
			t.Errorf("--conv %s: recorded as %q", way, got)
		}
		r = infer(t, "rerun", path)
		if r.code != 0 || !strings.Contains(r.err, "bit for bit") || strings.Contains(r.err, "--conv "+way) != unusual {
			t.Errorf("rerun of --conv %s exits %d: %s", way, r.code, r.err)
		}
		if !unusual {
			continue
		}
		r = infer(t, append(args, "--json")...)
		var report struct {
			Settings    settings
			Convolution convolution
		}
		if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Settings.Convolution != way || report.Convolution.Way != way || report.Convolution.Error == "" {
			t.Errorf("--conv %s --json: %v\n%s", way, err, r.out)
		}
	}
	if hashes[""] != hashes["direct"] || hashes["direct"] == hashes["winograd"] || hashes["direct"] == hashes["bf16"] || hashes["winograd"] == hashes["bf16"] {
		t.Errorf("draws: %v", hashes)
	}
	// A picture knows it, too, and what is complete is not resumed in another way.
	path := filepath.Join(folder, "sheet.png")
	args := []string{"sample", "--model", model, "--seed", "1", "--particles", "3", "--steps", "4", "-o", path}
	if r := infer(t, append(args, "--conv", "winograd")...); r.code != 0 {
		t.Fatal(r.err)
	}
	if r := infer(t, "rerun", path); r.code != 0 || !strings.Contains(r.err, "--conv winograd") {
		t.Errorf("rerun of a picture exits %d: %s", r.code, r.err)
	}
	if r := infer(t, append(args, "--resume")...); r.code != exitUsage || !strings.Contains(r.err, "of another run") || !strings.Contains(r.err, "--conv winograd") {
		t.Errorf("resumed directly: exits %d: %s", r.code, r.err)
	}
}

func TestConvolutionsThatCannotBe(t *testing.T) {
	model := convolved(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"sample", "--model", model, "--conv", "winogard"}, `unknown conv "winogard"; did you mean "winograd"?`},
		{[]string{"sample", "--model", model, "--conv", "fft"}, `unknown conv "fft"; there are direct, winograd, bf16`},
		{[]string{"sample", "--density", "donut", "--conv", "winograd"}, "--conv is about the convolutions of a --model, which is not given"},
		{[]string{"sample", "--model", tinyFile(t, nil), "--conv", "winograd"}, "the model has 0 convolutions, and none that winograd would compute: use direct"},
		{[]string{"eval", "draws.npz", "--data", t.TempDir(), "--conv", "winograd"}, "--conv is about the convolutions of a --model, which is not given"},
		{[]string{"eval", "draws.npz", "--data", t.TempDir(), "--model", model, "--conv", "bf61"}, `unknown conv "bf61"; did you mean "bf16"?`},
		{[]string{"train", "--data", "donut", "-o", filepath.Join(t.TempDir(), "m.safetensors"), "--conv", "bf16"}, "--conv bf16 is too coarse to learn with: take winograd or direct, and bf16 to sample from the model"},
		{[]string{"train", "--data", "donut", "-o", filepath.Join(t.TempDir(), "m.safetensors"), "--conv", "winograd"}, "none that winograd would compute: use direct"},
		{[]string{"train", "--recipe", "classifier", "--data", t.TempDir(), "-o", filepath.Join(t.TempDir(), "m.safetensors"), "--conv", "winograd"}, "--conv is not for --recipe classifier"},
	} {
		if r := infer(t, c.args...); r.code != exitUsage && r.code != exitData || !strings.Contains(r.err, c.want) {
			t.Errorf("%q exits %d: %s", c.args, r.code, r.err)
		}
	}
}

// bf16Error is right for the model that comes with the program: on what it draws itself, under noise.
func TestWhatBF16CostsTheDigits(t *testing.T) {
	direct, err := shipped.Model("mnist")
	if err != nil {
		t.Fatal(err)
	}
	const images = 4
	family, err := score.Guided(direct, classesOf(settings{Seed: 1}, direct), 1)
	if err != nil {
		t.Fatal(err)
	}
	levels, err := score.PowerLevels(direct.Info().High, direct.Info().Low, 8, score.EDMRho)
	if err != nil {
		t.Fatal(err)
	}
	kernel := &mcmc.Heun{Score: family, Levels: levels}
	run := mcmc.Run{Start: blurred(direct, direct.Info().High), Kernel: kernel, Particles: images, Seed: 1}
	if err := run.To(t.Context(), kernel.Length()); err != nil {
		t.Fatal(err)
	}
	rounded, err := direct.With(autodiff.BFloat16)
	if err != nil {
		t.Fatal(err)
	}
	clean := run.Positions()
	for _, sigma := range []float64{0.05, 0.5, 5} {
		x, want, got := lanes.New(images, direct.Dim()), lanes.New(images, direct.Dim()), lanes.New(images, direct.Dim())
		random.New(2, random.Probe).Normal(x, 0, 0)
		for j := range x.Dim() {
			for i := range images {
				x.Row(j)[i] = math.FMA(sigma, x.Row(j)[i], clean.Row(j)[i])
			}
		}
		if err := errors.Join(direct.At(sigma).Score(t.Context(), want, x), rounded.At(sigma).Score(t.Context(), got, x)); err != nil {
			t.Fatal(err)
		}
		var squares, all float64
		for j := range x.Dim() {
			for i := range images {
				d := got.Row(j)[i] - want.Row(j)[i]
				squares += d * d
				all += want.Row(j)[i] * want.Row(j)[i]
			}
		}
		off := sigma * sigma * math.Sqrt(squares/float64(images*x.Dim()))
		t.Logf("level %v: denoised pixels are off by %.2g, the score by %.2g", sigma, off, math.Sqrt(squares/all))
		if !(off < 1e-3 && off > 2e-4) {
			t.Errorf("level %v: denoised pixels are off by %v: %s", sigma, off, bf16Error)
		}
	}
}
