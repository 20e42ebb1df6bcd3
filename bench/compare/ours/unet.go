package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/internal/dataset"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// digits are the images of the folder that the variable DIGITS names.
func digits() (*lanes.Block, error) {
	images, err := dataset.ReadSplit(os.Getenv("DIGITS"), "train")
	if err != nil {
		return nil, err
	}
	return images.Block(), nil
}

// levels are the tutorial's.
func levels() []float64 {
	sigmas := make([]float64, 10)
	for i := range sigmas {
		sigmas[i] = math.Pow(0.63096, float64(i))
	}
	return sigmas
}

// unetTraining is a step of the recipe tutorial-mnist, the difference between a training of many steps and one of few: what comes
// before the first step, such as reading the data, is not in the peers' figures either.
func unetTraining(workers int, by autodiff.Convolution) (*work, error) {
	const few, many = 5, 45
	all := train.Recipes()
	i := slices.IndexFunc(all, func(r train.Recipe) bool { return r.Name == "tutorial-mnist" })
	if i < 0 {
		return nil, fmt.Errorf("no recipe tutorial-mnist")
	}
	c := all[i].Train
	x, err := digits()
	if err != nil {
		return nil, err
	}
	c.Data, c.Workers, c.Convolution = x, workers, by
	var result *train.Result
	var seconds float64
	return &work{
		variant: "recipe tutorial-mnist, " + by.String(), precision: "float32", seconds: &seconds,
		once: func(seed uint64) (err error) {
			c.Seed = seed
			var took [2]time.Duration
			for i, steps := range []int{few, many} {
				c.Steps = steps
				start := time.Now()
				if result, err = train.Train(context.Background(), c); err != nil {
					return err
				}
				took[i] = time.Since(start)
			}
			seconds = (took[1] - took[0]).Seconds() / (many - few)
			return nil
		},
		check: func() (float64, error) { return result.Curve[len(result.Curve)-1].Loss, nil },
	}, nil
}

// unet is the tutorial's network with the weights that the peers have: the file that the variable UNET_WEIGHTS names begins with
// them.
type unet struct {
	formula autodiff.Formula
	weights [][]float32
}

func newUNet() (*unet, error) {
	g := autodiff.NewGraph()
	params := network.NewParams(g)
	x, sigma := g.Input("x", 784), g.Input("sigma")
	s := network.TutorialUNet(28, 28)(params, x, sigma)
	if err := params.Err(); err != nil {
		return nil, err
	}
	file, err := os.ReadFile(os.Getenv("UNET_WEIGHTS"))
	if err != nil {
		return nil, err
	}
	u := &unet{formula: autodiff.Formula{
		Inputs: []autodiff.Value{x, sigma}, Params: params.Values(), Outputs: []autodiff.Output{{Name: "score", Value: s}}, Epoch: train.Epoch,
	}}
	for _, v := range params.Values() {
		values := make([]float32, v.Size())
		for k := range values {
			values[k] = math.Float32frombits(binary.LittleEndian.Uint32(file[4*k:]))
		}
		file = file[4*len(values):]
		u.weights = append(u.weights, values)
	}
	return u, nil
}

func (u *unet) program(by autodiff.Convolution) (*autodiff.BoundRows, error) {
	p, err := autodiff.CompileRowsBy(by, []autodiff.Value{u.formula.Outputs[0].Value}, u.formula.Inputs, u.formula.Params)
	if err != nil {
		return nil, err
	}
	return p.Bind(u.weights), nil
}

func (u *unet) model(by autodiff.Convolution) (*score.Model, error) {
	formula, err := autodiff.Encode(u.formula)
	if err != nil {
		return nil, err
	}
	weights := map[string][]float32{}
	for i, v := range u.formula.Params {
		weights[v.Name()] = u.weights[i]
	}
	m, err := score.NewModel(formula, weights, score.ModelInfo{Low: levels()[9], High: 1})
	if err != nil {
		return nil, err
	}
	return m.With(by)
}

// unetForward is a pass of the network for some images, one noise level after the other.
func unetForward(images, workers int, by autodiff.Convolution) (*work, error) {
	u, err := newUNet()
	if err != nil {
		return nil, err
	}
	data, err := digits()
	if err != nil {
		return nil, err
	}
	program, err := u.program(by)
	if err != nil {
		return nil, err
	}
	noise := lanes.New(images, 784)
	random.New(3, random.Probe).Normal(noise, 0, 0)
	x, sigma, out := make([]float32, images*784), make([]float32, images), make([]float32, images*784)
	for i := range images {
		level := levels()[i%10]
		sigma[i] = float32(level)
		for j := range 784 {
			x[i*784+j] = float32(data.Row(j)[i] + level*noise.Row(j)[i])
		}
	}
	const count = 50
	return &work{
		variant: "row program, " + by.String(), precision: "float32", count: count,
		once: func(uint64) error {
			for range count {
				err := parallel.Do(workers, workers, func(_, w int) error {
					first, end := images*w/workers, images*(w+1)/workers
					program.Run(end-first, [][]float32{out[first*784 : end*784]}, [][]float32{x[first*784 : end*784], sigma[first:end]})
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
		check: func() (float64, error) {
			var sum float64
			for _, v := range out {
				sum += float64(v) * float64(v)
			}
			return math.Sqrt(sum / float64(len(out))), nil
		},
	}, nil
}

// unetSampling is the tutorial's annealed Langevin, a whole sampling call.
func unetSampling(workers int, by autodiff.Convolution) (*work, error) {
	u, err := newUNet()
	if err != nil {
		return nil, err
	}
	m, err := u.model(by)
	if err != nil {
		return nil, err
	}
	family, err := m.Conditional()
	if err != nil {
		return nil, err
	}
	low, high := make([]float64, 784), make([]float64, 784)
	for i := range high {
		high[i] = 1
	}
	var x *lanes.Block
	return &work{
		variant: "annealed langevin, " + by.String(), precision: "float32", count: 1,
		once: func(seed uint64) error {
			kernel := &mcmc.Annealed{Score: family, Levels: levels(), Steps: 100, Step: 2e-5, Convention: mcmc.StepHalf, KeepNoise: true}
			run := mcmc.Run{Start: mcmc.Uniform{Low: low, High: high}, Kernel: kernel, Particles: 10, Seed: seed, Workers: workers}
			if err := run.To(context.Background(), kernel.Length()); err != nil {
				return err
			}
			x = run.Positions()
			return nil
		},
		check: func() (float64, error) {
			var sum float64
			for j := range 784 {
				for _, v := range x.Row(j)[:10] {
					sum += v
				}
			}
			return sum / 7840, nil
		},
	}, nil
}
