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

// Rosenbrock is the density of Rosenbrock's valley in the plane, in the form that can be drawn from:
// x0 ~ N(1, Spread^2) and x1 ~ N(x0^2, Thickness^2) given x0,
//
//	log p(x) = -(x0 - 1)^2 / (2 Spread^2) - (x1 - x0^2)^2 / (2 Thickness^2).
//
// The default is -((1 - x0)^2 + 100 (x1 - x0^2)^2) / 20 (Pagani, Wiegand & Nadarajah, An n-dimensional Rosenbrock
// distribution for MCMC testing, 2022). It is too long and thin for 1,000 transitions of MALA.
type Rosenbrock struct {
	Spread    float64 // standard deviation of x0, positive; 0 means sqrt(10)
	Thickness float64 // standard deviation of x1 given x0, positive; 0 means sqrt(0.1)
}

var rosenbrocks graphs[Rosenbrock]

func (d Rosenbrock) withDefaults() Rosenbrock {
	return Rosenbrock{cmp.Or(d.Spread, math.Sqrt(10)), cmp.Or(d.Thickness, math.Sqrt(0.1))}
}

// Check says what is wrong with the constants.
func (d Rosenbrock) Check() error {
	d = d.withDefaults()
	if err := checkPositive("rosenbrock", "the spread", d.Spread); err != nil {
		return err
	}
	return checkPositive("rosenbrock", "the thickness", d.Thickness)
}

// String names the density and its constants.
func (d Rosenbrock) String() string {
	d = d.withDefaults()
	return fmt.Sprintf("rosenbrock of spread %v and thickness %v", d.Spread, d.Thickness)
}

// Dim is 2.
func (Rosenbrock) Dim() int { return 2 }

// Apply implements [Formula].
func (d Rosenbrock) Apply(x autodiff.Value) autodiff.Value {
	d = d.withDefaults()
	along := x.Index(0).Shift(-1).Square().Scale(-0.5 / (d.Spread * d.Spread))
	across := x.Index(1).Sub(x.Index(0).Square()).Square().Scale(0.5 / (d.Thickness * d.Thickness))
	return along.Sub(across)
}

// LogProb implements [Density].
func (d Rosenbrock) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return rosenbrocks.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Rosenbrock) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return rosenbrocks.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Rosenbrock) Lanes() int { return rosenbrocks.lanes(d) }

// Sample implements [Exact].
func (d Rosenbrock) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	d = d.withDefaults()
	stream.Normal(dst, first, 0)
	parabola(dst, 1, d.Spread, 1, d.Thickness)
	return nil
}

// LogNormaliser implements [Normalised].
func (d Rosenbrock) LogNormaliser() float64 {
	d = d.withDefaults()
	return logTwoPi + backends.Log(float64(d.Spread*d.Thickness))
}

// Mean is (1, 1 + Spread^2).
func (d Rosenbrock) Mean() []float64 {
	s := d.withDefaults().Spread
	return []float64{1, math.FMA(s, s, 1)}
}

// Covariance has Spread^2 and Thickness^2 + 4 Spread^2 + 2 Spread^4 on its diagonal and 2 Spread^2 beside it.
func (d Rosenbrock) Covariance() [][]float64 {
	d = d.withDefaults()
	square := float64(d.Spread * d.Spread)
	ofSquare := float64(square * math.FMA(2, square, 4)) // the variance of x0^2
	return [][]float64{{square, 2 * square}, {2 * square, math.FMA(d.Thickness, d.Thickness, ofSquare)}}
}

// Entropy implements [Entropic].
func (d Rosenbrock) Entropy() float64 { return d.LogNormaliser() + 1 }
