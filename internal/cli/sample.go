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
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/mcmc"
)

// effort is what a run costs and where its results go: nothing here changes a draw.
type effort struct {
	workers         int
	blockSize       int
	backend         string
	output, plot    string
	checkpointEvery time.Duration
	resume          bool
	json, strict    bool
	quiet           bool
	compare         *draws.Table // the draws that the run should give again, or nil
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
  infer sample --density donut -o draws.npz --steps 100000 --resume`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := complete(c, &set, &e, constants, step); err != nil {
				return err
			}
			return sample(c.Context(), s, set, e)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&set.Density, "density", "", "a built-in density: infer list densities")
	f.StringVar(&set.LogP, "logp", "", "log p of the point x as a formula, with --dim")
	f.IntVar(&set.Dim, "dim", 0, "number of coordinates of x; for a built-in density that has it in several")
	f.StringArrayVar(&constants, "const", nil, "a constant of the formula, name=number; may be repeated")
	f.StringVar(&set.Sampler, "sampler", samplerMALA, "mala or langevin: infer list samplers")
	f.StringVar(&step, "step", "", "step size (default: set on pilots for mala, 0.01 for langevin)")
	f.Uint64Var(&set.Steps, "steps", defaultSteps, "transitions of each particle")
	f.IntVar(&set.Particles, "particles", defaultParticles, "number of particles, each of which becomes one draw")
	f.Uint64Var(&set.Seed, "seed", 0, "seed of all random numbers (default: a new one, printed)")
	f.StringVar(&set.Init, "init", initNormal, "start: normal (N(0, I)), uniform (-1 to 1 a coordinate), or a file of points")
	f.StringVarP(&e.output, "output", "o", "", "write the draws: .npz, .npy or .csv")
	f.StringVar(&e.plot, "plot", "", "write a figure: .png, .svg or .pdf")
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
	switch {
	case changed("density") && changed("logp"):
		return usage("--density and --logp are two ways to name the target: give one")
	case !changed("density") && !changed("logp"):
		return usage("sample from what? Give --density NAME (infer list densities) or --logp FORMULA with --dim")
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
	case set.Steps >= 1<<40:
		return usage("--steps %d: at most 2^40-1", set.Steps)
	case e.resume && e.output == "":
		return usage("--resume needs the -o of the run that was stopped: its checkpoint stands beside it")
	}
	if set.Constants, err = parseConstants(constants); err != nil {
		return err
	}
	if err := oneOf("sampler", set.Sampler, names(samplers)); err != nil {
		return err
	}
	if e.backend != "" {
		if err := oneOf("backend", e.backend, []string{"generic", "avx2", "avx512"}); err != nil {
			return err
		}
		if err := backends.Use(e.backend); err != nil {
			return usage("--%w", err)
		}
	}
	switch {
	case step != "":
		set.Step, err = strconv.ParseFloat(step, 64)
		if err != nil || !(set.Step > 0) || math.IsInf(set.Step, 0) {
			return usage("--step %s: a step size is a positive number, about the square of the smallest width of the density", step)
		}
	case set.Sampler == samplerLangevin:
		set.Step = tutorialStep
	default:
		set.Tuned = true
	}
	if !changed("seed") {
		var b [4]byte
		if _, err := rand.Read(b[:]); err != nil {
			return fmt.Errorf("no random seed: %w", err)
		}
		set.Seed = uint64(binary.LittleEndian.Uint32(b[:]))
	}
	return checkOutputs(e)
}

// checkOutputs finds out before the run what would fail after it.
func checkOutputs(e *effort) error {
	if e.output != "" {
		switch suffix := strings.ToLower(filepath.Ext(e.output)); suffix {
		case ".npz", ".npy", ".csv":
		default:
			return usage("-o %s: no format has the suffix %q: use .npz, .npy or .csv", e.output, suffix)
		}
	}
	if e.plot != "" {
		if _, err := figure.FormatOf(e.plot); err != nil {
			return usage("--plot %s: %w", e.plot, err)
		}
	}
	for _, path := range []string{e.output, e.plot} {
		if path == "" {
			continue
		}
		if err := writable(path); err != nil {
			return data(err)
		}
	}
	return nil
}

// sample carries out a plan: run, files, words. Files come first, so that a reader of the words that goes away loses none.
func sample(ctx context.Context, s *streams, set settings, e effort) error {
	began := time.Now()
	d, err := target(set)
	if err != nil {
		return err
	}
	set.Dim = d.Dim()
	if err := checkMemory(set); err != nil {
		return err
	}
	job, err := newJob(s, set, e, d)
	if err != nil {
		return err
	}
	if err := job.run(ctx); err != nil {
		return err
	}
	table := draws.Table{Points: job.Positions(), LogProb: job.LogProb(), Meta: job.set.encode()}
	if e.compare != nil {
		if err := difference(*e.compare, table); err != nil {
			return data(err)
		}
		fmt.Fprintln(s.err, "infer: the same draws, bit for bit")
	}
	if e.output != "" {
		if err := draws.Write(e.output, table); err != nil {
			return err
		}
		if err := os.Remove(job.Checkpoint); err != nil && !errors.Is(err, os.ErrNotExist) {
			return data(err)
		}
	}
	if e.plot != "" {
		if err := plot(ctx, e.plot, title(job.set), table, d); err != nil {
			return err
		}
	}
	r := job.report(table)
	r.Seconds = time.Since(began).Seconds()
	if err := r.print(s, table, e); err != nil {
		return err
	}
	if e.strict && len(r.Faults) > 0 {
		return &codedError{exitStrict, fmt.Errorf("--strict: %s", r.Faults[0])}
	}
	return nil
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
	if set.LogP != "" {
		name = "log p = " + set.LogP
	}
	return fmt.Sprintf("%s, %s, %s particles after %s steps, seed %d", name,
		map[string]string{samplerMALA: "MALA", samplerLangevin: "Langevin"}[set.Sampler], grouped(uint64(set.Particles)), grouped(set.Steps), set.Seed)
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
