package backends

import "math"

// The logarithm of the gamma function and its first two derivatives. Beyond a threshold they are Stirling's series,
//
//	lgamma(x) = (x - 1/2)(log(x) - 1) + (log(2 pi) - 1)/2 + S(1/x^2)/x         x >= 5/2,   S of degree 11,
//	digamma(x) = log(x) - 1/(2x) - A(1/x^2)/x^2                                x >= 2,     A of degree 15,
//	trigamma(x) = 1/x + 1/(2x^2) + B(1/x^2)/x^3                                x >= 4,     B of degree 10,
//
// (Abramowitz and Stegun, 6.1.40, 6.3.18, 6.4.12) but with minimax polynomials in place of the divergent series.
// Below it, with the recurrence Gamma(x + 1) = x Gamma(x), they are
//
//	lgamma(2 + d) = d Q(d)                                                     |d| <= 1/2, Q of degree 17,
//	digamma(3/2 + u) = (3/2 + u - root) D(u)                                   |u| <= 1/2, D of degree 21,
//
// where root is the zero of digamma; trigamma needs no more than four steps of its recurrence, since all its terms are
// positive. On the negative side it is the reflection Gamma(x) Gamma(1 - x) = pi/sin(pi x). The polynomials are our own
// (Remez, relative to the function); their errors are below 2^-55.9.

var lgammaCoefficients = [...]float64{
	0x1.3faa5bbc2aec0p-22,
	-0x1.37b68f62dcc6fp-21,
	0x1.e320b1e7dbbd0p-21,
	-0x1.090e8e548ec96p-19,
	0x1.26d8290fabe37p-18,
	-0x1.3d4b18b530211p-17,
	0x1.57fe0c552355ap-16,
	-0x1.78d910d214a3ep-15,
	0x1.a128278c0e53cp-14,
	-0x1.d3fd69d97efe0p-13,
	0x1.0b36ae818d714p-11,
	-0x1.38ac5bfe58b88p-10,
	0x1.7add6eb0222bbp-9,
	-0x1.e404fc21d6161p-8,
	0x1.51322ac7d6f96p-6,
	-0x1.13e001a55755ep-4,
	0x1.4a34cc4a60fa8p-2,
	0x1.b0ee6072093cep-2,
}

var stirlingCoefficients = [...]float64{
	-0x1.cbaa5523ca55cp-3,
	0x1.22393c720a185p-2,
	-0x1.5bdfa7ce0e9a1p-3,
	0x1.103d13475154fp-4,
	-0x1.4d4a96f38aaafp-6,
	0x1.7cc011e45fb14p-8,
	-0x1.eef446e6877ffp-10,
	0x1.b8c820067245ep-11,
	-0x1.381049c17f973p-11,
	0x1.a019f5d578e58p-11,
	-0x1.6c16c16664c93p-9,
	0x1.5555555555348p-4,
}

var digammaCoefficients = [...]float64{
	-0x1.724f6f0b853ebp-13,
	0x1.1078ae463e715p-12,
	-0x1.3431a4a3d1bbbp-13,
	0x1.dc1cf8a011f78p-13,
	-0x1.fc49bc8d6306ap-12,
	0x1.7b49d0e681cccp-11,
	-0x1.0fcd1163553eap-10,
	0x1.980da72ca002fp-10,
	-0x1.336b48bf826e5p-9,
	0x1.cd3e7340d6dd6p-9,
	-0x1.5a06cc2878b43p-8,
	0x1.03c006adc0ee4p-7,
	-0x1.8635627e1dc6ap-7,
	0x1.256475f10649ap-6,
	-0x1.b9f8b12491965p-6,
	0x1.4de9aa059b841p-5,
	-0x1.fb44202a07582p-5,
	0x1.8512e5905da31p-4,
	-0x1.2feeeb98a7a32p-3,
	0x1.eca189b8e6d99p-3,
	-0x1.b1cb63005ee98p-2,
	0x1.e6f0cbb873617p-1,
}

var digammaTailCoefficients = [...]float64{
	-0x1.c5d00723ba923p+6,
	0x1.0286f21c715ecp+8,
	-0x1.111f700c7c9f3p+8,
	0x1.6491d14ab0672p+7,
	-0x1.444f92d3b0e59p+6,
	0x1.b9ad968085e70p+4,
	-0x1.dd5a4e4780ad6p+2,
	0x1.b47780b8dfdd4p+0,
	-0x1.705f3d8df180ap-2,
	0x1.4414b9ff12734p-4,
	-0x1.56e82006b7f5ap-6,
	0x1.f02ebc13cf188p-8,
	-0x1.110f94bc1c80fp-8,
	0x1.04103c8010c9cp-8,
	-0x1.1111110d73e2ap-7,
	0x1.5555555555113p-4,
}

var trigammaTailCoefficients = [...]float64{
	0x1.e31f695ef2c78p+7,
	-0x1.e398be7ad3ff2p+6,
	0x1.f14ba3f51485fp+4,
	-0x1.811a9ed2300d4p+2,
	0x1.21a8c53ab9e90p+0,
	-0x1.025c6551ccbedp-2,
	0x1.36406f446be05p-4,
	-0x1.1110ce3e5ecf1p-5,
	0x1.861860be905c8p-6,
	-0x1.11111110c6604p-5,
	0x1.5555555555507p-3,
}

// sin(pi f) = pi f (1 + f^2 Y(f^2)) for |f| <= 1/2.
var sinPiCoefficients = [...]float64{
	0x1.070f4b3470b17p-22,
	-0x1.d3e33619bc6fcp-18,
	0x1.374695b41d80ep-13,
	-0x1.3381696ce1406p-9,
	0x1.ac6805cbdb2aep-6,
	-0x1.86a8e47208961p-3,
	0x1.9f9cb402bc3f2p-1,
	-0x1.a51a6625307d3p+0,
}

// cos(pi f) = 1 + f^2 V(f^2) for |f| <= 1/4.
var cosPiCoefficients = [...]float64{
	-0x1.b263bde75a667p-14,
	0x1.f9cc40998fcbfp-10,
	-0x1.a6d1ec7df12e0p-6,
	0x1.e1f50683678edp-3,
	-0x1.55d3c7e3c927ep+0,
	0x1.03c1f081b5aaep+2,
	-0x1.3bd3cc9be45dep+2,
}

// lgamma is log|Gamma(x)|: within 4 ulp for x >= -1/2, also around its zeros 1 and 2. Below, where it has a zero on
// either side of each pole, it is within 4 ulp or within 2^-51 (1 + |lgamma(-x)|), whichever is more. It is +Inf at 0,
// at the negative integers and at both infinities.
func lgamma(x float64) float64 {
	a := where(x < -0.5, -x, x)
	n := math.RoundToEven(a)
	d := a - n
	large := a >= 2.5

	// The logarithm that is needed: Gamma(a) = Gamma(2 + d)/argument where a is not large.
	argument := where(n < 0.5, float64(math.Abs(a)*(1+a)), where(n < 1.5, a, 1))
	high, low := logPair(where(large, a, argument))
	q := lgammaCoefficients[0]
	for i := range 17 {
		q = math.FMA(q, d, lgammaCoefficients[i+1])
	}
	y := math.FMA(d, q, -high) - low

	r := 1 / a
	z := float64(r * r)
	s := stirlingCoefficients[0]
	for i := range 11 {
		s = math.FMA(s, z, stirlingCoefficients[i+1])
	}
	s = math.FMA(s, r, 0x1.acfe390c97d69p-2) // (log(2 pi) - 1)/2
	s = math.FMA(a-0.5, low, s)
	y = where(large, math.FMA(a-0.5, high-1, s), y)

	// Gamma(x) = pi/(a |sin(pi a)|)/Gamma(a).
	high, low = logPair(math.Abs(float64(float64(a*d) * sinPiRatio(d))))
	y = where(x < -0.5, -(high+y)-low, y)
	return where(d == 0 && x <= 0 || math.Abs(x) == math.Inf(1), math.Inf(1), y)
}

// sinPiRatio is sin(pi f)/(pi f) for |f| <= 1/2.
func sinPiRatio(f float64) float64 {
	z := float64(f * f)
	y := sinPiCoefficients[0]
	for i := range 7 {
		y = math.FMA(y, z, sinPiCoefficients[i+1])
	}
	return math.FMA(y, z, 1)
}

// digamma is the derivative of lgamma: within 4 ulp for x > 0, also around its zero 1.4616. Below, where it has a zero
// between any two poles, it is within 4 ulp or within 2^-51 (1 + |digamma(1-x)|), whichever is more. It is -Inf at 0,
// +Inf at -0 and NaN at the negative integers.
func digamma(x float64) float64 {
	const root, rootLow = 0x1.762d86356be3fp+0, 0x1.b86a722197829p-54
	b := where(x < 0, 1-x, x)
	r := 1 / b

	// For b < 2, shifted by 1 if b < 1: digamma(b) = digamma(b + 1) - 1/b.
	shift := b < 1
	u := b - where(shift, 0.5, 1.5)
	p := digammaCoefficients[0]
	for i := range 21 {
		p = math.FMA(p, u, digammaCoefficients[i+1])
	}
	u = (b - where(shift, root-1, root)) - rootLow
	small := math.FMA(p, u, where(shift, -r, 0))

	high, low := logPair(b)
	z := float64(r * r)
	p = digammaTailCoefficients[0]
	for i := range 15 {
		p = math.FMA(p, z, digammaTailCoefficients[i+1])
	}
	p = math.FMA(p, z, float64(0.5*r))
	y := where(b < 2, small, high+(low-p))
	y = where(b < math.Inf(1), y, b)

	// digamma(x) = digamma(1 - x) - pi cos(pi f)/sin(pi f), x - f an integer, by the angle g that f makes with the
	// nearer of the two axes, so that the quotient is right to the last bits where the cosine is 0.
	f := x - math.RoundToEven(x)
	steep := math.Abs(f) > 0.25
	g := where(steep, 0.5-math.Abs(f), math.Abs(f))
	z = float64(g * g)
	p = cosPiCoefficients[0]
	for i := range 6 {
		p = math.FMA(p, z, cosPiCoefficients[i+1])
	}
	p = math.FMA(p, z, 1)
	s := float64(g * sinPiRatio(g)) // sin(pi g)/pi
	cotangent := where(steep, float64((math.Pi*math.Pi)*s), p) / where(steep, p, s)
	cotangent = math.Float64frombits(math.Float64bits(cotangent) | math.Float64bits(f)&signBit)
	y = where(x < 0, y-cotangent, y)
	return where(f == 0 && x < 0, math.NaN(), y)
}

// trigamma is the second derivative of lgamma, within 4.5 ulp. It is +Inf at 0 and the negative integers, and NaN at -Inf.
//
// The terms 1/(b + j)^2 that lead from b to b + 4 are 1/b^2 and, with c = b + 2, (3c^4 + 1)/(c^3 - c)^2.
func trigamma(x float64) float64 {
	b := where(x < 0, 1-x, x)
	c := b + 2
	z := float64(c * c)
	r := 1 / float64(c*(z-1))
	p := float64(math.FMA(float64(3*z), z, 1) * r)
	head := float64(p * r)
	r = 1 / b
	head = where(b < 4, math.FMA(r, r, head), 0)

	r = 1 / where(b < 4, b+4, b)
	z = float64(r * r)
	p = trigammaTailCoefficients[0]
	for i := range 10 {
		p = math.FMA(p, z, trigammaTailCoefficients[i+1])
	}
	p = math.FMA(p, r, 0.5)
	y := head + math.FMA(p, z, r)

	// trigamma(x) = (pi/sin(pi x))^2 - trigamma(1 - x).
	f := x - math.RoundToEven(x)
	r = 1 / float64(f*sinPiRatio(f))
	return where(x < 0, math.FMA(r, r, -y), y)
}
