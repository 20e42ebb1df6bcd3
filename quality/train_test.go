package quality

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
)

// shapes are images of a bar that stands, lies or leans.
func shapes(seed uint64, count int) *Labelled {
	r := rand.New(rand.NewPCG(seed, 1))
	l := &Labelled{Height: 12, Width: 16, Classes: []string{"stands", "lies", "leans"}}
	for i := range count {
		class := i % 3
		cy, cx := 4+4*r.Float64(), 6+4*r.Float64()
		for y := range l.Height {
			for x := range l.Width {
				dy, dx := float64(y)-cy, float64(x)-cx
				d := [3]float64{dx, dy, (dx + dy) / math.Sqrt2}[class]
				l.Pixels = append(l.Pixels, float32(max(0, 1-math.Abs(d)))*(0.7+0.3*r.Float32()))
			}
		}
		l.Labels = append(l.Labels, class)
	}
	return l
}

func TestAClassifierLearnsAndIsKept(t *testing.T) {
	ctx := context.Background()
	data, test := shapes(1, 300), shapes(2, 90)
	var files [2][]byte
	for i, workers := range []int{1, 3} {
		c, err := Train(ctx, data, Training{Epochs: 6, Batch: 30, Seed: 5, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		accuracy, err := c.Accuracy(ctx, test, workers)
		if err != nil || accuracy < 0.95 {
			t.Errorf("%v of the test images are told right, %v", accuracy, err)
		}
		path := filepath.Join(t.TempDir(), "ruler.safetensors")
		if err := c.Save(path); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		back, err := LoadClassifier(path)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := c.Classify(ctx, test.Pixels, 1)
		b, _ := back.Classify(ctx, test.Pixels, 2)
		for k := range a.Features {
			if a.Features[k] != b.Features[k] {
				t.Fatal("a classifier that was read gives other features")
			}
		}
		if back.SHA256() != c.SHA256() {
			t.Error("its checksum has changed")
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the number of workers changes the weights")
	}
}

func TestTrainingAndClassifyingRefuseWithWords(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	data := shapes(1, 30)
	wrong := *data
	wrong.Labels = append([]int(nil), data.Labels...)
	wrong.Labels[7] = 9
	for name, c := range map[string]struct {
		data *Labelled
		t    Training
		word string
	}{
		"label":   {&wrong, Training{}, "image 7 is 9"},
		"batch":   {data, Training{Batch: 31}, "batch 31"},
		"rate":    {data, Training{Rate: math.NaN()}, "rate NaN"},
		"shift":   {data, Training{Shift: 9}, "shift 9"},
		"pixels":  {&Labelled{Height: 12, Width: 16, Pixels: data.Pixels[1:], Labels: data.Labels, Classes: data.Classes}, Training{}, "12 x 16"},
		"classes": {&Labelled{Height: 12, Width: 16, Pixels: data.Pixels, Labels: data.Labels, Classes: data.Classes[:1]}, Training{}, "1 classes"},
	} {
		if _, err := Train(ctx, c.data, c.t); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ruler, err := Open("digits")
	if err != nil {
		t.Fatal(err)
	}
	pixels := make([]float32, 784)
	pixels[5] = float32(math.Inf(1))
	if _, err := ruler.Classify(ctx, pixels, 1); err == nil || !strings.Contains(err.Error(), "pixel 5 of image 0") {
		t.Errorf("an infinite pixel: %v", err)
	}
	if _, err := ruler.Classify(ctx, pixels[1:], 1); err == nil {
		t.Error("783 pixels are no image")
	}
	cancel()
	if _, err := Train(ctx, data, Training{Batch: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled training: %v", err)
	}
}

// The rulers that come with the module are small and know their data.
func TestShippedRulers(t *testing.T) {
	for _, name := range Shipped() {
		c, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if info := c.Info(); info.HeldOut < 1000 || info.Accuracy < 0.85 || info.About == "" || c.Dim() != 784 || c.Classes() != 10 {
			t.Errorf("%s: %+v", name, info)
		}
		if info, err := os.Stat(name + ".safetensors"); err != nil || info.Size() > 500_000 {
			t.Errorf("%s: %v, %v", name, info.Size(), err)
		}
	}
	digits, err := Open("digits")
	if err != nil {
		t.Fatal(err)
	}
	if a := digits.Info().Accuracy; a < 0.985 {
		t.Errorf("the digits' ruler is right on %v", a)
	}
	if _, err := DecodeClassifier([]byte("no classifier at all")); err == nil {
		t.Error("text is no classifier")
	}
}

// The score of white noise of variance v is -x/v: denoised by it, the squared error over sigma^2 is v/(v + sigma^2).
func TestDenoisingErrorOfAKnownScore(t *testing.T) {
	const dim, count, v = 16, 400, 0.25
	r := rand.New(rand.NewPCG(1, 9))
	images := make([]float32, count*dim)
	for i, z := range gaussians(r, count*dim, []float64{0}, []float64{math.Sqrt(v)}) {
		images[i] = float32(z)
	}
	levels, err := Denoising(context.Background(), normalScore(v), []float64{0.1, 0.5, 2}, images, images, dim)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range levels {
		want := v / (v + l.Sigma*l.Sigma)
		z := (l.HeldOut - want) / l.HeldOutError
		t.Logf("sigma %v: %v ± %v, want %v, z %.2f", l.Sigma, l.HeldOut, l.HeldOutError, want, z)
		if math.Abs(z) > 4 || l.HeldOut != l.Training {
			t.Errorf("sigma %v: %v, want %v", l.Sigma, l.HeldOut, want)
		}
	}
}

// normalScore is the score of a normal law of variance v in each coordinate, blurred.
func normalScore(v float64) Denoiser {
	return func(_ context.Context, dst, x *lanes.Block, sigma float64) error {
		for j := range x.Dim() {
			for i, u := range x.Row(j)[:x.Len()] {
				dst.Row(j)[i] = -u / (v + float64(sigma*sigma))
			}
		}
		return nil
	}
}
