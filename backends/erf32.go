package backends

import "math"

// The error function in float32: x + x R(x^2) for |x| < 1, and 1 - exp(L(x)) beyond, L close to log(erfc(x)). The errors are
// below 2^-29.6 and 2^-29.8.

var erf32Coefficients = [...]float32{
	0x1.496a7ep-14,
	-0x1.a3f71cp-11,
	0x1.5405b6p-8,
	-0x1.b7f90ep-6,
	0x1.ce2cf8p-4,
	-0x1.81273ep-2,
	0x1.06eba8p-3,
}

var logErfc32Coefficients = [...]float32{
	0x1.86dd0ep-13,
	-0x1.825aa4p-9,
	0x1.65cb48p-6,
	-0x1.a65328p-4,
	-0x1.46baf0p-1,
	-0x1.2088eap+0,
	-0x1.662340p-12,
}

// erf32 is the error function, within 1.2 ulp; an odd function, bit for bit.
func erf32(x float32) float32 {
	z := float32(x * x)
	r := erf32Coefficients[0]
	for i := range 6 {
		r = FMA32(r, z, erf32Coefficients[i+1])
	}
	small := FMA32(x, r, x)

	a := abs32(x)
	a = where32(a > 4, 4, a) // where erf rounds to 1
	l := logErfc32Coefficients[0]
	for i := range 6 {
		l = FMA32(l, a, logErfc32Coefficients[i+1])
	}
	large := 1 - exp32(l)
	large = math.Float32frombits(math.Float32bits(large) | math.Float32bits(x)&signBit32)
	return where32(a < 1, small, large)
}
