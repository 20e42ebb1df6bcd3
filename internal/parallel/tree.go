package parallel

// Leaf is the number of values that [Sum] adds one after the other.
const Leaf = 256

// Sum adds the values along one fixed tree: leaves of [Leaf] values, each added in index order, joined
// pairwise by index, (0,1), (2,3), ..., then pairs of pairs; what has no partner goes up as it is. The result
// depends on the values and their order alone, and its error grows with the logarithm of their number.
func Sum(values []float64) float64 {
	// sums[k] is a whole subtree of 2^level[k] leaves; levels fall from bottom to top, as the bits of the number of leaves.
	var sums [64]float64
	var level [64]int
	depth := 0
	for len(values) > 0 {
		n := min(Leaf, len(values))
		sum := 0.0
		for _, v := range values[:n] {
			sum += v
		}
		values = values[n:]
		sums[depth], level[depth] = sum, 0
		depth++
		for depth > 1 && level[depth-1] == level[depth-2] {
			sums[depth-2] += sums[depth-1]
			level[depth-2]++
			depth--
		}
	}
	if depth == 0 {
		return 0
	}
	for ; depth > 1; depth-- {
		sums[depth-2] += sums[depth-1]
	}
	return sums[0]
}
