package density

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/scorefield/infer/autodiff"
)

// reader reads one formula into the graph of x: a Pratt parser, which asks of every operator only how tightly
// it binds, and which turns each part into a value of the graph of x at once.
type reader struct {
	text       string
	dim        int
	constants  map[string]float64
	x          autodiff.Value
	graph      *autodiff.Graph
	tokens     []token
	badMessage string // what the badToken at the end of tokens means
	at         int    // the next token
	depth      int    // of expressions within each other
	folded     int    // elements of constants computed so far
}

// Deeper nesting and more arithmetic on constants are refused: a formula of a megabyte could otherwise ask for
// a gigabyte of stack, or for hours.
const (
	maxDepth  = 1000
	maxFolded = 1 << 22
)

// How tightly operators bind.
const (
	orPower = iota + 1
	andPower
	comparePower
	sumPower
	productPower
	signPower
	powerPower
)

var bindingPowers = map[string]int{
	"||": orPower, "&&": andPower,
	"<": comparePower, "<=": comparePower, ">": comparePower, ">=": comparePower, "==": comparePower, "!=": comparePower,
	"+": sumPower, "-": sumPower, "*": productPower, "/": productPower, "^": powerPower,
}

// operand is a part of the formula that has been read.
type operand struct {
	start, end int // its bytes of the text
	value      autodiff.Value
	length     int  // elements of a vector, or 0 for a single number
	condition  bool // the result of a comparison
	constant   bool // without x in it
	infinite   bool // a constant with minus infinity in it
}

// isNumber is whether o can stand where a single number is needed.
func (o operand) isNumber() bool { return o.length <= 1 }

// read turns the formula into a value of the graph that x, the point, belongs to.
func read(text string, dim int, constants map[string]float64, x autodiff.Value) (autodiff.Value, error) {
	r := &reader{text: text, dim: dim, constants: constants, x: x, graph: x.Graph()}
	r.tokenize()
	if r.tokens[0].kind == endToken {
		return autodiff.Value{}, r.fail(0, "there is no formula; write for example -x[0]^2/2")
	}
	o, err := r.expression(0)
	if err != nil {
		return autodiff.Value{}, err
	}
	if t := r.tokens[r.at]; t.kind != endToken {
		return autodiff.Value{}, r.stray(t)
	}
	switch {
	case !o.isNumber():
		return autodiff.Value{}, r.fail(o.start, "the formula is a vector of %d numbers, and a log-density is one number; "+
			"reduce it with sum(...), norm(...) or dot(a, b), or pick one coordinate, as in x[0]", o.length)
	case o.constant:
		return autodiff.Value{}, r.fail(o.start, "the formula does not depend on x; "+
			"a density that is the same everywhere on R^%d cannot be normalised", dim)
	case o.condition:
		return autodiff.Value{}, r.fail(o.start, "the formula is a condition, and a log-density is a number; "+
			"to restrict the support write where(%s, ..., log(0))", clip(r.textOf(o)))
	}
	return r.number(o).value, nil
}

// expression reads operands and the operators between them that bind at least as tightly as power.
func (r *reader) expression(power int) (operand, error) {
	if r.depth++; r.depth > maxDepth {
		return operand{}, r.fail(r.start(), "the formula is nested deeper than %d levels here", maxDepth)
	}
	defer func() { r.depth-- }()
	left, err := r.prefix()
	if err != nil {
		return operand{}, err
	}
	var compared *operand // the right side of the comparison just read
	for {
		t := r.tokens[r.at]
		operator := r.spelling(t)
		binds := bindingPowers[operator]
		if binds == 0 {
			return left, r.between(t)
		}
		if binds < power {
			return left, nil
		}
		r.at++
		next := binds + 1
		if operator == "^" {
			next = signPower // from the right, with a sign allowed: 2^-1, 2^3^2
		}
		right, err := r.expression(next)
		if err != nil {
			return operand{}, err
		}
		if binds == comparePower {
			if compared != nil {
				return operand{}, r.fail(int(t.start), "comparisons are not chained; write %s && %s %s %s",
					clip(r.textOf(left)), clip(r.textOf(*compared)), operator, clip(r.textOf(right)))
			}
			compared = &right
		}
		if left, err = r.binary(operator, int(t.start), operand{start: left.start, end: right.end}, left, right); err != nil {
			return operand{}, err
		}
	}
}

// prefix reads an operand with the signs before it.
func (r *reader) prefix() (operand, error) {
	t := r.tokens[r.at]
	operator := r.spelling(t)
	if operator != "-" && operator != "+" && operator != "!" {
		return r.postfix()
	}
	r.at++
	if next := r.tokens[r.at]; operator == "-" && next.kind == nameToken && r.text[next.start:next.end] == "inf" {
		r.at++
		o := r.constant(t, math.Inf(-1))
		o.end, o.infinite = int(next.end), true
		return o, nil
	}
	o, err := r.expression(signPower)
	if err != nil {
		return operand{}, err
	}
	return r.unary(operator, t, o)
}

// postfix reads an operand with the indices behind it.
func (r *reader) postfix() (operand, error) {
	o, err := r.primary()
	for err == nil && r.spelling(r.tokens[r.at]) == "[" {
		o, err = r.index(o)
	}
	return o, err
}

// primary reads a number, a name, a call, a vector or a parenthesis.
func (r *reader) primary() (operand, error) {
	t := r.tokens[r.at]
	r.at++
	switch t.kind {
	case numberToken:
		return r.literal(t)
	case nameToken:
		if r.spelling(r.tokens[r.at]) == "(" {
			return r.call(t)
		}
		return r.name(t)
	case operatorToken:
		switch r.spelling(t) {
		case "(":
			o, err := r.expression(0)
			if err != nil {
				return operand{}, err
			}
			if err := r.close(t, ")"); err != nil {
				return operand{}, err
			}
			o.start, o.end = int(t.start), r.previousEnd()
			return o, nil
		case "[":
			elements, err := r.list(t, "]")
			if err != nil {
				return operand{}, err
			}
			return r.vector(int(t.start), elements)
		}
	}
	r.at--
	return operand{}, r.missingOperand(t)
}

// literal reads a number as the float64 nearest to it.
func (r *reader) literal(t token) (operand, error) {
	digits := r.text[t.start:t.end]
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return operand{}, r.fail(int(t.start), "the number %s overflows; the largest is 1.797e308", clip(digits))
	}
	if mantissa, _, _ := strings.Cut(strings.ToLower(digits), "e"); v == 0 && strings.Trim(mantissa, "0.") != "" {
		return operand{}, r.fail(int(t.start), "the number %s underflows to 0; the smallest is 4.941e-324", clip(digits))
	}
	return r.constant(t, v), nil
}

func (r *reader) constant(t token, v float64) operand {
	return operand{start: int(t.start), end: int(t.end), value: r.graph.Scalar(v), constant: true}
}

// name reads x or a constant.
func (r *reader) name(t token) (operand, error) {
	name := r.text[t.start:t.end]
	value, known := r.constants[name]
	switch {
	case name == "x":
		return operand{start: int(t.start), end: int(t.end), value: r.x, length: r.dim}, nil
	case known:
	case name == "pi":
		value = math.Pi
	case name == "e":
		value = math.E
	case name == "inf":
		return operand{}, r.fail(int(t.start), "plus infinity is no part of a log-density; minus infinity is written -inf or log(0)")
	default:
		return operand{}, r.unknownName(t)
	}
	return r.constant(t, value), nil
}

// call reads the arguments of the function whose name is t.
func (r *reader) call(t token) (operand, error) {
	name := r.text[t.start:t.end]
	f, known := functions[name]
	if !known {
		return operand{}, r.unknownFunction(t)
	}
	open := r.tokens[r.at]
	r.at++
	arguments, err := r.list(open, ")")
	if err != nil {
		return operand{}, err
	}
	if n := len(arguments); n < f.least || n > f.most {
		return operand{}, r.fail(int(t.start), "%s", argumentCount(name, f, n, r.text[t.start:r.previousEnd()]))
	}
	o, err := f.apply(r, operand{start: int(t.start), end: r.previousEnd()}, arguments)
	o.start, o.end = int(t.start), r.previousEnd()
	return o, err
}

// list reads expressions with commas between them up to the closing bracket.
func (r *reader) list(open token, closing string) ([]operand, error) {
	var elements []operand
	if r.spelling(r.tokens[r.at]) == closing {
		r.at++
		return nil, nil
	}
	for {
		o, err := r.expression(0)
		if err != nil {
			return nil, err
		}
		elements = append(elements, o)
		if r.spelling(r.tokens[r.at]) != "," {
			return elements, r.close(open, closing)
		}
		r.at++
	}
}

// close reads a closing bracket.
func (r *reader) close(open token, closing string) error {
	t := r.tokens[r.at]
	if r.spelling(t) == closing {
		r.at++
		return nil
	}
	opening := r.text[open.start:open.end]
	column := r.fail(int(open.start), "").Column
	if t.kind == endToken {
		return r.fail(r.endOfText(), "%q is missing: the %q at column %d is still open", closing, opening, column)
	}
	if opening == "(" && r.spelling(t) == "," { // calls read their commas themselves
		return r.fail(int(t.start), "a vector is written with brackets, as in [x[0], x[1]]; numbers have a decimal point, as in 0.5")
	}
	return r.fail(int(t.start), "%q where the %q at column %d has to be closed with %q", r.text[t.start:t.end], opening, column, closing)
}

// index reads [i] or [from:to] behind a vector.
func (r *reader) index(o operand) (operand, error) {
	open := r.tokens[r.at]
	r.at++
	if o.length == 0 {
		return operand{}, r.fail(int(open.start), "%s is a single number and has no elements", clip(r.textOf(o)))
	}
	from, to, isSlice := 0, o.length, false
	var err error
	if r.spelling(r.tokens[r.at]) != ":" {
		if from, err = r.position(o, o.length-1); err != nil {
			return operand{}, err
		}
	}
	if r.spelling(r.tokens[r.at]) == ":" {
		isSlice = true
		r.at++
		if r.spelling(r.tokens[r.at]) != "]" {
			if to, err = r.position(o, o.length); err != nil {
				return operand{}, err
			}
		}
	}
	if t := r.tokens[r.at]; r.spelling(t) == "," {
		return operand{}, r.fail(int(t.start), "a vector has one index; several coordinates are a slice, as in x[0:2]")
	} else if isSlice && r.spelling(t) == ":" {
		return operand{}, r.fail(int(t.start), "slices have no step; list the elements, as in [x[0], x[2]]")
	}
	if err := r.close(open, "]"); err != nil {
		return operand{}, err
	}
	if isSlice && from >= to {
		return operand{}, r.fail(int(open.start), "the slice from %d to %d is empty; it begins with the first number and ends before the second", from, to)
	}
	picked := operand{start: o.start, end: r.previousEnd(), condition: o.condition}
	if isSlice {
		picked.length, picked.value = to-from, o.value.Slice(from, to)
	} else {
		picked.value = o.value.Index(from)
	}
	return r.settle(picked, o)
}

// position reads an index of o from 0 to most.
func (r *reader) position(o operand, most int) (int, error) {
	i, err := r.expression(0)
	if err != nil {
		return 0, err
	}
	values, _ := i.value.Constant()
	if len(values) != 1 {
		return 0, r.fail(i.start, "an index is a constant whole number, as in x[0]")
	}
	v := values[0]
	switch {
	case v != math.Floor(v):
		return 0, r.fail(i.start, "the index %v is not a whole number", v)
	case v < 0 && -v <= float64(o.length):
		return 0, r.fail(i.start, "the index %v is negative; counted from the front it is %d", v, o.length+int(v))
	case v < 0 || v > float64(most):
		return 0, r.fail(i.start, "%s", r.outside(o, v, most))
	}
	return int(v), nil
}

// outside says that index v is not one of o.
func (r *reader) outside(o operand, v float64, most int) string {
	name := clip(r.textOf(o))
	if o.length == r.dim && name == "x" {
		if r.dim == 1 {
			return fmt.Sprintf("the index %v is outside; in dimension 1 there is only x[0]", v)
		}
		return fmt.Sprintf("the index %v is outside; in dimension %d the coordinates are %s, counted from 0", v, r.dim, r.coordinates())
	}
	return fmt.Sprintf("the index %v is outside; %s has %s, indices go from 0 to %d", v, name, count(o.length, "element"), most)
}

// coordinates is "x[0] and x[1]" or "x[0] to x[5]".
func (r *reader) coordinates() string {
	if r.dim == 2 {
		return "x[0] and x[1]"
	}
	return fmt.Sprintf("x[0] to x[%d]", r.dim-1)
}

// start is the byte where the next token begins.
func (r *reader) start() int { return int(r.tokens[r.at].start) }

// previousEnd is the byte behind the last token read.
func (r *reader) previousEnd() int { return int(r.tokens[r.at-1].end) }

// endOfText is the byte behind the last thing that is no space.
func (r *reader) endOfText() int {
	return len(strings.TrimRightFunc(r.text, isSpace))
}

func (r *reader) textOf(o operand) string { return r.text[o.start:o.end] }

// count is "1 element", "2 elements".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
