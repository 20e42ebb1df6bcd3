package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"slices"
)

// Safetensors is the content of a safetensors file: tensors and words about them. Format:
// https://huggingface.co/docs/safetensors, eight bytes little-endian for the length of a header, the header as
// JSON, the data.
//
//	{"__metadata__":{"sha256":"5e88..."},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
//
// The format allows no footer, so the checksum stands in the metadata: "sha256" is the SHA-256 of the whole file
// with these 64 digits read as zeros, and "sha256_of" says so. Every file that is written here has both. The
// second is what makes the damage of the first one's name visible, which would otherwise make a file without a
// checksum.
type Safetensors struct {
	Metadata map[string]string
	// Tensors, of different names, in the order of their data. A writer orders them itself.
	Tensors []Tensor
	// SHA256 is the checksum in the file that was read, 64 digits that were right, or "" where the file has none.
	// Writers ignore it.
	SHA256 string
}

// Tensor is an array of any number of dimensions; without any it is a single number.
type Tensor struct {
	Name  string
	Type  string // F64, F32, BF16, F16, I64, ..., U8, BOOL: the format's names of types
	Shape []int
	Data  []byte // row by row, the last index fastest; each number little-endian
}

// bitsOf are the types of the format and how many bits an element has.
var bitsOf = map[string]int{
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
	"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"I16": 16, "U16": 16, "F16": 16, "BF16": 16,
	"I32": 32, "U32": 32, "F32": 32,
	"C64": 64, "F64": 64, "I64": 64, "U64": 64,
}

const (
	metadataName = "__metadata__"
	sumKey       = "sha256"
	sumOfKey     = "sha256_of"
	sumOf        = "this file, the 64 digits of sha256 read as zeros"
	// maxHeader is the bound of the format's own library, in bytes.
	maxHeader = 100_000_000
)

// Find returns the tensor of a name.
func (s Safetensors) Find(name string) (Tensor, bool) {
	for _, t := range s.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// ReadSafetensors reads a safetensors file of whoever wrote it. One that breaks the format's rules in any point,
// or whose checksum is wrong, is an error with [ErrCorrupt] in its chain; one without a checksum is accepted,
// with an empty SHA256. Memory is that of the file, whatever it declares.
func ReadSafetensors(path string) (Safetensors, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Safetensors{}, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
		return Safetensors{}, fmt.Errorf("%s is no ordinary file: %w", path, ErrCorrupt)
	}
	f, err := os.Open(path)
	if err != nil {
		return Safetensors{}, err
	}
	defer f.Close()
	s, err := DecodeSafetensors(f, info.Size())
	if err != nil {
		return Safetensors{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// DecodeSafetensors is [ReadSafetensors] on size bytes that are there.
func DecodeSafetensors(r io.ReaderAt, size int64) (Safetensors, error) {
	s, err := decodeSafetensors(r, size)
	var read *readError
	if err != nil && !errors.As(err, &read) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return s, err
}

// readError is a failure to read, which says nothing about the file.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

func decodeSafetensors(r io.ReaderAt, size int64) (Safetensors, error) {
	var none Safetensors
	if size == 0 {
		return none, errors.New("it is empty")
	}
	if size < 8 {
		return none, fmt.Errorf("%d bytes are fewer than the smallest safetensors file has, 10", size)
	}
	length := make([]byte, 8)
	if err := readAt(r, length, 0); err != nil {
		return none, err
	}
	declared := binary.LittleEndian.Uint64(length)
	if declared > uint64(size-8) {
		return none, fmt.Errorf("it declares a header of %d bytes, %d are there", declared, size-8)
	}
	if declared > maxHeader {
		return none, fmt.Errorf("it declares a header of %d bytes: the format allows %d", declared, maxHeader)
	}
	if size > math.MaxInt {
		return none, fmt.Errorf("its %d bytes are more than this machine can address", size)
	}
	text := make([]byte, declared)
	if err := readAt(r, text, 8); err != nil {
		return none, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return none, err
	}
	dataSize := int(size) - 8 - len(text)
	if err := h.checkLayout(dataSize); err != nil {
		return none, err
	}
	data := make([]byte, dataSize)
	if err := readAt(r, data, int64(8+len(text))); err != nil {
		return none, err
	}
	s := Safetensors{Metadata: h.metadata, Tensors: make([]Tensor, len(h.entries))}
	for i, e := range h.entries {
		e.Data = data[e.begin:e.end:e.end]
		s.Tensors[i] = e.Tensor
	}
	return s, s.verify(length, text, h.digits, data)
}

func readAt(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("it ends at byte %d, in the middle", offset+int64(n))
	}
	return &readError{err}
}

// verify compares the checksum, where there is one, and takes what belongs to it out of the metadata.
func (s *Safetensors) verify(length, text []byte, digits int, data []byte) error {
	announced := s.Metadata[sumOfKey] == sumOf
	if digits < 0 {
		if announced {
			return fmt.Errorf("the metadata announce a checksum %q, and it is not there", sumKey)
		}
		return nil
	}
	want := s.Metadata[sumKey]
	if end := digits + 2*sha256.Size; end >= len(text) || text[end] != '"' || len(want) != 2*sha256.Size {
		return fmt.Errorf("the checksum %q is %.99q: it should have 64 digits", sumKey, want)
	}
	hash := sha256.New()
	for _, part := range [][]byte{length, text[:digits], zeros, text[digits+len(zeros):], data} {
		hash.Write(part)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != want {
		return fmt.Errorf("its SHA-256 should be %.99s and is %s (whoever changes a file on purpose leaves %s and %s out of the new one's metadata)", want, sum, sumKey, sumOfKey)
	}
	s.SHA256 = want
	delete(s.Metadata, sumKey)
	if announced {
		delete(s.Metadata, sumOfKey)
	}
	return nil
}

var zeros = bytes.Repeat([]byte{'0'}, 2*sha256.Size)

// checkLayout brings the entries into the order of their data and makes sure that they cover its size bytes,
// each byte once.
func (h *header) checkLayout(size int) error {
	for _, e := range h.entries {
		want, err := e.size()
		if err != nil {
			return err
		}
		switch {
		case e.begin > e.end:
			return fmt.Errorf("tensor %.99q: its range [%d, %d) ends before it begins", e.Name, e.begin, e.end)
		case e.end > size:
			return fmt.Errorf("tensor %.99q: its range [%d, %d) ends behind the %d bytes of data", e.Name, e.begin, e.end, size)
		case e.end-e.begin != want:
			return fmt.Errorf("tensor %.99q: shape %s of %s takes %d bytes, its range [%d, %d) has %d", e.Name, shown(e.Shape), e.Type, want, e.begin, e.end, e.end-e.begin)
		}
	}
	slices.SortStableFunc(h.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	covered := 0
	for i, e := range h.entries {
		switch {
		case e.begin < covered:
			return fmt.Errorf("tensors %.99q and %.99q overlap", h.entries[i-1].Name, e.Name)
		case e.begin > covered:
			return fmt.Errorf("tensor %.99q begins at %d: the data of no tensor stand in [%d, %d)", e.Name, e.begin, covered, e.begin)
		}
		covered = e.end
	}
	if covered < size {
		return fmt.Errorf("%d bytes follow the last tensor", size-covered)
	}
	return nil
}

// size is the number of bytes of a tensor's data by its type and shape.
func (t Tensor) size() (int, error) {
	width, ok := bitsOf[t.Type]
	if !ok {
		return 0, fmt.Errorf("tensor %.99q: unknown type %.99q", t.Name, t.Type)
	}
	total, empty := uint64(width), false
	for _, n := range t.Shape {
		if n < 0 {
			return 0, fmt.Errorf("tensor %.99q: shape %s has a negative dimension", t.Name, shown(t.Shape))
		}
		// A dimension of 0 does not excuse the others.
		empty = empty || n == 0
		high, low := bits.Mul64(total, uint64(max(n, 1)))
		if high != 0 || low > math.MaxInt {
			return 0, fmt.Errorf("tensor %.99q: shape %s of %s takes more bytes than can be counted", t.Name, shown(t.Shape), t.Type)
		}
		total = low
	}
	if empty {
		return 0, nil
	}
	if total%8 != 0 {
		return 0, fmt.Errorf("tensor %.99q: shape %s of %s takes %d bits, which are no whole bytes", t.Name, shown(t.Shape), t.Type, total)
	}
	return int(total / 8), nil
}

// shown is a shape for a message, which a file could make as long as itself.
func shown(shape []int) string {
	if len(shape) > 16 {
		return fmt.Sprintf("%v and %d more", shape[:16], len(shape)-16)
	}
	return fmt.Sprint(shape)
}
