package diagnose

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

const (
	mostOutermost = 100 // draws of each side that tell its tail
	fewDraws      = 400 // below which the outermost ones are not far out
	further       = 10  // times as far from the median there is no law any more if its support is bounded
)

// TailIndices tells from the score how heavy the tails of draws of its law are, coordinate by coordinate: 1/alpha of the
// heavier side where p falls off as |x|^(-1-alpha), so that moments of order alpha and more are infinite. 0 where a side
// is bounded or flat, and a small number where it is lighter than every power; NaN for fewer than 400 finite draws.
//
// The mean of the score s_j over draws with one x_j is the derivative of the logarithm of the marginal density of x_j, which in
// such a tail is -(1+alpha)/x_j. So alpha is the mean of -(x_j - median) s_j over the outermost draws, as many of each side
// as the square root of all and at most 100, less 1. It needs no draw from the far tail, which moves reach last.
//
// The same product for another coordinate has the mean 1 there (integrate by parts), so all may be summed and their
// number be taken off: where the law falls off as a power of the norm, all noise goes. The sum is taken where it has less
// than half the standard error. Noise and modes far away make one cautious all the same: alpha is that of the
// outermost draws, half of them and a quarter, whichever says the lightest tail, with a standard error added.
func TailIndices(ctx context.Context, fn score.Fn, x *lanes.Block) ([]float64, error) {
	n, dim := x.Len(), x.Dim()
	if fn.Dim() != dim {
		return nil, fmt.Errorf("diagnose: draws of %d coordinates and a score of %d: the two are the same number", dim, fn.Dim())
	}
	indices, medians := make([]float64, dim), make([]float64, dim)
	order := make([][]int, dim)
	for j := range dim {
		order[j] = ascending(x.Row(j)[:n])
		if count := len(order[j]); count > 0 {
			medians[j] = x.Row(j)[order[j][count/2]]
		}
	}
	for j := range dim {
		count := len(order[j])
		if count < fewDraws {
			indices[j] = math.NaN()
			continue
		}
		outermost := min(mostOutermost, int(math.Sqrt(float64(count))))
		at := lanes.New(outermost, dim)
		for _, from := range []int{0, count - 1} { // below and above, the outermost first
			for k := range outermost {
				i := order[j][k]
				if from > 0 {
					i = order[j][from-k]
				}
				at.CopyPoints(k, x, i, 1)
			}
			index, err := sideIndex(ctx, fn, at, j, medians)
			if err != nil {
				return nil, fmt.Errorf("diagnose: the score of the outermost draws: %w", err)
			}
			indices[j] = max(indices[j], index)
		}
	}
	return indices, nil
}

// sideIndex is the index of one side of coordinate j, from its outermost draws.
func sideIndex(ctx context.Context, fn score.Fn, at *lanes.Block, j int, medians []float64) (float64, error) {
	n, dim := at.Len(), at.Dim()
	s := lanes.New(n, dim)
	if err := fn.Score(ctx, s, at); err != nil {
		return 0, err
	}
	own, all := make([]float64, 0, n), make([]float64, 0, n)
	for i := range n {
		if outside(s, i) {
			continue
		}
		total := 0.0
		for k := range dim {
			total += float64((medians[k]-at.Row(k)[i])*s.Row(k)[i]) - 1
		}
		own = append(own, float64((medians[j]-at.Row(j)[i])*s.Row(j)[i])-1)
		all = append(all, total)
	}
	if len(own) < n/2 {
		return 0, nil
	}
	index := tailOf(own, all)
	if index == 0 {
		return 0, nil
	}
	// A support that ends is no tail, however slowly p falls off before.
	for _, whole := range []bool{true, false} {
		there, gone := lanes.New(n, dim), 0
		there.CopyPoints(0, at, 0, n)
		for k := range dim {
			for i := range n {
				if whole || k == j {
					there.Row(k)[i] = math.FMA(further, at.Row(k)[i]-medians[k], medians[k])
				}
			}
		}
		if err := fn.Score(ctx, s, there); err != nil {
			return 0, err
		}
		for i := range n {
			if outside(s, i) {
				gone++
			}
		}
		if gone <= n/2 {
			return index, nil
		}
	}
	return 0, nil
}

// ascending are the numbers of the finite values in ascending order.
func ascending(values []float64) []int {
	order := make([]int, 0, len(values))
	for i, v := range values {
		if v-v == 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return a - b
	})
	return order
}

// outside says whether the score of a draw is zero or no number, as out of the support: it tells nothing of a tail.
func outside(s *lanes.Block, i int) bool {
	length := 0.0
	for k := range s.Dim() {
		length += math.Abs(s.Row(k)[i])
	}
	return length == 0 || length-length != 0
}

// tailOf is the index of a side, 1/alpha, from the outermost draws' own terms and those of all coordinates, both of mean
// alpha; the outermost first.
func tailOf(own, all []float64) float64 {
	alpha := math.Inf(-1)
	for _, m := range []int{len(own), len(own) / 2, len(own) / 4} {
		mean, deviation := average(own[:m])
		if sum, less := average(all[:m]); less < deviation/2 {
			mean, deviation = sum, less
		}
		alpha = max(alpha, mean+deviation)
	}
	if !(alpha > 0) || math.IsInf(alpha, 1) {
		return 0
	}
	return 1 / alpha
}

// average is the mean of values and its standard error.
func average(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	mean = sum(values, func(v float64) float64 { return v }) / n
	squares := sum(values, func(v float64) float64 { return (v - mean) * (v - mean) })
	return mean, math.Sqrt(squares / (n - 1) / n)
}
