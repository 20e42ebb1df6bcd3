package density

import (
	"cmp"
	"context"
	"fmt"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Normal is the standard normal law,
//
//	log p(x) = -|x|^2 / 2.
type Normal struct {
	Coordinates int // at least 1; 0 means 2
}

var normals graphs[Normal]

// Check says what is wrong with the constants.
func (d Normal) Check() error { return checkCoordinates("normal", d.Dim(), 1) }

// String names the density and its constants.
func (d Normal) String() string { return fmt.Sprintf("standard normal in %d coordinates", d.Dim()) }

// Dim is Coordinates.
func (d Normal) Dim() int { return cmp.Or(d.Coordinates, 2) }

// Apply implements [Formula].
func (Normal) Apply(x autodiff.Value) autodiff.Value { return x.Dot(x).Scale(-0.5) }

// LogProb implements [Density].
func (d Normal) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return normals.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Normal) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return normals.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Normal) Lanes() int { return normals.lanes(d) }

// Sample implements [Exact].
func (d Normal) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	stream.Normal(dst, first, 0)
	return nil
}

// LogNormaliser implements [Normalised].
func (d Normal) LogNormaliser() float64 { return float64(d.Dim()) / 2 * logTwoPi }

// Mean is the origin.
func (d Normal) Mean() []float64 { return repeat(0, d.Dim()) }

// Covariance is the identity.
func (d Normal) Covariance() [][]float64 { return diagonal(repeat(1, d.Dim())...) }

// Entropy implements [Entropic].
func (d Normal) Entropy() float64 { return float64(d.Dim()) / 2 * (1 + logTwoPi) }
