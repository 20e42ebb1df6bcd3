package train

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// Adam are the constants of the optimiser (Kingma and Ba 2015, 1412.6980). With a weight decay it is AdamW (Loshchilov and
// Hutter 2019, 1711.05101): every step takes rate times decay of each weight.
type Adam struct {
	Beta1       float64 // decay of the mean of the gradient; 0.9 if 0
	Beta2       float64 // decay of the mean of its square; 0.999 if 0
	Epsilon     float64 // added to the root of that mean; 1e-8 if 0
	WeightDecay float64 // not negative
}

// Decay is how a learning rate falls.
type Decay int

const (
	// Constant rates do not fall.
	Constant Decay = iota
	// Cosine rates fall along half a wave of the cosine.
	Cosine
	// Linear rates fall along a straight line.
	Linear
)

// String is the decay's name.
func (d Decay) String() string {
	switch d {
	case Constant:
		return "constant"
	case Cosine:
		return "cosine"
	case Linear:
		return "linear"
	}
	return fmt.Sprintf("decay %d", int(d))
}

// Rate is the learning rate, step by step: a straight line from 0 to Peak over WarmUp steps, then Peak, then, from the share
// From of all steps on, a fall to Floor times Peak, reached after the last step. It is a function of the step alone, so a training
// that is taken up has the rates it would have had.
type Rate struct {
	Peak   float64 // 1e-3 if 0
	WarmUp int     // steps
	Decay  Decay
	From   float64 // share of the steps at which the fall begins, in [0, 1)
	Floor  float64 // share of Peak it falls to, in [0, 1]
}

// at is the rate of a step, counted from 0.
func (r Rate) at(step, steps int) float64 {
	if step < r.WarmUp {
		return float64(r.Peak * (float64(step+1) / float64(r.WarmUp+1)))
	}
	if r.Decay == Constant {
		return r.Peak
	}
	begin := max(float64(r.From*float64(steps)), float64(r.WarmUp))
	passed := (float64(step) - begin) / (float64(steps) - begin)
	if passed <= 0 {
		return r.Peak
	}
	left := 1 - passed
	if r.Decay == Cosine {
		left = 0.5 * (1 + backends.Cos(math.Pi*passed))
	}
	return float64(r.Peak * math.FMA(1-r.Floor, left, r.Floor))
}

// Validation keeps rows away from training and evaluates the loss on them, with noise that is always the same. The model then has
// the weights of the step with the least loss.
type Validation struct {
	Share float64 // of the rows, in [0, 0.9]; no validation if 0
	Every int     // steps between evaluations; a hundredth of all steps if 0
	// Patience is after how many evaluations without a new least loss the training stops; never if 0.
	Patience int
}

func (v Validation) rows(n int) int {
	if v.Share <= 0 {
		return 0
	}
	return max(1, int(float64(v.Share*float64(n))))
}

// fillDefaults puts the values that zeros stand for into the config.
func (t *trainer) fillDefaults(all *rows) {
	set := func(v *float64, value float64) {
		if *v == 0 {
			*v = value
		}
	}
	count := func(v *int, value int) {
		if *v == 0 {
			*v = value
		}
	}
	count(&t.Steps, 10_000)
	count(&t.Batch, min(128, all.count-t.Validation.rows(all.count)))
	count(&t.Validation.Every, max(1, t.Steps/100))
	set(&t.Adam.Beta1, 0.9)
	set(&t.Adam.Beta2, 0.999)
	set(&t.Adam.Epsilon, 1e-8)
	set(&t.Rate.Peak, 1e-3)
	spread := all.spread()
	if t.Objective == nil {
		weight := score.Unweighted
		if t.Levels == nil {
			t.Levels = score.LogNormal{Mean: backends.Log(spread) - 0.5, SD: 1.2}
		}
		if list, ok := t.Levels.(score.List); !ok || len(list) > 1 {
			weight = score.EDM(spread)
		}
		t.Objective = Denoising(weight)
	}
	if t.Network == nil {
		activation, embedding := network.SiLU, network.Embedding(nil)
		if t.conditional() {
			embedding = network.Fourier(8)
		}
		t.Network = network.MLP([]int{64, 64, 64}, activation, embedding)
		if t.Levels != nil {
			t.Network = network.Preconditioned(t.Network, all.mean, all.sd)
		}
	}
}

// conditional says whether the network is given noise levels.
func (t *Config) conditional() bool {
	if t.Levels == nil {
		return false
	}
	list, ok := t.Levels.(score.List)
	return !ok || len(list) != 1
}

// level is the single noise level of a plain model, 0 without noise.
func (t *Config) level() float64 {
	if list, ok := t.Levels.(score.List); ok && len(list) == 1 {
		return list[0]
	}
	return 0
}

// maxSteps keeps steps and batches far from the end of the addresses of random numbers.
const maxSteps, maxBatch = 1 << 40, 1 << 20

func (t *trainer) check(all *rows) error {
	if t.Levels != nil {
		if err := t.Levels.Check(); err != nil {
			return err
		}
	}
	a, r, v := t.Adam, t.Rate, t.Validation
	share := func(x float64) bool { return x >= 0 && x < 1 }
	switch {
	case t.Steps < 1 || t.Steps >= maxSteps:
		return fmt.Errorf("train: %d steps: give at least 1", t.Steps)
	case t.Batch < 1 || t.Batch > maxBatch:
		return fmt.Errorf("train: a batch of %d rows: give 1 to %d", t.Batch, maxBatch)
	case t.Group < 0 || t.Group > t.Batch:
		return fmt.Errorf("train: groups of %d rows in a batch of %d: give 1 to %d, or 0 for a good choice", t.Group, t.Batch, t.Batch)
	case !share(a.Beta1) || !share(a.Beta2):
		return fmt.Errorf("train: Adam with beta1 %v and beta2 %v: both are at least 0 and below 1", a.Beta1, a.Beta2)
	case !(a.Epsilon > 0 && a.Epsilon <= 1):
		return fmt.Errorf("train: Adam with an epsilon of %v: give a small positive number, 1e-8 is usual", a.Epsilon)
	case !(a.WeightDecay >= 0 && float64(a.WeightDecay*r.Peak) < 1):
		return fmt.Errorf("train: a weight decay of %v with a learning rate of %v: give a number from 0 to below 1/rate", a.WeightDecay, r.Peak)
	case !(r.Peak > 0 && r.Peak <= 1000):
		return fmt.Errorf("train: a learning rate of %v: give a positive number, 1e-3 is usual", r.Peak)
	case r.WarmUp < 0 || r.WarmUp >= t.Steps && r.WarmUp > 0:
		return fmt.Errorf("train: %d steps of warm-up in %d: give 0 to %d", r.WarmUp, t.Steps, t.Steps-1)
	case r.Decay < Constant || r.Decay > Linear:
		return fmt.Errorf("train: %v: use Constant, Cosine or Linear", r.Decay)
	case !share(r.From) || !(r.Floor >= 0 && r.Floor <= 1):
		return fmt.Errorf("train: a learning rate that falls from the share %v of the steps to the share %v of its peak: both are at least 0, the first below 1", r.From, r.Floor)
	case !(t.Clip >= 0) || math.IsInf(t.Clip, 1):
		return fmt.Errorf("train: the gradient is clipped at %v: give a positive number, or 0 for no bound", t.Clip)
	case !share(t.EMA):
		return fmt.Errorf("train: an average of the weights with decay %v: give a number from 0 to below 1, 0.999 for example", t.EMA)
	case !share(t.DropGiven):
		return fmt.Errorf("train: a share of %v of the given vectors is dropped: give a number from 0 to below 1, 0.1 for example", t.DropGiven)
	case t.DropGiven > 0 && t.Given == nil:
		return fmt.Errorf("train: a share of %v of the given vectors is dropped, and none are given: set Given", t.DropGiven)
	case t.Classes != nil && (t.Given == nil || t.Given.Dim() != len(t.Classes)):
		return fmt.Errorf("train: %d names of classes without as many elements of the given vectors", len(t.Classes))
	case !(v.Share >= 0 && v.Share <= 0.9):
		return fmt.Errorf("train: a share of %v of the rows for validation: give 0 to 0.9", v.Share)
	case v.Every < 1 || v.Patience < 0:
		return fmt.Errorf("train: validation every %d steps with a patience of %d: give at least 1 step and a patience that is not negative", v.Every, v.Patience)
	case v.Share == 0 && v.Patience > 0:
		return fmt.Errorf("train: a patience of %d without validation: give validation a share of the rows", v.Patience)
	case t.Workers < 0:
		return fmt.Errorf("train: %d workers: give at least 1, or 0 for as many as the machine has", t.Workers)
	case t.CheckpointSteps < 0 || t.CheckpointEvery < 0:
		return fmt.Errorf("train: a checkpoint every %d steps and every %v: neither is negative", t.CheckpointSteps, t.CheckpointEvery)
	case t.Resume && t.Checkpoint == "":
		return fmt.Errorf("train: resume without a checkpoint: name the file whose checkpoints to go on from")
	}
	return nil
}
