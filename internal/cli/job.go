package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/diagnose"
	"github.com/scorefield/infer/score"
)

// job is a run of the command: the library's run, and what was asked of it.
type job struct {
	mcmc.Run
	s       *streams
	set     settings
	effort  effort
	length  uint64          // transitions of each particle
	watch   *diagnose.Watch // nil where nothing can be judged
	film    *film           // nil for none
	model   *score.Model    // nil for a density
	verdict diagnose.Verdict
	seconds float64 // that the run itself took, pilots included
}

// workers is the number of threads the run has.
func (j *job) workers() int {
	if j.effort.workers > 0 {
		return j.effort.workers
	}
	return runtime.GOMAXPROCS(0)
}

func newJob(s *streams, set settings, e effort, g goal) (*job, error) {
	k, err := kernel(set, g)
	if err != nil {
		return nil, err
	}
	law, err := start(&set, g)
	if err != nil {
		return nil, err
	}
	j := &job{s: s, set: set, effort: e, length: set.Steps, model: g.model}
	j.Start, j.Kernel, j.Particles, j.Seed, j.Workers, j.BlockSize = law, k, set.Particles, set.Seed, e.workers, e.blockSize
	j.Tune = set.Tuned
	if e.output != "" {
		j.Checkpoint, j.CheckpointEvery = e.checkpoint(), e.checkpointEvery
	}
	schedule, falls := k.(interface{ Length() uint64 })
	if falls {
		j.length = schedule.Length()
	}
	if e.film != "" {
		j.film = newFilm(set, k, j.length)
		j.Sink, j.Record = j.film, j.film.wanted
	}
	if falls {
		return j, nil // its law changes with every level, so half-time says nothing
	}
	if isImages(g.model) {
		return j, nil // nothing can be judged of hundreds of coordinates, of which many are constant
	}
	j.watch = diagnose.Attach(&j.Run, set.Steps)
	return j, nil
}

// run takes the population to its end, from the checkpoint if one is to be resumed.
func (j *job) run(ctx context.Context) error {
	if j.effort.resume {
		if err := j.takeUp(ctx); err != nil {
			return err
		}
	}
	bar := newProgress(j.s, j.effort.quiet, "sampling")
	if bar != nil {
		j.Progress = bar.sampling
	}
	began := time.Now()
	err := j.To(ctx, j.length)
	j.seconds = time.Since(began).Seconds()
	bar.end()
	var stopped *mcmc.StoppedError
	if errors.As(err, &stopped) && stopped.Saved {
		return fmt.Errorf("%w; kept in %s; to go on:\n  %s", err, j.Checkpoint, shell(append(j.set.arguments(), "-o", j.effort.output, "--resume")))
	}
	if errors.As(err, &stopped) && j.Checkpoint != "" {
		return fmt.Errorf("%w before the first checkpoint: nothing is kept", stopped.Err)
	}
	if errors.As(err, &stopped) {
		return fmt.Errorf("%w; nothing is kept without -o", stopped)
	}
	if err != nil {
		return j.brokenOff(err)
	}
	if j.set.Tuned {
		j.set.Step = j.Report().Step
	}
	if j.Adjusted() && j.set.Steps > 0 && parallel.Sum(j.Accepted()) == 0 {
		return usage("--step %s: no move of any particle was accepted in %d steps: leave the step out, and pilots set it", number(j.set.Step), j.set.Steps)
	}
	if j.watch != nil {
		j.verdict, err = j.watch.Judge(ctx)
	}
	return err
}

// takeUp goes on from the checkpoint beside the output, or says that there is none.
func (j *job) takeUp(ctx context.Context) error {
	at, err := j.Resume(ctx, j.Checkpoint)
	var different *mcmc.DifferentRunError
	switch {
	case errors.Is(err, os.ErrNotExist):
		fmt.Fprintf(j.s.err, "infer: no checkpoint %s: starting at step 0\n", j.Checkpoint)
		return nil
	case errors.As(err, &different):
		return usage("%w", err)
	case errors.Is(err, store.ErrCorrupt):
		return data(err)
	case err != nil:
		return err
	}
	fmt.Fprintf(j.s.err, "infer: resuming at step %d of %d (mean over particles) from %s\n", at, j.length, j.Checkpoint)
	return nil
}
