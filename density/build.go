package density

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
)

// Graph is a density given as a graph of its log p, from which the gradient follows. Concurrent calls are
// allowed; calls allocate nothing once warm.
type Graph struct {
	dim   int
	apply func(x autodiff.Value) (autodiff.Value, error)

	// One graph, three programs: log p alone, the gradient alone, both. Each is compiled when it is first
	// needed, but for log p, which shows faults of the graph.
	x                           autodiff.Value
	value, slope, valueAndSlope program
	compiling                   sync.Mutex // a graph is not for concurrent use
}

// program is a compiled part of the graph, once it is.
type program struct {
	outputs  []autodiff.Value
	once     sync.Once
	compiled *autodiff.Program
	err      error
	calls    sync.Pool // of *call
}

// call holds the arguments of one run of a program, so that none is allocated.
type call struct {
	inputs  [1]autodiff.Array
	outputs [2]autodiff.Array
}

// Build makes a density on R^dim of a function that writes log p of one point, the vector x of dim elements,
// as a value of the graph of x:
//
//	density.Build(2, func(x autodiff.Value) autodiff.Value {
//		return x.Norm().Shift(-2.6).Square().Scale(-1 / 0.033)
//	})
//
// The function is called now, and again whenever the density is applied to a value of another graph; it must
// write the same each time. It is an error if it does not return one number of the graph of x, or made a
// mistake of shape on the way.
func Build(dim int, f func(x autodiff.Value) autodiff.Value) (*Graph, error) {
	if f == nil {
		return nil, errors.New("build: the function is nil; it has to write log p of a point")
	}
	return build(dim, func(x autodiff.Value) (autodiff.Value, error) { return f(x), nil })
}

// build is Build for a function that may fail in its own words.
func build(dim int, f func(x autodiff.Value) (autodiff.Value, error)) (*Graph, error) {
	if dim < 1 {
		return nil, fmt.Errorf("dimension %d: a point has at least one coordinate", dim)
	}
	graph := autodiff.NewGraph()
	x := graph.Input("x", dim)
	if err := graph.Err(); err != nil {
		return nil, fmt.Errorf("density of dimension %d: %w", dim, err)
	}
	logp, err := f(x)
	if err != nil {
		return nil, err
	}
	if err := graph.Err(); err != nil {
		return nil, fmt.Errorf("density of dimension %d: %w", dim, err)
	}
	if logp.Graph() != graph {
		return nil, fmt.Errorf("density of dimension %d: the function returned no value of the graph of x; log p has to be computed from x", dim)
	}
	if shape := logp.Shape(); len(shape) != 0 {
		return nil, fmt.Errorf("density of dimension %d: the function returned an array of shape %v, and log p is one number; reduce it, for example by Sum, or pick an element by Index", dim, shape)
	}
	gradient, err := autodiff.Gradient(logp, x)
	if err != nil {
		return nil, fmt.Errorf("gradient of a density of dimension %d: %w", dim, err)
	}
	g := &Graph{dim: dim, apply: f, x: x}
	g.value.outputs = []autodiff.Value{logp}
	g.slope.outputs = []autodiff.Value{gradient[0]}
	g.valueAndSlope.outputs = []autodiff.Value{logp, gradient[0]}
	if _, err := g.compile(&g.value); err != nil {
		return nil, fmt.Errorf("density of dimension %d: %w", dim, err)
	}
	return g, nil
}

// compile returns the program of p's outputs.
func (g *Graph) compile(p *program) (*autodiff.Program, error) {
	p.once.Do(func() {
		g.compiling.Lock()
		defer g.compiling.Unlock()
		p.compiled, p.err = autodiff.Compile(p.outputs, []autodiff.Value{g.x})
		p.calls.New = func() any { return new(call) }
	})
	return p.compiled, p.err
}

// Dim is the number of coordinates of a point.
func (g *Graph) Dim() int { return g.dim }

// Lanes is the number of points that the gradient's program works through at a time.
func (g *Graph) Lanes() int {
	p, err := g.compile(&g.valueAndSlope)
	if err != nil {
		return lanes.Width // LogProbGrad will say what is wrong
	}
	return p.Lanes()
}

// Apply writes log p of x, a vector of dim elements of any graph, into that graph, where it can be combined
// with others. A mistake of shape is recorded there, as by every operation.
func (g *Graph) Apply(x autodiff.Value) autodiff.Value {
	if !slices.Equal(x.Shape(), []int{g.dim}) {
		x = x.Reshape(g.dim)
	}
	logp, err := g.apply(x)
	if err != nil {
		panic(fmt.Sprintf("density: a formula that was read before is refused now: %v", err))
	}
	return logp
}

// LogProb sets logp[i] to log p of point i.
func (g *Graph) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	if err := checkCall(ctx, g.dim, logp, x); err != nil {
		return err
	}
	p, err := g.compile(&g.value)
	if err != nil {
		return err
	}
	c := g.value.calls.Get().(*call)
	c.outputs[0] = autodiff.Array{Data: logp, Stride: len(logp)}
	g.value.run(p, c, 1, x)
	return nil
}

// LogProbGrad sets logp[i] to log p of point i and point i of grad to its gradient there. If logp is nil it
// computes the gradient alone, with a program of its own that takes less time.
func (g *Graph) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if logp == nil {
		return g.gradientAlone(ctx, grad, x)
	}
	if err := checkCall(ctx, g.dim, logp, x); err != nil {
		return err
	}
	if err := checkGradient(ctx, g.dim, grad, x); err != nil {
		return err
	}
	p, err := g.compile(&g.valueAndSlope)
	if err != nil {
		return err
	}
	c := g.valueAndSlope.calls.Get().(*call)
	c.outputs[0] = autodiff.Array{Data: logp, Stride: len(logp)}
	c.outputs[1] = autodiff.Array{Data: grad.Data(), Stride: grad.Stride()}
	g.valueAndSlope.run(p, c, 2, x)
	return nil
}

func (g *Graph) gradientAlone(ctx context.Context, grad, x *lanes.Block) error {
	if err := checkGradient(ctx, g.dim, grad, x); err != nil {
		return err
	}
	p, err := g.compile(&g.slope)
	if err != nil {
		return err
	}
	c := g.slope.calls.Get().(*call)
	c.outputs[0] = autodiff.Array{Data: grad.Data(), Stride: grad.Stride()}
	g.slope.run(p, c, 1, x)
	return nil
}

// run runs the program on every point of x, with outputs set in c, which it gives back to the pool.
func (p *program) run(compiled *autodiff.Program, c *call, outputs int, x *lanes.Block) {
	c.inputs[0] = autodiff.Array{Data: x.Data(), Stride: x.Stride()}
	compiled.Run(x.Len(), c.outputs[:outputs], c.inputs[:])
	*c = call{} // keeps nothing of the caller's alive
	p.calls.Put(c)
}
