package figure

import (
	"fmt"
	"io"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/lanes"
)

// Screen says what a terminal can show. The zero value is 80 by 24 characters of UTF-8 without colour.
type Screen struct {
	// Columns and Rows are the size of the terminal in characters; 0 is 80 and 24. The picture takes at
	// most 20 rows.
	Columns, Rows int
	// ASCII asks for characters that every terminal has.
	ASCII bool
	// Colour asks for the 256 colours of terminals, by escape sequences.
	Colour bool
}

const (
	mostRows  = 20
	leastRows = 8
	leastWide = 30
)

// Terminal writes a small picture of the draws to w, in lines of text: a histogram of one coordinate, else the
// plane of the first two, with equal scales unless one range is more than three times the other.
//
// Names are those of the coordinates; a missing or empty one is x0, x1, ... Draws that are not finite are left
// out, the axes come from the bulk of the others, and the last line counts both what is shown and what is not.
// No draws give that line alone. The only errors are those of w.
func Terminal(w io.Writer, draws *lanes.Block, names []string, screen Screen) error {
	if screen.Columns <= 0 {
		screen.Columns = 80
	}
	if screen.Rows <= 0 {
		screen.Rows = 24
	}
	rows := min(max(screen.Rows-4, leastRows), mostRows)
	columns := max(screen.Columns, leastWide) - 1 // the last column makes some terminals wrap
	if draws == nil || draws.Dim() == 0 || draws.Len() == 0 {
		_, err := fmt.Fprintln(w, "no draws to show")
		return err
	}
	c := newCloud(draws, draws.Dim(), min(draws.Dim(), 2), names, 0.01)
	var lines []string
	switch {
	case c.finite() == 0:
		lines = []string{"no draw to show: " + strings.Join(c.notes(), ", ")}
	case len(c.columns) == 1:
		lines = barPicture(c, columns, rows, screen)
	default:
		lines = planePicture(c, columns, rows, screen)
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(strings.TrimRight(line, " "))
		text.WriteByte('\n')
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// border is the characters of the axes.
type border struct{ tick, side, corner, base string }

func (s Screen) border() border {
	if s.ASCII {
		return border{"-|", " |", " +", "-"}
	}
	return border{"─┤", " │", " └", "─"}
}

// framed puts axes to a picture of lines, each of so many cells: ends and names beside and below it.
func framed(picture []string, cells int, x, y [2]string, xName, yName string, screen Screen) []string {
	b := screen.border()
	yName = cut(yName, 10)
	gutter := max(len(x[0])/2-1, len(y[0]), len(y[1]), len([]rune(yName)))
	lines := make([]string, 0, len(picture)+3)
	for i, row := range picture {
		label, side := "", b.side
		switch i {
		case 0:
			label, side = y[1], b.tick
		case len(picture) - 1:
			label, side = y[0], b.tick
		case len(picture) / 2:
			label = yName
		}
		lines = append(lines, padLeft(label, gutter)+" "+side+row)
	}
	indent := strings.Repeat(" ", gutter+1)
	lines = append(lines, indent+b.corner+strings.Repeat(b.base, cells))
	room := cells - len(x[0]) - len(x[1])
	name := cut(xName, max(room-2, 0))
	left := max((room-len([]rune(name)))/2, 1)
	right := max(room-left-len([]rune(name)), 1)
	return append(lines, indent+"  "+x[0]+strings.Repeat(" ", left)+name+strings.Repeat(" ", right)+x[1])
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(width-len([]rune(s)), 0)) + s
}

// caption says what a picture shows, in lines of at most so many characters.
func (c *cloud) caption(columns int, remarks ...string) []string {
	parts := append([]string{spelling.Counted(c.total, "draw")}, c.notes()...)
	parts = append(parts, remarks...)
	var lines []string
	line := parts[0]
	for _, part := range parts[1:] {
		if len([]rune(line))+2+len([]rune(part)) > columns {
			lines = append(lines, line+",")
			line = part
			continue
		}
		line += ", " + part
	}
	return append(lines, line)
}
