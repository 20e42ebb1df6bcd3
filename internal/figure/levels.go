package figure

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	stddraw "image/draw"
	"io"

	"github.com/scorefield/infer/internal/spelling"
)

// LevelsSpec says what a figure of images at noise levels shows.
type LevelsSpec struct {
	// Title stands above the figure; it may be empty. What does not fit is cut.
	Title         string
	Height, Width int // of an image, in pixels
	// Levels are the noise levels, a row each.
	Levels []float64
	// Rows[k] are the images at level k, as those of a [Sheet].
	Rows [][][]float64
}

// Levels writes a figure of images at falling noise levels to w, a row for each with its level beside it. The format is one of
// [Formats]. Rows without images, more images than fit beside each other, and images of another size are errors. Nothing is
// written to w before the figure is complete.
func Levels(w io.Writer, format string, spec LevelsSpec) error {
	encode, err := encoderOf(format)
	if err != nil {
		return err
	}
	if len(spec.Levels) == 0 || len(spec.Levels) != len(spec.Rows) {
		return fmt.Errorf("%s of images for %s: there has to be one each", spelling.Counted(len(spec.Rows), "row"), spelling.Counted(len(spec.Levels), "noise level"))
	}
	if len(spec.Levels) > mostLevels {
		return fmt.Errorf("%d noise levels: a figure shows at most %d", len(spec.Levels), mostLevels)
	}
	tiles := Film(spec.Height, spec.Width, spec.Rows)
	if err := tiles.check(); err != nil {
		return err
	}
	s := &sheet{width: sheetWidth}
	labels := make([]string, len(spec.Levels))
	widest := 0.0
	for k, level := range spec.Levels {
		labels[k] = digits(level)
		widest = max(widest, textWidth(smallSize, labels[k]))
	}
	left := int(widest + 2*tickGap + nameGap + nameHeight)
	scale := ((s.width-left-tickGap)/tiles.Columns - tileGap) / tiles.Width
	if scale < 1 {
		return errors.New("too many images beside each other: show fewer")
	}
	scale = min(scale, 8)
	top := titleTop
	if printable(spec.Title) != "" {
		top += titleHeight
	}
	high, wide := tiles.Height*scale+tileGap, tiles.Width*scale+tileGap
	s.width = left + tiles.Columns*wide + tileGap + tickGap
	s.height = top + len(spec.Rows)*high + tileGap + tickGap
	s.title(spec.Title)
	paper := s.paper()
	frame := image.Rect(left, top, left+tiles.Columns*wide+tileGap, top+len(spec.Rows)*high+tileGap)
	stddraw.Draw(paper, frame, image.NewUniform(color.Gray{Y: gapShade}), image.Point{}, stddraw.Src)
	for i, pixels := range tiles.Images {
		if pixels != nil {
			x0, y0 := left+tileGap+i%tiles.Columns*wide, top+tileGap+i/tiles.Columns*high
			tiles.tile(pixels, scale, func(x, y int, shade uint8) { paper.Set(x0+x, y0+y, color.Gray{Y: shade}) })
		}
	}
	for k, label := range labels {
		s.write(float64(left-tickGap), float64(top+k*high+tileGap)+float64(high)/2, smallSize, leftOf, label)
	}
	s.writeUp(tickGap+nameHeight, float64(frame.Min.Y+frame.Max.Y)/2, nameSize, standing, "noise level")
	return encode(w, s)
}

// mostLevels keeps a figure as high as a page or two.
const mostLevels = 64
