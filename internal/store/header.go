package store

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// header is what stands before the data of a safetensors file, as it was written: nothing is checked against
// the data yet.
type header struct {
	metadata map[string]string
	entries  []entry
	digits   int // where the value of the key sha256 begins in the text, after its quote; -1 without one
}

// entry is a tensor of a header, and the range of the data that is said to hold it.
type entry struct {
	Tensor
	begin, end int
}

// parseHeader reads the JSON of a header. It is written out because encoding/json would keep the last of two
// equal names and replace what is no UTF-8, and tells nobody where a value stood.
func parseHeader(text []byte) (header, error) {
	h := header{metadata: map[string]string{}, digits: -1}
	if !utf8.Valid(text) {
		return h, errors.New("the header is no UTF-8")
	}
	if !bytes.HasPrefix(text, []byte("{")) {
		return h, errors.New("the header does not begin with {")
	}
	s := scanner{text: text}
	err := s.object(func(name string) error {
		if name == metadataName {
			return s.metadata(&h)
		}
		e, err := s.entry(name)
		h.entries = append(h.entries, e)
		return err
	})
	if err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	if rest := bytes.TrimLeft(text[s.at:], " "); len(rest) > 0 {
		return h, fmt.Errorf("header: %d bytes follow its end that are no padding with spaces", len(rest))
	}
	return h, nil
}

// scanner reads the few forms of JSON a header has: objects, lists, strings and whole numbers.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) metadata(h *header) error {
	return s.object(func(key string) error {
		s.space()
		start := s.at + 1
		value, err := s.string()
		if err != nil {
			return fmt.Errorf("metadata key %.99q: %w", key, err)
		}
		if key == sumKey {
			h.digits = start
		}
		h.metadata[key] = value
		return nil
	})
}

func (s *scanner) entry(name string) (entry, error) {
	e := entry{Tensor: Tensor{Name: name}}
	var offsets []int
	found := 0
	err := s.object(func(key string) (err error) {
		found++
		switch key {
		case "dtype":
			e.Type, err = s.string()
		case "shape":
			e.Shape, err = s.numbers()
		case "data_offsets":
			offsets, err = s.numbers()
		default:
			err = fmt.Errorf("unknown key %.99q: dtype, shape and data_offsets are allowed", key)
		}
		return err
	})
	switch {
	case err != nil:
	case found < 3:
		err = errors.New("one of dtype, shape and data_offsets is missing")
	case len(offsets) != 2:
		err = fmt.Errorf("%d data_offsets: it takes a begin and an end", len(offsets))
	default:
		e.begin, e.end = offsets[0], offsets[1]
		return e, nil
	}
	return e, fmt.Errorf("tensor %.99q: %w", name, err)
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek is the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.unexpected(fmt.Sprintf("%q", c))
	}
	s.at++
	return nil
}

func (s *scanner) unexpected(wanted string) error {
	if s.at == len(s.text) {
		return fmt.Errorf("it ends where %s should stand", wanted)
	}
	return fmt.Errorf("byte %d is %q where %s should stand", s.at, s.text[s.at], wanted)
}

// object reads an object; value reads the value of each key.
func (s *scanner) object(value func(key string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.at++
		return nil
	}
	seen := map[string]bool{}
	for {
		key, err := s.string()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("duplicate name %.99q", key)
		}
		seen[key] = true
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if s.peek() == '}' {
			s.at++
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

// numbers reads a list of whole numbers.
func (s *scanner) numbers() ([]int, error) {
	if err := s.expect('['); err != nil {
		return nil, err
	}
	closing := bytes.IndexByte(s.text[s.at:], ']')
	if closing < 0 {
		return nil, errors.New("it ends within a list")
	}
	list := make([]int, 0, 1+bytes.Count(s.text[s.at:s.at+closing], []byte(",")))
	if s.peek() == ']' {
		s.at++
		return list, nil
	}
	for {
		n, err := s.number()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if s.peek() == ']' {
			s.at++
			return list, nil
		}
		if err := s.expect(','); err != nil {
			return nil, err
		}
	}
}

// number reads digits. A sign, a fraction or an exponent is where something else should stand.
func (s *scanner) number() (int, error) {
	s.space()
	start, n := s.at, 0
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		digit := int(s.text[s.at] - '0')
		if n > (math.MaxInt-digit)/10 {
			return 0, fmt.Errorf("the number at byte %d is too large", start)
		}
		n = n*10 + digit
		s.at++
	}
	if s.at == start || s.text[start] == '0' && s.at > start+1 {
		s.at = start
		return 0, s.unexpected("a whole number, not negative,")
	}
	return n, nil
}

func (s *scanner) string() (string, error) {
	if s.peek() != '"' {
		return "", s.unexpected("a string")
	}
	s.at++
	start := s.at
	for s.at < len(s.text) && s.text[s.at] != '"' && s.text[s.at] != '\\' && s.text[s.at] >= ' ' {
		s.at++
	}
	plain := s.text[start:s.at]
	if s.at < len(s.text) && s.text[s.at] == '"' {
		s.at++
		return string(plain), nil
	}
	value := bytes.Clone(plain)
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return string(value), nil
		case c == '\\':
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			value = utf8.AppendRune(value, r)
		case c < ' ':
			return "", s.unexpected("a character of a string")
		default:
			value = append(value, c)
			s.at++
		}
	}
	return "", s.unexpected("the end of a string")
}

// escapes are the characters after a backslash and what they mean.
var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads a backslash and what belongs to it: two of them where \u has half of a character.
func (s *scanner) escape() (rune, error) {
	start := s.at
	if s.at+1 < len(s.text) {
		if r, ok := escapes[s.text[s.at+1]]; ok {
			s.at += 2
			return r, nil
		}
	}
	r, ok := s.hex()
	if ok && utf16.IsSurrogate(r) {
		second, _ := s.hex()
		r = utf16.DecodeRune(r, second)
		ok = r != utf8.RuneError
	}
	if !ok {
		s.at = start
		return 0, s.unexpected("an escape of JSON")
	}
	return r, nil
}

// hex reads \u and four digits.
func (s *scanner) hex() (rune, bool) {
	if len(s.text)-s.at < 6 || s.text[s.at] != '\\' || s.text[s.at+1] != 'u' {
		return 0, false
	}
	r := rune(0)
	for _, c := range s.text[s.at+2 : s.at+6] {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	s.at += 6
	return r, true
}

// appendString appends a string of JSON. Only what has to be escaped is, so that the bytes of a file do not
// hang on the version of a library.
func appendString(text []byte, value string) []byte {
	text = append(text, '"')
	for i := range len(value) {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			text = append(text, '\\', c)
		case c < ' ':
			text = fmt.Appendf(text, `\u%04x`, c)
		default:
			text = append(text, c)
		}
	}
	return append(text, '"')
}
