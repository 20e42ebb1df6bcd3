package autodiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
)

// jsonReader reads JSON of a known structure token by token. Package json would take fields in any case and the last of
// repeated ones, and read before it is known whether the structure is right.
type jsonReader struct {
	tokens *json.Decoder
}

func newJSONReader(text []byte) *jsonReader {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return &jsonReader{d}
}

// at adds the place to an error of the text's syntax.
func (r *jsonReader) at(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("byte %d: %w", r.tokens.InputOffset(), err)
}

func (r *jsonReader) token() (json.Token, error) {
	t, err := r.tokens.Token()
	if err != nil {
		return nil, r.at(err)
	}
	return t, nil
}

// unexpected is the error for a token of another kind.
func (r *jsonReader) unexpected(t json.Token, want string) error {
	return r.at(fmt.Errorf("%.40q: want %s", fmt.Sprint(t), want))
}

func (r *jsonReader) delimiter(want json.Delim) error {
	t, err := r.token()
	if err == nil && t != want {
		err = r.unexpected(t, fmt.Sprintf("%q", want.String()))
	}
	return err
}

// object reads an object; f reads the value of each key.
func (r *jsonReader) object(f func(key string) error) error {
	if err := r.delimiter('{'); err != nil {
		return err
	}
	for r.tokens.More() {
		t, err := r.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return r.unexpected(t, "a key")
		}
		if err := f(key); err != nil {
			return err
		}
	}
	return r.delimiter('}')
}

// array reads an array; f reads its element i.
func (r *jsonReader) array(f func(i int) error) error {
	if err := r.delimiter('['); err != nil {
		return err
	}
	for i := 0; r.tokens.More(); i++ {
		if err := f(i); err != nil {
			return err
		}
	}
	return r.delimiter(']')
}

func (r *jsonReader) text() (string, error) {
	t, err := r.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", r.unexpected(t, "a string")
	}
	return s, nil
}

func (r *jsonReader) int() (int, error) {
	t, err := r.token()
	if err != nil {
		return 0, err
	}
	n, ok := t.(json.Number)
	if !ok {
		return 0, r.unexpected(t, "a whole number")
	}
	v, err := strconv.ParseInt(n.String(), 10, 32)
	if err != nil {
		return 0, r.unexpected(t, "a whole number of 32 bits")
	}
	return int(v), nil
}

func (r *jsonReader) ints() (all []int, err error) {
	err = r.array(func(int) error {
		v, err := r.int()
		all = append(all, v)
		return err
	})
	return all, err
}

// floats reads numbers, and the words NaN, Infinity and -Infinity.
func (r *jsonReader) floats() (all []float64, err error) {
	err = r.array(func(int) error {
		t, err := r.token()
		if err != nil {
			return err
		}
		var v float64
		switch t {
		case "NaN":
			v = math.NaN()
		case "Infinity":
			v = math.Inf(1)
		case "-Infinity":
			v = math.Inf(-1)
		default:
			n, ok := t.(json.Number)
			if !ok {
				return r.unexpected(t, `a number, "NaN", "Infinity" or "-Infinity"`)
			}
			if v, err = strconv.ParseFloat(n.String(), 64); err != nil {
				return r.unexpected(t, "a number of the range of float64")
			}
		}
		all = append(all, v)
		return nil
	})
	return all, err
}

// end makes sure that nothing follows.
func (r *jsonReader) end() error {
	if t, err := r.tokens.Token(); err != io.EOF {
		if err != nil {
			return r.at(err)
		}
		return r.unexpected(t, "the end")
	}
	return nil
}
