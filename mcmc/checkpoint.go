package mcmc

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/lanes"
)

// Epoch counts the changes of results: two versions of this module with one epoch give the same draws for the
// same settings.
const Epoch = 1

// A checkpoint has four sections, numbers little-endian:
//
//	identity  what the run is, as JSON
//	cut       the numbers at which blocks begin and the end, uint64 each
//	blocks    for each block: transition, evaluations, whether its looks are taken, five counts of rejections; uint64 each
//	columns   column by column, a float64 a particle: positions, carried columns, accepted moves, acceptance
//	          probability, the columns of the looks
const (
	sectionIdentity = "identity"
	sectionCut      = "cut"
	sectionBlocks   = "blocks"
	sectionColumns  = "columns"

	numbersPerBlock = 8
)

// identity is what two runs must have in common for one to go on where the other stopped. Bits travel as hex.
type identity struct {
	Epoch      int
	Kernel     string
	Start      string
	Seed       uint64
	Role       uint32
	Particles  int
	First      uint64
	Population uint64
	Tuned      bool
	Step       string // the tuned step
	Tuning     Tuning
	Looks      []string
	// Hashes over the first eight particles: where they begin, what they carry there, where one transition takes
	// them. They name a target that has no other name.
	StartHash, TargetHash, MoveHash string
}

// compared are the fields in which a difference is refused, and what they are called.
func (id identity) compared() [][2]string {
	return [][2]string{
		{"the epoch of reproducibility", fmt.Sprint(id.Epoch)},
		{"the kernel", id.Kernel},
		{"the start", id.Start},
		{"the seed", fmt.Sprint(id.Seed)},
		{"the role", fmt.Sprint(id.Role)},
		{"the number of particles", fmt.Sprint(id.Particles)},
		{"the number of the first particle", fmt.Sprint(id.First)},
		{"the declared population", fmt.Sprint(id.Population)},
		{"whether the step is tuned", fmt.Sprint(id.Tuned)},
		{"what is noted on the way, which goes by the number of steps,", fmt.Sprint(id.Looks)},
		{"where the first particles begin", id.StartHash},
		{"the target at the first particles", id.TargetHash},
		{"the first transition of the first particles", id.MoveHash},
	}
}

// DifferentRunError says that a checkpoint belongs to another run.
type DifferentRunError struct {
	What              string // what differs
	Checkpoint, Asked string // its value there, and in the run that was to go on
}

func (e *DifferentRunError) Error() string {
	return fmt.Sprintf("the checkpoint is of another run: %s is %s there and %s here: resume with the settings of the checkpoint, or start anew without it", e.What, e.Checkpoint, e.Asked)
}

// identify works out a run's identity. It evaluates the target at eight particles, twice.
func (r *Run) identify(ctx context.Context, kernel Kernel, tuning Tuning) (identity, error) {
	id := identity{
		Epoch:      Epoch,
		Kernel:     kernelName(r.Kernel),
		Start:      startName(r.Start),
		Seed:       r.Seed,
		Role:       uint32(r.Role),
		Particles:  r.Particles,
		First:      r.First,
		Population: r.population(),
		Tuned:      r.Tune,
		Step:       bits(tuning.Step),
		Tuning:     tuning,
		Looks:      r.lookNames(),
	}
	if math.IsNaN(id.Tuning.Acceptance) {
		id.Tuning.Acceptance = 0 // JSON has no NaN
	}
	streams := streamsOf(r.Seed, r.Role)
	s := newState(kernel, min(8, r.Particles), r.First, streams)
	_, scratch := kernel.Columns()
	s.attach(lanes.New(s.Len(), scratch))
	if err := r.Start.Sample(ctx, s.X, streams.start, r.First); err != nil {
		return id, err
	}
	id.StartHash = hash(s.X)
	if err := finiteStart(s); err != nil {
		return id, err
	}
	if err := kernel.Init(ctx, s); err != nil {
		return id, particles(s, err)
	}
	id.TargetHash = hash(s.carried)
	if err := kernel.Advance(ctx, s); err != nil {
		return id, particles(s, err)
	}
	id.MoveHash = hash(s.X)
	return id, nil
}

func startName(s Sampler) string {
	if n, ok := s.(fmt.Stringer); ok {
		return n.String()
	}
	return fmt.Sprintf("%T", s)
}

func (r *Run) lookNames() []string {
	names := make([]string, 0, len(r.Looks))
	for _, l := range r.Looks {
		if n, ok := l.(fmt.Stringer); ok {
			names = append(names, n.String())
		} else {
			names = append(names, fmt.Sprintf("%T of %d columns", l, l.Columns()))
		}
	}
	return names
}

// bits is a number as its 16 hexadecimal digits.
func bits(v float64) string { return fmt.Sprintf("%016x", math.Float64bits(v)) }

// hash is the SHA-256 of the points of a block, its padding left out and all NaN alike.
func hash(b *lanes.Block) string {
	h := sha256.New()
	var word [8]byte
	for j := range b.Dim() {
		for _, v := range b.Row(j)[:b.Len()] {
			binary.LittleEndian.PutUint64(word[:], number(v))
			h.Write(word[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// number is the bits of a value; NaN has one pattern.
func number(v float64) uint64 {
	if v != v {
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(v)
}

// snapshot is a checkpoint while blocks publish their states into it.
type snapshot struct {
	cut, blocks, columns []byte
	missing              atomic.Int64 // blocks that have not published yet
}

func (r *Run) newSnapshot() *snapshot {
	shot := &snapshot{
		blocks:  make([]byte, 8*numbersPerBlock*len(r.blocks)),
		columns: make([]byte, 8*r.Particles*r.savedColumns()),
	}
	for _, b := range r.blocks {
		shot.cut = binary.LittleEndian.AppendUint64(shot.cut, b.state.First-r.First)
	}
	shot.cut = binary.LittleEndian.AppendUint64(shot.cut, uint64(r.Particles))
	shot.missing.Store(int64(len(r.blocks)))
	return shot
}

func (r *Run) savedColumns() int {
	b := r.blocks[0]
	return b.state.X.Dim() + b.state.carried.Dim() + 2 + b.looks.Dim()
}

// rows lists what is kept of a block, each row as long as the block.
func (b *block) rows() [][]float64 {
	var rows [][]float64
	n := b.state.Len()
	add := func(part *lanes.Block) {
		for j := range part.Dim() {
			rows = append(rows, part.Row(j)[:n])
		}
	}
	add(b.state.X)
	add(b.state.carried)
	rows = append(rows, b.state.Accepted[:n], b.state.Probability[:n])
	add(b.looks)
	return rows
}

// take copies a block, which the caller holds, into its places. Blocks have places of their own.
func (shot *snapshot) take(r *Run, b *block) {
	s := b.state
	first := int(s.First - r.First)
	for c, row := range b.rows() {
		at := shot.columns[8*(c*r.Particles+first):]
		for i, v := range row {
			binary.LittleEndian.PutUint64(at[8*i:], number(v))
		}
	}
	looked := uint64(0)
	if b.looked {
		looked = 1
	}
	at := shot.blocks[8*numbersPerBlock*b.index:]
	for i, v := range [numbersPerBlock]uint64{
		s.Transition, s.Evaluations, looked,
		s.Rejected.OutOfSupport, s.Rejected.NaNLogProb, s.Rejected.InfLogProb, s.Rejected.BadGradient, s.Rejected.BadArithmetic,
	} {
		binary.LittleEndian.PutUint64(at[8*i:], v)
	}
	shot.missing.Add(-1)
}

// saveBeside writes a checkpoint while workers go on: a block that a worker holds is published by the worker
// between two steps, the others from here. It gives up when end is closed.
func (r *Run) saveBeside(end <-chan struct{}) error {
	shot := r.newSnapshot()
	r.saving.Store(shot)
	defer r.saving.Store(nil)
	for {
		for _, b := range r.blocks {
			if b.mu.TryLock() {
				if b.saved != shot {
					shot.take(r, b)
					b.saved = shot
				}
				b.mu.Unlock()
			}
		}
		if shot.missing.Load() == 0 {
			break
		}
		select {
		case <-end:
			return nil
		case <-time.After(200 * time.Microsecond):
		}
	}
	r.saving.Store(nil)
	err := r.write(shot)
	shot.columns = nil // blocks remember the snapshot, not what was in it
	return err
}

// save writes a checkpoint while no worker is at work.
func (r *Run) save() error {
	shot := r.newSnapshot()
	for _, b := range r.blocks {
		shot.take(r, b)
	}
	return r.write(shot)
}

// write puts a checkpoint into its file, after the sink has made safe what the checkpoint relies on.
func (r *Run) write(shot *snapshot) error {
	if r.Sink != nil {
		if err := r.Sink.Sync(); err != nil {
			return fmt.Errorf("checkpoint %s: the draws so far could not be made safe: %w", r.Checkpoint, err)
		}
	}
	text, err := json.Marshal(r.identity)
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", r.Checkpoint, err)
	}
	err = store.WriteCheckpoint(r.Checkpoint, []store.Section{
		{Name: sectionIdentity, Data: text},
		{Name: sectionCut, Data: shot.cut},
		{Name: sectionBlocks, Data: shot.blocks},
		{Name: sectionColumns, Data: shot.columns},
	})
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
