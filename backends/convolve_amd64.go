//go:build !noasm

package backends

import "unsafe"

// convolveJob is what a convolution kernel is told of one tile: so many pixels of a row of the result, and vectors of its
// channels. Strides, steps and offsets are in bytes.
type convolveJob struct {
	c, a, b, bias               unsafe.Pointer // the tile's first pixel; the input; the tile's first column of the weights
	stepC, stepA, strideB, rowA int            // between pixels, between rows of the weights; from a to where taps count from
	inner                       int            // input channels
	first, count                int            // taps: where in the job the list begins, and how many
	size                        int            // pixels + 256 vectors
	list                        [9]convolveTap
}

// convolveTap is a tap of a tile.
type convolveTap struct {
	a, b int // where the tap reads the input and the weights, in bytes
	edge int // 0: it reaches all pixels, 1: not the first, 2: not the last
}

// along is the taps of a window along one axis for outputs phase, phase+Up, phase+2Up, ...: the j-th of them reads
// input j*Step + at of tap k, for j from from to to.
type along struct {
	count           int
	k, at, from, to [3]int
}

func (w Window) along(phase, outputs, inputs int) (n int, t along) {
	n = (outputs - phase + w.Up - 1) / w.Up
	for k := range w.Size {
		at := phase + k - w.Before
		if at%w.Up != 0 {
			continue
		}
		at /= w.Up
		t.k[t.count], t.at[t.count] = k, at
		t.from[t.count] = between(0, (w.Step-1-at)>>(w.Step-1), n)
		t.to[t.count] = between(0, (inputs-at+w.Step-1)>>(w.Step-1), n)
		t.count++
	}
	return n, t
}

// between is v, or the bound that it lies beyond.
func between(low, v, high int) int {
	switch {
	case v < low:
		return low
	case v > high:
		return high
	}
	return v
}

// The edges of taps.
const (
	edgeNone = iota // reaches all pixels
	edgeFirst
	edgeLast
	edgeOutside // reaches none
	edgeOther
)

// edge is how tap i reaches pixels j to j+size.
func (t *along) edge(i, j, size int) int {
	from, to := t.from[i], t.to[i]
	switch {
	case from >= j+size || to <= j || from >= to:
		return edgeOutside
	case from <= j && to >= j+size:
		return edgeNone
	case from == j+1 && to >= j+size:
		return edgeFirst
	case from <= j && to == j+size-1:
		return edgeLast
	}
	return edgeOther
}

// widest is the one tile that is larger than those of all sizes.
const widest = 28

// tile is the pixels of the next tile of those that are left from pixel j on: they are shared out evenly among as few tiles
// as possible, but a tile has fewer where there is no loop for its edges. It may be the widest if that is said.
func (t *along) tile(j, left, most int, mayBeWidest bool) int {
	if mayBeWidest && left%widest == 0 && t.fits(j, widest) {
		return widest
	}
	count := (left + most - 1) / most
	size := (left + count - 1) / count
	for size > 1 && !t.fits(j, size) {
		size--
	}
	return size
}

// fits says whether there are loops for the edges of a tile.
func (t *along) fits(j, size int) bool {
	for i := range t.count {
		if t.edge(i, j, size) == edgeOther {
			return false
		}
	}
	return true
}

// tilesOf gives the vectors and the largest number of pixels of a tile, for a row of pixels and so many channels.
func tilesOf(pixels, channels int, kind vectorKind) (vectors, most int) {
	switch {
	case kind == vectors256 && pixels == 7:
		return 2, 7
	case kind == vectors256:
		return 2, 6
	case channels >= 32:
		return 2, 14
	}
	return 1, 14
}

// lanes are the numbers in a vector of the result.
func (k vectorKind) lanes() int {
	if k == vectors256 {
		return 8
	}
	return 16
}

// convolution makes y tile by tile.
func convolution(y, x *Image, w, bias []float32, window Window, kind vectorKind) {
	checkConvolution(y, x, len(w), window)
	if y.Height == 0 || y.Width == 0 || y.Channels == 0 {
		return
	}
	if bias != nil {
		bias = bias[:y.Channels]
	}
	if x.Channels == 0 {
		convolveGeneric(*y, *x, w, bias, window)
		return
	}
	if m, of, ok := product(y, x, window); ok && kind != vectorsBF16 {
		weights := NewMatrix(x.Channels, y.Channels, w)
		if kind == vectors512 {
			denseAVX512(m, of, weights, bias, false)
		} else {
			denseAVX2(m, of, weights, bias, false)
		}
		return
	}
	job := convolveJob{
		a:     unsafe.Pointer(unsafe.SliceData(x.Data)),
		stepC: 4 * window.Up * y.Stride, stepA: 4 * window.Step * x.Stride, strideB: 4 * y.Channels,
		inner: x.Channels,
	}
	for phase := range window.Up * window.Up {
		py, px := phase/window.Up, phase%window.Up
		rows, down := window.along(py, y.Height, x.Height)
		pixels, across := window.along(px, y.Width, x.Width)
		for channel := 0; channel < y.Channels; channel += job.size >> 8 * kind.lanes() {
			vectors, most := tilesOf(pixels, y.Channels-channel, kind)
			job.size = vectors << 8
			job.b = unsafe.Pointer(&w[channel])
			if bias != nil {
				job.bias = unsafe.Pointer(&bias[channel])
			}
			for j := 0; j < pixels; j += job.size & 255 {
				job.size = vectors<<8 + across.tile(j, pixels-j, most, vectors == 1 && kind != vectors256)
				perRow := job.taps(&down, &across, x, y, j, window.Size)
				for i := range rows {
					job.rowA = 4 * window.Step * (i*x.Width + j) * x.Stride
					job.rows(&down, i, perRow)
					job.c = unsafe.Pointer(&y.Data[((py+i*window.Up)*y.Width+px+j*window.Up)*y.Stride+channel])
					switch kind {
					case vectors512:
						convolveAVX512Kernel(&job)
					case vectorsBF16:
						convolveBF16AVX512Kernel(&job)
					default:
						convolveAVX2Kernel(&job)
					}
				}
			}
		}
	}
}

// product gives images as matrices of a product that is the convolution, if there is one.
func product(y, x *Image, window Window) (m, of Matrix, ok bool) {
	m = Matrix{Data: y.Data, Rows: y.Height * y.Width, Columns: y.Channels, Stride: y.Stride, Step: 1}
	of = Matrix{Data: x.Data, Rows: x.Height * x.Width, Columns: x.Channels, Stride: x.Stride, Step: 1}
	return m, of, window == Window{1, 1, 1, 0} && y.Height == x.Height && y.Width == x.Width
}

// taps lists the taps of the pixels from j on, row by row of the window, and says how many a row has.
func (job *convolveJob) taps(down, across *along, x, y *Image, j, size int) (perRow int) {
	n := 0
	for r := range down.count {
		perRow = 0
		for i := range across.count {
			edge := across.edge(i, j, job.size&255)
			if edge == edgeOutside {
				continue
			}
			job.list[n] = convolveTap{
				a:    4 * (down.at[r]*x.Width + across.at[i]) * x.Stride,
				b:    4 * (down.k[r]*size + across.k[i]) * x.Channels * y.Channels,
				edge: edge,
			}
			n++
			perRow++
		}
	}
	return perRow
}

// rows picks the taps that row i of the result has. Those of a window are next to each other.
func (job *convolveJob) rows(down *along, i, perRow int) {
	first, end := 0, 0
	for r := range down.count {
		if down.from[r] <= i && i < down.to[r] {
			if end == 0 {
				first = r
			}
			end = r + 1
		}
	}
	job.first = int(unsafe.Offsetof(job.list)) + first*perRow*int(unsafe.Sizeof(job.list[0]))
	job.count = (end - first) * perRow
}

func convolveAVX2(y, x Image, w, bias []float32, window Window) {
	convolution(&y, &x, w, bias, window, vectors256)
}

func convolveAVX512(y, x Image, w, bias []float32, window Window) {
	convolution(&y, &x, w, bias, window, vectors512)
}
