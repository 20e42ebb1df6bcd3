package quality

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Subsets of the kernel distance: as many of the smaller set as give a standard error with about 25 % of its own, but not above a
// number of images, as the work grows with its square, and not below 2, which it takes.
const kidSubsets, mostKIDSubset = 10, 500

// KID is the kernel distance of two sets of features, vectors of the given length (Bińkowski et al. 2018, 1801.01401): the unbiased
// estimate of the squared maximum mean discrepancy under the kernel (x·y/length + 1)^3. It is a mean over pairs of neighbouring
// subsets of at most 500 images, at least 10 of the smaller set where it has 20 images; the larger set's are shared out among them.
// Its standard error comes from the spread over the subsets of the smaller set, whose means have no image in common; it is NaN if
// there is one only. For two sets of one law the distance is 0 in the mean, whatever their size, and may be negative.
func KID(a, b []float64, length int) (distance, standardError float64, err error) {
	for _, features := range [][]float64{a, b} {
		if err := checkFeatures(features, length); err != nil {
			return 0, 0, err
		}
	}
	m, n := len(a)/length, len(b)/length
	size := min(mostKIDSubset, max(2, min(m, n)/kidSubsets))
	means := make([]float64, min(m, n)/size)
	pairs := max(m, n) / size
	for i := range pairs {
		j, k := i%(m/size), i%(n/size)
		d := discrepancy(a[j*size*length:][:size*length], b[k*size*length:][:size*length], length)
		group := i % len(means)
		means[group] += d / float64((pairs-group+len(means)-1)/len(means))
	}
	if len(means) == 1 {
		return means[0], math.NaN(), nil
	}
	distance, sd := stat.MeanStdDev(means, nil)
	return distance, sd / math.Sqrt(float64(len(means))), nil
}

// discrepancy is the unbiased estimate for two sets of the same size.
func discrepancy(a, b []float64, length int) float64 {
	n := len(a) / length
	x, y := mat.NewDense(n, length, a), mat.NewDense(n, length, b)
	pairs := float64(n) * float64(n-1)
	within := (kernelSum(x, x, true) + kernelSum(y, y, true)) / pairs
	return within - 2*kernelSum(x, y, false)/(float64(n)*float64(n))
}

// kernelSum is the sum of the kernel over all pairs, without those of a vector with itself if they are the same.
func kernelSum(x, y *mat.Dense, same bool) float64 {
	var products mat.Dense
	products.Mul(x, y.T())
	_, length := x.Dims()
	rows, columns := products.Dims()
	var sum float64
	for i := range rows {
		for j := range columns {
			if same && i == j {
				continue
			}
			k := products.At(i, j)/float64(length) + 1
			sum += float64(float64(k*k) * k)
		}
	}
	return sum
}
