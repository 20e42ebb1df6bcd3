package backends

import "math"

// The arithmetic of IEEE 754 in float32, as arithmetic.go is in float64.

func neg32(x float32) float32 { return -x }

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) & (1<<31 - 1)) }

func add32(a, b float32) float32 { return a + b }

func sub32(a, b float32) float32 { return a - b }

func mul32(a, b float32) float32 { return float32(a * b) }

func div32(a, b float32) float32 { return a / b }

// min32 is NaN if either operand is. Of two equal operands (zeros of both signs are equal) it is b.
func min32(a, b float32) float32 {
	return where32(a != a, a, where32(a < b, a, b))
}

// max32 is NaN if either operand is. Of two equal operands (zeros of both signs are equal) it is b.
func max32(a, b float32) float32 {
	return where32(a != a, a, where32(a > b, a, b))
}

// less32 is 1 where a < b, else 0; a NaN is less than nothing.
func less32(a, b float32) float32 { return where32(a < b, 1, 0) }

// lessEqual32 is 1 where a <= b, else 0; 0 if an operand is NaN.
func lessEqual32(a, b float32) float32 { return where32(a <= b, 1, 0) }

// equal32 is 1 where a == b, else 0; zeros of both signs are equal, NaN equals nothing.
func equal32(a, b float32) float32 { return where32(a == b, 1, 0) }

// fma32 is a*b + c, rounded once.
func fma32(a, b, c float32) float32 { return FMA32(a, b, c) }

// pick32 is b where a is not 0, else c. NaN is not 0.
func pick32(a, b, c float32) float32 { return where32(a != 0, b, c) }
