package backends

// FMA32 is x*y+z in float32, rounded once: the compiler makes it one FMADDS. The language permits that and does not promise
// it, so the tests of package backends hold it to the hard cases on this architecture too. The conversion keeps the
// compiler, where it inlines this, from fusing a product that the caller gives as z instead.
func FMA32(x, y, z float32) float32 { return x*y + float32(z) }
