//go:build !noasm

package backends

// WithoutBF16 runs f as on a machine whose AVX-512 has no products of bfloat16.
func WithoutBF16(f func()) {
	had := multipliesBF16
	multipliesBF16 = false
	defer func() { multipliesBF16 = had }()
	f()
}
