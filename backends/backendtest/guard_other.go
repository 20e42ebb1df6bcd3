//go:build !unix

package backendtest

// guarded returns so many bytes; without memory protection there is no guard.
func guarded(size int) (memory []byte, free func()) { return make([]byte, size), func() {} }
