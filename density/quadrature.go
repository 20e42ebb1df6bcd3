package density

import (
	"context"
	"math"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
)

// mostNodes bounds the points of a quadrature; what would need more is not known (NaN).
const mostNodes = 1 << 20

// The rule of Gauss and Legendre with five nodes on (-1, 1), exact for polynomials of degree 9.
var (
	legendreNodes   = [5]float64{-0.90617984593866399280, -0.53846931010568309104, 0, 0.53846931010568309104, 0.90617984593866399280}
	legendreWeights = [5]float64{0.23692688505618908751, 0.47862867049936646804, 0.56888888888888888889, 0.47862867049936646804, 0.23692688505618908751}
)

// radialEntropy is the entropy of a density of the plane that depends on the radius alone, by quadrature over
// radii from 0 to end in panels of about the given length.
func radialEntropy(d Density, logNormaliser, end, panel float64) float64 {
	panels := math.Ceil(end / panel)
	if !(panels >= 1 && panels*5 <= mostNodes) {
		return math.NaN()
	}
	half := end / panels / 2
	x := lanes.New(int(panels)*5, 2)
	r, weights := x.Row(0), make([]float64, x.Len())
	for i := range x.Len() {
		r[i] = half * (float64(2*(i/5)+1) + legendreNodes[i%5])
		weights[i] = half * legendreWeights[i%5] * (2 * math.Pi) * r[i]
	}
	return entropy(d, logNormaliser, x, weights)
}

// planeEntropy is the entropy of a density in one or two dimensions by the rule of the trapezium on the box from
// low to high, beyond which it is negligible. The rule converges geometrically once step is below the width of
// what is narrowest.
func planeEntropy(d Density, logNormaliser float64, low, high []float64, step float64) float64 {
	nodes, counts := 1.0, []int{1, 1}
	for j := range low {
		count := math.Ceil((high[j] - low[j]) / step)
		nodes *= count
		if !(nodes >= 1 && nodes <= mostNodes) {
			return math.NaN()
		}
		counts[j] = int(count)
	}
	x := lanes.New(counts[0]*counts[1], len(low))
	weight := 1.0
	for j := range low {
		weight *= step
		for i := range x.Len() {
			at := i % counts[0]
			if j == 1 {
				at = i / counts[0]
			}
			x.Row(j)[i] = math.FMA(float64(at), step, low[j])
		}
	}
	return entropy(d, logNormaliser, x, repeat(weight, x.Len()))
}

// entropy is minus the sum of weight p log p, with p normalised, over the points of x.
func entropy(d Density, logNormaliser float64, x *lanes.Block, weights []float64) float64 {
	terms := make([]float64, x.Len())
	if err := d.LogProb(context.Background(), terms, x); err != nil {
		return math.NaN()
	}
	for i, v := range terms {
		v -= logNormaliser
		terms[i] = 0
		if !math.IsInf(v, -1) {
			terms[i] = float64(-weights[i] * backends.Exp(v) * v)
		}
	}
	return parallel.Sum(terms)
}
