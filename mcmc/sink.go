package mcmc

import (
	"context"

	"github.com/scorefield/infer/lanes"
)

// Draws are the positions of neighbouring particles at one transition.
type Draws struct {
	X          *lanes.Block
	First      uint64    // number of point 0 of X in the population
	Transition uint64    // transitions made to get there
	LogProb    []float64 // log p of every point, or nil if it is not known
}

// Sink takes draws, addressed by (particle, transition), from several workers at once.
//
// The same address brings the same bits, and may come again after a resume. Nothing of a Draws is kept after
// Put returns: the sampler goes on to write there. Every coordinate is a finite number.
type Sink interface {
	Put(ctx context.Context, d Draws) error
	// Sync returns once everything put before is as safe as the sink can make it. A checkpoint relies on it.
	Sync() error
}
