package draws

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/scorefield/infer/lanes"
)

// metaComment begins the comment line that holds the configuration.
const metaComment = "# infer: "

// readCSV reads a text of rows: UTF-8, with or without a line of names, with lines of comment that begin with
// #, separated by commas, semicolons, tabs or spaces.
func readCSV(data []byte, options Options) (Table, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	f, err := survey(data)
	if err != nil {
		return Table{}, err
	}
	return f.read(data, options)
}

// format is what the first look at a text finds.
type format struct {
	separator byte   // , ; tab, or space for runs of spaces and tabs
	columns   int    // log p included
	rows      int    // without the names
	first     line   // the first row
	header    bool   // it holds names
	meta      []byte // the configuration, if there is one

	// Between semicolons and tabs a number may have a decimal comma, but not in the same file as a point.
	decimal     byte // . or , and 0 as long as there was neither
	decimalLine int  // where it was seen first
}

// line is a line of a text, without its end. Its number counts from 1.
type line struct {
	number int
	text   []byte
}

// next takes a line off data.
func (l *line) next(data []byte) []byte {
	l.number++
	end := bytes.IndexByte(data, '\n')
	rest := []byte(nil)
	if end < 0 {
		end = len(data)
	} else {
		rest = data[end+1:]
	}
	l.text = bytes.TrimSuffix(data[:end], []byte("\r"))
	return rest
}

func (l *line) comment() bool { return bytes.HasPrefix(bytes.TrimLeft(l.text, " \t"), []byte("#")) }
func (l *line) blank() bool   { return len(bytes.TrimSpace(l.text)) == 0 }

func (l *line) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{l.number}, args...)...)
}

// survey counts rows and columns, so that the memory is known before any is taken.
func survey(data []byte) (*format, error) {
	f := &format{}
	var l line
	var second line
	empty := 0 // the last line without a row, once there is a row
	for len(data) > 0 {
		data = l.next(data)
		switch {
		case bytes.IndexByte(l.text, '\r') >= 0:
			return nil, l.errorf("a carriage return in its middle: end lines with LF or CR LF")
		case l.comment():
			if rest, ok := bytes.CutPrefix(l.text, []byte(metaComment)); ok && f.meta == nil && isMeta(rest) {
				f.meta = bytes.Clone(rest)
			}
			continue
		case l.blank():
			if f.rows > 0 && empty == 0 {
				empty = l.number
			}
			continue
		case empty > 0:
			return nil, fmt.Errorf("line %d is empty, and rows follow: a missing number cannot be told from a gap; remove the line", empty)
		}
		f.rows++
		if f.rows == 1 {
			f.first = l
		} else if f.rows == 2 {
			second = l
		}
	}
	if f.rows == 0 {
		return nil, errors.New("it holds no rows")
	}
	f.separator = separatorOf(f.first.text)
	if err := f.classify(second); err != nil {
		return nil, err
	}
	if f.header {
		f.rows--
	}
	if f.rows == 0 {
		return nil, errors.New("it holds names and no rows")
	}
	return f, nil
}

// separatorOf is the first of these that stands outside of quotes: a comma is one only where no semicolon and
// no tab is, as there it can be a decimal comma.
func separatorOf(text []byte) byte {
	text = bytes.TrimSpace(text)
	for _, separator := range []byte(";\t,") {
		quoted := false
		for _, c := range text {
			if c == '"' {
				quoted = !quoted
			}
			if c == separator && !quoted {
				return separator
			}
		}
	}
	return ' '
}

// separatorName is for messages.
func (f *format) separatorName() string {
	switch f.separator {
	case ';':
		return "semicolons"
	case '\t':
		return "tabs"
	case ',':
		return "commas"
	}
	return "spaces"
}

// classify counts the columns of the first row and finds out whether it holds names.
func (f *format) classify(second line) error {
	first := &f.first
	names, numbers := 0, 0
	ordinal := true // 0, 1, 2, ...: what pandas writes for columns without names
	var name, number []byte
	s := f.split(first.text)
	for s.next() {
		field := s.field
		ordinal = ordinal && string(field) == strconv.Itoa(f.columns)
		f.columns++
		if isName(string(field)) {
			names, name = names+1, field
		} else {
			numbers, number = numbers+1, field
		}
	}
	if s.err != nil {
		return first.errorf("%w", s.err)
	}
	f.header = numbers == 0
	switch {
	case names > 0 && numbers > 0 && len(number) == 0:
		return first.errorf("a column without a name stands beside %s: name it, or leave it out where it only counts the rows", clip(string(name)))
	case names > 0 && numbers > 0 && !isNumber(number):
		return first.errorf("%s beside %s is neither a name nor a number: names begin with a letter", clip(string(number)), clip(string(name)))
	case names > 0 && numbers > 0:
		return first.errorf("%s and %s: is it a line of names or a row? Begin each name with a letter, or write numbers alone", clip(string(name)), clip(string(number)))
	case ordinal && f.columns > 1 && bytes.ContainsAny(second.text, ".eE"):
		return first.errorf("%s: is it a line of names, as pandas writes, or a row? Name the columns x0, x1, ... or write 0.0", clip(string(first.text)))
	}
	return nil
}

// read reads all rows.
func (f *format) read(data []byte, options Options) (Table, error) {
	// Before the names take memory: many columns are many names.
	if err := fits(uint64(f.rows), uint64(f.columns), budget(int64(len(data)))); err != nil {
		return Table{}, err
	}
	names, logp, err := f.names()
	if err != nil {
		return Table{}, err
	}
	t := Table{Names: names, Meta: f.meta, Points: lanes.New(f.rows, len(names))}
	if logp >= 0 {
		t.LogProb = make([]float64, f.rows)
	}
	// place is the index of a column among the points, -1 for log p.
	place := func(column int) int {
		switch {
		case logp < 0 || column < logp:
			return column
		case column == logp:
			return -1
		}
		return column - 1
	}
	var l line
	for row := 0; len(data) > 0; {
		data = l.next(data)
		if l.comment() || l.blank() || f.header && l.number == f.first.number {
			continue
		}
		column := 0
		s := f.split(l.text)
		for ; s.next(); column++ {
			if column >= f.columns {
				continue // to count them
			}
			name, values := logProbName, t.LogProb
			j := place(column)
			if j >= 0 {
				name, values = names[j], t.Points.Row(j)
			}
			v, err := f.number(s.field, &l, name)
			if err != nil {
				return Table{}, err
			}
			if v-v != 0 && !options.AllowNonFinite && !(j < 0 && math.IsInf(v, -1)) {
				return Table{}, &NonFiniteError{Row: row, Column: j, Name: name, Line: l.number, Value: v}
			}
			values[row] = v
		}
		if s.err != nil {
			return Table{}, l.errorf("%w", s.err)
		}
		if column != f.columns {
			return Table{}, f.ragged(&l, column)
		}
		row++
	}
	return t, nil
}

// names reads the line of names, and takes log p out of them: its column, or -1.
func (f *format) names() (names []string, logp int, err error) {
	if !f.header {
		return defaultNames(f.columns), -1, nil
	}
	names, logp = make([]string, 0, f.columns), -1
	seen := make(map[string]bool, f.columns)
	for s := f.split(f.first.text); s.next(); {
		name := string(s.field)
		if seen[name] {
			return nil, 0, f.first.errorf("two columns have the name %s", clip(name))
		}
		seen[name] = true
		if name == logProbName && f.columns > 1 {
			logp = len(names)
			continue
		}
		names = append(names, name)
	}
	return names, logp, nil
}

// ragged is the error of a row with too many fields or too few.
func (f *format) ragged(l *line, fields int) error {
	hint := ""
	if f.separator == ',' || fields > f.columns && bytes.IndexByte(l.text, ',') >= 0 {
		hint = "; decimal commas need semicolons or tabs between the columns"
	}
	return l.errorf("%d fields, and the first row has %d, separated by %s%s", fields, f.columns, f.separatorName(), hint)
}
