package density

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind says what a piece of the text is.
type tokenKind uint8

const (
	endToken      tokenKind = iota // behind the last character
	badToken                       // a character that cannot be read; nothing follows it
	numberToken                    // 1, .5, 1e-7
	nameToken                      // x, pi, exp, w
	operatorToken                  // + <= ( ) [ ] , : and the rest
)

// token is a piece of the text, as bytes from start to end.
type token struct {
	kind       tokenKind
	start, end int32
}

// operators are the spellings that mean something, longest first.
var operators = []string{
	"<=", ">=", "==", "!=", "&&", "||",
	"+", "-", "*", "/", "^", "<", ">", "!", "(", ")", "[", "]", ",", ":",
}

// foreign are spellings of other languages, with ours. They are looked for before the operators.
var foreign = []struct{ spelling, advice string }{
	{"**", `a power is written ^, as in x[0]^2`},
	{"//", `"//" is no operator; write floor(a/b)`},
	{"===", `equality is written ==`},
	{"<>", `"not equal" is written !=`},
	{"=<", `"at most" is written <=`},
	{"=>", `"at least" is written >=`},
	{"<<", `"<<" is no operator; compare with <`},
	{">>", `">>" is no operator; compare with >`},
	{":=", `":=" is no operator; the text is the log-density itself, without a name for it`},
	{"+=", `"+=" is no operator; the text is one formula`},
	{"-=", `"-=" is no operator; the text is one formula`},
	{"*=", `"*=" is no operator; the text is one formula`},
	{"/=", `"/=" is no operator; the text is one formula`},
	{"::", `"::" is no operator; functions are called by their name alone, and slices have no step`},
}

// foreignCharacters are ASCII characters without a meaning here, with advice.
var foreignCharacters = map[rune]string{
	'=':  `"=" is no operator; equality is written ==`,
	'&':  `"&" is no operator; "and" is written &&`,
	'|':  `"|" is no operator; write || for "or", abs(...) for an absolute value, norm(...) for the length of a vector`,
	'%':  `"%" is no operator; the rest of a/b is a - b*floor(a/b)`,
	'@':  `"@" is no operator; the product of two vectors is dot(a, b)`,
	'~':  `"~" is no operator; "not" is written !`,
	'?':  `"?" is no operator; a choice is written where(condition, a, b)`,
	'{':  `"{" is no bracket of a formula; group with ( and )`,
	'}':  `"}" is no bracket of a formula; group with ( and )`,
	';':  `";" ends nothing here; the text is one formula`,
	'\\': `"\" is LaTeX; write exp(...), sqrt(...), a/b`,
	'$':  `"$" means nothing in a formula; names are written bare`,
	'\'': `"'" means nothing in a formula; the product of two vectors is dot(a, b)`,
	'"':  `quotes mean nothing in a formula`,
	'#':  `"#" means nothing in a formula; comments are not read`,
	'`':  "\"`\" means nothing in a formula",
}

// lookalikes are characters beyond ASCII that papers and word processors put into formulas, with our spelling.
var lookalikes = map[rune]string{
	'·': "*", '×': "*", '⋅': "*", '∗': "*", '∙': "*", '•': "*", '÷': "/", '∕': "/", '⁄': "/",
	'–': "-", '—': "-", '‐': "-", '‑': "-", '‒': "-", '﹣': "-", '－': "-", '＋': "+", '＊': "*", '／': "/",
	'（': "(", '）': ")", '［': "[", '］': "]", '，': ",", '．': ".", '＜': "<", '＞': ">", '＝': "==",
	'≤': "<=", '≥': ">=", '⩽': "<=", '⩾': ">=", '≠': "!=", '≡': "==", '∧': "&&", '∨': "||", '¬': "!",
	'⁰': "^0", '¹': "^1", '²': "^2", '³': "^3", '⁴': "^4", '⁵': "^5", '⁶': "^6", '⁷': "^7", '⁸': "^8", '⁹': "^9",
	'⁻': "^-", '₀': "[0]", '₁': "[1]", '₂': "[2]", '₃': "[3]", '₄': "[4]", '₅': "[5]", '₆': "[6]", '₇': "[7]",
	'₈': "[8]", '₉': "[9]", '½': "1/2", '⅓': "1/3", '¼': "1/4", '¾': "3/4",
	'π': "pi", '√': "sqrt(...)", '∞': "inf, as in -inf", 'Γ': "lgamma(...) for its logarithm", 'ψ': "digamma(...)",
	'∑': "sum(...)", 'Σ': "sum(...)", '∏': "prod(...)", 'Π': "prod(...)", '‖': "norm(...)", '∥': "norm(...)",
	'∣': "abs(...)", '⟨': "dot(...)", '⟩': "dot(...)", '⌊': "floor(...)", '⌋': "floor(...)",
	'α': "alpha", 'β': "beta", 'γ': "gamma", 'δ': "delta", 'ε': "epsilon", 'ϵ': "epsilon", 'θ': "theta", 'κ': "kappa",
	'λ': "lambda", 'µ': "mu", 'μ': "mu", 'ν': "nu", 'ρ': "rho", 'σ': "sigma", 'τ': "tau", 'φ': "phi", 'ϕ': "phi", 'ω': "omega",
	'х': "x, the Latin letter", 'χ': "x, the Latin letter", '𝑥': "x, the Latin letter", 'ｘ': "x, the Latin letter",
	'е': "e, the Latin letter", 'а': "a, the Latin letter", 'о': "o, the Latin letter", 'с': "c, the Latin letter", 'р': "p, the Latin letter",
}

// minus is U+2212, the minus of typeset formulas. It is read as "-".
const minus = '−'

// tokenize cuts the text into tokens; the last one is an endToken, or a badToken that the error explains.
// An error in the text is not the reader's concern until it gets there.
func (r *reader) tokenize() {
	text := r.text
	for at := 0; ; {
		c, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case at == len(text):
			r.add(endToken, at, at)
			return
		case isSpace(c):
			at += size
		case isDigit(c) || c == '.' && at+1 < len(text) && isDigit(rune(text[at+1])):
			end, message := scanNumber(text, at)
			if message != "" {
				r.bad(at, message)
				return
			}
			r.add(numberToken, at, end)
			at = end
		case isLetter(c):
			end := scanName(text, at)
			r.add(nameToken, at, end)
			at = end
		case c == minus:
			r.add(operatorToken, at, at+size)
			at += size
		default:
			spelling := operatorAt(text[at:])
			if message := r.complaint(at, c, size, spelling); message != "" {
				r.bad(at, message)
				return
			}
			r.add(operatorToken, at, at+len(spelling))
			at += len(spelling)
		}
	}
}

func (r *reader) add(kind tokenKind, start, end int) {
	r.tokens = append(r.tokens, token{kind, int32(start), int32(end)})
}

func (r *reader) bad(at int, message string) {
	r.add(badToken, at, at)
	r.badMessage = message
}

// complaint says what is wrong with the character c at a place where no number, name or space begins.
// It is empty where an operator of ours stands.
func (r *reader) complaint(at int, c rune, size int, operator string) string {
	rest := r.text[at:]
	for _, f := range foreign {
		if strings.HasPrefix(rest, f.spelling) {
			return f.advice
		}
	}
	if operator != "" {
		return ""
	}
	if c == '.' {
		return r.dotComplaint(at)
	}
	if c == '=' && len(r.tokens) == 1 && r.tokens[0].kind == nameToken {
		return fmt.Sprintf("the text is the log-density itself; leave out %q", r.text[r.tokens[0].start:at+1])
	}
	if advice, ok := foreignCharacters[c]; ok {
		return advice
	}
	code := fmt.Sprintf("U+%04X", c)
	switch ours, ok := lookalikes[c]; {
	case c == utf8.RuneError && size <= 1:
		return fmt.Sprintf("byte 0x%02X is not UTF-8; write the formula in ASCII", rest[0])
	case ok:
		return fmt.Sprintf("the character %q (%s) is not read; write %s", string(c), code, ours)
	case unicode.IsPrint(c):
		return fmt.Sprintf("the character %q (%s) means nothing in a formula", string(c), code)
	}
	return fmt.Sprintf("the invisible character %s does not belong into a formula; delete it", code)
}

// dotComplaint explains a point that begins no number: np.exp(...), x.sum(), or a slip.
func (r *reader) dotComplaint(at int) string {
	name := r.text[at+1 : scanName(r.text, at+1)]
	if name == "" || len(r.tokens) == 0 {
		return `"." stands here without digits; it is read as a decimal point only, as in 0.5`
	}
	f, known := functions[name]
	before := r.tokens[len(r.tokens)-1]
	owner := r.text[before.start:before.end]
	switch {
	case before.kind == nameToken && owner != "x" && known:
		return fmt.Sprintf("functions are called by their name alone; write %s instead of %s.%s", f.form, clip(owner), name)
	case before.kind == nameToken && owner != "x":
		return fmt.Sprintf("functions are called by their name alone, without %q before it", clip(owner)+".")
	case !known:
		return fmt.Sprintf("%q means nothing here; functions are called by their name, as in sum(x)", clip("."+name))
	}
	subject := r.text[r.tokens[r.primaryBefore(len(r.tokens))].start:at]
	if strings.HasPrefix(subject, "(") {
		return fmt.Sprintf("functions are not called with a point; write %s%s", name, clip(subject))
	}
	return fmt.Sprintf("functions are not called with a point; write %s(%s)", name, clip(subject))
}

// primaryBefore is the first token of the operand (with its brackets, and the name before them) that ends just
// before token at.
func (r *reader) primaryBefore(at int) int {
	i := at
	for i > 0 {
		i--
		switch r.spelling(r.tokens[i]) {
		case ")", "]":
			i = r.opening(i)
		}
		// f(...) and x[...] go on to the left.
		bracket := r.spelling(r.tokens[i])
		if bracket != "(" && bracket != "[" || i == 0 {
			return i
		}
		before := r.tokens[i-1]
		if before.kind == nameToken {
			return i - 1
		}
		if s := r.spelling(before); bracket == "(" || s != ")" && s != "]" {
			return i
		}
	}
	return i
}

// opening is the bracket that the closing one at token i belongs to, or the first token.
func (r *reader) opening(i int) int {
	for depth := 0; i > 0; i-- {
		switch r.spelling(r.tokens[i]) {
		case ")", "]":
			depth++
		case "(", "[":
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return 0
}

// spelling is the text of an operator, with U+2212 as "-", and empty for every other token.
func (r *reader) spelling(t token) string {
	if t.kind != operatorToken {
		return ""
	}
	s := r.text[t.start:t.end]
	if s == string(minus) {
		return "-"
	}
	return s
}

func operatorAt(text string) string {
	for _, o := range operators {
		if strings.HasPrefix(text, o) {
			return o
		}
	}
	return ""
}

// scanNumber finds the end of the number that starts at a digit or point. What ParseFloat takes but
// mathematics does not (1_000, 0x1p4), and numbers that go wrong half-way, are refused with a message.
func scanNumber(text string, at int) (end int, message string) {
	i := skipDigits(text, at)
	if i < len(text) && text[i] == '.' {
		i = skipDigits(text, i+1)
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		j := i + 1
		if j < len(text) && (text[j] == '+' || text[j] == '-') {
			j++
		} else if strings.HasPrefix(text[j:], string(minus)) {
			return 0, "the exponent has a typeset minus (U+2212); write " + text[at:i+1] + "-..."
		}
		k := skipDigits(text, j)
		// 2exp(x) is a missing sign of multiplication, not a broken exponent.
		if k == j && (j > i+1 || scanName(text, i) == i+1) {
			return 0, fmt.Sprintf("the exponent of %s has no digits; write for example %se-3", clip(text[at:j]), clip(text[at:i]))
		}
		if k > j {
			i = k
		}
	}
	rest := text[i:]
	switch {
	case rest == "":
	case rest[0] == '_':
		return 0, "digits are not grouped with _; write " + clip(text[at:i]) + " and the rest without it"
	case text[at:i] == "0" && (rest[0] == 'x' || rest[0] == 'X') && len(rest) > 1 && isHex(rest[1]):
		return 0, "numbers are decimal; 0x is not read"
	case rest[0] == '.' && (len(rest) == 1 || !isLetter(rune(rest[1]))):
		return 0, fmt.Sprintf("%s. has one decimal point too many", clip(text[at:i]))
	}
	return i, ""
}

// scanName finds the end of the name that starts at at; it is at where none does.
func scanName(text string, at int) int {
	i := at
	for i < len(text) && (isLetter(rune(text[i])) || i > at && isDigit(rune(text[i]))) {
		i++
	}
	return i
}

func skipDigits(text string, i int) int {
	for i < len(text) && isDigit(rune(text[i])) {
		i++
	}
	return i
}

func isSpace(c rune) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c > unicode.MaxASCII && unicode.Is(unicode.Zs, c)
}

func isDigit(c rune) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(rune(c)) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isLetter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

// clip shortens a piece of the text for a message.
func clip(s string) string {
	const most = 48
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	runes := []rune(s)
	return string(runes[:most/2]) + "..." + string(runes[len(runes)-most/2:])
}
