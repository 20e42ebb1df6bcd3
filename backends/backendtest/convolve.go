package backendtest

import (
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/scorefield/infer/backends"
)

// convolution is one call of a kernel of images. It changes y, dw or u.
type convolution struct {
	y, x            backends.Image
	w, dw, u, bias  []float32
	window          backends.Window
	inputs, outputs int
}

type convolutionKernel struct {
	call     func(t *backends.Table32, c convolution)
	result   func(c *convolution) *[]float32
	normal   bool // only numbers in the normal range
	winograd bool // only windows {3, 1, 1, 1} and multiples of 16 channels; u is the weights
}

func (c *convolution) image() *[]float32     { return &c.y.Data }
func (c *convolution) gradient() *[]float32  { return &c.dw }
func (c *convolution) transform() *[]float32 { return &c.u }
func (c *convolution) workspace() []float32 {
	return make([]float32, backends.WinogradScratch(c.y, c.x))
}
func (c *convolution) rounded() []float32 { return make([]float32, backends.BF16Scratch(c.x)) }
func (c *convolution) bf16() *backends.BF16Weights {
	return backends.NewBF16Weights(c.w, c.window.Size, c.inputs, c.outputs)
}

var convolutions = map[string]convolutionKernel{
	"Convolve": {result: (*convolution).image, call: func(t *backends.Table32, c convolution) { t.Convolve(c.y, c.x, c.w, c.bias, c.window) }},
	"ConvolveBF16": {normal: true, result: (*convolution).image, call: func(t *backends.Table32, c convolution) {
		t.ConvolveBF16(c.y, c.x, c.bf16(), c.bias, c.window, c.rounded())
	}},
	"ConvolveGradient": {result: (*convolution).gradient, call: func(t *backends.Table32, c convolution) { t.ConvolveGradient(c.dw, c.x, c.y, c.window) }},
	"ConvolveWinograd": {winograd: true, result: (*convolution).image, call: func(t *backends.Table32, c convolution) {
		t.ConvolveWinograd(c.y, c.x, c.u, c.bias, c.workspace())
	}},
	"ConvolveWinogradGradient": {winograd: true, result: (*convolution).transform, call: func(t *backends.Table32, c convolution) {
		t.ConvolveWinogradGradient(c.u, c.x, c.y, c.workspace())
	}},
	"TransformWinograd": {winograd: true, result: (*convolution).transform, call: func(t *backends.Table32, c convolution) {
		t.TransformWinograd(c.u, c.w, c.inputs, c.outputs)
	}},
	"TransformWinogradGradient": {winograd: true, result: (*convolution).gradient, call: func(t *backends.Table32, c convolution) {
		t.TransformWinogradGradient(c.dw, slices.Clone(c.u), c.inputs, c.outputs)
	}},
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
	kernel := convolutions[name]
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	d := drawer{Rand: rand.New(rand.NewPCG(4, 0)), normal: kernel.normal}
	for range 6 {
		memory, free := guarded(4 * 120_000)
		defer free()
		d.memory = append(d.memory, memory)
	}
	list := windows()
	if kernel.winograd {
		same := backends.Window{Size: 3, Step: 1, Up: 1, Before: 1}
		list = []backends.Window{same, same, same, same}
	}
	for width := range 30 {
		for _, window := range list {
			c := d.convolution(width, window, kernel.winograd)
			want := c
			*kernel.result(&want) = slices.Clone(*kernel.result(&c))
			kernel.call(table, c)
			kernel.call(&backends.Generic.F32, want)
			specification := *kernel.result(&want)
			for i, got := range *kernel.result(&c) {
				if s := specification[i]; math.Float32bits(got) != math.Float32bits(s) && !(got != got && s != s) {
					t.Fatalf("%+v, %d x %d pixels of %d channels (stride %d) to %d x %d of %d (stride %d), bias %v: number %d is %x (%v), specification %x (%v)",
						window, c.x.Height, c.x.Width, c.x.Channels, c.x.Stride, c.y.Height, c.y.Width, c.y.Channels, c.y.Stride, c.bias != nil, i, got, got, s, s)
				}
			}
		}
	}
}

// convolution draws the operands of a call. Results may be a little larger or smaller than what the input fills.
func (d *drawer) convolution(width int, window backends.Window, winograd bool) convolution {
	d.piece = 0
	height := d.IntN(6)
	c := convolution{window: window, inputs: []int{0, 1, 2, 3, 7, 8, 9, 16, 17}[d.IntN(9)], outputs: []int{0, 16, 16, 32, 32, 48, 64, 80}[d.IntN(8)]}
	out := func(n int) int {
		return max(0, (n*window.Up+window.Step-1)/window.Step+max(0, d.IntN(6)-3)*(d.IntN(3)-1))
	}
	style := d.style()
	if winograd {
		height, out = d.IntN(14), func(n int) int { return n }
		c.inputs, c.outputs = []int{0, 16, 32, 48}[d.IntN(4)], []int{0, 16, 32, 48}[d.IntN(4)]
		c.u = d.numbers(36*c.inputs*c.outputs, style)
	}
	c.x, c.y = d.image(height, width, c.inputs), d.image(out(height), out(width), c.outputs)
	weights := window.Size * window.Size * c.inputs * c.outputs
	c.w, c.dw = d.numbers(weights, style), d.numbers(weights, style)
	if d.IntN(2) == 0 {
		c.bias = d.numbers(c.outputs, style)
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
