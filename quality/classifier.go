package quality

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/internal/store"
)

// Classifier is a small network that tells the classes of a data set apart. Its last hidden layer, the features, is the space
// in which draws and data are compared. It does not change, and is safe for concurrent use.
type Classifier struct {
	info    ClassifierInfo
	formula []byte
	program *autodiff.RowProgram
	dim     int
	length  int // of the features
	classes int
	names   []string
	shapes  [][]int
	weights [][]float32
	sha256  string
}

// ClassifierInfo is what the file of a classifier says about it.
type ClassifierInfo struct {
	About    string   `json:"about,omitempty"`   // data and training, in words
	Classes  []string `json:"classes,omitempty"` // their names
	Rows     int      `json:"rows,omitempty"`    // of the training data
	Seed     uint64   `json:"seed,omitempty"`
	Epochs   int      `json:"epochs,omitempty"`
	HeldOut  int      `json:"held_out,omitempty"` // images that it was tested on, none of which it was trained on
	Accuracy float64  `json:"accuracy,omitempty"` // on them
}

// Names in a classifier's formula and file.
const (
	inputImage     = "x"
	outputFeatures = "features"
	outputLogits   = "logits"

	classifierFormat = "infer classifier 1"
	metaFormat       = "format"
	metaFormula      = "formula"
	metaInfo         = "info"
)

// newClassifier makes a classifier of a formula with the input x, a vector, and the outputs features and logits, and of the values of
// its parameters by name.
func newClassifier(formula []byte, weights map[string][]float32, info ClassifierInfo) (*Classifier, error) {
	f, err := autodiff.Decode(formula)
	if err != nil {
		return nil, err
	}
	if len(f.Inputs) != 1 || f.Inputs[0].Name() != inputImage || len(f.Inputs[0].Shape()) != 1 {
		return nil, fmt.Errorf("its formula has %d inputs: a classifier has one, x, a vector of pixels", len(f.Inputs))
	}
	features, found := f.Output(outputFeatures)
	logits, ok := f.Output(outputLogits)
	if !ok || !found || len(f.Outputs) != 2 || len(features.Shape()) != 1 || len(logits.Shape()) != 1 {
		return nil, fmt.Errorf("its formula has %d outputs: a classifier has two vectors, features and logits", len(f.Outputs))
	}
	if features.Shared() || logits.Shared() {
		return nil, fmt.Errorf("its outputs do not depend on x")
	}
	c := &Classifier{info: info, formula: bytes.Clone(formula), dim: f.Inputs[0].Size(), length: features.Size(), classes: logits.Size()}
	if len(info.Classes) != 0 && len(info.Classes) != c.classes {
		return nil, fmt.Errorf("%d names for %d classes", len(info.Classes), c.classes)
	}
	if c.program, err = autodiff.CompileRows([]autodiff.Value{features, logits}, f.Inputs, f.Params); err != nil {
		return nil, err
	}
	if len(weights) != len(f.Params) {
		return nil, fmt.Errorf("%d tensors for %d parameters", len(weights), len(f.Params))
	}
	for _, p := range f.Params {
		values, ok := weights[p.Name()]
		if !ok || len(values) != p.Size() {
			return nil, fmt.Errorf("the tensor %q has %d numbers, its parameter %d", p.Name(), len(values), p.Size())
		}
		for _, v := range values {
			if v-v != 0 {
				return nil, fmt.Errorf("a number of the tensor %q is %v: weights are finite", p.Name(), v)
			}
		}
		c.names, c.shapes = append(c.names, p.Name()), append(c.shapes, p.Shape())
		c.weights = append(c.weights, slices.Clone(values))
	}
	return c, c.sum()
}

// Dim is the number of pixels of an image.
func (c *Classifier) Dim() int { return c.dim }

// Classes is the number of classes.
func (c *Classifier) Classes() int { return c.classes }

// Features is the length of the vector of features of an image.
func (c *Classifier) Features() int { return c.length }

// Info is what is known about the classifier.
func (c *Classifier) Info() ClassifierInfo { return c.info }

// SHA256 is the checksum of the classifier's file, which names the ruler of a figure.
func (c *Classifier) SHA256() string { return c.sha256 }

func (c *Classifier) content() (store.Safetensors, error) {
	info, err := json.Marshal(c.info)
	if err != nil {
		return store.Safetensors{}, err
	}
	s := store.Safetensors{Metadata: map[string]string{metaFormat: classifierFormat, metaFormula: string(c.formula), metaInfo: string(info)}}
	for i, name := range c.names {
		s.Tensors = append(s.Tensors, store.FromFloat32s(name, c.weights[i], c.shapes[i]...))
	}
	return s, nil
}

// sum works out the checksum that the classifier's file has.
func (c *Classifier) sum() error {
	content, err := c.content()
	if err != nil {
		return err
	}
	c.sha256, err = content.Sum()
	return err
}

// Save writes the classifier to a file that appears whole, a safetensors file.
func (c *Classifier) Save(path string) error {
	content, err := c.content()
	if err != nil {
		return fmt.Errorf("quality: classifier: %w", err)
	}
	return store.WriteSafetensors(path, content)
}

// LoadClassifier reads what [Classifier.Save] wrote.
func LoadClassifier(path string) (*Classifier, error) {
	content, err := store.ReadSafetensors(path)
	if err != nil {
		return nil, fmt.Errorf("quality: classifier: %w", err)
	}
	c, err := classifierFrom(content)
	if err != nil {
		return nil, fmt.Errorf("quality: classifier %s: %w", path, err)
	}
	return c, nil
}

// DecodeClassifier is [LoadClassifier] from memory.
func DecodeClassifier(file []byte) (*Classifier, error) {
	content, err := store.DecodeSafetensors(bytes.NewReader(file), int64(len(file)))
	if err == nil {
		var c *Classifier
		if c, err = classifierFrom(content); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("quality: classifier: %w", err)
}

func classifierFrom(content store.Safetensors) (*Classifier, error) {
	if format := content.Metadata[metaFormat]; format != classifierFormat {
		return nil, fmt.Errorf("its format is %q: a classifier's is %q", format, classifierFormat)
	}
	var info ClassifierInfo
	if text, ok := content.Metadata[metaInfo]; ok {
		if err := json.Unmarshal([]byte(text), &info); err != nil {
			return nil, fmt.Errorf("its info cannot be read: %w", err)
		}
	}
	weights := make(map[string][]float32, len(content.Tensors))
	for _, t := range content.Tensors {
		values, err := t.Float32s()
		if err != nil {
			return nil, err
		}
		weights[t.Name] = values
	}
	return newClassifier([]byte(content.Metadata[metaFormula]), weights, info)
}

// Classified is what a classifier says of images.
type Classified struct {
	Features      []float64 // image by image
	Probabilities []float64 // of the classes, image by image
	length        int
	classes       int
}

// Count is the number of images.
func (c *Classified) Count() int { return len(c.Probabilities) / c.classes }

// Image is the features of image i.
func (c *Classified) Image(i int) []float64 { return c.Features[i*c.length : (i+1)*c.length] }

// Class is the likeliest class of image i, and its probability.
func (c *Classified) Class(i int) (class int, probability float64) {
	for k, p := range c.Probabilities[i*c.classes : (i+1)*c.classes] {
		if p > probability {
			class, probability = k, p
		}
	}
	return class, probability
}

// classifyRows is the number of images that a worker takes at a time.
const classifyRows = 50

// Classify looks at images, pixels in [0, 1] row by row and image by image, on some workers, 0 for all. Pixels that lie
// outside are clipped, as in a picture; one that is not finite is an error.
func (c *Classifier) Classify(ctx context.Context, pixels []float32, workers int) (*Classified, error) {
	if len(pixels)%c.dim != 0 {
		return nil, fmt.Errorf("quality: %d pixels for a classifier of images of %d", len(pixels), c.dim)
	}
	n := len(pixels) / c.dim
	out := &Classified{make([]float64, n*c.length), make([]float64, n*c.classes), c.length, c.classes}
	err := parallel.Do(parallel.Workers(workers), (n+classifyRows-1)/classifyRows, func(_, job int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := job * classifyRows
		rows := min(classifyRows, n-first)
		x := make([]float32, rows*c.dim)
		for i, v := range pixels[first*c.dim:][:len(x)] {
			if v-v != 0 {
				return fmt.Errorf("quality: pixel %d of image %d is %v: give finite numbers", i%c.dim, first+i/c.dim, v)
			}
			x[i] = min(max(v, 0), 1)
		}
		features, logits := make([]float32, rows*c.length), make([]float32, rows*c.classes)
		c.program.Run(rows, [][]float32{features, logits}, [][]float32{x}, c.weights)
		for _, values := range [][]float32{features, logits} {
			for _, v := range values {
				if v-v != 0 {
					return fmt.Errorf("quality: the classifier gives %v for one of the images %d to %d: its weights are too large", v, first, first+rows-1)
				}
			}
		}
		for i, v := range features {
			out.Features[first*c.length+i] = float64(v)
		}
		for i := range rows {
			softmax(out.Probabilities[(first+i)*c.classes:][:c.classes], logits[i*c.classes:])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func softmax(dst []float64, logits []float32) {
	largest := math.Inf(-1)
	for i := range dst {
		largest = max(largest, float64(logits[i]))
	}
	var sum float64
	for i := range dst {
		dst[i] = backends.Exp(float64(logits[i]) - largest)
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
}
