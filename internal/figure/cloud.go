package figure

import (
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/lanes"
)

// cloud is the draws as a picture shows them: some coordinates of the draws that are finite in these.
type cloud struct {
	columns [][]float64 // a slice for each coordinate shown, all of one length
	windows []window    // for each coordinate shown
	names   []string    // for each coordinate shown
	dim     int         // coordinates that a draw has
	total   int         // draws given
	outside int         // finite draws that lie outside a window
	broken  int         // draws with NaN or an infinity in a coordinate shown
}

// newCloud takes the first shown coordinates of the draws, and windows with some room at both ends. A block
// without coordinates has no draws.
func newCloud(draws *lanes.Block, dim, shown int, names []string, margin float64) *cloud {
	c := &cloud{dim: dim, columns: make([][]float64, shown)}
	for j := range shown {
		c.names = append(c.names, nameOf(names, j))
	}
	if draws.Dim() > 0 {
		c.total = draws.Len()
		for j := range shown {
			c.columns[j] = draws.Row(j)[:c.total]
		}
	}
	c.dropBroken()
	for _, column := range c.columns {
		c.windows = append(c.windows, windowOf(column, margin))
	}
	for i := range c.finite() {
		if !c.inside(i) {
			c.outside++
		}
	}
	return c
}

// dropBroken leaves out draws that are not finite. It copies only if there are some.
func (c *cloud) dropBroken() {
	finite := func(i int) bool {
		for _, column := range c.columns {
			if math.IsNaN(column[i]) || math.IsInf(column[i], 0) {
				return false
			}
		}
		return true
	}
	for i := range c.total {
		if !finite(i) {
			c.broken++
		}
	}
	if c.broken == 0 {
		return
	}
	kept := make([][]float64, len(c.columns))
	for i := range c.total {
		if finite(i) {
			for j, column := range c.columns {
				kept[j] = append(kept[j], column[i])
			}
		}
	}
	c.columns = kept
}

// finite is the number of draws kept.
func (c *cloud) finite() int { return len(c.columns[0]) }

// inside tells whether kept draw i lies in every window.
func (c *cloud) inside(i int) bool {
	for j, column := range c.columns {
		if !c.windows[j].contains(column[i]) {
			return false
		}
	}
	return true
}

// notes are the remarks on draws that the picture does not show; ASCII only.
func (c *cloud) notes() []string {
	var notes []string
	if c.outside > 0 {
		notes = append(notes, spelling.Grouped(c.outside)+" outside the axes")
	}
	if c.broken > 0 {
		notes = append(notes, spelling.Grouped(c.broken)+" not finite")
	}
	return notes
}

// nameOf is the name of coordinate j, safe to print.
func nameOf(names []string, j int) string {
	if j < len(names) {
		if name := cut(printable(names[j]), 24); name != "" {
			return name
		}
	}
	return fmt.Sprintf("x%d", j)
}

// printable replaces what would break a line, a terminal or an XML file by spaces.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " ")))
}

// cut shortens s to at most length characters, of which two full stops are the last.
func cut(s string, length int) string {
	runes := []rune(s)
	if len(runes) <= length {
		return s
	}
	return string(runes[:max(length-2, 0)]) + ".."
}

// ofAll is a part of a number of things: 3 of 625.
func ofAll(n, all int) string { return spelling.Grouped(n) + " of " + spelling.Grouped(all) }
