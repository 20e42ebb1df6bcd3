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

// Squiggle is a normal law in the plane, drawn along a wave: y = (x0, x1 + sin(Frequency x0)) has mean 0 and
// covariance C = [[2, 1/4], [1/4, 1/2]],
//
//	log p(x) = -yᵀ C^-1 y / 2.
//
// It is the target "squiggle" of github.com/chi-feng/mcmc-demo.
type Squiggle struct {
	Frequency float64 // of the wave, finite; 0 means 5
}

var squiggles graphs[Squiggle]

// The covariance of y, and its determinant.
const (
	squiggle00, squiggle01, squiggle11 = 2, 0.25, 0.5
	squiggleDeterminant                = squiggle00*squiggle11 - squiggle01*squiggle01
)

func (d Squiggle) frequency() float64 { return cmp.Or(d.Frequency, 5) }

// Check says what is wrong with the constants.
func (d Squiggle) Check() error {
	if f := d.frequency(); math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("squiggle: the frequency is %v: it has to be finite, or 0 for the default", f)
	}
	return nil
}

// String names the density and its constants.
func (d Squiggle) String() string { return fmt.Sprintf("squiggle of frequency %v", d.frequency()) }

// Dim is 2.
func (Squiggle) Dim() int { return 2 }

// Apply implements [Formula].
func (d Squiggle) Apply(x autodiff.Value) autodiff.Value {
	y0 := x.Index(0)
	y1 := x.Index(1).Add(y0.Scale(d.frequency()).Sin())
	form := y0.Square().Scale(squiggle11).Sub(y0.Mul(y1).Scale(2 * squiggle01)).Add(y1.Square().Scale(squiggle00))
	return form.Scale(-0.5 / squiggleDeterminant)
}

// LogProb implements [Density].
func (d Squiggle) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return squiggles.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Squiggle) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return squiggles.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Squiggle) Lanes() int { return squiggles.lanes(d) }

// Sample implements [Exact].
func (d Squiggle) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	t := backends.Current()
	stream.Normal(dst, first, 0)
	x0, x1 := dst.Row(0), dst.Row(1)
	root := math.Sqrt(squiggle00)
	slope := squiggle01 / root
	t.Mul.VS(x1, x1, math.Sqrt(squiggleDeterminant)/root)
	t.FMA.VSV(x1, x0, slope, x1)
	t.Mul.VS(x0, x0, root)
	wave := lanes.New(dst.Len(), 1).Row(0)
	t.Mul.VS(wave, x0, d.frequency())
	t.Sin(wave, wave)
	t.Sub.VV(x1, x1, wave)
	return nil
}

// LogNormaliser implements [Normalised].
func (d Squiggle) LogNormaliser() float64 {
	return logTwoPi + float64(backends.Log(squiggleDeterminant)/2)
}

// Mean is the origin.
func (Squiggle) Mean() []float64 { return make([]float64, 2) }

// Covariance follows from E[y cos(f y0)] and E[sin(f y0)^2] of normal y, with decay = exp(-f^2 C00 / 2):
// E[y_i sin(f y0)] = f C_0i decay.
func (d Squiggle) Covariance() [][]float64 {
	f := d.frequency()
	decay := backends.Exp(float64(-f*f) * (squiggle00 / 2.0))
	sine := float64((1 - float64(decay*decay*decay*decay)) / 2) // E[sin^2]
	across := math.FMA(-f*squiggle00, decay, squiggle01)
	down := math.FMA(-2*f*squiggle01, decay, squiggle11+sine)
	return [][]float64{{squiggle00, across}, {across, down}}
}

// Entropy implements [Entropic]: the wave keeps volumes, so it is that of the normal law.
func (d Squiggle) Entropy() float64 { return d.LogNormaliser() + 1 }
