package main

import "slices"

// spread is the middle of some measurements.
type spread struct{ lower, median, upper float64 }

// quartiles of the values, interpolated between neighbours.
func quartiles(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	at := func(p float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		position := p * float64(len(sorted)-1)
		i := int(position)
		if i+1 == len(sorted) {
			return sorted[i]
		}
		part := position - float64(i)
		return sorted[i]*(1-part) + sorted[i+1]*part
	}
	return spread{at(0.25), at(0.5), at(0.75)}
}

func median(values []float64) float64 { return quartiles(values).median }
