package mcmc

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/scorefield/infer/internal/store"
)

// Resume takes up a run where the checkpoint in a file was written, before the first call of To; then To goes on
// to the same bits. The cut into blocks and the tuned step are those of the checkpoint. Another target, start,
// kernel, seed or epoch than the checkpoint's is a [DifferentRunError] that names the difference.
//
// It returns how far the particles are on average, rounded down to a whole transition: blocks run one after the
// other, so the particle that is least far is mostly at 0.
func (r *Run) Resume(ctx context.Context, path string) (uint64, error) {
	if r.blocks != nil {
		return 0, fmt.Errorf("mcmc: resume of a run that has begun: resume a new one")
	}
	if err := r.check(); err != nil {
		return 0, err
	}
	sections, err := store.ReadCheckpoint(path)
	if err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	if err := r.restore(ctx, sections); err != nil {
		*r = Run{ // what was asked for, without what was half restored
			Start: r.Start, Kernel: r.Kernel, Particles: r.Particles, First: r.First, Population: r.Population, Seed: r.Seed,
			Role: r.Role, Tune: r.Tune, Workers: r.Workers, BlockSize: r.BlockSize, Looks: r.Looks, Sink: r.Sink,
			Record: r.Record, Progress: r.Progress, Checkpoint: r.Checkpoint, CheckpointEvery: r.CheckpointEvery,
		}
		return 0, fmt.Errorf("resume from %s: %w", path, err)
	}
	return r.mean(), nil
}

// SeedOf is the seed of the run whose checkpoint a file is.
func SeedOf(path string) (uint64, error) {
	sections, err := store.ReadCheckpoint(path)
	if err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	var there identity
	if err := json.Unmarshal(sections[sectionIdentity], &there); err != nil {
		return 0, fmt.Errorf("resume from %s: %w: its identity cannot be read: %w", path, store.ErrCorrupt, err)
	}
	return there.Seed, nil
}

func (r *Run) restore(ctx context.Context, sections map[string][]byte) error {
	var there identity
	if err := json.Unmarshal(sections[sectionIdentity], &there); err != nil {
		return fmt.Errorf("%w: its identity cannot be read: %w", store.ErrCorrupt, err)
	}
	kernel := r.Kernel
	tuning := there.Tuning
	if r.Tune && there.Tuned {
		step, err := strconv.ParseUint(there.Step, 16, 64)
		if err != nil {
			return fmt.Errorf("%w: its step %q is no number", store.ErrCorrupt, there.Step)
		}
		tuning.Step = math.Float64frombits(step)
		tuned := kernel.(Tunable).WithStep(tuning.Step)
		if err := check(tuned); err != nil {
			return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		kernel = tuned
	}
	if err := r.settingsDiffer(there); err != nil {
		return err
	}
	here, err := r.identify(ctx, kernel, tuning)
	if err != nil {
		return err
	}
	if err := differ(there, here); err != nil {
		return err
	}
	cut, err := readCut(sections[sectionCut], r.Particles)
	if err != nil {
		return err
	}
	r.identity = here
	r.build(kernel, tuning, cut)
	return r.fillFrom(sections[sectionBlocks], sections[sectionColumns])
}

// settingsDiffer compares what can be compared without evaluating the target.
func (r *Run) settingsDiffer(there identity) error {
	here := there
	here.Epoch, here.Kernel, here.Start, here.Seed, here.Role = Epoch, kernelName(r.Kernel), startName(r.Start), r.Seed, uint32(r.Role)
	here.Particles, here.First, here.Population, here.Tuned = r.Particles, r.First, r.population(), r.Tune
	here.Looks = r.lookNames()
	return differ(there, here)
}

func differ(there, here identity) error {
	a, b := there.compared(), here.compared()
	for i := range a {
		if a[i] != b[i] {
			return &DifferentRunError{What: a[i][0], Checkpoint: a[i][1], Asked: b[i][1]}
		}
	}
	return nil
}

// readCut reads where blocks begin, and checks that they fill the population.
func readCut(data []byte, particles int) ([]int, error) {
	if len(data)%8 != 0 || len(data) < 16 || len(data)/8 > particles+1 {
		return nil, fmt.Errorf("%w: a cut of %d bytes for %d particles", store.ErrCorrupt, len(data), particles)
	}
	cut := make([]int, len(data)/8)
	for i := range cut {
		v := binary.LittleEndian.Uint64(data[8*i:])
		if v > uint64(particles) || (i > 0 && int(v) <= cut[i-1]) || (i == 0 && v != 0) {
			return nil, fmt.Errorf("%w: block %d begins at particle %d", store.ErrCorrupt, i, v)
		}
		cut[i] = int(v)
	}
	if end := cut[len(cut)-1]; end != particles {
		return nil, fmt.Errorf("%w: the blocks end at particle %d of %d", store.ErrCorrupt, end, particles)
	}
	return cut, nil
}

// fillFrom is the reverse of take.
func (r *Run) fillFrom(blocks, columns []byte) error {
	if want := 8 * numbersPerBlock * len(r.blocks); len(blocks) != want {
		return fmt.Errorf("%w: %d bytes about %d blocks, there should be %d", store.ErrCorrupt, len(blocks), len(r.blocks), want)
	}
	if want := 8 * r.Particles * r.savedColumns(); len(columns) != want {
		return fmt.Errorf("%w: %d bytes of columns, there should be %d", store.ErrCorrupt, len(columns), want)
	}
	for _, b := range r.blocks {
		s := b.state
		first := int(s.First - r.First)
		for c, row := range b.rows() {
			at := columns[8*(c*r.Particles+first):]
			for i := range row {
				row[i] = math.Float64frombits(binary.LittleEndian.Uint64(at[8*i:]))
			}
		}
		var v [numbersPerBlock]uint64
		for i := range v {
			v[i] = binary.LittleEndian.Uint64(blocks[8*(numbersPerBlock*b.index+i):])
		}
		if v[0] > lastTransition {
			return fmt.Errorf("%w: block %d is at transition %d", store.ErrCorrupt, b.index, v[0])
		}
		s.Transition, s.Evaluations, b.looked = v[0], v[1], v[2] != 0
		s.Rejected = Rejections{OutOfSupport: v[3], NaNLogProb: v[4], InfLogProb: v[5], BadGradient: v[6], BadArithmetic: v[7]}
		b.ready = true
	}
	r.begun = true
	return nil
}
