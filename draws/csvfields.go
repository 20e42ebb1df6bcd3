package draws

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// number reads a number.
func (f *format) number(field []byte, l *line, name string) (float64, error) {
	refuse := func(reason string) (float64, error) {
		return 0, l.errorf("column %s is %s: %s", name, clip(string(field)), reason)
	}
	if len(field) == 0 {
		return 0, l.errorf("column %s is empty: every row needs every number", name)
	}
	if v, ok := special(field); ok {
		return v, nil
	}
	text := field
	if i := bytes.IndexByte(field, ','); i >= 0 && isNumber(bytes.Replace(field, []byte(","), []byte("."), 1)) {
		if f.separator != ';' && f.separator != '\t' {
			return refuse("a decimal comma in a file separated by " + f.separatorName() + ": put semicolons or tabs between the columns, or decimal points")
		}
		text = bytes.Clone(field)
		text[i] = '.'
	}
	if bytes.Contains(text, []byte("\u2212")) {
		return refuse("a typeset minus (U+2212) where the file needs a hyphen, -")
	}
	if !isNumber(text) {
		return refuse("not a number as data files have it (digits, one decimal mark, an exponent)")
	}
	if mark := bytes.IndexAny(field, ".,"); mark >= 0 {
		if f.decimal == 0 {
			f.decimal, f.decimalLine = field[mark], l.number
		}
		if f.decimal != field[mark] {
			return refuse(fmt.Sprintf("line %d has %q for a decimal mark, so this may group thousands; use one mark in the whole file", f.decimalLine, f.decimal))
		}
	} else if f.separator == ',' && leadingZero(field) {
		return refuse("a whole number that begins with 0, as the digits after a decimal comma do: put semicolons or tabs between the columns, or decimal points")
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil { // the text is a number, so it is one too large
		return refuse("beyond the largest float64, about 1.8e308")
	}
	return v, nil
}

// isNumber says whether a text is a decimal number: a sign, digits with a point among them, an exponent. The
// standard library takes more: underscores, hexadecimal, words.
func isNumber(text []byte) bool {
	text = trimSign(text)
	whole := digits(text)
	text = text[whole:]
	fraction := 0
	if len(text) > 0 && text[0] == '.' {
		fraction = digits(text[1:])
		text = text[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if len(text) > 0 && (text[0] == 'e' || text[0] == 'E') {
		text = trimSign(text[1:])
		exponent := digits(text)
		return exponent > 0 && exponent == len(text)
	}
	return len(text) == 0
}

// digits is the number of digits that a text begins with.
func digits(text []byte) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

// trimSign takes one sign off.
func trimSign(text []byte) []byte {
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		return text[1:]
	}
	return text
}

// special is the value of a word for NaN or an infinity.
func special(text []byte) (v float64, ok bool) {
	word := trimSign(text)
	switch {
	case bytes.EqualFold(word, []byte("nan")):
		return math.NaN(), true
	case bytes.EqualFold(word, []byte("inf")), bytes.EqualFold(word, []byte("infinity")):
		if text[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	return 0, false
}

// leadingZero says whether a whole number begins with a zero it does not need.
func leadingZero(text []byte) bool {
	text = trimSign(text)
	return len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9'
}

// splitter cuts a line into fields.
type splitter struct {
	rest      []byte
	separator byte
	more      bool // another field follows, if only an empty one
	field     []byte
	err       error
}

func (f *format) split(text []byte) *splitter {
	if f.separator == ' ' {
		text = bytes.TrimSpace(text)
	}
	return &splitter{rest: text, separator: f.separator, more: true}
}

// next takes a field, without spaces and quotes around it. Where it returns false, err says whether that is
// the end.
func (s *splitter) next() bool {
	if !s.more {
		return false
	}
	s.rest = bytes.TrimLeft(s.rest, " \t"[:spaces(s.separator)])
	if len(s.rest) > 0 && s.rest[0] == '"' {
		return s.quoted()
	}
	end := len(s.rest)
	if s.separator == ' ' {
		if i := bytes.IndexAny(s.rest, " \t"); i >= 0 {
			end = i
		}
	} else if i := bytes.IndexByte(s.rest, s.separator); i >= 0 {
		end = i
	}
	s.field = bytes.TrimSpace(s.rest[:end])
	s.cut(end)
	return true
}

// spaces is the number of characters of " \t" that may be trimmed beside a separator.
func spaces(separator byte) int {
	if separator == '\t' {
		return 1
	}
	return 2
}

// cut ends a field at a separator, or at the end of the line.
func (s *splitter) cut(end int) {
	s.more = end < len(s.rest)
	if s.more {
		end++
	}
	s.rest = s.rest[end:]
}

// quoted takes a field in quotes, in which two quotes stand for one.
func (s *splitter) quoted() bool {
	text := s.rest[1:]
	doubled := false
	end := 0
	for {
		i := bytes.IndexByte(text[end:], '"')
		if i < 0 {
			s.err = errors.New("a quote is not closed on its line")
			s.more = false
			return false
		}
		end += i
		if end+1 < len(text) && text[end+1] == '"' {
			doubled = true
			end += 2
			continue
		}
		break
	}
	s.field = bytes.TrimSpace(text[:end])
	if doubled {
		s.field = bytes.ReplaceAll(s.field, []byte(`""`), []byte(`"`))
	}
	s.rest = text[end+1:]
	after := len(s.rest) - len(bytes.TrimLeft(s.rest, " \t"[:spaces(s.separator)]))
	if s.separator == ' ' {
		if after == 0 && len(s.rest) > 0 {
			s.err = fmt.Errorf("%s follows a quoted field", clip(string(s.rest)))
			s.more = false
			return false
		}
		s.cut(0) // the space after it
		return true
	}
	if after < len(s.rest) && s.rest[after] != s.separator {
		s.err = fmt.Errorf("%s follows a quoted field", clip(string(s.rest)))
		s.more = false
		return false
	}
	s.cut(after)
	return true
}
