package backends

import "math"

// The natural logarithm, after FreeBSD's e_log.c (Sun Microsystems, 1993; K. C. Ng):
//
//	x = 2^k (1 + f),   1 + f in [sqrt(1/2), sqrt(2)),
//	log(1 + f) = f - (f^2/2 - s (f^2/2 + R(s^2))),   s = f/(2 + f),
//	R(z) = z P(z) = log((1 + s)/(1 - s))/s - 2,
//	log(x) = k ln 2 + log(1 + f).
//
// P of degree 6 is our own minimax polynomial (Remez, relative to 2s); its error is below 2^-58.4. Unlike the original
// we carry the rounding error of k ln 2 + f along, which brings the bound from 1 ulp close to half of one.

const (
	oneBits      = 0x3ff0000000000000
	rootHalfBits = 0x3fe6a09e667f3bcd // sqrt(1/2)
	mantissaBits = 0x000fffffffffffff

	// The bits of a float64 in [2^52, 2^53) are integerBits plus the integer part above 2^52.
	integerBits = 0x4330000000000000

	// ln 2 to 42 bits, so that its product with any exponent is exact, and the rest.
	ln2Exact = 0x1.62e42fefa3000p-1
	ln2Rest  = 0x1.3de6af278ece6p-42

	// 1/(2(1 + f)) for f as above, within 1 %, by a minimax polynomial of degree 2.
	reciprocal0 = 0x1.0142b9a61d923p-1
	reciprocal1 = -0x1.14b4af4e8847fp-1
	reciprocal2 = 0x1.d4840a9f8b91dp-2
)

var logCoefficients = [...]float64{
	0x1.2f07627a7e1cap-3,
	0x1.39a18a7a2e415p-3,
	0x1.746640ad3fd08p-3,
	0x1.c71c520143535p-3,
	0x1.24924941fa6c1p-2,
	0x1.999999997fd1ep-2,
	0x1.5555555555592p-1,
}

// log is the natural logarithm, within 0.8 ulp, subnormal x included. log(0) is -Inf, log of a negative number NaN.
func log(x float64) float64 {
	high, low := logPair(x)
	return logSpecial(x, high+low)
}

// logSpecial is y where x is positive and finite, and else the logarithm of x.
func logSpecial(x, y float64) float64 {
	y = where(x < math.Inf(1), y, x)
	return where(x > 0, y, where(x == 0, math.Inf(-1), math.NaN()))
}

// logPair is the logarithm of a positive finite x as an unevaluated sum of two, to about 2^-57 of the result; for
// other x it is nothing of use.
func logPair(x float64) (high, low float64) {
	k, f := logReduce(x)
	return logSum(k, f)
}

// logReduce is k and f with x = 2^k (1 + f), both exact, for a positive finite x.
func logReduce(x float64) (k, f float64) {
	subnormal := x < 0x1p-1022
	normal := where(subnormal, float64(x*0x1p54), x)
	bias := where(subnormal, 0x1p52+1023+54, 0x1p52+1023)
	bits := math.Float64bits(normal) + (oneBits - rootHalfBits)
	k = math.Float64frombits(bits>>52|integerBits) - bias
	return k, math.Float64frombits(bits&mantissaBits+rootHalfBits) - 1
}

// logSum is k ln 2 + log(1 + f) as an unevaluated sum.
func logSum(k, f float64) (high, low float64) {
	s := f / (2 + f)
	z := float64(s * s)
	p := logCoefficients[0]
	for i := range 6 {
		p = math.FMA(p, z, logCoefficients[i+1])
	}
	half := float64(0.5 * f)
	p = math.FMA(half, f, float64(p*z)) // f^2/2 + R
	exact := float64(k * ln2Exact)
	high = exact + f
	low = (exact - high) + f
	low = math.FMA(k, ln2Rest, low)
	low = math.FMA(s, p, low)
	return high, math.FMA(-half, f, low)
}

// log1p is log(1 + x), within 0.8 ulp, also near 0, where it is x. log1p(-1) is -Inf, below that it is NaN.
func log1p(x float64) float64 {
	y := where(math.Abs(x) < 0x1p-54, x, log1pFinite(x))
	y = where(x < math.Inf(1), y, x)
	return where(x > -1, y, where(x == -1, math.Inf(-1), math.NaN()))
}

// log1pFinite is log(1 + x) for finite x above -1 (and NaN for NaN), but 0 for -0.
//
// With u = 1 + x rounded and c what the rounding lost, log(1 + x) = log(u) + log(1 + c/u), where the last is c/u to
// all the precision that matters. Where u needs no scaling (k = 0) f is x itself, and nothing is lost.
func log1pFinite(x float64) float64 {
	u := 1 + x
	v := u - 1
	c := (1 - (u - v)) + (x - v)
	bits := math.Float64bits(u) + (oneBits - rootHalfBits)
	exponent := bits >> 52
	k := math.Float64frombits(exponent|integerBits) - (0x1p52 + 1023)
	f := math.Float64frombits(bits&mantissaBits+rootHalfBits) - 1
	c = float64(c * math.Float64frombits((2047-exponent)<<52)) // c*2^(1-k), where k may be 1024
	c = where(k == 0, 0, c)
	f = where(k == 0, x, f)
	high, low := logSum(k, f)
	// c 2^-k / (1 + f), within one percent.
	q := math.FMA(f, reciprocal2, reciprocal1)
	q = math.FMA(f, q, reciprocal0)
	return high + math.FMA(c, q, low)
}
