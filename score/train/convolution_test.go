package train_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// A hundred steps of a network of images with convolutions by Winograd, to the same bits in every backend and for any number of
// workers, close to those of direct ones, and no others when the training is stopped.
func TestATrainingByWinogradHasTheSameBitsEverywhere(t *testing.T) {
	defer backends.Use(backends.Current().Name)
	config := func(steps int) train.Config {
		c := train.ShareAlways(tiny(t))
		unet := network.UNet{Height: side, Width: side, Patch: 1, Channels: []int{16}, Blocks: []int{1}, Condition: 16}
		c.Network = network.Standardised(unet.Network(), 0.17, 0.3)
		c.Steps, c.Batch, c.Convolution = steps, 4, autodiff.Winograd
		return c
	}
	const steps = 100
	var reference *train.Result
	for _, table := range backends.Available() {
		if err := backends.Use(table.Name); err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 2} {
			c := config(steps)
			c.Workers = workers
			r := learn(t, c)
			if reference == nil {
				reference = r
			}
			sameWeights(t, fmt.Sprintf("%s, %d workers", table.Name, workers), r, reference)
		}
	}
	c := config(steps)
	c.Convolution = autodiff.Direct
	direct := learn(t, c)
	a, b := reference.Curve[0].Loss, direct.Curve[0].Loss
	last := len(direct.Curve) - 1
	t.Logf("loss of the first step %v and %v, of the last %v and %v", a, b, reference.Curve[last].Loss, direct.Curve[last].Loss)
	if d := a/b - 1; d > 1e-4 || d < -1e-4 {
		t.Errorf("the loss of the first step is %v, directly %v", a, b)
	}
	if reference.Model.SHA256() == direct.Model.SHA256() {
		t.Error("the weights are those of direct convolutions")
	}
	if text := reference.Model.Info().Training; !strings.HasSuffix(text, ", winograd convolutions") {
		t.Errorf("the model says %q", text)
	}
	if text := direct.Model.Info().Training; strings.Contains(text, "convolutions") {
		t.Errorf("the model of direct ones says %q", text)
	}
}

func TestATrainingGoesOnWithItsConvolutions(t *testing.T) {
	for _, ways := range [][2]autodiff.Convolution{{autodiff.Winograd, autodiff.Direct}, {autodiff.Direct, autodiff.Winograd}} {
		c := tiny(t)
		c.Checkpoint, c.CheckpointSteps, c.Convolution = filepath.Join(t.TempDir(), "m"), 4, ways[0]
		whole := learn(t, c)
		c.Resume, c.Convolution = true, ways[1]
		_, err := train.Train(background, c)
		var different *train.DifferentTrainingError
		if !errors.As(err, &different) || different.What != "the way of convolutions" || different.Checkpoint != ways[0].String() || different.Asked != ways[1].String() {
			t.Errorf("a training with %v convolutions goes on with %v: %v", ways[0], ways[1], err)
		}
		c.Convolution = ways[0]
		sameWeights(t, ways[0].String(), learn(t, c), whole)
	}
}

func TestConvolutionsThatATrainingRefuses(t *testing.T) {
	c := tiny(t)
	c.Convolution = autodiff.BFloat16
	if _, err := train.Train(background, c); err == nil || !strings.Contains(err.Error(), "bf16 is too coarse to learn with") {
		t.Errorf("bf16: %v", err)
	}
	c = everything("")
	c.Convolution = autodiff.Winograd
	_, err := train.Train(background, c)
	if want := "train: the network has 0 convolutions and gradients of them, and none that winograd would compute: use direct"; err == nil || err.Error() != want {
		t.Errorf("without convolutions: %v, want %s", err, want)
	}
	c = tiny(t)
	c.Convolution = 9
	if _, err := train.Train(background, c); err == nil || !strings.Contains(err.Error(), "there is no convolution 9") {
		t.Errorf("convolution 9: %v", err)
	}
}
