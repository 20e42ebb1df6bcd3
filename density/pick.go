package density

import "sort"

// picker chooses among numbered things by their weights.
type picker struct{ cumulative []float64 }

// newPicker makes a picker of weights, which are not negative, in their order.
func newPicker(weights []float64) picker {
	p := picker{make([]float64, len(weights))}
	sum := 0.0
	for k, w := range weights {
		sum += w
		p.cumulative[k] = sum
	}
	return p
}

// index is the thing that a uniform number in (0, 1) falls upon.
func (p picker) index(u float64) int {
	last := len(p.cumulative) - 1
	at := u * p.cumulative[last]
	return min(sort.Search(last, func(k int) bool { return at < p.cumulative[k] }), last)
}
