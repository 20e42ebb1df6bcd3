package mcmc

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// streams are those of one population.
type streams struct{ start, noise, accept random.Stream }

// streamsOf are the streams of the population itself (role 0), or of one beside it.
func streamsOf(seed uint64, role random.Purpose) streams {
	if role == 0 {
		return streams{random.New(seed, random.Start), random.New(seed, random.Noise), random.New(seed, random.Accept)}
	}
	base := random.New(seed, role)
	return streams{base.Sub(uint64(random.Start)), base.Sub(uint64(random.Noise)), base.Sub(uint64(random.Accept))}
}

// prepare checks the settings, tunes the kernel, cuts the population into blocks. Once.
func (r *Run) prepare(ctx context.Context) error {
	if r.blocks != nil {
		return nil
	}
	if err := r.check(); err != nil {
		return err
	}
	kernel, tuning := r.Kernel, Tuning{}
	if r.Tune {
		tuned, t, err := tune(ctx, r)
		if err != nil {
			return err
		}
		kernel, tuning = tuned, t
	}
	if r.Checkpoint != "" {
		id, err := r.identify(ctx, kernel, tuning)
		if err != nil {
			return err
		}
		r.identity = id
	}
	r.build(kernel, tuning, r.cut(kernel))
	return nil
}

// check refuses settings that cannot work.
func (r *Run) check() error {
	if r.Start == nil {
		return errors.New("mcmc: a run without a Start: set it to a Sampler, Normal{Coordinates: 2} for example")
	}
	if r.Kernel == nil {
		return errors.New("mcmc: a run without a Kernel: set it, to a MALA for example")
	}
	kernel := r.Kernel
	if r.Tune {
		tunable, ok := kernel.(Tunable)
		if !ok {
			return fmt.Errorf("mcmc: %s cannot be tuned: it rejects nothing that could tell whether a step is good: set its step, and Tune to false", kernelName(kernel))
		}
		kernel = tunable.WithStep(1)
	}
	if err := check(kernel); err != nil {
		return err
	}
	if err := check(r.Start); err != nil {
		return err
	}
	if k, s := kernel.Dim(), r.Start.Dim(); k != s {
		return fmt.Errorf("mcmc: the start has %d coordinates, the target %d: give a start of %d", s, k, k)
	}
	switch {
	case r.Particles < 1:
		return fmt.Errorf("mcmc: %d particles: a run has at least 1", r.Particles)
	case r.Workers < 0:
		return fmt.Errorf("mcmc: %d workers: give at least 1, or 0 for as many as the machine has", r.Workers)
	case r.BlockSize < 0:
		return fmt.Errorf("mcmc: blocks of %d particles: give at least 1, or 0 for a good choice", r.BlockSize)
	case r.First > math.MaxUint64-uint64(r.Particles):
		return fmt.Errorf("mcmc: %d particles from number %d: the last number is 2^64-1", r.Particles, r.First)
	case r.Population != 0 && r.Population < r.First+uint64(r.Particles):
		return fmt.Errorf("mcmc: particles %d to %d of a population of %d: a shard lies inside its population", r.First, r.First+uint64(r.Particles)-1, r.Population)
	case r.CheckpointEvery < 0:
		return fmt.Errorf("mcmc: a checkpoint every %v: give a positive duration, or 0 for none in between", r.CheckpointEvery)
	}
	return nil
}

// population is the declared size of the whole population.
func (r *Run) population() uint64 {
	if r.Population != 0 {
		return r.Population
	}
	return r.First + uint64(r.Particles)
}

// whole says whether this run is the population and no shard of it.
func (r *Run) whole() bool { return uint64(r.Particles) == r.population() }

// build takes a kernel and a cut, the numbers at which blocks begin and the end, and makes the blocks.
func (r *Run) build(kernel Kernel, tuning Tuning, cut []int) {
	r.kernel, r.tuning = kernel, tuning
	columns := 0
	for _, look := range r.Looks {
		columns += look.Columns()
	}
	streams := streamsOf(r.Seed, r.Role)
	r.workers = make([]worker, min(parallel.Workers(r.Workers), len(cut)-1))
	r.done = make([]parallel.Counter, len(r.workers))
	r.blocks = make([]*block, len(cut)-1)
	for i := range r.blocks {
		n := cut[i+1] - cut[i]
		r.blocks[i] = &block{
			index: i,
			state: newState(kernel, n, r.First+uint64(cut[i]), streams),
			looks: lanes.New(n, columns),
		}
	}
}

// usualBlock is a number of particles that fills the vectors, spreads the cost of a call, and leaves the state of
// a density of low dimension in the nearest caches. Of a high dimension it is fewer, with usualNumbers coordinates in all.
const usualBlock, usualNumbers = 256, 1 << 16

// few is the number of particles a worker below which whole vectors are not worth an uneven cut: ten images, each of them
// much work, are five and five for two workers, not eight and two.
const few = 64

// cut divides the particles evenly into blocks, of whole vectors where there are many: the numbers at which they begin, and
// the end. Where it is free to, it makes the number of blocks a multiple of that of the workers, so that they end together.
func (r *Run) cut(kernel Kernel) []int {
	workers := parallel.Workers(r.Workers)
	unit := lanes.Width
	if r.Particles/few < workers {
		unit = 1
	}
	units := (r.Particles-1)/unit + 1
	size := r.BlockSize
	if size == 0 {
		size = max(min(usualBlock, lanes.Pad(usualNumbers/kernel.Dim())), lanes.Width, lanesOf(kernel))
	}
	unitsPerBlock := (min(size, r.Particles)-1)/unit + 1
	blocks := (units-1)/unitsPerBlock + 1
	if r.BlockSize == 0 {
		blocks = min(units, (blocks+workers-1)/workers*workers)
	}
	cut := make([]int, blocks+1)
	for i := range cut {
		// units*i does not overflow: both are below the number of particles in memory.
		cut[i] = min(r.Particles, units*i/blocks*unit)
	}
	return cut
}

// Memory is the number of bytes that the population of this run takes up, checkpoints and sinks apart.
func (r *Run) Memory() (uint64, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	kernel := r.Kernel
	carried, _ := kernel.Columns()
	columns := kernel.Dim() + carried + 2
	for _, look := range r.Looks {
		columns += look.Columns()
	}
	particles, bytes := uint64(lanes.Pad(r.Particles)), 8*uint64(columns)
	if particles > math.MaxUint64/bytes {
		return math.MaxUint64, nil
	}
	return particles * bytes, nil
}

// kernelName is what a kernel calls itself, or its type.
func kernelName(k Kernel) string {
	if s, ok := k.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", k)
}
