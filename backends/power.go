package backends

import "math"

// The power |x|^y = exp(y log|x|). The logarithm is computed to about 2^-65 of itself as a sum of two, since an error
// of it is multiplied by up to 745 in the result:
//
//	|x| = 2^k (1 + f),   s = f/(2 + f),
//	log|x| = k ln 2 + 2s + s^3 (2/3 + s^2 Q(s^2)),
//
// where s, s^2, s^3 and 2/3 + s^2 Q are sums of two as well (Dekker, "A floating-point technique for extending the
// available precision", 1971, with a fused multiply-add in place of his splitting). Q of degree 6 is our own minimax
// polynomial; its error is below 2^-66 of the logarithm.

var powerCoefficients = [...]float64{
	0x1.0e44192c1ed24p-3,
	0x1.0f7fc3a6191ffp-3,
	0x1.3b1eed9cc7d83p-3,
	0x1.745ce9dafae3dp-3,
	0x1.c71c722d7de1bp-3,
	0x1.2492492457c5ap-2,
	0x1.9999999999b31p-2,
}

// pow is x to the power y, within 1.2 ulp over its whole range, subnormal results included. Its special cases are
// those of C99, annex F: among them pow(x, 0) = pow(1, y) = 1 for every x and y, NaN too; pow(-1, +-Inf) = 1; NaN for
// a negative finite x and a y that is no integer; and the sign of x, of zeros and infinities too, where y is odd.
func pow(x, y float64) float64 {
	a := math.Abs(x)
	high, low := logExtended(a)
	high = where(a < math.Inf(1), high, a)
	high = where(a == 0, math.Inf(-1), high)
	t := float64(y * high)
	rest := math.FMA(y, low, math.FMA(y, high, -t))
	m, exponent := expParts(t, where(math.Abs(t) < 1000, rest, 0))
	r := scaleBits(1+m, exponent)

	whole := math.RoundToEven(y) == y
	half := float64(0.5 * y)
	odd := whole && math.RoundToEven(half) != half
	r = math.Float64frombits(math.Float64bits(r) | whereBits(odd, math.Float64bits(x)&signBit, 0))
	r = where(x < 0 && x > math.Inf(-1) && !whole, math.NaN(), r)
	return where(y == 0 || x == 1 || x == -1 && math.Abs(y) == math.Inf(1), 1, r)
}

// logExtended is the logarithm of a positive finite x as an unevaluated sum of two, to about 2^-65 of the result.
func logExtended(x float64) (high, low float64) {
	k, f := logReduce(x)
	d := 2 + f
	reciprocal := 1 / d
	s := float64(f * reciprocal)
	sLow := math.FMA(-s, d, f)
	sLow = float64(math.FMA(-s, f-(d-2), sLow) * reciprocal)

	z := float64(s * s)
	q := powerCoefficients[0]
	for i := range 6 {
		q = math.FMA(q, z, powerCoefficients[i+1])
	}
	q = float64(q * z)
	c := q + 0x1.5555555555555p-1
	cLow := q - (c - 0x1.5555555555555p-1) + 0x1.5555555555555p-55 // 2/3

	zLow := math.FMA(s, s, -z)
	zLow = math.FMA(float64(2*s), sLow, zLow)
	cube := float64(s * z)
	cubeLow := math.FMA(s, z, -cube)
	cubeLow = math.FMA(s, zLow, math.FMA(sLow, z, cubeLow))

	tail := float64(cube * c)
	tailLow := math.FMA(cube, c, -tail)
	tailLow = math.FMA(cube, cLow, math.FMA(cubeLow, c, tailLow))

	// The sum, the largest first: k ln 2 is above |2s| unless k is 0, and |2s| is above 100 tail.
	first := float64(k * ln2Exact)
	twice := float64(2 * s)
	sum := first + twice
	low = (first - sum) + twice
	high = sum + tail
	low = low + ((sum - high) + tail)
	low = math.FMA(2, sLow, low) + tailLow
	low = math.FMA(k, ln2Rest, low)
	sum = high + low
	return sum, (high - sum) + low
}
