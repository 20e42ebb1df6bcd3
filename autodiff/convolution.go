package autodiff

import (
	"fmt"

	"github.com/scorefield/infer/backends"
)

// Convolution is how a program computes convolutions. Each way gives the same bits in all backends, and other bits than the
// others.
type Convolution int

const (
	// Direct convolutions are sums of products in float32, as [Value.Conv] says.
	Direct Convolution = iota
	// Winograd's minimal filtering F(4x4, 3x3) takes a quarter of the products (Lavin and Gray, 2016), and more additions. The
	// worst number of a layer's result is off by up to 4e-5 of their root mean square, five to eight times what it is off
	// directly. It computes the layers whose window is 3x3 with steps of one pixel, whose channels are multiples of 16 on both
	// sides, and of whose products it takes at most half: images of 4x4, 7x7, 8x8 and 10x10 pixels or more, for example. It does so
	// for their gradients too. The others stay direct.
	Winograd
	// BFloat16 rounds images and weights to 8 bits of precision before they meet, and adds up in float32: twice as fast where
	// the processor has instructions for it (AVX512_BF16), not faster elsewhere. It is for results, not for learning: programs with
	// gradients of parameters refuse it.
	BFloat16
)

// String is direct, winograd or bf16.
func (c Convolution) String() string {
	switch c {
	case Direct:
		return "direct"
	case Winograd:
		return "winograd"
	case BFloat16:
		return "bf16"
	}
	return fmt.Sprintf("convolution %d", int(c))
}

// CompileRowsBy is [CompileRows] with convolutions computed in a way of one's choice. That there is none which is is no error:
// [RowProgram.Convolutions] tells.
func CompileRowsBy(by Convolution, outputs, inputs, params []Value) (*RowProgram, error) {
	if by < Direct || by > BFloat16 {
		return nil, fmt.Errorf("compileRows: there is no %v: use Direct, Winograd or BFloat16", by)
	}
	g, ids, err := request{"compileRows", outputs, inputs, params}.check()
	if err != nil {
		return nil, err
	}
	for id, needed := range reachable(g, ids) {
		switch n := &g.nodes[id]; {
		case !needed || !n.summed:
		case !n.shared:
			return nil, fmt.Errorf("compileRows: %v is each particle's own, but made of a sum over the particles: use a parameter's gradient in shared values only", Value{g, id})
		case by == BFloat16:
			return nil, fmt.Errorf("compileRows: %v is a sum over the particles, as gradients of parameters are, and bf16 is too coarse to learn with: use direct or winograd, and bf16 for the scores of what was learned", Value{g, id})
		}
	}
	return compileRows(g, ids, inputs, params, 0, by), nil
}

// Convolutions counts the convolutions of the program, gradients among them, and those of them that are computed in the way that
// was chosen.
func (p *RowProgram) Convolutions() (chosen, all int) {
	for _, code := range p.code {
		for i := range code {
			switch code[i].kind {
			case rowConvolve, rowConvolveAdd, rowConvolveThin:
				all++
				if p.convolution == Direct {
					chosen++
				}
			case rowWinograd, rowWinogradAdd, rowConvolveBF16:
				all++
				chosen++
			}
		}
	}
	return chosen, all
}

// The numbers of a tile of Winograd's filtering.
const (
	winogradTerms = 36 // products, and transformed weights of each pair of channels
	winogradSide  = 4  // outputs along a side
)

// filtered tells whether Winograd's filtering computes a convolution: where it takes at most half the multiply-adds, since
// transforms cost something too.
func (c *rowCompiler) filtered(size, from imageSize, w backends.Window) bool {
	if c.p.convolution != Winograd || w != (backends.Window{Size: 3, Step: 1, Up: 1, Before: 1}) ||
		size.channels != whole(size.channels) || from.channels != whole(from.channels) {
		return false
	}
	tiles := func(n int) int { return (n + winogradSide - 1) / winogradSide }
	taps := func(n int) int { return 3*n - 2 } // that lie inside
	return 2*winogradTerms*tiles(size.height)*tiles(size.width) <= taps(size.height)*taps(size.width)
}

// transformed is the transform of a convolution's weights.
func (c *rowCompiler) transformed(id int) rowPlace {
	if p, ok := c.transforms[id]; ok {
		return p
	}
	s := c.shape(id)
	in := rowInstruction{kind: rowTransform, op: opConv, inner: s[2], n: s[3], a: rowOperand{rowPlace: c.matrix(id)}}
	in.dst = c.newShared(winogradTerms*s[2], s[3])
	c.add(c.moment(id), in)
	c.transforms[id] = in.dst
	return in.dst
}

// filter makes a convolution one by Winograd's filtering.
func (c *rowCompiler) filter(in *rowInstruction, weights int) {
	in.kind, in.b.rowPlace = rowWinograd, c.transformed(weights)
	c.needRoom(in.winogradRoom())
}

// filterGradient computes the sums of the gradient at transformed weights, and what they mean for the weights.
func (c *rowCompiler) filterGradient(id int, in rowInstruction) {
	in.kind, in.inner, in.n = rowWinogradAdd, in.from.channels, in.size.channels
	in.dst = c.newShared(winogradTerms*in.inner, in.n)
	c.needRoom(in.winogradRoom())
	c.add(c.phase(id), in)
	back := rowInstruction{kind: rowTransformBack, op: in.op, inner: in.inner, n: in.n, a: rowOperand{rowPlace: in.dst}}
	if h, ok := c.homes[id]; ok {
		back.dst = h
	} else {
		back.dst = c.newShared(9*in.inner, in.n)
	}
	c.add(c.moment(id), back)
	c.places[id] = rowPlace{back.dst.array, back.dst.at, c.size(id)}
	c.matrices[id] = rowPlace{back.dst.array, back.dst.at, in.n}
}

func (in *rowInstruction) winogradRoom() int {
	y := backends.Image{Height: in.size.height, Width: in.size.width, Channels: in.size.channels, Stride: max(in.pixel, in.b.pixel, in.size.channels)}
	x := backends.Image{Height: in.from.height, Width: in.from.width, Channels: in.from.channels, Stride: in.a.pixel}
	return backends.WinogradScratch(y, x)
}

// round makes a convolution one in bfloat16.
func (c *rowCompiler) round(in *rowInstruction, weights int) {
	at, ok := c.rounds[weights]
	if !ok {
		at = len(c.p.rounded)
		c.rounds[weights] = at
		w := roundedWeights{in.window.Size, in.from.channels, in.size.channels}
		c.p.rounded = append(c.p.rounded, w)
		c.add(c.moment(weights), rowInstruction{kind: rowRound, op: opConv, m: at, n: w.numbers(), a: rowOperand{rowPlace: c.matrix(weights)}})
	}
	in.kind, in.m = rowConvolveBF16, at
	c.needRoom(backends.BF16Scratch(backends.Image{Height: in.from.height, Width: in.from.width, Channels: in.from.channels}))
}

// roundedWeights are the sizes of weights in bfloat16.
type roundedWeights struct{ size, inputs, outputs int }

func (w roundedWeights) numbers() int { return w.size * w.size * w.inputs * w.outputs }

// needRoom sees to it that there are so many numbers for a kernel to work with.
func (c *rowCompiler) needRoom(n int) { c.p.room = max(c.p.room, n) }

// convolve carries out an instruction of a convolution for row r.
func (f *rowFrame) convolve(in *rowInstruction, t *backends.Table32, r int) {
	switch in.kind {
	case rowTransform:
		n := in.inner * in.n
		t.TransformWinograd(f.numbers(&in.dst, 0, winogradTerms*n), f.numbers(&in.a.rowPlace, 0, 9*n), in.inner, in.n)
		return
	case rowTransformBack:
		n := in.inner * in.n
		t.TransformWinogradGradient(f.numbers(&in.dst, 0, 9*n), f.numbers(&in.a.rowPlace, 0, winogradTerms*n), in.inner, in.n)
		return
	case rowRound:
		f.rounded[in.m].Set(f.numbers(&in.a.rowPlace, 0, in.n))
		return
	}
	x := f.picture(&in.a.rowPlace, r, in.a.pixel, in.from)
	taps := in.window.Size * in.window.Size
	switch in.kind {
	case rowConvolveAdd:
		t.ConvolveGradient(f.numbers(&in.dst, 0, in.n), x, f.picture(&in.b.rowPlace, r, in.b.pixel, in.size), in.window)
		return
	case rowWinogradAdd:
		t.ConvolveWinogradGradient(f.numbers(&in.dst, 0, winogradTerms*in.inner*in.n), x, f.picture(&in.b.rowPlace, r, in.b.pixel, in.size), f.room)
		return
	}
	var bias []float32
	if in.bias {
		bias = f.numbers(&in.c.rowPlace, 0, in.size.channels)
	}
	y := f.picture(&in.dst, r, in.pixel, in.size)
	switch in.kind {
	case rowConvolve:
		t.Convolve(y, x, f.numbers(&in.b.rowPlace, 0, taps*in.from.channels*in.size.channels), bias, in.window)
	case rowWinograd:
		t.ConvolveWinograd(y, x, f.numbers(&in.b.rowPlace, 0, winogradTerms*in.from.channels*in.size.channels), bias, f.room)
	case rowConvolveBF16:
		t.ConvolveBF16(y, x, f.rounded[in.m], bias, in.window, f.room)
	}
}
