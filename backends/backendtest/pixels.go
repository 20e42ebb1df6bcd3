package backendtest

import (
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/scorefield/infer/backends"
)

// resize is a kernel that makes one image of another, a pixel of so many along each axis.
type resize struct {
	call func(t *backends.Table32, dst, src backends.Image)
	each int
}

var resizes = map[string]resize{
	"CopyPixels":  {func(t *backends.Table32, dst, src backends.Image) { t.CopyPixels(dst, src) }, 1},
	"AveragePool": {func(t *backends.Table32, dst, src backends.Image) { t.AveragePool(dst, src) }, 2},
}

// comparePixels runs a kernel on images of even and odd sizes, with few and many channels, and strides that leave gaps. What
// lies in the gaps must stay.
func comparePixels(t *testing.T, name string, table *backends.Table32) {
	kernel := resizes[name]
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	d := drawer{Rand: rand.New(rand.NewPCG(5, 0))}
	for range 2 {
		memory, free := guarded(4 * 120_000)
		defer free()
		d.memory = append(d.memory, memory)
	}
	for range 600 {
		d.piece = 0
		channels := []int{0, 1, 2, 3, 8, 15, 16, 17, 32, 48, 64, 80}[d.IntN(12)]
		src := d.image(d.IntN(8), d.IntN(12), channels)
		dst := d.image(src.Height/kernel.each, src.Width/kernel.each, channels)
		want := dst
		want.Data = slices.Clone(dst.Data)
		kernel.call(table, dst, src)
		kernel.call(&backends.Generic.F32, want, src)
		for i, got := range dst.Data {
			if s := want.Data[i]; math.Float32bits(got) != math.Float32bits(s) && !(got != got && s != s) {
				t.Fatalf("%d x %d pixels of %d channels (stride %d) to stride %d: number %d is %x (%v), specification %x (%v)",
					src.Height, src.Width, src.Channels, src.Stride, dst.Stride, i, got, got, s, s)
			}
		}
	}
}
