package backends

import "math"

// The hyperbolic tangent and its relatives, by
//
//	tanh(x) = h/(h + 1),   h = (exp(2x) - 1)/2,
//	sigmoid(x) = 1/(1 + exp(-x)),
//	softplus(x) = log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)).

// tanh is the hyperbolic tangent, within 1.4 ulp; an odd function, bit for bit.
//
// What is lost when h and h + 1 are rounded is put back to first order, with 1/(h + 1) = 1 - y.
func tanh(x float64) float64 {
	a := math.Abs(x)
	a = where(a > 20, 20, a) // where tanh rounds to 1
	high, low := expm1Half(float64(2 * a))
	h := high + low
	low = (high - h) + low
	d := 1 + h
	lost := (1 - d) + h // right for h above 1 too, where 1 - d is exact (up to 2^53)
	y := h / d
	r := 1 - y
	y = math.FMA(math.FMA(-y, lost, float64(low*r)), r, y)
	y = where(y > 1, 1, y) // for the correction is coarse where h + 1 reaches 2^53
	y = where(a < 0x1p-27, a, y)
	return math.Float64frombits(math.Float64bits(y) | math.Float64bits(x)&signBit)
}

// sigmoid is the logistic function, within 2 ulp, down to subnormal results.
func sigmoid(x float64) float64 {
	e := exp(-math.Abs(x))
	d := 1 + e
	lost := (1 - d) + e
	y := where(x < 0, e, 1) / d
	r := where(x < 0, 1-y, y) // 1/d
	return math.FMA(float64(-y*lost), r, y)
}

// softplus is log(1 + exp(x)), within 2 ulp, down to subnormal results.
func softplus(x float64) float64 {
	return where(x > 0, x, 0) + log1pFinite(exp(-math.Abs(x)))
}
