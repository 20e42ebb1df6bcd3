package density

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Mixed is a mixture of formulas, made by [Mixture].
type Mixed struct {
	*Graph
	weights    []float64
	components []Formula
}

// Mixture is the density sum_k w_k p_k of normalised components p_k: each has to be [Normalised], since the share
// of a component without a normaliser would be unknown. Weights are positive and are divided by their sum; nil
// means equal ones. LogProb is normalised.
//
// The result has the moments of the mixture where every component has [Moments]. If every component is [Exact],
// the result is too: a value that implements Exact, with [Mixed] inside.
func Mixture(weights []float64, components ...Formula) (Formula, error) {
	if len(components) == 0 {
		return nil, fmt.Errorf("mixture: no components: give at least one")
	}
	if weights == nil {
		weights = repeat(1, len(components))
	}
	if len(weights) != len(components) {
		return nil, fmt.Errorf("mixture: %d weights and %d components: give one weight for each", len(weights), len(components))
	}
	shares, err := normalisedWeights("mixture", weights)
	if err != nil {
		return nil, err
	}
	exact := true
	heights := make([]float64, len(components))
	for k, c := range components {
		if err := checkComponent("mixture", k, c); err != nil {
			return nil, err
		}
		if c.Dim() != components[0].Dim() {
			return nil, fmt.Errorf("mixture: component %d has dimension %d, component 0 has %d: all need the same", k, c.Dim(), components[0].Dim())
		}
		n, ok := c.(Normalised)
		if !ok || math.IsNaN(n.LogNormaliser()) {
			return nil, fmt.Errorf("mixture: component %d (%T) has no known normaliser, so its share would be unknown; write the mixture as one formula with logsumexp instead", k, c)
		}
		heights[k] = backends.Log(shares[k]) - n.LogNormaliser()
		_, ok = c.(Exact)
		exact = exact && ok
	}
	m := &Mixed{weights: shares, components: slices.Clone(components)}
	m.Graph, err = Build(components[0].Dim(), func(x autodiff.Value) autodiff.Value {
		terms := make([]autodiff.Value, len(components))
		for k, c := range m.components {
			terms[k] = c.Apply(x).Shift(heights[k])
		}
		return autodiff.Concat(terms...).LogSumExp()
	})
	if err != nil {
		return nil, fmt.Errorf("mixture: %w", err)
	}
	if exact {
		return exactMixed{m}, nil
	}
	return m, nil
}

// checkComponent refuses a formula that is nil or whose constants are wrong.
func checkComponent(name string, k int, f Formula) error {
	if f == nil {
		return fmt.Errorf("%s: component %d is nil", name, k)
	}
	if c, ok := f.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return fmt.Errorf("%s: component %d: %w", name, k, err)
		}
	}
	return nil
}

// LogNormaliser is 0.
func (m *Mixed) LogNormaliser() float64 { return 0 }

// Mean is the weighted mean of the components' means, nil if one has none that is known.
func (m *Mixed) Mean() []float64 {
	mean := make([]float64, m.Dim())
	for k, c := range m.components {
		moments, ok := c.(Moments)
		if !ok {
			return nil
		}
		values := moments.Mean()
		if values == nil {
			return nil
		}
		for j, v := range values {
			mean[j] = math.FMA(m.weights[k], v, mean[j])
		}
	}
	return mean
}

// Covariance is the weighted mean of the components' covariances and of the squares of their means' distances from
// the mean, nil if one is not known.
func (m *Mixed) Covariance() [][]float64 {
	mean := m.Mean()
	if mean == nil {
		return nil
	}
	covariance := diagonal(make([]float64, m.Dim())...)
	for k, c := range m.components {
		own, at := c.(Moments).Covariance(), c.(Moments).Mean()
		if own == nil {
			return nil
		}
		for i := range own {
			for j, v := range own[i] {
				covariance[i][j] = math.FMA(m.weights[k], math.FMA(at[i]-mean[i], at[j]-mean[j], v), covariance[i][j])
			}
		}
	}
	return covariance
}

// exactMixed is a Mixed all of whose components are Exact.
type exactMixed struct{ *Mixed }

// Sample implements [Exact]: a uniform number picks the component, and each component draws for every point from
// a stream of its own, nested in the stream.
func (m exactMixed) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if dst.Dim() != m.Dim() {
		return fmt.Errorf("sample of a density of dimension %d: the block has room for %d coordinates", m.Dim(), dst.Dim())
	}
	choice := lanes.New(dst.Len(), 1)
	stream.Uniform(choice, first, 0)
	pick := newPicker(m.weights)
	drawn := lanes.New(dst.Len(), dst.Dim())
	for k, c := range m.components {
		if err := c.(Exact).Sample(ctx, drawn, stream.Sub(uint64(k)), first); err != nil {
			return fmt.Errorf("mixture: component %d: %w", k, err)
		}
		for i, u := range choice.Row(0)[:dst.Len()] {
			if pick.index(u) == k {
				dst.CopyPoints(i, drawn, i, 1)
			}
		}
	}
	return nil
}

// Tempered is the density p^(1/temperature): flatter than p above 1, steeper below. The temperature is positive
// and finite.
func Tempered(f Formula, temperature float64) (*Graph, error) {
	if !(temperature > 0) || math.IsInf(temperature, 1) {
		return nil, fmt.Errorf("tempered: the temperature is %v: it has to be a positive finite number", temperature)
	}
	if err := checkComponent("tempered", 0, f); err != nil {
		return nil, err
	}
	return Build(f.Dim(), func(x autodiff.Value) autodiff.Value { return f.Apply(x).Scale(1 / temperature) })
}

// Transformed is a density in other coordinates, made by [Transform].
type Transformed struct {
	*Graph
	of      Formula
	program *autodiff.Program
}

// Transform is the density of x whose image y has the density f:
//
//	log p(x) = log f(y(x)) + log |det dy/dx|.
//
// So a parameter that has to be positive is sampled on all of R: with y = exp(x), log |dy/dx| is x. change writes
// the image, a vector of f's dimension, and the logarithm of the determinant, a number, as values of the graph of x,
// a vector of as many coordinates. It has to be one to one and onto the support of f; it is called again
// whenever the density is applied to another graph.
func Transform(f Formula, change func(x autodiff.Value) (y, logDeterminant autodiff.Value)) (*Transformed, error) {
	if err := checkComponent("transform", 0, f); err != nil {
		return nil, err
	}
	if change == nil {
		return nil, fmt.Errorf("transform: the change of variables is nil; it has to write the image of x")
	}
	d := &Transformed{of: f}
	var err error
	if d.Graph, err = Build(f.Dim(), func(x autodiff.Value) autodiff.Value {
		y, logDeterminant := change(x)
		return f.Apply(y).Add(logDeterminant)
	}); err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	g := autodiff.NewGraph()
	x := g.Input("x", f.Dim())
	y, _ := change(x)
	if shape := y.Shape(); !slices.Equal(shape, []int{f.Dim()}) {
		return nil, fmt.Errorf("transform: the image has shape %v: it has to be a vector of the dimension of the density, %d", shape, f.Dim())
	}
	if d.program, err = autodiff.Compile([]autodiff.Value{y}, []autodiff.Value{x}); err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	return d, nil
}

// Map sets every point of dst to the image y of that of x, draws of f from draws of the density. dst has the shape
// of x; it may not be x.
func (d *Transformed) Map(dst, x *lanes.Block) error {
	if x.Dim() != d.Dim() || dst.Dim() != d.Dim() || dst.Len() != x.Len() {
		return fmt.Errorf("map: %d points of %d coordinates from %d of %d: both need %d coordinates and as many points",
			dst.Len(), dst.Dim(), x.Len(), x.Dim(), d.Dim())
	}
	if dst == x {
		return fmt.Errorf("map: the image would overwrite the points; give it a block of its own")
	}
	d.program.Run(x.Len(), []autodiff.Array{autodiff.Rows(dst)}, []autodiff.Array{autodiff.Rows(x)})
	return nil
}

// LogNormaliser is that of f, NaN where it is not known: a change of variables keeps masses.
func (d *Transformed) LogNormaliser() float64 {
	if n, ok := d.of.(Normalised); ok {
		return n.LogNormaliser()
	}
	return math.NaN()
}
