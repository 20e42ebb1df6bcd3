// Package train learns the score of a law from points drawn from it.
//
//	data, err := lanes.FromPoints(points)
//	result, err := train.Train(ctx, train.Config{Data: data, Steps: 5000, Seed: 1})
//	s := result.Model.At(0.1) // the score of the law blurred by noise of standard deviation 0.1
//
// A step draws a batch of rows and their noise, evaluates the gradient of an [Objective] for a network of package
// network, and moves the weights by Adam. What results depends on the [Config] alone: not on the number of workers,
// on the machine, or on how often the training was stopped and taken up again. Every random number has an address
// (seed, step, row); a batch is cut into groups whose size belongs to the config, a group adds up its gradient in the
// order of the rows, and groups meet in one fixed tree.
//
// A training that is stopped, by its context or by force, goes on from its newest sound checkpoint.
package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// Epoch counts the changes of results: two versions of this module with one epoch learn the same weights from the same
// config.
const Epoch = 1

// Config is what to learn, from what and how. Data alone is enough; every other zero value means what is said beside it.
type Config struct {
	Data    *lanes.Block
	Columns []string // names of the coordinates, for messages and the model; nil for x0, x1, ...

	// Given are vectors that the score is conditioned on, one for each row of Data, such as classes as a 1 among zeros
	// ([OneHot]); nil for none. The network finds it in its Params. A share DropGiven, in [0, 1), of the rows that are drawn get zeros
	// instead, so that the network also learns the score under no condition, which guidance needs.
	Given     *lanes.Block
	DropGiven float64

	// Network is a preconditioned multilayer perceptron of three layers of 64 if nil.
	Network network.Network
	// Objective is denoising, weighted as its Levels ask for, if nil.
	Objective Objective
	// Levels is the law of noise levels. A [score.List] of one level makes a plain model, any other law a
	// noise-conditional one. Nil is no noise with an Objective, and without one a log-normal law that fits the spread
	// of the data.
	Levels score.Levels

	Steps int // 10,000 if 0
	Batch int // rows a step: 128, or all where there are fewer, if 0
	// Group is the number of rows whose gradients are added up one after the other, by one worker; the last group of a
	// batch may be smaller. If 0 it is the batch for a small network and an eighth of it for a large one.
	Group int
	Seed  uint64
	// Convolution is how convolutions and their gradients are computed, which the learned weights depend on. autodiff.BFloat16 is
	// too coarse to learn with. The model that results is evaluated directly.
	Convolution autodiff.Convolution
	Adam        Adam
	Rate        Rate    // learning rate
	Clip        float64 // largest norm of the gradient, longer ones are shortened; no bound if 0
	// EMA is the decay m of an exponential moving average of the weights, in [0, 1), which the model gets in place of the
	// last weights; none if 0. Average n, counted from 0, takes min(m, (1+n)/(10+n)), so early weights are forgotten.
	EMA        float64
	Validation Validation

	// Checkpoint is the file that checkpoints belong to and stand beside: the model's, for example. Empty for none. They are
	// written when the context ends, and after every CheckpointSteps steps (if not 0) and every CheckpointEvery (if not 0); the
	// newest three are kept. One that cannot be written ends the training. Whoever has used the result removes them by
	// [RemoveCheckpoints].
	Checkpoint      string
	CheckpointSteps int
	CheckpointEvery time.Duration
	// Resume goes on from the newest sound checkpoint; where there is none, it begins anew and says so. Without Resume,
	// checkpoints that are there already are an error, [ErrCheckpoints].
	Resume bool

	Workers int // at once, for large steps; 0 for as many as the machine has
	// Progress is called from the goroutine of Train, at most every 100 ms and at the end. It may be nil.
	Progress func(Progress)
	// Note is told in a sentence what a person should know: where a training was taken up, that a column is constant. It may be
	// nil; the result has all notes.
	Note func(text string)
	// About is kept in the model: the name of the recipe or of the data, for example.
	About string
	// Shape, Range, Classes and Drawing are kept in the model, with the share of each class in the data: see [score.ModelInfo].
	Shape   []int
	Range   []float64
	Classes []string
	Drawing *score.Drawing

	files       store.FS // the machine's, unless a test fails on purpose
	shareAlways bool     // for tests: give groups to workers whatever the time of a step
}

// Progress is how far a training is.
type Progress struct {
	Step, Steps int     // made, and to be made
	Resumed     int     // the step it was taken up at; 0 for a new one
	Loss        float64 // mean over the steps since the last point of the curve
	Rate        float64 // of the last step
	Validation  float64 // the last validation loss, NaN if there is none
}

// Result is what was learned.
type Result struct {
	Model      *score.Model
	Curve      []Point
	Parameters int // numbers that were learned
	Steps      int // made: fewer than asked for if it stopped early
	Resumed    int // the step it was taken up at; 0 for a new one
	// Best is the step with the least validation loss, whose weights the model has, and Validation that loss; Best is Steps and
	// Validation NaN without validation.
	Best       int
	Validation float64
	Group      int // rows of a group
	Notes      []string
}

// Point is a point of the loss curve.
type Point struct {
	Step       int     // steps made
	Loss       float64 // mean over the steps since the point before
	Rate       float64 // of the last step
	Validation float64 // loss on the rows kept for validation, NaN where it was not evaluated
}

// StoppedError says that a training was stopped by its context, between two steps. It can be taken up.
type StoppedError struct {
	Step, Steps int   // made, and asked for
	Saved       bool  // a checkpoint has what is done
	Err         error // why the context ended
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("train: stopped after %d of %d steps: %v", e.Step, e.Steps, e.Err)
}

func (e *StoppedError) Unwrap() error { return e.Err }

// DivergedError says that the loss, or a weight, is no longer a finite number.
type DivergedError struct {
	Step int // after so many steps
	Loss float64
	Rate float64 // learning rate there
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("train: after %d steps the loss is %v: the learning rate, %v there, is probably too large: try a tenth of it, or clip the gradient at 1", e.Step, e.Loss, e.Rate)
}

// ErrCheckpoints is in the chain of the error of a training that would begin beside checkpoints of an earlier one.
var ErrCheckpoints = errors.New("checkpoints of an earlier training stand there")

// RemoveCheckpoints removes the checkpoints of a file. That there are none is no error.
func RemoveCheckpoints(path string) error { return store.RemoveRotating(path) }

// Train learns a score. An error leaves the newest checkpoint in place; one by the end of ctx is a [StoppedError].
func Train(ctx context.Context, config Config) (*Result, error) {
	t, err := newTrainer(config)
	if err != nil {
		return nil, err
	}
	if err := t.begin(); err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	return t.result()
}

// trainer is a training at work.
type trainer struct {
	Config
	rows       *rows // to train on
	plan       *plan
	state      state
	groups     []*group
	losses     []float64 // of the rows of a step
	scratch    []float32 // as long as the weights
	pace       pace      // of the step at hand
	validation *validator
	workers    int
	fastest    time.Duration // of the steps that were timed
	parallel   bool          // groups are given to workers
	slow       bool          // the clock is looked at after every step
	resumed    int
	notes      []string
	shown      time.Time // of the last call of Progress
	saved      time.Time // of the last checkpoint
	identity   string
	mean, sd   []float64 // of the columns
}

func newTrainer(config Config) (*trainer, error) {
	t := &trainer{Config: config, workers: parallel.Workers(config.Workers)}
	if t.files == nil {
		t.files = store.OS{}
	}
	all, constant, err := t.checkData()
	if err != nil {
		return nil, err
	}
	t.mean, t.sd = all.mean, all.sd
	t.fillDefaults(all)
	if err := t.check(all); err != nil {
		return nil, err
	}
	for _, text := range constant {
		t.note("%s", text)
	}
	kept := t.Validation.rows(all.count)
	training, validation := all.split(kept, t.Seed)
	if training.count < t.Batch {
		return nil, fmt.Errorf("train: %d rows are fewer than a batch of %d: give more rows, or a batch of at most %d", training.count, t.Batch, training.count)
	}
	t.rows = training
	if t.plan, err = newPlan(&t.Config, all.dim); err != nil {
		return nil, err
	}
	t.Group = t.plan.group(t.Group, t.Batch)
	t.groups = newGroups(t.plan, &t.Config)
	t.losses = make([]float64, t.Batch)
	t.scratch = aligned(t.plan.weights)
	if kept > 0 {
		t.validation = newValidator(t.plan, &t.Config, validation)
	}
	t.state = t.newState()
	t.identity = t.identify(all)
	return t, nil
}

// begin takes up a checkpoint or draws the first weights.
func (t *trainer) begin() error {
	if t.Checkpoint != "" {
		newest, err := store.ReadNewest(t.Checkpoint)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if t.Resume {
				t.note("%s has no checkpoint: the training begins at step 0", t.Checkpoint)
			}
		case !t.Resume:
			return fmt.Errorf("train: %s: %w: resume it, or remove %s.ckpt-*", t.Checkpoint, ErrCheckpoints, t.Checkpoint)
		case err != nil:
			return fmt.Errorf("train: resume: %w", err)
		default:
			for _, skipped := range newest.Skipped {
				t.note("a checkpoint cannot be used: %v", skipped)
			}
			if err := t.restore(newest); err != nil {
				return fmt.Errorf("train: resume from %s: %w", newest.Path, err)
			}
			t.resumed = t.state.step
			t.note("resumed at step %d from %s", t.resumed, newest.Path)
			return nil
		}
	}
	err := t.plan.initialise(t.state.weights, t.Seed)
	copy(t.state.average, t.state.weights)
	return err
}

// run makes the steps that are left.
func (t *trainer) run(ctx context.Context) error {
	t.shown, t.saved = time.Now(), time.Now()
	for t.state.due || t.state.step < t.Steps && !t.state.done {
		if ctx.Err() != nil {
			return t.stopped(ctx)
		}
		var err error
		if !t.state.due {
			err = t.step(ctx)
		}
		if err == nil {
			err = t.after(ctx)
		}
		if err != nil {
			if ctx.Err() != nil {
				return t.stopped(ctx)
			}
			return err
		}
	}
	if !finite(t.state.weights) {
		return &DivergedError{Step: t.state.step, Loss: math.NaN(), Rate: t.Rate.at(t.state.step, t.Steps)}
	}
	t.show()
	return nil
}

// after does what is due between two steps.
func (t *trainer) after(ctx context.Context) error {
	s := &t.state
	validated := math.NaN()
	if t.validation != nil && (s.step%t.Validation.Every == 0 || s.step == t.Steps) {
		s.due = true
		loss, err := t.validate(ctx)
		if err != nil {
			return err
		}
		s.due = false
		validated = loss
	}
	if s.step%t.curveEvery() == 0 || s.step == t.Steps || s.done || validated == validated {
		s.mark(t.Rate.at(s.step-1, t.Steps), validated)
	}
	due := t.CheckpointSteps > 0 && s.step%t.CheckpointSteps == 0
	if s.step%clockSteps == 0 || t.slow {
		now := time.Now()
		if t.Progress != nil && now.Sub(t.shown) >= 100*time.Millisecond {
			t.shown = now
			t.show()
		}
		due = due || t.CheckpointEvery > 0 && now.Sub(t.saved) >= t.CheckpointEvery
	}
	if due && t.Checkpoint != "" {
		t.saved = time.Now()
		return t.save()
	}
	return nil
}

// clockSteps is how many fast steps are made between two looks at the clock.
const clockSteps = 64

// curvePoints is about how many points a loss curve has.
const curvePoints = 500

func (t *trainer) curveEvery() int { return max(1, t.Steps/curvePoints) }

func (t *trainer) show() {
	if t.Progress == nil {
		return
	}
	s := &t.state
	p := Progress{Step: s.step, Steps: t.Steps, Resumed: t.resumed, Rate: t.Rate.at(max(s.step-1, 0), t.Steps), Validation: s.validation}
	switch {
	case s.losses > 0:
		p.Loss = s.loss / float64(s.losses)
	case len(s.curve) > 0:
		p.Loss = s.curve[len(s.curve)-1].Loss
	default:
		p.Loss = math.NaN()
	}
	t.Progress(p)
}

func (t *trainer) note(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	t.notes = append(t.notes, text)
	if t.Note != nil {
		t.Note(text)
	}
}

// stopped writes a checkpoint and says that the training was stopped.
func (t *trainer) stopped(ctx context.Context) error {
	e := &StoppedError{Step: t.state.step, Steps: t.Steps, Err: context.Cause(ctx)}
	if t.Checkpoint != "" {
		if err := t.save(); err != nil {
			return fmt.Errorf("%w; and %w", e, err)
		}
		e.Saved = true
	}
	return e
}

func (t *trainer) result() (*Result, error) {
	s := &t.state
	r := &Result{
		Curve: s.curve, Parameters: t.plan.params.Count(), Steps: s.step, Resumed: t.resumed, Best: s.step,
		Validation: math.NaN(), Group: t.Group, Notes: t.notes,
	}
	weights := s.averaged()
	if t.validation != nil {
		weights, r.Best, r.Validation = s.best, s.bestStep, s.bestLoss
	}
	model, err := t.plan.model(weights, t.info(r))
	if err != nil {
		return nil, err
	}
	r.Model = model
	return r, nil
}

// info is what the model says about itself.
func (t *trainer) info(r *Result) score.ModelInfo {
	loss := r.Curve[len(r.Curve)-1].Loss
	info := score.ModelInfo{
		About: t.About, Columns: t.Columns, Mean: t.mean, SD: t.sd,
		Shape: t.Shape, Range: t.Range, Classes: t.Classes, Shares: t.shares(), Drawing: t.Drawing,
		Rows: t.Data.Len(), Steps: r.Best, Seed: t.Seed, Loss: &loss, Training: t.describe(),
	}
	if t.validation != nil {
		info.Validation = &r.Validation
	}
	if t.conditional() {
		info.Low, info.High = t.Levels.Range()
	} else {
		info.Sigma = t.level()
	}
	return info
}

// shares are the means of what is given for the rows, where that is classes.
func (t *trainer) shares() []float64 {
	if t.Classes == nil {
		return nil
	}
	shares := make([]float64, len(t.Classes))
	for k := range shares {
		shares[k] = parallel.Sum(t.Given.Row(k)[:t.Given.Len()]) / float64(t.Given.Len())
	}
	return shares
}

// describe is the settings in a sentence.
func (t *trainer) describe() string {
	text := fmt.Sprintf("%d steps of %d rows, rate %v (%v)", t.Steps, t.Batch, t.Rate.Peak, t.Rate.Decay)
	if t.Levels != nil {
		text += fmt.Sprintf(", %v", t.Levels)
	}
	if t.EMA > 0 {
		text += fmt.Sprintf(", average of the weights with decay %v", t.EMA)
	}
	if t.Convolution != autodiff.Direct {
		text += fmt.Sprintf(", %v convolutions", t.Convolution)
	}
	return text
}
