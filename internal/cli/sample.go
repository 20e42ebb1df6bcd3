package cli

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/mcmc"
)

// effort is what a run costs and where its results go: nothing here changes a draw.
type effort struct {
	workers         int
	blockSize       int
	backend         string
	output, plot    string
	film            string // of images
	checkpointEvery time.Duration
	resume          bool
	json, strict    bool
	quiet           bool
	compare         *draws.Table // the draws that the run should give again, or nil
	comparePicture  *pngRecord   // or a picture of them
}

// checkpoint is the file that a run with an output keeps beside it, "" without output.
func (e *effort) checkpoint() string {
	if e.output == "" {
		return ""
	}
	return e.output + ".ckpt"
}

func sampleCommand(s *streams) *cobra.Command {
	var set settings
	var e effort
	var constants []string
	var step string
	c := &cobra.Command{
		Use:   "sample",
		Short: "Draw from a density",
		Long:  "sample moves a population of particles until they are draws from a density, shows them, and says whether they can be believed.",
		Example: `  infer sample --density donut
  infer sample --density donut -o draws.npz --plot donut.png
  infer sample --logp '-(norm(x)-2.6)^2/w' --const w=0.033 --dim 2
  infer sample --density funnel --particles 1000 --steps 5000 --seed 7 --strict
  infer sample --density donut -o draws.npz --steps 100000 --resume
  infer sample --model donut.safetensors -o learned.npz
  infer sample --model mnist -o digits.png`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := complete(c, &set, &e, constants, step); err != nil {
				return err
			}
			g, err := aimAt(c.Context(), s, &set)
			if err != nil {
				return err
			}
			defer g.close()
			set.Dim = g.dim()
			if err := choose(&set, g, c.Flags().Changed); err != nil {
				return err
			}
			if err := checkPictures(set, e); err != nil {
				return err
			}
			return sample(c.Context(), s, set, e, g)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&set.Density, "density", "", "a density: a built-in one or a plug-in, infer list densities")
	f.StringVar(&set.LogP, "logp", "", "log p of the point x as a formula, with --dim")
	f.StringVar(&set.Model, "model", "", "a score: one that comes with infer or a plug-in (infer list models), or the file that infer train wrote")
	set.plugins.register(f)
	f.IntVar(&set.Dim, "dim", 0, "number of coordinates of x; for a built-in density that has it in several")
	f.StringArrayVar(&constants, "const", nil, "a constant of the formula, name=number; may be repeated")
	f.StringVar(&set.Sampler, "sampler", "", "mala or langevin; annealed or heun for a learned score with noise levels (default: by the target)")
	f.StringVar(&step, "step", "", "step size (default: set on pilots for mala, 0.01 for langevin, 0.1 sigma-min^2 for annealed)")
	f.StringVar(&set.Convention, "convention", "", "what the step size s of langevin and annealed means: full, s times the score and noise of variance 2s, or half of both (default: full, or the model's)")
	f.Uint64Var(&set.Steps, "steps", defaultSteps, "transitions of each particle (annealed: at each level, 50 by default; heun: 18)")
	f.IntVar(&set.Levels, "levels", defaultLevels, "noise levels of an annealed run")
	f.Float64Var(&set.SigmaMax, "sigma-max", 0, "first level of annealed and heun (default: the model's largest)")
	f.Float64Var(&set.SigmaMin, "sigma-min", 0, "last level (default: the model's least)")
	f.BoolVar(&set.KeepNoise, "keep-noise", false, "leave out the last, denoising step")
	f.StringVar(&set.classes, "class", "", "class of the images, by name or number; several with commas are taken in turn (default: each draws its own)")
	f.Float64Var(&set.Guidance, "guidance", 1, "weight of the class: above 1 images are more typical of it, and less varied")
	f.StringVar(&set.Convolution, "conv", autodiff.Direct.String(), convUsage)
	f.IntVar(&set.Particles, "particles", defaultParticles, "number of particles, each of which becomes one draw (images: 16)")
	f.Uint64Var(&set.Seed, "seed", 0, "seed of all random numbers (default: a new one, printed)")
	f.StringVar(&set.Init, "init", initNormal, "start: normal (N(0, I), or noise of the first level), uniform (-1 to 1, or black to white), or a file of points")
	f.StringVarP(&e.output, "output", "o", "", "write the draws: .npz, .npy or .csv; images also .png")
	f.StringVar(&e.plot, "plot", "", "write a figure: .png, .svg or .pdf")
	f.StringVar(&e.film, "film", "", "write the ways of the first images from noise, a row each: .png")
	f.BoolVar(&e.json, "json", false, "print the summary as JSON")
	f.BoolVar(&e.strict, "strict", false, "exit with 3 when the diagnostics fail")
	f.BoolVar(&e.resume, "resume", false, "go on from the checkpoint beside the output, if there is one")
	f.DurationVar(&e.checkpointEvery, "checkpoint-every", 10*time.Second, "time between checkpoints, kept beside the output until it is complete; 0: only when stopped")
	f.IntVar(&e.workers, "workers", 0, "worker threads (default: as many as there are cores); never changes a draw")
	f.IntVar(&e.blockSize, "block-size", 0, "particles a worker takes at a time; never changes a draw")
	f.StringVar(&e.backend, "backend", "", "generic, avx2 or avx512 (default: the fastest); never changes a draw")
	f.BoolVar(&e.quiet, "quiet", false, "no progress on standard error")
	for name, values := range map[string]func() []string{
		"density": func() []string { return names(listDensities()) },
		"sampler": func() []string { return names(samplers) },
		"backend": func() []string { return names(listBackends()) },
		"conv":    convolutions,
		"model":   shipped.Names,
	} {
		_ = c.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values(), cobra.ShellCompDirectiveNoFileComp
		})
	}
	return c
}

// complete checks the flags against each other and fills in what they leave open.
func complete(c *cobra.Command, set *settings, e *effort, constants []string, step string) (err error) {
	changed := c.Flags().Changed
	set.Program, set.Version, set.Epoch = "infer", Version, mcmc.Epoch
	targets := 0
	for _, name := range []string{"density", "logp", "model"} {
		if changed(name) {
			targets++
		}
	}
	switch {
	case targets > 1:
		return usage("--density, --logp and --model are three ways to name the target: give one")
	case targets == 0 && set.plugins.dev == "":
		return usage("sample from what? Give --density NAME (infer list densities), --logp FORMULA with --dim, or --model FILE (infer list models)")
	case changed("model") && changed("dim"):
		return usage("--dim is the model's to say: leave it out")
	case changed("logp") && !changed("dim"):
		return usage("--logp needs --dim, the number of coordinates of x")
	case changed("dim") && set.Dim < 1:
		return usage("--dim %d: a point has at least 1 coordinate", set.Dim)
	case len(constants) > 0 && !changed("logp"):
		return usage("--const names a constant of --logp, which is not given")
	case set.Particles < 1:
		return usage("--particles %d: a run has at least 1", set.Particles)
	case e.workers < 0 || changed("workers") && e.workers == 0:
		return usage("--workers %d: a run has at least 1", e.workers)
	case e.blockSize < 0 || changed("block-size") && e.blockSize == 0:
		return usage("--block-size %d: a block has at least 1 particle", e.blockSize)
	case e.checkpointEvery < 0:
		return usage("--checkpoint-every %v: a duration is not negative", e.checkpointEvery)
	case changed("sigma-max") && !(set.SigmaMax > 0):
		return usage("--sigma-max %s: a noise level is positive; leave the flag out for the model's largest", number(set.SigmaMax))
	case changed("sigma-min") && !(set.SigmaMin > 0):
		return usage("--sigma-min %s: a noise level is positive; the last step goes from the least to 0 by itself, unless --keep-noise is given", number(set.SigmaMin))
	case set.Steps >= 1<<40:
		return usage("--steps %d: at most 2^40-1", set.Steps)
	case e.resume && e.output == "":
		return usage("--resume needs the -o of the run that was stopped: its checkpoint stands beside it")
	}
	if set.Constants, err = parseConstants(constants); err != nil {
		return err
	}
	if by, err := convolutionOf(set.Convolution); err != nil {
		return err
	} else if by == autodiff.Direct {
		set.Convolution = "" // files of draws say what is unusual
	}
	if changed("conv") && !changed("model") {
		return usage("--conv is about the convolutions of a --model, which is not given")
	}
	if e.backend != "" {
		if err := oneOf("backend", e.backend, []string{"generic", "avx2", "avx512"}); err != nil {
			return err
		}
		if err := backends.Use(e.backend); err != nil {
			return usage("--%w", err)
		}
	}
	if step != "" {
		set.Step, err = strconv.ParseFloat(step, 64)
		if err != nil || !(set.Step > 0) || math.IsInf(set.Step, 0) {
			return usage("--step %s: a step size is a positive number, about the square of the smallest width of the density", step)
		}
	}
	set.seedGiven = changed("seed")
	if !changed("seed") {
		if e.resume { // a checkpoint knows its seed
			seed, err := mcmc.SeedOf(e.checkpoint())
			if err == nil {
				set.Seed = seed
				return checkOutputs(e)
			}
			if !errors.Is(err, os.ErrNotExist) {
				return data(err)
			}
		}
		if set.Seed, err = newSeed(); err != nil {
			return err
		}
	}
	return checkOutputs(e)
}

// choose fills in what goes by the target: the sampler, its step size, its noise levels.
func choose(set *settings, g goal, changed func(name string) bool) error {
	if g.hosted.isScore() {
		if changed("conv") {
			return usage("--conv belongs to models of infer: plug-in %s computes %s in its own way", g.hosted.name, set.Model)
		}
		return g.hosted.choose(set, changed)
	}
	if set.Sampler == "" {
		set.Sampler = samplerMALA
		if g.model != nil {
			set.Sampler = defaultSampler(g.model)
		}
	}
	if err := oneOf("sampler", set.Sampler, names(samplers)); err != nil {
		return err
	}
	if set.Convention != "" {
		if err := oneOf("convention", set.Convention, []string{conventionFull, conventionHalf}); err != nil {
			return err
		}
	}
	for _, flag := range []struct {
		name     string
		samplers []string
	}{
		{"levels", []string{samplerAnnealed}}, {"sigma-max", []string{samplerAnnealed, samplerHeun}}, {"sigma-min", []string{samplerAnnealed, samplerHeun}},
		{"keep-noise", []string{samplerAnnealed, samplerHeun}}, {"convention", []string{samplerLangevin, samplerAnnealed}},
		{"step", []string{samplerMALA, samplerLangevin, samplerAnnealed}},
	} {
		if changed(flag.name) && !slices.Contains(flag.samplers, set.Sampler) {
			return usage("--%s belongs to --sampler %s", flag.name, strings.Join(flag.samplers, " or "))
		}
	}
	if g.model == nil {
		for _, name := range []string{"class", "guidance", "film"} {
			if changed(name) {
				return usage("--%s belongs to a model of images", name)
			}
		}
		set.Guidance, set.Levels = 0, 0
	} else if err := chooseLearned(set, g.model, changed); err != nil {
		return err
	}
	if set.Sampler == samplerMALA || set.Sampler == samplerLangevin {
		set.Levels = 0
	}
	half := 1.0
	if set.Convention == conventionHalf {
		half = 2 // the same move
	} else {
		set.Convention = ""
	}
	switch {
	case set.Step > 0, set.Sampler == samplerHeun:
	case set.Sampler == samplerLangevin:
		set.Step = half * tutorialStep
	case set.Sampler == samplerAnnealed:
		set.Step = half * float64(annealedStep*set.SigmaMin) * set.SigmaMin
	default:
		set.Tuned = true
	}
	return nil
}

// newSeed is a seed that nobody has used, short enough to be typed again.
func newSeed() (uint64, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("no random seed: %w", err)
	}
	return uint64(binary.LittleEndian.Uint32(b[:])), nil
}

// checkOutputs finds out before the run what would fail after it.
func checkOutputs(e *effort) error {
	if e.output != "" {
		switch suffix := strings.ToLower(filepath.Ext(e.output)); suffix {
		case ".npz", ".npy", ".csv", ".png":
		default:
			return usage("-o %s: no format has the suffix %q: use .npz, .npy or .csv, or .png for images", e.output, suffix)
		}
	}
	if e.plot != "" {
		if _, err := figure.FormatOf(e.plot); err != nil {
			return usage("--plot %s: %w", e.plot, err)
		}
	}
	type file struct{ flag, path string }
	files := []file{{"-o", e.output}, {"--plot", e.plot}, {"--film", e.film}}
	for k, f := range files {
		path := f.path
		if path == "" {
			continue
		}
		same := func(g file) bool { return filepath.Clean(g.path) == filepath.Clean(path) }
		if i := slices.IndexFunc(files[:k], same); i >= 0 {
			return usage("%s %s is the file of %s as well, and one would replace the other: give each its own", f.flag, path, files[i].flag)
		}
		if err := writable(path); err != nil {
			return data(err)
		}
	}
	return nil
}

// sample carries out a plan: run, files, words. Files come first, so that a reader of the words that goes away loses none.
func sample(ctx context.Context, s *streams, set settings, e effort, g goal) error {
	began := time.Now()
	if err := checkMemory(set); err != nil {
		return err
	}
	if err := checkSheet(set, e); err != nil {
		return err
	}
	if done, err := stands(s, set, e); done || err != nil {
		return err
	}
	job, err := newJob(s, set, e, g)
	if err != nil {
		return err
	}
	if err := job.run(ctx); err != nil {
		return err
	}
	table := draws.Table{Points: job.Positions(), Shape: set.Shape, LogProb: job.LogProb(), Meta: job.set.encode()}
	if e.compare != nil {
		if err := difference(*e.compare, table); err != nil {
			return data(err)
		}
		fmt.Fprintln(s.err, "infer: the same draws, bit for bit")
	}
	if e.comparePicture != nil {
		if err := sameDraws(*e.comparePicture, pointsHash(table.Points)); err != nil {
			return data(err)
		}
		fmt.Fprintln(s.err, "infer: the same draws, bit for bit")
	}
	if set.isImages() {
		if err := writePictures(ctx, job, table); err != nil {
			return err
		}
	}
	if e.output != "" {
		if !isPNG(e.output) {
			if err := draws.Write(e.output, table); err != nil {
				return err
			}
		}
		if err := os.Remove(job.Checkpoint); err != nil && !errors.Is(err, os.ErrNotExist) {
			return data(err)
		}
	}
	if e.plot != "" && !set.isImages() {
		if err := plot(ctx, e.plot, title(job.set), table, g.density); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = fmt.Errorf("%w before the figure was drawn", cause)
			}
			if e.output != "" {
				err = fmt.Errorf("%w; the draws are in %s", err, e.output)
			}
			return err
		}
	}
	r, err := job.report(ctx, table)
	if err != nil {
		return err
	}
	r.Seconds = time.Since(began).Seconds()
	r.Plugin = g.usage(time.Since(began))
	if err := r.print(s, table, e); err != nil {
		return err
	}
	if e.strict && len(r.Faults) > 0 {
		more := ""
		if n := len(r.Faults) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more)", n)
		}
		return &codedError{exitStrict, fmt.Errorf("--strict: %s%s", r.Faults[0], more)}
	}
	return nil
}

// stands looks at what an earlier run left beside the output, before anything is lost: done says that the wanted draws are there.
func stands(s *streams, set settings, e effort) (done bool, err error) {
	if e.output == "" {
		return false, nil
	}
	_, missing := os.Stat(e.checkpoint())
	if missing == nil && !e.resume {
		return false, usage("%s is the checkpoint of a run that was stopped: go on with --resume, or remove it to start anew", e.checkpoint())
	}
	if missing == nil || !e.resume {
		return false, nil
	}
	old := settingsOf(e.output)
	if old == nil {
		return false, nil // there is nothing to resume, and nothing that says it is complete
	}
	now := set
	now.Step, now.Version, now.InitHash = old.Step, old.Version, old.InitHash
	if !set.Tuned {
		now.Step = set.Step
	}
	if now.Seed != old.Seed && !set.seedGiven {
		now.Seed = old.Seed
	}
	if string(now.encode()) != string(old.encode()) {
		return false, usage("%s is complete, and of another run: %s; choose another name, or leave --resume out to replace it", e.output, shell(old.arguments()))
	}
	fmt.Fprintf(s.err, "infer: %s is complete: nothing to resume\n", e.output)
	return true, nil
}

// settingsOf are those that a file of draws, or a picture, was made with; nil where nothing says so.
func settingsOf(path string) *settings {
	if isPNG(path) {
		r, err := readRecord(path)
		if err != nil {
			return nil
		}
		return &r.Settings
	}
	_, old, err := readDraws(path)
	if err != nil {
		return nil
	}
	return old
}

// plot writes a figure of draws; d is drawn under them if it is not nil.
func plot(ctx context.Context, path, heading string, t draws.Table, d density.Density) error {
	format, err := figure.FormatOf(path)
	if err != nil {
		return usage("--plot %s: %w", path, err)
	}
	return store.WriteFile(path, func(w io.Writer) error {
		return figure.Plot(ctx, w, format, figure.Spec{Title: heading, Names: t.Names, Draws: t.Points, Density: d})
	})
}

// title says in a line what was drawn and how.
func title(set settings) string {
	name := set.Density
	switch {
	case set.LogP != "":
		name = "log p = " + set.LogP
	case set.Model != "":
		name = filepath.Base(set.Model)
	}
	steps := spelling.Counted(set.Steps, "step")
	if set.Sampler == samplerAnnealed {
		steps = spelling.Counted(set.Levels, "level") + " of " + steps
	}
	what := "particle"
	if set.isImages() {
		what = "image"
	}
	return fmt.Sprintf("%s, %s, %s after %s, seed %d", name,
		map[string]string{samplerMALA: "MALA", samplerLangevin: "Langevin", samplerAnnealed: "annealed Langevin", samplerHeun: "Heun's method"}[set.Sampler],
		spelling.Counted(set.Particles, what), steps, set.Seed)
}

// writable finds out whether a file can be made, without touching what stands there.
func writable(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name a file", path)
	}
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s cannot be written: there is no folder %s: make it first", path, folder)
	}
	probe, err := os.CreateTemp(folder, ".infer-*")
	if err != nil {
		var failed *os.PathError
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return fmt.Errorf("%s cannot be written: %w: choose another folder", path, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}
