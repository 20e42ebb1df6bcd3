package store

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// WriteSafetensors writes a safetensors file that appears whole, by [WriteFile].
func WriteSafetensors(path string, s Safetensors) error {
	return WriteSafetensorsOn(OS{}, path, s)
}

// WriteSafetensorsOn is [WriteSafetensors] on a file system of the caller's.
func WriteSafetensorsOn(fsys FS, path string, s Safetensors) error {
	return WriteFileOn(fsys, path, s.encode)
}

func (s Safetensors) encode(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<16)
	if err := EncodeSafetensors(buffered, s); err != nil {
		return err
	}
	return buffered.Flush()
}

// Sum is the checksum that the file of this content has, [Safetensors.SHA256] of what is read back.
func (s Safetensors) Sum() (string, error) {
	var file bytes.Buffer
	if err := EncodeSafetensors(&file, s); err != nil {
		return "", err
	}
	back, err := DecodeSafetensors(bytes.NewReader(file.Bytes()), int64(file.Len()))
	return back.SHA256, err
}

// EncodeSafetensors writes a safetensors file with its checksum. The same content gives the same bytes, in
// whatever order it comes: metadata by key, tensors from wide elements to narrow ones, so that each is aligned,
// then by name; the header is padded with spaces to a multiple of eight bytes.
//
// Tensors of one name, or whose data do not fit their shape, names that are no UTF-8, and the metadata keys
// sha256 and sha256_of, which the file has for itself, are errors, before anything is written.
func EncodeSafetensors(w io.Writer, s Safetensors) error {
	tensors := slices.Clone(s.Tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(bitsOf[b.Type], bitsOf[a.Type]), cmp.Compare(a.Name, b.Name))
	})
	if err := checkTensors(tensors); err != nil {
		return err
	}
	text, err := appendMetadata([]byte{'{'}, s.Metadata)
	if err != nil {
		return err
	}
	digits := len(text) - 2 - len(zeros)
	offset := 0
	for _, t := range tensors {
		text = append(text, ',')
		text = appendString(text, t.Name)
		text = append(text, `:{"dtype":"`...)
		text = append(text, t.Type...)
		text = append(text, `","shape":`...)
		text = appendNumbers(text, t.Shape)
		text = append(text, `,"data_offsets":`...)
		text = appendNumbers(text, []int{offset, offset + len(t.Data)})
		text = append(text, '}')
		offset += len(t.Data)
	}
	text = append(text, '}')
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if len(text) > maxHeader {
		return fmt.Errorf("names and metadata make a header of %d bytes: the format allows %d", len(text), maxHeader)
	}
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))

	hash := sha256.New()
	hash.Write(length)
	hash.Write(text)
	for _, t := range tensors {
		hash.Write(t.Data)
	}
	hex.Encode(text[digits:], hash.Sum(nil))
	for _, part := range [][]byte{length, text} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

func checkTensors(tensors []Tensor) error {
	seen := map[string]bool{}
	for _, t := range tensors {
		want, err := t.size()
		switch {
		case err != nil:
			return err
		case want != len(t.Data):
			return fmt.Errorf("tensor %.99q: shape %s of %s takes %d bytes, its data have %d", t.Name, shown(t.Shape), t.Type, want, len(t.Data))
		case !utf8.ValidString(t.Name):
			return fmt.Errorf("tensor %.99q: its name is no UTF-8", t.Name)
		case t.Name == metadataName:
			return fmt.Errorf("tensor %.99q: the format keeps this name for the metadata", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("duplicate name %.99q", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// appendMetadata appends the metadata, the checksum with 64 zeros as the last, so that it ends two bytes before
// the end.
func appendMetadata(text []byte, metadata map[string]string) ([]byte, error) {
	text = appendString(text, metadataName)
	text = append(text, ':', '{')
	pair := func(key, value string) {
		text = appendString(text, key)
		text = append(text, ':')
		text = appendString(text, value)
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		value := metadata[key]
		switch {
		case key == sumKey || key == sumOfKey:
			return nil, fmt.Errorf("metadata key %.99q: the file has it for its checksum: choose another", key)
		case !utf8.ValidString(key) || !utf8.ValidString(value):
			return nil, fmt.Errorf("metadata key %.99q: the key or its value is no UTF-8", key)
		}
		pair(key, value)
		text = append(text, ',')
	}
	pair(sumOfKey, sumOf)
	text = append(text, ',')
	pair(sumKey, string(zeros))
	return append(text, '}'), nil
}

func appendNumbers(text []byte, numbers []int) []byte {
	text = append(text, '[')
	for i, n := range numbers {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(n), 10)
	}
	return append(text, ']')
}
