package train

import (
	"fmt"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// plan is the compiled mathematics of a training: the program of a group, and where each parameter lies.
type plan struct {
	params *network.Params
	// All parameters lie in one vector of weights, each from a multiple of 16 on, with zeros between them.
	offsets []int
	sizes   []int
	weights int // length of that vector

	drawn    []drawn              // what the inputs of the programs hold
	gradient *autodiff.RowProgram // outputs: the loss of each row, then the gradient of each parameter of loss/batch
	loss     *autodiff.RowProgram // output: the loss of each row
	formula  []byte               // of the losses and gradients, by which a resumed training knows its mathematics
	model    func(weights []float32, info score.ModelInfo) (*score.Model, error)
	dim      int
	given    int // length of the vector that the score is conditioned on, 0 without one
}

// padding is the number of float32 in the widest vector.
const padding = 16

func newPlan(c *Config, dim int) (*plan, error) {
	g := autodiff.NewGraph()
	p := &plan{params: network.NewParams(g), dim: dim}
	row := &Row{graph: g, dim: dim}
	if c.conditional() {
		row.input(&row.sigma, "sigma", drawnSigma)
	} else {
		row.sigma = g.Scalar(c.level())
	}
	if c.Given != nil {
		p.given = c.Given.Dim()
		p.params.SetGiven(row.input(&row.given, "given", drawnGiven, p.given))
	}
	row.apply = func(x autodiff.Value) autodiff.Value { return c.Network(p.params, x, row.sigma) }
	loss, err := c.Objective(row)
	if err == nil {
		err = p.params.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("train: the loss of a network for points of %d coordinates: %w", dim, err)
	}
	if len(p.params.Values()) == 0 {
		return nil, fmt.Errorf("train: the network has no parameters: make some with the Params it is given")
	}
	if len(row.inputs) == 0 || loss.Graph() != g {
		return nil, fmt.Errorf("train: the objective does not look at the row: build the loss from its Point and its Score")
	}
	gradients, err := autodiff.Gradient(loss.Scale(1/float64(c.Batch)), p.params.Values()...)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	outputs := append([]autodiff.Value{loss}, gradients...)
	p.drawn = row.drawn
	if p.gradient, err = autodiff.CompileRowsBy(c.Convolution, outputs, row.inputs, p.params.Values()); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if chosen, all := p.gradient.Convolutions(); chosen == 0 && c.Convolution != autodiff.Direct {
		return nil, fmt.Errorf("train: the network has %d convolutions and gradients of them, and none that %v would compute: use direct", all, c.Convolution)
	}
	if p.loss, err = autodiff.CompileRowsBy(c.Convolution, outputs[:1], row.inputs, p.params.Values()); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	p.formula, err = autodiff.Encode(autodiff.Formula{
		Inputs: row.inputs, Params: p.params.Values(), Outputs: []autodiff.Output{{Name: "loss", Value: loss}}, Epoch: Epoch,
	})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	for _, v := range p.params.Values() {
		p.offsets, p.sizes = append(p.offsets, p.weights), append(p.sizes, v.Size())
		p.weights += (v.Size() + padding - 1) / padding * padding
	}
	return p, p.prepareModel(c, dim)
}

// prepareModel builds the graph of the network alone.
func (p *plan) prepareModel(c *Config, dim int) error {
	g := autodiff.NewGraph()
	params := network.NewParams(g)
	x := g.Input("x", dim)
	inputs := []autodiff.Value{x}
	sigma := g.Scalar(c.level())
	if c.conditional() {
		sigma = g.Input("sigma")
		inputs = append(inputs, sigma)
	}
	if c.Given != nil {
		given := g.Input("given", p.given)
		params.SetGiven(given)
		inputs = append(inputs, given)
	}
	s := c.Network(params, x, sigma)
	if err := params.Err(); err != nil {
		return fmt.Errorf("train: the network: %w", err)
	}
	if shape := s.Shape(); len(shape) != 1 || shape[0] != dim {
		return fmt.Errorf("train: the network gives shape %v for points of %d coordinates: a score is a vector of as many", shape, dim)
	}
	formula, err := autodiff.Encode(autodiff.Formula{
		Inputs: inputs, Params: params.Values(), Outputs: []autodiff.Output{{Name: "score", Value: s}}, Epoch: Epoch,
	})
	if err != nil {
		return fmt.Errorf("train: the network: %w", err)
	}
	names := params.Names()
	if len(names) != len(p.params.Names()) {
		return fmt.Errorf("train: the network has %d parameters alone and %d in the loss: it has to make the same whenever it is called", len(names), len(p.params.Names()))
	}
	for i, name := range p.params.Names() {
		if names[i] != name {
			return fmt.Errorf("train: parameter %d of the network is %q alone and %q in the loss: it has to make the same whenever it is called", i, names[i], name)
		}
	}
	p.model = func(weights []float32, info score.ModelInfo) (*score.Model, error) {
		tensors := make(map[string][]float32, len(names))
		for i, name := range names {
			tensors[name] = p.of(weights, i)
		}
		return score.NewModel(formula, tensors, info)
	}
	return nil
}

// of is parameter i in a vector of weights.
func (p *plan) of(weights []float32, i int) []float32 {
	return weights[p.offsets[i] : p.offsets[i]+p.sizes[i] : p.offsets[i]+p.sizes[i]]
}

// slices are the parameters in a vector of weights.
func (p *plan) slices(weights []float32) [][]float32 {
	s := make([][]float32, len(p.sizes))
	for i := range s {
		s[i] = p.of(weights, i)
	}
	return s
}

func (p *plan) initialise(weights []float32, seed uint64) error {
	return p.params.Initialise(p.slices(weights), random.New(seed, random.Weights))
}

// smallStep is the work of a step, in multiplications and additions, that takes about 150 microseconds on one core. Waking
// another one costs 25 to 30: a smaller step is not worth sharing.
const smallStep = 15e6

// group is the number of rows of a group where it is not chosen. It depends on nothing but the network and the batch, as it
// belongs to the result.
func (p *plan) group(chosen, batch int) int {
	const operationsPerWeight = 6 // two each for the layer, its input's gradient and its weights'
	switch {
	case chosen != 0:
		return chosen
	case float64(operationsPerWeight*p.params.Count())*float64(batch) < smallStep:
		return batch
	}
	return (batch + 7) / 8
}
