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

// SinkSubject is a sink under test.
type SinkSubject struct {
	// Open makes an empty sink for the draws of particles 0 to particles-1 at one transition, with log p of each.
	Open func(particles, dim int, transition uint64) (mcmc.Sink, error)
	// Read ends a sink that Open made and returns what it has: a point a particle, and log p, nil if it keeps none.
	Read func(sink mcmc.Sink) (*lanes.Block, []float64, error)
}

// Sink checks that a sink keeps its contract.
func Sink(t T, s SinkSubject) {
	t.Helper()
	if err := s.kept(false); err != nil {
		t.Errorf("%s: %v", Kept, err)
	}
	if err := s.kept(true); err != nil {
		t.Errorf("%s: %v", Repeated, err)
	}
	if err := s.refused(); err != nil {
		t.Errorf("%s: %v", Refused, err)
	}
}

const (
	sinkParticles  = 1000
	sinkDim        = 3
	sinkTransition = 42
)

// kept puts blocks from several goroutines in no order, some twice, and spoils them after each call.
func (s SinkSubject) kept(twice bool) error {
	sink, err := s.Open(sinkParticles, sinkDim, sinkTransition)
	if err != nil {
		return err
	}
	want := lanes.New(sinkParticles, sinkDim)
	random.New(seed, random.User).Normal(want, 0, 0)
	logp := append([]float64(nil), want.Row(0)[:sinkParticles]...)
	put := func(from, to int) error {
		x := lanes.New(to-from, sinkDim)
		x.CopyPoints(0, want, from, to-from)
		l := append([]float64(nil), logp[from:to]...)
		err := sink.Put(context.Background(), mcmc.Draws{X: x, First: uint64(from), Transition: sinkTransition, LogProb: l})
		for i := range x.Data() {
			x.Data()[i] = math.NaN()
		}
		for i := range l {
			l[i] = math.NaN()
		}
		return err
	}
	blocks := [][2]int{{800, 1000}, {0, 104}, {104, 112}, {112, 400}, {400, 799}, {799, 800}}
	if twice {
		blocks = append(blocks, blocks[0], blocks[2], [2]int{0, 50})
	}
	problems := make([]error, len(blocks))
	var wait sync.WaitGroup
	for i, b := range blocks {
		wait.Go(func() { problems[i] = put(b[0], b[1]) })
		if i == 2 {
			if err := sink.Sync(); err != nil {
				return fmt.Errorf("sync: %w", err)
			}
		}
	}
	wait.Wait()
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := sink.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	got, gotLogP, err := s.Read(sink)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if got.Len() != sinkParticles || got.Dim() != sinkDim {
		return fmt.Errorf("%d points of %d coordinates come back, %d of %d were put", got.Len(), got.Dim(), sinkParticles, sinkDim)
	}
	if i, j, ok := samePoints(want, 0, got); !ok {
		return fmt.Errorf("coordinate %d of particle %d is %v, %v was put", j, i, got.Row(j)[i], want.Row(j)[i])
	}
	for i, v := range gotLogP {
		if !same(v, logp[i]) {
			return fmt.Errorf("log p of particle %d is %v, %v was put", i, v, logp[i])
		}
	}
	return nil
}

func (s SinkSubject) refused() error {
	for what, d := range map[string]mcmc.Draws{
		"draws of another dimension":               {X: lanes.New(8, sinkDim+1), Transition: sinkTransition, LogProb: make([]float64, 8)},
		"particles beyond the last one":            {X: lanes.New(8, sinkDim), First: sinkParticles - 4, Transition: sinkTransition, LogProb: make([]float64, 8)},
		"a first particle near the largest number": {X: lanes.New(8, sinkDim), First: math.MaxUint64 - 3, Transition: sinkTransition, LogProb: make([]float64, 8)},
	} {
		sink, err := s.Open(sinkParticles, sinkDim, sinkTransition)
		if err != nil {
			return err
		}
		if err := sink.Put(context.Background(), d); err == nil {
			return fmt.Errorf("%s are taken", what)
		}
	}
	return nil
}
