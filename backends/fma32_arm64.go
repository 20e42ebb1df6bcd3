package backends

// FMA32 is x*y+z in float32, rounded once: the compiler makes it one FMADDS. The language permits that and does not promise
// it, so the tests of package backends hold it to the hard cases on this architecture too.
func FMA32(x, y, z float32) float32 { return x*y + z }
