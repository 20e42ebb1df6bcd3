package score

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
)

// NoiseDesign is a schedule of noise levels for annealed Langevin sampling, with its step size, that was worked
// out from data by the rules of Song and Ermon (2020), 2006.09011, NCSNv2. See [DesignNoise].
type NoiseDesign struct {
	Levels []float64 // from the largest, which is sigma_1, down
	Ratio  float64   // gamma, of a level to the next by technique 2; that of Levels is close to it, as their number is whole
	// Overlap is the probability under one level of the shell that the next one fills.
	Overlap float64
	Steps   int     // T, Langevin steps a level
	Step    float64 // eps, in the convention of full steps at the smallest level: level i takes eps sigma_i^2 / sigma_L^2
	// Excess is the variance after the T steps of a level over the level's own, 1 at best.
	Excess float64
}

// NoiseOptions are the choices that the data do not make.
type NoiseOptions struct {
	Low   float64 // the smallest level; 0 means 1/1600 of the largest
	Steps int     // Langevin steps a level; 0 means 5
}

// largestRatio is where technique 2 is cut: in fewer than some 40 dimensions the shells of neighbouring levels overlap
// at any ratio, and the rule would leave too few levels for the chain to follow.
const largestRatio = 1.5

// DesignNoise works out a schedule of noise levels from data.
//
//   - sigma_1, the largest level, is the largest distance between two points (technique 1);
//   - the ratio gamma makes neighbouring shells overlap by half:
//     Phi(sqrt(2D)(gamma-1) + 3 gamma) - Phi(sqrt(2D)(gamma-1) - 3 gamma) = 0.5 (technique 2), but is at most 1.5;
//   - the step size makes the variance at the end of a level as close as it can be to the level's own (technique 4).
//
// The data are finite, two points at least differ. It compares pairs of points, fewer than all where their distances from
// the mean rule out the rest.
func DesignNoise(data *lanes.Block, options NoiseOptions) (NoiseDesign, error) {
	if data == nil || data.Len() < 2 {
		return NoiseDesign{}, fmt.Errorf("score: noise levels from fewer than 2 points: the largest level is the largest distance between two")
	}
	for j := range data.Dim() {
		for i, v := range data.Row(j)[:data.Len()] {
			if !isFinite(v) {
				return NoiseDesign{}, fmt.Errorf("score: noise levels from data: row %d, column %d is %v: give finite numbers", i, j, v)
			}
		}
	}
	largest := largestDistance(data)
	if largest == 0 {
		return NoiseDesign{}, fmt.Errorf("score: noise levels from data: all %d points are the same: there is nothing to learn", data.Len())
	}
	return DesignLevels(largest, data.Dim(), options)
}

// DesignLevels is [DesignNoise] for data that are not at hand: largest is the distance that sigma_1 takes, dim the number of
// coordinates.
func DesignLevels(largest float64, dim int, options NoiseOptions) (NoiseDesign, error) {
	if dim < 1 {
		return NoiseDesign{}, fmt.Errorf("score: noise levels for points of %d coordinates: give at least 1", dim)
	}
	low, steps := cmp.Or(options.Low, largest/1600), cmp.Or(options.Steps, 5)
	if err := checkRange(low, largest); err != nil {
		return NoiseDesign{}, err
	}
	if steps < 1 || steps > maxLevels {
		return NoiseDesign{}, fmt.Errorf("score: %d Langevin steps a noise level: give 1 to %d", steps, maxLevels)
	}
	d := NoiseDesign{Steps: steps, Ratio: overlapRatio(dim)}
	d.Overlap = overlap(d.Ratio, dim)
	count := 1 + int(max(1, math.RoundToEven(backends.Log(largest/low)/backends.Log(d.Ratio))))
	levels, err := Geometric(largest, low, count)
	if err != nil {
		return NoiseDesign{}, err
	}
	d.Levels = levels
	e, excess := bestStep(d.Ratio, steps)
	d.Step, d.Excess = float64(float64(e*low)*low), excess
	return d, nil
}

// overlap is the left side of technique 2.
func overlap(ratio float64, dim int) float64 {
	shift, spread := float64(math.Sqrt(2*float64(dim))*(ratio-1)), float64(3*ratio)
	return normalCDF(shift+spread) - normalCDF(shift-spread)
}

func normalCDF(x float64) float64 { return float64(backends.Erfc(-x/math.Sqrt2) / 2) }

// overlapRatio is the ratio whose overlap is a half, by bisection, or largestRatio.
func overlapRatio(dim int) float64 {
	low, high := 1.0, largestRatio
	if overlap(high, dim) >= 0.5 {
		return high
	}
	for range 60 {
		if middle := float64((low + high) / 2); overlap(middle, dim) > 0.5 {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// bestStep is the step e = eps/sigma_L^2 that brings the excess of technique 4,
//
//	r(e) = (1-e)^(2T) (gamma^2 - b) + b,   b = 2e / (1 - (1-e)^2),
//
// closest to 1: r is above 1 and has one minimum.
func bestStep(ratio float64, steps int) (e, excess float64) {
	r := func(e float64) float64 {
		b := 2 / (2 - e)
		kept := backends.Pow(1-e, float64(2*steps))
		return math.FMA(kept, float64(ratio*ratio)-b, b)
	}
	low, high := 0.0, 1.0
	for range 100 {
		third := (high - low) / 3
		if r(low+third) < r(high-third) {
			high -= third
		} else {
			low += third
		}
	}
	return low, r(low)
}

// tile is the number of points on a side of the tables of products that largestDistance works through.
const tile = 128

// largestDistance is the largest distance between two points. It takes them in the order of their distance from the mean, the
// furthest first, tile by tile. A pair is no further apart than the sum of its distances from the mean, so tiles that cannot beat
// the best are left out. The others get their products from a float32 kernel, and pairs that these leave in question are worked
// out exactly.
func largestDistance(data *lanes.Block) float64 {
	n, dim := data.Len(), data.Dim()
	centred := lanes.New(n, dim)
	norms := make([]float64, n)
	for j := range dim {
		row, to := data.Row(j)[:n], centred.Row(j)
		mean := columnMean(row)
		for i, v := range row {
			to[i] = v - mean
			norms[i] = math.FMA(to[i], to[i], norms[i])
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
		norms[i] = math.Sqrt(norms[i])
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(norms[b], norms[a]), cmp.Compare(a, b)) })
	scale := norms[order[0]]
	if scale == 0 || !isFinite(scale) {
		return scale
	}
	// The points in that order, in units of the largest norm, coordinate by coordinate, padded to whole tiles.
	stride := (n + tile - 1) / tile * tile
	points := make([]float32, dim*stride)
	for j := range dim {
		row := centred.Row(j)
		for i, from := range order {
			points[j*stride+i] = float32(row[from] / scale)
		}
	}
	// A product is wrong by less than its terms' number times half an ulp of the two norms' product, and rounding the points adds two.
	doubt := float64(4 * float64(dim+4) * 0x1p-24)
	products := make([]float32, tile*tile)
	kernel := backends.Current().F32.Dense
	best := 0.0
	for a := 0; a < n && 2*norms[order[a]] > best; a += tile {
		for b := a; b < n && norms[order[a]]+norms[order[b]] > best; b += tile {
			kernel(
				backends.NewMatrix(tile, tile, products),
				backends.Matrix{Data: points[a:], Rows: tile, Columns: dim, Stride: 1, Step: stride},
				backends.Matrix{Data: points[b:], Rows: dim, Columns: tile, Stride: stride, Step: 1},
				nil, false)
			for i := range min(tile, n-a) {
				x := norms[order[a+i]] / scale
				for k := range min(tile, n-b) {
					y := norms[order[b+k]] / scale
					square := math.FMA(x, x, math.FMA(y, y, -2*float64(products[i*tile+k])))
					if square+doubt > float64(best/scale*(best/scale)) {
						best = max(best, distance(data, order[a+i], order[b+k]))
					}
				}
			}
		}
	}
	return best
}

// columnMean adds in index order to the mean of what a first pass finds, so that a large offset does no harm.
func columnMean(column []float64) float64 {
	first := 0.0
	for _, v := range column {
		first += v / float64(len(column))
	}
	rest := 0.0
	for _, v := range column {
		rest += v - first
	}
	return first + rest/float64(len(column))
}

// distance is that of two points, its squares added in order of the coordinates.
func distance(data *lanes.Block, a, b int) float64 {
	sum := 0.0
	for j := range data.Dim() {
		row := data.Row(j)
		d := row[a] - row[b]
		sum = math.FMA(d, d, sum)
	}
	return math.Sqrt(sum)
}
