package draws_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

// pull is the score of a standard normal.
type pull struct{ dim int }

func (p pull) Dim() int { return p.dim }

func (p pull) Score(_ context.Context, dst, x *lanes.Block) error {
	for i, v := range x.Data() {
		dst.Data()[i] = -v
	}
	return nil
}

var recorded = []uint64{5, 10, 15, 20}

// run is 200 particles that record transitions 5, 10, 15 and 20.
func run(sink mcmc.Sink, checkpoint string) *mcmc.Run {
	return &mcmc.Run{
		Start:     mcmc.Normal{Coordinates: 2},
		Kernel:    mcmc.Langevin{Score: pull{2}, Step: 0.1},
		Particles: 200, Seed: 3, Workers: 2, BlockSize: 16,
		Sink:       sink,
		Record:     func(transition uint64) bool { return slices.Contains(recorded, transition) },
		Checkpoint: checkpoint,
	}
}

func TestSinksHoldWhatTheRunHolds(t *testing.T) {
	m := &draws.Memory{Particles: 200, Dim: 2, Every: true}
	r := run(m, "")
	if err := r.To(context.Background(), 20); err != nil {
		t.Fatal(err)
	}
	if got := m.Transitions(); !slices.Equal(got, recorded) {
		t.Errorf("transitions %v", got)
	}
	latest, err := m.Table()
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, "the latest draws", latest, draws.Table{Names: latest.Names, Points: r.Positions()})
	if first, err := m.At(5); err != nil || first.Points.Row(0)[0] == latest.Points.Row(0)[0] {
		t.Errorf("transition 5 is transition 20, or %v", err)
	}
}

func TestStoppedRunLeavesTheSameFileInTheEnd(t *testing.T) {
	dir := t.TempDir()
	shape := draws.Shape{Particles: 200, Dim: 2, Transitions: recorded}
	whole, stopped, checkpoint := filepath.Join(dir, "whole.npy"), filepath.Join(dir, "stopped.npy"), filepath.Join(dir, "stopped.npy.ckpt")
	sink, err := draws.CreateNPY(whole, shape)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(run(sink, "").To(context.Background(), 20), sink.Commit()); err != nil {
		t.Fatal(err)
	}

	if sink, err = draws.CreateNPY(stopped, shape); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := run(sink, checkpoint)
	r.Workers = 1
	blocks, record := 0, r.Record
	r.Record = func(transition uint64) bool {
		if transition == 12 {
			if blocks++; blocks == 5 { // four blocks done, the fifth in the middle, the others not begun
				cancel()
			}
		}
		return record(transition)
	}
	var end *mcmc.StoppedError
	if err := r.To(ctx, 20); !errors.As(err, &end) {
		t.Fatalf("%v", err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}

	if sink, err = draws.ReopenNPY(stopped, shape); err != nil {
		t.Fatal(err)
	}
	r = run(sink, checkpoint)
	if _, err := r.Resume(context.Background(), checkpoint); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.To(context.Background(), 20), sink.Commit()); err != nil {
		t.Fatal(err)
	}
	a, b := mustRead(t, whole, draws.Options{PointAxes: 2}), mustRead(t, stopped, draws.Options{PointAxes: 2})
	sameBits(t, "resumed", b, a)
	if a.Points.Len() != 800 || slices.Contains(a.Points.Row(0)[:800], 0) || math.IsNaN(a.Points.Row(0)[0]) {
		t.Error("places are empty")
	}
	if bytes, err := os.ReadFile(stopped); err != nil || len(bytes) != 128+8*2*800 {
		t.Errorf("%d bytes, %v", len(bytes), err)
	}
}
