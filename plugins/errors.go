package plugins

import (
	"fmt"
	"strconv"
	"strings"
)

// Error is a failure of a plug-in: it could not be started, died, hung, answered nonsense, or said that it failed.
type Error struct {
	Plugin string   // its name
	Err    error    // what happened
	Log    []string // the last lines it wrote to standard error, at most 20
	// Model says that the plug-in answered the call with this error and runs on; starting it again would not help.
	Model bool
}

// Error says what happened, in one line, with the line of a panic if the log has one.
func (e *Error) Error() string {
	text := fmt.Sprintf("plug-in %s: %s", e.Plugin, printable(e.Err.Error()))
	if e.Model {
		return text // it said why; the log may be of another call
	}
	if line := panicLine(e.Log); line != "" && !strings.Contains(text, line) {
		text += ": " + line
	}
	return text
}

// Unwrap is what happened.
func (e *Error) Unwrap() error { return e.Err }

// Report is the error and the last lines of the plug-in's log, for people.
func (e *Error) Report() string {
	if len(e.Log) == 0 {
		return e.Error()
	}
	var b strings.Builder
	b.WriteString(e.Error())
	fmt.Fprintf(&b, "\nthe last %s of its log:", count(len(e.Log), "line"))
	for _, line := range e.Log {
		b.WriteString("\n  | ")
		b.WriteString(line)
	}
	return b.String()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printable is a text of a plug-in without what would move somebody's cursor, change colours, or fill the screen.
func printable(text string) string {
	const most = 2000
	rest := ""
	if len(text) > most {
		text, rest = text[:most], "..."
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return printableRune(r)
	}, strings.ToValidUTF8(text, "?")) + rest
}

// printableRune is ? for a control character, the tab excepted, and for those that turn the direction of writing.
func printableRune(r rune) rune {
	if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
		return '?'
	}
	return r
}

// panicLine is the last line of a log that says why a program in Go, Rust or Python ended.
func panicLine(log []string) string {
	found, trace := "", false
	for _, line := range log {
		switch {
		case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "), strings.Contains(line, " panicked at "):
			found, trace = line, false
		case strings.HasPrefix(line, "Traceback (most recent call last)"):
			trace = true
		case trace && line != "" && line[0] != ' ' && line[0] != '\t':
			found, trace = line, false // the exception, after its indented frames
		}
	}
	return found
}

// SumError is a file of a plug-in that is not the one that was installed.
type SumError struct {
	Path string // inside the plug-in's folder
	Want string // the sum that was recorded
	Got  string // the sum of what is there
}

// Error has both sums.
func (e *SumError) Error() string {
	return fmt.Sprintf("the file %s has changed: its SHA-256 is %s, and %s was recorded", e.Path, e.Got, e.Want)
}

// quote quotes what a plug-in wrote, the first part of it.
func quote(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "?")) + "..."
	}
	return strconv.Quote(s)
}
