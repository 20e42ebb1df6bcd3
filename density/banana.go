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

// Banana is a bent normal law in the plane,
//
//	log p(x) = -x0^2/2 - (x1 - Bend x0^2)^2 / Width.
//
// By default it is bent so gently that MALA from a standard normal start settles within 1,000 transitions.
// Banana{Bend: 1, Width: 0.2} is much harder: after as many, E[x0^2] is still 15 % too small.
type Banana struct {
	Bend  float64 // finite; 0 means 0.5
	Width float64 // twice the variance of x1 given x0, positive; 0 means 1
}

var bananas graphs[Banana]

func (d Banana) withDefaults() Banana { return Banana{cmp.Or(d.Bend, 0.5), cmp.Or(d.Width, 1)} }

// Check says what is wrong with the constants.
func (d Banana) Check() error {
	d = d.withDefaults()
	if math.IsNaN(d.Bend) || math.IsInf(d.Bend, 0) {
		return fmt.Errorf("banana: the bend is %v: it has to be finite, or 0 for the default", d.Bend)
	}
	return checkPositive("banana", "the width", d.Width)
}

// String names the density and its constants.
func (d Banana) String() string {
	d = d.withDefaults()
	return fmt.Sprintf("banana of bend %v and width %v", d.Bend, d.Width)
}

// Dim is 2.
func (Banana) Dim() int { return 2 }

// Apply implements [Formula].
func (d Banana) Apply(x autodiff.Value) autodiff.Value {
	d = d.withDefaults()
	square := x.Index(0).Square()
	across := x.Index(1).Sub(square.Scale(d.Bend))
	return square.Scale(-0.5).Sub(across.Square().Scale(1 / d.Width))
}

// LogProb implements [Density].
func (d Banana) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return bananas.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Banana) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return bananas.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Banana) Lanes() int { return bananas.lanes(d) }

// Sample implements [Exact].
func (d Banana) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	d = d.withDefaults()
	stream.Normal(dst, first, 0)
	parabola(dst, 0, 1, d.Bend, math.Sqrt(d.Width/2))
	return nil
}

// parabola turns two standard normal coordinates into x0 = mean + spread z0 and x1 = bend x0^2 + thickness z1.
func parabola(x *lanes.Block, mean, spread, bend, thickness float64) {
	t := backends.Current()
	x0, x1 := x.Row(0), x.Row(1)
	square := lanes.New(x.Len(), 1).Row(0)
	t.Mul.VS(x0, x0, spread)
	t.Add.VS(x0, x0, mean)
	t.Mul.VV(square, x0, x0)
	t.Mul.VS(x1, x1, thickness)
	t.FMA.VSV(x1, square, bend, x1)
}

// LogNormaliser implements [Normalised]: that of two normal laws, of variances 1 and Width/2.
func (d Banana) LogNormaliser() float64 {
	return logTwoPi + float64(backends.Log(d.withDefaults().Width/2)/2)
}

// Mean is (0, Bend).
func (d Banana) Mean() []float64 { return []float64{0, d.withDefaults().Bend} }

// Covariance is diagonal: 1, and Width/2 + 2 Bend^2.
func (d Banana) Covariance() [][]float64 {
	d = d.withDefaults()
	return diagonal(1, math.FMA(2*d.Bend, d.Bend, d.Width/2))
}

// Entropy implements [Entropic]: bending keeps volumes, so it is that of two normal laws.
func (d Banana) Entropy() float64 { return d.LogNormaliser() + 1 }
