package figure

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"

	"github.com/scorefield/infer/internal/spelling"
)

// Sheet is images of one size in a grid, row after row: digits that were sampled, for example.
type Sheet struct {
	Height, Width int // of an image, in pixels
	// Images are the brightnesses of the pixels, row by row from the top: 0 is black, 1 is white, and what lies outside is
	// shown as the nearer of the two. A number that is not finite is shown in the colour of the gaps.
	Images [][]float64
	// Columns of the grid; as many as make it about square if 0.
	Columns int
	// Scale is the side of a pixel of an image in pixels of the sheet. If 0 it is the largest of 4, 3, 2 and 1 that keeps the
	// sheet no wider than 1600 pixels.
	Scale int
}

const (
	mostSheetPixels = 1 << 28
	tileGap         = 2    // pixels between images and around them
	gapShade        = 0x60 // neither black nor white, so that the edge of either is seen
)

// Film is the sheet of what became of particles: a row for each, from its first moment on the left to the last. rows[i][k] is
// the image of particle i at moment k; a row may be shorter than the first.
func Film(height, width int, rows [][][]float64) Sheet {
	s := Sheet{Height: height, Width: width}
	for _, row := range rows {
		s.Columns = max(s.Columns, len(row))
	}
	for _, row := range rows {
		s.Images = append(s.Images, row...)
		for range s.Columns - len(row) {
			s.Images = append(s.Images, nil)
		}
	}
	return s
}

// WritePNG writes the sheet as a PNG file of 8-bit gray. It is an error if there is no image, or one of another size, or if the
// sheet would have more than 2^28 pixels.
func (s Sheet) WritePNG(w io.Writer) error {
	if err := s.check(); err != nil {
		return err
	}
	columns, scale, width, height, err := s.layout(len(s.Images))
	if err != nil {
		return err
	}
	out := image.NewGray(image.Rect(0, 0, width, height))
	for i := range out.Pix {
		out.Pix[i] = gapShade
	}
	for i, pixels := range s.Images {
		if pixels != nil {
			s.tile(pixels, scale, func(x, y int, shade uint8) {
				out.SetGray(tileGap+i%columns*(s.Width*scale+tileGap)+x, tileGap+i/columns*(s.Height*scale+tileGap)+y, color.Gray{Y: shade})
			})
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, out); err != nil {
		return err
	}
	_, err = w.Write(file.Bytes())
	return err
}

// CheckCount is the error that [Sheet.WritePNG] would give for so many images of the sheet's size, before there are any.
func (s Sheet) CheckCount(count int) error {
	_, _, _, _, err := s.layout(count)
	return err
}

// layout is the columns, the scale and the size of a sheet of so many images, or the error that it would be too large.
func (s Sheet) layout(count int) (columns, scale, width, height int, err error) {
	columns, scale = s.columns(count), s.Scale
	if scale == 0 {
		for scale = 4; scale > 1 && columns*(s.Width*scale+tileGap)+tileGap > sheetWidth; scale-- {
		}
	}
	rows := (count + columns - 1) / columns
	width, height = columns*(s.Width*scale+tileGap)+tileGap, rows*(s.Height*scale+tileGap)+tileGap
	if float64(width)*float64(height) > mostSheetPixels {
		err = fmt.Errorf("a sheet of %s would have %d x %d pixels: show fewer, or at a smaller scale", spelling.Counted(count, "image"), width, height)
	}
	return columns, scale, width, height, err
}

// tile calls set for every pixel of an image at a scale.
func (s Sheet) tile(pixels []float64, scale int, set func(x, y int, shade uint8)) {
	for y := range s.Height * scale {
		for x := range s.Width * scale {
			set(x, y, gray(pixels[y/scale*s.Width+x/scale]))
		}
	}
}

// gray is a brightness as a byte, the nearest one.
func gray(v float64) uint8 {
	if !finite(v) {
		return gapShade
	}
	return uint8(math.Round(255 * clip(v)))
}

// clip is the nearest number from 0 to 1.
func clip(v float64) float64 { return min(max(v, 0), 1) }

// columns is the number of images in a row.
func (s Sheet) columns(count int) int {
	if s.Columns > 0 {
		return min(s.Columns, count)
	}
	return int(math.Ceil(math.Sqrt(float64(count))))
}

func (s Sheet) check() error {
	switch {
	case s.Height < 1 || s.Width < 1:
		return fmt.Errorf("images of %d x %d pixels: there has to be at least one", s.Height, s.Width)
	case len(s.Images) == 0:
		return errors.New("a sheet of no images: there has to be at least one")
	case s.Columns < 0:
		return fmt.Errorf("a sheet of %d columns: give 1 or more, or 0 for about as many as rows", s.Columns)
	case s.Scale < 0 || s.Scale > 64:
		return fmt.Errorf("a scale of %d: give 1 to 64 pixels for one, or 0 for a good choice", s.Scale)
	}
	for i, pixels := range s.Images {
		if pixels != nil && len(pixels) != s.Height*s.Width {
			return fmt.Errorf("image %d has %d pixels, and %d x %d are wanted", i, len(pixels), s.Height, s.Width)
		}
	}
	return nil
}
