package train

import (
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// Recipe is a whole piece of work as plain values: the data, their training, and how to sample what was learned. [Recipes] are the
// ones there are. A caller makes the data, puts them into the config, and changes of it what it likes.
type Recipe struct {
	Name  string
	About string // in a sentence
	Data  Data
	Train Config // without Data
	Draw  Draw
}

// Data says where the points of a recipe come from: a density of the library, or files of images.
type Data struct {
	// Images are those that a recipe is made for, mnist or fashion-mnist. Whoever uses it reads them, as points of pixels from 0, black,
	// to 1, row by row, in the shape that the config has; and where that has Classes, sets Given to [OneHot] of their labels.
	Images  string
	Density string // its name
	Points  int
	// Transitions of unadjusted Langevin with a full step of this size, from standard normal points, make the points; with 0
	// transitions they are exact draws of the density.
	Transitions int
	Step        float64
}

// Draw says how a learned score is sampled by Langevin, in the convention of full steps, all particles from a normal start. For images
// the Drawing of the config says it.
type Draw struct {
	Particles   int
	Step        float64 // at the last level
	Transitions int     // of a plain model; a level, of a noise-conditional one
	// Of a noise-conditional model: its levels, geometric from High to Low, after which one transition denoises.
	High, Low float64
	Levels    int
}

// WithSteps is the recipe with a training of other length: its learning rate falls over the new steps, after a warm-up of a tenth of them
// at most.
func (r Recipe) WithSteps(steps int) Recipe {
	r.Train.Steps = steps
	r.Train.Rate.WarmUp = min(r.Train.Rate.WarmUp, steps/10)
	return r
}

// donutSD is the standard deviation of a coordinate of the donut: the root of half the mean square of its radius, 6.8095/2.
const donutSD = 1.8452

// Recipes lists the recipes by name.
func Recipes() []Recipe {
	return []Recipe{
		{
			Name: "tutorial-donut",
			About: "the tutorial's program as it is: Langevin-made points of the donut, one noise level, Langevin on the learned score. " +
				"Three biases add up: the ring in the end is 55 % wider than the donut's",
			Data: Data{Density: "donut", Points: 10_000, Transitions: 1000, Step: 1e-2},
			Train: Config{
				Network:   network.MLP([]int{32, 32, 32}, network.ReLU, nil),
				Objective: Denoising(score.Unweighted),
				Levels:    score.List{0.1},
				Steps:     10_000, Batch: 100, Group: 100,
				Rate:  Rate{Peak: 1e-3},
				About: "recipe tutorial-donut",
			},
			Draw: Draw{Particles: 10_000, Step: 1e-2, Transitions: 1000},
		},
		{
			Name: "donut",
			About: "the corrected program: exact points of the donut, all noise levels in one network, annealed to a small level, " +
				"and a last step that denoises",
			Data: Data{Density: "donut", Points: 10_000},
			Train: Config{
				Network: network.Preconditioned(
					network.MLP([]int{32, 32, 32}, network.SiLU, network.Fourier(8)), []float64{0, 0}, []float64{donutSD, donutSD}),
				Objective: Denoising(score.EDM(donutSD)),
				// Below 0.03 noise drowns what is left to learn; the last step of the sampler needs nothing below.
				Levels: score.LogUniform{Low: 0.03, High: 5},
				Steps:  10_000, Batch: 256, Group: 256,
				Rate:  Rate{Peak: 3e-3, WarmUp: 100, Decay: Cosine},
				EMA:   0.999,
				About: "recipe donut",
			},
			// For a normal law as narrow as the ring this schedule ends within 1 % of its standard deviation.
			Draw: Draw{Particles: 10_000, High: 5, Low: 0.04, Levels: 16, Transitions: 20, Step: 3.2e-4},
		},
		tutorialImages(),
		images("mnist-30m", "mnist", "digits", halfHour, 0.1307, 0.3081, digits),
		images("mnist-2h", "mnist", "digits", twoHours, 0.1307, 0.3081, digits),
		images("fashion-30m", "fashion-mnist", "clothes", halfHour, 0.2860, 0.3530, clothes),
		images("fashion-2h", "fashion-mnist", "clothes", twoHours, 0.2860, 0.3530, clothes),
	}
}
