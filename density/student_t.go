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

// StudentT is Student's t law around the origin,
//
//	log p(x) = -(Freedom + Dim)/2 log(1 + |x|^2/Freedom).
//
// Its tails are those of a power. In one coordinate with Freedom 1 it is the Cauchy law.
type StudentT struct {
	Coordinates int     // at least 1; 0 means 2
	Freedom     float64 // degrees of freedom, positive; 0 means 5
}

var studentGraphs graphs[StudentT]

func (d StudentT) freedom() float64 { return cmp.Or(d.Freedom, 5) }

// Check says what is wrong with the constants.
func (d StudentT) Check() error {
	if err := checkCoordinates("student t", d.Dim(), 1); err != nil {
		return err
	}
	return checkPositive("student t", "the number of degrees of freedom", d.freedom())
}

// String names the density and its constants.
func (d StudentT) String() string {
	return fmt.Sprintf("student t of %v degrees of freedom in %d coordinates", d.freedom(), d.Dim())
}

// Dim is Coordinates.
func (d StudentT) Dim() int { return cmp.Or(d.Coordinates, 2) }

// Apply implements [Formula].
func (d StudentT) Apply(x autodiff.Value) autodiff.Value {
	return x.Dot(x).Scale(1 / d.freedom()).Log1p().Scale(-(d.freedom() + float64(d.Dim())) / 2)
}

// LogProb implements [Density].
func (d StudentT) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return studentGraphs.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d StudentT) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return studentGraphs.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d StudentT) Lanes() int { return studentGraphs.lanes(d) }

// Sample implements [Exact]: z / sqrt(2 G/Freedom) with G from the gamma law of shape Freedom/2. Step 0 holds the
// normal numbers z, the steps from 1 on belong to G.
func (d StudentT) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	t := backends.Current()
	factor := lanes.New(dst.Len(), 1).Row(0)
	gamma(factor[:dst.Len()], float64(d.freedom()/2), stream, first, 1)
	t.Mul.VS(factor, factor, 2/d.freedom())
	t.Sqrt(factor, factor)
	stream.Normal(dst, first, 0)
	for j := range dst.Dim() {
		t.Div.VV(dst.Row(j), dst.Row(j), factor)
	}
	return nil
}

// LogNormaliser implements [Normalised].
func (d StudentT) LogNormaliser() float64 {
	half, halfDim := float64(d.freedom()/2), float64(float64(d.Dim())/2)
	gammas := backends.Lgamma(half) - backends.Lgamma(half+halfDim)
	return math.FMA(halfDim, backends.Log(math.Pi*d.freedom()), gammas)
}

// Mean is the origin, NaN with one degree of freedom or less.
func (d StudentT) Mean() []float64 {
	if d.freedom() <= 1 {
		return repeat(math.NaN(), d.Dim())
	}
	return repeat(0, d.Dim())
}

// Covariance is Freedom/(Freedom-2) in each coordinate: +Inf with two degrees of freedom or less, NaN with one or
// less, then for pairs of coordinates as well.
func (d StudentT) Covariance() [][]float64 {
	n, freedom := d.Dim(), d.freedom()
	switch {
	case freedom <= 1:
		covariance := make([][]float64, n)
		for i := range covariance {
			covariance[i] = repeat(math.NaN(), n)
		}
		return covariance
	case freedom <= 2:
		return diagonal(repeat(math.Inf(1), n)...)
	}
	return diagonal(repeat(freedom/(freedom-2), n)...)
}

// Entropy implements [Entropic].
func (d StudentT) Entropy() float64 {
	half, halfDim := float64(d.freedom()/2), float64(float64(d.Dim())/2)
	digammas := backends.Digamma(half+halfDim) - backends.Digamma(half)
	return math.FMA(half+halfDim, digammas, d.LogNormaliser())
}
