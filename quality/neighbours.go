package quality

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/scorefield/infer/internal/parallel"
)

// nearest calls f for every vector of a with its squared distances to all vectors of b.
func nearest(ctx context.Context, a, b []float64, length, workers int, f func(i int, squares []float64)) error {
	const rows = 64
	m, n := len(a)/length, len(b)/length
	y := mat.NewDense(n, length, b)
	norms := squaredNorms(b, length)
	return parallel.Do(parallel.Workers(workers), (m+rows-1)/rows, func(_, job int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := job * rows
		count := min(rows, m-first)
		part := a[first*length:][:count*length]
		var products mat.Dense
		products.Mul(mat.NewDense(count, length, part), y.T())
		for i, norm := range squaredNorms(part, length) {
			row := products.RawRowView(i)
			for j := range row {
				row[j] = max(0, norm+norms[j]-float64(2*row[j]))
			}
			f(first+i, row)
		}
		return nil
	})
}

func squaredNorms(a []float64, length int) []float64 {
	norms := make([]float64, len(a)/length)
	for i := range norms {
		for _, v := range a[i*length:][:length] {
			norms[i] += float64(v * v)
		}
	}
	return norms
}

// neighbourhood is the number of neighbours whose distance is the radius of a vector's ball.
const neighbourhood = 3

// radii are the squared distances of each vector to its third neighbour in its own set.
func radii(ctx context.Context, a []float64, length, workers int) ([]float64, error) {
	out := make([]float64, len(a)/length)
	err := nearest(ctx, a, a, length, workers, func(i int, squares []float64) {
		squares[i] = math.Inf(1)
		slices.Sort(squares)
		out[i] = squares[min(neighbourhood, len(squares))-1]
	})
	return out, err
}

// covered is the share of the vectors of a that lie in the ball of a vector of b.
func covered(ctx context.Context, a, b, radii []float64, length, workers int) (float64, error) {
	in := make([]bool, len(a)/length)
	err := nearest(ctx, a, b, length, workers, func(i int, squares []float64) {
		for j, s := range squares {
			if s <= radii[j] {
				in[i] = true
				return
			}
		}
	})
	count := 0
	for _, yes := range in {
		if yes {
			count++
		}
	}
	return float64(count) / float64(len(in)), err
}

// precisionRecall is the share of draws that lie among the data, and of data that lie among the draws (Kynkäänniemi et al. 2019,
// 1904.06991): in the union of the balls around the others' vectors that reach to their third neighbours.
func precisionRecall(ctx context.Context, draws, data []float64, length, workers int) (precision, recall float64, err error) {
	radiiData, err := radii(ctx, data, length, workers)
	if err != nil {
		return 0, 0, err
	}
	radiiDraws, err := radii(ctx, draws, length, workers)
	if err != nil {
		return 0, 0, err
	}
	if precision, err = covered(ctx, draws, data, radiiData, length, workers); err != nil {
		return 0, 0, err
	}
	recall, err = covered(ctx, data, draws, radiiDraws, length, workers)
	return precision, recall, err
}

// nearestDistances are the distances of each image to the nearest of others, in pixels.
func nearestDistances(ctx context.Context, images, others []float32, dim, workers int) ([]float64, error) {
	out := make([]float64, len(images)/dim)
	a, b := widen(images), widen(others)
	err := nearest(ctx, a, b, dim, workers, func(i int, squares []float64) {
		// They are differences of large numbers, by whose rounding a copy is not at a distance of 0.
		k := slices.Index(squares, slices.Min(squares))
		out[i] = floats.Distance(a[i*dim:][:dim], b[k*dim:][:dim], 2)
	})
	return out, err
}

func widen(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(min(max(v, 0), 1))
	}
	return out
}
