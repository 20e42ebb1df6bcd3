package autodiff

// The functions of this file write the instructions that compute a node.

// absorb finds the nodes that are computed as part of those that use them: dense layers by their ReLU, or by the choice
// that is the gradient of one, and the conditions of such choices.
func (c *rowCompiler) absorb(needed []bool) []bool {
	absorbed := make([]bool, len(c.nodes))
	gates := map[int]int{}
	for id, n := range c.nodes {
		switch {
		case !needed[id]:
		case c.silu(id) >= 0:
			absorbed[c.sigmoidOf(n)] = true
		case c.rectified(id):
			absorbed[n.args[0]] = true
		case c.gated(id):
			absorbed[n.args[1]] = true
			gates[n.args[0]]++
		}
	}
	for id, count := range gates {
		absorbed[id] = count == c.uses[id]
	}
	return absorbed
}

// silu is the node that a node is the SiLU of, if nothing else needs its sigmoid, and -1 otherwise.
func (c *rowCompiler) silu(id int) int {
	n := c.nodes[id]
	if n.op != opMul {
		return -1
	}
	s := c.sigmoidOf(n)
	if s < 0 || c.uses[s] != 1 {
		return -1
	}
	return c.nodes[s].args[0]
}

// sigmoidOf is the factor of a product that is the sigmoid of the other, or -1.
func (c *rowCompiler) sigmoidOf(n node) int {
	for i, a := range n.args {
		if s := c.nodes[a]; s.op == opSigmoid && s.args[0] == n.args[1-i] {
			return a
		}
	}
	return -1
}

// rectified tells whether a node is the ReLU of a dense layer that nothing else needs.
func (c *rowCompiler) rectified(id int) bool {
	n := c.nodes[id]
	return n.op == opReLU && c.nodes[n.args[0]].op == opDense && c.uses[n.args[0]] == 1 && c.phase(id) == phaseEach
}

// gated tells whether a node is a dense layer without a bias where a value of its size is above 0, else 0.
func (c *rowCompiler) gated(id int) bool {
	n := c.nodes[id]
	if n.op != opWhere || !c.is(n.args[2], 0) || c.uses[n.args[1]] != 1 {
		return false
	}
	y, above := c.nodes[n.args[1]], c.nodes[n.args[0]]
	return y.op == opDense && len(y.args) == 2 && !y.shared && above.op == opLess && c.is(above.args[0], 0) &&
		c.size(above.args[1]) == y.size && !c.nodes[above.args[1]].shared
}

func (c *rowCompiler) emit(id int) {
	n := c.nodes[id]
	if n.op.image() || n.op == opDotPixels {
		c.emitImage(id)
		return
	}
	switch n.op {
	case opInput, opParam, opConstant:
	case opView:
		c.view(id)
	case opConcat:
		c.concat(id)
	case opGather:
		dst := c.home(id)
		c.places[id] = dst
		if c.size(n.args[0]) == 1 {
			c.add(c.moment(id), rowInstruction{kind: rowSpread, op: n.op, n: n.size, dst: dst, a: rowOperand{rowPlace: c.place(n.args[0])}})
			return
		}
		c.add(c.moment(id), rowInstruction{kind: rowGather, op: n.op, n: n.size, inner: c.size(n.args[0]), indices: n.indices, dst: dst, a: rowOperand{rowPlace: c.place(n.args[0])}})
	case opScatter:
		dst := c.home(id)
		c.places[id] = dst
		c.add(c.moment(id), rowInstruction{kind: rowScatter, op: n.op, n: n.size, indices: n.indices, dst: dst, a: rowOperand{rowPlace: c.place(n.args[0])}})
	case opTranspose:
		// written where it is asked for
	case opSum, opDot, opMaxElement:
		c.reduce(id)
	case opMatMul:
		phase := c.moment(id)
		in := rowInstruction{kind: rowMatMul, op: n.op, m: n.shape[0], inner: c.shape(n.args[0])[1], n: n.size, dst: c.home(id)}
		in.a.rowPlace, in.b.rowPlace = c.rowsOf(n.args[0], phase), c.rowsOf(n.args[1], phase)
		c.places[id] = in.dst
		c.add(phase, in)
	case opDense:
		c.dense(id, id, rowInstruction{})
	case opDenseGradient:
		c.denseAdd(id, n.args[0], n.args[1])
	case opSumParticles:
		if c.size(n.args[0]) != n.size {
			c.sumImages(id)
			return
		}
		c.columnSums(id)
	case opSumProducts:
		c.sumProducts(id)
	case opReLU:
		if c.rectified(id) {
			c.dense(id, n.args[0], rowInstruction{relu: true})
			return
		}
		c.elementwise(id, n)
	case opWhere:
		if c.gated(id) {
			c.dense(id, n.args[1], rowInstruction{gated: true})
			return
		}
		c.elementwise(id, n)
	default:
		if a := c.silu(id); a >= 0 {
			n.op, n.args = opSiLU, []int{a}
		}
		c.elementwise(id, n)
	}
}

// rowsOf is where the rows of an operand are in a phase: one that all particles share is the same row again and again.
func (c *rowCompiler) rowsOf(id, phase int) rowPlace {
	p := c.place(id)
	if phase == phaseEach && c.nodes[id].shared {
		p.stride = 0
	}
	return p
}

// withPadding is rows that can be read up to whole vectors.
func (c *rowCompiler) withPadding(id, phase int) rowPlace {
	switch size := c.size(id); {
	case c.nodes[id].shared:
		return c.vector(id)
	case size != whole(size) && c.place(id).array >= arrayCaller:
		return c.relocated(id, whole(size))
	}
	return c.place(id)
}

// dense computes node id by the dense layer of node layer, and what in says beyond.
func (c *rowCompiler) dense(id, layer int, in rowInstruction) {
	y, phase := c.nodes[layer], c.moment(id)
	if k := c.size(y.args[0]); narrow(y.size) && k%4 == 0 && phase == phaseEach && !in.relu && !in.gated {
		c.denseThin(id)
		return
	}
	columns := whole(y.size)
	in.kind, in.op, in.n, in.inner = rowDense, opDense, columns, c.size(y.args[0])
	in.a.rowPlace, in.b.rowPlace = c.place(y.args[0]), c.matrix(y.args[1])
	if in.gated {
		in.c.rowPlace = c.withPadding(c.nodes[c.nodes[id].args[0]].args[1], phase)
	} else if in.bias = len(y.args) == 3; in.bias {
		in.c.rowPlace = c.vector(y.args[2])
	}
	if columns == y.size {
		in.dst = c.home(id)
	} else {
		in.dst = c.newRows(phase, columns)
	}
	c.places[id] = in.dst
	c.add(phase, in)
	if columns != y.size && narrow(y.size) {
		dst := c.home(id)
		c.add(phase, rowInstruction{kind: rowCopy, n: y.size, dst: dst, a: rowOperand{rowPlace: in.dst}})
		c.places[id] = dst
	}
}

// denseThin computes a dense layer of few outputs.
func (c *rowCompiler) denseThin(id int) {
	y := c.nodes[id]
	x, w := y.args[0], y.args[1]
	in := rowInstruction{kind: rowDenseThin, op: opDense, n: y.size, inner: c.size(x), bias: len(y.args) == 3}
	in.a.rowPlace, in.b.rowPlace = c.place(x), c.matrix(c.Graph.transpose(w))
	if in.bias {
		in.c.rowPlace = c.place(y.args[2])
	}
	dst := c.home(id)
	c.places[id] = dst
	if y.size == 1 {
		in.dst = dst
		c.add(phaseEach, in)
		return
	}
	in.dst = c.newRows(phaseEach, y.size)
	c.add(phaseEach, in)
	c.add(phaseEach, rowInstruction{kind: rowTurn, n: y.size, dst: dst, a: rowOperand{rowPlace: in.dst}})
}

// sums is where a sum over the particles goes: columns numbers of each of some rows.
func (c *rowCompiler) sums(id, rows, columns int) (dst rowPlace, phase int) {
	dst, ok := c.homes[id]
	if !ok || rows*columns != c.size(id) {
		dst = c.newShared(rows, columns)
	}
	dst.stride = columns
	return dst, c.phase(id)
}

// denseAdd computes node id as the sum over the particles of the products of each element of x and each of df.
func (c *rowCompiler) denseAdd(id, x, df int) {
	k, n := c.size(x), c.size(df)
	columns := whole(n)
	if n*whole(k) < k*columns {
		c.denseAddTurned(id, x, df)
		return
	}
	dst, phase := c.sums(id, c.size(x), columns)
	in := rowInstruction{kind: rowDenseAdd, op: c.nodes[id].op, inner: c.size(x), n: columns, dst: dst}
	in.a.rowPlace, in.b.rowPlace = c.rowsOf(x, phase), c.withPadding(df, phase)
	c.add(phase, in)
	if c.size(x) == 1 || columns == c.size(df) {
		c.places[id] = rowPlace{dst.array, dst.at, c.size(id)}
	}
	c.matrices[id] = dst
}

// denseAddTurned is denseAdd with the result transposed, where that is less to compute.
func (c *rowCompiler) denseAddTurned(id, x, df int) {
	k, n := whole(c.size(x)), c.size(df)
	phase := c.phase(id)
	dst := c.newShared(n, k)
	in := rowInstruction{kind: rowDenseAddTurned, op: opDenseGradient, inner: k, n: n, dst: dst}
	in.a.rowPlace, in.b.rowPlace = c.withPadding(x, phase), c.rowsOf(df, phase)
	c.add(phase, in)
	c.turned[id] = dst
}

func (c *rowCompiler) columnSums(id int) {
	n := c.nodes[id]
	columns := whole(n.size)
	dst, phase := c.sums(id, 1, columns)
	c.add(phase, rowInstruction{kind: rowColumnSums, op: n.op, n: columns, dst: dst, a: rowOperand{rowPlace: c.withPadding(n.args[0], phase)}})
	c.places[id] = rowPlace{dst.array, dst.at, n.size}
}

func (c *rowCompiler) sumProducts(id int) {
	n := c.nodes[id]
	dst, phase := c.sums(id, 1, n.size)
	c.add(phase, rowInstruction{kind: rowSumProducts, op: n.op, n: n.size, dst: dst,
		a: rowOperand{rowPlace: c.rowsOf(n.args[0], phase)}, b: rowOperand{rowPlace: c.rowsOf(n.args[1], phase)}})
	c.places[id] = dst
}

func (c *rowCompiler) reduce(id int) {
	n, phase := c.nodes[id], c.moment(id)
	in := rowInstruction{kind: rowReduce, op: n.op, n: c.size(n.args[0]), dst: c.home(id)}
	in.a.rowPlace = c.rowsOf(n.args[0], phase)
	if n.op == opDot {
		in.b.rowPlace = c.rowsOf(n.args[1], phase)
	}
	c.places[id] = in.dst
	c.add(phase, in)
}

func (c *rowCompiler) concat(id int) {
	n, phase := c.nodes[id], c.moment(id)
	dst := c.home(id)
	c.places[id] = dst
	for _, piece := range n.args {
		size := c.size(piece)
		c.add(phase, rowInstruction{kind: rowCopy, n: size, dst: dst, a: rowOperand{rowPlace: c.rowsOf(piece, phase)}})
		dst.at += size
	}
}

// manyFeatures is the numbers of a row from which a kernel for each row is faster than to repeat what rows share, and the
// numbers of rows, so that one kernel can do all rows.
const manyFeatures = 24

// elementwise computes node id as an elementwise operation n, by one call of the kernel for all rows if it can.
func (c *rowCompiler) elementwise(id int, n node) {
	phase := c.moment(id)
	if phase == phaseEach && len(n.shape) == 3 && c.pixels {
		c.elementwiseLines(id, n)
		return
	}
	in := rowInstruction{kind: rowFlat, op: n.op, n: n.size}
	operands := in.operands()
	vectors, repeated, padded := false, false, false
	for i, a := range n.args {
		*operands[i] = c.operand(a, n.size, phase)
		o := operands[i]
		vectors = vectors || o.use == useRows
		repeated = repeated || phase == phaseEach && o.use == useRows && o.stride == 0 || o.use == useNumbers
		padded = padded || o.use == useRows && o.array < 0 && o.stride == whole(n.size)
	}
	stride := n.size
	if padded && phase == phaseEach {
		stride = whole(n.size)
	}
	if !vectors || n.op.arity() == 3 && in.a.use != useRows {
		c.spreadFirst(&in, n, phase, stride)
	}
	switch {
	case phase != phaseEach:
	case repeated && n.size >= manyFeatures:
		in.kind = rowByRow
	default:
		in.n = stride
		for i, o := range operands {
			switch {
			case o.use == useNumbers:
				*o = rowOperand{rowPlace: c.spread(phase, n.args[i], n.size, stride)}
			case o.use == useRows && (o.stride != stride || stride != n.size && o.array >= arrayCaller):
				o.rowPlace = c.relocated(n.args[i], stride)
			}
		}
	}
	in.setForm()
	if stride == n.size {
		in.dst = c.home(id)
	} else {
		in.dst = c.newRows(phase, stride)
	}
	c.places[id] = in.dst
	c.add(phase, in)
}

// spreadFirst makes a vector of an operand, if all are numbers, or of the first of three: kernels need one there.
func (c *rowCompiler) spreadFirst(in *rowInstruction, n node, phase, stride int) {
	for i, o := range in.operands() {
		if o.use != useConstant || n.op.arity() == 3 {
			*o = rowOperand{rowPlace: c.spread(phase, n.args[i], n.size, stride)}
			return
		}
	}
}

// spread is rows of one number each, repeated.
func (c *rowCompiler) spread(phase, id, size, stride int) rowPlace {
	dst := c.newRows(phase, stride)
	if v, ok := c.uniform(id); ok {
		c.add(phase, rowInstruction{kind: rowFill, n: size, dst: dst, a: rowOperand{use: useConstant, value: number32(v)}})
	} else {
		c.add(phase, rowInstruction{kind: rowSpread, n: size, dst: dst, a: rowOperand{rowPlace: c.rowsOf(id, phase)}})
	}
	return dst
}

// operand is what an elementwise operation with results of a size reads of a node.
func (c *rowCompiler) operand(id, size, phase int) rowOperand {
	if v, ok := c.uniform(id); ok {
		return rowOperand{use: useConstant, value: number32(v)}
	}
	o := rowOperand{rowPlace: c.rowsOf(id, phase)}
	n := c.nodes[id]
	switch {
	case phase == phaseEach && n.shared && n.size == 1, phase != phaseEach && n.size != size:
		o.use = useNumber
	case n.size != size:
		o.use = useNumbers
	}
	return o
}
