// Package density holds probability densities known up to a constant factor.
//
// A [Density] evaluates log p for every point of a block; a [Differentiable] one knows the gradient, the
// score, too. Densities come from a graph ([Build]), from text ([Parse]), from a plain Go function
// ([Func]), from the library ([Donut], [Funnel], ...) and from other densities ([Mixture], [Tempered],
// [Transform]).
package density

import (
	"context"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Density is a probability density on R^Dim, known up to a constant factor.
//
// An implementation is safe for concurrent calls on different blocks and keeps nothing of what it is
// given. Out of its support log p is -Inf; NaN and +Inf are numerical failures of that point and no error.
// An error means that the density itself is broken, and stops a run.
type Density interface {
	// Dim is the number of coordinates of a point, at least 1.
	Dim() int
	// LogProb sets logp[i] to log p(x_i) for every point i of x. logp has x.Len() values.
	LogProb(ctx context.Context, logp []float64, x *lanes.Block) error
}

// Differentiable is a Density that knows its gradient.
type Differentiable interface {
	Density
	// LogProbGrad sets logp as LogProb does and row j of grad to d log p / d x_j. grad has the shape of x
	// and may not be x. A nil logp asks for the gradient alone.
	LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error
}

// Exact is a density that can draw from itself exactly: point i of dst uses the random numbers of particle
// first+i of the stream, and no others.
type Exact interface {
	Density
	Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error
}

// Laner is a Density that says how many points it likes in a call.
type Laner interface {
	// Lanes is the preferred number of points of a block, at least 1.
	Lanes() int
}
