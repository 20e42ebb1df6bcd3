package score

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/scorefield/infer/internal/store"
)

// A model file is a safetensors file with a tensor for each parameter. Its metadata are
//
//	format     "infer score model 1"
//	formula    the graph: operations, shapes, constants, inputs, parameters, precision and epoch, in the schema of autodiff.Encode
//	info       a ModelInfo as JSON; it may be missing
//
// and the checksum of the container, sha256.

// Save writes the model to a file that appears whole. The same model gives the same bytes.
func (m *Model) Save(path string) error {
	content, err := m.content()
	if err != nil {
		return err
	}
	return store.WriteSafetensors(path, content)
}

func (m *Model) content() (store.Safetensors, error) {
	info, err := json.Marshal(m.info)
	if err != nil {
		return store.Safetensors{}, fmt.Errorf("score: model: %w", err)
	}
	content := store.Safetensors{Metadata: map[string]string{
		metaFormat: modelFormat, metaFormula: string(m.formula), metaInfo: string(info),
	}}
	for i, name := range m.names {
		tensor := store.FromFloat32s(name, m.weights[i], m.shapes[i]...)
		if m.short {
			tensor.Type, tensor.Data = bfloat16, upperHalves(tensor.Data)
		}
		content.Tensors = append(content.Tensors, tensor)
	}
	return content, nil
}

// bfloat16 is the type of tensor whose numbers are the upper halves of float32.
const bfloat16 = "BF16"

// upperHalves leaves out the lower two bytes of each four.
func upperHalves(data []byte) []byte {
	halves := make([]byte, 0, len(data)/2)
	for i := 0; i+4 <= len(data); i += 4 {
		halves = append(halves, data[i+2], data[i+3])
	}
	return halves
}

// Short is the model with its weights rounded to bfloat16, to the nearest and of two to the even one, which its file holds in half the
// space. It is another model, to be judged by itself; it is evaluated in float32 like any other.
func (m *Model) Short() (*Model, error) {
	weights := make(map[string][]float32, len(m.names))
	for i, name := range m.names {
		rounded := make([]float32, len(m.weights[i]))
		for k, v := range m.weights[i] {
			bits := math.Float32bits(v)
			rounded[k] = math.Float32frombits((bits + 0x7FFF + bits>>16&1) &^ 0xFFFF)
		}
		weights[name] = rounded
	}
	return newModel(m.formula, weights, m.info, true)
}

// sum works out the checksum that the model's file has.
func (m *Model) sum() error {
	content, err := m.content()
	if err != nil {
		return err
	}
	if m.sha256, err = content.Sum(); err != nil {
		return fmt.Errorf("score: model: %w", err)
	}
	return nil
}

// Load reads a model file, also one that another program wrote in the format of docs/model-file.md, with or without a checksum. A file
// that is none, or is damaged, is an error with [ErrModel] in its chain. Memory stays in proportion to the file.
func Load(path string) (*Model, error) {
	content, err := store.ReadSafetensors(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("score: model: %w", err)
	case err != nil:
		return nil, fmt.Errorf("score: %w: %w", ErrModel, err)
	}
	m, err := fromContent(content)
	if err != nil {
		return nil, fmt.Errorf("score: %w: %s: %w", ErrModel, path, err)
	}
	return m, nil
}

// Decode is [Load] for a file in memory.
func Decode(file []byte) (*Model, error) {
	content, err := store.DecodeSafetensors(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("score: %w: %w", ErrModel, err)
	}
	m, err := fromContent(content)
	if err != nil {
		return nil, fmt.Errorf("score: %w: %w", ErrModel, err)
	}
	return m, nil
}

func fromContent(content store.Safetensors) (*Model, error) {
	switch format := content.Metadata[metaFormat]; {
	case format == "":
		return nil, fmt.Errorf("its metadata have no %q: it holds tensors, and nothing says what to compute with them", metaFormat)
	case format != modelFormat:
		return nil, fmt.Errorf("its format is %q: a model's is %q", format, modelFormat)
	}
	var info ModelInfo
	if text, ok := content.Metadata[metaInfo]; ok {
		if err := json.Unmarshal([]byte(text), &info); err != nil {
			return nil, fmt.Errorf("its info cannot be read: %w", err)
		}
	}
	weights := make(map[string][]float32, len(content.Tensors))
	shapes := make(map[string][]int, len(content.Tensors))
	short := len(content.Tensors) > 0
	for _, t := range content.Tensors {
		values, err := t.Float32s()
		if err != nil {
			return nil, err
		}
		weights[t.Name], shapes[t.Name] = values, t.Shape
		short = short && t.Type == bfloat16
	}
	m, err := newModel([]byte(content.Metadata[metaFormula]), weights, info, short)
	if err != nil {
		return nil, err
	}
	for i, name := range m.names {
		if fmt.Sprint(shapes[name]) != fmt.Sprint(m.shapes[i]) {
			return nil, fmt.Errorf("tensor %q has shape %v, its parameter %v", name, shapes[name], m.shapes[i])
		}
	}
	return m, nil
}
