// Package figure draws pictures: draws in a terminal ([Terminal]) and for a paper ([Plot]), a score of the plane
// as arrows, beside the true one with the error ([Field]), curves such as losses and noise levels ([Curve]), and images
// in a grid ([Sheet]) and under noise ([Levels]).
//
// Pictures with axes take them from the bulk of what they show, so that one far draw does not squeeze the rest into a
// point, and say how much lies outside and how much is not finite. The same inputs give the same bytes.
//
// A figure for a paper has 300 dots an inch and is 1600 pixels wide, or 2400 if it has panels in a row. What is
// made of very many marks (the shading of a density, the draws) is one raster image in every format, at that
// resolution; axes, arrows, curves and text are vectors where the format has them. Draws of one coordinate are
// shown as a histogram, of two as a plane, of more as pairs of the first four.
//
// The files: figure.go is the way in, cloud.go and window.go choose what is shown and on which axes,
// terminal.go, stipple.go and bars.go make text. plane.go (with relief.go, the shading), line.go and pairs.go lay
// out draws on a sheet, field.go (with trail.go, scores at places and their error, and arrow.go) a field, curve.go
// (with trace.go, one of them) curves, tiles.go (and mosaic.go, in a terminal) images, levels.go images under noise.
// sheet.go has text and lines, frame.go axes, number.go ticks, raster.go pixels, and encode.go writes the sheet.
package figure

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
)

// Spec says what a figure shows.
type Spec struct {
	// Title stands above the figure; it may be empty. What does not fit is cut.
	Title string
	// Names of the coordinates; a missing or empty one is x0, x1, ...
	Names []string
	// Draws are the points shown, at most 10,000 of them as single marks; nil is none.
	Draws *lanes.Block
	// Density is drawn under the draws if the points have one or two coordinates; nil is none. It is
	// evaluated at some hundred thousand points of the plane, or two thousand of the line.
	Density density.Density
}

// Plot writes the figure of spec to w. The format is one of [Formats].
//
// Of two coordinates the plane is shown with equal scales (unless one range is more than three times the
// other), shaded by log p below its maximum, down to the level above which 99.9 % of the mass lies; of one the
// histogram and the density, both normalised on the plotted range, the density by the trapezoidal rule; of more
// the pairs of the first four, without density. Points where log p is NaN or +Inf are left blank. A PDF file
// writes ASCII only, other characters as question marks.
//
// An unknown format, a density of another dimension than the draws, a cancelled ctx, and what the density
// or w return are errors. Nothing is written to w before the figure is complete.
func Plot(ctx context.Context, w io.Writer, format string, spec Spec) error {
	encode, err := encoderOf(format)
	if err != nil {
		return err
	}
	s, err := layout(ctx, spec)
	if err != nil {
		return err
	}
	return encode(w, s)
}

// layout is the figure of spec before it is written.
func layout(ctx context.Context, spec Spec) (*sheet, error) {
	draws := spec.Draws
	if draws == nil {
		draws = lanes.New(0, 0)
	}
	dim := draws.Dim()
	if dim == 0 && spec.Density != nil {
		dim = spec.Density.Dim()
	}
	if spec.Density != nil && spec.Density.Dim() != dim {
		return nil, fmt.Errorf("the density has dimension %d and the draws %d: they have to be the same", spec.Density.Dim(), dim)
	}
	if dim < 1 {
		return nil, fmt.Errorf("a figure of points with %d coordinates: there have to be 1 or more", dim)
	}
	margin := 0.04
	if spec.Density != nil {
		margin = 0.06 // the tails of the density are seen
	}
	cloud := newCloud(draws, dim, min(dim, mostPairs), spec.Names, margin)
	switch dim {
	case 1:
		return line(ctx, cloud, spec)
	case 2:
		return plane(ctx, cloud, spec)
	default:
		return pairs(cloud, spec.Title), nil
	}
}

// encoderOf is the way to write a format.
func encoderOf(format string) (encoder, error) {
	if encode, ok := encoders[strings.ToLower(format)]; ok {
		return encode, nil
	}
	return nil, fmt.Errorf("figure format %q is not known: use %s", format, list(Formats()))
}

// Formats lists the formats of figures.
func Formats() []string { return []string{"png", "svg", "pdf"} }

// FormatOf is the format that the suffix of a path names. Another suffix is an error that lists the formats.
func FormatOf(path string) (string, error) {
	suffix := filepath.Ext(path)
	format := strings.ToLower(strings.TrimPrefix(suffix, "."))
	if _, ok := encoders[format]; ok {
		return format, nil
	}
	if suffix == "" {
		return "", fmt.Errorf("figure %q has no suffix that names its format: end it in %s", path, list(Formats()))
	}
	return "", fmt.Errorf("figure %q ends in %q, which is no known format: end it in %s", path, suffix, list(Formats()))
}

// list writes formats as suffixes in a sentence: .a, .b or .c.
func list(formats []string) string {
	last := len(formats) - 1
	return "." + strings.Join(formats[:last], ", .") + " or ." + formats[last]
}
