package quality

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// kidSubset is the number of images of each set that one estimate of the kernel distance takes.
const kidSubset = 500

// KID is the kernel distance of two sets of features, vectors of the given length (Bińkowski et al. 2018, 1801.01401): the unbiased
// estimate of the squared maximum mean discrepancy under the kernel (x·y/length + 1)^3. It is the mean over neighbouring subsets of up to
// 500 images, and its standard error comes from their spread, NaN if there is one subset only. For two sets of one law it is
// 0 in the mean, whatever their size, and may be negative.
func KID(a, b []float64, length int) (distance, standardError float64, err error) {
	m, n := len(a)/length, len(b)/length
	if m < 2 || n < 2 {
		return 0, 0, fmt.Errorf("quality: kernel distance of %d and %d images: give at least 2 of each", m, n)
	}
	size := min(kidSubset, m, n)
	subsets := min(m, n) / size
	if subsets == 1 && size >= 20 { // smaller ones, for the error
		size, subsets = size/4, 4
	}
	values := make([]float64, max(m, n)/size)
	if subsets > 1 {
		for i := range values {
			j, k := i%(m/size), i%(n/size)
			values[i] = discrepancy(a[j*size*length:][:size*length], b[k*size*length:][:size*length], length)
		}
	} else {
		values = []float64{discrepancy(a[:size*length], b[:size*length], length)}
	}
	for _, v := range values {
		distance += v / float64(len(values))
	}
	if len(values) == 1 {
		return distance, math.NaN(), nil
	}
	var squares float64
	for _, v := range values {
		squares += float64((v - distance) * (v - distance))
	}
	// Subsets of the smaller set are used again: only as many as it has are independent.
	return distance, math.Sqrt(squares / float64(len(values)-1) / float64(subsets)), nil
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
