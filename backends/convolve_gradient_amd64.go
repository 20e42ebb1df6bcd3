//go:build !noasm

package backends

import "unsafe"

// gradientJob is what a kernel of the gradient at weights is told of one tile of them: taps of one row of the window, input
// channels, and one vector of output channels. Strides, steps and offsets are in bytes.
type gradientJob struct {
	w, x, d             unsafe.Pointer // the tile's first weight; the first rows that its taps read, and belong to
	tapW, tapD, strideW int            // from tap to tap of the weights and of d; from channel to channel of the weights
	rowX, rowD          int            // from row to row
	stepX, stepD        int            // from pixel to pixel
	rows, count         int            // how many, and of segments in each
	size                int            // channels + 256 taps
	segments            [5]gradientSegment
}

// gradientSegment is pixels of a row, all with the same taps.
type gradientSegment struct {
	x, d, count int // where they begin in a row, and how many there are
	taps        int // the first + 4 times their number
}

// gradientChannels are the input channels of the tiles of so many taps, the largest first.
func gradientChannels(taps int, kind vectorKind) int {
	switch {
	case taps == 1 && kind == vectors512:
		return 16
	case taps == 3 && kind == vectors256:
		return 4
	}
	return 8
}

// convolutionGradient makes dw tile by tile.
func convolutionGradient(dw []float32, x, dy *Image, window Window, kind vectorKind) {
	checkConvolution(dy, x, len(dw), window)
	if dy.Channels == 0 || x.Channels == 0 {
		return
	}
	if m, of, ok := product(dy, x, window); ok {
		weights := NewMatrix(x.Channels, dy.Channels, dw)
		denseAdd(weights, of.Transposed(), m, kind)
		return
	}
	job := gradientJob{
		strideW: 4 * dy.Channels, tapW: 4 * x.Channels * dy.Channels, tapD: -4 * dy.Stride,
		rowX: 4 * window.Step * x.Width * x.Stride, rowD: 4 * window.Up * dy.Width * dy.Stride,
		stepX: 4 * window.Step * x.Stride, stepD: 4 * window.Up * dy.Stride,
	}
	taps := window.Size
	if window.Step == 2 {
		taps = 1 // neighbours read different pixels
	}
	for kx := 0; kx < window.Size; kx += taps {
		job.across(x, dy, window, kx, taps)
		if job.count == 0 {
			continue
		}
		for ky := range window.Size {
			oy, iy := 0, 0
			if oy, iy, job.rows = window.rows(ky, dy.Height, x.Height); job.rows == 0 {
				continue
			}
			job.tiles(dw[(ky*window.Size+kx)*x.Channels*dy.Channels:], x, dy, oy, iy, taps, kind)
		}
	}
}

// tiles goes through the channels, for taps of one row of the window.
func (job *gradientJob) tiles(dw []float32, x, dy *Image, oy, iy, taps int, kind vectorKind) {
	for out := 0; out < dy.Channels; out += kind.lanes() {
		job.d = unsafe.Pointer(&dy.Data[oy*dy.Width*dy.Stride+out])
		channels := gradientChannels(taps, kind)
		for in := 0; in < x.Channels; in += channels {
			for in+channels > x.Channels {
				channels /= 2
			}
			job.size = channels + taps<<8
			job.x = unsafe.Pointer(&x.Data[iy*x.Width*x.Stride+in])
			job.w = unsafe.Pointer(&dw[in*dy.Channels+out])
			if kind == vectors512 {
				convolveGradientAVX512Kernel(job)
			} else {
				convolveGradientAVX2Kernel(job)
			}
		}
	}
}

// rows is the first row of outputs for which row k of the window lies inside, the row of inputs there, and how many there
// are; they are Up and Step rows apart.
func (w Window) rows(k, outputs, inputs int) (output, input, count int) {
	for o := range outputs {
		if i, inside := w.tap(o, k, inputs); inside {
			if count == 0 {
				output, input = o, i
			}
			count++
		}
	}
	return output, input, count
}

// across lists the segments of a row for taps from kx on.
func (job *gradientJob) across(x, dy *Image, window Window, kx, taps int) {
	job.count = 0
	if window.Step == 2 {
		if o, i, n := window.rows(kx, dy.Width, x.Width); n > 0 {
			job.add(gradientSegment{x: 4 * i * x.Stride, d: 4 * o * dy.Stride, count: n, taps: 4})
		}
		return
	}
	last := gradientSegment{}
	for i := range x.Width { // pixel i belongs to output i*Up + Before - kx of tap kx
		first, n := 0, 0
		for t := range taps {
			if o := i*window.Up + window.Before - kx - t; o >= 0 && o < dy.Width {
				if n == 0 {
					first = t
				}
				n++
			}
		}
		if which := first + 4*n; which != last.taps || i == 0 {
			job.add(last)
			last = gradientSegment{x: 4 * i * x.Stride, d: 4 * (i*window.Up + window.Before - kx) * dy.Stride, taps: which}
		}
		last.count++
	}
	job.add(last)
}

func (job *gradientJob) add(s gradientSegment) {
	if s.count > 0 && s.taps >= 4 {
		job.segments[job.count] = s
		job.count++
	}
}

func convolveGradientAVX2(dw []float32, x, dy Image, window Window) {
	convolutionGradient(dw, &x, &dy, window, vectors256)
}

func convolveGradientAVX512(dw []float32, x, dy Image, window Window) {
	convolutionGradient(dw, &x, &dy, window, vectors512)
}
