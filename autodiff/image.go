package autodiff

import (
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
)

// Operations on images: values of shape [height, width, channels]. [CompileRows] compiles them.

// Conv is the convolution of an image [h, w, ic] with shared weights w [k, k, ic, oc], plus a shared bias b [oc], or the
// zero Value for none. The window says which pixels each output reads, and its size has to be k; the result is ceil(h*Up/Step)
// pixels high and accordingly wide. Each sum begins with the bias, or 0, and goes over the rows, columns and channels of the
// window in ascending order, each product and sum rounded once together; what lies outside the image is left out.
func (v Value) Conv(w, b Value, window backends.Window) Value {
	operands := []Value{v, w}
	if b.graph != nil {
		operands = append(operands, b)
	}
	g := together("conv", operands...)
	if g == nil {
		return poison(operands...)
	}
	x, weights := g.shape(v.id), g.shape(w.id)
	if err := checkWindow(window); err != nil {
		return g.fail("conv: %w", err)
	}
	if len(x) != 3 || len(weights) != 4 || weights[0] != window.Size || weights[1] != window.Size || weights[2] != x[2] {
		return g.fail("conv: shapes %v and %v do not fit a window of size %d: it takes an image [h, w, ic] and weights [%[3]d, %[3]d, ic, oc]", shapeText(x), shapeText(weights), window.Size)
	}
	if len(operands) == 3 && !equalShapes(g.shape(b.id), weights[3:]) {
		return g.fail("conv: a bias of shape %v does not fit weights of shape %v: it needs shape [%d]", shapeText(g.shape(b.id)), shapeText(weights), weights[3])
	}
	ids := []int{v.id}
	for i, s := range operands[1:] {
		if !g.nodes[s.id].shared {
			return g.fail("conv: the %s each particle's own, %v: make a convolution of parameters and constants", [2]string{"weights are", "bias is"}[i], s)
		}
		ids = append(ids, s.id)
	}
	shape := []int{convolved(x[0], window), convolved(x[1], window), weights[3]}
	if _, err := elements(shape); err != nil {
		return g.fail("conv: %w", err)
	}
	return Value{g, g.conv(ids, shape, window)}
}

func checkWindow(w backends.Window) error {
	if (w.Size != 1 && w.Size != 3) || w.Step < 1 || w.Step > 2 || w.Up < 1 || w.Up > 2 || w.Step*w.Up > 2 || w.Before < 0 || w.Before >= w.Size {
		return fmt.Errorf("a window of size %d, step %d, up %d and %d before: it needs size 1 or 3, step and up 1 or 2 but not both 2, and 0 to size-1 before", w.Size, w.Step, w.Up, w.Before)
	}
	return nil
}

// convolved is the height or width of a convolution's result.
func convolved(n int, w backends.Window) int { return (n*w.Up + w.Step - 1) / w.Step }

// AvgPool is the mean of each square of 2 x 2 pixels, for an image of even height and width:
// ((a + c) + (b + d))/4, where c and d are below a and b.
func (v Value) AvgPool() Value {
	g := together("avgPool", v)
	if g == nil {
		return poison(v)
	}
	s := g.shape(v.id)
	if len(s) != 3 || s[0]%2 != 0 || s[1]%2 != 0 {
		return g.fail("avgPool: shape %v: it takes an image [h, w, c] of even height and width", shapeText(s))
	}
	return Value{g, g.resampled(opAveragePool, v.id, []int{s[0] / 2, s[1] / 2, s[2]})}
}

// UpsampleNearest is the image twice as large, each pixel repeated as 2 x 2.
func (v Value) UpsampleNearest() Value { return v.upsampled("upsampleNearest", opUpsample) }

// UpsampleBilinear is the image twice as large, each new pixel 9/16 of the nearest one, 3/16 of the next ones above or below
// and beside, and 1/16 of the next one across; beyond the edge, the edge counts again. (That is PyTorch's
// align_corners=False and JAX's resize.)
func (v Value) UpsampleBilinear() Value { return v.upsampled("upsampleBilinear", opBilinear) }

func (v Value) upsampled(name string, op operation) Value {
	g := together(name, v)
	if g == nil {
		return poison(v)
	}
	s := g.shape(v.id)
	if len(s) != 3 {
		return g.fail("%s: shape %v is no image: it takes [h, w, c]", name, shapeText(s))
	}
	shape := []int{2 * s[0], 2 * s[1], s[2]}
	if _, err := elements(shape); err != nil {
		return g.fail("%s: %w", name, err)
	}
	return Value{g, g.resampled(op, v.id, shape)}
}

// ConcatChannels joins values side by side along their last axis; the other dimensions must be equal, and be there.
func ConcatChannels(values ...Value) Value {
	g := together("concatChannels", values...)
	if g == nil {
		return poison(values...)
	}
	first := g.shape(values[0].id)
	if len(first) < 2 {
		return g.fail("concatChannels: shape %v has no pixels: it takes at least two dimensions", shapeText(first))
	}
	shape := slices.Clone(first)
	ids := make([]int, len(values))
	for i, v := range values {
		s := g.shape(v.id)
		last := len(s) - 1
		if last < 0 || !equalShapes(s[:last], first[:len(first)-1]) {
			return g.fail("concatChannels: shapes %v and %v differ before the last dimension: they must be equal there", shapeText(first), shapeText(s))
		}
		if i > 0 {
			shape[last] += s[last]
		}
		ids[i] = v.id
	}
	if _, err := elements(shape); err != nil {
		return g.fail("concatChannels: %w", err)
	}
	return Value{g, g.joinChannels(ids, shape)}
}

// SliceChannels is the elements from up to, without, to along the last axis.
func (v Value) SliceChannels(from, to int) Value {
	g := together("sliceChannels", v)
	if g == nil {
		return poison(v)
	}
	s := g.shape(v.id)
	if len(s) < 2 {
		return g.fail("sliceChannels: shape %v has no pixels: it takes at least two dimensions", shapeText(s))
	}
	if channels := s[len(s)-1]; from < 0 || to > channels || from >= to {
		return g.fail("sliceChannels: [%d:%d] of shape %v: a part needs 0 <= from < to <= %d", from, to, shapeText(s), channels)
	}
	return Value{g, g.channels(v.id, from, to)}
}

// GroupNorm is the numbers of an image less the mean of their group, over the square root of the group's variance plus
// epsilon (Wu and He, 2018). A group is channels side by side, of all pixels; there have to be equally many in each. The
// variance is the mean of the squares. ScaleChannels and ShiftChannels make a gain and a bias of it.
func (v Value) GroupNorm(groups int, epsilon float64) Value {
	g := together("groupNorm", v)
	if g == nil {
		return poison(v)
	}
	s := g.shape(v.id)
	if len(s) != 3 {
		return g.fail("groupNorm: shape %v is no image: it takes [h, w, c]", shapeText(s))
	}
	if groups < 1 || s[2]%groups != 0 {
		return g.fail("groupNorm: %d groups of %d channels: they must be at least 1 and divide the channels", groups, s[2])
	}
	if !(epsilon > 0) {
		return g.fail("groupNorm: epsilon is %v: it must be above 0, 1e-5 is usual", epsilon)
	}
	mean := func(id int) int {
		return g.mul(g.groupSum(g.sumPixels(id), groups), g.number(float64(groups)/float64(product(s))))
	}
	centred := g.sub(v.id, g.spreadPixels(mean(v.id), s))
	variance := mean(g.mul(centred, centred))
	over := g.div(opDiv, g.number(1), g.unary(opSqrt, g.add(variance, g.number(epsilon))))
	return Value{g, g.mul(centred, g.spreadPixels(over, s))}
}

// ScaleChannels is an image [h, w, c] with each pixel times a vector s [c], which is each particle's own or shared.
func (v Value) ScaleChannels(s Value) Value {
	g := perChannel("scaleChannels", v, s)
	if g == nil {
		return poison(v, s)
	}
	return Value{g, g.mul(v.id, g.spreadPixels(s.id, g.shape(v.id)))}
}

// ShiftChannels is an image [h, w, c] with a vector s [c], which is each particle's own or shared, added to each pixel.
func (v Value) ShiftChannels(s Value) Value {
	g := perChannel("shiftChannels", v, s)
	if g == nil {
		return poison(v, s)
	}
	return Value{g, g.add(v.id, g.spreadPixels(s.id, g.shape(v.id)))}
}

// perChannel is the graph of an image and a vector of its channels, nil after a mistake.
func perChannel(name string, v, s Value) *Graph {
	g := together(name, v, s)
	if g == nil {
		return nil
	}
	if a, b := g.shape(v.id), g.shape(s.id); len(a) != 3 || len(b) != 1 || a[2] != b[0] {
		g.fail("%s: shapes %v and %v do not fit: it takes an image [h, w, c] and a vector [c]", name, shapeText(a), shapeText(b))
		return nil
	}
	return g
}

// SumPixels is the sum over the pixels of an image [h, w, c], a vector [c]: each column of pixels from top to bottom, then the
// columns from left to right, in float32.
func (v Value) SumPixels() Value {
	g := together("sumPixels", v)
	if g == nil {
		return poison(v)
	}
	if s := g.shape(v.id); len(s) != 3 {
		return g.fail("sumPixels: shape %v is no image: it takes [h, w, c]", shapeText(s))
	}
	return Value{g, g.sumPixels(v.id)}
}

// Attention is softmax(q k' / sqrt(d)) v, row by row (Vaswani et al., 2017), for queries q [t, d], keys k [u, d] and values v
// [u, e] of each particle: [t, e]. Sums are in float32 and in the order of the index.
func Attention(q, k, v Value) Value {
	g := together("attention", q, k, v)
	if g == nil {
		return poison(q, k, v)
	}
	a, b, c := g.shape(q.id), g.shape(k.id), g.shape(v.id)
	if len(a) != 2 || len(b) != 2 || len(c) != 2 || a[1] != b[1] || b[0] != c[0] {
		return g.fail("attention: shapes %v, %v and %v do not fit: it takes queries [t, d], keys [u, d] and values [u, e]", shapeText(a), shapeText(b), shapeText(c))
	}
	for _, s := range [][]int{{b[0], a[0]}, {a[0], c[1]}} {
		if _, err := elements(s); err != nil {
			return g.fail("attention: %w", err)
		}
	}
	scaled := q.Scale(1 / math.Sqrt(float64(a[1])))
	weights := g.softmax(g.product(k.id, g.transpose(scaled.id))) // of all queries side by side
	return Value{g, g.product(g.transpose(weights), v.id)}
}

// The functions below make nodes of operands that fit. They fold no constants: networks have none worth it.

// conv makes a convolution of an image and weights, from a bias on if a third node is given.
func (g *Graph) conv(ids, shape []int, window backends.Window) int {
	return g.make(node{op: opConv, shape: shape, args: ids, window: window})
}

// convGradient makes the gradient at the weights, [k, k, ic, oc], of a convolution of x from the one at its result. Outputs
// are computed by whole vectors: if that wastes less the other way round, x takes the place of the gradient.
func (g *Graph) convGradient(x, df int, window backends.Window) int {
	k, ic, oc := window.Size, g.shape(x)[2], g.shape(df)[2]
	if oc*whole(ic) < ic*whole(oc) {
		return g.flip(g.make(node{op: opConvGradient, shape: []int{k, k, oc, ic}, args: []int{df, x}, window: window.Transposed()}))
	}
	return g.make(node{op: opConvGradient, shape: []int{k, k, ic, oc}, args: []int{x, df}, window: window})
}

func (g *Graph) flip(w int) int {
	n := g.nodes[w]
	if n.op == opFlip {
		return n.args[0]
	}
	return g.make(node{op: opFlip, shape: []int{n.shape[0], n.shape[1], n.shape[3], n.shape[2]}, args: []int{w}})
}

// resampled makes an image of another size.
func (g *Graph) resampled(op operation, x int, shape []int) int {
	return g.make(node{op: op, shape: shape, args: []int{x}})
}

func (g *Graph) joinChannels(ids, shape []int) int {
	if len(ids) == 1 {
		return ids[0]
	}
	return g.make(node{op: opJoinChannels, shape: shape, args: ids})
}

func (g *Graph) channels(x, from, to int) int {
	n := g.nodes[x]
	last := len(n.shape) - 1
	switch {
	case to-from == n.shape[last]:
		return x
	case n.op == opChannels:
		return g.channels(n.args[0], n.from+from, n.from+to)
	}
	shape := slices.Clone(n.shape)
	shape[last] = to - from
	return g.make(node{op: opChannels, shape: shape, args: []int{x}, from: from})
}

func (g *Graph) spreadPixels(a int, shape []int) int {
	return g.make(node{op: opSpreadPixels, shape: shape, args: []int{a}})
}

// scaledChannels is a*b if b is a number, or a vector for each pixel, and a is a vector for each pixel or an image times one:
// then the factors of the channels are multiplied, not the pixels.
func (g *Graph) scaledChannels(a, b int) (int, bool) {
	na, nb := g.nodes[a], g.nodes[b]
	factor := b
	if nb.op == opSpreadPixels {
		factor = nb.args[0]
	} else if !g.scalar(b) {
		return 0, false
	}
	switch {
	case na.op == opSpreadPixels:
		return g.spreadPixels(g.mul(na.args[0], factor), na.shape), true
	case na.op == opMul && g.nodes[na.args[1]].op == opSpreadPixels:
		return g.mul(na.args[0], g.spreadPixels(g.mul(g.nodes[na.args[1]].args[0], factor), na.shape)), true
	}
	return 0, false
}

func (g *Graph) sumPixels(x int) int {
	n := g.nodes[x]
	switch {
	case n.op == opSpreadPixels:
		return g.mul(n.args[0], g.number(float64(n.shape[0]*n.shape[1])))
	case n.op == opMul && g.nodes[n.args[1]].op == opSpreadPixels:
		return g.mul(g.sumPixels(n.args[0]), g.nodes[n.args[1]].args[0])
	case n.op == opMul && g.scalar(n.args[1]):
		return g.mul(g.sumPixels(n.args[0]), n.args[1])
	}
	return g.make(node{op: opSumPixels, shape: g.shape(x)[2:], args: []int{x}})
}

func (g *Graph) groupSum(a, groups int) int {
	if groups == g.size(a) {
		return a
	}
	return g.make(node{op: opGroupSum, shape: g.shape(a), args: []int{a}, from: groups})
}

func (g *Graph) product(a, b int) int {
	return g.make(node{op: opProduct, shape: []int{g.shape(a)[0], g.shape(b)[1]}, args: []int{a, b}})
}

func (g *Graph) softmax(a int) int {
	return g.make(node{op: opSoftmax, shape: g.shape(a), args: []int{a}})
}
