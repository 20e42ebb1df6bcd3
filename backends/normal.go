package backends

import "math"

// Normal numbers by Box and Muller (1958): a radius sqrt(-2 log u) and an angle.

func normal(key *Key, particle, step, slot uint64) (z0, z1 float64) {
	w0, w1, w2, w3 := words(key, particle, step, slot)
	return boxMuller(join(w0, w1), join(w2, w3))
}

// boxMuller makes two standard normal numbers of 128 random bits. The angle is f pi/2 with f in [-1/2, 1/2) from the upper
// 52 bits of w, turned into the other quarters of the circle by the lowest two, which f does not use.
func boxMuller(v, w uint64) (z0, z1 float64) {
	radius := math.Sqrt(-2 * logUnit(unit(v)))
	radius = math.Float64frombits(math.Float64bits(radius) | w<<62&0x8000000000000000) // the opposite quarter
	f := math.Float64frombits(w>>12|0x3FF0000000000000) - 1.5
	sin, cos := sinCosQuarter(f)
	first := whereSign(w<<63, sin, cos)
	second := whereSign(w<<63, cos, sin)
	return radius * first, radius * second
}

// logUnit is the natural logarithm of a normal number x in (0, 1): log x = k log 2 + log m with m in [sqrt(1/2), sqrt(2)),
// log m = 2s + s R(s^2), s = (m-1)/(m+1), R the polynomial of fdlibm's e_log.c. Error below 2.5 ulp.
func logUnit(x float64) float64 {
	const (
		rootHalf = 0x3FE6A09E667F3BCD // sqrt(1/2)
		one      = 0x3FF0000000000000
		magic    = 0x4330000000000000 // 2^52, below which the low bits of a float64 are an integer
		log2     = 0x1.62e42fefa39efp-1
	)
	t := math.Float64bits(x) + (one - rootHalf)
	k := math.Float64frombits(t>>52|magic) - (0x1p52 + 1023)
	m := math.Float64frombits(t&0x000FFFFFFFFFFFFF + rootHalf)
	f := m - 1
	s := f / (m + 1)
	z := s * s
	r := math.FMA(z, 0x1.2f112df3e5244p-3, 0x1.39a09d078c69fp-3)
	r = math.FMA(z, r, 0x1.7466496cb03dep-3)
	r = math.FMA(z, r, 0x1.c71c51d8e78afp-3)
	r = math.FMA(z, r, 0x1.2492494229359p-2)
	r = math.FMA(z, r, 0x1.999999997fa04p-2)
	r = math.FMA(z, r, 0x1.5555555555593p-1)
	r = math.FMA(z, r, 2)
	return math.FMA(k, log2, s*r)
}

// sinCosQuarter is sin and cos of f pi/2 for |f| <= 1/2, by the polynomials of fdlibm's k_sin.c and k_cos.c.
func sinCosQuarter(f float64) (sin, cos float64) {
	x := f * (math.Pi / 2)
	z := x * x
	s := math.FMA(z, 0x1.5d93a5acfd57cp-33, -0x1.ae5e68a2b9cebp-26)
	s = math.FMA(z, s, 0x1.71de357b1fe7dp-19)
	s = math.FMA(z, s, -0x1.a01a019c161d5p-13)
	s = math.FMA(z, s, 0x1.111111110f8a6p-7)
	s = math.FMA(z, s, -0x1.5555555555549p-3)
	c := math.FMA(z, -0x1.8fae9be8838d4p-37, 0x1.1ee9ebdb4b1c4p-29)
	c = math.FMA(z, c, -0x1.27e4f809c52adp-22)
	c = math.FMA(z, c, 0x1.a01a019cb1590p-16)
	c = math.FMA(z, c, -0x1.6c16c16c15177p-10)
	c = math.FMA(z, c, 0x1.555555555554cp-5)
	c = math.FMA(z, c, -0.5)
	return math.FMA(x*z, s, x), math.FMA(z, c, 1)
}

// propose is a Langevin move of two coordinates: y = x + size s + noise z.
func propose(x0, x1, s0, s1, size, noise float64, key *Key, particle, step, slot uint64) (y0, y1 float64) {
	z0, z1 := normal(key, particle, step, slot)
	y0 = math.FMA(noise, z0, math.FMA(size, s0, x0))
	y1 = math.FMA(noise, z1, math.FMA(size, s1, x1))
	return y0, y1
}

func proposeLast(x, s, size, noise float64, key *Key, particle, step, slot uint64) float64 {
	z, _ := normal(key, particle, step, slot)
	return math.FMA(noise, z, math.FMA(size, s, x))
}

// accept is the decision of Metropolis and Hastings.
func accept(ratio float64, key *Key, particle, step, slot uint64) (accepted, probability float64) {
	u, _ := uniform(key, particle, step, slot)
	accepted = where(logUnit(u) < ratio, 1, 0)
	probability = where(ratio < 0, exp(ratio), where(ratio >= 0, 1, 0))
	return accepted, probability
}
