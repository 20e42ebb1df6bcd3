package autodiff

// Index is one element of v, a scalar: one index for each dimension, counted from 0.
func (v Value) Index(index ...int) Value {
	g := together("index", v)
	if g == nil {
		return poison(v)
	}
	shape := g.shape(v.id)
	if len(index) != len(shape) {
		return g.fail("index: %d indices for a value of shape %v: give one for each dimension", len(index), shapeText(shape))
	}
	at := 0
	for i, k := range index {
		if k < 0 || k >= shape[i] {
			return g.fail("index: %d is outside dimension %d of shape %v: indices go from 0 to %d", k, i, shapeText(shape), shape[i]-1)
		}
		at = at*shape[i] + k
	}
	return Value{g, g.view(v.id, at, nil)}
}

// Slice is the elements from up to, without, to along the first dimension.
func (v Value) Slice(from, to int) Value {
	g := together("slice", v)
	if g == nil {
		return poison(v)
	}
	shape := g.shape(v.id)
	if len(shape) == 0 {
		return g.fail("slice: the value is a scalar: only vectors and matrices have parts")
	}
	if from < 0 || to > shape[0] || from >= to {
		return g.fail("slice: [%d:%d] of shape %v: a part needs 0 <= from < to <= %d", from, to, shapeText(shape), shape[0])
	}
	row := product(shape[1:])
	return Value{g, g.view(v.id, from*row, append([]int{to - from}, shape[1:]...))}
}

// Reshape is the elements of v, in row-major order, in another shape of as many elements.
func (v Value) Reshape(shape ...int) Value {
	g := together("reshape", v)
	if g == nil {
		return poison(v)
	}
	size, err := elements(shape)
	if err != nil {
		return g.fail("reshape: %w", err)
	}
	if size != g.size(v.id) {
		return g.fail("reshape: shape %v has %d elements, shape %v has %d: they must be equal", shapeText(shape), size, shapeText(g.shape(v.id)), g.size(v.id))
	}
	return Value{g, g.view(v.id, 0, append([]int(nil), shape...))}
}

// Concat joins values along the first dimension; a scalar counts as one element. The other dimensions must be equal.
func Concat(values ...Value) Value {
	g := together("concat", values...)
	if g == nil {
		return poison(values...)
	}
	total, rows := 0, 0
	var rest []int
	ids := make([]int, len(values))
	for i, v := range values {
		shape := g.shape(v.id)
		if len(shape) == 0 {
			shape = []int{1}
		}
		if i == 0 {
			rest = shape[1:]
		} else if !equalShapes(rest, shape[1:]) {
			return g.fail("concat: shapes %v and %v differ after the first dimension: they must be equal there", shapeText(g.shape(values[0].id)), shapeText(g.shape(v.id)))
		}
		rows += shape[0]
		total += g.size(v.id)
		ids[i] = v.id
	}
	if total > maxElements {
		return g.fail("concat: the result has %d elements for one particle, more than %d: split the value", total, maxElements)
	}
	return Value{g, g.concat(ids, append([]int{rows}, rest...))}
}

// Gather is the elements of v at the given indices along the first dimension, in that order; an index may repeat.
func (v Value) Gather(indices []int) Value {
	g := together("gather", v)
	if g == nil {
		return poison(v)
	}
	shape := g.shape(v.id)
	if len(shape) == 0 {
		return g.fail("gather: the value is a scalar: only vectors and matrices have elements to gather")
	}
	row := product(shape[1:])
	if len(indices) == 0 || len(indices) > maxElements/row {
		return g.fail("gather: %d indices of elements of %d numbers: give at least 1 and at most %d", len(indices), row, maxElements/row)
	}
	flat := make([]int, 0, len(indices)*row)
	for _, k := range indices {
		if k < 0 || k >= shape[0] {
			return g.fail("gather: index %d is outside shape %v: indices go from 0 to %d", k, shapeText(shape), shape[0]-1)
		}
		for j := range row {
			flat = append(flat, k*row+j)
		}
	}
	return Value{g, g.gather(v.id, flat, append([]int{len(indices)}, shape[1:]...))}
}

// Transpose is the matrix with rows and columns exchanged.
func (v Value) Transpose() Value {
	g := together("transpose", v)
	if g == nil {
		return poison(v)
	}
	if shape := g.shape(v.id); len(shape) != 2 {
		return g.fail("transpose: shape %v is no matrix: it needs two dimensions", shapeText(shape))
	}
	return Value{g, g.transpose(v.id)}
}

// view makes the consecutive elements of a node from the given one, in a shape.
func (g *Graph) view(id, from int, shape []int) int {
	n := g.nodes[id]
	size := product(shape)
	switch {
	case equalShapes(n.shape, shape):
		return id
	case n.op == opConstant:
		return g.constant(n.data[from:from+size:from+size], shape)
	case n.op == opView:
		return g.view(n.args[0], n.from+from, shape)
	case n.op == opConcat:
		start := 0
		for _, piece := range n.args {
			if k := g.size(piece); from >= start && from+size <= start+k {
				return g.view(piece, from-start, shape)
			} else {
				start += k
			}
		}
	}
	return g.make(node{op: opView, shape: shape, args: []int{id}, from: from})
}

// concat makes the elements of all nodes in a shape. Pieces that follow each other in one node become one view of it.
func (g *Graph) concat(ids []int, shape []int) int {
	var flat []int
	for _, id := range ids {
		if n := g.nodes[id]; n.op == opConcat {
			flat = append(flat, n.args...)
		} else {
			flat = append(flat, id)
		}
	}
	var pieces []int
	for i := 0; i < len(flat); {
		j := i + 1
		for j < len(flat) && g.adjacent(flat[j-1], flat[j]) {
			j++
		}
		pieces = append(pieces, g.run(flat[i:j]))
		i = j
	}
	if len(pieces) == 1 {
		return g.view(pieces[0], 0, shape)
	}
	return g.make(node{op: opConcat, shape: shape, args: pieces})
}

// adjacent tells whether the elements of a and then those of b can be one piece: both are constants, or views of one
// node that follow each other.
func (g *Graph) adjacent(a, b int) bool {
	na, nb := &g.nodes[a], &g.nodes[b]
	if na.op == opView && nb.op == opView {
		return na.args[0] == nb.args[0] && na.from+na.size == nb.from
	}
	return na.op == opConstant && nb.op == opConstant
}

// run is one node for a run of adjacent ones.
func (g *Graph) run(ids []int) int {
	first := g.nodes[ids[0]]
	if len(ids) == 1 {
		return ids[0]
	}
	size := 0
	var data []float64
	for _, id := range ids {
		size += g.size(id)
		data = append(data, g.nodes[id].data...)
	}
	if first.op == opConstant {
		return g.constant(data, []int{size})
	}
	return g.view(first.args[0], first.from, []int{size})
}

// gather makes the elements of a node at the indices, in a shape.
func (g *Graph) gather(id int, indices []int, shape []int) int {
	n := g.nodes[id]
	if n.op == opConstant {
		data := make([]float64, len(indices))
		for i, k := range indices {
			data[i] = n.data[k]
		}
		return g.constant(data, shape)
	}
	consecutive := true
	for i, k := range indices {
		consecutive = consecutive && k == indices[0]+i
	}
	if consecutive {
		return g.view(id, indices[0], shape)
	}
	return g.make(node{op: opGather, shape: shape, args: []int{id}, indices: indices})
}

// scatter makes a value of the shape whose element k is the sum, in order, of the elements i with indices[i] = k.
func (g *Graph) scatter(id int, indices []int, shape []int) int {
	n := g.nodes[id]
	if n.op == opConstant {
		data := make([]float64, product(shape))
		for i, k := range indices {
			data[k] += n.data[i]
		}
		return g.constant(data, shape)
	}
	return g.make(node{op: opScatter, shape: shape, args: []int{id}, indices: indices})
}

func (g *Graph) transpose(id int) int {
	n := g.nodes[id]
	rows, columns := n.shape[0], n.shape[1]
	shape := []int{columns, rows}
	switch {
	case n.op == opTranspose:
		return n.args[0]
	case n.op == opDenseGradient:
		return g.denseGradient(n.args[1], n.args[0])
	case n.op == opProduct: // of the transposed ones
		return g.product(g.transpose(n.args[1]), g.transpose(n.args[0]))
	case rows == 1 || columns == 1:
		return g.view(id, 0, shape)
	case n.op == opConstant:
		return g.gather(id, transposed(rows, columns), shape)
	}
	return g.make(node{op: opTranspose, shape: shape, args: []int{id}})
}

// transposed is the elements of a matrix in the order of its transpose.
func transposed(rows, columns int) []int {
	indices := make([]int, 0, rows*columns)
	for j := range columns {
		for i := range rows {
			indices = append(indices, i*columns+j)
		}
	}
	return indices
}
