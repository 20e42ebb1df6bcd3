package plugins

import (
	"io"
	"strings"
	"sync"
)

// keptLines is how many lines of a log an error shows.
const keptLines = 20

// tail keeps the last lines that were written to it and passes everything on.
type tail struct {
	out io.Writer // may be nil

	lock  sync.Mutex
	ring  [keptLines]string
	count int
	line  []byte
}

// Write implements io.Writer. It never fails: a log that cannot be written must not stop a plug-in.
func (t *tail) Write(b []byte) (int, error) {
	if t.out != nil {
		_, _ = t.out.Write(b)
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	// Of much at once, only the end can be among the last lines.
	const longest = 1000
	for rest := b; len(rest) > 0; {
		end := len(rest)
		for i, c := range rest {
			if c == '\n' || c == '\r' {
				end = i
				break
			}
		}
		t.line = append(t.line, rest[:min(end, longest-len(t.line))]...)
		if end == len(rest) {
			break
		}
		t.keep()
		rest = rest[end+1:]
	}
	return len(b), nil
}

// keep moves the current line into the ring.
func (t *tail) keep() {
	line := strings.TrimRight(string(t.line), " \t")
	t.line = t.line[:0]
	if line == "" {
		return
	}
	clean := strings.Map(printableRune, strings.ToValidUTF8(line, "?")) // no control sequences into anybody's terminal
	t.ring[t.count%keptLines] = clean
	t.count++
}

// flush keeps a last line that has no end.
func (t *tail) flush() {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.keep()
}

// lines are the last lines, the oldest first.
func (t *tail) lines() []string {
	t.lock.Lock()
	defer t.lock.Unlock()
	n := min(t.count, keptLines)
	lines := make([]string, n)
	for i := range lines {
		lines[i] = t.ring[(t.count-n+i)%keptLines]
	}
	return lines
}
