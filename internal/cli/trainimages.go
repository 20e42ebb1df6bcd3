package cli

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/dataset"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// whereImages says where the images of a recipe are to be had.
var whereImages = map[string]string{
	"mnist":         "a folder with the files of MNIST, train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz",
	"fashion-mnist": "a folder with the files of Fashion-MNIST, train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz: Debian's package dataset-fashion-mnist installs them in /usr/share/datasets/fashion-mnist",
}

// readImages reads the images of --data into the config. A recipe says what they have to be; without one the config gets a
// network that fits them, unless flags have chosen another.
func (t *training) readImages(say func(string)) error {
	d, err := dataset.Read(t.data)
	if err != nil {
		return data(err)
	}
	for _, note := range d.Notes {
		say(note)
	}
	if t.recipe == "" {
		t.fit(d, say)
	} else if err := t.check(d); err != nil {
		return err
	}
	t.config.Shape, t.config.Range = []int{d.Height, d.Width}, []float64{0, 1}
	if t.config.Classes != nil {
		if t.config.Given, err = train.OneHot(d.Labels, len(t.config.Classes)); err != nil {
			return data(fmt.Errorf("%s: %w", t.data, err))
		}
	}
	t.images = fmt.Sprintf("%d x %d pixels", d.Height, d.Width)
	if n := len(t.config.Classes); n > 0 {
		t.images += fmt.Sprintf(" in %d classes", n)
	}
	t.config.Data = d.Block()
	return nil
}

// check holds images against those of a recipe, whose classes take the names that folders have given them.
func (t *training) check(d *dataset.Images) error {
	if t.made.Images == "" {
		return usage("--recipe %s learns points, and --data %s has images of %d x %d pixels: leave the recipe out", t.recipe, t.data, d.Height, d.Width)
	}
	want := t.config.Shape
	if len(want) == 2 && (d.Height != want[0] || d.Width != want[1]) {
		return data(fmt.Errorf("%s has images of %d x %d pixels, and recipe %s learns %d x %d: leave the recipe out for a network that fits them, or scale them",
			t.data, d.Height, d.Width, t.recipe, want[0], want[1]))
	}
	if n := t.rows(d.Count); n < t.config.Batch {
		return data(fmt.Errorf("%s has %s to learn from, and a step of recipe %s takes %d: leave the recipe out for one that takes fewer", t.data, spelling.Counted(n, "image"), t.recipe, t.config.Batch))
	}
	if t.config.Classes == nil {
		return nil
	}
	if d.Labels == nil {
		return data(fmt.Errorf("%s has no labels, and recipe %s learns every class: put train-labels-idx1-ubyte beside the images, or give a folder with a folder for each class; without classes, leave the recipe out",
			t.data, t.recipe))
	}
	if n := d.Classes(); d.Names != nil || n > len(t.config.Classes) {
		t.config.Classes = classNames(d)
	}
	return nil
}

// classNames are the names of the classes, numbers where there are none.
func classNames(d *dataset.Images) []string {
	if d.Names != nil {
		return d.Names
	}
	names := make([]string, d.Classes())
	for k := range names {
		names[k] = strconv.Itoa(k)
	}
	return names
}

// fit fills in what flags have left open, for images like these: the network of the recipes, as deep as their size allows.
func (t *training) fit(d *dataset.Images, say func(string)) {
	batch := 128
	defer func() {
		if t.config.Batch == 0 {
			t.config.Batch = min(batch, t.rows(d.Count))
		}
	}()
	if t.own || t.sigma > 0 {
		return
	}
	unet, ok := unetFor(d.Height, d.Width)
	if !ok {
		say(fmt.Sprintf("images of %d x %d pixels: a dense network learns them, which knows of no neighbours; sides that can be halved to 16 or less, three times at most, get a convolutional one", d.Height, d.Width))
		return
	}
	mean, sd := pixelMoments(d)
	if sd == 0 {
		return // the library says that there is nothing to learn
	}
	t.config.Network = network.Standardised(unet.Network(), mean, sd)
	t.config.Objective = train.Denoising(score.EDM(sd))
	if t.config.Levels == nil {
		// The law of Karras et al. (2022), 2206.00364, whose data have a standard deviation of 1/2.
		t.config.Levels = score.LogNormal{Mean: float64(backends.Log(2*sd)) - 1.2, SD: 1.2}
		t.config.Drawing = &score.Drawing{Sampler: "heun", High: float64(60 * sd), Low: float64(0.065 * sd), Steps: 18}
	}
	batch = 64
	if !t.changed("clip") {
		t.config.Clip = 1
	}
	if d.Classes() > 1 {
		t.config.Classes, t.config.DropGiven = classNames(d), 0.1
	}
}

// rows is how many of the images are learned from, and not kept for validation.
func (t *training) rows(count int) int {
	if share := t.config.Validation.Share; share > 0 {
		return count - max(1, int(share*float64(count)))
	}
	return count
}

// unetFor is a U-Net for images of a size whose smallest step is of at most 16 x 16 pixels, and whether there is one.
func unetFor(height, width int) (network.UNet, bool) {
	const most = 16 // attention between the pixels of the smallest step grows with the square of their number
	channels := []int{16, 32, 64, 64}
	sizes := 1
	for ; sizes < len(channels) && height%2 == 0 && width%2 == 0 && max(height, width) > most/2; sizes++ {
		height, width = height/2, width/2
	}
	u := network.UNet{Height: height << (sizes - 1), Width: width << (sizes - 1), Patch: 1, Channels: channels[:sizes], Condition: 128}
	u.Blocks = slices.Repeat([]int{1}, sizes)
	u.Blocks[sizes-1] = 2
	return u, max(height, width) <= most
}

// pixelMoments are the mean and the standard deviation of all pixels.
func pixelMoments(d *dataset.Images) (mean, sd float64) {
	var squares float64
	for _, v := range d.Pixels {
		mean += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(d.Pixels))
	mean /= n
	return mean, math.Sqrt(max(0, squares/n-mean*mean))
}
