package density

import (
	"fmt"
	"math"
	"regexp"

	"github.com/scorefield/infer/autodiff"
)

// function is a function of the language.
type function struct {
	form        string // how it is called, for messages
	least, most int    // numbers of arguments
	// apply computes it; result has the place of the call in the text, and nothing else.
	apply func(r *reader, result operand, arguments []operand) (operand, error)
}

// anyNumber is more arguments than a text can hold.
const anyNumber = maxText

// functions is the whole table.
var functions = map[string]function{
	"exp":      each("exp", autodiff.Value.Exp),
	"log":      {"log(a)", 1, 1, logarithm},
	"log2":     each("log2", func(a autodiff.Value) autodiff.Value { return a.Log().Div(a.Graph().Scalar(math.Ln2)) }),
	"log10":    each("log10", func(a autodiff.Value) autodiff.Value { return a.Log().Div(a.Graph().Scalar(math.Ln10)) }),
	"log1p":    each("log1p", autodiff.Value.Log1p),
	"expm1":    each("expm1", autodiff.Value.Expm1),
	"sqrt":     each("sqrt", autodiff.Value.Sqrt),
	"abs":      each("abs", autodiff.Value.Abs),
	"sign":     each("sign", autodiff.Value.Sign),
	"floor":    each("floor", autodiff.Value.Floor),
	"square":   each("square", autodiff.Value.Square),
	"sin":      each("sin", autodiff.Value.Sin),
	"cos":      each("cos", autodiff.Value.Cos),
	"tan":      each("tan", func(a autodiff.Value) autodiff.Value { return a.Sin().Div(a.Cos()) }),
	"tanh":     each("tanh", autodiff.Value.Tanh),
	"erf":      each("erf", autodiff.Value.Erf),
	"erfc":     each("erfc", autodiff.Value.Erfc),
	"lgamma":   each("lgamma", autodiff.Value.Lgamma),
	"digamma":  each("digamma", autodiff.Value.Digamma),
	"sigmoid":  each("sigmoid", autodiff.Value.Sigmoid),
	"softplus": each("softplus", autodiff.Value.Softplus),

	"sum":       over("sum", autodiff.Value.Sum),
	"mean":      over("mean", autodiff.Value.Mean),
	"prod":      over("prod", autodiff.Value.Prod),
	"max":       over("max", autodiff.Value.MaxElement),
	"min":       over("min", func(a autodiff.Value) autodiff.Value { return a.Neg().MaxElement().Neg() }),
	"norm":      over("norm", autodiff.Value.Norm),
	"logsumexp": over("logsumexp", autodiff.Value.LogSumExp),

	"dot":   {"dot(a, b)", 2, 2, dot},
	"pow":   {"pow(a, b)", 2, 2, power},
	"where": {"where(condition, a, b)", 3, 3, where},
}

// each is a function of one number, applied to every element.
func each(name string, value func(autodiff.Value) autodiff.Value) function {
	return function{name + "(a)", 1, 1, func(r *reader, result operand, arguments []operand) (operand, error) {
		a := arguments[0]
		result.length = a.length
		result.value = value(a.value)
		return r.settle(result, a)
	}}
}

// over is a function of all elements of a vector, or of several numbers.
func over(name string, value func(autodiff.Value) autodiff.Value) function {
	form := name + "(v) or " + name + "(a, b, ...)"
	return function{form, 1, anyNumber, func(r *reader, result operand, arguments []operand) (operand, error) {
		all := arguments[0]
		if len(arguments) > 1 {
			for _, o := range arguments {
				if !o.isNumber() {
					return operand{}, r.fail(o.start, "%s takes one vector or several numbers, and %s is a vector of %d among %d arguments%s",
						name, clip(r.textOf(o)), o.length, len(arguments), elementByElement(name))
				}
			}
			var err error
			if all, err = r.vector(result.start, arguments); err != nil {
				return operand{}, err
			}
		}
		result.value = value(all.value)
		return r.settle(result, all)
	}}
}

// elementByElement is how the larger or smaller of two is written for each element of a vector.
func elementByElement(name string) string {
	switch name {
	case "max":
		return "; the larger of two, element by element, is where(a > b, a, b)"
	case "min":
		return "; the smaller of two, element by element, is where(a < b, a, b)"
	}
	return ""
}

// logarithm is log, which makes minus infinity of a 0 that was written as such. A 0 that may have come of an
// underflow, as in log(exp(-1000)), is an error.
func logarithm(r *reader, result operand, arguments []operand) (operand, error) {
	a := arguments[0]
	if v, ok := a.value.Constant(); ok && a.isNumber() && v[0] == 0 {
		if text := r.textOf(a); !plainZero.MatchString(text) || aCall.MatchString(text) {
			return operand{}, r.fail(result.start, "log of %s, which is 0 or too small for a float64; if minus infinity is meant, write log(0)", clip(text))
		}
		result.value, result.constant, result.infinite = r.graph.Scalar(math.Inf(-1)), true, true
		return result, nil
	}
	result.length = a.length
	result.value = a.value.Log()
	return r.settle(result, a)
}

// A zero that no rounding can have made is written with numbers, constants, their sums and differences.
var (
	plainZero = regexp.MustCompile(`^[-+−\s\w.()]*$`)
	aCall     = regexp.MustCompile(`[A-Za-z_]\w*\s*\(`)
)

func dot(r *reader, result operand, arguments []operand) (operand, error) {
	a, b := arguments[0], arguments[1]
	if m, n := max(a.length, 1), max(b.length, 1); m != n {
		return operand{}, r.fail(result.start, "dot(a, b) of %s and %s; both need the same number", count(m, "element"), count(n, "element"))
	}
	if a.length <= 1 {
		return r.binary("*", result.start, result, r.number(a), r.number(b))
	}
	result.value = a.value.Dot(b.value)
	return r.settle(result, a, b)
}

func power(r *reader, result operand, arguments []operand) (operand, error) {
	return r.binary("^", result.start, result, arguments[0], arguments[1])
}

// where picks by a condition.
func where(r *reader, result operand, arguments []operand) (operand, error) {
	condition, a, b := arguments[0], arguments[1], arguments[2]
	if !condition.condition {
		return operand{}, r.fail(condition.start, "where needs a condition first, as in where(x[0] > 0, a, b); %s is a number", clip(r.textOf(condition)))
	}
	var err error
	for _, pair := range [][2]*operand{{&a, &b}, {&condition, &a}, {&condition, &b}} {
		if *pair[0], *pair[1], err = r.match(*pair[0], *pair[1], result.start, "where"); err != nil {
			return operand{}, err
		}
	}
	if v, ok := condition.value.Constant(); ok && condition.length == 0 && a.length == b.length {
		if v[0] != 0 {
			return a, nil
		}
		return b, nil
	}
	result.length = max(condition.length, a.length, b.length)
	result.condition = a.condition && b.condition
	result.value = autodiff.Where(condition.value, a.value, b.value)
	return r.settle(result, condition, a, b)
}

// argumentCount is the complaint about n arguments of a function that takes another number.
func argumentCount(name string, f function, n int, call string) string {
	takes := count(f.least, "argument")
	if f.most > f.least {
		takes = "at least " + takes
	}
	message := fmt.Sprintf("%s takes %s, %s; it has %d here", name, takes, f.form, n)
	if n > f.most && decimalComma.MatchString(call) {
		message += " (numbers are written with a decimal point)"
	}
	return message
}

// decimalComma is what looks like 0,5.
var decimalComma = regexp.MustCompile(`\d,\d`)
