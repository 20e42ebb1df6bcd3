package autodiff

import "fmt"

// pullImage passes the adjoint a of a node of images on to its operands. Most of these operations are linear, so that their
// gradient is the transposed one, which is among them too.
func (s *sweep) pullImage(n node, a adjoint) error {
	x := n.args[0]
	a = s.settle(a, s.scalarConditions(a.conditions))
	df := a.id
	if n.op != opSumPixels && n.op != opConv {
		df = s.sized(df, n.shape)
	}
	pass := func(operand, id int) { s.deliverPart(operand, id, a.conditions, 0, s.size(operand)) }
	switch n.op {
	case opConv:
		s.pullConv(n, a)
	case opFlip:
		pass(x, s.flip(df))
	case opAveragePool:
		pass(x, s.mul(s.resampled(opUpsample, df, s.shape(x)), s.number(0.25)))
	case opUpsample:
		pass(x, s.mul(s.resampled(opAveragePool, df, s.shape(x)), s.number(4)))
	case opBilinear:
		pass(x, s.resampled(opBilinearGradient, df, s.shape(x)))
	case opBilinearGradient:
		pass(x, s.resampled(opBilinear, df, s.shape(x)))
	case opJoinChannels:
		from := 0
		for _, piece := range n.args {
			shape := s.shape(piece)
			to := from + shape[len(shape)-1]
			pass(piece, s.channels(df, from, to))
			from = to
		}
	case opChannels:
		pass(x, s.padded(df, n.from, s.shape(x)))
	case opSpreadPixels:
		pass(x, s.sumPixels(df))
	case opSumPixels:
		if s.scalar(df) {
			pass(x, df)
			break
		}
		pass(x, s.spreadPixels(df, s.shape(x)))
	case opGroupSum:
		pass(x, s.groupSum(df, n.from))
	case opProduct:
		y := n.args[1]
		if s.active[x] {
			pass(x, s.product(df, s.transpose(y)))
		}
		if s.active[y] {
			pass(y, s.product(s.transpose(x), df))
		}
	case opSoftmax:
		pass(x, s.make(node{op: opSoftmaxGradient, shape: n.shape, args: []int{s.of, df}}))
	case opConvGradient:
		return errSummed
	default:
		return fmt.Errorf("gradient: the gradient of attention has no derivative here: leave attention out of what is differentiated twice")
	}
	return nil
}

// pullConv is pullDense for convolutions: the gradient at x is one of the gradient at the result, with weights turned
// around. The bias comes first, while the gradient at the result has just been computed.
func (s *sweep) pullConv(n node, a adjoint) {
	x, w := n.args[0], n.args[1]
	if len(n.args) == 3 && s.active[n.args[2]] {
		s.deliverPart(n.args[2], s.sumPixels(s.sized(a.id, n.shape)), a.conditions, 0, n.shape[2])
	}
	if s.active[w] {
		df := s.sized(s.settle(a, 0).id, n.shape)
		dw := s.convGradient(x, df, n.window)
		s.contributions[w] = append(s.contributions[w], contribution{adjoint{id: dw}, 0, s.size(w)})
	}
	if s.active[x] {
		dx := s.conv([]int{s.sized(a.id, n.shape), s.flip(w)}, s.shape(x), n.window.Transposed())
		s.deliverPart(x, dx, a.conditions, 0, s.size(x))
	}
}

// padded makes channels from `from` on of a value of a shape that is 0 elsewhere.
func (s *sweep) padded(id, from int, shape []int) int {
	last := len(shape) - 1
	zeros := func(channels int) int {
		return s.filled(0, append(append([]int(nil), shape[:last]...), channels))
	}
	var pieces []int
	if from > 0 {
		pieces = append(pieces, zeros(from))
	}
	pieces = append(pieces, id)
	if rest := shape[last] - from - s.shape(id)[last]; rest > 0 {
		pieces = append(pieces, zeros(rest))
	}
	return s.joinChannels(pieces, shape)
}
