package figure

import (
	"math"

	"github.com/scorefield/infer/internal/spelling"
)

// mostBars is the number of bars of a histogram in a terminal.
const mostBars = 60

// eighths are bars of one to eight eighths of a cell.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// barPicture shows one coordinate as a histogram of at most so many columns and rows.
func barPicture(c *cloud, columns, rows int, screen Screen) []string {
	x := c.windows[0]
	xLow, xHigh := x.ends()
	const gutter = 12
	most := min(mostBars, columns-gutter)
	counts, _ := x.histogram(c.columns[0], most)
	width := max(most/len(counts), 1)
	highest := 1
	for _, n := range counts {
		highest = max(highest, n)
	}
	high := min(max(rows-3, 4), 12)
	picture := make([]string, high)
	for line := range high {
		var row painter
		for _, n := range counts {
			character, hue := ' ', 0
			// Eighths of this cell that the bar fills.
			filled := float64(float64(n)/float64(highest)*float64(high*8)) - float64((high-1-line)*8)
			if part := min(int(math.Round(filled)), 8); part > 0 {
				character = eighths[part]
			} else if n > 0 && line == high-1 {
				character = eighths[1] // one draw is seen
			}
			if character != ' ' && screen.ASCII {
				character = '#'
				if filled < 4 {
					character = '.'
				}
			}
			if screen.Colour {
				hue = hues[4]
			}
			for range width {
				row.put(character, hue)
			}
		}
		picture[line] = row.line()
	}
	y := [2]string{"0", spelling.Grouped(highest)}
	text := framed(picture, width*len(counts), [2]string{xLow, xHigh}, y, c.names[0], "draws", screen)
	return append(text, c.caption(columns, spelling.Counted(len(counts), "bin"))...)
}
