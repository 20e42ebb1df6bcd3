package figure

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"github.com/scorefield/infer/internal/spelling"
)

// CurveSpec says what a figure of curves shows.
type CurveSpec struct {
	// Title stands above the figure; it may be empty. What does not fit is cut.
	Title string
	// X and Y are the names of the axes.
	X, Y string
	// Series are drawn one over the other, the last on top.
	Series []Series
	// LogX and LogY ask for logarithmic axes.
	LogX, LogY bool
	// Floor is the height of a dashed line across the figure, named in the legend: the least loss that can be
	// reached, for instance. There is none if the name is empty, Floor is not finite, or the axis is logarithmic
	// and Floor not positive.
	Floor     float64
	FloorName string
}

// Series is one curve: straight lines from point to point, in their order.
type Series struct {
	// Name in the legend.
	Name string
	// X and Y are the coordinates, as many of one as of the other. A point with a NaN is a gap.
	X, Y []float64
}

// Curve writes a figure of curves to w: losses by step, noise levels by index. The format is one of [Formats].
//
// The horizontal axis shows every point, the vertical one the bulk of each series and the floor. Beyond it curves
// are cut, and the legend counts the points there, as well as those that a logarithmic axis cannot show. A
// curve of at most 40 points marks them, and so is a point between two gaps. Of many points in one column of pixels
// the first, the last, the lowest and the highest are drawn.
//
// A series with another number of X than of Y, an unknown format, and what w returns are errors. Nothing is
// written to w before the figure is complete.
func Curve(w io.Writer, format string, spec CurveSpec) error {
	encode, err := encoderOf(format)
	if err != nil {
		return err
	}
	s, err := curves(spec)
	if err != nil {
		return err
	}
	return encode(w, s)
}

// curveHues are dark and light in turn. After the last one they begin again, with dashes.
var curveHues = [...]color.NRGBA{
	onWhite, onShade, {0x0b, 0x7a, 0x5b, 0xff},
	{0xcf, 0x7b, 0xc0, 0xff}, {0x8a, 0x1f, 0x2b, 0xff}, {0x3f, 0xa9, 0xd8, 0xff},
}

const floorWidth = 0.9 // points

var floorDashes = []float64{4, 3} // points

// curves lays out a figure of curves.
func curves(spec CurveSpec) (*sheet, error) {
	floor := math.NaN()
	if printable(spec.FloorName) != "" && finite(spec.Floor) {
		floor = onAxis(spec.Floor, spec.LogY)
	}
	traces := make([]*trace, len(spec.Series))
	for i, one := range spec.Series {
		if len(one.X) != len(one.Y) {
			return nil, fmt.Errorf("series %d, %q, has %s of x and %s of y: it needs as many of both",
				i, one.Name, spelling.Counted(len(one.X), "value"), spelling.Counted(len(one.Y), "value"))
		}
		traces[i] = newTrace(one, spec.LogX, spec.LogY)
		traces[i].hue = curveHues[i%len(curveHues)]
		traces[i].dashes = i / len(curveHues)
	}
	x, y := windowsOf(traces, floor)
	for _, t := range traces {
		t.soften(y)
	}

	s := &sheet{width: sheetWidth}
	side := upright(ticker(y, spec.LogY), printable(spec.Y), lineHeight)
	in := frame{left: side.width() + 30, right: s.width - rightRoom, x: x, y: y}
	marks, meanings := legendOf(traces, y)
	if finite(floor) {
		marks = append(marks, dash(ink, floorWidth, floorDashes...))
		meanings = append(meanings, printable(spec.FloorName))
	}
	rows := rowsOf(meanings, float64(s.width-in.left))
	in.top = head(spec.Title) + max(len(rows)-1, 0)*legendRow
	in.bottom = in.top + lineHeight
	s.height = in.bottom + int(math.Ceil(axisHeight))

	for _, t := range traces {
		s.trace(in, t)
	}
	if finite(floor) {
		at := in.down(floor)
		s.dashed(ink, floorWidth, floorDashes, [2]float64{float64(in.left), at}, [2]float64{float64(in.right), at})
	}
	s.axes(in, lying(ticker(x, spec.LogX), x, printable(spec.X), in.right-in.left), side)
	s.title(spec.Title)
	next := 0
	for i, row := range rows {
		entry := s.legend(float64(in.left), in.top-(len(rows)-1-i)*legendRow)
		for range row {
			entry(marks[next], meanings[next])
			next++
		}
	}
	return s, nil
}

// ticker marks a window of an axis, at most so many times.
func ticker(w window, log bool) func(most int) []tick {
	if log {
		return w.logTicks
	}
	return w.ticks
}

// onAxis is where a value stands on an axis: NaN if a logarithmic one does not have it.
func onAxis(v float64, log bool) float64 {
	switch {
	case !log:
		return v
	case v > 0:
		return math.Log10(v)
	}
	return math.NaN()
}

const (
	// What counts in the bulk of a curve is how much of the figure's width it takes, in so many columns.
	bulkColumns = 200
	// A share of these at both ends may be far from the rest: the first steps of training are.
	curveTail = 0.05
)

// windowsOf shows every x, and the bulk of the y of each series and the floor.
func windowsOf(traces []*trace, floor float64) (x, y window) {
	left, right, low, high := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, t := range traces {
		for _, p := range t.points {
			if finite(p[0]) && finite(p[1]) {
				left, right = min(left, bounded(p[0])), max(right, bounded(p[0]))
			}
		}
	}
	x, y = window{0, 1}, window{0, 1}
	if left <= right {
		x = roomy(left, right, 0.02)
	}
	if finite(floor) {
		low, high = bounded(floor), bounded(floor)
	}
	for _, t := range traces {
		if ys := t.ends(x); len(ys) > 0 {
			a, b := bulkOf(ys, curveTail)
			low, high = min(low, a), max(high, b)
		}
	}
	if low <= high {
		y = roomy(low, high, 0.05)
	}
	return x, y
}

// ends are the lowest and the highest y of a curve in each column of a window that has some.
func (t *trace) ends(x window) (ys []float64) {
	var low, high [bulkColumns]float64
	for i := range low {
		low[i], high[i] = math.Inf(1), math.Inf(-1)
	}
	for _, p := range t.points {
		if finite(p[0]) && finite(p[1]) {
			i := x.bin(bounded(p[0]), bulkColumns)
			low[i], high[i] = min(low[i], p[1]), max(high[i], p[1])
		}
	}
	for i := range low {
		if low[i] <= high[i] {
			ys = append(ys, low[i], high[i])
		}
	}
	return ys
}

// legendOf names every curve, and counts what the figure does not show of it.
func legendOf(traces []*trace, y window) (marks []swatch, meanings []string) {
	for _, t := range traces {
		marks = append(marks, dash(t.hue, curveWidth, t.pattern()...))
		meanings = append(meanings, t.meaning(y))
	}
	return marks, meanings
}

const (
	dashRoom  = 50 + 14 // width of the swatch of a curve
	legendGap = 110     // between two entries of a line
	legendRow = 48      // between two lines
)

// rowsOf breaks the entries of a legend into lines, and tells how many each has.
func rowsOf(meanings []string, room float64) (rows []int) {
	used := math.Inf(1)
	for _, m := range meanings {
		width := dashRoom + textWidth(smallSize, m) + legendGap
		if used+width-legendGap > room {
			rows, used = append(rows, 0), 0
		}
		rows[len(rows)-1]++
		used += width
	}
	return rows
}
