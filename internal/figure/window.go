package figure

import (
	"math"
	"slices"
)

// window is the range of a coordinate that a picture shows. lo < hi, both finite, hi-lo too.
type window struct{ lo, hi float64 }

const (
	// A window reaches over the central 99.8 % of the draws and a bit further, never past the last draw.
	tail    = 0.001
	stretch = 0.05
	// It goes no further than this many times the central 98 % beyond them, so that the few
	// far draws of a heavy tail do not squeeze the rest.
	bulkTail = 0.01
	fence    = 2
	// Numbers beyond this are shown at the border, so that no difference overflows.
	largest = 1e300
	// Quantiles of more draws than this are taken of a regular sample of them.
	mostSorted = 100_000
)

// windowOf is the window of finite values, with room of the given share of its width on both sides. It ignores
// outliers, and widens a range of no width.
func windowOf(values []float64, margin float64) window {
	if len(values) == 0 {
		return window{-5, 5}
	}
	lo, hi := bulkOf(values, bulkTail)
	return roomy(lo, hi, margin)
}

// bulkOf is the range of the bulk of finite values, of which there is one at least: far is the share of them at
// each end that may be far from the rest.
func bulkOf(values []float64, far float64) (lo, hi float64) {
	step := (len(values) + mostSorted - 1) / mostSorted
	sorted := make([]float64, 0, len(values)/step+1)
	for i := 0; i < len(values); i += step {
		sorted = append(sorted, bounded(values[i]))
	}
	slices.Sort(sorted)
	last := float64(len(sorted) - 1)
	below := func(p float64) float64 { return sorted[int(math.Floor(p*last))] }
	above := func(p float64) float64 { return sorted[int(math.Ceil((1-p)*last))] }

	lo, hi = below(tail), above(tail)
	more := float64(stretch * (hi - lo))
	lo, hi = lo-more, hi+more
	if a, b := below(far), above(far); b > a {
		reach := float64(fence * (b - a))
		lo, hi = max(lo, a-reach), min(hi, b+reach)
	}
	return max(lo, bounded(slices.Min(values))), min(hi, bounded(slices.Max(values)))
}

// roomy is the window from lo to hi, bounded numbers, with room of the given share of its width on both sides. It
// widens a range of no width.
func roomy(lo, hi, margin float64) window {
	size := max(math.Abs(lo), math.Abs(hi))
	if hi-lo <= 1e-12*size || hi-lo < 1e-300 {
		half := size / 2
		if half < 1e-290 {
			half = 1
		}
		middle := lo/2 + hi/2
		return window{middle - half, middle + half}
	}
	room := float64(margin * (hi - lo))
	return window{lo - room, hi + room}
}

func bounded(v float64) float64 { return min(max(v, -largest), largest) }

func (w window) width() float64 { return w.hi - w.lo }

func (w window) contains(v float64) bool { return v >= w.lo && v <= w.hi }

// at is where v lies: 0 at lo, 1 at hi.
func (w window) at(v float64) float64 { return (v - w.lo) / w.width() }

// bin is the number of the bin, of count equal ones, that holds v, a value inside the window.
func (w window) bin(v float64, count int) int {
	return min(max(int(w.at(v)*float64(count)), 0), count-1)
}

// scaled is the window of the given width about the same middle.
func (w window) scaled(width float64) window {
	middle := w.lo/2 + w.hi/2
	return window{middle - width/2, middle + width/2}
}

// histogram counts the values inside the window in equal bins, as many as Rice's rule asks for
// (twice the cube root of the number of values), at least 10 and at most most.
func (w window) histogram(values []float64, most int) (counts []int, inside int) {
	bins := min(max(int(math.Ceil(2*math.Cbrt(float64(len(values))))), 10), most)
	counts = make([]int, bins)
	for _, v := range values {
		if w.contains(v) {
			counts[w.bin(v, bins)]++
			inside++
		}
	}
	return counts, inside
}
