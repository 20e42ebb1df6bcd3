package diagnose

import (
	"math"
)

// Column is the summary of independent draws of one number.
type Column struct {
	Count     int       // values that are finite
	NotFinite int       // values that are not, left out of everything else
	Mean      float64   // NaN where the draws say that there is none: TailIndex above 0.7
	MeanError float64   // standard error of Mean; NaN where the draws say that the variance is infinite: TailIndex above 0.5
	SD        float64   // NaN as MeanError is, and where it is beyond the largest float64
	Quantiles []float64 // at [Probabilities]
	// TailIndex is the heavier tail's index xi: moments of order 1/xi and more are infinite. 0 or below for light tails; NaN
	// where nothing can be said.
	TailIndex float64
}

// Probabilities are those of the quantiles of a [Column].
var Probabilities = []float64{0.05, 0.25, 0.5, 0.75, 0.95}

const (
	noVariance = 0.5 // tail index from which the variance is infinite
	noMean     = 0.7 // and from which, for all a sample can tell, so is the mean (Vehtari et al., JMLR 25 (2024) 72)
	fewValues  = 100
)

// Summarise describes draws that are independent of each other and of which nothing else is known. Its tail index is
// that of a generalised Pareto law fitted to each tail; NaN for fewer than 100 values, and where a tail is no such law.
func Summarise(values []float64) Column {
	return summarise(values, func(sorted []float64) float64 {
		if len(sorted) < fewValues {
			return math.NaN()
		}
		return fittedIndex(sorted)
	})
}

// SummariseRun describes the particles of a run, with a tail index that [TailIndices] has found: a population shows far
// tails last, so that a fit to it would call them light.
func SummariseRun(values []float64, tailIndex float64) Column {
	return summarise(values, func([]float64) float64 { return tailIndex })
}

// summarise describes draws. The sums are compensated and run in index order.
func summarise(values []float64, index func(sorted []float64) float64) Column {
	sorted := finiteSorted(values)
	nan := math.NaN()
	c := Column{Count: len(sorted), NotFinite: len(values) - len(sorted), Mean: nan, MeanError: nan, SD: nan, TailIndex: nan}
	for _, p := range Probabilities {
		c.Quantiles = append(c.Quantiles, Quantile(sorted, p))
	}
	if c.Count == 0 {
		return c
	}
	exponent := moderate(sorted)
	c.TailIndex = index(sorted)
	if c.TailIndex > noMean {
		return c
	}
	n := float64(c.Count)
	mean := sorted[0] + sum(sorted, func(v float64) float64 { return v - sorted[0] })/n
	c.Mean = math.Ldexp(mean, exponent)
	if c.Count < 2 || c.TailIndex > noVariance {
		return c
	}
	sd := math.Sqrt(sum(sorted, func(v float64) float64 { return (v - mean) * (v - mean) }) / (n - 1))
	if scaled := math.Ldexp(sd, exponent); scaled-scaled == 0 {
		c.SD = scaled
	}
	c.MeanError = math.Ldexp(sd/math.Sqrt(n), exponent)
	return c
}

// moderate divides values by a power of two where their squares or sums would overflow, or squares vanish, and returns its
// exponent; 0 mostly.
func moderate(sorted []float64) (exponent int) {
	const far = 400 // squares are within 2^800, sums of 2^200 of them as well
	_, exponent = math.Frexp(max(math.Abs(sorted[0]), math.Abs(sorted[len(sorted)-1])))
	if exponent > -far && exponent < far {
		return 0
	}
	for i, v := range sorted {
		sorted[i] = math.Ldexp(v, -exponent)
	}
	return exponent
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
	gap := sorted[i+1] - sorted[i]
	if math.IsInf(gap, 0) { // of two finite values whose difference overflows
		return math.FMA(part, sorted[i+1], float64((1-part)*sorted[i]))
	}
	return math.FMA(part, gap, sorted[i])
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
