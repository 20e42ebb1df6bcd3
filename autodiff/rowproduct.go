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

// softmax computes a softmax of columns or its gradient. The matrices have one stride, so that the kernels can do many rows
// in one call, and there is room for half a matrix.
func (c *rowCompiler) softmax(id int, kind rowKind) {
	n, phase := c.nodes[id], c.moment(id)
	m := c.newWide(id, phase)
	in := rowInstruction{kind: kind, op: n.op, m: n.shape[0], n: m.pixel, dst: m.rowPlace, pixel: m.pixel}
	operands := in.operands()
	for i, a := range n.args {
		from := c.sharedImage(a, phase)
		if from.pixel != m.pixel {
			wide := rowImage{c.newRows(phase, in.m*m.pixel), m.pixel}
			c.copyPixels(phase, wide, from, n.shape)
			from = wide
		}
		*operands[i] = from.operand()
	}
	operands[len(n.args)].rowPlace = c.newRows(phase, (in.m+1)/2*in.n)
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
	dst, a := f.numbers(&in.dst, r, in.m*in.n), f.numbers(&in.a.rowPlace, r, in.m*in.n)
	room := f.numbers(&in.b.rowPlace, r, (in.m+1)/2*in.n)
	byRows(t.Sub.VV, dst, a, foldRows(t.Max.VV, room, a, in.n), in.n)
	t.Exp(dst, dst)
	column := foldRows(t.Add.VV, room, dst, in.n)
	t.Div.SV(column, 1, column)
	byRows(t.Mul.VV, dst, dst, column, in.n)
}

// softmaxGradient is p (d - sum of p d over the column).
func (f *rowFrame) softmaxGradient(in *rowInstruction, t *backends.Table32, r int) {
	dst := f.numbers(&in.dst, r, in.m*in.n)
	p, d := f.numbers(&in.a.rowPlace, r, len(dst)), f.numbers(&in.b.rowPlace, r, len(dst))
	room := f.numbers(&in.c.rowPlace, r, (in.m+1)/2*in.n)
	t.Mul.VV(dst, p, d)
	byRows(t.Sub.VV, dst, d, foldRows(t.Add.VV, room, dst, in.n), in.n)
	t.Mul.VV(dst, dst, p)
}

// foldRows adds up the rows of a matrix, n numbers each, or finds the largest of each column: the first half of the rows and
// the second, and so on with what that gives; an odd last row goes along. Many rows are one call that way, and the order
// depends on their number alone. The result is the first n numbers of room, which takes half the rows, rounded up.
func foldRows(f func(dst, a, b []float32), room, a []float32, n int) []float32 {
	rows := len(a) / n
	if rows == 1 {
		copy(room, a)
	}
	for ; rows > 1; rows = (rows + 1) / 2 {
		half := rows / 2 * n
		f(room[:half], a[:half], a[half:2*half])
		if rows%2 == 1 {
			copy(room[half:], a[2*half:][:n])
		}
		a = room
	}
	return room[:n]
}

// rowsAtATime is how often byRows repeats a row.
const rowsAtATime = 8

// byRows calls f for each row of a, n numbers, and the same row b. It writes b several times behind itself, if there is room
// within its capacity, to do as many rows in a call.
func byRows(f func(dst, a, b []float32), dst, a, b []float32, n int) {
	wide := b[:min(cap(b)/n, rowsAtATime)*n]
	for done := n; done < len(wide); {
		done += copy(wide[done:], wide[:done])
	}
	for len(dst) > 0 {
		k := min(len(dst), len(wide))
		f(dst[:k], a[:k], wide[:k])
		dst, a = dst[k:], a[k:]
	}
}
