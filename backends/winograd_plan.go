package backends

import "fmt"

// winograd is the plan for one image: tiles go through the transforms in bands of rows of tiles, small enough for a cache.
type winograd struct {
	kind    vectorKind
	rows    int // of tiles
	columns int
	band    int // rows of tiles at a time
	zero    []float32
	lines   [2][]float32 // what a pass along columns leaves, of inputs and of gradients at outputs
	inputs  []float32    // transforms of inputs, [36][tiles][ic] with gaps
	outputs []float32    // of outputs, [36][tiles][oc] with gaps
	edge    []float32
}

// gap is the numbers between the planes of transforms: planes whole pages apart would share lines of the cache.
const gap = 16

// bandTiles is about how many tiles there are in a band.
const bandTiles = 16

// WinogradScratch is how many numbers [Table32.ConvolveWinograd] and [Table32.ConvolveWinogradGradient] need to work with.
func WinogradScratch(y, x Image) int {
	w := plan(&y, &x)
	pixels := winogradTile*w.columns + 2
	tiles := w.band * w.columns
	return x.Width*max2(x.Stride, y.Stride) + winogradReach*(pixels*(x.Channels+y.Channels)+2*gap) +
		winogradTerms*(tiles*x.Channels+gap) + (winogradTerms+4*winogradReach)*(tiles*y.Channels+gap) + (winogradTile+1)*y.Channels
}

func max2(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func plan(y, x *Image) (w winograd) {
	w.rows, w.columns = (y.Height+winogradTile-1)/winogradTile, (y.Width+winogradTile-1)/winogradTile
	w.band = 1
	if w.columns > 0 && w.columns < bandTiles {
		w.band = bandTiles / w.columns
	}
	if w.band > w.rows {
		w.band = w.rows
	}
	return w
}

func checkWinograd(y, x *Image, weights int, scratch []float32) {
	y.check("the result")
	x.check("the input")
	if y.Height != x.Height || y.Width != x.Width {
		panic(fmt.Sprintf("backends: %d x %d pixels from %d x %d by Winograd: want as many", y.Height, y.Width, x.Height, x.Width))
	}
	if y.Channels%DenseWidth != 0 || x.Channels%DenseWidth != 0 {
		panic(fmt.Sprintf("backends: a convolution by Winograd from %d to %d channels: want multiples of %d", x.Channels, y.Channels, DenseWidth))
	}
	if want := winogradTerms * x.Channels * y.Channels; weights < want {
		panic(fmt.Sprintf("backends: %d transformed weights from %d to %d channels: want %d", weights, x.Channels, y.Channels, want))
	}
	if want := WinogradScratch(*y, *x); len(scratch) < want {
		panic(fmt.Sprintf("backends: %d numbers to work with: a convolution by Winograd wants %d", len(scratch), want))
	}
}

// newWinograd is the plan with its memory.
func newWinograd(y, x *Image, scratch []float32, kind vectorKind) winograd {
	w := plan(y, x)
	w.kind = kind
	take := func(n int) (s []float32) {
		s, scratch = scratch[:n], scratch[n:]
		return s
	}
	tiles := w.band * w.columns
	w.zero = take(x.Width * max2(x.Stride, y.Stride))
	clear(w.zero)
	for i, m := range []*Image{x, y} {
		w.lines[i] = take(winogradReach * ((winogradTile*w.columns+2)*m.Channels + gap))
		clear(w.lines[i]) // the pixels outside stay 0
	}
	w.inputs = take(winogradTerms * (tiles*x.Channels + gap))
	w.outputs = take((winogradTerms + 4*winogradReach) * (tiles*y.Channels + gap))
	w.edge = take((winogradTile + 1) * y.Channels)
	return w
}

// along transforms a row of tiles of an image: count rows from top on, which begin before pixels to the left of the image.
// The transforms go to the planes, at a tile.
func (w *winograd) along(planes []float32, plane int, m *Image, of transform, top, before, count, tile int) {
	lines := w.lines[0]
	if of == transformGradient {
		lines = w.lines[1]
	}
	line := (winogradTile*w.columns+2)*m.Channels + gap
	p := pass{out: lines[before*m.Channels:], stepOut: line, n: m.Channels, rows: m.Width, nextIn: m.Stride, nextOut: m.Channels}
	for s := range count {
		p.in[s] = w.zero
		if y := top + s; y >= 0 && y < m.Height {
			p.in[s] = m.Data[y*m.Width*m.Stride:]
		}
	}
	if m.Stride == m.Channels {
		p.n, p.rows = m.Width*m.Channels, 1
	}
	p.run(of, w.kind)
	p = pass{stepOut: plane, n: m.Channels, rows: w.columns, nextIn: winogradTile * m.Channels, nextOut: m.Channels}
	for u := range winogradReach {
		p.spread(lines[u*line:], m.Channels, count)
		p.out = planes[u*winogradReach*plane+tile*m.Channels:]
		p.run(of, w.kind)
	}
}

// back makes the pixels of a band from the products, which lie in outputs.
func (w *winograd) back(y *Image, bias []float32, first, rows int) {
	plane := w.band*w.columns*y.Channels + gap
	products, lines := w.outputs[:winogradTerms*plane], w.outputs[winogradTerms*plane:]
	p := pass{out: lines, stepOut: winogradReach * plane, n: winogradReach * plane, rows: 1}
	p.spread(products, winogradReach*plane, winogradReach)
	p.run(transformOutput, w.kind)
	for line := range rows * winogradTile {
		at := first*winogradTile + line
		if at >= y.Height {
			break
		}
		row, of := line/winogradTile, lines[line%winogradTile*winogradReach*plane:]
		pixels := y.Data[at*y.Width*y.Stride:]
		p := pass{out: pixels, bias: bias, stepOut: y.Stride, n: y.Channels, rows: y.Width / winogradTile, nextIn: y.Channels, nextOut: winogradTile * y.Stride}
		p.spread(of[row*w.columns*y.Channels:], plane, winogradReach)
		p.run(transformResult, w.kind)
		rest := y.Width % winogradTile
		if rest == 0 {
			continue
		}
		p.spread(of[((row+1)*w.columns-1)*y.Channels:], plane, winogradReach)
		p.out, p.stepOut, p.rows = w.edge, y.Channels, 1
		p.run(transformResult, w.kind)
		for i := range rest {
			copy(pixels[(y.Width-rest+i)*y.Stride:][:y.Channels], w.edge[i*y.Channels:])
		}
	}
}

func convolveWinograd(y, x *Image, u, bias, scratch []float32, kind vectorKind) {
	checkWinograd(y, x, len(u), scratch)
	if y.Height == 0 || y.Width == 0 || y.Channels == 0 {
		return
	}
	w := newWinograd(y, x, scratch, kind)
	if bias == nil {
		bias = w.edge[winogradTile*y.Channels:]
		clear(bias)
	}
	bias = bias[:y.Channels]
	for first := 0; first < w.rows; first += w.band {
		rows := w.band
		if first+rows > w.rows {
			rows = w.rows - first
		}
		tiles := w.band * w.columns
		if x.Channels == 0 {
			clear(w.outputs)
		} else {
			for row := range rows {
				w.along(w.inputs, tiles*x.Channels+gap, x, transformInput, (first+row)*winogradTile-1, 1, winogradReach, row*w.columns)
			}
			winogradProducts(w.outputs, w.inputs, u, tiles, rows*w.columns, x.Channels, y.Channels, kind)
		}
		w.back(y, bias, first, rows)
	}
}

func convolveWinogradGradient(du []float32, x, dy *Image, scratch []float32, kind vectorKind) {
	checkWinograd(dy, x, len(du), scratch)
	if x.Height == 0 || x.Width == 0 || dy.Channels == 0 || x.Channels == 0 {
		return
	}
	w := newWinograd(dy, x, scratch, kind)
	tiles := w.band * w.columns
	planeX, planeD := tiles*x.Channels+gap, tiles*dy.Channels+gap
	for first := 0; first < w.rows; first += w.band {
		rows := w.band
		if first+rows > w.rows {
			rows = w.rows - first
		}
		for row := range rows {
			w.along(w.inputs, planeX, x, transformInput, (first+row)*winogradTile-1, 1, winogradReach, row*w.columns)
		}
		for row := range rows {
			w.along(w.outputs, planeD, dy, transformGradient, (first+row)*winogradTile, 0, winogradTile, row*w.columns)
		}
		for term := range winogradTerms {
			sums := NewMatrix(x.Channels, dy.Channels, du[term*x.Channels*dy.Channels:][:x.Channels*dy.Channels])
			left := NewMatrix(rows*w.columns, x.Channels, w.inputs[term*planeX:])
			denseAdd(sums, left.Transposed(), NewMatrix(rows*w.columns, dy.Channels, w.outputs[term*planeD:]), kind)
		}
	}
}

func checkTransforms(transforms, weights []float32, ic, oc int) (n int) {
	n = ic * oc
	if ic < 0 || oc < 0 || n%DenseWidth != 0 || len(transforms) < winogradTerms*n || len(weights) < 9*n {
		panic(fmt.Sprintf("backends: %d weights and %d transformed ones, from %d to %d channels: want 9 and 36 of each pair, and a multiple of %d pairs", len(weights), len(transforms), ic, oc, DenseWidth))
	}
	return n
}

// transformWinograd makes u[36][ic][oc] from w[ky][kx][ic][oc]. What the pass along columns leaves lies in the second half of
// u, where the pass along rows finds it before it overwrites it.
func transformWinograd(u, w []float32, ic, oc int, kind vectorKind) {
	n := checkTransforms(u, w, ic, oc)
	if n == 0 {
		return
	}
	half := u[winogradTerms/2*n:]
	p := pass{out: half, stepOut: 3 * n, n: 3 * n, rows: 1}
	p.spread(w, 3*n, 3)
	p.run(transformWeights, kind)
	p.stepOut, p.n = n, n
	for row := range winogradReach {
		p.spread(half[row*3*n:], n, 3)
		p.out = u[row*winogradReach*n:]
		p.run(transformWeights, kind)
	}
}

// transformWinogradGradient makes dw[ky][kx][ic][oc] from du[36][ic][oc], which it overwrites.
func transformWinogradGradient(dw, du []float32, ic, oc int, kind vectorKind) {
	n := checkTransforms(du, dw, ic, oc)
	if n == 0 {
		return
	}
	p := pass{out: du, stepOut: winogradReach * n, n: winogradReach * n, rows: 1}
	p.spread(du, winogradReach*n, winogradReach)
	p.run(transformBack, kind)
	p.stepOut, p.n = n, n
	for ky := range 3 {
		p.spread(du[ky*winogradReach*n:], n, winogradReach)
		p.out = dw[ky*3*n:]
		p.run(transformBack, kind)
	}
}

// productsGeneric multiplies the transforms: of each of the 36 planes, so many tiles of ic inputs times ic x oc weights. Room
// is the tiles there are room for.
func productsGeneric(outputs, inputs, u []float32, room, tiles, ic, oc int) {
	for term := range winogradTerms {
		y := NewMatrix(tiles, oc, outputs[term*(room*oc+gap):])
		x := NewMatrix(tiles, ic, inputs[term*(room*ic+gap):])
		denseGeneric(y, x, NewMatrix(ic, oc, u[term*ic*oc:]), nil, false)
	}
}

func convolveWinogradGeneric(y, x Image, u, bias, scratch []float32) {
	convolveWinograd(&y, &x, u, bias, scratch, scalars)
}

func convolveWinogradGradientGeneric(du []float32, x, dy Image, scratch []float32) {
	convolveWinogradGradient(du, &x, &dy, scratch, scalars)
}

func transformWinogradGeneric(u, w []float32, ic, oc int) {
	transformWinograd(u, w, ic, oc, scalars)
}

func transformWinogradGradientGeneric(dw, du []float32, ic, oc int) {
	transformWinogradGradient(dw, du, ic, oc, scalars)
}
