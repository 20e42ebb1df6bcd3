package train

import (
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// imageSide is that of the images of the recipes.
const imageSide = 28

// tutorialImages is the second half of the tutorial.
func tutorialImages() Recipe {
	levels := make(score.Tiled, 10)
	for i := range levels {
		levels[i] = backends.Pow(0.63096, float64(i))
	}
	return Recipe{
		Name: "tutorial-mnist",
		About: "the tutorial's program for images as it is: ten noise levels, a small U-Net that sees the level as a channel, 100,000 steps, " +
			"annealed Langevin without a last denoising step",
		Data: Data{Images: "mnist"},
		Train: Config{
			Network:   network.TutorialUNet(imageSide, imageSide),
			Objective: Denoising(score.SigmaSquared),
			Levels:    levels,
			Steps:     100_000, Batch: 12 * len(levels), Group: 12 * len(levels) / 8,
			Rate:  Rate{Peak: 1e-3},
			Shape: []int{imageSide, imageSide}, Range: []float64{0, 1},
			Drawing: &score.Drawing{
				Sampler: "annealed", High: levels[0], Low: levels[len(levels)-1], Levels: len(levels), Steps: 100, Step: 2e-5,
				Half: true, Uniform: true, KeepNoise: true,
			},
			About: "recipe tutorial-mnist",
		},
		Draw: Draw{Particles: 10},
	}
}

// The names of the classes.
var (
	digits  = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	clothes = []string{"T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"}
)

// budget is what a recipe for images spends: time on two cores with AVX-512 that do a little else beside, as a number of steps of a
// network of a size.
type budget struct {
	words            string // what it is good for
	channels, blocks []int
	steps            int
}

// In a few minutes already a network of 743,041 parameters learns as much in the same time as one of 566,145 that is half as wide where
// the image is large; what takes longer has use for one that is wider still.
var (
	halfHour = budget{"as good as half an hour on two cores makes them", []int{32, 48, 64}, []int{1, 2, 4}, 16_000}
	twoHours = budget{"as good as two hours on two cores make them", []int{32, 64, 64}, []int{1, 2, 4}, 40_000}
)

// images is a conditional residual U-Net, preconditioned for pixels of a mean and a standard deviation.
func images(name, images, what string, b budget, mean, sd float64, classes []string) Recipe {
	unet := network.UNet{Height: imageSide, Width: imageSide, Patch: 1, Channels: b.channels, Blocks: b.blocks, Condition: 128}
	return Recipe{
		Name: name, About: what + " " + b.words,
		Data: Data{Images: images},
		Train: Config{
			Network:   network.Standardised(unet.Network(), mean, sd),
			Objective: Denoising(score.EDM(sd)),
			// The law of Karras et al. (2022), whose data have a standard deviation of 1/2.
			Levels: score.LogNormal{Mean: float64(backends.Log(2*sd)) - 1.2, SD: 1.2},
			Steps:  b.steps, Batch: 32, Group: 4,
			Adam: Adam{Beta2: 0.99},
			Rate: Rate{Peak: 1.5e-3, WarmUp: 400, Decay: Linear, From: 0.6},
			Clip: 1, EMA: 0.999, DropGiven: 0.1,
			Shape: []int{imageSide, imageSide}, Range: []float64{0, 1}, Classes: classes,
			Drawing: &score.Drawing{Sampler: "heun", High: float64(60 * sd), Low: float64(0.065 * sd), Steps: 18},
			About:   "recipe " + name,
		},
		Draw: Draw{Particles: 16},
	}
}
