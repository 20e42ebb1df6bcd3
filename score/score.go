// Package score holds score functions: gradients of log-densities in x.
//
// A sampler that only follows the score needs a [Fn] and no density. [Of] makes one from a density that
// knows its gradient; learned scores are others. A [NoiseConditional] is a family of them, one for each level
// of Gaussian noise that blurs the density.
//
//	s := score.Of(density.Donut{})
//	err := s.Score(ctx, dst, x) // dst: the gradient of log p at every point of x
//
// A learned score is a [Model], read from a file by [Load] or learned from points by package score/train; package
// score/network has the networks. [Denoising], [Implicit] and [Sliced] are what is minimised. [Levels] say at which
// noise levels a family is learned, [DesignNoise] works out a schedule to sample it by. Package score/scoretest is
// the contract of the interfaces as tests.
package score

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
)

// Fn is a score function, the gradient of a log-density in x.
//
// An implementation is safe for concurrent calls on different blocks, keeps nothing of what it is given, and
// does not allocate once warm. An error means that the score itself is broken, and stops a run.
type Fn interface {
	// Dim is the number of coordinates of a point, at least 1.
	Dim() int
	// Score sets point i of dst to the score at point i of x. The blocks have one shape and are not the same.
	Score(ctx context.Context, dst, x *lanes.Block) error
}

// NoiseConditional is a family of scores: those of a density blurred by Gaussian noise of standard deviation
// sigma in every coordinate.
type NoiseConditional interface {
	// Dim is the number of coordinates of a point, at least 1.
	Dim() int
	// At is the score at a noise level sigma, not negative. It is asked once a level and may allocate; the Fn
	// it returns may not.
	At(sigma float64) Fn
}

// Of is the score of a density that knows its gradient.
func Of(d density.Differentiable) Fn { return exact{d} }

type exact struct{ density density.Differentiable }

// Density is what the score is of. A kernel that only follows scores passes it on to diagnostics.
func (e exact) Density() density.Differentiable { return e.density }

func (e exact) Dim() int { return e.density.Dim() }

func (e exact) Score(ctx context.Context, dst, x *lanes.Block) error {
	return e.density.LogProbGrad(ctx, nil, dst, x)
}

// Lanes is the density's preferred number of points, or 1 if it has no preference.
func (e exact) Lanes() int {
	if l, ok := e.density.(density.Laner); ok {
		return l.Lanes()
	}
	return 1
}

// String names the density.
func (e exact) String() string {
	if s, ok := e.density.(fmt.Stringer); ok {
		return "score of " + s.String()
	}
	return fmt.Sprintf("score of %T", e.density)
}
