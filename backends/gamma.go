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
	0x1.3fa804ce85165p-22,
	-0x1.37b746e73f1a8p-21,
	0x1.e321f00da425ap-21,
	-0x1.090e5fda4f2c0p-19,
	0x1.26d8179da4ff3p-18,
	-0x1.3d4b1d80ba894p-17,
	0x1.57fe0d5a2375ap-16,
	-0x1.78d9108ff39e9p-15,
	0x1.a12827834ee52p-14,
	-0x1.d3fd69db7925ep-13,
	0x1.0b36ae81a3021p-11,
	-0x1.38ac5bfe549e6p-10,
	0x1.7add6eb021f1ap-9,
	-0x1.e404fc21d61e5p-8,
	0x1.51322ac7d6f98p-6,
	-0x1.13e001a55755ep-4,
	0x1.4a34cc4a60fa8p-2,
	0x1.b0ee6072093cep-2,
}

var stirlingCoefficients = [...]float64{
	-0x1.cbd8dc6b0f4e2p-3,
	0x1.22514a11c271dp-2,
	-0x1.5bf56cddcba48p-3,
	0x1.1048616ebb8fdp-4,
	-0x1.4d5201ecb42cap-6,
	0x1.7cc342044c047p-8,
	-0x1.eef52d01f7037p-10,
	0x1.b8c834ad80b31p-11,
	-0x1.38104a4d6dcbdp-11,
	0x1.a019f5d747a9fp-11,
	-0x1.6c16c16665131p-9,
	0x1.5555555555347p-4,
}

var digammaCoefficients = [...]float64{
	-0x1.724a758093086p-13,
	0x1.107999a80e789p-12,
	-0x1.343816c734b20p-13,
	0x1.dc1a9c3b6c8e3p-13,
	-0x1.fc47f5813a68fp-12,
	0x1.7b4a230c505a2p-11,
	-0x1.0fcd342bb3a79p-10,
	0x1.980d9ae367189p-10,
	-0x1.336b458806f18p-9,
	0x1.cd3e745a1503fp-9,
	-0x1.5a06cc57a4bfap-8,
	0x1.03c006a61d3b6p-7,
	-0x1.8635627c786f4p-7,
	0x1.256475f144d98p-6,
	-0x1.b9f8b1249a04bp-6,
	0x1.4de9aa059a700p-5,
	-0x1.fb44202a0742ap-5,
	0x1.8512e5905da53p-4,
	-0x1.2feeeb98a7a32p-3,
	0x1.eca189b8e6d99p-3,
	-0x1.b1cb63005ee98p-2,
	0x1.e6f0cbb873617p-1,
}

var digammaTailCoefficients = [...]float64{
	-0x1.c5caeaebde1dfp+6,
	0x1.028434ef3c222p+8,
	-0x1.111cc59afac41p+8,
	0x1.648eb34153f20p+7,
	-0x1.444d219ffbb36p+6,
	0x1.b9aae194b6ad9p+4,
	-0x1.dd581f31ddf09p+2,
	0x1.b47633c6a3fe7p+0,
	-0x1.705eaac20de2bp-2,
	0x1.44148a5d6a43fp-4,
	-0x1.56e814d33c519p-6,
	0x1.f02eba37f5456p-8,
	-0x1.110f94aec52e1p-8,
	0x1.04103c7fd49e7p-8,
	-0x1.1111110d73987p-7,
	0x1.5555555555112p-4,
}

var trigammaTailCoefficients = [...]float64{
	0x1.e31f69c487ba0p+7,
	-0x1.e398c7290dc83p+6,
	0x1.f14baf19fc413p+4,
	-0x1.811aa4edeb27ep+2,
	0x1.21a8c71323accp+0,
	-0x1.025c65a782f60p-2,
	0x1.36406f4dfccaep-4,
	-0x1.1110ce3eb18dap-5,
	0x1.861860be91f3cp-6,
	-0x1.11111110c6613p-5,
	0x1.5555555555507p-3,
}

// sin(pi f) = pi f (1 + f^2 Y(f^2)) for |f| <= 1/2.
var sinPiCoefficients = [...]float64{
	0x1.070f4614b0cc8p-22,
	-0x1.d3e335be708b5p-18,
	0x1.374695b2d004ap-13,
	-0x1.3381696cdc4a9p-9,
	0x1.ac6805cbdb164p-6,
	-0x1.86a8e4720895fp-3,
	0x1.9f9cb402bc3f2p-1,
	-0x1.a51a6625307d3p+0,
}

// cos(pi f) = 1 + f^2 V(f^2) for |f| <= 1/4.
var cosPiCoefficients = [...]float64{
	-0x1.b263c2c476eebp-14,
	0x1.f9cc40ab2df64p-10,
	-0x1.a6d1ec7e0a4f7p-6,
	0x1.e1f5068367b23p-3,
	-0x1.55d3c7e3c9280p+0,
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
