package quality

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// moments are the mean and the covariance of vectors of features.
type moments struct {
	count      int
	mean       []float64
	covariance *mat.SymDense
}

// checkFeatures refuses what is not two vectors or more, of numbers that no power that is taken of them overflows.
func checkFeatures(features []float64, length int) error {
	if length < 1 || len(features)%length != 0 || len(features)/length < 2 {
		return fmt.Errorf("quality: %d numbers as vectors of %d features each: give the whole vectors of at least 2 images", len(features), length)
	}
	for i, v := range features {
		if !(math.Abs(v) <= math.MaxFloat32) {
			return fmt.Errorf("quality: feature %d of image %d is %v: give numbers of the range of float32", i%length, i/length, v)
		}
	}
	return nil
}

// momentsOf are the moments of count vectors of some length; the covariance divides by count - 1.
func momentsOf(features []float64, length int) (*moments, error) {
	if err := checkFeatures(features, length); err != nil {
		return nil, err
	}
	count := len(features) / length
	x := mat.NewDense(count, length, features)
	m := &moments{count: count, mean: make([]float64, length), covariance: mat.NewSymDense(length, nil)}
	for j := range length {
		m.mean[j] = stat.Mean(mat.Col(nil, j, x), nil)
	}
	stat.CovarianceMatrix(m.covariance, x, nil)
	return m, nil
}

// frechet is the squared distance of Fréchet between normal laws with the moments (Dowson and Landau 1982; Heusel et al. 2017,
// 1706.08500, call it FID):
//
//	|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^1/2 C2 C1^1/2)^1/2.
//
// The product in the last term is symmetric, so its root is real also where a covariance has no full rank, as with fewer images than
// features; eigenvalues that rounding made negative count as 0.
func frechet(a, b *moments) (float64, error) {
	root, err := squareRoot(a.covariance)
	if err != nil {
		return 0, err
	}
	var inner, product mat.Dense
	inner.Mul(root, b.covariance)
	product.Mul(&inner, root)
	n := len(a.mean)
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, (product.At(i, j)+product.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, false) {
		return 0, fmt.Errorf("quality: the eigenvalues of a product of covariances of %d features were not found", n)
	}
	var distance float64
	for i, m := range a.mean {
		d := m - b.mean[i]
		distance += float64(d*d) + a.covariance.At(i, i) + b.covariance.At(i, i)
	}
	for _, v := range eigen.Values(nil) {
		distance -= float64(2 * math.Sqrt(max(v, 0)))
	}
	return max(distance, 0), nil
}

// squareRoot is the symmetric root of a covariance.
func squareRoot(c *mat.SymDense) (*mat.Dense, error) {
	n := c.SymmetricDim()
	var eigen mat.EigenSym
	if !eigen.Factorize(c, true) {
		return nil, fmt.Errorf("quality: the eigenvalues of a covariance of %d features were not found", n)
	}
	var vectors, scaled, root mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil)
	for i, v := range values {
		values[i] = math.Sqrt(max(v, 0))
	}
	scaled.Mul(&vectors, mat.NewDiagDense(n, values))
	root.Mul(&scaled, vectors.T())
	return &root, nil
}

// FID is the squared Fréchet distance between the normal laws with the moments of two sets of features, vectors of the given length of
// numbers of the range of float32. It is finite for 2 images or more; its expectation falls with their number, so that figures for
// different numbers cannot be compared, and it is above 0 for two sets of one law: compare it with the distance of real images, as many.
func FID(a, b []float64, length int) (float64, error) {
	first, err := momentsOf(a, length)
	if err != nil {
		return 0, err
	}
	second, err := momentsOf(b, length)
	if err != nil {
		return 0, err
	}
	return frechet(first, second)
}
