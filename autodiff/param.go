package autodiff

import (
	"math"
	"slices"
)

// Param is a value that all particles of a run share, such as the weights of a network. No dimensions is a scalar. The
// name appears in errors, in a program's listing and in files. Every dimension must be at least 1. Only [CompileRows]
// takes formulas with parameters.
func (g *Graph) Param(name string, shape ...int) Value {
	size, err := elements(shape)
	if err != nil {
		return g.fail("param %q: %w", name, err)
	}
	g.begin()
	g.nodes = append(g.nodes, node{op: opParam, shape: slices.Clone(shape), size: size, name: name, shared: true})
	return Value{g, len(g.nodes) - 1}
}

// Shared tells whether the value is the same for all particles: a constant, a parameter, what is made of such values
// alone, or the gradient of a parameter.
func (v Value) Shared() bool { return v.graph != nil && v.graph.nodes[v.id].shared }

// Dense is v times the matrix w, plus b: element j is the sum over i of v[i]*w[i][j], for a vector v [k], shared weights w
// [k, o] and a shared bias b [o], or the zero Value for none. The sum begins with b[j], or 0, and goes in the order of i,
// each product and sum rounded once together.
func (v Value) Dense(w, b Value) Value {
	operands := []Value{v, w}
	if b.graph != nil {
		operands = append(operands, b)
	}
	g := together("dense", operands...)
	if g == nil {
		return poison(operands...)
	}
	x, weights := g.shape(v.id), g.shape(w.id)
	if len(x) != 1 || len(weights) != 2 || x[0] != weights[0] {
		return g.fail("dense: shapes %v and %v do not fit: it takes a vector [k] and weights [k, o]", shapeText(x), shapeText(weights))
	}
	if bias := operands[len(operands)-1]; len(operands) == 3 && !equalShapes(g.shape(bias.id), weights[1:]) {
		return g.fail("dense: a bias of shape %v does not fit weights of shape %v: it needs shape [%d]", shapeText(g.shape(bias.id)), shapeText(weights), weights[1])
	}
	ids := []int{v.id}
	for i, s := range operands[1:] {
		if !g.nodes[s.id].shared {
			return g.fail("dense: the %s each particle's own, %v: make a dense layer of parameters and constants", [2]string{"weights are", "bias is"}[i], s)
		}
		ids = append(ids, s.id)
	}
	return Value{g, g.dense(ids...)}
}

// sharing tells whether a new node is the same for all particles, and whether a sum over them is part of it.
func (g *Graph) sharing(n node) (shared, summed bool) {
	shared = n.op != opInput && n.op != opPoison
	for _, a := range n.args {
		shared = shared && g.nodes[a].shared
		summed = summed || g.nodes[a].summed
	}
	switch n.op {
	case opSumParticles, opSumProducts:
		return true, true
	case opDenseGradient, opConvGradient: // of one product only, if both operands are shared
		return true, summed || !shared
	}
	return shared, summed
}

// dense makes the product of a vector and weights, from a bias on if a third node is given.
func (g *Graph) dense(ids ...int) int {
	x, w := g.nodes[ids[0]], g.nodes[ids[1]]
	columns := w.shape[1]
	if g.allConstant(ids...) {
		data := make([]float64, columns)
		for j := range data {
			if len(ids) == 3 {
				data[j] = g.nodes[ids[2]].data[j]
			}
			for i, v := range x.data {
				data[j] = math.FMA(v, w.data[i*columns+j], data[j])
			}
		}
		return g.constant(data, []int{columns})
	}
	return g.make(node{op: opDense, shape: []int{columns}, args: slices.Clone(ids)})
}

// denseGradient makes the sum over the particles of the products of each element of a vector x and each of df.
func (g *Graph) denseGradient(x, df int) int {
	return g.make(node{op: opDenseGradient, shape: []int{g.size(x), g.size(df)}, args: []int{x, df}})
}

// sumParticles makes the sum over the particles of a run.
func (g *Graph) sumParticles(a int) int {
	return g.make(node{op: opSumParticles, shape: g.shape(a), args: []int{a}})
}
