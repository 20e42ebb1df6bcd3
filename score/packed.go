package score

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/scorefield/infer/internal/store"
)

// Read is [Load] on size bytes that are in memory, or anywhere else.
func Read(r io.ReaderAt, size int64) (*Model, error) {
	content, err := store.DecodeSafetensors(r, size)
	if err != nil {
		return nil, fmt.Errorf("score: %w: %w", ErrModel, err)
	}
	m, err := fromContent(content)
	if err != nil {
		return nil, fmt.Errorf("score: %w: %w", ErrModel, err)
	}
	return m, nil
}

// Packed is the model with weights of 16 bits, those of bfloat16, rounded to the nearest and to even between two: half the file
// by [Model.Pack], and a different model, whose checksum and whose quality are its own. It is evaluated in float32 all the same.
func (m *Model) Packed() (*Model, error) {
	weights := make(map[string][]float32, len(m.weights))
	for i, name := range m.names {
		rounded := make([]float32, len(m.weights[i]))
		for k, v := range m.weights[i] {
			rounded[k] = math.Float32frombits(uint32(upperHalf(v)) << 16)
		}
		weights[name] = rounded
	}
	return NewModel(m.formula, weights, m.info)
}

// Pack writes the model [Model.Packed] to w as a model file with tensors of type BF16, which [Load] and [Read] take.
func (m *Model) Pack(w io.Writer) error {
	content, err := m.content()
	if err != nil {
		return err
	}
	for i := range content.Tensors {
		t := &content.Tensors[i]
		t.Type, t.Data = "BF16", nil
		for _, v := range m.weights[i] {
			t.Data = binary.LittleEndian.AppendUint16(t.Data, upperHalf(v))
		}
	}
	return store.EncodeSafetensors(w, content)
}

// upperHalf is the bfloat16 nearest to a finite number, the even one of two.
func upperHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
