package backendtest

import (
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/scorefield/infer/backends"
)

// convolution is one call of a kernel of images; the result is y, or for the gradient w.
type convolution struct {
	y, x    backends.Image
	w, bias []float32
	window  backends.Window
}

var convolutions = map[string]struct {
	call     func(t *backends.Table32, c convolution)
	gradient bool // the result is w
	normal   bool // numbers are ordinary ones
}{
	"Convolve": {call: func(t *backends.Table32, c convolution) { t.Convolve(c.y, c.x, c.w, c.bias, c.window) }},
	"ConvolveBF16": {normal: true, call: func(t *backends.Table32, c convolution) {
		w := backends.NewBF16Weights(c.w, c.window.Size, c.x.Channels, c.y.Channels)
		t.ConvolveBF16(c.y, c.x, w, c.bias, c.window, make([]float32, backends.BF16Scratch(c.x)))
	}},
	"ConvolveGradient": {gradient: true, call: func(t *backends.Table32, c convolution) { t.ConvolveGradient(c.w, c.x, c.y, c.window) }},
}

// windows are 1x1 and 3x3, plain, of step 2 and transposed, with every padding that there is and some that is too much.
func windows() (list []backends.Window) {
	for _, size := range []int{1, 3} {
		for _, step := range [][2]int{{1, 1}, {2, 1}, {1, 2}} {
			for before := -1; before <= size+1; before++ {
				list = append(list, backends.Window{Size: size, Step: step[0], Up: step[1], Before: before})
			}
		}
	}
	return list
}

// compareConvolutions runs a kernel on images of all widths up to two of the largest tiles, with few and many channels,
// strides that leave gaps, all windows. What lies in the gaps must stay.
func compareConvolutions(t *testing.T, name string, table *backends.Table32) {
	kernel, ok := convolutions[name]
	if !ok {
		t.Fatal("the suite has no test for this kernel")
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	d := drawer{Rand: rand.New(rand.NewPCG(4, 0))}
	for range 4 {
		memory, free := guarded(4 * 80_000)
		defer free()
		d.memory = append(d.memory, memory)
	}
	for width := range 30 {
		for _, window := range windows() {
			c := d.convolution(width, window, kernel.normal)
			want := c
			result := &c.y.Data
			if kernel.gradient {
				result = &c.w
			}
			specification := slices.Clone(*result)
			if kernel.gradient {
				want.w = specification
			} else {
				want.y.Data = specification
			}
			kernel.call(table, c)
			kernel.call(&backends.Generic.F32, want)
			for i, got := range *result {
				if s := specification[i]; math.Float32bits(got) != math.Float32bits(s) && !(got != got && s != s) {
					t.Fatalf("%+v, %d x %d pixels of %d channels (stride %d) to %d x %d of %d (stride %d), bias %v: number %d is %x (%v), specification %x (%v)",
						window, c.x.Height, c.x.Width, c.x.Channels, c.x.Stride, c.y.Height, c.y.Width, c.y.Channels, c.y.Stride, c.bias != nil, i, got, got, s, s)
				}
			}
		}
	}
}

// convolution draws the operands of a call. Results may be a little larger or smaller than what the input fills.
func (d *drawer) convolution(width int, window backends.Window, normal bool) convolution {
	d.piece = 0
	d.normal = normal
	height := d.IntN(6)
	inputs := []int{0, 1, 2, 3, 7, 8, 9, 16, 17}[d.IntN(9)]
	outputs := []int{0, 16, 16, 32, 32, 48, 64, 80}[d.IntN(8)]
	out := func(n int) int {
		return max(0, (n*window.Up+window.Step-1)/window.Step+max(0, d.IntN(6)-3)*(d.IntN(3)-1))
	}
	c := convolution{window: window, x: d.image(height, width, inputs), y: d.image(out(height), out(width), outputs)}
	style := d.style()
	c.w = d.numbers(window.Size*window.Size*inputs*outputs, style)
	if d.IntN(2) == 0 {
		c.bias = d.numbers(outputs, style)
	}
	return c
}

func (d *drawer) image(height, width, channels int) backends.Image {
	m := backends.Image{Height: height, Width: width, Channels: channels, Stride: channels + d.IntN(3)*d.IntN(9)}
	n := 0
	if height > 0 && width > 0 && channels > 0 {
		n = (height*width-1)*m.Stride + channels
	}
	m.Data = d.numbers(n, d.style())
	return m
}
