package score

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/scorefield/infer/autodiff"
)

// Model is a learned score: a formula in float32 and its weights. A plain one is the score of one law ([Model.Plain]), a
// noise-conditional one a family of scores ([Model.Conditional]). Either may be conditioned on a vector besides, such as a class
// ([Model.Given], [Model.ScoreGiven]). It does not change, and is safe for concurrent use.
type Model struct {
	info    ModelInfo
	formula []byte // as autodiff encodes it
	program *autodiff.BoundRows
	names   []string // of the parameters
	shapes  [][]int
	weights [][]float32
	short   bool // the weights are numbers of bfloat16, and its file holds them as such
	// convolution is how it is evaluated, and no part of what it is.
	convolution autodiff.Convolution

	dim     int
	noisy   bool   // it has the input sigma
	given   int    // length of its input given; 0 without one
	piece   int    // points that are brought into rows at a time
	sha256  string // of the file that Save writes
	buffers sync.Pool
}

// ModelInfo is what a model file says about the model besides the mathematics. All of it may be empty.
type ModelInfo struct {
	About   string   `json:"about,omitempty"`   // the recipe or the data, in words
	Columns []string `json:"columns,omitempty"` // names of the coordinates
	// Sigma is the noise level of a plain model: its score is that of the data blurred by so much. Low and High are the range of
	// levels that a noise-conditional one was trained at.
	Sigma float64 `json:"sigma,omitempty"`
	Low   float64 `json:"low,omitempty"`
	High  float64 `json:"high,omitempty"`
	// Mean and SD are those of the training data, column by column, from which a sampler finds a start.
	Mean []float64 `json:"mean,omitempty"`
	SD   []float64 `json:"sd,omitempty"`

	// Shape is that of a point which is an image: its rows and columns. Low and high pixels, black and white, are Range.
	Shape []int     `json:"shape,omitempty"`
	Range []float64 `json:"range,omitempty"`
	// Classes are the names of what the elements of a given vector stand for, in their order.
	Classes []string `json:"classes,omitempty"`
	// Shares are those of the classes in the training data.
	Shares []float64 `json:"shares,omitempty"`
	// Drawing is how the model is best sampled; nil leaves all of it open.
	Drawing *Drawing `json:"drawing,omitempty"`

	Rows       int      `json:"rows,omitempty"`  // of the training data
	Steps      int      `json:"steps,omitempty"` // of the training
	Seed       uint64   `json:"seed,omitempty"`  // of the training
	Loss       *float64 `json:"loss,omitempty"`  // the last point of its curve
	Validation *float64 `json:"validation,omitempty"`
	Training   string   `json:"training,omitempty"` // its settings, in words
}

// ErrModel is in the chain of every error that says that a file is no model, or a damaged one.
var ErrModel = errors.New("no usable model")

// Names in a model's formula and file.
const (
	inputPoint = "x"
	inputSigma = "sigma"
	inputGiven = "given"
	outputName = "score"

	modelFormat    = "infer score model 1"
	modelPrecision = "float32"

	metaFormat  = "format"
	metaFormula = "formula"
	metaInfo    = "info"
)

// NewModel makes a model of a formula, as autodiff.Encode writes it, with the input x, a vector, perhaps the inputs sigma, a
// scalar, and given, a vector, and the output score, a vector as long as x; and of the values of its parameters by name. All is copied.
func NewModel(formula []byte, weights map[string][]float32, info ModelInfo) (*Model, error) {
	return newModel(formula, weights, info, false)
}

func newModel(formula []byte, weights map[string][]float32, info ModelInfo, short bool) (*Model, error) {
	m := &Model{info: info, formula: bytes.Clone(formula), short: short}
	f, err := autodiff.Decode(formula)
	if err != nil {
		return nil, fmt.Errorf("score: model: %w", err)
	}
	program, err := m.compile(f)
	if err := errors.Join(checkOperations(formula), err); err != nil {
		return nil, fmt.Errorf("score: model: %w", err)
	}
	if len(weights) != len(m.names) {
		return nil, fmt.Errorf("score: model: %d tensors for %d parameters", len(weights), len(m.names))
	}
	for i, name := range m.names {
		values, ok := weights[name]
		if !ok {
			return nil, fmt.Errorf("score: model: there is no tensor for the parameter %q", name)
		}
		if len(values) != count(m.shapes[i]) {
			return nil, fmt.Errorf("score: model: tensor %q has %d numbers, its parameter has shape %v", name, len(values), m.shapes[i])
		}
		for k, v := range values {
			if v-v != 0 {
				return nil, fmt.Errorf("score: model: number %d of tensor %q is %v: weights are finite", k, name, v)
			}
		}
		m.weights = append(m.weights, slices.Clone(values))
	}
	if err := m.info.check(m.dim, m.given); err != nil {
		return nil, fmt.Errorf("score: model: %w", err)
	}
	m.program = program.Bind(m.weights)
	if err := m.sum(); err != nil {
		return nil, err
	}
	return m, nil
}

// checkOperations refuses operations by which the score of a point would depend on the other points that are computed with it.
func checkOperations(formula []byte) error {
	var text struct{ Nodes []struct{ Op string } }
	if err := json.Unmarshal(formula, &text); err != nil {
		return err
	}
	for _, n := range text.Nodes {
		if n.Op == "sumParticles" || n.Op == "denseGradient" {
			return fmt.Errorf("its formula has the operation %s, a sum over particles: a score belongs to its point alone", n.Op)
		}
	}
	return nil
}

// compile makes the program and reads off its inputs and parameters.
func (m *Model) compile(f *autodiff.Formula) (*autodiff.RowProgram, error) {
	var x, sigma, given autodiff.Value
	for _, v := range f.Inputs {
		switch name := v.Name(); name {
		case inputPoint:
			x = v
		case inputSigma:
			sigma = v
		case inputGiven:
			given = v
		default:
			return nil, fmt.Errorf("its formula has the input %q: a score has x, and perhaps sigma and given", name)
		}
	}
	if x.Graph() == nil || len(x.Shape()) != 1 {
		return nil, fmt.Errorf("its formula has no input x that is a vector")
	}
	m.dim = x.Size()
	inputs := []autodiff.Value{x}
	if sigma.Graph() != nil {
		if len(sigma.Shape()) != 0 {
			return nil, fmt.Errorf("its formula has an input sigma of shape %v: a noise level is a scalar", sigma.Shape())
		}
		m.noisy = true
		inputs = append(inputs, sigma)
	}
	if given.Graph() != nil {
		if len(given.Shape()) != 1 {
			return nil, fmt.Errorf("its formula has an input given of shape %v: what a score is conditioned on is a vector", given.Shape())
		}
		m.given = given.Size()
		inputs = append(inputs, given)
	}
	s, ok := f.Output(outputName)
	if !ok || len(f.Outputs) != 1 {
		return nil, fmt.Errorf("its formula has %d outputs: a model has one, %q", len(f.Outputs), outputName)
	}
	if !slices.Equal(s.Shape(), x.Shape()) {
		return nil, fmt.Errorf("its formula gives shape %v for points of %d coordinates: a score is a vector of as many", s.Shape(), m.dim)
	}
	if s.Shared() {
		return nil, fmt.Errorf("its score does not depend on x: it is the same for all points")
	}
	if f.Precision != modelPrecision {
		return nil, fmt.Errorf("its precision is %q: %q is what networks are computed in", f.Precision, modelPrecision)
	}
	m.names, m.shapes = nil, nil
	for _, v := range f.Params {
		m.names, m.shapes = append(m.names, v.Name()), append(m.shapes, v.Shape())
	}
	program, err := autodiff.CompileRowsBy(m.convolution, []autodiff.Value{s}, inputs, f.Params)
	if err != nil {
		return nil, err
	}
	m.piece = mostPiece
	if program.Piece() == 1 {
		m.piece = 1 // an image is work enough for a call, and between two of them a context may end
	}
	return program, nil
}

// With is the same model with its convolutions computed in another way: its scores have other bits, with the error that autodiff
// states. A model with no convolution that would be is an error.
func (m *Model) With(convolution autodiff.Convolution) (*Model, error) {
	if convolution == m.convolution {
		return m, nil
	}
	other := &Model{info: m.info, formula: m.formula, weights: m.weights, short: m.short, convolution: convolution, sha256: m.sha256}
	f, err := autodiff.Decode(m.formula)
	if err != nil {
		return nil, fmt.Errorf("score: model: %w", err)
	}
	program, err := other.compile(f)
	if err != nil {
		return nil, fmt.Errorf("score: model: %w", err)
	}
	if chosen, all := program.Convolutions(); chosen == 0 && convolution != autodiff.Direct {
		return nil, fmt.Errorf("score: the model has %d convolutions, and none that %v would compute: use direct", all, convolution)
	}
	other.program = program.Bind(other.weights)
	return other, nil
}

// Convolution is how the model's convolutions are computed: directly, unless [Model.With] chose another way.
func (m *Model) Convolution() autodiff.Convolution { return m.convolution }

func (i ModelInfo) check(dim, given int) error {
	for _, column := range []struct {
		name   string
		length int
	}{{"names", len(i.Columns)}, {"means", len(i.Mean)}, {"standard deviations", len(i.SD)}} {
		if column.length != 0 && column.length != dim {
			return fmt.Errorf("%d %s for points of %d coordinates", column.length, column.name, dim)
		}
	}
	if len(i.Shape) != 0 {
		size := 1
		for _, n := range i.Shape {
			if n < 1 || n > dim {
				return fmt.Errorf("an image of shape %v for points of %d coordinates", i.Shape, dim)
			}
			size *= n
		}
		if len(i.Shape) != 2 || size != dim {
			return fmt.Errorf("an image of shape %v for points of %d coordinates: give rows and columns whose product that is", i.Shape, dim)
		}
	}
	if len(i.Range) != 0 && (len(i.Range) != 2 || !(i.Range[0] < i.Range[1])) {
		return fmt.Errorf("pixels in the range %v: give two numbers, black and white, the first below the second", i.Range)
	}
	if len(i.Classes) != 0 && len(i.Classes) != given {
		return fmt.Errorf("%d names of classes for a given vector of %d elements", len(i.Classes), given)
	}
	if len(i.Shares) != 0 {
		if err := (Classes{Shares: i.Shares}).check(given); err != nil {
			return err
		}
	}
	if i.Drawing != nil {
		if err := i.Drawing.check(); err != nil {
			return err
		}
	}
	for _, v := range slices.Concat(i.Mean, i.SD, i.Range, []float64{i.Sigma, i.Low, i.High}) {
		if !isFinite(v) {
			return fmt.Errorf("a number about it is %v", v)
		}
	}
	for _, v := range append([]float64{i.Sigma, i.Low, i.High}, i.SD...) {
		if v < 0 {
			return fmt.Errorf("a noise level or standard deviation is %v: it cannot be negative", v)
		}
	}
	return nil
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Dim is the number of coordinates of a point.
func (m *Model) Dim() int { return m.dim }

// Info is what is known about the model.
func (m *Model) Info() ModelInfo { return m.info }

// Parameters is the number of numbers that were learned.
func (m *Model) Parameters() int {
	n := 0
	for _, w := range m.weights {
		n += len(w)
	}
	return n
}

// SHA256 is the checksum of the file that Save writes, 64 digits: the model's name for whoever compares models.
func (m *Model) SHA256() string { return m.sha256 }

// Formula is the model's graph, in the schema of autodiff.Encode.
func (m *Model) Formula() []byte { return bytes.Clone(m.formula) }

// IsConditional says whether the model is a family of scores over noise levels.
func (m *Model) IsConditional() bool { return m.noisy }

// Plain is the score that a plain model is. A noise-conditional one is an error.
func (m *Model) Plain() (Fn, error) {
	if m.noisy {
		return nil, fmt.Errorf("score: the model is a family of scores, for noise levels from %v to %v: choose a level with At", m.info.Low, m.info.High)
	}
	return learned{m, m.info.Sigma, nil}, nil
}

// Conditional is the family of scores that a noise-conditional model is. A plain one is an error.
func (m *Model) Conditional() (NoiseConditional, error) {
	if !m.noisy {
		return nil, fmt.Errorf("score: the model has one score, for the noise level %v, and no family over levels: use Plain", m.info.Sigma)
	}
	return family{m, nil}, nil
}

// At is the model's score at a noise level. A plain model has only its own: for another, and for a level that is no positive number, the
// score that is returned gives an error.
func (m *Model) At(sigma float64) Fn { return learned{m, sigma, nil} }

// family is a noise-conditional model.
type family struct {
	m     *Model
	given []float32 // nil for zeros
}

func (f family) Dim() int            { return f.m.dim }
func (f family) At(sigma float64) Fn { return learned{f.m, sigma, f.given} }
func (f family) String() string      { return f.m.String() }

// String names the model by the beginning of its checksum, and its way of convolutions if it is not direct.
func (m *Model) String() string {
	text := fmt.Sprintf("model %.16s", m.sha256)
	if !m.noisy {
		text += fmt.Sprintf(" of noise level %v", m.info.Sigma)
	}
	if m.convolution != autodiff.Direct {
		text += fmt.Sprintf(" with %v convolutions", m.convolution)
	}
	return text
}
