package autodiff

import "fmt"

// request is what a formula is compiled or written for.
type request struct {
	operation               string // for messages
	outputs, inputs, params []Value
}

// check finds what is wrong with a request. It returns the graph and the nodes of the outputs.
func (r request) check() (*Graph, []int, error) {
	if len(r.outputs) == 0 {
		return nil, nil, fmt.Errorf("%s: no outputs: give at least one value to compute", r.operation)
	}
	g := r.outputs[0].graph
	ids := make([]int, len(r.outputs))
	for i, v := range r.outputs {
		if v.graph == nil {
			return nil, nil, fmt.Errorf("%s: output %d is the zero Value, which belongs to no graph: make it with operations on inputs", r.operation, i)
		}
		if v.graph != g {
			return nil, nil, fmt.Errorf("%s: output %d belongs to another graph than output 0: build a formula in one graph", r.operation, i)
		}
		ids[i] = v.id
	}
	if g.err != nil {
		return nil, nil, g.err
	}
	given := map[int]bool{}
	if err := r.checkGiven("input", "Graph.Input", opInput, r.inputs, g, given); err != nil {
		return nil, nil, err
	}
	if err := r.checkGiven("param", "Graph.Param", opParam, r.params, g, given); err != nil {
		return nil, nil, err
	}
	for id, needed := range reachable(g, ids) {
		if !needed {
			continue
		}
		switch op := g.nodes[id].op; {
		case op == opInput && !given[id]:
			return nil, nil, fmt.Errorf("%s: the outputs need %v, which is not among the inputs: add it", r.operation, Value{g, id})
		case op == opParam && !given[id] && r.operation == "compile":
			return nil, nil, fmt.Errorf("compile: the outputs need %v: use CompileRows, which takes parameters", Value{g, id})
		case op == opParam && !given[id]:
			return nil, nil, fmt.Errorf("%s: the outputs need %v, which is not among the params: add it", r.operation, Value{g, id})
		case r.operation == "compile" && op.image() && op != opConvGradient:
			return nil, nil, fmt.Errorf("compile: the outputs need %v, an operation on images: use CompileRows, which computes them", Value{g, id})
		case r.operation == "compile" && (op == opSumParticles || op == opDenseGradient || op == opConvGradient):
			return nil, nil, fmt.Errorf("compile: the outputs need a sum over the particles, the gradient of a parameter: use CompileRows, which computes it")
		}
	}
	return g, ids, nil
}

// checkGiven checks that values are inputs, or parameters, of the graph, and each there once.
func (r request) checkGiven(what, maker string, op operation, values []Value, g *Graph, given map[int]bool) error {
	for i, v := range values {
		switch {
		case v.graph != g:
			return fmt.Errorf("%s: %s %d belongs to another graph than the outputs: build a formula in one graph", r.operation, what, i)
		case g.nodes[v.id].op != op:
			return fmt.Errorf("%s: %s %d is %v: %ss are made by %s", r.operation, what, i, v, what, maker)
		case given[v.id]:
			return fmt.Errorf("%s: %s %d, %v, is given twice: give it once", r.operation, what, i, v)
		}
		given[v.id] = true
	}
	return nil
}
