package autodiff

// MatMul is the product of matrices, [m, k] times [k, n]; a vector [k] on the left is a row and on the right a column,
// and the result has no such dimension. Each element is a sum as in Dot, in the order of k. A vector times a parameter is
// [Value.Dense] without a bias.
func (v Value) MatMul(w Value) Value {
	g := together("matMul", v, w)
	if g == nil {
		return poison(v, w)
	}
	a, b := g.shape(v.id), g.shape(w.id)
	if len(a) < 1 || len(a) > 2 || len(b) < 1 || len(b) > 2 || a[len(a)-1] != b[0] {
		return g.fail("matMul: shapes %v and %v do not fit: the last dimension of a matrix or vector must equal the first one of the other", shapeText(a), shapeText(b))
	}
	m, k, n := 1, b[0], 1
	var shape []int
	if len(a) == 2 {
		m = a[0]
		shape = append(shape, m)
	}
	if len(b) == 2 {
		n = b[1]
		shape = append(shape, n)
	}
	if len(a) == 1 && len(b) == 2 && g.nodes[w.id].shared && !g.isConstant(w.id) {
		return Value{g, g.dense(v.id, w.id)}
	}
	if m > maxElements/n {
		return g.fail("matMul: the result has shape %v, more than %d elements for one particle: split the value", shapeText(shape), maxElements)
	}
	matrix := g.matMul(g.view(v.id, 0, []int{m, k}), g.view(w.id, 0, []int{k, n}))
	return Value{g, g.view(matrix, 0, shape)}
}

func (g *Graph) matMul(a, b int) int {
	na, nb := g.nodes[a], g.nodes[b]
	m, k, n := na.shape[0], na.shape[1], nb.shape[1]
	shape := []int{m, n}
	switch {
	case m == 1 && n == 1:
		return g.view(g.dot(g.view(a, 0, []int{k}), g.view(b, 0, []int{k})), 0, shape)
	case na.op == opConstant && nb.op == opConstant:
		column := make([]float64, k)
		data := make([]float64, m*n)
		for j := range n {
			for i := range k {
				column[i] = nb.data[i*n+j]
			}
			for i := range m {
				data[i*n+j] = foldDot(na.data[i*k:(i+1)*k], column)
			}
		}
		return g.constant(data, shape)
	}
	return g.make(node{op: opMatMul, shape: shape, args: []int{a, b}})
}

// largestFactor bounds the rows of matrices that Cholesky and the triangular solves take: they become n^3/6 operations
// each, and some two seconds and 300 MB go into compiling the gradient of the largest.
const largestFactor = 64

// square checks a matrix for an operation and returns its number of rows, 0 after recording a mistake.
func (g *Graph) square(name string, v Value) int {
	shape := g.shape(v.id)
	if len(shape) != 2 || shape[0] != shape[1] {
		g.fail("%s: shape %v is no square matrix: it needs two equal dimensions", name, shapeText(shape))
		return 0
	}
	if shape[0] > largestFactor {
		g.fail("%s: shape %v is too large: at most %d rows", name, shapeText(shape), largestFactor)
		return 0
	}
	return shape[0]
}

// Cholesky is the lower triangular L with L Lᵀ = v for a symmetric positive definite matrix v, of which only the lower
// triangle is read; for another matrix, a NaN appears in L. Row by row,
//
//	L[i][j] = (v[i][j] - (L[i][0]*L[j][0] + ... + L[i][j-1]*L[j][j-1])) * (1/L[j][j])     for j < i,
//	L[i][i] = sqrt(v[i][i] - (L[i][0]^2 + ... + L[i][i-1]^2)),
//
// with sums as in Dot. These are operations of the graph, so there is a gradient, and one of it.
func (v Value) Cholesky() Value {
	g := together("cholesky", v)
	if g == nil {
		return poison(v)
	}
	n := g.square("cholesky", v)
	if n == 0 {
		return poison(v)
	}
	one := g.number(1)
	factor := make([]int, n*n)
	inverse := make([]int, n) // 1/L[j][j]
	for i := range n {
		for j := range i {
			rest := g.less(g.view(v.id, i*n+j, nil), factor[i*n:i*n+j], factor[j*n:j*n+j])
			factor[i*n+j] = g.mul(rest, inverse[j])
		}
		rest := g.less(g.view(v.id, i*n+i, nil), factor[i*n:i*n+i], factor[i*n:i*n+i])
		factor[i*n+i] = g.unary(opSqrt, rest)
		inverse[i] = g.div(opDiv, one, factor[i*n+i])
		for j := i + 1; j < n; j++ {
			factor[i*n+j] = g.number(0)
		}
	}
	return Value{g, g.concat(factor, []int{n, n})}
}

// less makes a - (x0*y0 + x1*y1 + ...), scalars.
func (g *Graph) less(a int, x, y []int) int {
	if len(x) == 0 {
		return a
	}
	sum := g.mul(x[0], y[0])
	for i := 1; i < len(x); i++ {
		sum = g.add(sum, g.mul(x[i], y[i]))
	}
	return g.sub(a, sum)
}

// SolveLower is x with v x = w, for a lower triangular matrix v of n rows, whose upper triangle is not read; w and x are
// vectors [n] or matrices [n, columns]. x[i] = (w[i] - (v[i][0]*x[0] + ... + v[i][i-1]*x[i-1])) * (1/v[i][i]) for i from 0.
func (v Value) SolveLower(w Value) Value { return solve("solveLower", v, w, false) }

// SolveUpper is x with v x = w, for an upper triangular matrix v of n rows, whose lower triangle is not read; w and x are
// vectors [n] or matrices [n, columns]. x[i] = (w[i] - (v[i][i+1]*x[i+1] + ... )) * (1/v[i][i]) for i from n-1 down.
func (v Value) SolveUpper(w Value) Value { return solve("solveUpper", v, w, true) }

func solve(name string, v, w Value, upper bool) Value {
	g := together(name, v, w)
	if g == nil {
		return poison(v, w)
	}
	n := g.square(name, v)
	if n == 0 {
		return poison(v)
	}
	shape := g.shape(w.id)
	if len(shape) < 1 || len(shape) > 2 || shape[0] != n {
		return g.fail("%s: shapes %v and %v do not fit: the right side needs %d rows, as a vector or matrix", name, shapeText(g.shape(v.id)), shapeText(shape), n)
	}
	columns := g.size(w.id) / n
	if columns > largestFactor {
		return g.fail("%s: the right side has %d columns: at most %d", name, columns, largestFactor)
	}
	one := g.number(1)
	inverse := make([]int, n)
	for i := range n {
		inverse[i] = g.div(opDiv, one, g.view(v.id, i*n+i, nil))
	}
	x := make([]int, n*columns)
	for c := range columns {
		for step := range n {
			i := step
			if upper {
				i = n - 1 - step
			}
			var row, known []int
			for k := range n {
				if upper && k > i || !upper && k < i {
					row = append(row, g.view(v.id, i*n+k, nil))
					known = append(known, x[k*columns+c])
				}
			}
			x[i*columns+c] = g.mul(g.less(g.view(w.id, i*columns+c, nil), row, known), inverse[i])
		}
	}
	return Value{g, g.concat(x, append([]int(nil), shape...))}
}
