package backends

import "math"

// The exponential and its relatives in float32, by the formulas of exp.go and hyperbolic.go without the corrections for
// what is rounded on the way.

const (
	log2E32   = 0x1.715476p+0
	ln2High32 = 0x1.62e43p-1
	ln2Low32  = -0x1.05c61p-29

	// To add roundToInteger32 and subtract it again rounds to the nearest integer, for numbers below 2^22; before it is
	// subtracted, the low bits of the sum's pattern are that integer in two's complement.
	roundToInteger32 = 0x1.8p23

	// Beyond these the exponential is 0 or infinite.
	expLowest32  = -104
	expHighest32 = 89

	signBit32 = 1 << 31
)

// The polynomial of exp(r), error below 2^-28.2.
var exp32Coefficients = [...]float32{
	0x1.6a2266p-10,
	0x1.123afap-7,
	0x1.5558f8p-5,
	0x1.555490p-3,
	0x1.fffffcp-2,
}

// The polynomial of exp(r) - 1, error below 2^-31.9 of it.
var expm32Coefficients = [...]float32{
	0x1.a0337ap-13,
	0x1.6d733ep-10,
	0x1.11118ap-7,
	0x1.5554b0p-5,
	0x1.555554p-3,
	0x1.000000p-1,
}

// exp32 is e to the power x, within 1.1 ulp, subnormal results included. It is infinite above 88.7228 and 0 below -103.9721.
func exp32(x float32) float32 {
	x = where32(x < expLowest32, expLowest32, x)
	x = where32(x > expHighest32, expHighest32, x)
	t := FMA32(x, log2E32, roundToInteger32+254)
	k := t - (roundToInteger32 + 254)
	r := FMA32(k, -ln2Low32, FMA32(k, -ln2High32, x))
	p := exp32Coefficients[0]
	for i := range 4 {
		p = FMA32(p, r, exp32Coefficients[i+1])
	}
	y := 1 + FMA32(float32(r*r), p, r)
	exponent := math.Float32bits(t) // its low 9 bits are k + 254; the factor 2^k is split in two, which stay normal
	half := exponent >> 1
	return float32(float32(y*math.Float32frombits(half<<23)) * math.Float32frombits((exponent-half)<<23))
}

// expm132 is exp(x) - 1, within 1.5 ulp, also near 0, where it is x.
func expm132(x float32) float32 {
	return where32(abs32(x) < 0x1p-25, x, float32(2*expm132Half(x)))
}

// expm132Half is (exp(x) - 1)/2, which does not overflow before exp(x) - 1 does.
func expm132Half(x float32) float32 {
	r := where32(x < -20, -20, x) // where exp(x) - 1 rounds to -1
	r = where32(r > expHighest32, expHighest32, r)
	t := FMA32(r, log2E32, roundToInteger32+126)
	k := t - (roundToInteger32 + 126)
	s := math.Float32frombits(math.Float32bits(t) << 23) // 2^(k-1)
	r = FMA32(k, -ln2Low32, FMA32(k, -ln2High32, r))
	p := expm32Coefficients[0]
	for i := range 5 {
		p = FMA32(p, r, expm32Coefficients[i+1])
	}
	p = FMA32(float32(r*r), p, r)
	return FMA32(s, p, s-0.5)
}

// tanh32 is the hyperbolic tangent, within 2.5 ulp; an odd function, bit for bit.
func tanh32(x float32) float32 {
	a := abs32(x)
	a = where32(a > 10, 10, a) // where tanh rounds to 1
	h := expm132Half(float32(2 * a))
	y := h / (1 + h)
	y = where32(a < 0x1p-12, a, y)
	return math.Float32frombits(math.Float32bits(y) | math.Float32bits(x)&signBit32)
}

// sigmoid32 is the logistic function, within 2.5 ulp, down to subnormal results.
func sigmoid32(x float32) float32 {
	e := exp32(-abs32(x))
	return where32(x < 0, e, 1) / (1 + e)
}

// The polynomial of 2 atanh(s)/s - 2, over s^2, error below 2^-27.7.
var log1p32Coefficients = [...]float32{
	0x1.1f1b4ep-2,
	0x1.1eaf86p-2,
	0x1.99d2d8p-2,
	0x1.555500p-1,
}

// softplus32 is log(1 + exp(x)), within 1.8 ulp, down to subnormal results.
//
// With e = exp(-|x|) in (0, 1] it is max(x, 0) + log(1 + e), and log(1 + e) = e - s (e - R), s = e/(2 + e), R = 2 atanh(s)/s - 2.
func softplus32(x float32) float32 {
	e := exp32(-abs32(x))
	s := e / (2 + e)
	z := float32(s * s)
	p := log1p32Coefficients[0]
	for i := range 3 {
		p = FMA32(p, z, log1p32Coefficients[i+1])
	}
	return where32(x > 0, x, 0) + FMA32(-s, FMA32(-z, p, e), e)
}
