package autodiff

import "github.com/scorefield/infer/backends"

// Products of each particle's own matrices, and what attention makes of them. A row of a matrix is a pixel of its image, so
// it may be part of a wider one; columns are computed by whole vectors.

// matrixProduct computes a product of matrices in float32. The left one may be read transposed; the right one and the
// result have room for whole vectors.
func (c *rowCompiler) matrixProduct(id int) {
	n, phase := c.nodes[id], c.moment(id)
	a, b := n.args[0], n.args[1]
	in := rowInstruction{kind: rowProduct, op: n.op, m: n.shape[0], inner: c.shape(a)[1], n: whole(n.shape[1])}
	if na := c.nodes[a]; na.op == opTranspose {
		in.turned, a = true, na.args[0]
	}
	in.a = c.sharedImage(a, phase).operand()
	in.b = c.wideMatrix(b, phase).operand()
	m := c.newWide(id, phase)
	in.dst, in.pixel = m.rowPlace, m.pixel
	c.add(phase, in)
}

// newWide is where a matrix is to be computed, by whole vectors.
func (c *rowCompiler) newWide(id, phase int) rowImage {
	rows, columns := flattened(c.shape(id))
	if columns == whole(columns) {
		dst := c.home(id)
		c.places[id] = dst
		return rowImage{dst, columns}
	}
	m := rowImage{c.newRows(phase, rows*whole(columns)), whole(columns)}
	c.images[id] = m
	return m
}

// wideMatrix is a matrix whose rows can be read by whole vectors.
func (c *rowCompiler) wideMatrix(id, phase int) rowImage {
	n := c.nodes[id]
	columns := whole(n.shape[1])
	if n.op == opTranspose {
		m := rowImage{c.newRows(phase, n.shape[0]*columns), columns}
		in := rowInstruction{kind: rowTransposePixels, op: n.op, n: n.shape[0], m: n.shape[1], dst: m.rowPlace, pixel: m.pixel}
		in.a = c.sharedImage(n.args[0], phase).operand()
		c.add(phase, in)
		return m
	}
	if columns == n.shape[1] {
		return c.sharedImage(id, phase)
	}
	m := rowImage{c.newRows(phase, n.shape[0]*columns), columns}
	c.copyPixels(phase, m, c.sharedImage(id, phase), n.shape)
	return m
}

// softmax computes a softmax of columns or its gradient, with room for a number a column.
func (c *rowCompiler) softmax(id int, kind rowKind) {
	n, phase := c.nodes[id], c.moment(id)
	in := rowInstruction{kind: kind, op: n.op, m: n.shape[0], n: n.shape[1]}
	operands := in.operands()
	for i, a := range n.args {
		*operands[i] = c.sharedImage(a, phase).operand()
	}
	operands[len(n.args)].rowPlace = c.newRows(phase, n.shape[1])
	m := c.newWide(id, phase)
	in.dst, in.pixel = m.rowPlace, m.pixel
	c.add(phase, in)
}

// matrixOf is a matrix of row r whose rows are so far apart.
func (f *rowFrame) matrixOf(p *rowPlace, r, rows, columns, stride int) backends.Matrix {
	return backends.Matrix{Data: f.numbers(p, r, (rows-1)*stride+columns), Rows: rows, Columns: columns, Stride: stride, Step: 1}
}

func (f *rowFrame) product(in *rowInstruction, t *backends.Table32, r int) {
	var x backends.Matrix
	if in.turned {
		x = f.matrixOf(&in.a.rowPlace, r, in.inner, in.m, in.a.pixel).Transposed()
	} else {
		x = f.matrixOf(&in.a.rowPlace, r, in.m, in.inner, in.a.pixel)
	}
	t.Dense(f.matrixOf(&in.dst, r, in.m, in.n, in.pixel), x, f.matrixOf(&in.b.rowPlace, r, in.inner, in.n, in.b.pixel), nil, false)
}

// softmax subtracts the largest number of each column, and divides the exponentials by their sum.
func (f *rowFrame) softmax(in *rowInstruction, t *backends.Table32, r int) {
	dst, a := f.matrixOf(&in.dst, r, in.m, in.n, in.pixel), f.matrixOf(&in.a.rowPlace, r, in.m, in.n, in.a.pixel)
	column := f.numbers(&in.b.rowPlace, r, in.n)
	copy(column, matrixRow(&a, 0))
	for i := 1; i < in.m; i++ {
		t.Max.VV(column, column, matrixRow(&a, i))
	}
	for i := range in.m {
		t.Sub.VV(matrixRow(&dst, i), matrixRow(&a, i), column)
	}
	clear(column)
	for i := range in.m {
		row := matrixRow(&dst, i)
		t.Exp(row, row)
		t.Add.VV(column, column, row)
	}
	t.Div.SV(column, 1, column)
	for i := range in.m {
		row := matrixRow(&dst, i)
		t.Mul.VV(row, row, column)
	}
}

// softmaxGradient is p (d - sum of p d over the column).
func (f *rowFrame) softmaxGradient(in *rowInstruction, t *backends.Table32, r int) {
	dst := f.matrixOf(&in.dst, r, in.m, in.n, in.pixel)
	p, d := f.matrixOf(&in.a.rowPlace, r, in.m, in.n, in.a.pixel), f.matrixOf(&in.b.rowPlace, r, in.m, in.n, in.b.pixel)
	column := f.numbers(&in.c.rowPlace, r, in.n)
	clear(column)
	for i := range in.m {
		t.FMA.VVV(column, matrixRow(&p, i), matrixRow(&d, i), column)
	}
	for i := range in.m {
		row := matrixRow(&dst, i)
		t.Sub.VV(row, matrixRow(&d, i), column)
		t.Mul.VV(row, row, matrixRow(&p, i))
	}
}

func matrixRow(m *backends.Matrix, i int) []float32 { return m.Data[i*m.Stride:][:m.Columns] }
