package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

const side = 8

// bars is n images of 8 x 8 pixels with a bar across, lying or standing, its class.
func bars(t *testing.T, n int) (images, given *lanes.Block) {
	t.Helper()
	images = lanes.New(n, side*side)
	random.New(23, random.User).Uniform(images, 0, 0)
	labels := make([]int, n)
	for i := range n {
		labels[i] = i * 7 % 5 % 2
		at := i * 3 % side
		for j := range side * side {
			across := j / side
			if labels[i] == 1 {
				across = j % side
			}
			v := 0.1 * images.Row(j)[i]
			if across == at {
				v = 1 - v
			}
			images.Row(j)[i] = v
		}
	}
	given, err := train.OneHot(labels, 2)
	if err != nil {
		t.Fatal(err)
	}
	return images, given
}

// tiny is a recipe for bars with everything that the recipes for images have.
func tiny(t *testing.T) train.Config {
	images, given := bars(t, 60)
	unet := network.UNet{Height: side, Width: side, Patch: 1, Channels: []int{16, 16}, Blocks: []int{1, 2}, Condition: 16}
	return train.Config{
		Data: images, Given: given, Classes: []string{"lying", "standing"}, DropGiven: 0.1, Shape: []int{side, side}, Range: []float64{0, 1},
		Network: network.Standardised(unet.Network(), 0.17, 0.3), Objective: train.Denoising(score.EDM(0.3)),
		Levels: score.LogNormal{Mean: -1.7, SD: 1.2}, Steps: 8, Batch: 16, Group: 2, Seed: 4,
		Adam: train.Adam{Beta2: 0.99}, Rate: train.Rate{Peak: 2e-3, WarmUp: 2, Decay: train.Linear, From: 0.6}, Clip: 1, EMA: 0.99,
		Drawing: &score.Drawing{Sampler: "heun", High: 18, Low: 0.001, Steps: 18},
	}
}

func TestATrainingOfImagesHasTheSameBitsForAnyWorkersAndStops(t *testing.T) {
	reference := learn(t, tiny(t))
	for _, workers := range []int{1, 2} {
		c := train.ShareAlways(tiny(t))
		c.Workers = workers
		sameWeights(t, fmt.Sprintf("%d workers", workers), learn(t, c), reference)
	}
	c := train.ShareAlways(tiny(t))
	c.Workers, c.Checkpoint = 2, filepath.Join(t.TempDir(), "m")
	for n := 3; ; n += 11 {
		r, err := stopAfter(c, n)
		c.Resume = true
		if err == nil {
			sameWeights(t, "stopped and resumed", r, reference)
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	info := reference.Model.Info()
	if info.Drawing == nil || info.Drawing.Sampler != "heun" || !slices.Equal(info.Shape, []int{side, side}) ||
		!slices.Equal(info.Classes, []string{"lying", "standing"}) || len(info.Shares) != 2 || math.Abs(info.Shares[0]+info.Shares[1]-1) > 1e-12 {
		t.Errorf("the model says %+v", info)
	}
}

// A validation that is stopped is made after the training has been taken up.
func TestAStoppedValidationIsMadeLater(t *testing.T) {
	config := func() train.Config {
		c := train.ShareAlways(tiny(t))
		c.Validation, c.Workers = train.Validation{Share: 0.3, Every: 2}, 1
		return c
	}
	reference := learn(t, config())
	c := config()
	c.Checkpoint = filepath.Join(t.TempDir(), "m")
	for n := 2; ; n += 5 {
		r, err := stopAfter(c, n)
		c.Resume = true
		if err == nil {
			sameWeights(t, "stopped and resumed", r, reference)
			return
		}
	}
}

func TestTheRecipesForImagesAreBuilt(t *testing.T) {
	images := lanes.New(200, 784)
	random.New(1, random.User).Uniform(images, 0, 0)
	given, err := train.OneHot(make([]int, 200), 10)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range train.Recipes() {
		if r.Data.Images == "" {
			continue
		}
		seen++
		c := r.Train
		c.Data = images
		if c.Classes != nil {
			c.Given = given
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := train.Train(ctx, c) // the end of the context comes after all has been built and checked
		var stopped *train.StoppedError
		if !errors.As(err, &stopped) {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
	if seen != 5 {
		t.Errorf("%d recipes for images", seen)
	}
}

func TestATrainingOfImagesIsCancelledInAQuarterOfASecond(t *testing.T) {
	skipWithRace(t)
	images := lanes.New(64, 784)
	random.New(1, random.User).Uniform(images, 0, 0)
	given, err := train.OneHot(make([]int, 64), 10)
	if err != nil {
		t.Fatal(err)
	}
	c := recipe(t, "mnist-30m").Train
	c.Data, c.Given = images, given
	ctx, cancel := context.WithCancel(context.Background())
	var begin, ended time.Time
	var step time.Duration
	asked := false
	c.Progress = func(p train.Progress) {
		switch {
		case p.Step > 5 && begin.IsZero():
			begin = time.Now()
		case p.Step > 6 && !asked:
			asked = true
			step = time.Since(begin) / time.Duration(p.Step-5)
			time.AfterFunc(step/3, func() {
				ended = time.Now()
				cancel()
			})
		}
	}
	_, err = train.Train(ctx, c)
	// A busy or a small machine takes longer for a step; then it is a part of one.
	if took := time.Since(ended); !errors.Is(err, context.Canceled) || took > max(250*time.Millisecond, step/2) {
		t.Errorf("%v, %v after the context had ended, in steps of %v", err, took, step)
	}
}

func TestAUNetHasToFitItsImages(t *testing.T) {
	for _, wrong := range []struct {
		unet  network.UNet
		words string
	}{
		{network.UNet{Height: side, Width: side, Patch: 1, Channels: []int{16, 16, 16, 16, 16}, Blocks: []int{1, 1, 1, 1, 1}, Condition: 8}, "multiples of 16"},
		{network.UNet{Height: side, Width: side + 2, Patch: 1, Channels: []int{16}, Blocks: []int{1}, Condition: 8}, "their product the coordinates"},
		{network.UNet{Height: side, Width: side, Patch: 1, Channels: []int{16}, Blocks: []int{1, 2}, Condition: 8}, "channels and blocks at each size"},
		{network.UNet{Height: side, Width: side, Channels: []int{16}, Blocks: []int{1}, Condition: 8}, "patches of 1 at least"},
		{network.UNet{Height: side, Width: side, Patch: 1, Channels: []int{16}, Blocks: []int{1}}, "condition"},
		{network.UNet{Height: side, Width: side, Patch: 1, Channels: []int{0}, Blocks: []int{1}, Condition: 8}, "channels"},
	} {
		c := tiny(t)
		c.Network = wrong.unet.Network()
		if _, err := train.Train(context.Background(), c); err == nil || !strings.Contains(err.Error(), wrong.words) {
			t.Errorf("%+v: %v, want %q in it", wrong.unet, err, wrong.words)
		}
	}
}
