package density

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
)

// logTwoPi is log(2 pi).
const logTwoPi = 1.8378770664093454836

// constants is what the densities of the library that are plain structs have in common: they are compared by
// their constants, check them, and write their formula.
type constants interface {
	comparable
	Dim() int
	Check() error
	Apply(x autodiff.Value) autodiff.Value
}

// graphs keeps the compiled graphs of the structs of one type, so that Donut{} alone is a density. The last one
// made is found without a search. It is never needed for a result: forgotten, a graph is compiled again.
type graphs[D constants] struct {
	latest   atomic.Pointer[keptGraph[D]]
	all      atomic.Pointer[map[D]*Graph] // never changed, only replaced
	building sync.Mutex
}

type keptGraph[D constants] struct {
	density D
	graph   *Graph
}

// mostGraphs bounds what a program holds on to that makes densities without end.
const mostGraphs = 256

func (g *graphs[D]) of(d D) (*Graph, error) {
	if kept := g.latest.Load(); kept != nil && kept.density == d {
		return kept.graph, nil
	}
	if all := g.all.Load(); all != nil {
		if graph, ok := (*all)[d]; ok {
			return graph, nil
		}
	}
	return g.build(d)
}

func (g *graphs[D]) build(d D) (*Graph, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	g.building.Lock()
	defer g.building.Unlock()
	next := map[D]*Graph{}
	if all := g.all.Load(); all != nil {
		if graph, ok := (*all)[d]; ok { // somebody else was faster
			return graph, nil
		}
		if len(*all) < mostGraphs {
			for key, graph := range *all {
				next[key] = graph
			}
		}
	}
	graph, err := Build(d.Dim(), d.Apply)
	if err != nil {
		return nil, err
	}
	next[d] = graph
	g.all.Store(&next)
	g.latest.Store(&keptGraph[D]{d, graph})
	return graph, nil
}

func (g *graphs[D]) logProb(ctx context.Context, d D, logp []float64, x *lanes.Block) error {
	graph, err := g.of(d)
	if err != nil {
		return err
	}
	return graph.LogProb(ctx, logp, x)
}

func (g *graphs[D]) logProbGrad(ctx context.Context, d D, logp []float64, grad, x *lanes.Block) error {
	graph, err := g.of(d)
	if err != nil {
		return err
	}
	return graph.LogProbGrad(ctx, logp, grad, x)
}

func (g *graphs[D]) lanes(d D) int {
	graph, err := g.of(d)
	if err != nil {
		return lanes.Width // LogProb will say what is wrong
	}
	return graph.Lanes()
}

// checkPositive refuses a constant that is no positive finite number.
func checkPositive(density, name string, value float64) error {
	if value > 0 && !math.IsInf(value, 1) {
		return nil
	}
	return fmt.Errorf("%s: %s is %v: it has to be a positive finite number, or 0 for the default", density, name, value)
}

// checkCoordinates refuses a number of coordinates below the least one.
func checkCoordinates(density string, coordinates, least int) error {
	if coordinates >= least {
		return nil
	}
	return fmt.Errorf("%s: %d coordinates: it has at least %d", density, coordinates, least)
}

// checkSample is the check of every Sample: of the density's constants, the context and the dimension of dst.
func checkSample(ctx context.Context, d interface {
	Dim() int
	Check() error
}, dst *lanes.Block) error {
	if err := d.Check(); err != nil {
		return err
	}
	if dst.Dim() != d.Dim() {
		return fmt.Errorf("sample of a density of dimension %d: the block has room for %d coordinates", d.Dim(), dst.Dim())
	}
	return ctx.Err()
}
