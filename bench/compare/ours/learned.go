package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/train"
)

const sigma = 0.1 // the noise level of the recipe

// config is the recipe of the tutorial's donut with its data, which the peers also make by Langevin.
func config(workers int) (train.Config, error) {
	all := train.Recipes()
	i := slices.IndexFunc(all, func(r train.Recipe) bool { return r.Name == "tutorial-donut" })
	if i < 0 {
		return train.Config{}, fmt.Errorf("no recipe tutorial-donut")
	}
	recipe := all[i]
	run := mcmc.Run{
		Start:     mcmc.Normal{Scale: []float64{1, 1}},
		Kernel:    mcmc.Langevin{Score: score.Of(density.Donut{}), Step: recipe.Data.Step},
		Particles: recipe.Data.Points,
		Seed:      1,
	}
	if err := run.To(context.Background(), uint64(recipe.Data.Transitions)); err != nil {
		return train.Config{}, err
	}
	recipe.Train.Data, recipe.Train.Workers = run.Positions(), workers
	return recipe.Train, nil
}

// training is a whole training call: it builds and compiles the network, and makes all steps.
func training(workers int) (*work, error) {
	c, err := config(workers)
	if err != nil {
		return nil, err
	}
	var result *train.Result
	return &work{
		variant:   "recipe tutorial-donut",
		precision: "float32",
		once: func(seed uint64) (err error) {
			c.Seed = seed
			result, err = train.Train(context.Background(), c)
			return err
		},
		check: func() (float64, error) { return freshLoss(result.Model, c.Data) },
	}, nil
}

// freshLoss is the loss over a hundred new noise draws for each point: the mean over points and coordinates of
// |s + z/sigma|^2.
func freshLoss(model *score.Model, data *lanes.Block) (float64, error) {
	fn := model.At(sigma)
	stream := random.New(77, random.Probe)
	noise, noised, s := lanes.New(data.Len(), 2), lanes.New(data.Len(), 2), lanes.New(data.Len(), 2)
	var sum float64
	const draws = 100
	for draw := range uint64(draws) {
		stream.Normal(noise, 0, draw)
		for j := range 2 {
			for i, z := range noise.Row(j)[:data.Len()] {
				noised.Row(j)[i] = data.Row(j)[i] + sigma*z
			}
		}
		if err := fn.Score(context.Background(), s, noised); err != nil {
			return 0, err
		}
		for j := range 2 {
			for i, z := range noise.Row(j)[:data.Len()] {
				e := s.Row(j)[i] + z/sigma
				sum += e * e
			}
		}
	}
	return sum / (draws * 2 * float64(data.Len())), nil
}

// sampling is Langevin on a learned score. The training is not measured.
func sampling(workers int) (*work, error) {
	c, err := config(runtime.NumCPU())
	if err != nil {
		return nil, err
	}
	c.Seed = 1
	result, err := train.Train(context.Background(), c)
	if err != nil {
		return nil, err
	}
	learned, err := result.Model.Plain()
	if err != nil {
		return nil, err
	}
	return langevin("learned score", "float32", learned, workers), nil
}
