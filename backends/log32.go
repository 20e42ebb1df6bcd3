package backends

import "math"

// The natural logarithm in float32, as in log.go but for its polynomial:
//
//	x = 2^k (1 + f),   1 + f in [sqrt(1/2), sqrt(2)),   log(1 + f) = f - f^2/2 + f^3 P(f).

const (
	oneBits32      = 0x3F800000
	rootHalfBits32 = 0x3F3504F3 // sqrt(1/2)
	mantissaBits32 = 0x007FFFFF

	// The bits of a float32 in [2^23, 2^24) are integerBits32 plus the integer part above 2^23.
	integerBits32 = 0x4B000000

	infinityBits32 = 0x7F800000
	nanBits32      = 0x7FC00000
)

// The error of P is below 2^-27.3 of the logarithm.
var log32Coefficients = [...]float32{
	-0x1.38b5dap-4,
	0x1.055b96p-3,
	-0x1.0d8528p-3,
	0x1.22da06p-3,
	-0x1.547246p-3,
	0x1.99a00ap-3,
	-0x1.000226p-2,
	0x1.555554p-2,
}

// log32 is the natural logarithm, within 0.9 ulp, subnormal x included. log32(0) is -Inf, that of a negative number NaN.
func log32(x float32) float32 {
	subnormal := x < 0x1p-126
	normal := where32(subnormal, float32(x*0x1p25), x)
	bias := where32(subnormal, 0x1p23+127+25, 0x1p23+127)
	bits := math.Float32bits(normal) + (oneBits32 - rootHalfBits32)
	k := math.Float32frombits(bits>>23|integerBits32) - bias
	f := math.Float32frombits(bits&mantissaBits32+rootHalfBits32) - 1
	p := log32Coefficients[0]
	for i := range 7 {
		p = FMA32(p, f, log32Coefficients[i+1])
	}
	p = FMA32(float32(f*f), FMA32(f, p, -0.5), float32(k*ln2Low32))
	y := FMA32(k, ln2High32, f+p)
	infinity := math.Float32frombits(infinityBits32)
	y = where32(x < infinity, y, x)
	return where32(x > 0, y, where32(x == 0, -infinity, math.Float32frombits(nanBits32)))
}
