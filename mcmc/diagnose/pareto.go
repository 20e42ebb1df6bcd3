package diagnose

import (
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
)

// fittedIndex is the index of the heavier tail of ascending values: a generalised Pareto law is fitted to the 3 sqrt(n) most
// extreme values of each side, the usual choice. NaN if a side that looks heavy is no such law: a few values in a mode
// far away are no tail.
func fittedIndex(sorted []float64) float64 {
	n := len(sorted)
	m := min(int(3*math.Sqrt(float64(n))), n/5)
	index := math.Inf(-1)
	for _, excess := range [][]float64{
		tail(m, func(i int) float64 { return sorted[n-1-i] }),
		tail(m, func(i int) float64 { return -sorted[i] }),
	} {
		xi, shape, scale := pareto(excess)
		if xi > 0 && shape > 0 && misfit(excess, shape, scale) > badFit {
			return math.NaN()
		}
		index = max(index, xi)
	}
	return index
}

// badFit is the distance between the excesses and the fitted law, in units of 1/sqrt(m), beyond which the law is none of
// theirs. Under a Pareto law, of which two parameters are fitted, one in some 200 is as far.
const badFit = 1.1

// misfit is the largest distance between the distributions of ascending excesses and of a Pareto law (Kolmogorov), times
// the square root of their number.
func misfit(excess []float64, shape, scale float64) float64 {
	m := float64(len(excess))
	largest := 0.0
	for i, v := range excess {
		below := 1 - backends.Pow(math.FMA(shape/scale, v, 1), -1/shape)
		largest = max(largest, below-float64(i)/m, float64(i+1)/m-below)
	}
	return float64(math.Sqrt(m) * largest)
}

// mostExcesses is the number of order statistics a tail is thinned to, evenly, before it is fitted.
const mostExcesses = 2000

// tail is the excesses of the m most extreme values over the next one, ascending; at(0) is the most extreme.
func tail(m int, at func(i int) float64) []float64 {
	count := min(m, mostExcesses)
	excess := make([]float64, count)
	for i := range excess {
		excess[count-1-i] = at(i*m/count) - at(m)
	}
	return excess
}

// pareto fits a generalised Pareto law to ascending excesses over a threshold: Zhang and Stephens, "A new and efficient
// estimation method for the generalized Pareto distribution", Technometrics 51 (2009). Shape and scale are theirs, xi is
// the shape with the weak prior around 1/2 of Vehtari et al. A tail without spread has index 0.
func pareto(excess []float64) (xi, shape, scale float64) {
	n := len(excess)
	quartile := excess[max(0, int(float64(float64(n)/4)+0.5)-1)]
	if quartile <= 0 || excess[n-1] <= 0 {
		return 0, 0, 0
	}
	index := func(b float64) float64 {
		return sum(excess, func(v float64) float64 { return backends.Log1p(float64(-b * v)) }) / float64(n)
	}
	grid := 30 + int(math.Sqrt(float64(n)))
	b, likelihood := make([]float64, grid), make([]float64, grid)
	for i := range b {
		b[i] = (1-math.Sqrt(float64(grid)/(float64(i)+0.5)))/(3*quartile) + 1/excess[n-1]
		k := index(b[i])
		likelihood[i] = float64(float64(n) * (backends.Log(-b[i]/k) - k - 1))
	}
	var weights, mean float64
	most := slices.Max(likelihood)
	for i := range b {
		if w := backends.Exp(likelihood[i] - most); w == w {
			weights += w
			mean = math.FMA(w, b[i], mean)
		}
	}
	if weights == 0 {
		return 0, 0, 0
	}
	best := mean / weights
	shape = index(best)
	return (float64(float64(n)*shape) + 5) / float64(n+10), shape, -shape / best
}
