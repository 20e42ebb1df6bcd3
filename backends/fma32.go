//go:build !arm64

package backends

import "math"

// FMA32 is x*y+z in float32, rounded once.
//
// The product is exact in float64, and the sum there is rounded once; to round it again to float32 gives the right
// result unless it lies on a midpoint of the float32 grid, or below the normal range, where the midpoints lie elsewhere.
// Those cases go through [fmaExact].
func FMA32(x, y, z float32) float32 {
	s := float64(float64(x)*float64(y)) + float64(z)
	if b := math.Float64bits(s); b<<35 == 1<<63 || b<<1 < 897<<53 { // midpoint, or |s| < 2^-126
		return fmaExact(x, y, z)
	}
	return float32(s)
}

// fmaExact rounds the sum to odd in float64 (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008), so
// that the last rounding decides alone.
func fmaExact(x, y, z float32) float32 {
	p := float64(float64(x) * float64(y))
	c := float64(z)
	s := p + c
	t := s - p
	e := (p - (s - t)) + (c - t) // the exact error of s; NaN where s is not finite
	b, d := math.Float64bits(s), math.Float64bits(e)
	m := d << 1
	inexact := (m | -m) >> 63 &^ ((m>>53 + 1) >> 11) // 1 if e is neither 0 nor NaN
	b = (b - inexact&((b^d)>>63)) | inexact
	return float32(math.Float64frombits(b))
}
