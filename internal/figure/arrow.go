package figure

import (
	"image/color"
	"math"
	"slices"
	"strconv"

	"github.com/scorefield/infer/internal/spelling"
)

// grid is regular places of the plane, the middles of nx by ny cells of the windows, row by row from the lowest y.
type grid struct {
	x, y   window
	nx, ny int
}

// mostArrows is the number of cells along the longer side of a frame.
const mostArrows = 25

// newGrid has cells that are square in a frame whose height is ratio times its width.
func newGrid(x, y window, ratio float64) grid {
	g := grid{x, y, mostArrows, mostArrows}
	if ratio < 1 {
		g.ny = max(int(math.Round(mostArrows*ratio)), 1)
	} else {
		g.nx = max(int(math.Round(mostArrows/ratio)), 1)
	}
	return g
}

// at is coordinate j of place k.
func (g grid) at(k, j int) float64 {
	w, i, count := g.x, k%g.nx, g.nx
	if j == 1 {
		w, i, count = g.y, k/g.nx, g.ny
	}
	return w.lo + w.width()*((float64(i)+0.5)/float64(count))
}

// arrowScale turns the norm of a vector into the look of its arrow.
type arrowScale struct {
	longest float64 // the norm of the longest arrow; 0 if there is no vector but 0
}

const (
	// The longest arrow goes with the largest norm, but with at most so many times the norm that this share of
	// the vectors does not exceed: a pole does not shrink the others to dots.
	usual     = 0.95
	mostUsual = 2
)

// scaleOf is one scale for all panels.
func scaleOf(panels []panel) arrowScale {
	var norms []float64
	for _, p := range panels {
		for _, norm := range p.norms {
			if finite(norm) {
				norms = append(norms, norm)
			}
		}
	}
	if len(norms) == 0 {
		return arrowScale{}
	}
	slices.Sort(norms)
	last := len(norms) - 1
	longest := norms[last]
	if common := norms[int(usual*float64(last))]; common > 0 {
		longest = min(longest, mostUsual*common)
	}
	return arrowScale{longest}
}

// at is the length of an arrow, of which the longest has 1: the square root of its norm on this scale.
func (a arrowScale) at(norm float64) float64 {
	if norm == 0 {
		return 0
	}
	return min(math.Sqrt(norm/a.longest), 1)
}

// note explains the scale, and counts the arrows of panels that go beyond it.
func (a arrowScale) note(panels []panel) string {
	if a.longest == 0 {
		return "no vector is longer than 0"
	}
	text := "arrows: length and colour by the square root of the norm, the longest " + digits(a.longest)
	beyond := 0
	for _, p := range panels {
		for _, norm := range p.norms {
			if norm > a.longest {
				beyond++
			}
		}
	}
	if beyond > 0 {
		text += " (" + spelling.Grouped(beyond) + " cut to it)"
	}
	return text
}

// ticks of the scale's colour bar: 0 and round norms downwards, as far as they do not touch.
func (a arrowScale) ticks() []tick {
	const apart = 0.055
	ticks := []tick{{0, "0"}}
	last := 2.0
	for power := exponent(a.longest); power > -400; power-- {
		for _, factor := range []string{"5", "2", "1"} {
			norm, err := strconv.ParseFloat(factor+"e"+strconv.Itoa(power), 64)
			if err != nil || norm > a.longest {
				continue
			}
			at := a.at(norm)
			if at < 2*apart {
				return typeset(ticks)
			}
			if last-at >= apart {
				ticks = append(ticks, tick{at, number(norm, norm, power)})
				last = at
			}
		}
	}
	return typeset(ticks)
}

// arrowShade is the colour of an arrow: on white the shortest are seen, too.
func arrowShade(t float64) color.RGBA { return shade(0.4 + 0.6*t) }

// arrows draws the vectors of a trail over a grid in a frame.
func (s *sheet) arrows(in frame, g grid, t *trail, scale arrowScale) {
	wide, high := float64(in.right-in.left), float64(in.bottom-in.top)
	cell := min(wide/float64(g.nx), high/float64(g.ny))
	for k, norm := range t.norms {
		if math.IsNaN(norm) {
			continue
		}
		x, y := in.across(g.at(k, 0)), in.down(g.at(k, 1))
		length := 0.94 * cell * scale.at(norm)
		if length < leastArrow {
			s.fill(arrowShade(0), circle(x, y, leastArrow/2, 12)...)
			continue
		}
		dx, dy := in.direction(t.x[k]/norm, t.y[k]/norm)
		s.fill(arrowShade(scale.at(norm)), arrow(x, y, dx, dy, length, cell)...)
	}
}

// direction is where a unit vector points in a frame, a unit vector of pixels downwards.
func (f frame) direction(x, y float64) (dx, dy float64) {
	// Pixels of a unit of y for each of x. One too far from 1 is of no use.
	stretched := y * (float64(f.bottom-f.top) / float64(f.right-f.left)) / (f.y.width() / f.x.width())
	if size := math.Hypot(x, stretched); size > 0 && finite(size) {
		return x / size, -stretched / size
	}
	return x, -y
}

// leastArrow is the length in pixels below which an arrow is a dot of this diameter.
const leastArrow = 3.5

// arrow is the outline of an arrow whose middle is at (x, y) and whose direction is the unit vector (dx, dy), all
// in pixels downwards, in a cell of the given size. A short arrow is a small picture of a long one.
func arrow(x, y, dx, dy, length, cell float64) [][2]float64 {
	size := min(length, 0.6*cell)
	head, wing, shaft := 0.55*size, 0.25*size, 0.07*size
	at := func(along, aside float64) [2]float64 {
		along -= length / 2
		return [2]float64{x + along*dx - aside*dy, y + along*dy + aside*dx}
	}
	neck := length - head
	return [][2]float64{
		at(0, -shaft), at(neck, -shaft), at(neck-0.1*size, -wing), at(length, 0),
		at(neck-0.1*size, wing), at(neck, shaft), at(0, shaft),
	}
}
