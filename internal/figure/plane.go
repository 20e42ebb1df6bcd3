package figure

import (
	"context"
	"image/color"
	"math"

	"github.com/scorefield/infer/internal/spelling"
)

const (
	// Ranges that differ by more than this factor are not shown with equal scales.
	mostUnequal = 3
	// The tallest frame in pixels.
	tallest = 1500
	// Room right of a frame without a colour bar: half the last label of its axis.
	rightRoom = 60
	// Colour bar: distance from the frame, width, and room beside it without its labels.
	barGap, barWidth, barRoom = 40, 44, 40
)

// plane lays out the figure of two coordinates.
func plane(ctx context.Context, c *cloud, spec Spec) (*sheet, error) {
	x, y := c.windows[0], c.windows[1]
	ratio := shape(x, y)
	nx, ny := mostNodes, mostNodes
	if ratio < 1 {
		ny = int(mostNodes * ratio)
	} else {
		nx = int(mostNodes / ratio)
	}
	var f *relief
	if spec.Density != nil {
		var err error
		if f, err = newRelief(ctx, spec.Density, c, nx, ny); err != nil {
			return nil, err
		}
	}

	s := &sheet{width: sheetWidth}
	top := head(spec.Title)
	left := vertical(y, c.names[1], 1000).width() + 30
	right := s.width - rightRoom
	var bar axis
	if f != nil {
		bar = axis{ticks: typeset(window{-f.depth, 0}.ticks(7)), name: "log p (maximum at 0)"}
		right = s.width - barGap - barWidth - bar.width() - barRoom
	}
	width := right - left
	height := int(math.Round(float64(width) * ratio))
	if height > tallest {
		// A tall figure is narrower, not higher than a page.
		height = tallest
		width = int(math.Round(float64(height) / ratio))
		s.width -= right - left - width
	}
	in := frame{left: left, top: top, right: left + width, bottom: top + height, x: x, y: y}
	s.height = in.bottom + int(math.Ceil(axisHeight))

	colour := onWhite
	if f != nil {
		colour = onShade
		s.paint(f, in)
		s.colourBar(in, window{-f.depth, 0}, bar, shade)
	}
	shown := s.scatter(in, c.columns[0], c.columns[1], colour)
	s.axes(in, horizontal(x, c.names[0], width), vertical(y, c.names[1], height))

	s.title(spec.Title)
	entry := s.legend(float64(in.left), in.top)
	entry(round(colour), c.shown(shown, "draw"))
	if spec.Density != nil && f == nil {
		entry(noSwatch, "log p is nowhere finite here")
	}
	return s, nil
}

// shape is the height of a frame by its width: equal scales if the windows allow it.
func shape(x, y window) float64 {
	ratio := y.width() / x.width()
	if ratio <= mostUnequal && ratio >= 1.0/mostUnequal {
		return ratio
	}
	return 0.8
}

// colourBar draws a scale of colours, given from 0 to 1, right of a frame.
func (s *sheet) colourBar(beside frame, values window, marks axis, colour func(t float64) color.RGBA) {
	in := frame{left: beside.right + barGap, top: beside.top, bottom: beside.bottom, y: values}
	in.right = in.left + barWidth
	img := s.paper()
	for y := in.top; y < in.bottom; y++ {
		c := colour((float64(in.bottom-y) - 0.5) / float64(in.bottom-in.top))
		for x := in.left; x < in.right; x++ {
			img.SetRGBA(x, y, c)
		}
	}
	left, top, right, bottom := float64(in.left), float64(in.top), float64(in.right), float64(in.bottom)
	s.stroke(ink, lineWidth, [2]float64{left, top}, [2]float64{right, top}, [2]float64{right, bottom},
		[2]float64{left, bottom}, [2]float64{left, top}, [2]float64{right, top})
	for _, t := range marks.ticks {
		at := in.down(t.value)
		s.stroke(ink, lineWidth, [2]float64{right, at}, [2]float64{right + tickLength, at})
		s.write(right+tickLength+tickGap, at, smallSize, rightOf, t.label)
	}
	s.writeUp(right+float64(marks.width()), (top+bottom)/2, nameSize, standing, fit(nameSize, marks.name, bottom-top))
}

// shown says of which draws the marks of a figure are, and calls one of them thing.
func (c *cloud) shown(marks int, thing string) string {
	text := spelling.Counted(c.total, thing)
	if rest := c.finite() - c.outside; marks < rest {
		text = spelling.Grouped(marks) + " of " + text
	}
	if c.total == 0 {
		text = "no " + thing + "s"
	}
	for _, note := range c.notes() {
		text += ", " + note
	}
	return text
}
