package figure

import (
	"context"
	"image/color"
	"math"

	"github.com/scorefield/infer/density"
)

const (
	lineHeight = 900  // pixels of the frame
	curveNodes = 2001 // of the density
	mostBins   = 80
	curveWidth = 1.4 // points
)

// barColour fills a histogram: light enough for a curve over it, dark enough for gray paper.
var barColour = color.NRGBA{0xb5, 0xdd, 0xfc, 0xff}

// line lays out the figure of one coordinate.
func line(ctx context.Context, c *cloud, spec Spec) (*sheet, error) {
	x := c.windows[0]
	counts, inside := x.histogram(c.columns[0], mostBins)
	heights := make([]float64, len(counts))
	highest := 0.0
	for i, n := range counts {
		heights[i] = float64(n) / float64(max(inside, 1)) / (x.width() / float64(len(counts)))
		highest = max(highest, heights[i])
	}
	var curve []float64
	if spec.Density != nil {
		var err error
		if curve, err = normalised(ctx, spec.Density, x); err != nil {
			return nil, err
		}
		// A pole of the density does not press the histogram flat.
		peak := 0.0
		for _, p := range curve {
			if p > peak { // not max, which would keep a NaN
				peak = p
			}
		}
		if highest == 0 {
			highest = peak
		} else {
			highest = max(highest, min(peak, 2*highest))
		}
	}
	if highest == 0 || math.IsInf(highest, 1) {
		highest = 1
	}
	y := window{0, highest * 1.06}

	s := &sheet{width: sheetWidth}
	top := head(spec.Title)
	marks := vertical(y, "density", lineHeight)
	in := frame{left: marks.width() + 30, top: top, right: s.width - rightRoom, bottom: top + lineHeight, x: x, y: y}
	s.height = in.bottom + int(math.Ceil(axisHeight))
	s.bars(in, heights)
	s.curve(in, curve)
	s.axes(in, horizontal(x, c.names[0], in.right-in.left), marks)

	s.title(spec.Title)
	entry := s.legend(float64(in.left), in.top)
	entry(area(barColour), c.shown(inside, "draw"))
	switch {
	case curve != nil:
		entry(dash(onShade, curveWidth), "density, normalised on this range")
	case spec.Density != nil:
		entry(noSwatch, "the density cannot be normalised on this range")
	}
	return s, nil
}

// normalised is the density at even places of the window, divided by its integral over the window by the
// trapezoidal rule; nil if that is 0 or not finite. Where log p is NaN or +Inf the curve has a gap, NaN.
func normalised(ctx context.Context, d density.Density, x window) ([]float64, error) {
	curve := make([]float64, curveNodes)
	step := x.width() / (curveNodes - 1)
	node := func(k, _ int) float64 { return x.lo + step*float64(k) }
	if err := evaluate(ctx, d, curve, 1, node); err != nil {
		return nil, err
	}
	top := math.Inf(-1)
	for _, v := range curve {
		if v > top && !math.IsInf(v, 1) {
			top = v
		}
	}
	total := 0.0
	for k, v := range curve {
		curve[k] = math.Exp(v - top)
		switch {
		case !finite(curve[k]):
			curve[k] = math.NaN()
		case k == 0 || k == len(curve)-1:
			total += curve[k] / 2
		default:
			total += curve[k]
		}
	}
	if total *= step; !(total > 0) || math.IsInf(top, -1) {
		return nil, nil
	}
	for k := range curve {
		curve[k] /= total
	}
	return curve, nil
}

// bars draws a histogram of the given heights from the bottom of a frame.
func (s *sheet) bars(in frame, heights []float64) {
	bottom := float64(in.bottom)
	edge := func(i int) float64 {
		return float64(in.left) + float64(in.right-in.left)*float64(i)/float64(len(heights))
	}
	// One outline for all bars: bars of their own would show seams between them.
	outline := [][2]float64{{edge(0), bottom}}
	for i, h := range heights {
		top := in.down(min(h, in.y.hi))
		outline = append(outline, [2]float64{edge(i), top}, [2]float64{edge(i + 1), top})
	}
	outline = append(outline, [2]float64{edge(len(heights)), bottom})
	s.fill(barColour, outline...)
	s.stroke(shades[5], 0.5, outline...)
}

// curve draws values at even places of a frame, in pieces between gaps, cut at the top.
func (s *sheet) curve(in frame, values []float64) {
	var piece [][2]float64
	flush := func() {
		if len(piece) > 1 {
			s.stroke(onShade, curveWidth, piece...)
		}
		piece = nil
	}
	for k, v := range values {
		if math.IsNaN(v) {
			flush()
			continue
		}
		x := float64(in.left) + float64(in.right-in.left)*float64(k)/float64(len(values)-1)
		piece = append(piece, [2]float64{x, in.down(min(v, in.y.hi))})
	}
	flush()
}
