package figure

import (
	"math"
	"strings"
)

// frame is a rectangle of a sheet, in pixels from the top left corner, in which two ranges are shown.
type frame struct {
	left, top, right, bottom int
	x, y                     window
}

const (
	tickLength = 14 // pixels, outside the frame
	minorTick  = 8  // of one without a label
	tickGap    = 10 // between a tick and its label
	nameGap    = 24 // between tick labels and the name of an axis
	lineWidth  = 0.6
)

// Heights of lines of capitals and digits in pixels.
const (
	smallHeight = 0.72 * smallSize * pixelsPerPoint
	nameHeight  = 0.72 * nameSize * pixelsPerPoint
)

// across and down place a value of x and of y in pixels.
func (f frame) across(x float64) float64 {
	return float64(f.left) + f.x.at(x)*float64(f.right-f.left)
}

func (f frame) down(y float64) float64 {
	return float64(f.bottom) - f.y.at(y)*float64(f.bottom-f.top)
}

// axis says how one side of a frame is marked.
type axis struct {
	ticks  []tick
	name   string
	hidden bool // ticks without labels, no name
	room   int  // of a vertical axis: at least so wide
}

// horizontal is an axis whose labels do not touch on so many pixels.
func horizontal(w window, name string, pixels int) axis { return lying(w.ticks, w, name, pixels) }

// lying is horizontal with ticks of another kind, at most so many of which have labels.
func lying(ticker func(most int) []tick, w window, name string, pixels int) axis {
	for most := min(max(pixels/90, 2), 9); ; most-- {
		ticks := typeset(ticker(most))
		if most <= 2 || !touching(ticks, w, pixels) {
			return axis{ticks: ticks, name: fit(nameSize, name, float64(pixels))}
		}
	}
}

// touching tells whether labels in a row are closer than a digit or two.
func touching(ticks []tick, w window, pixels int) bool {
	end := math.Inf(-1)
	for _, t := range ticks {
		if t.label == "" {
			continue
		}
		middle, half := w.at(t.value)*float64(pixels), textWidth(smallSize, t.label)/2
		if middle-half < end+40 {
			return true
		}
		end = middle + half
	}
	return false
}

// typeset writes labels with a minus sign, which is longer than a hyphen.
func typeset(ticks []tick) []tick {
	for i, t := range ticks {
		ticks[i].label = strings.ReplaceAll(t.label, "-", minus)
	}
	return ticks
}

// vertical is an axis whose labels do not touch on so many pixels.
func vertical(w window, name string, pixels int) axis { return upright(w.ticks, name, pixels) }

// upright is vertical with ticks of another kind.
func upright(ticker func(most int) []tick, name string, pixels int) axis {
	return axis{ticks: typeset(ticker(min(max(pixels/100, 2), 9))), name: fit(nameSize, name, float64(pixels))}
}

// width is the room a vertical axis takes beside the frame.
func (a axis) width() int {
	widest := 0.0
	for _, t := range a.ticks {
		widest = max(widest, textWidth(smallSize, t.label))
	}
	return max(int(tickLength+tickGap+widest+nameGap+nameHeight), a.room)
}

func (t tick) length() float64 {
	if t.label == "" {
		return minorTick
	}
	return tickLength
}

// axisHeight is the room a horizontal axis takes below the frame.
const axisHeight = tickLength + tickGap + smallHeight + nameGap + nameHeight + 12

// axes draws the frame, the ticks and the names; the vertical axis stands on the left.
func (s *sheet) axes(f frame, x, y axis) {
	left, top, right, bottom := float64(f.left), float64(f.top), float64(f.right), float64(f.bottom)
	s.stroke(ink, lineWidth, [2]float64{left, top}, [2]float64{right, top}, [2]float64{right, bottom},
		[2]float64{left, bottom}, [2]float64{left, top}, [2]float64{right, top})
	for _, t := range x.ticks {
		at := f.across(t.value)
		s.stroke(ink, lineWidth, [2]float64{at, bottom}, [2]float64{at, bottom + t.length()})
		if !x.hidden && t.label != "" {
			s.write(at, bottom+tickLength+tickGap, smallSize, below, t.label)
		}
	}
	if !x.hidden {
		s.write((left+right)/2, bottom+tickLength+tickGap+smallHeight+nameGap, nameSize, below, x.name)
	}
	for _, t := range y.ticks {
		at := f.down(t.value)
		s.stroke(ink, lineWidth, [2]float64{left, at}, [2]float64{left - t.length(), at})
		if !y.hidden && t.label != "" {
			s.write(left-tickLength-tickGap, at, smallSize, leftOf, t.label)
		}
	}
	if !y.hidden {
		s.writeUp(left-float64(y.width())+nameHeight, (top+bottom)/2, nameSize, standing, y.name)
	}
}
