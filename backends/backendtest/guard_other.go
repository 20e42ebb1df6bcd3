//go:build !unix

package backendtest

// guarded returns n elements at an offset; without memory protection there is no guard.
func guarded[E float32 | float64](n, offset int) (s []E, free func()) {
	return make([]E, n+offset)[offset:], func() {}
}
