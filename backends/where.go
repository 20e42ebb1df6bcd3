package backends

import "math"

// The functions below are the instructions that the restricted Go of this package lacks. The generator knows them
// by name and writes one instruction (or two) for each; everything else it inlines and translates line by line.

// where is a if c, else b. It picks and never branches: both a and b have been evaluated.
func where(c bool, a, b float64) float64 {
	if c {
		return a
	}
	return b
}

// where32 is where for float32.
func where32(c bool, a, b float32) float32 {
	if c {
		return a
	}
	return b
}

// whereBits is where for 64-bit words.
func whereBits(c bool, a, b uint64) uint64 {
	if c {
		return a
	}
	return b
}

// whereSign picks a where the top bit of w is set, else b.
func whereSign(w uint64, a, b float64) float64 {
	if w>>63 != 0 {
		return a
	}
	return b
}

// whereSign32 is whereSign for float32.
func whereSign32(w uint32, a, b float32) float32 {
	if w>>31 != 0 {
		return a
	}
	return b
}

// fromInt32 converts a signed integer, rounding to nearest.
func fromInt32(w uint32) float32 { return float32(int32(w)) }

// sqrt32 is the correctly rounded square root: that of float64 rounds to the same float32.
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// mulLow32 is the product of the low halves.
func mulLow32(a, b uint64) uint64 { return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF) }
