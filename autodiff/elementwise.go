package autodiff

import "fmt"

// apply1, apply2 and apply3 check the operands of an elementwise operation and make its node.

func apply1(name string, a Value, f func(g *Graph, a int) int) Value {
	g := together(name, a)
	if g == nil {
		return poison(a)
	}
	return Value{g, f(g, a.id)}
}

func apply2(name string, a, b Value, f func(g *Graph, a, b int) int) Value {
	g := together(name, a, b)
	if g == nil || !g.fit(name, a, b) {
		return poison(a, b)
	}
	return Value{g, f(g, a.id, b.id)}
}

func apply3(name string, a, b, c Value, f func(g *Graph, a, b, c int) int) Value {
	g := together(name, a, b, c)
	if g == nil || !g.fit(name, a, b, c) {
		return poison(a, b, c)
	}
	return Value{g, f(g, a.id, b.id, c.id)}
}

// fit records a mistake if the shapes of an elementwise operation's operands differ.
func (g *Graph) fit(name string, values ...Value) bool {
	var first []int
	for _, v := range values {
		shape := g.shape(v.id)
		switch {
		case len(shape) == 0:
		case first == nil:
			first = shape
		case !equalShapes(first, shape):
			g.fail("%s: shapes %v and %v differ: operands need equal shapes, or one is a scalar", name, shapeText(first), shapeText(shape))
			return false
		}
	}
	return true
}

func equalShapes(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Add is v + w.
func (v Value) Add(w Value) Value { return apply2("add", v, w, (*Graph).add) }

// Sub is v - w.
func (v Value) Sub(w Value) Value { return apply2("sub", v, w, (*Graph).sub) }

// Mul is v*w, element by element.
func (v Value) Mul(w Value) Value { return apply2("mul", v, w, (*Graph).mul) }

// Div is v/w, element by element. A constant w becomes the product with 1/w, and so does one scalar w for several
// elements of v: a result may differ from the division in its last bit.
func (v Value) Div(w Value) Value { return apply2("div", v, w, byOperation(opDiv)) }

// DivOrZero is v/w, and 0 where w is 0, whatever v is.
func (v Value) DivOrZero(w Value) Value {
	return apply2("divOrZero", v, w, byOperation(opDivOrZero))
}

func byOperation(op operation) func(g *Graph, a, b int) int {
	return func(g *Graph, a, b int) int { return g.binary(op, a, b) }
}

// Scale is c*v.
func (v Value) Scale(c float64) Value {
	return apply1("scale", v, func(g *Graph, a int) int { return g.mul(a, g.number(c)) })
}

// Shift is v + c.
func (v Value) Shift(c float64) Value {
	return apply1("shift", v, func(g *Graph, a int) int { return g.add(a, g.number(c)) })
}

// Neg is -v.
func (v Value) Neg() Value {
	return apply1("neg", v, func(g *Graph, a int) int { return g.mul(a, g.number(-1)) })
}

// Square is v*v.
func (v Value) Square() Value {
	return apply1("square", v, func(g *Graph, a int) int { return g.mul(a, a) })
}

// Pow is v to the power w. Its gradient in v is w*v^w/v, and 0 where v is 0; its gradient in w is v^w*log(v), and 0
// where v is 0.
func (v Value) Pow(w Value) Value { return apply2("pow", v, w, (*Graph).pow) }

// PowConst is v to the power c. Whole exponents up to 16 and half ones up to 3.5, of either sign, become products,
// square roots and a division.
func (v Value) PowConst(c float64) Value {
	return apply1("powConst", v, func(g *Graph, a int) int { return g.pow(a, g.number(c)) })
}

// Min is the smaller of v and w, NaN if either is. Where they are equal the gradient goes to v.
func (v Value) Min(w Value) Value { return apply2("min", v, w, byOperation(opMin)) }

// Max is the larger of v and w, NaN if either is. Where they are equal the gradient goes to v.
func (v Value) Max(w Value) Value { return apply2("max", v, w, byOperation(opMax)) }

// Less is 1 where v < w, else 0. Comparisons have gradient 0; with a NaN all but NotEqual are 0.
func (v Value) Less(w Value) Value { return apply2("less", v, w, byOperation(opLess)) }

// LessEqual is 1 where v <= w, else 0.
func (v Value) LessEqual(w Value) Value { return apply2("lessEqual", v, w, byOperation(opLessEqual)) }

// Greater is 1 where v > w, else 0.
func (v Value) Greater(w Value) Value {
	return apply2("greater", v, w, func(g *Graph, a, b int) int { return g.binary(opLess, b, a) })
}

// GreaterEqual is 1 where v >= w, else 0.
func (v Value) GreaterEqual(w Value) Value {
	return apply2("greaterEqual", v, w, func(g *Graph, a, b int) int { return g.binary(opLessEqual, b, a) })
}

// Equal is 1 where v == w, else 0.
func (v Value) Equal(w Value) Value { return apply2("equal", v, w, byOperation(opEqual)) }

// NotEqual is 1 where v != w, else 0.
func (v Value) NotEqual(w Value) Value {
	return apply2("notEqual", v, w, func(g *Graph, a, b int) int {
		return g.sub(g.number(1), g.binary(opEqual, a, b))
	})
}

// And is 1 where neither v nor w is 0, else 0.
func (v Value) And(w Value) Value {
	return apply2("and", v, w, func(g *Graph, a, b int) int { return g.where(a, g.truth(b), g.number(0)) })
}

// Or is 1 where v or w is not 0, else 0.
func (v Value) Or(w Value) Value {
	return apply2("or", v, w, func(g *Graph, a, b int) int { return g.where(a, g.number(1), g.truth(b)) })
}

// Not is 1 where v is 0, else 0.
func (v Value) Not() Value {
	return apply1("not", v, func(g *Graph, a int) int { return g.binary(opEqual, a, g.number(0)) })
}

// truth is 1 where a node is not 0, else 0.
func (g *Graph) truth(a int) int {
	if g.nodes[a].op.truth() {
		return a
	}
	return g.where(a, g.number(1), g.number(0))
}

// Where is a where cond is not 0, else b. What the other branch is there, NaN or infinite, leaves no trace in the value
// or in a gradient.
func Where(cond, a, b Value) Value { return apply3("where", cond, a, b, (*Graph).where) }

func (v Value) unary(op operation) Value {
	return apply1(op.String(), v, func(g *Graph, a int) int { return g.unary(op, a) })
}

// Abs is |v|, with gradient 0 at 0.
func (v Value) Abs() Value { return v.unary(opAbs) }

// Sign is -1, 0 or 1. Its gradient is 0.
func (v Value) Sign() Value { return v.unary(opSign) }

// Floor is the largest whole number that is not above v. Its gradient is 0.
func (v Value) Floor() Value { return v.unary(opFloor) }

// Sqrt is the square root of v, with gradient 0 at 0.
func (v Value) Sqrt() Value { return v.unary(opSqrt) }

// Exp is e to the power v.
func (v Value) Exp() Value { return v.unary(opExp) }

// Expm1 is e to the power v, less 1.
func (v Value) Expm1() Value { return v.unary(opExpm1) }

// Log is the natural logarithm of v, with gradient 0 at 0, where the value is -Inf.
func (v Value) Log() Value { return v.unary(opLog) }

// Log1p is the natural logarithm of 1 + v, with gradient 0 at -1, where the value is -Inf.
func (v Value) Log1p() Value { return v.unary(opLog1p) }

// Sin is the sine of v in radians.
func (v Value) Sin() Value { return v.unary(opSin) }

// Cos is the cosine of v in radians.
func (v Value) Cos() Value { return v.unary(opCos) }

// Tanh is the hyperbolic tangent of v.
func (v Value) Tanh() Value { return v.unary(opTanh) }

// Erf is the error function of v.
func (v Value) Erf() Value { return v.unary(opErf) }

// Erfc is 1 - erf(v), accurate where it is small.
func (v Value) Erfc() Value { return v.unary(opErfc) }

// Lgamma is log |Gamma(v)|.
func (v Value) Lgamma() Value { return v.unary(opLgamma) }

// Digamma is the derivative of Lgamma.
func (v Value) Digamma() Value { return v.unary(opDigamma) }

// Trigamma is the derivative of Digamma. It has no gradient itself: Gradient reports that as an error.
func (v Value) Trigamma() Value { return v.unary(opTrigamma) }

// Sigmoid is 1/(1 + exp(-v)).
func (v Value) Sigmoid() Value { return v.unary(opSigmoid) }

// Softplus is log(1 + exp(v)).
func (v Value) Softplus() Value { return v.unary(opSoftplus) }

// String describes the value for messages and debugging: its operation and shape.
func (v Value) String() string {
	if v.graph == nil {
		return "no value"
	}
	n := &v.graph.nodes[v.id]
	switch n.op {
	case opInput, opParam:
		return fmt.Sprintf("%v %q of shape %v", n.op, n.name, shapeText(n.shape))
	case opConstant:
		if len(n.shape) == 0 {
			return fmt.Sprintf("constant %v", n.data[0])
		}
	}
	return fmt.Sprintf("%v of shape %v", n.op, shapeText(n.shape))
}
