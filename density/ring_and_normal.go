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

// RingAndNormal is a ring in the plane with a normal law in its middle,
//
//	p(x) = Share ring(|x|) + (1 - Share) normal(x; 0, Scale^2),
//
// where ring is the normalised [Donut]. Local moves do not cross the gap between the two, so it shows whether a
// sampler finds masses that are apart. LogProb is normalised.
type RingAndNormal struct {
	Radius float64 // of the ring, positive; 0 means 2.6
	Width  float64 // of the ring, as in Donut, positive; 0 means 0.033
	Scale  float64 // standard deviation of the normal law, positive; 0 means 0.5
	Share  float64 // mass of the ring, in (0, 1); 0 means 0.5
}

var ringsAndNormals graphs[RingAndNormal]

func (d RingAndNormal) withDefaults() RingAndNormal {
	return RingAndNormal{cmp.Or(d.Radius, 2.6), cmp.Or(d.Width, 0.033), cmp.Or(d.Scale, 0.5), cmp.Or(d.Share, 0.5)}
}

// ring is the ring; d has its defaults.
func (d RingAndNormal) ring() ringLaw { return newRingLaw(d.Radius, d.Width) }

// Check says what is wrong with the constants.
func (d RingAndNormal) Check() error {
	const name = "ring and normal"
	d = d.withDefaults()
	if !(d.Share > 0 && d.Share < 1) {
		return fmt.Errorf("%s: the share of the ring is %v: it has to lie between 0 and 1", name, d.Share)
	}
	if err := checkPositive(name, "the radius", d.Radius); err != nil {
		return err
	}
	if err := checkPositive(name, "the width", d.Width); err != nil {
		return err
	}
	return checkPositive(name, "the scale", d.Scale)
}

// String names the density and its constants.
func (d RingAndNormal) String() string {
	d = d.withDefaults()
	return fmt.Sprintf("ring of radius %v, width %v and share %v, and normal of scale %v", d.Radius, d.Width, d.Share, d.Scale)
}

// Dim is 2.
func (RingAndNormal) Dim() int { return 2 }

// Apply implements [Formula].
func (d RingAndNormal) Apply(x autodiff.Value) autodiff.Value {
	d = d.withDefaults()
	ringHeight := backends.Log(d.Share) - Donut{d.Radius, d.Width}.LogNormaliser()
	normalHeight := backends.Log((1-d.Share)/(d.Scale*d.Scale)) - logTwoPi
	around := x.Norm().Shift(-d.Radius).Square().Scale(-1 / d.Width).Shift(ringHeight)
	middle := x.Dot(x).Scale(-0.5 / (d.Scale * d.Scale)).Shift(normalHeight)
	return autodiff.Concat(around, middle).LogSumExp()
}

// LogProb implements [Density].
func (d RingAndNormal) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return ringsAndNormals.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d RingAndNormal) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return ringsAndNormals.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d RingAndNormal) Lanes() int { return ringsAndNormals.lanes(d) }

// Sample implements [Exact]: step 0 holds three uniform numbers (which of the two, the radius in the ring, the
// angle), step 1 two normal ones.
func (d RingAndNormal) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	d = d.withDefaults()
	g, t := d.ring(), backends.Current()
	uniform := lanes.New(dst.Len(), 3)
	stream.Uniform(uniform, first, 0)
	stream.Normal(dst, first, 1)
	r := uniform.Row(1)
	for i := range dst.Len() {
		r[i] = g.quantile(r[i])
	}
	around := lanes.New(dst.Len(), 2)
	turn(around.Row(0), around.Row(1), r, uniform.Row(2))
	choice := uniform.Row(0)
	t.Less.VS(choice, choice, d.Share)
	for j := range 2 {
		row := dst.Row(j)
		t.Mul.VS(row, row, d.Scale)
		t.Where.VVV(row, choice, around.Row(j), row)
	}
	return nil
}

// LogNormaliser is 0.
func (RingAndNormal) LogNormaliser() float64 { return 0 }

// Mean is the centre, the origin.
func (RingAndNormal) Mean() []float64 { return make([]float64, 2) }

// Covariance is the mixture of those of the ring and the normal law.
func (d RingAndNormal) Covariance() [][]float64 {
	d = d.withDefaults()
	v := math.FMA(d.Share/2, d.ring().meanSquare(), float64((1-d.Share)*d.Scale*d.Scale))
	return diagonal(v, v)
}

// Entropy implements [Entropic], by quadrature over the radius.
func (d RingAndNormal) Entropy() float64 {
	d = d.withDefaults()
	root := math.Sqrt(d.Width)
	end := max(math.FMA(farEnough, root, d.Radius), float64(farEnough*d.Scale))
	return radialEntropy(d, 0, end, min(root, d.Scale)/4)
}
