package backends

import "math"

// The exponential:
//
//	exp(x) = 2^k exp(r),   k = round(x / ln 2),   r = x - k ln 2 in [-0.347, 0.347],
//	exp(r) = 1 + r + r^2 P(r),   P of degree 9.
//
// The reduction in two parts is Cody and Waite's ("Software Manual for the Elementary Functions", 1980, chapter 6).
// ln2High is ln 2 to 53 bits, for with a fused multiply-add x - k ln2High is exact: for k other than 0 both terms
// are multiples of 2^-54 and their difference is below 1/2. P is a minimax polynomial (Remez, of the error
// relative to exp(r)); its error is below 2^-57.8.

const (
	log2E   = 0x1.71547652b82fep0
	ln2High = 0x1.62e42fefa39efp-1
	ln2Low  = 0x1.abc9e3b39803fp-56

	// To add roundToInteger and subtract it again rounds to the nearest integer, ties to even, for numbers below
	// 2^51; before it is subtracted, the low bits of the sum's pattern are that integer in two's complement.
	roundToInteger = 0x1.8p52

	// Beyond these the exponential is 0 or infinite.
	expLowest  = -746
	expHighest = 710
)

var expCoefficients = [...]float64{
	0x1.ad80ab5f862e4p-26,
	0x1.28ad8372adfa3p-22,
	0x1.71df24c7e4e55p-19,
	0x1.a01999fb178f2p-16,
	0x1.a01a012a7586ep-13,
	0x1.6c16c184302d2p-10,
	0x1.1111111127bfcp-7,
	0x1.5555555550862p-5,
	0x1.55555555554fap-3,
	0x1.000000000000ap-1,
}

// For expm1 the error is taken relative to exp(r) - 1; it is below 2^-61.
var expm1Coefficients = [...]float64{
	0x1.1ee8a3bf31383p-29,
	0x1.af5e874ff802cp-26,
	0x1.27e5362077f36p-22,
	0x1.71ddf8751c944p-19,
	0x1.a01a017bc91bdp-16,
	0x1.a01a01afd7508p-13,
	0x1.6c16c16c1f078p-10,
	0x1.111111110f6d2p-7,
	0x1.555555555553fp-5,
	0x1.5555555555559p-3,
	0x1.0000000000000p-1,
}

// exp is e to the power x, within 0.95 ulp, subnormal results included (there within 1 ulp, 2^-1074).
// It is infinite above 0x1.62e42fefa39efp+9 and 0 below -0x1.74910d52d3051p+9.
func exp(x float64) float64 {
	m, exponent := expParts(x, 0)
	return scaleBits(1+m, exponent)
}

// expParts is exp(high + low) for a |low| below an ulp or so of high: the result is (1 + m) 2^k, where 1 + m lies in
// [0.7, 1.42] and the low 12 bits of exponent are k + 2046, as scaleBits wants them.
func expParts(high, low float64) (m float64, exponent uint64) {
	high = where(high < expLowest, expLowest, high)
	high = where(high > expHighest, expHighest, high)
	t := math.FMA(high, log2E, roundToInteger+2046)
	k := t - (roundToInteger + 2046)
	a := math.FMA(k, -ln2High, high)
	b := math.FMA(k, -ln2Low, low)
	r := a + b
	p := expCoefficients[0]
	for i := range 9 {
		p = math.FMA(p, r, expCoefficients[i+1])
	}
	return a + math.FMA(float64(r*r), p, b), math.Float64bits(t)
}

// scaleBits is x*2^k, rounded once, where the low 12 bits of exponent are k + 2046, for k from -2044 to 2046. The
// factor is split in two, so that neither half leaves the normal range where the result does.
func scaleBits(x float64, exponent uint64) float64 {
	half := exponent >> 1
	return float64(float64(x*math.Float64frombits(half<<52)) * math.Float64frombits((exponent-half)<<52))
}

// expm1 is exp(x) - 1, within 1.2 ulp, also near 0, where it is x.
//
// With s = 2^k and exp(r) = 1 + a + tail it is (s - 1) + s a + s tail, where the first two are summed exactly (the
// larger is the first, unless it is 0). All is done at half the size, because s overflows where expm1(x) does not.
func expm1(x float64) float64 {
	high, low := expm1Half(x)
	return where(math.Abs(x) < 0x1p-54, x, float64(2*(high+low)))
}

// expm1Half is (exp(x) - 1)/2 as an unevaluated sum; x below 2^-1021 is not exact.
func expm1Half(x float64) (high, low float64) {
	r := where(x < -40, -40, x)
	r = where(r > expHighest, expHighest, r)
	t := math.FMA(r, log2E, roundToInteger+1022)
	k := t - (roundToInteger + 1022)
	s := math.Float64frombits(math.Float64bits(t) << 52) // 2^(k-1)
	a := math.FMA(k, -ln2High, r)
	b := float64(k * -ln2Low)
	r = a + b
	p := expm1Coefficients[0]
	for i := range 10 {
		p = math.FMA(p, r, expm1Coefficients[i+1])
	}
	tail := math.FMA(float64(r*r), p, b)
	s1 := s - 0.5
	high = math.FMA(s, a, s1)
	low = math.FMA(s, a, s1-high)
	low = math.FMA(s, tail, low)
	return high, low + ((s - s1) - 0.5) // s - 1/2 is rounded where s is above 2^52
}
