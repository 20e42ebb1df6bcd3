package density

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
)

// predefined are the names that are neither functions nor constants of the caller.
var predefined = []string{"e", "inf", "pi", "x"}

func isPredefined(name string) bool { return slices.Contains(predefined, name) }

// words are names of other languages that stand for an operator or a value, with ours.
var words = map[string]string{
	"and":      `"and" is written &&, as in x[0] > 0 && x[1] > 0`,
	"or":       `"or" is written ||, as in x[0] < 0 || x[0] > 1`,
	"not":      `"not" is written !, as in !(x[0] > 0)`,
	"if":       `a choice is written where(condition, a, b)`,
	"else":     `a choice is written where(condition, a, b)`,
	"then":     `a choice is written where(condition, a, b)`,
	"for":      `there are no loops; sum(...) goes over a vector`,
	"mod":      `the rest of a/b is a - b*floor(a/b)`,
	"true":     `"true" is written as a condition that holds, as in 1 > 0`,
	"false":    `"false" is written as a condition that fails, as in 1 < 0`,
	"infinity": `minus infinity is written -inf or log(0)`,
	"oo":       `minus infinity is written -inf or log(0)`,
	"nan":      `a log-density is never NaN on purpose; outside of the support it is log(0)`,
}

// aliases are functions of other languages, with how they are written here.
var aliases = map[string]string{
	"ln": "log(a)", "loge": "log(a)", "lg": "log10(a)", "ld": "log2(a)", "lb": "log2(a)",
	"fabs": "abs(a)", "modulus": "abs(a)", "sqr": "square(a), or sqrt(a) for the root", "cbrt": "sign(a)*abs(a)^(1/3)",
	"power": "pow(a, b)", "exp2": "2^a", "exp10": "10^a", "sgn": "sign(a)", "signum": "sign(a)",
	"maximum": "max(a, b)", "minimum": "min(a, b)", "fmax": "max(a, b)", "fmin": "min(a, b)", "relu": "max(a, 0)",
	"gamma": "exp(lgamma(a))", "loggamma": "lgamma(a)", "gammaln": "lgamma(a)", "lngamma": "lgamma(a)", "log_gamma": "lgamma(a)",
	"psi": "digamma(a)", "beta": "exp(lgamma(a) + lgamma(b) - lgamma(a + b))", "lbeta": "lgamma(a) + lgamma(b) - lgamma(a + b)",
	"betaln": "lgamma(a) + lgamma(b) - lgamma(a + b)", "factorial": "exp(lgamma(a + 1))",
	"expit": "sigmoid(a)", "logistic": "sigmoid(a)", "inv_logit": "sigmoid(a)", "invlogit": "sigmoid(a)", "logit": "log(a) - log(1 - a)",
	"log1pexp": "softplus(a)", "log1p_exp": "softplus(a)", "log_sigmoid": "-softplus(-a)", "logsigmoid": "-softplus(-a)",
	"lse": "logsumexp(a, b)", "log_sum_exp": "logsumexp(a, b)", "logaddexp": "logsumexp(a, b)",
	"norm2": "norm(v)", "l2": "norm(v)", "length": "norm(v)", "magnitude": "norm(v)", "hypot": "norm(a, b)", "enorm": "norm(v)",
	"inner": "dot(a, b)", "inprod": "dot(a, b)", "vdot": "dot(a, b)", "matmul": "dot(a, b), of vectors", "dotproduct": "dot(a, b)",
	"average": "mean(v)", "product": "prod(v)", "total": "sum(v)", "cumsum": "sum(x[0:k])", "var": "mean((v - mean(v))^2)",
	"ifelse": "where(condition, a, b)", "iif": "where(condition, a, b)", "cond": "where(condition, a, b)", "select": "where(condition, a, b)",
	"if": "where(condition, a, b)", "piecewise": "where(condition, a, b)", "if_else": "where(condition, a, b)",
	"clip": "max(low, min(a, high))", "clamp": "max(low, min(a, high))", "ceil": "-floor(-a)", "round": "floor(a + 0.5)",
	"trunc": "sign(a)*floor(abs(a))", "mod": "a - b*floor(a/b)", "fmod": "a - b*floor(a/b)", "step": "where(a > 0, 1, 0)", "heaviside": "where(a > 0, 1, 0)",
	"sinh": "(exp(a) - exp(-a))/2", "cosh": "(exp(a) + exp(-a))/2", "tg": "tan(a)", "cot": "cos(a)/sin(a)", "sec": "1/cos(a)", "csc": "1/sin(a)",
	"normcdf": "erfc(-a/sqrt(2))/2", "phi": "erfc(-a/sqrt(2))/2", "normal_cdf": "erfc(-a/sqrt(2))/2",
	"array": "[a, b, ...]", "vector": "[a, b, ...]", "vec": "[a, b, ...]", "c": "[a, b, ...]",
}

// absent are functions that are not there, although the name of one that is comes near.
var absent = []string{"atan", "asin", "acos", "atan2", "arcsin", "arccos", "arctan", "atanh", "acosh", "asinh", "erfinv", "erfcinv"}

// between decides about a token that stands where an operator is expected and is none: nil where an outer part
// of the formula will know what to do with it.
func (r *reader) between(t token) error {
	operator := r.spelling(t)
	switch {
	case t.kind == badToken:
		return r.fail(int(t.start), "%s", r.badMessage)
	case operator == "!":
		return r.fail(int(t.start), `"!" negates the condition behind it; a factorial is exp(lgamma(a + 1))`)
	case operator != "" && operator != "(" && operator != "[" || t.kind == endToken:
		return nil
	}
	if t.kind == nameToken {
		if advice, ok := words[strings.ToLower(r.text[t.start:t.end])]; ok {
			return r.fail(int(t.start), "%s", advice)
		}
	}
	if t.kind == numberToken && r.at > 0 && r.tokens[r.at-1].kind == numberToken {
		return r.fail(int(t.start), "two numbers without an operator between them; digits are not grouped")
	}
	return r.missingProduct(r.at)
}

// missingProduct is the complaint about token i, which follows an operand without an operator. 1/2x is not
// guessed at: some read (1/2)*x, others 1/(2*x).
func (r *reader) missingProduct(i int) error {
	first, slash := i, -1
	for first > 0 {
		last := r.spelling(r.tokens[first-1])
		if last == ")" || last == "]" || last == "" {
			first = r.primaryBefore(first)
			continue
		}
		if last != "*" && last != "/" && last != "^" {
			break
		}
		if slash < 0 && last != "^" {
			slash = first - 1
		}
		first--
	}
	left := r.text[r.tokens[first].start:r.tokens[i-1].end]
	right := r.text[r.tokens[i].start:r.tokens[r.primaryEnd(i)].end]
	advice := fmt.Sprintf("%s*%s", clip(left), clip(right))
	if slash >= 0 && r.spelling(r.tokens[slash]) == "/" {
		above := r.text[r.tokens[first].start:r.tokens[slash].start]
		below := r.text[r.tokens[slash+1].start:r.tokens[i-1].end]
		advice += fmt.Sprintf(", or %s/(%s*%s) if that is meant", clip(above), clip(below), clip(right))
	}
	return r.fail(int(r.tokens[i].start), "a sign of multiplication is missing; write %s", advice)
}

// primaryEnd is the last token of the operand that begins at token i.
func (r *reader) primaryEnd(i int) int {
	end := i
	if s := r.spelling(r.tokens[i]); s == "(" || s == "[" {
		end = r.closing(i)
	} else if s := r.spelling(r.tokens[i+1]); s == "(" && r.tokens[i].kind == nameToken {
		end = r.closing(i + 1)
	}
	for end+1 < len(r.tokens) && r.spelling(r.tokens[end+1]) == "[" {
		end = r.closing(end + 1)
	}
	return end
}

// closing is the bracket that the opening one at token i belongs to, or the last token before the end.
func (r *reader) closing(i int) int {
	depth := 0
	for ; i < len(r.tokens)-2; i++ {
		switch r.spelling(r.tokens[i]) {
		case "(", "[":
			depth++
		case ")", "]":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(r.tokens) - 2
}

// stray is the complaint about a token behind a whole formula.
func (r *reader) stray(t token) error {
	switch s := r.spelling(t); s {
	case ",":
		return r.fail(int(t.start), "a comma outside of parentheses; numbers are written with a decimal point, as in 0.5")
	case ":":
		return r.fail(int(t.start), `":" belongs into a slice, as in x[0:2]`)
	default:
		return r.fail(int(t.start), "%q closes nothing", s)
	}
}

// missingOperand is the complaint about a token where an operand should begin.
func (r *reader) missingOperand(t token) error {
	expected := "a number, x, a function or a parenthesis"
	after := ""
	if r.at > 0 {
		before := r.tokens[r.at-1]
		after = fmt.Sprintf(" after %q", r.text[before.start:before.end])
	}
	operator := r.spelling(t)
	switch {
	case t.kind == badToken:
		return r.fail(int(t.start), "%s", r.badMessage)
	case t.kind == endToken:
		return r.fail(r.endOfText(), "the formula ends%s, where %s has to follow", after, expected)
	case operator == "||":
		return r.fail(int(t.start), `the length of a vector is norm(...), and "or" stands between two conditions`)
	}
	return r.fail(int(t.start), "%q stands%s where %s is expected", operator, after, expected)
}

// coordinate is how other notations write x[1].
var coordinate = regexp.MustCompile(`^[xX]_?(\d{1,9})$`)

// unknownName explains a name without a value.
func (r *reader) unknownName(t token) error {
	name := r.text[t.start:t.end]
	f, isFunction := functions[name]
	next := r.tokens[r.at]
	if next.kind == badToken && strings.IndexByte(".=:", r.text[next.start]) >= 0 {
		return r.fail(int(t.start), "%s", r.badMessage) // np.exp(...), logp = ...
	}
	switch parts := coordinate.FindStringSubmatch(name); {
	case isFunction && (next.kind == nameToken || next.kind == numberToken):
		argument := r.text[next.start:r.tokens[r.primaryEnd(r.at)].end]
		return r.fail(int(t.start), "%s is a function; write %s(%s)", name, name, clip(argument))
	case isFunction:
		return r.fail(int(t.start), "%s is a function; write %s", name, f.form)
	case parts != nil:
		return r.fail(int(t.start), "unknown name %q; did you mean x[%s]? (the first coordinate is x[0])", name, parts[1])
	case name == "X":
		return r.fail(int(t.start), `unknown name "X"; did you mean "x"?`)
	case (name == "y" && r.dim >= 2) || (name == "z" && r.dim >= 3):
		return r.fail(int(t.start), "unknown name %q; the coordinates are %s; did you mean x[%d]?", name, r.coordinates(), name[0]-'x')
	}
	if advice, ok := words[strings.ToLower(name)]; ok {
		return r.fail(int(t.start), "%s", advice)
	}
	if form, ok := aliases[strings.ToLower(name)]; ok && len(name) > 2 && r.spelling(next) != "" && r.spelling(next) != ")" {
		return r.fail(int(t.start), "unknown name %q; did you mean %s?", name, form)
	}
	known := append(slices.Sorted(maps.Keys(r.constants)), predefined...) // sorted: the same advice every time
	if near := spelling.Nearest(name, known); near != "" {
		return r.fail(int(t.start), "unknown name %q; did you mean %q?", name, near)
	}
	if near := spelling.Nearest(name, slices.Sorted(maps.Keys(functions))); near != "" && len(name) > 2 {
		return r.fail(int(t.start), "unknown name %q; did you mean %s?", name, functions[near].form)
	}
	given := "pi and e"
	if len(r.constants) > 0 {
		names := slices.Sorted(maps.Keys(r.constants))
		given = clip(strings.Join(append(names, "pi"), ", ")) + " and e"
	}
	err := r.fail(int(t.start), "unknown name %q; the point is x, the constants are %s; give %s a value as a constant", clip(name), given, clip(name))
	err.Name = name
	return err
}

// unknownFunction explains a name before a parenthesis that is no function.
func (r *reader) unknownFunction(t token) error {
	name := r.text[t.start:t.end]
	_, isConstant := r.constants[name]
	switch {
	case name == "x":
		return r.fail(int(r.tokens[r.at].start), "x is the point and no function; its coordinates are written x[0], x[1], ..., "+
			"and a sign of multiplication is never left out")
	case isConstant || isPredefined(name):
		return r.missingProduct(r.at)
	}
	lower := strings.ToLower(name)
	if form, ok := aliases[lower]; ok {
		return r.fail(int(t.start), "unknown function %q; write %s", name, form)
	}
	if advice, ok := words[lower]; ok {
		return r.fail(int(t.start), "%s", advice)
	}
	names := slices.Sorted(maps.Keys(functions))
	if near := spelling.Nearest(name, names); near != "" && !slices.Contains(absent, lower) {
		return r.fail(int(t.start), "unknown function %q; did you mean %q?", name, near)
	}
	return r.fail(int(t.start), "unknown function %q; the functions are %s", clip(name), strings.Join(names, ", "))
}
