package diagnose

import (
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
)

// Column is the summary of independent draws of one number.
type Column struct {
	Count     int       // values that are finite
	NotFinite int       // values that are not, left out of everything else
	Mean      float64   // NaN where the draws say that there is none: TailIndex above 0.7
	MeanError float64   // standard error of Mean; NaN where the draws say that the variance is infinite: TailIndex above 0.5
	SD        float64   // NaN as MeanError is
	Quantiles []float64 // at [Probabilities]
	// TailIndex is the heavier tail's index xi of a generalised Pareto law: moments of order 1/xi and more are infinite.
	// 0 or below for light tails; NaN for fewer than 100 values.
	TailIndex float64
}

// Probabilities are those of the quantiles of a [Column].
var Probabilities = []float64{0.05, 0.25, 0.5, 0.75, 0.95}

const (
	noVariance = 0.5 // tail index from which the variance is infinite
	noMean     = 0.7 // and from which, for all a sample can tell, so is the mean (Vehtari et al., JMLR 25 (2024) 72)
	fewValues  = 100
)

// Summarise describes draws that are independent of each other, as the particles of a run are. The sums are compensated and
// run in index order.
func Summarise(values []float64) Column {
	sorted := make([]float64, 0, len(values))
	for _, v := range values {
		if v-v == 0 {
			sorted = append(sorted, v)
		}
	}
	nan := math.NaN()
	c := Column{Count: len(sorted), NotFinite: len(values) - len(sorted), Mean: nan, MeanError: nan, SD: nan, TailIndex: nan}
	slices.Sort(sorted)
	for _, p := range Probabilities {
		c.Quantiles = append(c.Quantiles, Quantile(sorted, p))
	}
	if c.Count == 0 {
		return c
	}
	if c.Count >= fewValues {
		c.TailIndex = tailIndex(sorted)
	}
	if c.TailIndex > noMean {
		return c
	}
	n := float64(c.Count)
	c.Mean = sorted[0] + sum(sorted, func(v float64) float64 { return v - sorted[0] })/n
	if c.Count < 2 || c.TailIndex > noVariance {
		return c
	}
	square := func(v float64) float64 { return (v - c.Mean) * (v - c.Mean) }
	c.SD = math.Sqrt(sum(sorted, square) / (n - 1))
	c.MeanError = c.SD / math.Sqrt(n)
	return c
}

// Quantile is the p-quantile of ascending values, linear between neighbours (Hyndman and Fan's type 7, the default of R and
// NumPy). NaN for none.
func Quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := float64(p * float64(len(sorted)-1))
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	part := at - float64(i)
	if part == 0 {
		return sorted[i]
	}
	return math.FMA(part, sorted[i+1]-sorted[i], sorted[i])
}

// sum adds f of the values by Neumaier's compensated summation.
func sum(values []float64, f func(float64) float64) float64 {
	var total, lost float64
	for _, value := range values {
		v := float64(f(value)) // f may end in a product
		t := total + v
		if math.Abs(total) >= math.Abs(v) {
			lost += total - t + v
		} else {
			lost += v - t + total
		}
		total = t
	}
	return total + lost
}

// tailIndex is the index of the heavier tail of ascending values. Each tail is fitted on its most extreme 3 sqrt(n) values,
// the usual choice, and on its outer fifth: moves fill the far end of a heavy tail last, so a run that is still on its way
// there shows how heavy the tail is only nearer to the middle.
func tailIndex(sorted []float64) float64 {
	n := len(sorted)
	index := math.Inf(-1)
	for _, m := range []int{int(3 * math.Sqrt(float64(n))), n / 5} {
		m = min(m, n/5)
		upper := tail(m, func(i int) float64 { return sorted[n-1-i] })
		lower := tail(m, func(i int) float64 { return -sorted[i] })
		index = max(index, paretoIndex(upper), paretoIndex(lower))
	}
	return index
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

// paretoIndex fits a generalised Pareto law to ascending excesses over a threshold: Zhang and Stephens, "A new and
// efficient estimation method for the generalized Pareto distribution", Technometrics 51 (2009), with the weak prior
// around 1/2 of Vehtari et al. A tail without spread has index 0.
func paretoIndex(excess []float64) float64 {
	n := len(excess)
	quartile := excess[max(0, int(float64(float64(n)/4)+0.5)-1)]
	if quartile <= 0 || excess[n-1] <= 0 {
		return 0
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
		return 0
	}
	return (float64(float64(n)*index(mean/weights)) + 5) / float64(n+10)
}
