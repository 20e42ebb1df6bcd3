package figure

import (
	"bytes"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/scorefield/infer/lanes"
)

var update = flag.Bool("update", false, "write the golden pictures instead of comparing with them")

func picture(t *testing.T, draws *lanes.Block, names []string, screen Screen) string {
	t.Helper()
	var text bytes.Buffer
	if err := Terminal(&text, draws, names, screen); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestTerminalPicturesAreTheGoldenOnes(t *testing.T) {
	far := heap(2000, 1)
	far.Row(0)[7], far.Row(0)[8], far.Row(0)[9] = 1e9, math.NaN(), math.Inf(-1)
	stretched := heap(3000, 2)
	for i := range 3000 {
		stretched.Row(1)[i] *= 1000
	}
	cases := []struct {
		name   string
		draws  *lanes.Block
		names  []string
		screen Screen
	}{
		{"ring", wheel(10_000), nil, Screen{}},
		{"ring-ascii", wheel(10_000), nil, Screen{ASCII: true}},
		{"ring-colour", wheel(10_000), nil, Screen{Colour: true}},
		{"ring-ascii-colour", wheel(10_000), nil, Screen{ASCII: true, Colour: true}},
		{"ring-small", wheel(10_000), nil, Screen{Columns: 40, Rows: 15}},
		{"ring-of-few", wheel(40), []string{"alpha"}, Screen{}},
		{"heap", heap(10_000, 5), []string{"mass", "a long name of a coordinate"}, Screen{}},
		{"stretched", stretched, nil, Screen{}},
		{"histogram", heap(10_000, 1), []string{"height"}, Screen{}},
		{"histogram-ascii", heap(10_000, 1), nil, Screen{ASCII: true}},
		{"histogram-far", far, nil, Screen{Colour: true}},
		{"point", block(t, []float64{1, 2}), nil, Screen{}},
		{"constant", block(t, []float64{5}, []float64{5}, []float64{5}), nil, Screen{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := picture(t, c.draws, c.names, c.screen)
			path := filepath.Join("testdata", c.name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("picture:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// dotsOf turns a picture in braille back into dots: x from the left, y from the top.
func dotsOf(text string) (dots [][2]int) {
	for line, row := range strings.Split(text, "\n") {
		for cell, character := range []rune(row) {
			if character < 0x2800 || character > 0x28ff {
				continue
			}
			for y := range dotsDown {
				for x := range dotsAcross {
					if (character-0x2800)&braille[y][x] != 0 {
						dots = append(dots, [2]int{cell*dotsAcross + x, line*dotsDown + y})
					}
				}
			}
		}
	}
	return dots
}

func TestTerminalRingIsRoundAndEmptyInside(t *testing.T) {
	dots := dotsOf(picture(t, donut(10_000), nil, Screen{}))
	var x, y float64
	for _, d := range dots {
		x += float64(d[0]) / float64(len(dots))
		y += float64(d[1]) / float64(len(dots))
	}
	least, most, sum := math.Inf(1), 0.0, 0.0
	sectors := map[int]int{}
	for _, d := range dots {
		r := math.Hypot(float64(d[0])-x, float64(d[1])-y)
		least, most, sum = min(least, r), max(most, r), sum+r
		sectors[int(math.Atan2(float64(d[1])-y, float64(d[0])-x)/math.Pi*8+8)]++
	}
	mean := sum / float64(len(dots))
	t.Logf("%d dots, radius %.1f in %.1f..%.1f, %d of 16 sectors", len(dots), mean, least, most, len(sectors))
	if mean < 25 || least < 0.75*mean || most > 1.25*mean || len(sectors) < 16 {
		t.Errorf("this is no ring")
	}
}

func TestTerminalHasLargeXRightAndLargeYUp(t *testing.T) {
	text := picture(t, block(t, []float64{0, 0}, []float64{1, 0}, []float64{1, 1}), nil, Screen{ASCII: true})
	lines := strings.Split(text, "\n")
	top, bottom := lines[0], lines[16]
	if strings.Count(top, "+") != 1 || strings.Count(bottom, "+") != 2 || strings.Index(top, "+") != strings.LastIndex(bottom, "+") {
		t.Errorf("draws at (0, 0), (1, 0) and (1, 1):\n%s", text)
	}
}

func TestTerminalShowsEveryOneOfFewDraws(t *testing.T) {
	draws := block(t, []float64{0, 0}, []float64{1, 0}, []float64{0, 1}, []float64{1, 1}, []float64{0.5, 0.5})
	if dots := dotsOf(picture(t, draws, nil, Screen{})); len(dots) != 5 {
		t.Errorf("%d dots for 5 draws: %v", len(dots), dots)
	}
}

func TestTerminalPicturesFitTheScreen(t *testing.T) {
	escape := regexp.MustCompile("\x1b\\[[0-9;]*m")
	broken := donut(500)
	broken.Row(0)[3], broken.Row(1)[4], broken.Row(0)[5] = math.NaN(), 1e300, -math.MaxFloat64
	wide := heap(1000, 2)
	for i := range 1000 {
		wide.Row(0)[i] *= 2.9e-9
		wide.Row(1)[i] = float64(1e-9*wide.Row(1)[i]) - 1e4
	}
	names := []string{"a\x1b[31mred\nname", strings.Repeat("long ", 30)}
	for _, draws := range []*lanes.Block{donut(10_000), broken, wide, heap(1000, 1), heap(30, 7), donut(1)} {
		for _, columns := range []int{-1, 0, 1, 30, 40, 80, 132, 500} {
			for _, rows := range []int{-1, 0, 1, 8, 12, 24, 60} {
				for _, screen := range []Screen{{}, {ASCII: true}, {Colour: true}, {ASCII: true, Colour: true}} {
					screen.Columns, screen.Rows = columns, rows
					text := picture(t, draws, names, screen)
					if strings.Contains(text, "\x1b[31m") {
						t.Fatal("a name reached the terminal with its escape sequence")
					}
					if !screen.Colour && strings.Contains(text, "\x1b") {
						t.Fatal("escape sequences without colour")
					}
					text = escape.ReplaceAllString(text, "")
					lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
					if len(lines) > mostRows+3 {
						t.Errorf("%+v: %d lines", screen, len(lines))
					}
					wanted := columns
					if columns <= 0 {
						wanted = 80
					}
					for _, line := range lines {
						if n := utf8.RuneCountInString(line); n > max(wanted, leastWide) {
							t.Fatalf("%+v: a line of %d characters: %q\n%s", screen, n, line, text)
						}
						if screen.ASCII && len(line) != utf8.RuneCountInString(line) {
							t.Fatalf("%+v: not ASCII: %q", screen, line)
						}
					}
				}
			}
		}
	}
}

func TestTerminalWithoutAnythingToShow(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		draws *lanes.Block
		want  string
	}{
		{nil, "no draws to show\n"},
		{lanes.New(0, 2), "no draws to show\n"},
		{lanes.New(5, 0), "no draws to show\n"},
		{block(t, []float64{nan, 1}, []float64{1, math.Inf(1)}), "no draw to show: 2 not finite\n"},
		{block(t, []float64{nan}), "no draw to show: 1 not finite\n"},
	} {
		if got := picture(t, c.draws, nil, Screen{}); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestTerminalReturnsTheErrorOfTheWriter(t *testing.T) {
	full := errors.New("no space left")
	for _, draws := range []*lanes.Block{nil, donut(10)} {
		if err := Terminal(failing{full}, draws, nil, Screen{}); !errors.Is(err, full) {
			t.Errorf("error %v, want %v", err, full)
		}
	}
}

// failing is a writer that fails.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
