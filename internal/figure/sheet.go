package figure

import (
	"image"
	"image/color"
	stddraw "image/draw"
	"math"
	"sort"
	"strings"
	"sync"
	"unicode"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Resolution and width of a sheet; 1600 pixels are 13.5 cm, a bit more than a column.
const (
	dpi        = 300
	sheetWidth = 1600
)

// Sizes of text in points.
const (
	titleSize = 11
	nameSize  = 10
	smallSize = 8.5
)

// Everything is placed in pixels from the top left corner. A point is this many of them.
const pixelsPerPoint = dpi / 72.0

// ink is the colour of lines and text.
var ink = color.NRGBA{0x22, 0x22, 0x22, 0xff}

// sheet is a figure being laid out: pixels below, vectors and text above them. The vectors are remembered as
// calls, because each format has a canvas of its own and the height is known last.
type sheet struct {
	width, height int
	under         *image.RGBA // nil: there are no pixels
	calls         []func(c *draw.Canvas)
	ascii         bool // the canvas writes nothing else
}

const minus = "\u2212"

// spelled is a line of text in the characters that the canvas has.
func (s *sheet) spelled(line string) string {
	if !s.ascii {
		return line
	}
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return '?'
		}
		return r
	}, strings.ReplaceAll(line, minus, "-"))
}

// paper returns the pixels below, white at first.
func (s *sheet) paper() *image.RGBA {
	if s.under == nil {
		s.under = image.NewRGBA(image.Rect(0, 0, s.width, s.height))
		stddraw.Draw(s.under, s.under.Bounds(), image.White, image.Point{}, stddraw.Src)
	}
	return s.under
}

func points(pixels float64) vg.Length { return vg.Length(pixels / pixelsPerPoint) }

// point is the place of pixel coordinates on a canvas, whose origin is at the bottom.
func (s *sheet) point(x, y float64) vg.Point {
	return vg.Point{X: points(x), Y: points(float64(s.height) - y)}
}

// stroke draws a line of the given width in points through pixel coordinates.
func (s *sheet) stroke(line color.Color, width float64, corners ...[2]float64) {
	s.dashed(line, width, nil, corners...)
}

// dashed draws a line like stroke, broken into dashes and gaps of the given lengths in points.
func (s *sheet) dashed(line color.Color, width float64, dashes []float64, corners ...[2]float64) {
	s.calls = append(s.calls, func(c *draw.Canvas) {
		style := draw.LineStyle{Color: line, Width: vg.Points(width)}
		for _, d := range dashes {
			style.Dashes = append(style.Dashes, vg.Points(d))
		}
		c.StrokeLines(style, s.path(corners))
	})
}

// path is pixel coordinates on a canvas.
func (s *sheet) path(corners [][2]float64) []vg.Point {
	path := make([]vg.Point, len(corners))
	for i, corner := range corners {
		path[i] = s.point(corner[0], corner[1])
	}
	return path
}

// fill colours the polygon of the given corners.
func (s *sheet) fill(inside color.Color, corners ...[2]float64) {
	s.calls = append(s.calls, func(c *draw.Canvas) { c.FillPolygon(inside, s.path(corners)) })
}

// Alignment of text to its point: the share of its width left of it and of its height above it.
type anchor struct{ left, above float64 }

var (
	below    = anchor{0.5, 0} // centred, the top at the point
	standing = anchor{0.5, 1} // centred, the base line at the point
	above    = anchor{0, 1}   // beginning at the point, the base line too
	leftOf   = anchor{1, 0.5}
	rightOf  = anchor{0, 0.5}
)

// write puts a line of text at pixel coordinates.
func (s *sheet) write(x, y, size float64, where anchor, line string) {
	s.text(x, y, size, where, false, line)
}

// writeUp puts a line of text that runs upwards.
func (s *sheet) writeUp(x, y, size float64, where anchor, line string) {
	s.text(x, y, size, where, true, line)
}

func (s *sheet) text(x, y, size float64, where anchor, up bool, line string) {
	// Half the height of a capital above the base line is the middle that the eye sees.
	capital := 0.72 * size * pixelsPerPoint
	s.calls = append(s.calls, func(c *draw.Canvas) {
		line := s.spelled(line)
		right, down := -where.left*textWidth(size, line), (1-where.above)*capital
		style := textStyle(size)
		if up {
			style.Rotation = math.Pi / 2
			c.FillText(style, s.point(x+down, y-right), line)
			return
		}
		c.FillText(style, s.point(x+right, y+down), line)
	})
}

// fonts is read from the binary when the first text is measured: no start-up cost.
var fonts = sync.OnceValue(func() *font.Cache { return font.NewCache(liberation.Collection()) })

func textStyle(size float64) text.Style {
	return text.Style{
		Color:   ink,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)},
		XAlign:  text.XLeft,
		YAlign:  text.YBottom,
		Handler: text.Plain{Fonts: fonts()},
	}
}

// textWidth is the width of a line of text in pixels.
func textWidth(size float64, line string) float64 {
	return textStyle(size).Width(line).Points() * pixelsPerPoint
}

// fit cuts a line of text to a width in pixels.
func fit(size float64, line string, width float64) string {
	length := len([]rune(line))
	if length <= 2 || textWidth(size, line) <= width {
		return line
	}
	tooLong := func(fewer int) bool { return textWidth(size, cut(line, 2+fewer)) > width }
	return cut(line, max(1+sort.Search(length-2, tooLong), 2))
}

const (
	titleTop    = 28 // pixels above the title
	titleHeight = 0.72*titleSize*pixelsPerPoint + 34
	legendSpace = smallHeight + 30 // from the top of the legend to the frame
)

// head is the y where the frame begins below a title, which may be empty, and a legend.
func head(title string) int {
	top := titleTop + legendSpace
	if printable(title) != "" {
		top += titleHeight
	}
	return int(math.Ceil(top))
}

// title writes the title in the middle of the sheet, smaller and then cut if it is long.
func (s *sheet) title(line string) {
	line = printable(line)
	room := float64(s.width) - 60
	size := float64(titleSize)
	for size > smallSize && textWidth(size, line) > room {
		size -= 0.5
	}
	s.write(float64(s.width)/2, titleTop, size, below, fit(size, line, room))
}

// legend returns a function that writes one entry after the other on a line: a mark and its meaning. x is
// where the line begins and frameTop where the frame below it does.
func (s *sheet) legend(x float64, frameTop int) func(draw swatch, meaning string) {
	base := float64(frameTop) - 30
	return func(draw swatch, meaning string) {
		x += draw(s, x, base-smallHeight/2)
		s.write(x, base, smallSize, above, fit(smallSize, meaning, float64(s.width)-x-20))
		x += textWidth(smallSize, meaning) + 110 // another font may be wider
	}
}

// swatch draws the mark of an entry of a legend, which begins at x and whose middle is at y, and returns its width.
type swatch func(s *sheet, x, y float64) float64

func noSwatch(*sheet, float64, float64) float64 { return 0 }

// area is the swatch of a filled shape.
func area(colour color.Color) swatch {
	return func(s *sheet, x, y float64) float64 {
		const side = 24
		s.fill(colour, [2]float64{x, y - side/2}, [2]float64{x + side, y - side/2},
			[2]float64{x + side, y + side/2}, [2]float64{x, y + side/2})
		return side + 14
	}
}

// round is the swatch of marks of draws, larger than they are.
func round(colour color.Color) swatch {
	return func(s *sheet, x, y float64) float64 {
		const radius = 9
		s.fill(colour, circle(x+radius, y, radius, 32)...)
		return 2*radius + 14
	}
}

// circle is a polygon of many corners.
func circle(x, y, radius float64, corners int) [][2]float64 {
	outline := make([][2]float64, corners)
	for k := range outline {
		sin, cos := math.Sincos(2 * math.Pi * float64(k) / float64(corners))
		outline[k] = [2]float64{x + float64(radius*cos), y + float64(radius*sin)}
	}
	return outline
}

// dash is the swatch of a curve, which may be broken into dashes.
func dash(colour color.Color, width float64, dashes ...float64) swatch {
	return func(s *sheet, x, y float64) float64 {
		const length = 50
		s.dashed(colour, width, dashes, [2]float64{x, y}, [2]float64{x + length, y})
		return length + 14
	}
}
