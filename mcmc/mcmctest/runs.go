package mcmctest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

func (c *kernelSuite) run(k mcmc.Kernel) *mcmc.Run {
	return &mcmc.Run{Start: c.Start, Kernel: k, Particles: 5 * someParticles, Seed: seed}
}

func (c *kernelSuite) runs() error {
	ctx := context.Background()
	first := c.run(c.healthy())
	if err := first.To(ctx, someSteps); err != nil {
		return err
	}
	want := first.Positions()
	compare := func(what string, r *mcmc.Run, rounds ...uint64) error {
		sink := &memory{x: lanes.New(r.Particles, want.Dim()), at: someSteps, first: r.First}
		r.Sink = sink
		for _, transition := range append(rounds, someSteps) {
			if err := r.To(ctx, transition); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		if i, j, ok := samePoints(want, int(r.First), sink.x); !ok {
			return fmt.Errorf("%s: coordinate %d of particle %d is another", what, j, r.First+uint64(i))
		}
		return nil
	}
	for _, workers := range []int{1, 2, 7} {
		for _, size := range []int{8, 40, 4096} {
			r := c.run(c.healthy())
			r.Workers, r.BlockSize = workers, size
			if err := compare(fmt.Sprintf("%d workers, blocks of %d", workers, size), r); err != nil {
				return err
			}
		}
	}
	if err := compare("in rounds", c.run(c.healthy()), 0, 1, 2, 3, 11); err != nil {
		return err
	}
	for _, shard := range [][2]int{{0, 100}, {100, 101}, {101, 5 * someParticles}} {
		r := c.run(c.healthy())
		r.First, r.Particles, r.Population = uint64(shard[0]), shard[1]-shard[0], 5*someParticles
		if err := compare(fmt.Sprintf("the shard of particles %d to %d", shard[0], shard[1]-1), r); err != nil {
			return err
		}
	}
	return nil
}

func (c *kernelSuite) resumed() (err error) {
	whole := c.run(c.healthy())
	if err := whole.To(context.Background(), someSteps); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mcmctest")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "checkpoint")
	for stops := 0; ; stops++ {
		if stops > 1000 {
			return errors.New("a run that is stopped after every 40 evaluations does not end in 1000 resumes")
		}
		ctx, cancel := context.WithCancel(context.Background())
		var calls atomic.Int64
		counting := false
		r := c.run(c.Kernel(func() error {
			if counting && calls.Add(1) == 40 {
				cancel()
			}
			return nil
		}))
		r.Checkpoint, r.BlockSize, r.Workers = path, 16, 1+stops%2
		if stops > 0 {
			if _, err := r.Resume(context.Background(), path); err != nil {
				cancel()
				return err
			}
		} else if err := r.To(context.Background(), 0); err != nil {
			cancel()
			return err
		}
		counting = true
		err := r.To(ctx, someSteps)
		cancel()
		switch {
		case errors.Is(err, context.Canceled):
			continue
		case err != nil:
			return err
		case stops == 0:
			return errors.New("the run could not be stopped")
		}
		if i, j, ok := samePoints(whole.Positions(), 0, r.Positions()); !ok {
			return fmt.Errorf("coordinate %d of particle %d is another after %d resumes", j, i, stops)
		}
		return nil
	}
}

// invariant compares exact draws with where 100 transitions take them: means of coordinates and of their squares, which
// are off by 1 % of themselves before they are seen.
func (c *kernelSuite) invariant() error {
	if c.Exact == nil {
		return nil
	}
	const particles, steps, limit = 20_000, 100, 4.5
	r := &mcmc.Run{Start: c.Exact, Kernel: c.healthy(), Particles: particles, Seed: seed}
	if err := r.To(context.Background(), 0); err != nil {
		return err
	}
	before := r.Positions()
	if err := r.To(context.Background(), steps); err != nil {
		return err
	}
	after := r.Positions()
	for j := range before.Dim() {
		for _, power := range []float64{1, 2} {
			var sum, squares float64
			for i := range particles {
				d := math.Pow(after.Row(j)[i], power) - math.Pow(before.Row(j)[i], power)
				sum += d
				squares += d * d
			}
			if z := sum / math.Sqrt(squares); math.Abs(z) > limit {
				return fmt.Errorf("the mean of x[%d]^%v of exact draws changed in %d transitions by %.1f standard errors", j, power, steps, z)
			}
		}
	}
	if report := r.Report(); r.Adjusted() && !(report.Acceptance > 0) {
		return fmt.Errorf("the mean acceptance is %v: a kernel that stands still leaves every law as it is", report.Acceptance)
	}
	return nil
}
