package backends

import "math"

// Sine and cosine:
//
//	x = n pi/2 + r + e,   n = round(x 2/pi),   |r| <= pi/4 (1 + 2^-12),   e a correction below an ulp or so of n 2^-54,
//	sin(r + e) = r + r^3 S(r^2) + e (1 - r^2/2),
//	cos(r + e) = 1 - r^2/2 + r^4 C(r^2) - r e.
//
// The reduction is Cody and Waite's with three parts of pi/2 (159 bits): x - n halfPi1 is exact with a fused multiply-add,
// n halfPi2 is subtracted with its rounding errors. S and C, of degree 5, are our own minimax polynomials (Remez,
// relative to sine and cosine); their errors are below 2^-57.8 and 2^-63. The sums are arranged as in FreeBSD's k_sin.c
// and k_cos.c (Sun Microsystems, 1993).
//
// Up to circleLimit the error of the reduction stays below 2^-115, while the float64 numbers up to there stay some 2^-60
// away from the multiples of pi/2. Beyond, the result is NaN: a number that large says nothing about an angle unless it
// is meant exactly.

const (
	twoOverPi   = 0x1.45f306dc9c883p-1
	halfPi1     = 0x1.921fb54442d18p+0
	halfPi2     = 0x1.1a62633145c07p-54
	halfPi3     = -0x1.f1976b7ed8fbcp-110
	circleLimit = 0x1p40
	signBit     = 1 << 63
)

var sinCoefficients = [...]float64{
	0x1.5d8c3dcd41338p-33,
	-0x1.ae5e4e8f7efe6p-26,
	0x1.71de3558f0da5p-19,
	-0x1.a01a019bed53ap-13,
	0x1.111111110f750p-7,
	-0x1.5555555555548p-3,
}

var cosCoefficients = [...]float64{
	-0x1.8fa0a09a8fa7fp-37,
	0x1.1ee9d031edf25p-29,
	-0x1.27e4f7dff85aep-22,
	0x1.a01a019c75babp-16,
	-0x1.6c16c16c14f00p-10,
	0x1.555555555554ap-5,
}

// sin is the sine of x radians for |x| up to 2^40, within 0.85 ulp. Beyond it is NaN.
func sin(x float64) float64 {
	s, c, n := circle(x)
	y := whereSign(n<<63, c, s)
	y = math.Float64frombits(math.Float64bits(y) ^ n<<62&signBit)
	y = where(math.Abs(x) < 0x1p-27, x, y)
	return where(math.Abs(x) <= circleLimit, y, math.NaN())
}

// cos is the cosine of x radians for |x| up to 2^40, within 0.85 ulp. Beyond it is NaN.
func cos(x float64) float64 {
	s, c, n := circle(x)
	y := whereSign(n<<63, s, c)
	y = math.Float64frombits(math.Float64bits(y) ^ (n+1)<<62&signBit)
	return where(math.Abs(x) <= circleLimit, y, math.NaN())
}

// circle is the sine and the cosine of x - n pi/2 for the nearest integer n, given in the low bits of quarter.
func circle(x float64) (sine, cosine float64, quarter uint64) {
	t := math.FMA(x, twoOverPi, roundToInteger)
	n := t - roundToInteger
	a := math.FMA(n, -halfPi1, x)
	p := float64(n * halfPi2)
	rest := math.FMA(n, halfPi2, -p)
	r := a - p
	d := r - a
	rest = ((a - (r - d)) - (p + d)) - rest // Knuth's two-sum: what r = a - p lost
	e := math.FMA(n, -halfPi3, rest)

	z := float64(r * r)
	half := float64(0.5 * z)
	w := 1 - half
	s := sinCoefficients[0]
	for i := range 5 {
		s = math.FMA(s, z, sinCoefficients[i+1])
	}
	sine = r + math.FMA(float64(r*z), s, float64(e*w))
	c := cosCoefficients[0]
	for i := range 5 {
		c = math.FMA(c, z, cosCoefficients[i+1])
	}
	rest = math.FMA(-r, e, (1-w)-half)
	cosine = w + math.FMA(float64(z*z), c, rest)
	return sine, cosine, math.Float64bits(t)
}
