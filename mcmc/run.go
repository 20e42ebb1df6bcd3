package mcmc

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Run is a population under a kernel, on all workers. Set its fields, call [Run.To], read the population.
//
// The draws depend on Start, Kernel, Seed, the numbers of the particles and, if the run is tuned, Population;
// on nothing else. The fields may not change after the first call of To or [Run.Resume]; a Run may not be copied.
type Run struct {
	Start     Sampler
	Kernel    Kernel
	Particles int // at least 1
	// First is the number of the first particle and Population how many all the shards of a run have
	// together. One that is whole leaves both at 0.
	First      uint64
	Population uint64
	Seed       uint64
	// Role says whose random numbers the particles use: 0 for the population's own, another purpose for
	// one beside it, as pilots are.
	Role random.Purpose

	// Tune sets the step size of a Tunable kernel on pilots before the first transition; the kernel's own
	// step does not matter then.
	Tune bool

	Workers   int // at once; 0 for as many as the machine has
	BlockSize int // particles that share a call of the kernel, at most; 0 for a good choice

	Looks []Look
	// Sink is given the positions at the transitions for which Record is true, or, if Record is nil, at
	// each transition To is asked for. It may be nil.
	Sink   Sink
	Record func(transition uint64) bool

	// Progress is called from one goroutine at a time, at most every 100 ms and at the end of To. It may be nil.
	Progress func(Progress)

	// Checkpoint is a file that To keeps, every CheckpointEvery (0: never in between) and when it is stopped,
	// with all that [Run.Resume] needs. Empty for none. Whoever has used the draws removes it.
	Checkpoint      string
	CheckpointEvery time.Duration

	kernel   Kernel // Kernel with its tuned step
	tuning   Tuning
	blocks   []*block
	workers  []worker
	done     []parallel.Counter // particle transitions, by worker
	begun    bool               // every block has its start
	identity identity
	saving   atomic.Pointer[snapshot] // the checkpoint that blocks publish into, or nil
}

// Progress is how far a run is.
type Progress struct {
	Done, Total uint64 // transitions, summed over the particles
	Transition  uint64 // the transition To was asked for
}

// block is a part of the population and what is noted of it.
type block struct {
	mu     sync.Mutex // held by whoever works on the block
	index  int
	state  *State
	looks  *lanes.Block // columns of all looks
	ready  bool         // the start is drawn and the kernel initialised
	put    bool         // the sink has had the draws of the present transition
	looked bool         // the looks of the present transition are taken
	saved  *snapshot    // the checkpoint in the making that the block is already in
}

// worker is what a goroutine needs, and keeps from block to block.
type worker struct {
	scratch []*lanes.Block // by number of particles: an even cut has two or three
}

func (w *worker) scratchFor(n, columns int) *lanes.Block {
	for _, b := range w.scratch {
		if b.Len() == n {
			return b
		}
	}
	b := lanes.New(n, columns)
	w.scratch = append(w.scratch, b)
	return b
}

// lastTransition is the largest transition: the counter of the random numbers has 40 bits for it.
const lastTransition = 1<<40 - 1

// To takes every particle to transition t; those that are there stay. It may be called again with a larger t,
// and only between two calls may the population meet.
//
// When ctx ends, To stops after the transitions under way, writes the checkpoint, and returns an error with
// ctx's in its chain; a later call goes on. An error of the target stops the run in the same way, and keeps
// what is done. A particle of an unadjusted kernel that is no longer finite at t is a [DivergedError].
func (r *Run) To(ctx context.Context, t uint64) error {
	if t > lastTransition {
		return fmt.Errorf("mcmc: transition %d: the last one is %d", t, uint64(lastTransition))
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.begin(ctx, t); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	finish := r.accompany(t, cancel)
	err := parallel.Do(len(r.workers), len(r.blocks), func(worker, i int) error {
		return r.advance(ctx, worker, r.blocks[i], t)
	})
	saved := finish()
	if err != nil {
		if saved != nil {
			return saved // it stopped the others
		}
		stopped := &StoppedError{Transition: r.mean(), Asked: t, Err: context.Cause(ctx)}
		if ctx.Err() != nil {
			err = stopped
		}
		if r.Checkpoint != "" {
			if failed := r.save(); failed != nil {
				return fmt.Errorf("%w; and no checkpoint could be written: %w", err, failed)
			}
			stopped.Saved = true
		}
		return err
	}
	if saved != nil {
		return saved
	}
	return r.diverged(t)
}

// StoppedError says that To was stopped by its context. The run can go on.
type StoppedError struct {
	Transition uint64 // how far the particles are on average, rounded down
	Asked      uint64
	Saved      bool  // the checkpoint has what is done
	Err        error // why the context ended
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("mcmc: stopped at transition %d of %d: %v", e.Transition, e.Asked, e.Err)
}

func (e *StoppedError) Unwrap() error { return e.Err }

// OutsideError says that the whole population starts where log p is -Inf, from which nothing tells the way.
type OutsideError struct {
	Particles int
	Point     []float64 // where the first particle starts
}

func (e *OutsideError) Error() string {
	return fmt.Sprintf("mcmc: all %d particles start out of the support (log p is -Inf), the first at %s: give a start inside it", e.Particles, point(e.Point))
}

// begin draws the starts of the blocks that have none.
func (r *Run) begin(ctx context.Context, t uint64) error {
	if r.begun {
		return nil
	}
	start := streamsOf(r.Seed, r.Role).start
	_, scratch := r.kernel.Columns()
	err := parallel.Do(len(r.workers), len(r.blocks), func(worker, i int) error {
		b := r.blocks[i]
		if b.ready {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return &StoppedError{Asked: t, Err: context.Cause(ctx)}
		}
		s := b.state
		s.attach(r.workers[worker].scratchFor(s.Len(), scratch))
		if err := r.Start.Sample(ctx, s.X, start, s.First); err != nil {
			return fmt.Errorf("start of particles %d to %d: %w", s.First, s.First+uint64(s.Len())-1, err)
		}
		if err := finiteStart(s); err != nil {
			return err
		}
		if err := r.kernel.Init(ctx, s); err != nil {
			return particles(s, err)
		}
		b.ready = true
		return nil
	})
	if err != nil {
		return err
	}
	if outside := r.outside(); outside == r.Particles && r.whole() {
		return &OutsideError{Particles: r.Particles, Point: r.blocks[0].state.X.Point(0, nil)}
	}
	r.begun = true
	return nil
}

// advance takes one block to transition t.
func (r *Run) advance(ctx context.Context, number int, b *block, t uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state
	_, scratch := r.kernel.Columns()
	s.attach(r.workers[number].scratchFor(s.Len(), scratch))
	s.Until = max(t, s.Transition)
	n := uint64(s.Len())
	for {
		if shot := r.saving.Load(); shot != nil && shot != b.saved {
			shot.take(r, b)
			b.saved = shot
		}
		if err := r.note(ctx, b); err != nil {
			return particles(s, err)
		}
		if s.Transition >= t {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		before := s.Transition
		if err := r.kernel.Advance(ctx, s); err != nil {
			return particles(s, err)
		}
		if s.Transition != before {
			b.put, b.looked = false, false
		}
		r.done[number].Add(n)
	}
}

// note gives the sink and the looks what they want of the present transition, once. The sink comes first: it may
// be given the same twice, should a look fail.
func (r *Run) note(ctx context.Context, b *block) error {
	s := b.state
	if !b.put && r.Sink != nil && r.recorded(s) {
		if finite(s.X.Data()) || finiteStart(s) == nil {
			draws := Draws{X: s.X, First: s.First, Transition: s.Transition}
			if k, ok := r.kernel.(LogProber); ok {
				draws.LogProb = k.LogProb(s)
			}
			if err := r.Sink.Put(ctx, draws); err != nil {
				return fmt.Errorf("the draws could not be kept: %w", err)
			}
		}
		b.put = true
	}
	if b.looked {
		return nil
	}
	column := 0
	for _, look := range r.Looks {
		count := look.Columns()
		if look.At(s.Transition) {
			columns := make([][]float64, count)
			for c := range columns {
				columns[c] = b.looks.Row(column + c)
			}
			if err := look.Look(ctx, s, columns); err != nil {
				return fmt.Errorf("%T: %w", look, err)
			}
		}
		column += count
	}
	b.looked = true
	return nil
}

func (r *Run) recorded(s *State) bool {
	if r.Record == nil {
		return s.Transition == s.Until
	}
	return r.Record(s.Transition)
}

// accompany starts what goes on beside the workers, and returns how to end it: a last call of Progress, and
// the error of a checkpoint that could not be written, which has stopped the run.
func (r *Run) accompany(t uint64, stop context.CancelCauseFunc) (finish func() error) {
	base := r.travelled()
	for i := range r.done {
		r.done[i].Store(0)
	}
	report := func() {
		r.Progress(Progress{Done: base + parallel.Total(r.done), Total: uint64(r.Particles) * t, Transition: t})
	}
	end := make(chan struct{})
	var beside sync.WaitGroup
	if r.Progress != nil {
		beside.Go(func() { every(100*time.Millisecond, end, report) })
	}
	var failed error
	if r.Checkpoint != "" && r.CheckpointEvery > 0 {
		beside.Go(func() {
			every(r.CheckpointEvery, end, func() {
				if failed != nil {
					return
				}
				if failed = r.saveBeside(end); failed != nil {
					stop(failed)
				}
			})
		})
	}
	return func() error {
		close(end)
		beside.Wait()
		if r.Progress != nil {
			report()
		}
		return failed
	}
}

// every calls f at an interval until end is closed.
func every(interval time.Duration, end <-chan struct{}, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-end:
			return
		case <-ticker.C:
			f()
		}
	}
}

// particles says in an error which particles it is about.
func particles(s *State, err error) error {
	return fmt.Errorf("particles %d to %d, transition %d: %w", s.First, s.First+uint64(s.Len())-1, s.Transition, err)
}

// finiteStart refuses positions that are not finite.
func finiteStart(s *State) error {
	for j := range s.X.Dim() {
		if row := s.X.Row(j)[:s.Len()]; !finite(row) {
			for i, v := range row {
				if !isFinite(v) {
					return s.Particle(i, fmt.Sprintf("coordinate %d is %v", j, v))
				}
			}
		}
	}
	return nil
}

// DivergedError says that particles of a kernel that cannot reject are no longer finite numbers. Blocks with
// such particles are not in the sink.
type DivergedError struct {
	Count      int
	Particles  int
	First      uint64 // number of the first of them
	Transition uint64
	Step       float64 // the kernel's, NaN if it has none
}

func (e *DivergedError) Error() string {
	text := fmt.Sprintf("mcmc: %d of %d particles are no longer finite after %d transitions, the first is particle %d", e.Count, e.Particles, e.Transition, e.First)
	if math.IsNaN(e.Step) {
		return text
	}
	return text + fmt.Sprintf(": the step %v is probably too large: try a tenth of it, or a kernel that rejects", e.Step)
}

// diverged looks for particles that are not finite.
func (r *Run) diverged(t uint64) error {
	e := &DivergedError{Particles: r.Particles, Transition: t, Step: math.NaN()}
	for _, b := range r.blocks {
		if finite(b.state.X.Data()) {
			continue
		}
		for i := range b.state.Len() {
			if !finitePoint(b.state.X, i) {
				if e.Count == 0 {
					e.First = b.state.First + uint64(i)
				}
				e.Count++
			}
		}
	}
	if e.Count == 0 {
		return nil
	}
	if k, ok := r.kernel.(Stepper); ok {
		e.Step = k.StepSize()
	}
	return e
}
