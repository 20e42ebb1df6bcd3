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
	0x1.cf2db1fa5edccp-35,
	-0x1.2c34482a7db50p-30,
	0x1.f3426b195e37cp-27,
	-0x1.5ea942fee3962p-23,
	0x1.b9cfb1df2e05bp-20,
	-0x1.f4d08b2c8b4eep-17,
	0x1.f9a30dd1679e2p-14,
	-0x1.c02db315f5f97p-11,
	0x1.565bcd08ed513p-8,
	-0x1.b82ce31261695p-6,
	0x1.ce2f21a0422b7p-4,
	-0x1.812746b0379d9p-2,
	0x1.06eba8214db68p-3,
}

var logErfcCoefficients = [...]float64{
	-0x1.8df2c49579017p-38,
	-0x1.aaad62cb69467p-40,
	0x1.45bbe715ac044p-28,
	-0x1.f2e9bdc1ff8bbp-24,
	0x1.915681d70f112p-20,
	-0x1.a95639180fa08p-17,
	0x1.42aa9a6af4216p-14,
	-0x1.69a4a4acca7a6p-12,
	0x1.27aeab854b092p-10,
	-0x1.39acb1e1c9964p-9,
	0x1.da418851cb2e6p-11,
	0x1.30c71c60d123ap-6,
	-0x1.a3c20c26ccbe1p-4,
	-0x1.4601cf2bc9889p-1,
	-0x1.20dbb16c6b165p+0,
	-0x1.921a06cad8b93p-19,
}

var erfcCoefficients = [...]float64{
	0x1.1db8319edfa63p-30,
	-0x1.5f56af7edb6f5p-32,
	-0x1.08813985abaebp-26,
	0x1.510986c9e3f6ep-29,
	0x1.09fb28dab9856p-23,
	-0x1.4e385315335cap-24,
	-0x1.c620756ede687p-21,
	0x1.7eca68c9db768p-20,
	0x1.3b065ad4df029p-18,
	-0x1.3c72a3bf972c2p-16,
	-0x1.e7e56bd76553fp-19,
	0x1.72cdcd1925875p-13,
	-0x1.dd28475b236cfp-12,
	-0x1.269b55adb4864p-12,
	0x1.908f4729ec284p-8,
	-0x1.b00c052a9bcadp-6,
	0x1.38dbd2c8d9b86p-4,
	-0x1.645fd8a4bf3ccp-3,
	0x1.52cac237102f8p-2,
	-0x1.14eacb1ad02e0p-1,
	0x1.8be202d26c702p-1,
	-0x1.f3fe31ecb49c0p-1,
	0x1.18932bf08e154p+0,
}

// erf is the error function, within 1.2 ulp; an odd function, bit for bit.
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
