package backends

import "math"

// The float32 random kernels: the four words of a Philox call make four numbers. Pair functions take the words two by two.

func uniform32(key *Key, particle, step, slot uint64) (u0, u1, u2, u3 float32) {
	w0, w1, w2, w3 := words(key, particle, step, slot)
	u0, u1 = uniformPair32(uint32(w0), uint32(w1))
	u2, u3 = uniformPair32(uint32(w2), uint32(w3))
	return u0, u1, u2, u3
}

func normal32(key *Key, particle, step, slot uint64) (z0, z1, z2, z3 float32) {
	w0, w1, w2, w3 := words(key, particle, step, slot)
	z0, z1 = normalPair32(uint32(w0), uint32(w1))
	z2, z3 = normalPair32(uint32(w2), uint32(w3))
	return z0, z1, z2, z3
}

// unit32 maps the upper 23 bits k of a word to (k + 1/2) / 2^23.
func unit32(w uint32) float32 {
	return math.Float32frombits(w>>9|0x3F800000) - (1 - 0x1p-24)
}

func uniformPair32(v, w uint32) (u0, u1 float32) { return unit32(v), unit32(w) }

// normalPair32 is boxMuller in float32. The radius comes from 30 bits k of v as (2k + 1) / 2^31, so the largest number
// is 6.55; the angle from the upper 23 bits of w and, for the quarter, its lowest two.
func normalPair32(v, w uint32) (z0, z1 float32) {
	radius := sqrt32(-2 * logUnit32(fromInt32(v>>1|1)*0x1p-31))
	radius = math.Float32frombits(math.Float32bits(radius) | w<<30&0x80000000) // the opposite quarter
	f := math.Float32frombits(w>>9|0x3F800000) - 1.5
	x := f * (math.Pi / 2)
	z := x * x
	s := FMA32(z, -1.9515295891e-4, 8.3321608736e-3)
	s = FMA32(z, s, -1.6666654611e-1)
	c := FMA32(z, 2.443315711809948e-5, -1.388731625493765e-3)
	c = FMA32(z, c, 4.166664568298827e-2)
	c = FMA32(z, c, -0.5)
	sin, cos := FMA32(x*z, s, x), FMA32(z, c, 1) // Cephes sinf.c, error 1e-7
	first := whereSign32(w<<31, sin, cos)
	second := whereSign32(w<<31, cos, sin)
	return radius * first, radius * second
}

// logUnit32 is logUnit in float32, with the polynomial of fdlibm's e_logf.c, for normal x in (0, 1].
func logUnit32(x float32) float32 {
	const (
		rootHalf = 0x3F3504F3
		one      = 0x3F800000
		magic    = 0x4B000000 // 2^23
	)
	t := math.Float32bits(x) + (one - rootHalf)
	k := math.Float32frombits(t>>23|magic) - (0x1p23 + 127)
	m := math.Float32frombits(t&0x007FFFFF + rootHalf)
	f := m - 1
	s := f / (m + 1)
	z := s * s
	r := FMA32(z, 0xf89e26p-26, 0x91e9eep-25)
	r = FMA32(z, r, 0xccce13p-25)
	r = FMA32(z, r, 0xaaaaaap-24)
	r = FMA32(z, r, 2)
	return FMA32(k, math.Ln2, s*r)
}
