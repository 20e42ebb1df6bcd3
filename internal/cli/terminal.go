package cli

import (
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/scorefield/infer/internal/figure"
)

// terminal says what the reader's screen can do.
type terminal struct {
	out, err bool // a terminal, not a file or a pipe
	columns  int  // of standard output
	rows     int
	utf8     bool
	colour   bool
	moving   bool // standard error can redraw a line
}

func detect() terminal {
	t := terminal{out: term.IsTerminal(int(os.Stdout.Fd())), err: term.IsTerminal(int(os.Stderr.Fd())), columns: 80, rows: 24}
	if w, h, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 && h > 0 {
		t.columns, t.rows = w, h
	}
	dumb := os.Getenv("TERM") == "dumb"
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			t.utf8 = strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
			break
		}
	}
	t.utf8 = t.utf8 && !dumb
	t.colour = t.out && !dumb && os.Getenv("NO_COLOR") == ""
	t.moving = t.err && !dumb
	return t
}

// screen is what a picture may use.
func (t terminal) screen() figure.Screen {
	return figure.Screen{Columns: min(t.columns, 100), Rows: t.rows, ASCII: !t.utf8, Colour: t.colour}
}
