package autodiff

import (
	"fmt"
	"slices"
	"sort"
)

// Gradient is the derivatives of the scalar y in the inputs and parameters wrt, in values of the same graph and of the
// shapes of those. It can be applied again: Gradient(Gradient(y, x)[0].Dot(v), x) is the Hessian of y times v.
//
// The derivative in an input belongs to each particle. The derivative in a parameter is that of the sum of y over the
// particles of a run, a shared value: the particles' derivatives are added in their order. (If y is shared itself, it
// counts once.) Such a sum is final: what depends on it has no gradient.
//
// It is an error if y is not a scalar, an element of wrt is neither an input nor a parameter (a formula is simplified as
// it is recorded, so no other value is sure to be a part of it), or an operation of y has no derivative here (Trigamma,
// a sum over the particles).
func Gradient(y Value, wrt ...Value) ([]Value, error) {
	if y.graph == nil {
		return nil, fmt.Errorf("gradient: y is the zero Value, which belongs to no graph: make it with operations on inputs")
	}
	g := y.graph
	for i, w := range wrt {
		if w.graph != g {
			return nil, fmt.Errorf("gradient: wrt[%d] belongs to another graph than y", i)
		}
	}
	if g.err != nil {
		return nil, g.err
	}
	if !g.scalar(y.id) {
		return nil, fmt.Errorf("gradient: y has shape %v: only a scalar has a gradient; sum it, or take one element", shapeText(g.shape(y.id)))
	}
	for i, w := range wrt {
		if n := &g.nodes[w.id]; n.op != opInput && n.op != opParam {
			return nil, fmt.Errorf("gradient: wrt[%d] is neither an input nor a parameter but %v: make it an input of the formula", i, w)
		}
	}

	s := newSweep(g, y.id, wrt)
	if err := s.run(); err != nil {
		return nil, err
	}
	result := make([]Value, len(wrt))
	for i, w := range wrt {
		shape := g.shape(w.id)
		if a, ok := s.total(w.id); ok {
			id := g.sized(s.settle(a, 0).id, shape)
			result[i] = Value{g, id}
		} else {
			result[i] = Value{g, g.filled(0, shape)}
		}
	}
	return result, nil
}

// condition is one choice that a gradient depends on: the adjoint counts only where node is not 0 (or is 0).
type condition struct {
	node    int
	negated bool
}

// adjoint is the derivative of y in a node or a contribution to it. id is a node of the same shape, or a scalar that
// stands for every element. Where one of the conditions, the branches of Where on the way from y, does not hold, the
// adjoint is 0 whatever id is there. Conditions are settled (made a Where) as late as possible: several operations
// under one condition need only one, and the two branches of a Where meet again in one.
type adjoint struct {
	id         int
	conditions []condition
}

// contribution is an adjoint of the elements from, ..., to-1 of a node.
type contribution struct {
	adjoint
	from, to int
}

// sweep goes from y back to the inputs.
type sweep struct {
	*Graph
	y             int
	active        []bool // nodes that depend on a wrt by a differentiable path
	of            int    // the node whose adjoint is passed on
	contributions map[int][]contribution
	totals        map[int]adjoint
}

func newSweep(g *Graph, y int, wrt []Value) *sweep {
	s := &sweep{Graph: g, y: y, active: make([]bool, y+1), contributions: map[int][]contribution{}, totals: map[int]adjoint{}}
	for _, w := range wrt {
		if w.id <= y {
			s.active[w.id] = true
		}
	}
	for id := range s.active {
		n := &g.nodes[id]
		switch n.op {
		case opLess, opLessEqual, opEqual, opFloor, opSign, opHold:
			continue
		case opWhere:
			s.active[id] = s.active[n.args[1]] || s.active[n.args[2]]
			continue
		}
		for _, a := range n.args {
			s.active[id] = s.active[id] || s.active[a]
		}
	}
	return s
}

// run visits every node between y and the inputs once, later ones first: operands have lower numbers than the nodes
// made of them.
func (s *sweep) run() error {
	if !s.active[s.y] {
		return nil
	}
	s.contributions[s.y] = []contribution{{adjoint{id: s.number(1)}, 0, 1}}
	for id := s.y; id > 0; id-- {
		if op := s.nodes[id].op; op == opInput || op == opParam {
			continue
		}
		if a, ok := s.total(id); ok {
			s.of = id
			if err := s.pull(id, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver adds an adjoint of the shape of a node, or a scalar for every element, to an operand of it: the shapes are
// equal, or the operand is a scalar that met all elements.
func (s *sweep) deliver(of, operand, id int, conditions []condition) {
	if !s.active[operand] || s.is(id, 0) {
		return
	}
	a := adjoint{id, conditions}
	if n := s.nodes[operand]; n.op == opSpreadPixels && n.shared && !s.nodes[s.of].shared { // over the pixels first: that is less to add up
		a = s.settle(a, s.scalarConditions(conditions))
		s.deliverPart(n.args[0], s.sumPixels(s.sized(a.id, n.shape)), a.conditions, 0, n.shape[2])
		return
	}
	if s.scalar(operand) && !s.scalar(of) {
		a = s.settle(a, s.scalarConditions(conditions))
		if s.scalar(a.id) {
			a.id = s.mul(a.id, s.number(float64(s.size(of))))
		} else {
			a.id = s.sum(a.id)
		}
	}
	a = s.crossed(a, operand)
	s.contributions[operand] = append(s.contributions[operand], contribution{a, 0, s.size(operand)})
}

// deliverPart adds an adjoint to the elements of an operand that begin with from. Its id is a scalar or has size
// elements in any shape.
func (s *sweep) deliverPart(operand, id int, conditions []condition, from, size int) {
	if !s.active[operand] || s.is(id, 0) {
		return
	}
	a := s.crossed(s.settle(adjoint{id, conditions}, s.scalarConditions(conditions)), operand)
	s.contributions[operand] = append(s.contributions[operand], contribution{a, from, from + size})
}

// crossed is an adjoint on its way from a value of each particle to an operand that they share: the sum over them.
func (s *sweep) crossed(a adjoint, operand int) adjoint {
	if s.nodes[s.of].shared || !s.nodes[operand].shared {
		return a
	}
	return adjoint{id: s.sumParticles(s.settle(a, 0).id)}
}

// scalarConditions is how many conditions come before the first that differs from element to element. Only those can
// go along to a node of another shape.
func (s *sweep) scalarConditions(conditions []condition) int {
	for i, c := range conditions {
		if !s.scalar(c.node) {
			return i
		}
	}
	return len(conditions)
}

// settle makes all but the first keep conditions part of the node.
func (s *sweep) settle(a adjoint, keep int) adjoint {
	zero := s.number(0)
	for len(a.conditions) > keep {
		last := len(a.conditions) - 1
		c := a.conditions[last]
		if c.negated {
			a.id = s.where(c.node, zero, a.id)
		} else {
			a.id = s.where(c.node, a.id, zero)
		}
		a.conditions = a.conditions[:last]
	}
	return a
}

// total adds up the contributions to a node; there may be none. It is called when they are complete.
func (s *sweep) total(id int) (adjoint, bool) {
	if a, ok := s.totals[id]; ok {
		return a, true
	}
	all := s.contributions[id]
	if len(all) == 0 {
		return adjoint{}, false
	}
	delete(s.contributions, id)
	var a adjoint
	if size := s.size(id); slices.ContainsFunc(all, func(c contribution) bool { return c.to-c.from != size }) {
		a = s.assemble(all, id)
	} else {
		parts := make([]adjoint, len(all))
		for i, c := range all {
			if !s.scalar(c.id) || s.scalar(id) {
				c.id = s.view(c.id, 0, s.shape(id))
			}
			parts[i] = c.adjoint
		}
		a = s.join(parts)
	}
	s.totals[id] = a
	return a, true
}

// join is the sum of adjoints of the same elements. Those under the same conditions are added as they are; the two
// branches of a condition become one choice.
func (s *sweep) join(all []adjoint) adjoint {
	var groups []adjoint
	for _, a := range all {
		if i := find(groups, a.conditions); i >= 0 {
			groups[i].id = s.add(groups[i].id, a.id)
		} else {
			groups = append(groups, a)
		}
	}
	for len(groups) > 1 {
		deepest := 0
		for i, a := range groups {
			if len(a.conditions) > len(groups[deepest].conditions) {
				deepest = i
			}
		}
		a := groups[deepest]
		last := len(a.conditions) - 1
		rest, c := a.conditions[:last:last], a.conditions[last]
		other := find(groups, append(rest, condition{c.node, !c.negated}))
		if other >= 0 {
			yes, no := a.id, groups[other].id
			if c.negated {
				yes, no = no, yes
			}
			a = adjoint{s.where(c.node, yes, no), rest}
		} else {
			a = s.settle(a, last)
		}
		kept := groups[:0]
		for i, b := range groups {
			if i != deepest && i != other {
				kept = append(kept, b)
			}
		}
		groups = kept
		if same := find(groups, rest); same >= 0 {
			groups[same].id = s.add(groups[same].id, a.id)
		} else {
			groups = append(groups, a)
		}
	}
	return groups[0]
}

// find is the adjoint with these conditions, -1 if there is none.
func find(all []adjoint, conditions []condition) int {
	return slices.IndexFunc(all, func(a adjoint) bool { return slices.Equal(a.conditions, conditions) })
}

// assemble is the sum of contributions to parts of a node: the parts between all their ends, side by side.
func (s *sweep) assemble(all []contribution, id int) adjoint {
	ends := []int{0, s.size(id)}
	for i, c := range all {
		ends = append(ends, c.from, c.to)
		all[i].adjoint = s.settle(c.adjoint, s.scalarConditions(c.conditions))
	}
	slices.Sort(ends)
	ends = slices.Compact(ends)

	parts := make([][]adjoint, len(ends)-1)
	for _, c := range all {
		for i := sort.SearchInts(ends, c.from); ends[i] < c.to; i++ {
			a := c.adjoint
			if size := ends[i+1] - ends[i]; !s.scalar(a.id) {
				a.id = s.view(a.id, ends[i]-c.from, partShape(size))
			}
			parts[i] = append(parts[i], a)
		}
	}
	joined := make([]adjoint, len(parts))
	var common []condition // that all parts are under
	first := true
	for i, p := range parts {
		if len(p) == 0 {
			continue
		}
		joined[i] = s.join(p)
		if first {
			common, first = joined[i].conditions, false
		}
		k := 0
		for k < len(common) && k < len(joined[i].conditions) && common[k] == joined[i].conditions[k] {
			k++
		}
		common = common[:k]
	}
	pieces := make([]int, len(parts))
	for i, p := range parts {
		size := ends[i+1] - ends[i]
		if len(p) == 0 {
			pieces[i] = s.filled(0, partShape(size))
		} else {
			pieces[i] = s.sized(s.settle(joined[i], len(common)).id, partShape(size))
		}
	}
	return adjoint{s.concat(pieces, s.shape(id)), common}
}

// partShape is the shape of consecutive elements: a single one is a scalar.
func partShape(size int) []int {
	if size == 1 {
		return nil
	}
	return []int{size}
}
