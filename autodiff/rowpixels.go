package autodiff

import (
	"fmt"

	"github.com/scorefield/infer/backends"
)

var windowOne = backends.Window{Size: 1, Step: 1, Up: 1}

// ways name how convolutions are computed that are not direct.
var ways = map[rowKind]string{
	rowWinograd: " by Winograd", rowWinogradAdd: " by Winograd", rowTransform: " transform of weights", rowTransformBack: " transform back",
	rowConvolveBF16: " in bf16", rowRound: " weights in bf16",
}

// imageText names an instruction of images in a listing.
func (in *rowInstruction) imageText(p *RowProgram) string {
	s := fmt.Sprintf("%s = %v%s", in.dst.text(p, in.n), in.op, ways[in.kind])
	if in.window.Size > 0 {
		s += fmt.Sprint(in.window)
	}
	for _, o := range in.operands() {
		s += " " + o.text(p, 1)
	}
	return s
}

// picture is the image of a place in row r.
func (f *rowFrame) picture(p *rowPlace, r, pixel int, s imageSize) backends.Image {
	return backends.Image{
		Data: f.numbers(p, r, (s.pixels()-1)*pixel+s.channels), Height: s.height, Width: s.width, Channels: s.channels, Stride: pixel,
	}
}

// image carries out an instruction of images.
func (f *rowFrame) image(in *rowInstruction, k *kernel32) {
	switch {
	case !f.first:
	case in.kind == rowConvolveAdd:
		clear(f.numbers(&in.dst, 0, in.n))
	case in.kind == rowWinogradAdd:
		clear(f.numbers(&in.dst, 0, winogradTerms*in.inner*in.n))
	}
	for r := range f.rows {
		switch in.kind {
		case rowConvolve, rowConvolveAdd, rowWinograd, rowWinogradAdd, rowConvolveBF16, rowTransform, rowTransformBack, rowRound:
			f.convolve(in, k.table, r)
		case rowConvolveThin:
			f.convolveThin(in, k.table, r)
		case rowFlip:
			size, ic, oc := in.m, in.inner, in.n
			k.table.FlipWeights(f.numbers(&in.dst, 0, size*size*oc*whole(ic)), f.numbers(&in.a.rowPlace, 0, size*size*ic*oc), size, ic, oc)
		case rowCopyPixels:
			size := imageSize{in.m, 1, in.n}
			k.table.CopyPixels(f.picture(&in.dst, r, in.pixel, size), f.picture(&in.a.rowPlace, r, in.a.pixel, size))
		case rowAveragePool:
			k.table.AveragePool(f.picture(&in.dst, r, in.pixel, in.size), f.picture(&in.a.rowPlace, r, in.a.pixel, in.from))
		case rowUpsample:
			f.upsample(in, r)
		case rowBilinear, rowBilinearGradient:
			f.bilinear(in, r)
		case rowSpreadPixels:
			dst := f.numbers(&in.dst, r, in.n)
			done := copy(dst, f.numbers(&in.a.rowPlace, r, in.size.channels))
			for done < len(dst) {
				done += copy(dst[done:], dst[:done])
			}
		case rowFoldPixels:
			f.foldPixels(in, k.table, r)
		case rowGroupSum:
			f.groupSum(in, r)
		case rowProduct:
			f.product(in, k.table, r)
		case rowTransposePixels:
			k.table.Transpose(f.matrixOf(&in.dst, r, in.n, in.m, in.pixel), f.matrixOf(&in.a.rowPlace, r, in.m, in.n, in.a.pixel))
		case rowSoftmax:
			f.softmax(in, k.table, r)
		case rowSoftmaxGradient:
			f.softmaxGradient(in, k.table, r)
		}
	}
}

// convolveThin is the convolution of each pixel with the weights of one output.
func (f *rowFrame) convolveThin(in *rowInstruction, t *backends.Table32, r int) {
	var bias []float32
	if in.bias {
		bias = f.numbers(&in.c.rowPlace, 0, 1)
	}
	pixels, c := in.size.pixels(), in.from.channels
	x := backends.Matrix{Data: f.numbers(&in.a.rowPlace, r, (pixels-1)*in.a.pixel+c), Rows: pixels, Columns: c, Stride: in.a.pixel, Step: 1}
	w := backends.NewMatrix(1, c, f.numbers(&in.b.rowPlace, 0, c))
	t.DenseThin(backends.NewMatrix(1, pixels, f.numbers(&in.dst, r, pixels)), x, w, bias)
}

// line is a line of pixels.
func line(m *backends.Image, y int) []float32 {
	return m.Data[y*m.Width*m.Stride:][:(m.Width-1)*m.Stride+m.Channels]
}

// upsample repeats each pixel.
func (f *rowFrame) upsample(in *rowInstruction, r int) {
	dst, a := f.picture(&in.dst, r, in.pixel, in.size), f.picture(&in.a.rowPlace, r, in.a.pixel, in.from)
	for y := range dst.Height {
		from, to := line(&a, y/2), line(&dst, y)
		for x := range dst.Width {
			copy(to[x*dst.Stride:][:dst.Channels], from[x/2*a.Stride:])
		}
	}
}

// neighbours are the two pixels of an axis of n that pixel i of one twice as long is made of: the nearer one, which has
// weight 3/4, and the other.
func neighbours(i, n int) (near, far int) {
	near = i / 2
	far = near + 2*(i%2) - 1
	return near, min(max(far, 0), n-1)
}

// bilinear makes an image twice as large by weights 3/4 and 1/4 along each axis, first from line to line; or brings the
// gradient of that back.
func (f *rowFrame) bilinear(in *rowInstruction, r int) {
	if in.kind == rowBilinearGradient {
		f.bilinearGradient(in, r)
		return
	}
	dst, a := f.picture(&in.dst, r, in.pixel, in.size), f.picture(&in.a.rowPlace, r, in.a.pixel, in.from)
	for y := range dst.Height {
		near, far := neighbours(y, a.Height)
		up, down, to := line(&a, near), line(&a, far), line(&dst, y)
		for x := range dst.Width {
			near, far := neighbours(x, a.Width)
			near *= a.Stride
			far *= a.Stride
			d := to[x*dst.Stride:][:dst.Channels]
			for c := range d {
				left := backends.FMA32(0.25, down[near+c], 0.75*up[near+c])
				right := backends.FMA32(0.25, down[far+c], 0.75*up[far+c])
				d[c] = backends.FMA32(0.25, right, 0.75*left)
			}
		}
	}
}

func (f *rowFrame) bilinearGradient(in *rowInstruction, r int) {
	dst, a := f.picture(&in.dst, r, in.pixel, in.size), f.picture(&in.a.rowPlace, r, in.a.pixel, in.from)
	clear(f.numbers(&in.dst, r, in.n))
	for y := range a.Height {
		near, far := neighbours(y, dst.Height)
		up, down, from := line(&dst, near), line(&dst, far), line(&a, y)
		for x := range a.Width {
			near, far := neighbours(x, dst.Width)
			near *= dst.Stride
			far *= dst.Stride
			for c, v := range from[x*a.Stride:][:a.Channels] {
				up[near+c] = backends.FMA32(9.0/16, v, up[near+c])
				up[far+c] = backends.FMA32(3.0/16, v, up[far+c])
				down[near+c] = backends.FMA32(3.0/16, v, down[near+c])
				down[far+c] = backends.FMA32(1.0/16, v, down[far+c])
			}
		}
	}
}

// foldPixels adds up the m pixels of a line.
func (f *rowFrame) foldPixels(in *rowInstruction, t *backends.Table32, r int) {
	dst, a := f.numbers(&in.dst, r, in.n), f.numbers(&in.a.rowPlace, r, in.m*in.n)
	copy(dst, a)
	if in.n%backends.DenseWidth == 0 {
		t.ColumnSums(dst, backends.NewMatrix(in.m-1, in.n, a[in.n:]))
		return
	}
	for x := 1; x < in.m; x++ {
		for c, v := range a[x*in.n:][:in.n] {
			dst[c] += v
		}
	}
}

func (f *rowFrame) groupSum(in *rowInstruction, r int) {
	dst, a := f.numbers(&in.dst, r, in.n), f.numbers(&in.a.rowPlace, r, in.n)
	size := in.n / in.m
	for i := 0; i < in.n; i += size {
		var s float32
		for _, v := range a[i:][:size] {
			s += v
		}
		for j := range size {
			dst[i+j] = s
		}
	}
}
