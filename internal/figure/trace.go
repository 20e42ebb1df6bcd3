package figure

import (
	"image/color"
	"math"

	"github.com/scorefield/infer/internal/spelling"
)

// trace is a series on the axes of a figure of curves.
type trace struct {
	name   string
	points [][2]float64 // NaN is a gap; logarithms on a logarithmic axis
	hidden int          // points that a logarithmic axis does not have
	hue    color.NRGBA
	dashes int     // 0 is an unbroken line
	width  float64 // points
}

const (
	fewPoints  = 40 // a curve of at most so many marks them
	markRadius = 5  // pixels
	// A curve that climbs and falls by so many heights of the figure is noise: pale and thin, so that others are
	// seen before it.
	noisy     = 20
	thinCurve = 0.8 // points
	// The time to draw a line goes with the square of its corners in a row of pixels: long ones are drawn in pieces.
	mostCorners = 50
)

func newTrace(one Series, logX, logY bool) *trace {
	t := &trace{name: printable(one.Name), width: curveWidth, points: make([][2]float64, len(one.X))}
	for i := range t.points {
		x, y := onAxis(one.X[i], logX), onAxis(one.Y[i], logY)
		if (math.IsNaN(x) || math.IsNaN(y)) && !math.IsNaN(one.X[i]) && !math.IsNaN(one.Y[i]) {
			t.hidden++
		}
		t.points[i] = [2]float64{x, y}
	}
	return t
}

// soften makes noise pale and thin.
func (t *trace) soften(y window) {
	climbed, last := 0.0, math.NaN()
	for _, p := range t.points {
		at := min(max(y.at(p[1]), 0), 1)
		if step := math.Abs(at - last); finite(step) {
			climbed += step
		}
		last = at
	}
	if climbed > noisy {
		pale := func(v uint8) uint8 { return uint8((int(v) + 255) / 2) }
		t.hue = color.NRGBA{pale(t.hue.R), pale(t.hue.G), pale(t.hue.B), t.hue.A}
		t.width = thinCurve
	}
}

// pattern is the dashes of the curve in points, none of an unbroken one.
func (t *trace) pattern() []float64 {
	if t.dashes == 0 {
		return nil
	}
	return []float64{float64(2 + 2*t.dashes), 2}
}

// meaning names the curve and counts its points that the window of y does not hold.
func (t *trace) meaning(y window) string {
	outside, shown := 0, 0
	for _, p := range t.points {
		switch {
		case math.IsNaN(p[0]) || math.IsNaN(p[1]):
		case !finite(p[0]) || !y.contains(p[1]):
			outside++
		default:
			shown++
		}
	}
	text := t.name
	add := func(note string) {
		if text != "" {
			text += ", "
		}
		text += note
	}
	if shown+outside+t.hidden == 0 {
		add("no points")
	}
	if outside > 0 {
		add(spelling.Counted(outside, "point") + " outside the axes")
	}
	if t.hidden > 0 {
		add(spelling.Counted(t.hidden, "point") + " not positive")
	}
	return text
}

// trace draws a curve in a frame.
func (s *sheet) trace(in frame, t *trace) {
	for _, piece := range t.pieces(in) {
		for _, part := range clipped(piece, in) {
			for len(part) > mostCorners {
				s.dashed(t.hue, t.width, t.pattern(), part[:mostCorners]...)
				part = part[mostCorners-2:] // two corners are shared, so that both are joined
			}
			s.dashed(t.hue, t.width, t.pattern(), part...)
		}
		if len(piece) > 1 && len(t.points) > fewPoints {
			continue
		}
		for _, p := range piece {
			if p[1] >= float64(in.top) && p[1] <= float64(in.bottom) {
				s.fill(t.hue, circle(p[0], p[1], markRadius, 16)...)
			}
		}
	}
}

// pieces are the parts of a curve between its gaps in pixels, with at most four points of many that follow one
// another in a column.
func (t *trace) pieces(in frame) (pieces [][][2]float64) {
	var piece, column [][2]float64
	endColumn := func() {
		piece = append(piece, extremes(column)...)
		column = column[:0]
	}
	endPiece := func() {
		endColumn()
		if len(piece) > 0 {
			pieces = append(pieces, piece)
		}
		piece = nil
	}
	for _, p := range t.points {
		if !finite(p[0]) || !finite(p[1]) {
			endPiece()
			continue
		}
		// A point far above or below the frame keeps the direction of its line. None is left or right of it, but
		// for numbers beyond the largest of a window.
		const far = 1e6
		at := [2]float64{
			min(max(in.across(p[0]), float64(in.left)), float64(in.right)),
			min(max(in.down(p[1]), -far), far),
		}
		if len(column) > 0 && math.Floor(column[0][0]) != math.Floor(at[0]) {
			endColumn()
		}
		column = append(column, at)
	}
	endPiece()
	return pieces
}

// extremes are the first, the lowest, the highest and the last of points, in their order.
func extremes(points [][2]float64) (kept [][2]float64) {
	low, high := 0, 0
	for i, p := range points {
		if p[1] < points[low][1] {
			low = i
		}
		if p[1] > points[high][1] {
			high = i
		}
	}
	for i, p := range points {
		if i == 0 || i == low || i == high || i == len(points)-1 {
			kept = append(kept, p)
		}
	}
	return kept
}

// clipped is what the frame holds of a line of pixels, all of which are between its sides.
func clipped(line [][2]float64, in frame) (parts [][][2]float64) {
	top, bottom := float64(in.top), float64(in.bottom)
	var part [][2]float64
	end := func() {
		if len(part) > 1 {
			parts = append(parts, part)
		}
		part = nil
	}
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		if max(a[1], b[1]) < top || min(a[1], b[1]) > bottom {
			end()
			continue
		}
		// The shares of the way from a to b at which the line enters and leaves.
		enter, leave := 0.0, 1.0
		if a[1] != b[1] {
			s, t := (top-a[1])/(b[1]-a[1]), (bottom-a[1])/(b[1]-a[1])
			enter, leave = max(enter, min(s, t)), min(leave, max(s, t))
		}
		from, to := between(a, b, enter), between(a, b, leave)
		if len(part) == 0 {
			part = append(part, from)
		}
		part = append(part, to)
		if leave < 1 {
			end()
		}
	}
	end()
	return parts
}

// between is the point at a share of the way from a to b.
func between(a, b [2]float64, share float64) [2]float64 {
	if share == 1 {
		return b
	}
	return [2]float64{a[0] + float64((b[0]-a[0])*share), a[1] + float64((b[1]-a[1])*share)}
}
