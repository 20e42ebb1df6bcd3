//go:build !noasm

package backends_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/scorefield/infer/backends"
)

// A processor of AVX-512 without products of bfloat16 gives the same bits.
func TestConvolveBF16WithoutItsInstructions(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 4))
	for _, table := range backends.Available() {
		for _, inputs := range []int{1, 2, 7, 16, 33} {
			x, y := randomImage(r, 9, 9, inputs), image(9, 9, 32)
			w := aligned(9 * inputs * 32)
			randomize(r, w)
			weights, scratch := backends.NewBF16Weights(w, 3, inputs, 32), aligned(backends.BF16Scratch(x))
			table.F32.ConvolveBF16(y, x, weights, nil, same3x3, scratch)
			with := slices.Clone(y.Data)
			backends.WithoutBF16(func() { table.F32.ConvolveBF16(y, x, weights, nil, same3x3, scratch) })
			if !slices.Equal(with, y.Data) {
				t.Errorf("%s, %d channels: other numbers without the instructions", table.Name, inputs)
			}
		}
	}
}
