package density

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scorefield/infer/autodiff"
)

// maxText is the longest formula that is read, in bytes.
const maxText = 1 << 20

// Text is a density that was written down as a formula. It is a [Graph], so it has a gradient and can be
// combined with other graphs; concurrent calls are allowed.
type Text struct {
	*Graph
	text string
}

// String is the formula as it was given to [Parse].
func (t *Text) String() string { return t.text }

// Parse reads the formula of a log-density on R^dim in mathematical notation:
//
//	density.Parse("-(norm(x) - 2.6)^2/w", 2, map[string]float64{"w": 0.033})
//
// The point is the vector x: x[0] is its first coordinate, x[1:3] the vector of the second and third,
// x[1:] all but the first. In one dimension x alone may stand for x[0]. There are
//
//   - numbers (1, .5, 1e-7), the constants pi and e, those of the map, and vectors [1, 2, x[0]];
//   - + - * / ^ and parentheses. ^ groups from the right and binds tighter than a minus before it: -x^2 is
//     -(x^2), 2^3^2 is 2^9. A sign of multiplication is never left out;
//   - < <= > >= == != and && || !, whose results count as 1 and 0;
//   - where(condition, a, b), which is a where the condition holds and b elsewhere. The gradient of the
//     side that was not taken plays no part;
//   - exp log log2 log10 log1p expm1 sqrt abs sign floor square pow sin cos tan tanh erf erfc lgamma digamma
//     sigmoid softplus, of a number, or of each element of a vector;
//   - sum mean prod max min norm logsumexp, of one vector or of several numbers, and dot(a, b).
//
// An operation between a number and a vector means each element; two vectors must have the same length, and a
// vector of one element counts as a number. The formula as a whole is one number. Minus infinity, the
// log-density outside of the support, is written log(0) or -inf; every other constant part has to be finite,
// so 1e999, 1/0 and 2^2^2^2^2 are errors. A formula without x in it is one too.
//
// A constant's name may not be one of the language, and its value is finite. Faults of the formula are of
// type [*ParseError]. Formulas longer than 1 MiB or nested deeper than 1,000 brackets are refused.
func Parse(text string, dim int, constants map[string]float64) (*Text, error) {
	if err := checkConstants(constants); err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("formula of %d bytes: at most %d are read", len(text), maxText)
	}
	known := make(map[string]float64, len(constants))
	for name, value := range constants {
		known[name] = value
	}
	graph, err := build(dim, func(x autodiff.Value) (autodiff.Value, error) {
		return read(text, dim, known, x)
	})
	if err != nil {
		return nil, err
	}
	return &Text{graph, text}, nil
}

// checkConstants refuses names and values that no formula could use.
func checkConstants(constants map[string]float64) error {
	names := make([]string, 0, len(constants))
	for name := range constants {
		names = append(names, name)
	}
	slices.Sort(names) // the same complaint every time
	for _, name := range names {
		value := constants[name]
		switch _, isFunction := functions[name]; {
		case name == "" || scanName(name, 0) != len(name):
			return fmt.Errorf("constant %q: a name is letters, digits and _, and begins with no digit", name)
		case name == "x":
			return fmt.Errorf("constant %q: x is the point itself; choose another name", name)
		case isFunction:
			return fmt.Errorf("constant %q: %s is a function; choose another name", name, functions[name].form)
		case isPredefined(name):
			return fmt.Errorf("constant %q: the name is taken by the language; choose another name", name)
		case math.IsNaN(value) || math.IsInf(value, 0):
			return fmt.Errorf("constant %q is %v: constants are finite", name, value)
		}
	}
	return nil
}

// ParseError is a fault of a formula, at a place in it.
type ParseError struct {
	// Text is the whole formula.
	Text string
	// Line and Column say where, both from 1, the column in characters. At the end of the text the column is
	// one behind the last character.
	Line, Column int
	// Message says what is wrong and what to write instead, without the place.
	Message string
	// Name is set where the fault is a name without a value, which a constant could give it.
	Name string
}

// Error is one sentence: `column 12: unknown function "lgsumexp"; did you mean "logsumexp"?`.
func (e *ParseError) Error() string {
	if strings.Contains(strings.TrimRight(e.Text, "\r\n"), "\n") {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
	}
	return fmt.Sprintf("column %d: %s", e.Column, e.Message)
}

// Picture shows the line of the fault and, below it, a caret under the place: two lines, without a newline at
// the end. Of a long line it shows the neighbourhood; characters that a terminal might act upon become spaces.
func (e *ParseError) Picture() string {
	const before, after = 50, 25
	lines := strings.Split(e.Text, "\n")
	line := []rune(lines[min(max(e.Line, 1), len(lines))-1])
	for i, c := range line {
		if !unicode.IsPrint(c) {
			line[i] = ' '
		}
	}
	caret := min(max(e.Column-1, 0), len(line))
	first, last := 0, len(line)
	head, tail := "", ""
	if caret > before {
		first, head = caret-before, "..."
	}
	if last > caret+after {
		last, tail = caret+after, "..."
	}
	shown := head + string(line[first:last]) + tail
	return strings.TrimRight(shown, " ") + "\n" + strings.Repeat(" ", len(head)+caret-first) + "^"
}

// fail makes the error at a byte of the text.
func (r *reader) fail(at int, format string, arguments ...any) *ParseError {
	before := r.text[:at]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return &ParseError{
		Text:    r.text,
		Line:    strings.Count(before, "\n") + 1,
		Column:  utf8.RuneCountInString(before[lineStart:]) + 1,
		Message: fmt.Sprintf(format, arguments...),
	}
}
