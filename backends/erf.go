package backends

import "math"

// The error function erf(x) = 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, and erfc(x) = 1 - erf(x).
//
//	erf(x) = x + x R(x^2)                      for |x| < 9/8,   R of degree 12,
//	erf(x) = 1 - exp(L(x))                     for x up to 6,   L of degree 15, close to log(erfc(x)),
//	erfc(x) = exp(-x^2) P(q)/(x + 4)           for x >= 0,      q = (x - 4)/(x + 4), P of degree 22,
//	erfc(-x) = 2 - erfc(x).
//
// The variable q is Shepherd and Laframboise's ("Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", Mathematics of
// Computation 36, 1981), and the refinement of q by its remainder is N. Juffa's. All three polynomials are our own (Remez, relative to
// the function): errors below 2^-58.4, 2^-55 and 2^-58, the last up to x = 28.

var erfCoefficients = [...]float64{
	0x1.cf1d595a44461p-35,
	-0x1.2c308563a09f1p-30,
	0x1.f340e77e1ed69p-27,
	-0x1.5ea9162c86e2cp-23,
	0x1.b9cfab4c206dbp-20,
	-0x1.f4d08a8977555p-17,
	0x1.f9a30dc6dd2c4p-14,
	-0x1.c02db31583383p-11,
	0x1.565bcd08ea3acp-8,
	-0x1.b82ce31261505p-6,
	0x1.ce2f21a0422b1p-4,
	-0x1.812746b0379d9p-2,
	0x1.06eba8214db68p-3,
}

var logErfcCoefficients = [...]float64{
	-0x1.8db916ba4daa8p-38,
	-0x1.c988ab9e8ea63p-40,
	0x1.45da4a6eb4d0ep-28,
	-0x1.f2fc02bb9af20p-24,
	0x1.915e017b891d0p-20,
	-0x1.a95aacab9e5e7p-17,
	0x1.42ac93d35ce73p-14,
	-0x1.69a5f9be01a17p-12,
	0x1.27af5c15cf117p-10,
	-0x1.39ad3e22601fbp-9,
	0x1.da442e9d93146p-11,
	0x1.30c7093891c27p-6,
	-0x1.a3c20904d9f88p-4,
	-0x1.4601cf5898429p-1,
	-0x1.20dbb1664c2ecp+0,
	-0x1.9220311bd7ff3p-19,
}

var erfcCoefficients = [...]float64{
	0x1.1db96c477d4c9p-30,
	-0x1.5f445508f7290p-32,
	-0x1.08811dd0f0046p-26,
	0x1.5103ba2ed0243p-29,
	0x1.09fb12e0cab56p-23,
	-0x1.4e382439f0182p-24,
	-0x1.c6206d69e4d83p-21,
	0x1.7eca675692a00p-20,
	0x1.3b065a17a5da9p-18,
	-0x1.3c72a3ba9163ap-16,
	-0x1.e7e56b3465907p-19,
	0x1.72cdcd192b9d9p-13,
	-0x1.dd28475b78602p-12,
	-0x1.269b55adb9b7dp-12,
	0x1.908f4729ecf9fp-8,
	-0x1.b00c052a9bc6bp-6,
	0x1.38dbd2c8d9b75p-4,
	-0x1.645fd8a4bf3ccp-3,
	0x1.52cac237102f8p-2,
	-0x1.14eacb1ad02e0p-1,
	0x1.8be202d26c702p-1,
	-0x1.f3fe31ecb49c0p-1,
	0x1.18932bf08e154p+0,
}

// erf is the error function, within 1.5 ulp; an odd function, bit for bit.
func erf(x float64) float64 {
	z := float64(x * x)
	r := erfCoefficients[0]
	for i := range 12 {
		r = math.FMA(r, z, erfCoefficients[i+1])
	}
	small := math.FMA(x, r, x)

	a := math.Abs(x)
	a = where(a > 6, 6, a) // where erf rounds to 1
	l := logErfcCoefficients[0]
	for i := range 15 {
		l = math.FMA(l, a, logErfcCoefficients[i+1])
	}
	large := 1 - exp(l)
	large = math.Float64frombits(math.Float64bits(large) | math.Float64bits(x)&signBit)
	return where(a < 1.125, small, large)
}

// erfc is the complementary error function, within 3.5 ulp, down to subnormal results at x = 27.2.
func erfc(x float64) float64 {
	a := math.Abs(x)
	a = where(a > 28, 28, a) // where erfc is 0
	t := 1 / (a + 4)
	q := float64((a - 4) * t)
	q = math.FMA(t, math.FMA(q, -a, math.FMA(q+1, -4, a)), q)
	p := erfcCoefficients[0]
	for i := range 22 {
		p = math.FMA(p, q, erfcCoefficients[i+1])
	}
	p = float64(p * t)
	defect := math.FMA(t, -a, math.FMA(t, -4, 1)) // 1/(a + 4) = t (1 + defect)

	square := float64(a * a)
	m, exponent := expParts(-square, -math.FMA(a, a, -square))
	m = math.FMA(defect, 1+m, m)
	y := scaleBits(math.FMA(p, m, p), exponent)
	return where(x < 0, 2-y, y)
}
