package density

import (
	"math"

	"github.com/scorefield/infer/autodiff"
)

// operations are the operators between two values.
var operations = map[string]func(a, b autodiff.Value) autodiff.Value{
	"+":  autodiff.Value.Add,
	"-":  autodiff.Value.Sub,
	"*":  autodiff.Value.Mul,
	"/":  autodiff.Value.Div,
	"^":  autodiff.Value.Pow,
	"<":  autodiff.Value.Less,
	"<=": autodiff.Value.LessEqual,
	">":  autodiff.Value.Greater,
	">=": autodiff.Value.GreaterEqual,
	"==": autodiff.Value.Equal,
	"!=": autodiff.Value.NotEqual,
	"&&": autodiff.Value.And,
	"||": autodiff.Value.Or,
}

// binary applies an operator to two operands. Complaints about the pair name the byte at, those about the result
// the place that it has already.
func (r *reader) binary(operator string, at int, result, a, b operand) (operand, error) {
	switch bindingPowers[operator] {
	case orPower, andPower:
		for _, o := range []operand{a, b} {
			if !o.condition {
				return operand{}, r.fail(o.start, "%s joins conditions, and %s is a number; compare it, as in %s > 0", operator, clip(r.textOf(o)), clip(r.textOf(o)))
			}
		}
		result.condition = true
	case comparePower:
		result.condition = true
	default:
		if err := r.checkInfinity(operator, at, a, b); err != nil {
			return operand{}, err
		}
	}
	a, b, err := r.match(a, b, at, operator)
	if err != nil {
		return operand{}, err
	}
	result.length = max(a.length, b.length)
	result.value = operations[operator](a.value, b.value)
	return r.settle(result, a, b)
}

// checkInfinity refuses a minus infinity in an operation with x that makes no log-density of it: (x[0] < 0)*log(0),
// meant as a restriction of the support, is NaN inside. What is constant throughout is judged by its value.
func (r *reader) checkInfinity(operator string, at int, a, b operand) error {
	if a.constant == b.constant {
		return nil
	}
	switch {
	case operator == "-" && b.infinite:
		return r.fail(at, "less minus infinity, %s, is plus infinity, which no part of a log-density can be", clip(r.textOf(b)))
	case operator != "+" && operator != "-" && (a.infinite || b.infinite):
		return r.fail(at, "%s with minus infinity can be NaN; where the density is 0, write where(condition, ..., log(0))", operator)
	}
	return nil
}

// unary applies a sign or a negation.
func (r *reader) unary(operator string, t token, a operand) (operand, error) {
	result := a
	result.start, result.condition = int(t.start), false
	switch operator {
	case "+":
		return result, nil
	case "-":
		result.value = a.value.Neg()
		return r.settle(result, a)
	}
	if !a.condition {
		return operand{}, r.fail(int(t.start), "! negates a condition, and %s is a number; write !(%s > 0) or the like", clip(r.textOf(a)), clip(r.textOf(a)))
	}
	result.condition = true
	result.value = a.value.Not()
	return r.settle(result, a)
}

// match makes the lengths of two operands agree: numbers go with everything, vectors with vectors as long, and a
// vector of one element is a number beside a longer one.
func (r *reader) match(a, b operand, at int, what string) (operand, operand, error) {
	if a.length == b.length || a.length == 0 || b.length == 0 {
		return a, b, nil
	}
	switch {
	case a.length == 1:
		return r.number(a), b, nil
	case b.length == 1:
		return a, r.number(b), nil
	}
	return operand{}, operand{}, r.fail(at, "%s of a vector of %d elements, %s, and one of %d, %s; both need the same length",
		what, a.length, clip(r.textOf(a)), b.length, clip(r.textOf(b)))
}

// number turns a vector of one element into the number it holds.
func (r *reader) number(o operand) operand {
	if o.length == 1 {
		o.length = 0
		o.value = o.value.Index(0)
	}
	return o
}

// vector joins numbers to a vector that begins at the byte start.
func (r *reader) vector(start int, elements []operand) (operand, error) {
	result := operand{start: start, end: r.previousEnd(), length: len(elements), condition: len(elements) > 0}
	if len(elements) == 0 {
		return operand{}, r.fail(start, "a vector has at least one element, as in [1, 2]")
	}
	values := make([]autodiff.Value, len(elements))
	for i, o := range elements {
		if !o.isNumber() {
			return operand{}, r.fail(o.start, "the elements of a vector are numbers; %s is a vector of %d", clip(r.textOf(o)), o.length)
		}
		result.condition = result.condition && o.condition
		values[i] = r.number(o).value.Reshape(1)
	}
	result.value = autodiff.Concat(values...)
	return r.settle(result, elements...)
}

// settle finds out whether a result is constant, and checks it if so: constants are finite, so that
// 0*2^2^2^2^2 does not become a density that is NaN everywhere, or carry on a minus infinity that was meant.
func (r *reader) settle(result operand, from ...operand) (operand, error) {
	result.constant, result.infinite = true, false
	carried := false
	for _, o := range from {
		result.constant = result.constant && o.constant
		carried = carried || o.infinite
	}
	if !result.constant {
		return result, nil
	}
	values, _ := result.value.Constant()
	if r.folded += len(values); r.folded > maxFolded {
		return operand{}, r.fail(result.start, "the formula asks for more than %d operations on constants", maxFolded)
	}
	for _, v := range values {
		complaint := ""
		switch {
		case math.IsNaN(v):
			complaint = "is not a number (NaN)"
		case math.IsInf(v, 0) && !carried:
			complaint = "is infinite (an overflow or a division by 0); minus infinity is written log(0)"
		case math.IsInf(v, 1):
			complaint = "is plus infinity, which no part of a log-density can be"
		}
		if complaint != "" {
			return operand{}, r.fail(result.start, "the constant %s %s", clip(r.textOf(result)), complaint)
		}
		result.infinite = result.infinite || math.IsInf(v, -1)
	}
	return result, nil
}
