package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/internal/dataset"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// training is what the flags of `infer train` say.
type training struct {
	recipe, data    string
	points          int
	hidden          string // widths of the layers between input and output
	activation      string
	sigma           float64 // a single noise level; 0 for many
	low, high       float64 // the levels of a noise-conditional model
	decay           string
	output          string
	plot, curve     string
	json, quiet     bool
	checkpointEvery time.Duration
	config          train.Config
	made            train.Data // of the recipe
	own             bool       // flags have chosen the network
	changed         func(flag string) bool
	conv            string // how convolutions are computed
	images          string // what the images are of, in words, where the data are images
}

func trainCommand(s *streams) *cobra.Command {
	var t training
	var recipes []string
	for _, r := range train.Recipes() {
		recipes = append(recipes, r.Name)
	}
	recipes = append(recipes, recipeClassifier)
	c := &cobra.Command{
		Use:   "train",
		Short: "Learn the score of a law from draws of it",
		Long: "train learns a score network from draws: of a file, or of a built-in density. A model with many noise levels is sampled by\n" +
			"annealed Langevin, one of images by Heun's method, one with a single level by plain Langevin: infer sample --model FILE.\n\n" +
			"--data may also name images: a folder of IDX files (MNIST), of PNG files or of a folder of them for each class, an IDX file, or\n" +
			"an npy array of shape (n, height, width). They get a convolutional network, and learn their classes where they have labels.",
		Example: `  infer train --data draws.npz -o model.safetensors
  infer train --data donut -o donut.safetensors --plot loss.png
  infer train --recipe tutorial-donut -o tutorial.safetensors
  infer train --data draws.csv --sigma 0.1 --hidden 32,32,32 --activation relu -o plain.safetensors
  infer train --recipe mnist-30m --data mnist -o digits.safetensors
  infer train --data pictures --steps 20000 -o pictures.safetensors
  infer train --data draws.npz -o model.safetensors --resume`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if t.recipe == recipeClassifier {
				return t.trainClassifier(c, s)
			}
			if err := t.complete(c); err != nil {
				return err
			}
			return t.run(c.Context(), s)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&t.data, "data", "", "draws to learn from: a file (.npz, .npy, .csv), or a built-in density; or images: a folder or a file")
	f.StringVar(&t.recipe, "recipe", "", "a whole training by name: "+strings.Join(recipes, ", "))
	f.StringVarP(&t.output, "output", "o", "", "write the model: .safetensors")
	f.IntVar(&t.points, "points", 10_000, "draws to make of a built-in density")
	f.StringVar(&t.hidden, "hidden", "64,64,64", "widths of the layers between input and output")
	f.StringVar(&t.activation, "activation", "silu", "relu, elu, silu, gelu, softplus or tanh")
	f.Float64Var(&t.sigma, "sigma", 0, "a single noise level, for a plain model (default: many levels)")
	f.Float64Var(&t.low, "sigma-min", 0, "least noise level (default: a law that fits the spread of the data)")
	f.Float64Var(&t.high, "sigma-max", 0, "largest noise level")
	f.IntVar(&t.config.Steps, "steps", 10_000, "steps of the optimiser; with a recipe, in place of its own number")
	f.IntVar(&t.config.Batch, "batch", 128, "draws a step (64 of images)")
	f.Float64Var(&t.config.Rate.Peak, "rate", 1e-3, "learning rate")
	f.StringVar(&t.decay, "decay", "cosine", "how the rate falls: constant, cosine or linear")
	f.IntVar(&t.config.Rate.WarmUp, "warm-up", 100, "steps over which the rate rises")
	f.Float64Var(&t.config.Adam.WeightDecay, "weight-decay", 0, "of AdamW")
	f.Float64Var(&t.config.Clip, "clip", 0, "largest norm of the gradient; 0: no bound (1 for images)")
	f.Float64Var(&t.config.EMA, "ema", 0.999, "decay of the average of the weights; 0: the last weights")
	f.Float64Var(&t.config.Validation.Share, "validation", 0, "share of the draws kept to tell the best weights")
	f.IntVar(&t.config.Validation.Patience, "patience", 0, "evaluations without progress after which to stop; 0: never")
	f.StringVar(&t.conv, "conv", autodiff.Direct.String(), "how convolutions are computed: direct or winograd; each has weights of its own")
	f.Uint64Var(&t.config.Seed, "seed", 0, "seed of all random numbers (default: a new one, printed)")
	f.BoolVar(&t.config.Resume, "resume", false, "go on from the newest checkpoint beside the output, if there is one")
	f.DurationVar(&t.checkpointEvery, "checkpoint-every", 10*time.Second, "time between checkpoints, three of which are kept until the model is complete")
	f.IntVar(&t.config.Workers, "workers", 0, "worker threads (default: as many as there are cores); never changes a weight")
	f.StringVar(&t.plot, "plot", "", "write the loss curve as a figure: .png, .svg or .pdf")
	f.StringVar(&t.curve, "curve", "", "write the loss curve as numbers: .csv")
	f.BoolVar(&t.json, "json", false, "print the result as JSON")
	f.BoolVar(&t.quiet, "quiet", false, "no progress on standard error")
	_ = c.RegisterFlagCompletionFunc("conv", cobra.FixedCompletions([]string{autodiff.Direct.String(), autodiff.Winograd.String()}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("recipe", cobra.FixedCompletions(recipes, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// complete checks the flags and makes the config of them, the data apart.
func (t *training) complete(c *cobra.Command) error {
	changed := c.Flags().Changed
	t.changed = changed
	switch {
	case t.recipe == "" && t.data == "":
		return usage("train on what? Give --data FILE, --data DENSITY or --recipe NAME")
	case t.output == "":
		return usage("train to where? Give -o MODEL.safetensors")
	case !strings.EqualFold(filepath.Ext(t.output), ".safetensors"):
		return usage("-o %s: a model is a .safetensors file", t.output)
	case t.points < 1:
		return usage("--points %d: give at least 1", t.points)
	case t.checkpointEvery < 0:
		return usage("--checkpoint-every %v: a duration is not negative", t.checkpointEvery)
	case changed("sigma") && !(t.sigma > 0):
		return usage("--sigma %v: a noise level is positive", t.sigma)
	case changed("sigma") && (changed("sigma-min") || changed("sigma-max")):
		return usage("--sigma is a single noise level, --sigma-min and --sigma-max are the ends of many: give one or the other")
	case changed("sigma-min") != changed("sigma-max"):
		return usage("--sigma-min and --sigma-max belong together: give both")
	case t.curve != "" && !strings.EqualFold(filepath.Ext(t.curve), ".csv"):
		return usage("--curve %s: the loss curve is a .csv file", t.curve)
	}
	for _, n := range []struct {
		name  string
		value float64
		ok    bool
		rule  string
	}{
		{"steps", float64(t.config.Steps), t.config.Steps >= 1, "a training has at least 1"},
		{"batch", float64(t.config.Batch), t.config.Batch >= 1, "a step takes at least 1 draw"},
		{"rate", t.config.Rate.Peak, t.config.Rate.Peak > 0 && t.config.Rate.Peak <= 1000, "a learning rate is positive, 1e-3 is usual"},
		{"warm-up", float64(t.config.Rate.WarmUp), t.config.Rate.WarmUp >= 0, "a number of steps is not negative"},
		{"weight-decay", t.config.Adam.WeightDecay, t.config.Adam.WeightDecay >= 0, "a decay is not negative"},
		{"clip", t.config.Clip, t.config.Clip >= 0, "a norm is not negative; 0 is no bound"},
		{"ema", t.config.EMA, t.config.EMA >= 0 && t.config.EMA < 1, "a decay of an average is from 0 to below 1"},
		{"validation", t.config.Validation.Share, t.config.Validation.Share >= 0 && t.config.Validation.Share <= 0.9, "a share of the draws is from 0 to 0.9"},
		{"patience", float64(t.config.Validation.Patience), t.config.Validation.Patience >= 0, "a number of evaluations is not negative"},
		{"workers", float64(t.config.Workers), t.config.Workers >= 0, "a training has at least 1"},
	} {
		if !n.ok {
			return usage("--%s %s: %s", n.name, number(n.value), n.rule)
		}
	}
	if t.plot != "" {
		if _, err := figure.FormatOf(t.plot); err != nil {
			return usage("--plot %s: %w", t.plot, err)
		}
	}
	for _, path := range []string{t.output, t.plot, t.curve} {
		if path != "" {
			if err := writable(path); err != nil {
				return data(err)
			}
		}
	}
	by, err := convolutionOf(t.conv)
	if err != nil {
		return err
	}
	if by == autodiff.BFloat16 {
		return usage("--conv bf16 is too coarse to learn with: take winograd or direct, and bf16 to sample from the model")
	}
	if !changed("seed") {
		seed, err := newSeed()
		if err != nil {
			return err
		}
		t.config.Seed = seed
	}
	if t.recipe != "" {
		if err := t.follow(changed); err != nil {
			return err
		}
	} else if err := t.build(changed); err != nil {
		return err
	}
	t.config.Checkpoint, t.config.CheckpointEvery = t.output, t.checkpointEvery
	t.config.Convolution = by // also of a recipe: how it is computed is no part of it
	return nil
}

// build makes the network and the noise levels of the flags.
func (t *training) build(changed func(string) bool) error {
	decays := map[string]train.Decay{"constant": train.Constant, "cosine": train.Cosine, "linear": train.Linear}
	if err := oneOf("decay", t.decay, []string{"constant", "cosine", "linear"}); err != nil {
		return err
	}
	t.config.Rate.Decay = decays[t.decay]
	t.config.Rate.WarmUp = min(t.config.Rate.WarmUp, max(0, t.config.Steps-1))
	if !changed("batch") {
		t.config.Batch = 0 // the library's choice, which knows the number of rows
	}
	switch {
	case t.sigma > 0:
		t.config.Levels = score.List{t.sigma}
	case t.high > 0:
		t.config.Levels = score.LogUniform{Low: t.low, High: t.high}
	}
	if !changed("hidden") && !changed("activation") {
		return nil // the library's choice
	}
	t.own = true
	var widths []int
	for _, text := range strings.Split(t.hidden, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > 1<<14 {
			return usage("--hidden %s: give widths from 1 to 16384 with commas between them, as in 64,64,64", t.hidden)
		}
		widths = append(widths, n)
	}
	var activation network.Activation
	var known []string
	for _, a := range network.Activations() {
		known = append(known, a.Name)
		if a.Name == t.activation {
			activation = a.Activation
		}
	}
	if activation == nil {
		return oneOf("activation", t.activation, known)
	}
	if t.sigma > 0 {
		t.config.Network = network.MLP(widths, activation, nil)
	} else {
		t.config.Network = network.OverSigma(network.MLP(widths, activation, network.Fourier(8)))
	}
	return nil
}

// follow takes a recipe and changes of it what flags say.
func (t *training) follow(changed func(string) bool) error {
	for _, name := range []string{"hidden", "activation", "sigma", "sigma-min", "sigma-max", "decay", "warm-up", "rate", "ema", "clip", "weight-decay", "validation", "patience", "batch"} {
		if changed(name) {
			return usage("--%s is the recipe's to choose: leave one of --recipe and --%s out", name, name)
		}
	}
	var known []string
	for _, r := range train.Recipes() {
		known = append(known, r.Name)
		if r.Name != t.recipe {
			continue
		}
		given := t.config
		if changed("steps") {
			r = r.WithSteps(given.Steps)
		}
		t.config = r.Train
		t.config.Seed, t.config.Workers, t.config.Resume = given.Seed, given.Workers, given.Resume
		t.made = r.Data
		if t.made.Images != "" && t.data == "" {
			return usage("--recipe %s learns images: give --data FOLDER, %s", t.recipe, whereImages[t.made.Images])
		}
		return nil
	}
	return oneOf("recipe", t.recipe, append(known, recipeClassifier))
}

// read makes or reads what is to be learned.
func (t *training) read(ctx context.Context, say func(string)) error {
	if t.made.Images != "" || t.data != "" && dataset.IsImages(t.data) {
		return t.readImages(say)
	}
	source := trainingData{file: t.data, made: t.made, seed: t.config.Seed, workers: t.config.Workers}
	if t.recipe == "" && isDensity(t.data) {
		source.made, source.file = train.Data{Density: t.data, Points: t.points}, ""
	}
	table, err := source.read(ctx)
	t.config.Data, t.config.Columns = table.Points, table.Names
	return err
}

func (t *training) run(ctx context.Context, s *streams) error {
	say := func(text string) { fmt.Fprintf(s.err, "infer: %s\n", text) }
	if err := t.read(ctx, say); err != nil {
		return err
	}
	if t.config.About == "" {
		t.config.About = t.data
	}
	t.config.Note = say
	if !t.config.Resume {
		if err := train.RemoveCheckpoints(t.output); err != nil {
			return data(err)
		}
	}
	bar := newProgress(s, t.quiet, "training")
	t.config.Progress = bar.training
	if t.images != "" && bar != nil {
		t.config.Progress = func(now train.Progress) {
			batch := uint64(t.config.Batch)
			bar.update(batch*uint64(now.Step), batch*uint64(now.Steps), "images/s", fmt.Sprintf(" step %s, loss %.4g", spelling.Grouped(now.Step), now.Loss))
		}
	}
	began := time.Now()
	result, err := train.Train(ctx, t.config)
	bar.end()
	if err != nil {
		return t.explain(err)
	}
	seconds := time.Since(began).Seconds()
	if err := result.Model.Save(t.output); err != nil {
		return err
	}
	if err := train.RemoveCheckpoints(t.output); err != nil {
		return data(err)
	}
	if err := t.writeCurve(result); err != nil {
		return err
	}
	return t.report(s, result, seconds)
}

// explain gives an error of a training its exit code, and a stopped one the command that goes on.
func (t *training) explain(err error) error {
	var stopped *train.StoppedError
	var different *train.DifferentTrainingError
	var diverged *train.DivergedError
	switch {
	case errors.As(err, &stopped) && stopped.Saved:
		args := append([]string{"infer"}, os.Args[1:]...)
		if !hasFlag(args, "--resume") {
			args = append(args, "--resume")
		}
		if !hasFlag(args, "--seed") {
			args = append(args, "--seed", strconv.FormatUint(t.config.Seed, 10))
		}
		return fmt.Errorf("%w; kept beside %s; to go on:\n  %s", err, t.output, shell(args))
	case errors.As(err, &stopped):
		return err
	case errors.As(err, &different):
		return usage("%w", err)
	case errors.As(err, &diverged):
		return &codedError{exitStrict, err}
	}
	return data(err) // what is left is about a file, the data, or a setting that does not fit them
}

func hasFlag(args []string, name string) bool {
	for _, a := range args {
		if a == name || strings.HasPrefix(a, name+"=") {
			return true
		}
	}
	return false
}

func (t *training) writeCurve(r *train.Result) error {
	if t.curve != "" {
		err := store.WriteFile(t.curve, func(w io.Writer) error {
			c := csv.NewWriter(w)
			_ = c.Write([]string{"step", "loss", "rate", "validation"})
			for _, p := range r.Curve {
				validation := ""
				if p.Validation == p.Validation {
					validation = number(p.Validation)
				}
				_ = c.Write([]string{strconv.Itoa(p.Step), number(p.Loss), number(p.Rate), validation})
			}
			c.Flush()
			return c.Error()
		})
		if err != nil {
			return err
		}
	}
	if t.plot == "" {
		return nil
	}
	format, err := figure.FormatOf(t.plot)
	if err != nil {
		return usage("--plot %s: %w", t.plot, err)
	}
	return store.WriteFile(t.plot, func(w io.Writer) error { return figure.Curve(w, format, lossCurve(r, t.config.About)) })
}

// lossCurve is what a figure of a training shows.
func lossCurve(r *train.Result, about string) figure.CurveSpec {
	steps := make([]float64, len(r.Curve))
	loss, validation := make([]float64, len(r.Curve)), make([]float64, len(r.Curve))
	any := false
	for i, p := range r.Curve {
		steps[i], loss[i], validation[i] = float64(p.Step), p.Loss, p.Validation
		any = any || p.Validation == p.Validation
	}
	spec := figure.CurveSpec{Title: about, X: "step", Y: "loss", Series: []figure.Series{{Name: "training", X: steps, Y: loss}}, Floor: math.NaN()}
	if any {
		spec.Series = append(spec.Series, figure.Series{Name: "validation", X: steps, Y: validation})
	}
	return spec
}

// learned is the result of a training as JSON.
type learned struct {
	Schema     int             `json:"schema_version"`
	Output     string          `json:"output"`
	SHA256     string          `json:"sha256"`
	Parameters int             `json:"parameters"`
	Dim        int             `json:"dim"`
	Rows       int             `json:"rows"`
	Steps      int             `json:"steps"`
	Resumed    int             `json:"resumed_at"`
	Seed       uint64          `json:"seed"`
	Loss       real            `json:"loss"`
	Best       int             `json:"best_step"`
	Validation real            `json:"validation"`
	Info       score.ModelInfo `json:"info"`
	Seconds    float64         `json:"seconds"`
	Notes      []string        `json:"notes,omitempty"`
	// Convolution is nil for direct ones.
	Convolution *convolution `json:"convolution,omitempty"`
}

func (t *training) report(s *streams, r *train.Result, seconds float64) error {
	info := r.Model.Info()
	last := r.Curve[len(r.Curve)-1]
	if t.json {
		return printJSON(s.out, learned{1, t.output, r.Model.SHA256(), r.Parameters, r.Model.Dim(), info.Rows, r.Steps, r.Resumed, t.config.Seed,
			real(last.Loss), r.Best, real(r.Validation), info, seconds, r.Notes, describeWay(t.config.Convolution)})
	}
	var b bytes.Buffer
	line := printer(&b)
	levels := fmt.Sprintf("noise level %v", short(info.Sigma))
	if r.Model.IsConditional() {
		levels = fmt.Sprintf("noise levels %s to %s", short(info.Low), short(info.High))
	}
	line("model", "%s, %s, %s", spelling.Counted(r.Parameters, "parameter"), spelling.Counted(r.Model.Dim(), "coordinate"), levels)
	if t.images != "" {
		line("data", "%s of %s of %s", spelling.Counted(info.Rows, "image"), t.images, t.data)
	} else {
		line("data", "%s of %s", spelling.Counted(info.Rows, "draw"), t.config.About)
	}
	line("loss", "%.4g after %s", last.Loss, spelling.Counted(r.Steps, "step"))
	if r.Validation == r.Validation {
		line("validation", "%.4g, least at step %s, whose weights the model has", r.Validation, spelling.Grouped(r.Best))
	}
	if steps := float64(max(1, r.Steps-r.Resumed)); t.images != "" {
		line("speed", "%.3g s, %.3g images/s", seconds, steps*float64(t.config.Batch)/seconds)
	} else {
		line("speed", "%.3g s, %.3g us a step", seconds, 1e6*seconds/steps)
	}
	if c := describeWay(t.config.Convolution); c != nil {
		line("conv", "%v", c)
	}
	line("seed", "%d", t.config.Seed)
	for _, path := range []string{t.output, t.plot, t.curve} {
		if path != "" {
			line("wrote", "%s", path)
		}
	}
	next := []string{"infer", "sample", "--model", t.output}
	if t.images != "" {
		next = append(next, "-o", strings.TrimSuffix(t.output, filepath.Ext(t.output))+".png")
	}
	line("next", "%s", shell(next))
	_, err := s.out.Write(b.Bytes())
	return err
}
