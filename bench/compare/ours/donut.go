package main

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

const text = "-(norm(x)-2.6)^2/0.033"

// donut is Langevin on a density that is written down.
func donut(name string, workers int) (*work, error) {
	var target density.Differentiable = density.Donut{}
	switch name {
	case "text":
		parsed, err := density.Parse(text, 2, nil)
		if err != nil {
			return nil, err
		}
		target = parsed
	case "builtin":
	default:
		return nil, fmt.Errorf("density %q: text or builtin", name)
	}
	return langevin(name, "float64", score.Of(target), workers), nil
}

// langevin is a whole sampling call: a new run, its start, all steps, the last positions.
func langevin(variant, precision string, target score.Fn, workers int) *work {
	var x *lanes.Block
	return &work{
		variant:   variant,
		precision: precision,
		once: func(seed uint64) error {
			run := mcmc.Run{
				Start:     mcmc.Normal{Scale: []float64{1, 1}},
				Kernel:    mcmc.Langevin{Score: target, Step: step},
				Particles: particles,
				Seed:      seed,
				Workers:   workers,
			}
			if err := run.To(context.Background(), steps); err != nil {
				return err
			}
			x = run.Positions()
			return nil
		},
		check: func() (float64, error) { return radialVariance(x), nil },
	}
}
