package density

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// CorrelatedNormal is the normal law of a mean m and a covariance C = L Lᵀ,
//
//	log p(x) = -|L^-1 (x - m)|^2 / 2.
//
// It is made by [NewCorrelatedNormal].
type CorrelatedNormal struct {
	*Graph
	mean       []float64
	covariance [][]float64
	factor     [][]float64 // L, lower triangular
}

// NewCorrelatedNormal makes the normal law of a mean, one number a coordinate, and a covariance, a square matrix
// that is symmetric and positive definite. Both are copied.
func NewCorrelatedNormal(mean []float64, covariance [][]float64) (*CorrelatedNormal, error) {
	if len(covariance) != len(mean) {
		return nil, fmt.Errorf("correlated normal: the mean has %d coordinates and the covariance %d rows: both need the same number", len(mean), len(covariance))
	}
	for i, v := range mean {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("correlated normal: coordinate %d of the mean is %v: it has to be finite", i, v)
		}
	}
	for i, row := range covariance {
		if len(row) != len(mean) {
			return nil, fmt.Errorf("correlated normal: row %d of the covariance has %d columns: it needs %d, as many as the mean", i, len(row), len(mean))
		}
		for j := range i {
			if row[j] != covariance[j][i] {
				return nil, fmt.Errorf("correlated normal: covariance [%d][%d] is %v and [%d][%d] is %v: it has to be symmetric", i, j, row[j], j, i, covariance[j][i])
			}
		}
	}
	factor, err := cholesky(covariance)
	if err != nil {
		return nil, fmt.Errorf("correlated normal: %w", err)
	}
	d := &CorrelatedNormal{mean: slices.Clone(mean), covariance: cloneMatrix(covariance), factor: factor}
	whitening := slices.Concat(invertLower(factor)...)
	d.Graph, err = Build(len(mean), func(x autodiff.Value) autodiff.Value {
		g, n := x.Graph(), len(mean)
		white := g.Constant(whitening, n, n).MatMul(x.Sub(g.Constant(d.mean, n)))
		return white.Dot(white).Scale(-0.5)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// String names the density and its constants.
func (d *CorrelatedNormal) String() string {
	return fmt.Sprintf("normal of mean %v and covariance %v", d.mean, d.covariance)
}

// Check is nil: the constants were checked when the density was made.
func (d *CorrelatedNormal) Check() error { return nil }

// Sample implements [Exact]: m + L z. Row i of L z is the sum of L[i][j] z_j in the order i, 0, 1, ..., i-1.
func (d *CorrelatedNormal) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	stream.Normal(dst, first, 0)
	t := backends.Current()
	for i := d.Dim() - 1; i >= 0; i-- { // downwards, since row i needs the numbers above it
		row := dst.Row(i)
		t.Mul.VS(row, row, d.factor[i][i])
		for j := range i {
			t.FMA.VSV(row, dst.Row(j), d.factor[i][j], row)
		}
		t.Add.VS(row, row, d.mean[i])
	}
	return nil
}

// logDeterminant is that of L.
func (d *CorrelatedNormal) logDeterminant() float64 {
	sum := 0.0
	for i, row := range d.factor {
		sum += backends.Log(row[i])
	}
	return sum
}

// LogNormaliser implements [Normalised].
func (d *CorrelatedNormal) LogNormaliser() float64 {
	return math.FMA(float64(d.Dim())/2, logTwoPi, d.logDeterminant())
}

// Mean is the mean it was made of.
func (d *CorrelatedNormal) Mean() []float64 { return slices.Clone(d.mean) }

// Covariance is the covariance it was made of.
func (d *CorrelatedNormal) Covariance() [][]float64 { return cloneMatrix(d.covariance) }

// Entropy implements [Entropic].
func (d *CorrelatedNormal) Entropy() float64 {
	return math.FMA(float64(d.Dim())/2, 1+logTwoPi, d.logDeterminant())
}

func cloneMatrix(m [][]float64) [][]float64 {
	c := make([][]float64, len(m))
	for i, row := range m {
		c[i] = slices.Clone(row)
	}
	return c
}

// cholesky is the lower triangular L with L Lᵀ = a, row by row; sums over k go upwards, each a fused
// multiply-add. It reads the lower triangle.
func cholesky(a [][]float64) ([][]float64, error) {
	l := diagonal(repeat(0, len(a))...)
	for i := range a {
		for j := range i + 1 {
			sum := a[i][j]
			for k := range j {
				sum = math.FMA(-l[i][k], l[j][k], sum)
			}
			if j < i {
				l[i][j] = sum / l[j][j]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 1) {
				return nil, fmt.Errorf("the covariance is not positive definite: pivot %d is %v, and has to be positive and finite", i, sum)
			}
			l[i][i] = math.Sqrt(sum)
		}
	}
	return l, nil
}

// invertLower is the inverse of a lower triangular matrix, column by column from the top; sums go upwards.
func invertLower(l [][]float64) [][]float64 {
	inverse := diagonal(repeat(0, len(l))...)
	for j := range l {
		for i := j; i < len(l); i++ {
			sum := 0.0
			if i == j {
				sum = 1
			}
			for k := j; k < i; k++ {
				sum = math.FMA(-l[i][k], inverse[k][j], sum)
			}
			inverse[i][j] = sum / l[i][i]
		}
	}
	return inverse
}
