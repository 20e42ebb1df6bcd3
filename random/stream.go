// Package random makes random numbers that are a function of their address.
//
// A number has five coordinates: the seed, the stream (what it is for), the particle, the step and the slot (which
// number of that step). Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011) maps the address to bits. Nothing holds
// generator state, so nothing has to be saved to resume a run, and no worker, block or shard can change a number.
//
//	s := random.New(42, random.Noise)
//	s.Normal(block, 0, 17) // particles 0, 1, ... at step 17: coordinate j of a particle is half j%2 of slot j/2
//
// The counter of Philox is the particle (64 bits), the step (40 bits) and the slot (24 bits); the key is the seed, mixed
// by Philox itself with the labels of the stream.
package random

import (
	"sync"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
)

// Purpose says what the numbers of a stream are for. A purpose is never used twice.
type Purpose uint32

// The table of purposes. Numbers are part of the epoch of reproducibility: add at the end, change none.
const (
	Start      Purpose = 1 + iota // where particles begin
	Noise                         // the noise of a move
	Accept                        // the decision to accept a move
	Data                          // draws of a data set, and batches of it
	Pilot                         // everything a pilot draws, by streams nested in it
	Far                           // everything the second population draws, by streams nested in it
	Probe                         // random signs that measure a divergence
	Exact                         // exact draws of a density
	User                          // for programs that use this package
	Weights                       // the first weights of a network
	Batch                         // the rows of a training step, their noise and its levels
	Validation                    // rows kept for validation, their noise and its levels
	Class                         // the class of a particle
)

// MaxStep is one more than the largest step of an address.
const MaxStep = 1 << 40

// MaxSlot is one more than the largest slot of an address. Numbers come two to a slot.
const MaxSlot = 1<<24 - 1

// Stream is an infinite table of random numbers, addressed by particle, step and slot. It is a value, safe for concurrent
// use. Its zero value is not a stream.
type Stream struct{ key *backends.Key }

// nesting is the fourth counter word that makes keys of streams: slot 2^24-1, which no number has.
const nesting = 0xFFFFFFFF

// New returns the stream of a seed and a purpose.
func New(seed uint64, purpose Purpose) Stream {
	key := backends.Schedule(uint32(seed), uint32(seed>>32))
	return Stream{&key}.Sub(uint64(purpose))
}

// Sub returns a stream nested in s. Labels neither commute nor cancel: s.Sub(1).Sub(2) is not s.Sub(2).Sub(1).
func (s Stream) Sub(label uint64) Stream {
	w0, w1, _, _ := backends.Philox(s.key, uint32(label), uint32(label>>32), 0, nesting)
	key := backends.Schedule(w0, w1)
	return Stream{&key}
}

// counter is the third and fourth word of the counter.
func counter(step uint64, slot int) (c2, c3 uint64) {
	return step & 0xFFFFFFFF, step>>32&0xFF | uint64(slot)<<8
}

// Words returns the 128 bits at an address.
func (s Stream) Words(particle, step uint64, slot int) (w0, w1, w2, w3 uint32) {
	c2, c3 := counter(step, slot)
	return backends.Philox(s.key, uint32(particle), uint32(particle>>32), uint32(c2), uint32(c3))
}

// spare is a row for the second number of a slot where a point has no coordinate for it.
var spare = sync.Pool{New: func() any { return new([]float64) }}

func borrow(n int) *[]float64 {
	row := spare.Get().(*[]float64)
	if cap(*row) < n {
		*row = lanes.Aligned(n)
	}
	*row = (*row)[:n]
	return row
}

// fill gives each pair of rows to a kernel.
func (s Stream) fill(kernel func(a, b []float64, key *backends.Key, particle, step, slot uint64), dst *lanes.Block, first, step uint64) {
	for j := 0; j < dst.Dim(); j += 2 {
		c2, c3 := counter(step, j/2)
		if j+1 < dst.Dim() {
			kernel(dst.Row(j), dst.Row(j+1), s.key, first, c2, c3)
			continue
		}
		row := borrow(dst.Stride())
		kernel(dst.Row(j), *row, s.key, first, c2, c3)
		spare.Put(row)
	}
}

// Normal fills a block with standard normal numbers: point i gets those of particle first+i at the step.
func (s Stream) Normal(dst *lanes.Block, first, step uint64) {
	s.fill(backends.Current().Normal, dst, first, step)
}

// Uniform fills a block with uniform numbers in the open interval (0, 1), multiples of 2^-53: point i gets those of particle
// first+i at the step.
func (s Stream) Uniform(dst *lanes.Block, first, step uint64) {
	s.fill(backends.Current().Uniform, dst, first, step)
}

// fill32 gives each four rows to a kernel.
func (s Stream) fill32(kernel func(a, b, c, d []float32, key *backends.Key, particle, step, slot uint64), rows [][]float32, first, step uint64) {
	for j := 0; j < len(rows); j += 4 {
		c2, c3 := counter(step, j/4)
		var four [4][]float32
		for k := range four {
			if j+k < len(rows) {
				four[k] = rows[j+k]
			} else {
				four[k] = make([]float32, len(rows[0]))
			}
		}
		kernel(four[0], four[1], four[2], four[3], s.key, first, c2, c3)
	}
}

// Normal32 fills rows with standard normal float32 numbers: element i of row j is number j of particle first+i at the
// step. Rows have one length; four rows share a slot. No number is beyond 6.55. A number of rows that is no multiple of
// four allocates.
func (s Stream) Normal32(rows [][]float32, first, step uint64) {
	s.fill32(backends.Current().Normal32, rows, first, step)
}

// Uniform32 is Normal32 for uniform numbers in (0, 1), odd multiples of 2^-24.
func (s Stream) Uniform32(rows [][]float32, first, step uint64) {
	s.fill32(backends.Current().Uniform32, rows, first, step)
}

// Langevin sets y to x + size*drift + noise*z with z the numbers of Normal: point i with those of particle first+i at the
// transition. size has a value a point. Each multiply-add rounds once, that with the drift first. y may be x.
func (s Stream) Langevin(y, x, drift *lanes.Block, size []float64, noise float64, first, transition uint64) {
	t := backends.Current()
	for j := 0; j < x.Dim(); j += 2 {
		c2, c3 := counter(transition, j/2)
		if j+1 < x.Dim() {
			t.Propose(y.Row(j), y.Row(j+1), x.Row(j), x.Row(j+1), drift.Row(j), drift.Row(j+1), size, noise, s.key, first, c2, c3)
		} else {
			t.ProposeLast(y.Row(j), x.Row(j), drift.Row(j), size, noise, s.key, first, c2, c3)
		}
	}
}

// Accept decides moves: accepted[i] is 1 where log u < logRatio[i] for the uniform number u of particle first+i at the
// transition, else 0; probability[i] is min(1, exp(logRatio[i])). A NaN ratio gives 0 and 0.
func (s Stream) Accept(accepted, probability, logRatio []float64, first, transition uint64) {
	c2, c3 := counter(transition, 0)
	backends.Current().Accept(accepted, probability, logRatio, s.key, first, c2, c3)
}
