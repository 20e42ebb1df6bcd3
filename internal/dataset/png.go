package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"

	"github.com/scorefield/infer/internal/spelling"
)

// picture is a gray image.
type picture struct {
	height, width int
	pixels        []float32
}

// mostDeflated is the largest ratio by which deflate shrinks anything.
const mostDeflated = 1032

// decodePNG reads a gray image of size bytes: 1 to 16 bits, with an alpha channel that is opaque, with a palette of grays, or
// with equal red, green and blue. Where a height is given it has to have that height and width.
func decodePNG(r io.ReadSeeker, size int64, height, width int) (picture, error) {
	header, err := png.DecodeConfig(bufio.NewReader(r))
	if err != nil {
		return picture{}, pngError(err)
	}
	p := picture{height: header.Height, width: header.Width}
	if height > 0 && (p.height != height || p.width != width) {
		return p, fmt.Errorf("it has %d x %d pixels, and the images before it %d x %d: all have to have one size", p.height, p.width, height, width)
	}
	if err := checkSize(uint64(p.height), uint64(p.width)); err != nil {
		return p, err
	}
	// The decoder takes memory for all pixels, one bit of data each at least, before it sees them.
	if least := int64(p.height) * int64((p.width+7)/8); least > mostDeflated*size {
		return p, fmt.Errorf("the header declares %d x %d pixels, and the file has %s: more than a compression could hide", p.height, p.width, spelling.Counted(size, "byte"))
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return p, err
	}
	img, err := png.Decode(bufio.NewReader(r))
	if err != nil {
		return p, pngError(err)
	}
	p.pixels = make([]float32, p.height*p.width)
	if gray, ok := img.(*image.Gray); ok {
		for y := range p.height {
			for x := range p.width {
				p.pixels[y*p.width+x] = float32(gray.Pix[y*gray.Stride+x]) / 255
			}
		}
		return p, nil
	}
	for y := range p.height {
		for x := range p.width {
			// Not premultiplied, so that a gray is what the file says, whatever its alpha.
			c := color.NRGBA64Model.Convert(img.At(x, y)).(color.NRGBA64)
			if c.A != 0xffff {
				return p, fmt.Errorf("pixel (%d, %d), counted from 0, is transparent (alpha %.3g of 1): what shows through is not known; flatten the image", y, x, float64(c.A)/0xffff)
			}
			if c.R != c.G || c.G != c.B {
				return p, fmt.Errorf("pixel (%d, %d), counted from 0, is the colour #%02x%02x%02x: colours are not learned; make the image gray", y, x, c.R>>8, c.G>>8, c.B>>8)
			}
			p.pixels[y*p.width+x] = float32(c.R) / 0xffff
		}
	}
	return p, nil
}

// pngError words an error of the decoder.
func pngError(err error) error {
	var format png.FormatError
	isFormat := errors.As(err, &format)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || isFormat && format == "not enough pixel data" {
		return errors.New("the PNG data end early: the file is cut off")
	}
	if isFormat {
		return fmt.Errorf("it is a damaged PNG file: %s", string(format))
	}
	return fmt.Errorf("it is no PNG file that can be read: %w", err)
}
