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

// Rings are concentric rings of equal height in the plane, at the radii Spacing, 2 Spacing, ..., Count Spacing,
//
//	log p(x) = log(sum_k exp(-(|x| - k Spacing)^2 / Width)).
//
// The mass of a ring grows with its radius.
type Rings struct {
	Count   int     // rings, at most 1,000; 0 means 3
	Spacing float64 // between neighbouring rings, positive; 0 means 1.2
	Width   float64 // twice the variance across a ring, positive; 0 means 0.033
}

var ringsGraphs graphs[Rings]

func (d Rings) withDefaults() Rings {
	return Rings{cmp.Or(d.Count, 3), cmp.Or(d.Spacing, 1.2), cmp.Or(d.Width, 0.033)}
}

// rings are the single rings, from the innermost on.
func (d Rings) rings() []ringLaw {
	d = d.withDefaults()
	list := make([]ringLaw, d.Count)
	for k := range list {
		list[k] = newRingLaw(float64(float64(k+1)*d.Spacing), d.Width)
	}
	return list
}

// Check says what is wrong with the constants.
func (d Rings) Check() error {
	const most = 1000
	d = d.withDefaults()
	if d.Count < 1 || d.Count > most {
		return fmt.Errorf("rings: the count is %d: it has to be from 1 to %d, or 0 for the default", d.Count, most)
	}
	if err := checkPositive("rings", "the spacing", d.Spacing); err != nil {
		return err
	}
	return checkPositive("rings", "the width", d.Width)
}

// String names the density and its constants.
func (d Rings) String() string {
	d = d.withDefaults()
	return fmt.Sprintf("%d rings of spacing %v and width %v", d.Count, d.Spacing, d.Width)
}

// Dim is 2.
func (Rings) Dim() int { return 2 }

// Apply implements [Formula].
func (d Rings) Apply(x autodiff.Value) autodiff.Value {
	var radii []float64
	for _, g := range d.rings() {
		radii = append(radii, -g.radius)
	}
	away := x.Norm().Add(x.Graph().Constant(radii, len(radii)))
	return away.Square().Neg().Scale(1 / d.withDefaults().Width).LogSumExp()
}

// LogProb implements [Density].
func (d Rings) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return ringsGraphs.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Rings) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return ringsGraphs.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Rings) Lanes() int { return ringsGraphs.lanes(d) }

// Sample implements [Exact]: a uniform number each for the ring, the radius in it and the angle.
func (d Rings) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	uniform := lanes.New(dst.Len(), 3)
	stream.Uniform(uniform, first, 0)
	list := d.rings()
	masses := make([]float64, len(list))
	for k, g := range list {
		masses[k] = g.mass
	}
	pick := newPicker(masses)
	r := uniform.Row(1)
	for i, u := range uniform.Row(0)[:dst.Len()] {
		r[i] = list[pick.index(u)].quantile(r[i])
	}
	turn(dst.Row(0), dst.Row(1), r, uniform.Row(2))
	return nil
}

// mass is the sum over the rings of their integrals, and meanSquare E|x|^2.
func (d Rings) mass() (mass, meanSquare float64) {
	for _, g := range d.rings() {
		mass += g.mass
		meanSquare = math.FMA(g.mass, g.meanSquare(), meanSquare)
	}
	return mass, meanSquare / mass
}

// LogNormaliser implements [Normalised].
func (d Rings) LogNormaliser() float64 {
	mass, _ := d.mass()
	return logTwoPi + backends.Log(mass)
}

// Mean is the centre, the origin.
func (Rings) Mean() []float64 { return make([]float64, 2) }

// Covariance is half the mean square of the radius in each coordinate.
func (d Rings) Covariance() [][]float64 {
	_, v := d.mass()
	return diagonal(v/2, v/2)
}

// Entropy implements [Entropic], by quadrature over the radius.
func (d Rings) Entropy() float64 {
	d = d.withDefaults()
	root := math.Sqrt(d.Width)
	end := math.FMA(float64(d.Count), d.Spacing, farEnough*root)
	return radialEntropy(d, d.LogNormaliser(), end, root/4)
}
