package backends

import "math"

// Activations of networks, and what passes their gradients on, in float32.

// The polynomial of (exp(r) - 1 - r)/r^2 for |r| up to ln(2)/2; exp has an error below 2^-27.7 by it.
var elu32Coefficients = [...]float32{
	0x1.6db46ap-10,
	0x1.123b92p-7,
	0x1.55545ep-5,
	0x1.55548ep-3,
	0x1.000000p-1,
}

// elu32 is x above 0, else exp(x) - 1, within 2 ulp (Clevert, Unterthiner and Hochreiter, 2016). It is expm132 with what only
// arguments above 0 need left out.
func elu32(x float32) float32 {
	r := where32(x < -20, -20, x) // where exp(x) - 1 rounds to -1
	t := FMA32(r, log2E32, roundToInteger32+127)
	k := t - (roundToInteger32 + 127)
	s := math.Float32frombits(math.Float32bits(t) << 23) // 2^k
	r = FMA32(k, -ln2Near32, r)
	p := elu32Coefficients[0]
	for i := range 4 {
		p = FMA32(p, r, elu32Coefficients[i+1])
	}
	p = FMA32(float32(r*r), p, r)
	return where32(x > 0, x, FMA32(s, p, s-1))
}

// ln2Near32 is ln 2 rounded: k times its error is nothing beside 1 where exp(x) - 1 is near -1.
const ln2Near32 = 0x1.62e430p-1

// eluGradient32 is the gradient d at a result y of elu32, passed on.
func eluGradient32(y, d float32) float32 { return where32(y > 0, d, float32(d*(y+1))) }

// silu32 is x times its sigmoid s.
func silu32(x float32) float32 { return float32(x * sigmoid32(x)) }

// siluGradient32 is the gradient d at a result y of silu32, passed on, where s is the sigmoid: the derivative is
// s + y (1 - s).
func siluGradient32(s, y, d float32) float32 { return float32(d * FMA32(y, 1-s, s)) }
