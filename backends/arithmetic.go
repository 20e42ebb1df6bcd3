package backends

import "math"

// The arithmetic of IEEE 754: every result is the exact one, rounded once to the nearest float64, ties to even.

func neg(x float64) float64 { return -x }

func abs(x float64) float64 { return math.Abs(x) }

func sqrt(x float64) float64 { return math.Sqrt(x) }

func floor(x float64) float64 { return math.Floor(x) }

// sign is -1, 0 or 1. A zero keeps its sign and NaN stays NaN.
func sign(x float64) float64 {
	return where(x > 0, 1, where(x < 0, -1, x))
}

func add(a, b float64) float64 { return a + b }

func sub(a, b float64) float64 { return a - b }

func mul(a, b float64) float64 { return float64(a * b) }

func div(a, b float64) float64 { return a / b }

// divOrZero is a/b, and 0 where b is 0, whatever a is.
func divOrZero(a, b float64) float64 {
	return where(b == 0, 0, a/b)
}

// min is NaN if either operand is. Of two equal operands (zeros of both signs are equal) it is b.
func min(a, b float64) float64 {
	return where(a != a, a, where(a < b, a, b))
}

// max is NaN if either operand is. Of two equal operands (zeros of both signs are equal) it is b.
func max(a, b float64) float64 {
	return where(a != a, a, where(a > b, a, b))
}

// less is 1 where a < b, else 0; a NaN is less than nothing.
func less(a, b float64) float64 { return where(a < b, 1, 0) }

// lessEqual is 1 where a <= b, else 0; 0 if an operand is NaN.
func lessEqual(a, b float64) float64 { return where(a <= b, 1, 0) }

// equal is 1 where a == b, else 0; zeros of both signs are equal, NaN equals nothing.
func equal(a, b float64) float64 { return where(a == b, 1, 0) }

// fma is a*b + c, rounded once.
func fma(a, b, c float64) float64 { return math.FMA(a, b, c) }

// pick is b where a is not 0, else c. NaN is not 0.
func pick(a, b, c float64) float64 { return where(a != 0, b, c) }
