// Package network has networks for scores. A network is a Go function that builds a graph of package autodiff:
//
//	net := network.MLP([]int{32, 32, 32}, network.ReLU, nil)
//
// A function of one's own needs no more than the [Params] it is given: each call of [Params.Tensor] or
// [Params.Dense] makes a parameter, and the graph's operations do the rest. [Embedding]s tell a network the noise
// level, [Preconditioned] and [OverSigma] wrap one so that it only has to learn numbers of order 1 at every level,
// an [Initialiser] is the law of a parameter's first values.
package network

import (
	"fmt"
	"slices"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/random"
)

// Network maps a point x, a vector, and its noise level sigma, a scalar, to a vector of as many elements. It is
// called at least once for every graph that needs it, and may be called twice for one: the same names are the
// same parameters. A network that does not look at sigma is one for a single level.
type Network func(p *Params, x, sigma autodiff.Value) autodiff.Value

// Params are the parameters of a network, made as it is built.
type Params struct {
	graph  *autodiff.Graph
	prefix string
	all    *parameters
}

type parameters struct {
	list  []parameter
	given autodiff.Value
	err   error
}

type parameter struct {
	name       string
	shape      []int
	initialise Initialiser
	value      autodiff.Value
}

// NewParams returns an empty set of parameters in a graph.
func NewParams(g *autodiff.Graph) *Params { return &Params{graph: g, all: &parameters{}} }

// Graph is the graph the network is built in, for its constants.
func (p *Params) Graph() *autodiff.Graph { return p.graph }

// In is the same set, with a name and a dot before the name of every parameter that is made through it.
func (p *Params) In(name string) *Params {
	return &Params{graph: p.graph, prefix: p.prefix + name + ".", all: p.all}
}

// Given is the vector that a score is conditioned on, such as a class as a 1 among zeros; all zeros say that nothing is known. It is
// the zero Value where there is none. A network that does not look at it is unconditional.
func (p *Params) Given() autodiff.Value { return p.all.given }

// SetGiven says what [Params.Given] is. Whoever builds the graph calls it before the network.
func (p *Params) SetGiven(given autodiff.Value) { p.all.given = given }

// Tensor is the parameter of a name, made where there is none. One of another shape is a mistake, see [Params.Err].
func (p *Params) Tensor(name string, initialise Initialiser, shape ...int) autodiff.Value {
	name = p.prefix + name
	for _, have := range p.all.list {
		if have.name != name {
			continue
		}
		if !slices.Equal(have.shape, shape) {
			p.fail("network: parameter %q has shape %v and is asked for with shape %v: give the two different names", name, have.shape, shape)
		}
		return have.value
	}
	value := p.graph.Param(name, shape...)
	p.all.list = append(p.all.list, parameter{name, slices.Clone(shape), initialise, value})
	return value
}

// Dense is a layer: x W + b with parameters name.weight, [elements of x, width], and name.bias, [width], which
// begins at 0.
func (p *Params) Dense(name string, x autodiff.Value, width int, initialise Initialiser) autodiff.Value {
	layer := p.In(name)
	return x.Dense(layer.Tensor("weight", initialise, x.Size(), width), layer.Tensor("bias", Zeros, width))
}

// fail notes a mistake, the first one.
func (p *Params) fail(format string, a ...any) {
	if p.all.err == nil {
		p.all.err = fmt.Errorf(format, a...)
	}
}

// Err is the first mistake made with parameters, or with the graph.
func (p *Params) Err() error {
	if err := p.graph.Err(); err != nil {
		return err
	}
	return p.all.err
}

// Values are the parameters in the order they were made.
func (p *Params) Values() []autodiff.Value {
	values := make([]autodiff.Value, len(p.all.list))
	for i, have := range p.all.list {
		values[i] = have.value
	}
	return values
}

// Names are the names of the parameters, in their order.
func (p *Params) Names() []string {
	names := make([]string, len(p.all.list))
	for i, have := range p.all.list {
		names[i] = have.name
	}
	return names
}

// Shapes are the shapes of the parameters, in their order.
func (p *Params) Shapes() [][]int {
	shapes := make([][]int, len(p.all.list))
	for i, have := range p.all.list {
		shapes[i] = slices.Clone(have.shape)
	}
	return shapes
}

// Count is the number of numbers that are learned.
func (p *Params) Count() int {
	count := 0
	for _, have := range p.all.list {
		count += size(have.shape)
	}
	return count
}

// Initialise fills dst, one slice a parameter, row by row, with first values. Parameter i uses the numbers of particle
// i of the stream.
func (p *Params) Initialise(dst [][]float32, stream random.Stream) error {
	if len(dst) != len(p.all.list) {
		return fmt.Errorf("network: %d slices for %d parameters", len(dst), len(p.all.list))
	}
	for i, have := range p.all.list {
		if len(dst[i]) != size(have.shape) {
			return fmt.Errorf("network: %d numbers for parameter %q of shape %v", len(dst[i]), have.name, have.shape)
		}
		have.initialise(dst[i], have.shape, Draws{stream, uint64(i)})
	}
	return nil
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Activation is a function that is applied to every element of a layer.
type Activation func(autodiff.Value) autodiff.Value

// The activations by their usual names.
var (
	ReLU     Activation = autodiff.Value.ReLU     // max(x, 0)
	ELU      Activation = autodiff.Value.ELU      // x above 0, exp(x) - 1 below
	SiLU     Activation = autodiff.Value.SiLU     // x sigmoid(x)
	GELU     Activation = autodiff.Value.GELU     // x Phi(x)
	Softplus Activation = autodiff.Value.Softplus // log(1 + exp(x))
	Tanh     Activation = autodiff.Value.Tanh
)

// Activations lists the activations by the names that a person types.
func Activations() []NamedActivation {
	return []NamedActivation{{"relu", ReLU}, {"elu", ELU}, {"silu", SiLU}, {"gelu", GELU}, {"softplus", Softplus}, {"tanh", Tanh}}
}

// NamedActivation is a line of [Activations].
type NamedActivation struct {
	Name       string
	Activation Activation
}
