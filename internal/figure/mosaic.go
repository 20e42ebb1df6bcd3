package figure

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
)

// mostCells is the width of an image in a terminal, in characters, beyond which it is shown smaller.
const mostCells = 20

// grays are the colours of the 256 from black to white: 16, the ramp from 232 to 255, 231.
var grays = func() []int {
	ramp := []int{16}
	for hue := 232; hue <= 255; hue++ {
		ramp = append(ramp, hue)
	}
	return append(ramp, 231)
}()

// WriteTerminal writes the first images of the sheet as lines of text, as many as fit, and a line that counts them. With colour
// a character is two pixels above each other in shades of gray; without, it is two by four dots, lit as densely as the
// image is bright, or in ASCII a character with as much ink.
func (s Sheet) WriteTerminal(w io.Writer, screen Screen) error {
	if err := s.check(); err != nil {
		return err
	}
	if screen.Columns <= 0 {
		screen.Columns = 80
	}
	if screen.Rows <= 0 {
		screen.Rows = 24
	}
	// A cell is as wide as two dots and as high as four, at first one pixel each.
	dot := (s.Width + dotsAcross*mostCells - 1) / (dotsAcross * mostCells)
	cells, lines := (s.Width+dotsAcross*dot-1)/(dotsAcross*dot), (s.Height+dotsDown*dot-1)/(dotsDown*dot)
	across := min(max((max(screen.Columns, leastWide)-1)/(cells+1), 1), s.columns(len(s.Images)))
	if s.Columns == 0 { // no order of rows to keep: fill the lines
		across = min(max((max(screen.Columns, leastWide)-1)/(cells+1), 1), len(s.Images))
	}
	down := min(max(min(max(screen.Rows-4, leastRows), mostRows)/(lines+1), 1), (len(s.Images)+s.step(across)-1)/s.step(across))
	var text strings.Builder
	shown := 0
	for row := range down {
		pictures := make([][]string, 0, across)
		for column := range across {
			if i := row*s.step(across) + column; i < len(s.Images) && s.Images[i] != nil {
				pictures = append(pictures, s.cells(s.Images[i], dot, cells, lines, screen))
				shown++
			}
		}
		for line := range lines {
			var parts []string
			for _, picture := range pictures {
				parts = append(parts, picture[line])
			}
			text.WriteString(strings.TrimRight(strings.Join(parts, " "), " ") + "\n")
		}
		text.WriteByte('\n')
	}
	all := 0
	for _, pixels := range s.Images {
		if pixels != nil {
			all++
		}
	}
	if shown < all {
		fmt.Fprintf(&text, "%s of %s\n", spelling.Grouped(shown), spelling.Counted(all, "image"))
	} else {
		fmt.Fprintln(&text, spelling.Counted(all, "image"))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// step is the number of images of a row of the sheet, of which a terminal may show fewer.
func (s Sheet) step(across int) int {
	if s.Columns == 0 {
		return across
	}
	return s.columns(len(s.Images))
}

// cells is an image as so many lines of so many characters.
func (s Sheet) cells(pixels []float64, dot, cells, lines int, screen Screen) []string {
	switch {
	case screen.Colour && !screen.ASCII:
		// Two gray blocks a cell: each a square of as many pixels as two by two dots have.
		blocks := s.averaged(pixels, dot*dotsAcross, cells, 2*lines)
		picture := make([]string, lines)
		for line := range lines {
			var row strings.Builder
			for cell := range cells {
				upper, lower := grayHue(blocks.at(cell, 2*line)), grayHue(blocks.at(cell, 2*line+1))
				fmt.Fprintf(&row, "\x1b[38;5;%d;48;5;%dm▀", upper, lower)
			}
			picture[line] = row.String() + "\x1b[0m"
		}
		return picture
	case screen.ASCII:
		blocks := s.averaged(pixels, dot*dotsAcross, cells, 2*lines)
		picture := make([]string, lines)
		for line := range lines {
			row := make([]byte, cells)
			for cell := range cells {
				t := (blocks.at(cell, 2*line) + blocks.at(cell, 2*line+1)) / 2
				row[cell] = ramp[min(int(t*float64(len(ramp))), len(ramp)-1)]
			}
			picture[line] = string(row)
		}
		return picture
	}
	g := s.averaged(pixels, dot, cells*dotsAcross, lines*dotsDown)
	return g.dots(cells, lines, g.lit(), nil)
}

func grayHue(t float64) int { return grays[min(int(t*float64(len(grays))), len(grays)-1)] }

// averaged is the mean brightness of squares of pixels with the given side, so many across and down. What lies beyond the image
// is black, what is not finite too.
func (s Sheet) averaged(pixels []float64, side, across, down int) counts {
	g := counts{across, down, make([]float64, across*down)}
	for y := range s.Height {
		for x := range s.Width {
			if v := pixels[y*s.Width+x]; !math.IsNaN(v) {
				g.add(x/side, y/side, clip(v)/float64(side*side))
			}
		}
	}
	return g
}
