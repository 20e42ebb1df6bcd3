package autodiff

// elu finds the ELU of a value a, where(0 < a, a, expm1(a)), and what passes a gradient d on through one,
// where(0 < a, d, d*(expm1(a) + 1)), which its result tells as well as a.
func (f *fusion) elu(n node) (int, bool) {
	g := f.from
	c, above, below := g.nodes[n.args[0]], n.args[1], g.nodes[n.args[2]]
	if c.op != opLess || !g.is(c.args[0], 0) || !g.covers(c.args[1], n) {
		return 0, false
	}
	a := c.args[1]
	if above == a && below.op == opExpm1 && below.args[0] == a {
		return f.to.make(node{op: opELU, shape: n.shape, args: []int{f.done[a]}}), true
	}
	if below.op != opMul || !f.together(n, a, above) {
		return 0, false
	}
	for i, d := range below.args {
		slope := g.nodes[below.args[1-i]]
		if d != above || slope.op != opAdd || !g.is(slope.args[1], 1) {
			continue
		}
		if e := g.nodes[slope.args[0]]; e.op == opExpm1 && e.args[0] == a {
			y := f.to.make(node{op: opELU, shape: n.shape, args: []int{f.done[a]}})
			return f.to.make(node{op: opELUGradient, shape: n.shape, args: []int{y, f.done[d]}}), true
		}
	}
	return 0, false
}

// siluGradient finds what passes a gradient d on through a SiLU, d*(y*(1 - s) + s).
func (f *fusion) siluGradient(n node) (int, bool) {
	g := f.from
	if n.op != opMul {
		return 0, false
	}
	for i, d := range n.args {
		slope := g.nodes[n.args[1-i]]
		if slope.op != opAdd {
			continue
		}
		for j, s := range slope.args {
			product := g.nodes[slope.args[1-j]]
			if g.nodes[s].op != opSigmoid || product.op != opMul || !f.together(n, s, d) {
				continue
			}
			for k, y := range product.args {
				rest := g.nodes[product.args[1-k]]
				if rest.op == opSub && g.is(rest.args[0], 1) && rest.args[1] == s && f.together(n, s, y) {
					return f.to.make(node{op: opSiLUGradient, shape: n.shape, args: []int{f.done[s], f.done[y], f.done[d]}}), true
				}
			}
		}
	}
	return 0, false
}

// together tells whether two nodes are vectors of the shape of n, and both shared or both not: then no kernel meets a number
// in the place of a vector.
func (f *fusion) together(n node, a, b int) bool {
	g := f.from
	return len(n.shape) > 0 && g.covers(a, n) && g.covers(b, n) && !g.isConstant(a) && !g.isConstant(b) && g.nodes[a].shared == g.nodes[b].shared
}
