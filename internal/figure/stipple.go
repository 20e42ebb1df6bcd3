package figure

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
)

// A cell of a terminal holds two by four dots of braille, so dots are about as high as wide.
const (
	dotsAcross = 2
	dotsDown   = 4
)

// braille[y][x] is the bit of a dot in a character of U+2800.
var braille = [dotsDown][dotsAcross]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// ramp is the shades of ASCII, from none to most ink.
const ramp = " .:-=+*#%@"

// hues are colours of the 256 from few to many draws, readable on dark and on light ground.
var hues = []int{60, 61, 62, 99, 98, 134, 169, 168, 204, 209, 215, 221}

// counts is how many draws fall on each dot, row by row from the top.
type counts struct {
	wide, high int
	n          []float64
}

func (g counts) at(x, y int) float64 {
	if x < 0 || y < 0 || x >= g.wide || y >= g.high {
		return 0
	}
	return g.n[y*g.wide+x]
}

// planePicture shows two coordinates as dots, as dense as the draws, in at most so many columns and rows.
func planePicture(c *cloud, columns, rows int, screen Screen) []string {
	x, y := c.windows[0], c.windows[1]
	xLow, xHigh := x.ends()
	yLow, yHigh := y.ends()
	gutter := max(len(xLow)/2, len(yLow), len(yHigh), len([]rune(cut(c.names[1], 10)))) + 3
	wide, high := max(columns-gutter, 10), max(rows-3, 4)
	cells, lines := wide, high
	var remarks []string
	if c.dim > 2 {
		remarks = append(remarks, "the first 2 of "+spelling.Grouped(c.dim)+" coordinates")
	}
	if ratio := y.width() / x.width(); ratio > mostUnequal || ratio < 1.0/mostUnequal {
		cells = min(wide, high*3)
		remarks = append(remarks, "x and y scales differ")
	} else {
		// Equal scales: a cell is twice as high as wide. Windows grow to whole cells.
		dot := max(x.width()/float64(dotsAcross*wide), y.width()/float64(dotsDown*high))
		cells = min(int(math.Ceil(x.width()/dot/dotsAcross-1e-9)), wide)
		lines = min(int(math.Ceil(y.width()/dot/dotsDown-1e-9)), high)
		x, y = x.scaled(dot*float64(dotsAcross*cells)), y.scaled(dot*float64(dotsDown*lines))
		xLow, xHigh = x.ends()
		yLow, yHigh = y.ends()
	}
	g := counts{wide: dotsAcross * cells, high: dotsDown * lines}
	g.n = make([]float64, g.wide*g.high)
	for i, v := range c.columns[0] {
		if u := c.columns[1][i]; c.inside(i) {
			g.n[(g.high-1-y.bin(u, g.high))*g.wide+x.bin(v, g.wide)]++
		}
	}
	var picture []string
	switch {
	case screen.ASCII:
		picture = g.shades(cells, lines, screen.Colour)
	case screen.Colour:
		picture = g.coloured(cells, lines)
	default:
		picture = g.stippled(cells, lines)
	}
	text := framed(picture, cells, [2]string{xLow, xHigh}, [2]string{yLow, yHigh}, c.names[0], c.names[1], screen)
	return append(text, c.caption(columns, remarks...)...)
}

// dense is a count that 97 % of the dots with draws do not exceed: full ink.
func (g counts) dense() float64 {
	var some []float64
	for _, n := range g.n {
		if n > 0 {
			some = append(some, n)
		}
	}
	if len(some) == 0 {
		return 1
	}
	slices.Sort(some)
	return some[(len(some)-1)*97/100]
}

// smooth is the counts averaged with their neighbours by 1 2 1 in both directions.
func (g counts) smooth() counts {
	s := counts{g.wide, g.high, make([]float64, len(g.n))}
	for y := range g.high {
		for x := range g.wide {
			sum := 4 * g.at(x, y)
			sum += 2 * (g.at(x-1, y) + g.at(x+1, y) + g.at(x, y-1) + g.at(x, y+1))
			sum += g.at(x-1, y-1) + g.at(x+1, y-1) + g.at(x-1, y+1) + g.at(x+1, y+1)
			s.n[y*g.wide+x] = sum / 16
		}
	}
	return s
}

// stippled shows counts without colour: the ink of a region is the root of its density, so that thin tails
// are seen beside a dense middle. The error of each dot is handed to its neighbours (Floyd and Steinberg,
// 1976), rows running to and fro. Few draws are one dot each.
func (g counts) stippled(cells, lines int) []string {
	if g.dense() <= 2 {
		lit := make([]bool, len(g.n))
		for i, n := range g.n {
			lit[i] = n > 0
		}
		return g.dots(cells, lines, lit, nil)
	}
	s := g.smooth()
	full := s.dense()
	ink := counts{g.wide, g.high, make([]float64, len(g.n))}
	for i, n := range s.n {
		ink.n[i] = min(math.Sqrt(n/full), 1)
	}
	return ink.dots(cells, lines, ink.lit(), nil)
}

// lit is which dots are lit where the counts are ink, from 0 to 1, which are used up.
func (g counts) lit() []bool {
	lit := make([]bool, len(g.n))
	for y := range g.high {
		for k := range g.wide {
			x, ahead := k, 1
			if y%2 == 1 {
				x, ahead = g.wide-1-k, -1
			}
			rest := g.at(x, y)
			if rest > 0.5 {
				lit[y*g.wide+x] = true
				rest--
			}
			g.add(x+ahead, y, float64(rest*7/16))
			g.add(x-ahead, y+1, float64(rest*3/16))
			g.add(x, y+1, float64(rest*5/16))
			g.add(x+ahead, y+1, float64(rest*1/16))
		}
	}
	return lit
}

func (g counts) add(x, y int, v float64) {
	if x >= 0 && x < g.wide && y < g.high {
		g.n[y*g.wide+x] += v
	}
}

// coloured shows a dot wherever a draw is, and how many there are by the colour of the cell.
func (g counts) coloured(cells, lines int) []string {
	lit := make([]bool, len(g.n))
	for i, n := range g.n {
		lit[i] = n > 0
	}
	s := g.smooth()
	full := max(s.dense(), 1)
	hue := func(cell, line int) int {
		most := 0.0
		for y := range dotsDown {
			for x := range dotsAcross {
				most = max(most, s.at(cell*dotsAcross+x, line*dotsDown+y))
			}
		}
		return hueOf(math.Sqrt(most / full))
	}
	return g.dots(cells, lines, lit, hue)
}

func hueOf(t float64) int { return hues[min(int(t*float64(len(hues))), len(hues)-1)] }

// dots turns lit dots into characters, coloured by hue if it is not nil.
func (g counts) dots(cells, lines int, lit []bool, hue func(cell, line int) int) []string {
	picture := make([]string, lines)
	for line := range lines {
		var row painter
		for cell := range cells {
			character := rune(0)
			for y := range dotsDown {
				for x := range dotsAcross {
					if lit[(line*dotsDown+y)*g.wide+cell*dotsAcross+x] {
						character |= braille[y][x]
					}
				}
			}
			switch {
			case character == 0:
				row.put(' ', 0)
			case hue == nil:
				row.put(0x2800+character, 0)
			default:
				row.put(0x2800+character, hue(cell, line))
			}
		}
		picture[line] = row.line()
	}
	return picture
}

// shades shows counts by characters of more or less ink, one a cell.
func (g counts) shades(cells, lines int, colour bool) []string {
	c := counts{cells, lines, make([]float64, cells*lines)}
	for y := range g.high {
		for x := range g.wide {
			c.add(x/dotsAcross, y/dotsDown, g.at(x, y))
		}
	}
	full := max(c.dense(), 4) // a single draw is no black blot
	picture := make([]string, lines)
	for line := range lines {
		var row painter
		for cell := range cells {
			n := c.at(cell, line)
			if n == 0 {
				row.put(' ', 0)
				continue
			}
			t := math.Sqrt(n / full)
			shade := min(max(int(t*float64(len(ramp))), 1), len(ramp)-1)
			if colour {
				row.put(rune(ramp[shade]), hueOf(t))
			} else {
				row.put(rune(ramp[shade]), 0)
			}
		}
		picture[line] = row.line()
	}
	return picture
}

// painter writes characters of one line and changes colour only where it has to.
type painter struct {
	text strings.Builder
	hue  int // of the last character; 0 is the terminal's own
}

// put adds a character in a colour of the 256, or in the terminal's own if hue is 0. Blanks keep the colour.
func (p *painter) put(character rune, hue int) {
	if character != ' ' && hue != p.hue {
		if hue == 0 {
			p.text.WriteString("\x1b[0m")
		} else {
			p.text.WriteString("\x1b[38;5;" + strconv.Itoa(hue) + "m")
		}
		p.hue = hue
	}
	p.text.WriteRune(character)
}

// line is what was written; the colour ends with its last character that is no blank.
func (p *painter) line() string {
	if p.hue == 0 {
		return p.text.String()
	}
	text := strings.TrimRight(p.text.String(), " ")
	return text + "\x1b[0m"
}
