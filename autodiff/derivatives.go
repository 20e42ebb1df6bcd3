package autodiff

import (
	"errors"
	"fmt"
	"math"
)

// pull passes the adjoint a of a node on to its operands, by the chain rule.
func (s *sweep) pull(id int, a adjoint) error {
	n := s.nodes[id]
	switch n.op.arity() {
	case 1:
		return s.pullUnary(id, n, a)
	case 2:
		s.pullBinary(id, n, a)
		return nil
	case 3: // Where
		s.deliver(id, n.args[1], a.id, with(a.conditions, condition{n.args[0], false}))
		s.deliver(id, n.args[2], a.id, with(a.conditions, condition{n.args[0], true}))
		return nil
	}
	if n.op.image() {
		return s.pullImage(n, a)
	}
	x := n.args[0]
	switch n.op {
	case opSum:
		s.deliverPart(x, a.id, a.conditions, 0, s.size(x))
	case opDot:
		y := n.args[1]
		if x == y {
			s.deliverPart(x, s.mul(x, s.mul(a.id, s.number(2))), a.conditions, 0, s.size(x))
			break
		}
		s.deliverPart(x, s.mul(y, a.id), a.conditions, 0, s.size(x))
		s.deliverPart(y, s.mul(x, a.id), a.conditions, 0, s.size(y))
	case opMaxElement:
		largest := s.binary(opEqual, x, id)
		share := s.div(opDivOrZero, a.id, s.sum(largest))
		s.deliverPart(x, s.where(largest, share, s.number(0)), a.conditions, 0, s.size(x))
	case opMatMul:
		y := n.args[1]
		a = s.settle(a, s.scalarConditions(a.conditions))
		da := s.sized(a.id, n.shape)
		if s.active[x] {
			s.deliverPart(x, s.matMul(da, s.transpose(y)), a.conditions, 0, s.size(x))
		}
		if s.active[y] {
			s.deliverPart(y, s.matMul(s.transpose(x), da), a.conditions, 0, s.size(y))
		}
	case opView:
		s.deliverPart(x, a.id, a.conditions, n.from, n.size)
	case opConcat:
		a = s.settle(a, s.scalarConditions(a.conditions))
		from := 0
		for _, piece := range n.args {
			part := a.id
			if !s.scalar(part) {
				part = s.view(part, from, s.shape(piece))
			}
			s.deliverPart(piece, part, a.conditions, 0, s.size(piece))
			from += s.size(piece)
		}
	case opGather:
		a = s.settle(a, s.scalarConditions(a.conditions))
		var part int
		if s.size(x) == 1 {
			part = s.mul(a.id, s.number(float64(n.size)))
			if !s.scalar(a.id) {
				part = s.sum(a.id)
			}
		} else {
			part = s.scatter(s.sized(a.id, n.shape), n.indices, s.shape(x))
		}
		s.deliverPart(x, part, a.conditions, 0, s.size(x))
	case opScatter:
		a = s.settle(a, s.scalarConditions(a.conditions))
		part := a.id
		if !s.scalar(part) {
			part = s.gather(part, n.indices, s.shape(x))
		}
		s.deliverPart(x, part, a.conditions, 0, s.size(x))
	case opTranspose:
		a = s.settle(a, s.scalarConditions(a.conditions))
		part := a.id
		if !s.scalar(part) {
			part = s.transpose(part)
		}
		s.deliverPart(x, part, a.conditions, 0, s.size(x))
	case opDense:
		s.pullDense(n, a)
	case opDenseGradient, opSumParticles:
		return errSummed
	}
	return nil
}

var errSummed = errors.New("gradient: the gradient of a parameter is a sum over the particles and cannot be differentiated again: differentiate in the inputs first and in the parameters last")

// pullDense: dx = df W', dW = x df' and db = df, the last two summed over the particles.
func (s *sweep) pullDense(n node, a adjoint) {
	x, w := n.args[0], n.args[1]
	a = s.settle(a, s.scalarConditions(a.conditions))
	if s.active[w] {
		df := s.sized(s.settle(a, 0).id, n.shape)
		dw := s.denseGradient(x, df)
		s.contributions[w] = append(s.contributions[w], contribution{adjoint{id: dw}, 0, s.size(w)})
	}
	if len(n.args) == 3 {
		s.deliverPart(n.args[2], a.id, a.conditions, 0, n.size)
	}
	if s.active[x] {
		s.deliverPart(x, s.dense(s.sized(a.id, n.shape), s.transpose(w)), a.conditions, 0, s.size(x))
	}
}

// with is the conditions and one more.
func with(conditions []condition, c condition) []condition {
	return append(conditions[:len(conditions):len(conditions)], c)
}

// pullUnary: dy/dx = dy/df f'(x). f is the node itself, where the derivative is simplest in terms of the result.
func (s *sweep) pullUnary(f int, n node, a adjoint) error {
	x, df := n.args[0], a.id
	one := s.number(1)
	var dx int
	switch n.op {
	case opAbs:
		dx = s.mul(df, s.unary(opSign, x))
	case opSqrt: // 1/(2f)
		dx = s.div(opDivOrZero, s.mul(df, s.number(0.5)), f)
	case opExp:
		dx = s.mul(df, f)
	case opExpm1:
		dx = s.mul(df, s.add(f, one))
	case opLog:
		dx = s.div(opDivOrZero, df, x)
	case opLog1p:
		dx = s.div(opDivOrZero, df, s.add(x, one))
	case opSin:
		dx = s.mul(df, s.unary(opCos, x))
	case opCos:
		dx = s.mul(df, s.mul(s.unary(opSin, x), s.number(-1)))
	case opTanh: // 1 - f^2
		dx = s.mul(df, s.sub(one, s.mul(f, f)))
	case opErf: // 2/sqrt(pi) exp(-x^2)
		dx = s.mul(df, s.bell(x, 2/math.SqrtPi))
	case opErfc:
		dx = s.mul(df, s.bell(x, -2/math.SqrtPi))
	case opLgamma:
		dx = s.mul(df, s.unary(opDigamma, x))
	case opDigamma:
		dx = s.mul(df, s.unary(opTrigamma, x))
	case opSigmoid: // f(1 - f)
		dx = s.mul(df, s.mul(f, s.sub(one, f)))
	case opSoftplus:
		dx = s.mul(df, s.unary(opSigmoid, x))
	case opReLU: // where the result is above 0
		s.deliver(f, x, df, with(a.conditions, condition{s.binary(opLess, s.number(0), f), false}))
		return nil
	default:
		return fmt.Errorf("gradient: %v has no derivative here: leave it out of what is differentiated, or differentiate once less", n.op)
	}
	s.deliver(f, x, dx, a.conditions)
	return nil
}

// bell is c exp(-x^2).
func (s *sweep) bell(x int, c float64) int {
	return s.mul(s.unary(opExp, s.mul(s.mul(x, x), s.number(-1))), s.number(c))
}

// silu tells whether two factors are an image and its sigmoid. (Vectors are small, and keep the bits that trainings have had.)
func (s *sweep) silu(x, y int) (v, sigmoid int, ok bool) {
	if len(s.shape(x)) != 3 {
		return 0, 0, false
	}
	if n := s.nodes[y]; n.op == opSigmoid && n.args[0] == x {
		return x, y, true
	}
	n := s.nodes[x]
	return y, x, n.op == opSigmoid && n.args[0] == y
}

func (s *sweep) pullBinary(f int, n node, a adjoint) {
	x, y, df := n.args[0], n.args[1], a.id
	minus := s.number(-1)
	switch n.op {
	case opAdd:
		s.deliver(f, x, df, a.conditions)
		s.deliver(f, y, df, a.conditions)
	case opSub:
		s.deliver(f, x, df, a.conditions)
		s.deliver(f, y, s.mul(df, minus), a.conditions)
	case opMul:
		if x == y {
			s.deliver(f, x, s.mul(s.mul(x, s.number(2)), df), a.conditions)
			return
		}
		if v, sigmoid, ok := s.silu(x, y); ok { // sigmoid + f(1 - sigmoid): f is kept anyway, v need not be
			s.deliver(f, v, s.mul(df, s.add(s.mul(f, s.sub(s.number(1), sigmoid)), sigmoid)), a.conditions)
			return
		}
		if s.active[x] {
			s.deliver(f, x, s.mul(df, y), a.conditions)
		}
		if s.active[y] {
			s.deliver(f, y, s.mul(df, x), a.conditions)
		}
	case opDiv, opDivOrZero: // df/y and -df f/y
		over := s.div(n.op, df, y)
		s.deliver(f, x, over, a.conditions)
		if s.active[y] {
			s.deliver(f, y, s.mul(s.mul(over, f), minus), a.conditions)
		}
	case opMax: // x where it is at least y
		c := s.binary(opLessEqual, y, x)
		s.deliver(f, x, df, with(a.conditions, condition{c, false}))
		s.deliver(f, y, df, with(a.conditions, condition{c, true}))
	case opMin:
		c := s.binary(opLessEqual, x, y)
		s.deliver(f, x, df, with(a.conditions, condition{c, false}))
		s.deliver(f, y, df, with(a.conditions, condition{c, true}))
	case opPow: // y f/x and f log(x)
		if s.active[x] {
			s.deliver(f, x, s.mul(df, s.div(opDivOrZero, s.mul(f, y), x)), a.conditions)
		}
		if s.active[y] {
			s.deliver(f, y, s.mul(df, s.mul(f, s.unary(opLog, x))), with(a.conditions, condition{x, false}))
		}
	}
}
