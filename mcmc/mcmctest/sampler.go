package mcmctest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
)

// Sampler checks that a sampler keeps its contract. It draws particles 0 to 60.
func Sampler(t T, s mcmc.Sampler) {
	t.Helper()
	if s.Dim() < 1 {
		t.Errorf("%s: Dim is %d", Dimension, s.Dim())
		return
	}
	if err := samplerDraws(s); err != nil {
		t.Errorf("%s: %v", Draws, err)
	}
	if err := samplerConcurrent(s); err != nil {
		t.Errorf("%s: %v", Concurrent, err)
	}
}

// sample draws particles first to first+n-1 into a block full of NaN.
func sample(s mcmc.Sampler, n int, first, seed uint64) (*lanes.Block, error) {
	dst := lanes.New(n, s.Dim())
	for i := range dst.Data() {
		dst.Data()[i] = math.NaN()
	}
	return dst, s.Sample(context.Background(), dst, random.New(seed, random.Start), first)
}

func samplerDraws(s mcmc.Sampler) error {
	whole, err := sample(s, someParticles, 0, seed)
	if err != nil {
		return err
	}
	for j := range whole.Dim() {
		for i, v := range whole.Row(j)[:someParticles] {
			if v-v != 0 {
				return fmt.Errorf("coordinate %d of particle %d is %v", j, i, v)
			}
		}
	}
	for _, part := range [][2]int{{0, someParticles}, {0, 1}, {1, 9}, {10, 8}, {18, 43}} {
		b, err := sample(s, part[1], uint64(part[0]), seed)
		if err != nil {
			return err
		}
		if i, j, ok := samePoints(whole, part[0], b); !ok {
			return fmt.Errorf("coordinate %d of particle %d is %v in a block of %d and %v in one of %d", j, part[0]+i,
				whole.Row(j)[part[0]+i], someParticles, b.Row(j)[i], part[1])
		}
	}
	return nil
}

func samplerConcurrent(s mcmc.Sampler) error {
	whole, err := sample(s, someParticles, 0, seed)
	if err != nil {
		return err
	}
	problems := make([]error, 8)
	var wait sync.WaitGroup
	for k := range problems {
		wait.Go(func() {
			b, err := sample(s, someParticles-k, uint64(k), seed)
			if err == nil {
				if i, j, ok := samePoints(whole, k, b); !ok {
					err = fmt.Errorf("coordinate %d of particle %d is another beside other calls", j, k+i)
				}
			}
			problems[k] = err
		})
	}
	wait.Wait()
	return errors.Join(problems...)
}
