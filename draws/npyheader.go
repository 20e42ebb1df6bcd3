package draws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"strings"
)

// header is what an npy file says of its array.
type header struct {
	element element
	fortran bool // the first index runs fastest
	shape   []uint64
	length  int64 // of the header itself, magic and all
}

// element is the type of the numbers of an array.
type element struct {
	kind byte // f float, i signed, u unsigned, b bool, U text
	size int  // bytes
	big  bool // big-endian
}

// maxHeader is far more than any array of plain numbers needs, and little to read in vain.
const maxHeader = 1 << 16

// readHeader reads the header of an npy file of size bytes, versions 1 to 3.
func readHeader(r io.Reader, size int64) (header, error) {
	var start [12]byte
	short := fmt.Errorf("the npy header is cut off: the file has %d bytes", size)
	if size < 10 {
		return header{}, short
	}
	if _, err := io.ReadFull(r, start[:10]); err != nil {
		return header{}, err
	}
	if string(start[:6]) != npyMagic {
		return header{}, errors.New("it is not an npy array: it does not begin with \\x93NUMPY")
	}
	used, length := int64(10), int64(binary.LittleEndian.Uint16(start[8:]))
	switch version := start[6]; {
	case version == 2 || version == 3:
		if size < 12 {
			return header{}, short
		}
		if _, err := io.ReadFull(r, start[10:]); err != nil {
			return header{}, err
		}
		used, length = 12, int64(binary.LittleEndian.Uint32(start[8:]))
	case version != 1:
		return header{}, fmt.Errorf("npy version %d.%d: versions 1 to 3 are read", start[6], start[7])
	}
	if start[7] != 0 {
		return header{}, fmt.Errorf("npy version %d.%d: versions 1.0, 2.0 and 3.0 are read", start[6], start[7])
	}
	if length > size-used {
		return header{}, fmt.Errorf("the npy header declares %d bytes, %d are there", length, size-used)
	}
	if length > maxHeader {
		return header{}, fmt.Errorf("an npy header of %d bytes: an array of numbers needs about 100", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return header{}, err
	}
	h, err := parseHeader(string(text))
	h.length = used + length
	return h, err
}

// parseHeader reads the Python dictionary of a header: these three keys and nothing else.
func parseHeader(text string) (header, error) {
	p := &literal{rest: text}
	var h header
	var descr string
	seen := map[string]bool{}
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		key := p.quoted()
		p.expect(":")
		if p.err == nil && seen[key] {
			p.fail("key %q is there twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			p.space()
			if strings.HasPrefix(p.rest, "[") || strings.HasPrefix(p.rest, "(") || strings.HasPrefix(p.rest, "{") {
				return h, fmt.Errorf("an array of records, %s: save its fields as the columns of a plain array", clip(p.rest))
			}
			descr = p.quoted()
		case "fortran_order":
			h.fortran = p.accept("True")
			if !h.fortran {
				p.expect("False")
			}
		case "shape":
			h.shape = p.tuple()
		default:
			p.fail("unknown key %q", key)
		}
		if !p.accept(",") {
			p.expect("}")
			break
		}
	}
	if p.space(); p.err == nil && p.rest != "" {
		p.fail("%s follows its end", clip(p.rest))
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if p.err == nil && !seen[key] {
			p.fail("key %q is missing", key)
		}
	}
	if p.err != nil {
		return h, p.err
	}
	var err error
	h.element, err = parseElement(descr)
	return h, err
}

// parseElement reads a type such as <f8. Text is refused later, where numbers are wanted.
func parseElement(descr string) (element, error) {
	if strings.HasSuffix(descr, "O") {
		return element{}, fmt.Errorf("an array of Python objects (%s), which are never unpickled: save numbers", clip(descr))
	}
	refused := fmt.Errorf("an array of type %s: floats of 2, 4 and 8 bytes, integers of 1 to 8 and bool are read", clip(descr))
	if len(descr) < 3 {
		return element{}, refused
	}
	order, kind := descr[0], descr[1]
	size, err := strconv.ParseUint(descr[2:], 10, 28)
	if err != nil || descr[2] == '0' || descr[2] == '+' {
		return element{}, refused
	}
	e := element{kind: kind, size: int(size), big: order == '>'}
	ok := false
	switch kind {
	case 'f':
		ok = size == 2 || size == 4 || size == 8
	case 'i', 'u':
		ok = size == 1 || size == 2 || size == 4 || size == 8
	case 'b':
		ok = size == 1
	case 'U':
		ok, e.size = true, 4*int(size)
	}
	if !ok || order != '<' && order != '>' && !(order == '|' && size == 1 && kind != 'U') {
		return element{}, refused
	}
	return e, nil
}

// elements is the number of elements, and whether it overflows.
func (h *header) elements() (uint64, bool) {
	product := uint64(1)
	overflow := false
	for _, n := range h.shape {
		if n == 0 {
			return 0, false
		}
		over, low := bits.Mul64(product, n)
		overflow = overflow || over != 0
		product = low
	}
	return product, overflow
}

// checkBytes compares what the header declares with the bytes after it.
func (h *header) checkBytes(size int64) error {
	there := uint64(size - h.length)
	count, overflow := h.elements()
	over, declared := bits.Mul64(count, uint64(h.element.size))
	switch {
	case overflow || over != 0:
		return fmt.Errorf("the header declares %s, more than 2^64 bytes; %d are there", h.shapeText(), there)
	case declared > there:
		return fmt.Errorf("the header declares %s = %d bytes, %d are there: %d are missing", h.shapeText(), declared, there, declared-there)
	case declared < there:
		return fmt.Errorf("the header declares %s = %d bytes, %d are there: %d too many", h.shapeText(), declared, there, there-declared)
	}
	return nil
}

// shapeText is the shape as Python prints it.
func (h *header) shapeText() string {
	var text strings.Builder
	text.WriteByte('(')
	for i, n := range h.shape {
		if i > 0 {
			text.WriteString(", ")
		}
		if i == 8 {
			text.WriteString("...")
			break
		}
		text.WriteString(strconv.FormatUint(n, 10))
	}
	if len(h.shape) == 1 {
		text.WriteByte(',')
	}
	text.WriteByte(')')
	return text.String()
}

// rowsAndColumns cuts the axes into those that number points and those that number coordinates.
func (h *header) rowsAndColumns(pointAxes int) (rows, columns uint64, axes int, err error) {
	if pointAxes < 0 {
		return 0, 0, 0, fmt.Errorf("PointAxes is %d: 0 or more are allowed", pointAxes)
	}
	switch n := len(h.shape); {
	case n == 0:
		return 0, 0, 0, errors.New("the shape is (), a single number: it has no rows and columns")
	case pointAxes > n:
		return 0, 0, 0, fmt.Errorf("the shape is %s, which has fewer than the %d axes that are to number points", h.shapeText(), pointAxes)
	case pointAxes == 0 && n > 2:
		return 0, 0, 0, fmt.Errorf("the shape is %s, which has %d axes: points have two, rows and columns; reshape the array", h.shapeText(), n)
	}
	axes = max(pointAxes, 1)
	rows, columns = 1, 1
	for i, n := range h.shape {
		switch { // no overflow: the product of all is known to be within the file, or one is 0
		case n == 0 && i < axes:
			return 0, 0, 0, fmt.Errorf("the shape is %s: there are no rows", h.shapeText())
		case n == 0:
			return 0, 0, 0, fmt.Errorf("the shape is %s: there are no columns", h.shapeText())
		case i < axes:
			rows *= n
		default:
			columns *= n
		}
	}
	return rows, columns, axes, nil
}

// literal reads the few Python literals a header is made of.
type literal struct {
	rest string
	err  error
}

func (p *literal) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("the npy header is malformed: "+format, args...)
	}
}

func (p *literal) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// accept takes a text if it is next.
func (p *literal) accept(text string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, text)
	if ok && p.err == nil {
		p.rest = rest
	}
	return ok
}

func (p *literal) expect(text string) {
	if !p.accept(text) {
		p.fail("%s where %q should stand", clip(p.rest), text)
	}
}

// quoted takes a string. Escapes have no place in a header of numbers.
func (p *literal) quoted() string {
	p.space()
	if p.rest != "" && (p.rest[0] == '\'' || p.rest[0] == '"') {
		if end := strings.IndexByte(p.rest[1:], p.rest[0]); end >= 0 {
			text := p.rest[1 : 1+end]
			p.rest = p.rest[2+end:]
			return text
		}
	}
	p.fail("%s where a string should stand", clip(p.rest))
	return ""
}

// tuple takes a tuple of lengths: (), (3,), (3, 2), (3, 2,). Old Pythons wrote 3L.
func (p *literal) tuple() []uint64 {
	var lengths []uint64
	p.expect("(")
	for p.err == nil && !p.accept(")") {
		p.space()
		digits := len(p.rest) - len(strings.TrimLeft(p.rest, "0123456789"))
		n, err := strconv.ParseUint(p.rest[:digits], 10, 63)
		switch {
		case strings.HasPrefix(p.rest, "-"):
			p.fail("a length of %s in its shape", clip(p.rest))
		case digits == 0:
			p.fail("%s where a length should stand", clip(p.rest))
		case err != nil:
			p.fail("a length of %s in its shape, which is beyond 2^63", clip(p.rest[:digits]))
		case len(lengths) == 32:
			p.fail("more than 32 axes")
		}
		if p.err != nil {
			return nil
		}
		lengths = append(lengths, n)
		p.rest = strings.TrimPrefix(p.rest[digits:], "L")
		if !p.accept(",") {
			if len(lengths) == 1 {
				p.fail("a number where its shape should be a tuple")
			}
			p.expect(")")
			break
		}
	}
	return lengths
}

// clip quotes the beginning of a text for an error.
func clip(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(text[:most]) + "..."
	}
	return strconv.Quote(text)
}
