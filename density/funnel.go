package density

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Funnel is the density of Neal, Slice sampling, Annals of Statistics 31 (2003): x0 ~ N(0, Scale^2), and each
// other coordinate has the standard deviation exp(x0/2),
//
//	log p(x) = -x0^2 / (2 Scale^2) - (Coordinates - 1) x0/2 - sum_i exp(-x0) x_i^2 / 2.
//
// No step size fits its neck and its mouth: it shows whether a sampler says that it failed.
type Funnel struct {
	Coordinates int     // at least 2; 0 means 10
	Scale       float64 // standard deviation of x0, positive; 0 means 3
}

var funnels graphs[Funnel]

func (d Funnel) scale() float64 { return cmp.Or(d.Scale, 3) }

// Check says what is wrong with the constants.
func (d Funnel) Check() error {
	if err := checkCoordinates("funnel", d.Dim(), 2); err != nil {
		return err
	}
	return checkPositive("funnel", "the scale", d.scale())
}

// String names the density and its constants.
func (d Funnel) String() string {
	return fmt.Sprintf("funnel of scale %v in %d coordinates", d.scale(), d.Dim())
}

// Dim is Coordinates.
func (d Funnel) Dim() int { return cmp.Or(d.Coordinates, 10) }

// Apply implements [Formula].
func (d Funnel) Apply(x autodiff.Value) autodiff.Value {
	neck, rest := x.Index(0), x.Slice(1, d.Dim())
	// exp(-x0/2) times x_i, then squared, holds out longer than exp(-x0) times x_i^2.
	white := rest.Mul(neck.Scale(-0.5).Exp())
	along := neck.Square().Scale(-0.5 / (d.scale() * d.scale()))
	return along.Sub(neck.Scale(float64(d.Dim()-1) / 2)).Sub(white.Dot(white).Scale(0.5))
}

// LogProb implements [Density].
func (d Funnel) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return funnels.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Funnel) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return funnels.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Funnel) Lanes() int { return funnels.lanes(d) }

// Sample implements [Exact].
func (d Funnel) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	t := backends.Current()
	stream.Normal(dst, first, 0)
	t.Mul.VS(dst.Row(0), dst.Row(0), d.scale())
	deviation := lanes.New(dst.Len(), 1).Row(0)
	t.Mul.VS(deviation, dst.Row(0), 0.5)
	t.Exp(deviation, deviation)
	for j := 1; j < dst.Dim(); j++ {
		t.Mul.VV(dst.Row(j), dst.Row(j), deviation)
	}
	return nil
}

// LogNormaliser implements [Normalised].
func (d Funnel) LogNormaliser() float64 {
	return math.FMA(float64(d.Dim())/2, logTwoPi, backends.Log(d.scale()))
}

// Mean is the origin.
func (d Funnel) Mean() []float64 { return repeat(0, d.Dim()) }

// Covariance is diagonal: Scale^2, then exp(Scale^2 / 2). A sample shows the latter badly, for its fourth moments
// are huge.
func (d Funnel) Covariance() [][]float64 {
	square := d.scale() * d.scale()
	variances := repeat(backends.Exp(square/2), d.Dim())
	variances[0] = square
	return diagonal(variances...)
}

// Entropy implements [Entropic]: E[x0] is 0, so it is that of normal laws of scales Scale, 1, 1, ...
func (d Funnel) Entropy() float64 { return d.LogNormaliser() + float64(float64(d.Dim())/2) }
