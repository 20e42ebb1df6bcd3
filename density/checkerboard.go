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

// Checkerboard is uniform on every other square of a board around the origin, that at its lowest corner included:
// log p is 0 there and -Inf elsewhere.
//
// The score is 0 inside of a square. At the edges there is none, so what integrates by parts does not hold: the
// mean of 1 + x s is not 0.
type Checkerboard struct {
	Squares int     // along a side, from 1 to 1,000; 0 means 4
	Side    float64 // of a square, positive; 0 means 1
}

var checkerboards graphs[Checkerboard]

func (d Checkerboard) withDefaults() Checkerboard {
	return Checkerboard{cmp.Or(d.Squares, 4), cmp.Or(d.Side, 1)}
}

// Check says what is wrong with the constants.
func (d Checkerboard) Check() error {
	const most = 1000
	d = d.withDefaults()
	if d.Squares < 1 || d.Squares > most {
		return fmt.Errorf("checkerboard: the number of squares is %d: it has to be from 1 to %d, or 0 for the default", d.Squares, most)
	}
	return checkPositive("checkerboard", "the side", d.Side)
}

// String names the density and its constants.
func (d Checkerboard) String() string {
	d = d.withDefaults()
	return fmt.Sprintf("checkerboard of %d squares a side, each of side %v", d.Squares, d.Side)
}

// Dim is 2.
func (Checkerboard) Dim() int { return 2 }

// Apply implements [Formula].
func (d Checkerboard) Apply(x autodiff.Value) autodiff.Value {
	d = d.withDefaults()
	g := x.Graph()
	number := x.Scale(1 / d.Side).Shift(float64(d.Squares) / 2).Floor() // of the column and the row
	sum := number.Sum()
	even := sum.Scale(0.5).Floor().Scale(2).Equal(sum)
	on := even
	for j := range 2 {
		k := number.Index(j)
		on = on.And(k.GreaterEqual(g.Scalar(0))).And(k.Less(g.Scalar(float64(d.Squares))))
	}
	return autodiff.Where(on, g.Scalar(0), g.Scalar(math.Inf(-1)))
}

// LogProb implements [Density].
func (d Checkerboard) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	return checkerboards.logProb(ctx, d, logp, x)
}

// LogProbGrad implements [Differentiable].
func (d Checkerboard) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	return checkerboards.logProbGrad(ctx, d, logp, grad, x)
}

// Lanes implements [Laner].
func (d Checkerboard) Lanes() int { return checkerboards.lanes(d) }

// dark is the number of squares that carry mass: number k is in row 2k / Squares, counted along rows in an odd board.
func (d Checkerboard) dark() int {
	n := d.withDefaults().Squares
	return (n*n + 1) / 2
}

// centre is the centre of dark square k.
func (d Checkerboard) centre(k int) (x, y float64) {
	d = d.withDefaults()
	at := 2 * k
	row := at / d.Squares
	column := at % d.Squares
	if d.Squares%2 == 0 {
		column += row % 2 // rows of an even board begin alternately
	}
	middle := float64(float64(d.Squares-1) / 2)
	return (float64(column) - middle) * d.Side, (float64(row) - middle) * d.Side
}

// Sample implements [Exact]: three uniform numbers, for the square and the place in it.
func (d Checkerboard) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	// A draw keeps this part of a side away from the edges, or rounding could put it outside.
	const margin = 0x1p-40
	uniform := lanes.New(dst.Len(), 3)
	stream.Uniform(uniform, first, 0)
	side := d.withDefaults().Side
	for i := range dst.Len() {
		k := int(uniform.Row(0)[i] * float64(d.dark()))
		x, y := d.centre(k)
		dst.Row(0)[i] = math.FMA((uniform.Row(1)[i]-0.5)*(1-margin), side, x)
		dst.Row(1)[i] = math.FMA((uniform.Row(2)[i]-0.5)*(1-margin), side, y)
	}
	return nil
}

// LogNormaliser is the log of the area.
func (d Checkerboard) LogNormaliser() float64 {
	side := d.withDefaults().Side
	return backends.Log(float64(d.dark()) * side * side)
}

// Mean is the origin.
func (d Checkerboard) Mean() []float64 { return make([]float64, 2) }

// Covariance is that of the centres of the squares, with Side^2/12 more on the diagonal.
func (d Checkerboard) Covariance() [][]float64 {
	var xx, xy, yy float64
	for k := range d.dark() {
		x, y := d.centre(k)
		xx, xy, yy = math.FMA(x, x, xx), math.FMA(x, y, xy), math.FMA(y, y, yy)
	}
	n, side := float64(d.dark()), d.withDefaults().Side
	inside := side * side / 12
	return [][]float64{{xx/n + inside, xy / n}, {xy / n, yy/n + inside}}
}

// Entropy is the log of the area.
func (d Checkerboard) Entropy() float64 { return d.LogNormaliser() }
