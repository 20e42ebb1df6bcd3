package backends

import "math"

// Sine and cosine in float32, by the formulas of trig.go, with pi/2 in three parts (73 bits):
//
//	sin(r) = r + r^3 S(r^2),   cos(r) = 1 - r^2/2 + r^4 C(r^2).
//
// x - n halfPiHigh32 is exact with a fused multiply-add, and so the remainder is right to an ulp or so.

const (
	twoOverPi32    = 0x1.45f306p-1
	halfPiHigh32   = 0x1.921fb6p+0
	halfPiMiddle32 = -0x1.777a5cp-25
	halfPiLow32    = -0x1.ee59dap-50
	circleLimit32  = 0x1p20
)

// The errors are below 2^-27.9 and 2^-32.
var (
	sin32Coefficients = [...]float32{
		-0x1.993d12p-13,
		0x1.110728p-7,
		-0x1.555544p-3,
	}

	cos32Coefficients = [...]float32{
		0x1.99e580p-16,
		-0x1.6c0c1ep-10,
		0x1.55554ap-5,
	}
)

// sin32 is the sine of x radians for |x| up to 2^20, within 1.7 ulp. Beyond it is NaN.
func sin32(x float32) float32 {
	s, c, n := circle32(x)
	y := whereSign32(n<<31, c, s)
	y = math.Float32frombits(math.Float32bits(y) ^ n<<30&signBit32)
	y = where32(abs32(x) < 0x1p-12, x, y)
	return where32(abs32(x) <= circleLimit32, y, math.Float32frombits(nanBits32))
}

// cos32 is the cosine of x radians for |x| up to 2^20, within 1.9 ulp. Beyond it is NaN.
func cos32(x float32) float32 {
	s, c, n := circle32(x)
	y := whereSign32(n<<31, s, c)
	y = math.Float32frombits(math.Float32bits(y) ^ (n+1)<<30&signBit32)
	return where32(abs32(x) <= circleLimit32, y, math.Float32frombits(nanBits32))
}

// circle32 is the sine and the cosine of x - n pi/2 for the nearest integer n, given in the low bits of quarter.
func circle32(x float32) (sine, cosine float32, quarter uint32) {
	t := FMA32(x, twoOverPi32, roundToInteger32)
	n := t - roundToInteger32
	r := FMA32(n, -halfPiHigh32, x)
	r = FMA32(n, -halfPiMiddle32, r)
	r = FMA32(n, -halfPiLow32, r)
	z := float32(r * r)
	s := sin32Coefficients[0]
	for i := range 2 {
		s = FMA32(s, z, sin32Coefficients[i+1])
	}
	c := cos32Coefficients[0]
	for i := range 2 {
		c = FMA32(c, z, cos32Coefficients[i+1])
	}
	return FMA32(float32(r*z), s, r), FMA32(z, FMA32(z, c, -0.5), 1), math.Float32bits(t)
}
