package autodiff

import (
	"fmt"
	"slices"
)

// inferredImage is the shape that a node of images has to have.
func (g *Graph) inferredImage(n node, shapes [][]int) ([]int, error) {
	misfit := fmt.Errorf("operands of shapes %v do not fit", shapesText(shapes))
	first := shapes[0]
	ranks := map[operation]int{opFlip: 4, opSpreadPixels: 1, opGroupSum: 1, opJoinChannels: len(first), opChannels: len(first), opProduct: 2, opSoftmax: 2, opSoftmaxGradient: 2}
	rank, ok := ranks[n.op]
	if !ok {
		rank = 3
	}
	if len(first) != rank || rank == 0 {
		return nil, misfit
	}
	last := first[rank-1]
	switch n.op {
	case opConv, opConvGradient:
		return g.inferredConv(n, shapes)
	case opFlip:
		return []int{first[0], first[1], first[3], first[2]}, nil
	case opAveragePool, opBilinearGradient:
		if first[0]%2 != 0 || first[1]%2 != 0 {
			return nil, misfit
		}
		return []int{first[0] / 2, first[1] / 2, last}, nil
	case opUpsample, opBilinear:
		return []int{2 * first[0], 2 * first[1], last}, nil
	case opJoinChannels:
		if rank < 2 || len(shapes) < 2 {
			return nil, misfit
		}
		want := slices.Clone(first)
		for _, s := range shapes[1:] {
			if len(s) != rank || !equalShapes(s[:rank-1], first[:rank-1]) {
				return nil, misfit
			}
			want[rank-1] += s[rank-1]
		}
		return want, nil
	case opChannels:
		if rank < 2 || len(n.shape) != rank {
			return nil, misfit
		}
		channels := n.shape[rank-1]
		if n.from < 0 || n.from > last-channels || channels == last {
			return nil, fmt.Errorf("%d channels from %d on of an operand that has %d", channels, n.from, last)
		}
		return append(slices.Clone(first[:rank-1]), channels), nil
	case opSpreadPixels:
		if len(n.shape) != 3 || n.shape[2] != last {
			return nil, misfit
		}
		return n.shape, nil
	case opSumPixels:
		return []int{last}, nil
	case opGroupSum:
		if n.from < 1 || n.from >= last || last%n.from != 0 {
			return nil, fmt.Errorf("%d groups of %d channels: they divide the channels and are fewer", n.from, last)
		}
		return first, nil
	case opProduct:
		if len(shapes[1]) != 2 || last != shapes[1][0] {
			return nil, misfit
		}
		return []int{first[0], shapes[1][1]}, nil
	case opSoftmaxGradient:
		if !equalShapes(first, shapes[1]) {
			return nil, misfit
		}
	}
	return first, nil
}

// inferredConv is the shape of a convolution or of a gradient at weights. A transposed one has two possible sizes, since two
// sizes of images give results of the same size with a step of 2.
func (g *Graph) inferredConv(n node, shapes [][]int) ([]int, error) {
	misfit := fmt.Errorf("operands of shapes %v do not fit", shapesText(shapes))
	if err := checkWindow(n.window); err != nil {
		return nil, err
	}
	x, other := shapes[0], shapes[1]
	k := n.window.Size
	sized := func(y []int) bool {
		for i := range 2 {
			if want := convolved(x[i], n.window); y[i] != want && !(n.window.Up == 2 && y[i] == want-1) {
				return false
			}
		}
		return true
	}
	if n.op == opConvGradient {
		if len(other) != 3 || !sized(other) {
			return nil, misfit
		}
		return []int{k, k, x[2], other[2]}, nil
	}
	if len(other) != 4 || other[0] != k || other[1] != k || other[2] != x[2] || len(shapes) == 3 && !equalShapes(shapes[2], other[3:]) {
		return nil, misfit
	}
	for _, a := range n.args[1:] {
		if !g.nodes[a].shared {
			return nil, fmt.Errorf("weights or bias are each particle's own: make them of params and constants")
		}
	}
	if len(n.shape) != 3 || n.shape[2] != other[3] || !sized(n.shape) {
		return nil, fmt.Errorf("shape %v of an image of shape %v: want [%d, %d, %d]", shapeText(n.shape), shapeText(x), convolved(x[0], n.window), convolved(x[1], n.window), other[3])
	}
	return n.shape, nil
}
