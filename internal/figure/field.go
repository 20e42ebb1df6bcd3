package figure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// FieldSpec says what a figure of a score in the plane shows.
type FieldSpec struct {
	// Title stands above the figure; it may be empty. What does not fit is cut.
	Title string
	// Names of the two coordinates; a missing or empty one is x0 or x1.
	Names []string
	// Learned is the score drawn, of dimension 2.
	Learned score.Fn
	// True is what Learned should be, drawn beside it with the difference; nil is not known.
	True score.Fn
	// Points are draws or data: the axes show their bulk, they are marked faintly, and they are where the error
	// is measured. Without them (nil) the axes run from -5 to 5, and the error is measured where the arrows are.
	Points *lanes.Block
}

const (
	// A sheet with a row of panels, for the width of a page: 20.3 cm.
	wideSheet  = 2400
	fieldGap   = 44               // pixels between panels
	panelHead  = nameHeight + 24  // for the name of a panel above its frame
	noteSpace  = smallHeight + 22 // for a line of text below the axes
	noteGap    = 22               // between the axes and these lines
	difference = "learned " + minus + " true"
)

// Field writes the figure of a score in the plane to w, as arrows on a regular grid. The format is one of
// [Formats].
//
// An arrow is centred on its point and has the direction in which the score moves a point on these axes. Its
// length and its colour go with the square root of the norm, so that a field is seen where it is weak, too.
// The longest arrow has the largest norm, or twice the norm that 95 % of the arrows do not exceed if that is
// less: norms beyond it are drawn like it, and counted. A score of 0 is a dot.
//
// A true score makes two further panels on the same scale, itself and the difference of the two, and a line
// with the error: the root of the mean, over the points, of the squared norm of the difference; the same of the
// true score; and the quotient of the two. Every finite point counts, inside the axes or not; of more than
// 10,000 every second, third, ... does. Without points the places of the arrows count, all the same.
//
// A vector with a NaN or an infinity is left out, of the error too, and counted in words. A score or points of
// another dimension than 2, an unknown format, a cancelled ctx, and what a score or w return are errors. Nothing
// is written to w before the figure is complete.
func Field(ctx context.Context, w io.Writer, format string, spec FieldSpec) error {
	encode, err := encoderOf(format)
	if err != nil {
		return err
	}
	s, err := vectors(ctx, spec)
	if err != nil {
		return err
	}
	return encode(w, s)
}

// vectors lays out the figure of a score.
func vectors(ctx context.Context, spec FieldSpec) (*sheet, error) {
	points := spec.Points
	if points == nil {
		points = lanes.New(0, 0)
	}
	if err := spec.check(points); err != nil {
		return nil, err
	}
	c := newCloud(points, 2, 2, spec.Names, 0.06)
	x, y := c.windows[0], c.windows[1]
	ratio := shape(x, y)
	g := newGrid(x, y, ratio)
	panels, err := panelsOf(ctx, spec, g)
	if err != nil {
		return nil, err
	}
	scale := scaleOf(panels[:min(len(panels), 2)])
	notes := []string{scale.note(panels)}
	if spec.True != nil {
		m, err := measure(ctx, spec, c, g)
		if err != nil {
			return nil, err
		}
		notes = append(notes, m.String())
	}
	for _, p := range panels[:min(len(panels), 2)] {
		if n := p.broken(); n > 0 {
			notes = append(notes, fmt.Sprintf("%s vectors of the %s score left out, not finite", ofAll(n, len(p.x)), p.name))
		}
	}

	s := &sheet{width: sheetWidth}
	top := head(spec.Title)
	if len(panels) > 1 {
		s.width = wideSheet
		top += int(math.Ceil(panelHead))
	}
	left := vertical(y, c.names[1], 700).width() + 30
	right := s.width - rightRoom
	var bar axis
	if scale.longest > 0 {
		bar = axis{ticks: scale.ticks(), name: "norm of the score"}
		right = s.width - barGap - barWidth - bar.width() - barRoom
	}
	count := len(panels)
	width := (right - left - (count-1)*fieldGap) / count
	height := int(math.Round(float64(width) * ratio))
	if height > tallest {
		height = tallest
		narrower := int(math.Round(float64(height) / ratio))
		s.width -= count * (width - narrower)
		width = narrower
	}
	bottom := top + height
	s.height = bottom + int(math.Ceil(axisHeight+noteGap+float64(len(notes))*noteSpace))

	marked := 0
	for k, p := range panels {
		in := frame{left: left + k*(width+fieldGap), top: top, bottom: bottom, x: x, y: y}
		in.right = in.left + width
		marked = s.scatter(in, c.columns[0], c.columns[1], faint)
		s.arrows(in, g, p.trail, scale)
		side := vertical(y, c.names[1], height)
		side.hidden = k > 0
		s.axes(in, horizontal(x, c.names[0], width), side)
		if count > 1 {
			s.write(float64(in.left+in.right)/2, float64(top)-panelHead+nameHeight, nameSize, standing, p.name)
		}
		if k == count-1 && scale.longest > 0 {
			s.colourBar(in, window{0, 1}, bar, arrowShade)
		}
	}
	s.title(spec.Title)
	if c.total > 0 {
		legendTop := top
		if count > 1 {
			legendTop -= int(panelHead)
		}
		s.legend(float64(left), legendTop)(round(faint), c.shown(marked, "point"))
	}
	base := float64(bottom) + axisHeight + noteGap
	for k, note := range notes {
		at := base + float64(k)*noteSpace + smallHeight
		s.write(float64(left), at, smallSize, above, fit(smallSize, note, float64(s.width-left)-20))
	}
	return s, nil
}

// check tells what keeps a figure from being drawn.
func (spec FieldSpec) check(points *lanes.Block) error {
	if spec.Learned == nil {
		return errors.New("a figure of a field needs a learned score, and there is none")
	}
	if dim := spec.Learned.Dim(); dim != 2 {
		return fmt.Errorf("a score in %d dimensions cannot be drawn as a field: there have to be 2", dim)
	}
	if spec.True != nil && spec.True.Dim() != 2 {
		return fmt.Errorf("the true score has dimension %d and the learned one 2: they have to be the same", spec.True.Dim())
	}
	if dim := points.Dim(); dim != 2 && dim != 0 {
		return fmt.Errorf("the points have dimension %d and the learned score 2: they have to be the same", dim)
	}
	return nil
}

// panel is one of the fields side by side.
type panel struct {
	name string
	*trail
}

// panelsOf evaluates the scores on a grid.
func panelsOf(ctx context.Context, spec FieldSpec, g grid) ([]panel, error) {
	learned, err := follow(ctx, spec.Learned, "learned", g.nx*g.ny, g.at)
	if err != nil || spec.True == nil {
		return []panel{{"learned", learned}}, err
	}
	truth, err := follow(ctx, spec.True, "true", g.nx*g.ny, g.at)
	if err != nil {
		return nil, err
	}
	return []panel{{"learned", learned}, {"true", truth}, {difference, learned.minus(truth)}}, nil
}
