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

// Donut is a ring in the plane,
//
//	log p(x) = -(|x| - Radius)^2 / Width.
//
// Its score at the centre is 0. The radius of a point has a mean, a variance, a distribution function and
// quantiles in closed form; its angle is uniform.
type Donut struct {
	Radius float64 // positive; 0 means 2.6
	Width  float64 // twice the variance across the ring, positive; 0 means 0.033
}

var donuts graphs[Donut]

func (d Donut) withDefaults() Donut { return Donut{cmp.Or(d.Radius, 2.6), cmp.Or(d.Width, 0.033)} }

// ring is the law of the radius.
func (d Donut) ring() ringLaw {
	d = d.withDefaults()
	return newRingLaw(d.Radius, d.Width)
}

// Check says what is wrong with the constants.
func (d Donut) Check() error {
	d = d.withDefaults()
	if err := checkPositive("donut", "the radius", d.Radius); err != nil {
		return err
	}
	return checkPositive("donut", "the width", d.Width)
}

// String names the density and its constants.
func (d Donut) String() string {
	d = d.withDefaults()
	return fmt.Sprintf("donut of radius %v and width %v", d.Radius, d.Width)
}

// Dim is 2.
func (Donut) Dim() int { return 2 }

// Apply implements [Formula].
func (d Donut) Apply(x autodiff.Value) autodiff.Value {
	d = d.withDefaults()
	return x.Norm().Shift(-d.Radius).Square().Neg().Scale(1 / d.Width)
}

// LogProb implements [Density].
func (d Donut) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return donuts.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Donut) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return donuts.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Donut) Lanes() int { return donuts.lanes(d) }

// Sample implements [Exact]: one uniform number through the quantile of the radius, one for the angle.
func (d Donut) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	uniform := lanes.New(dst.Len(), 2)
	stream.Uniform(uniform, first, 0)
	g, r := d.ring(), uniform.Row(0)
	for i := range dst.Len() {
		r[i] = g.quantile(r[i])
	}
	turn(dst.Row(0), dst.Row(1), r, uniform.Row(1))
	return nil
}

// LogNormaliser implements [Normalised].
func (d Donut) LogNormaliser() float64 { return logTwoPi + backends.Log(d.ring().mass) }

// Mean is the centre, the origin.
func (Donut) Mean() []float64 { return make([]float64, 2) }

// Covariance is half the mean square of the radius in each coordinate.
func (d Donut) Covariance() [][]float64 {
	v := d.ring().meanSquare() / 2
	return diagonal(v, v)
}

// Entropy implements [Entropic].
func (d Donut) Entropy() float64 {
	g := d.ring()
	return d.LogNormaliser() + g.square()/g.width
}

// RadiusMoments are the mean and the variance of |x|.
func (d Donut) RadiusMoments() (mean, variance float64) { return d.ring().moments() }

// RadiusCDF is the probability that |x| <= r.
func (d Donut) RadiusCDF(r float64) float64 { return d.ring().cumulative(r) }

// RadiusQuantile is the r with RadiusCDF(r) = u. Outside of (0, 1) it is NaN, but for the ends 0 and +Inf.
func (d Donut) RadiusQuantile(u float64) float64 {
	switch {
	case u == 0:
		return 0
	case u == 1:
		return math.Inf(1)
	case u > 0 && u < 1:
		return d.ring().quantile(u)
	}
	return math.NaN()
}
