package autodiff

import "github.com/scorefield/infer/backends"

// operation is what a node does. Elementwise operations carry the names of the kernels that do them.
type operation uint8

const (
	opPoison operation = iota
	opInput
	opParam
	opConstant

	// Elementwise, of one operand.
	opNeg // in programs only; a formula multiplies by -1
	opAbs
	opSqrt
	opExp
	opExpm1
	opLog
	opLog1p
	opSin
	opCos
	opTanh
	opErf
	opErfc
	opLgamma
	opDigamma
	opTrigamma
	opSigmoid
	opSoftplus
	opFloor
	opSign
	opReLU
	opELU  // in programs by rows only, as those below
	opSiLU //

	// Elementwise, of two operands.
	opAdd
	opSub
	opMul
	opDiv
	opDivOrZero
	opMin
	opMax
	opPow
	opLess
	opLessEqual
	opEqual
	opELUGradient // of the result of an ELU, and the gradient there

	// Elementwise, of three operands.
	opFMA // in programs only
	opWhere
	opSiLUGradient // of a sigmoid, the result of the SiLU, and the gradient there

	// Reductions to a scalar, and matrices.
	opSum
	opDot
	opMaxElement
	opMatMul

	// The same numbers elsewhere.
	opView      // consecutive elements, in any shape
	opConcat    // the elements of all operands, in any shape
	opGather    // element indices[i] of the operand for element i
	opScatter   // element indices[i] of the result is the sum of such elements i
	opTranspose // of a matrix
	opHold      // the operand, as a constant for Gradient

	// Images [height, width, channels], and other values along their last axis.
	opConv             // args[0] [h, w, ic] with weights args[1] [k, k, ic, oc], from args[2] [oc] on, if there is one
	opConvGradient     // the gradient at the weights of a convolution of args[0], from that at its result, args[1], summed over the particles
	opFlip             // weights [k, k, a, b] with taps in the opposite order, [k, k, b, a]
	opAveragePool      // the mean of each 2 x 2 pixels
	opUpsample         // each pixel as 2 x 2
	opBilinear         // twice as large, with neighbours weighted by distance
	opBilinearGradient // its gradient
	opJoinChannels     // side by side along the last axis
	opChannels         // the channels from `from` on
	opSpreadPixels     // a vector [c] for each pixel
	opSumPixels        // [c]: the sum over the pixels
	opGroupSum         // [c] in `from` groups: for each channel the sum over its group
	opProduct          // of matrices, in float32
	opSoftmax          // of each column of a matrix
	opSoftmaxGradient  // at its argument, from args[0], its result, and args[1], the gradient there

	// Networks: products with weights that all particles share, and sums over the particles.
	opDense         // args[0] [k] times args[1] [k, o], from args[2] [o] on, if there is one
	opDenseGradient // the sum over the particles of the products of the elements of args[0] and args[1], [k, o]
	opSumParticles  // the sum over the particles
	opSumProducts   // in programs only: the sum over the particles of products, element by element
	opDotPixels     // in programs only: the sum over the pixels of products
)

var operationNames = [...]string{
	opPoison: "poison", opInput: "input", opParam: "param", opConstant: "constant",
	opNeg: "neg", opAbs: "abs", opSqrt: "sqrt", opExp: "exp", opExpm1: "expm1", opLog: "log", opLog1p: "log1p",
	opSin: "sin", opCos: "cos", opTanh: "tanh", opErf: "erf", opErfc: "erfc", opLgamma: "lgamma", opDigamma: "digamma",
	opTrigamma: "trigamma", opSigmoid: "sigmoid", opSoftplus: "softplus", opFloor: "floor", opSign: "sign", opReLU: "relu",
	opAdd: "add", opSub: "sub", opMul: "mul", opDiv: "div", opDivOrZero: "divOrZero", opMin: "min", opMax: "max",
	opPow: "pow", opLess: "less", opLessEqual: "lessEqual", opEqual: "equal",
	opFMA: "fma", opWhere: "where",
	opELU: "elu", opSiLU: "silu", opELUGradient: "eluGradient", opSiLUGradient: "siluGradient",
	opSum: "sum", opDot: "dot", opMaxElement: "maxElement", opMatMul: "matMul",
	opView: "view", opConcat: "concat", opGather: "gather", opScatter: "scatter", opTranspose: "transpose", opHold: "hold",
	opConv: "conv", opConvGradient: "convGradient", opFlip: "flip", opAveragePool: "averagePool", opUpsample: "upsample",
	opBilinear: "bilinear", opBilinearGradient: "bilinearGradient", opJoinChannels: "concatChannels", opChannels: "sliceChannels",
	opSpreadPixels: "spreadPixels", opSumPixels: "sumPixels", opGroupSum: "groupSum", opProduct: "product", opSoftmax: "softmax",
	opSoftmaxGradient: "softmaxGradient",
	opDense:           "dense", opDenseGradient: "denseGradient", opSumParticles: "sumParticles", opSumProducts: "sumProducts",
	opDotPixels: "dotPixels",
}

func (op operation) String() string { return operationNames[op] }

// arity is the number of operands of an elementwise operation, 0 for others.
func (op operation) arity() int {
	switch {
	case op >= opNeg && op <= opSiLU:
		return 1
	case op >= opAdd && op <= opELUGradient:
		return 2
	case op >= opFMA && op <= opSiLUGradient:
		return 3
	}
	return 0
}

// image tells whether an operation is one of images, which run by rows only.
func (op operation) image() bool { return op >= opConv && op <= opSoftmaxGradient }

// truth tells whether results are only ever 1 and 0.
func (op operation) truth() bool { return op == opLess || op == opLessEqual || op == opEqual }

// unaryKernel is the kernel of an operation of one operand.
func unaryKernel(t *backends.Table, op operation) backends.Unary {
	switch op {
	case opNeg:
		return t.Neg
	case opAbs:
		return t.Abs
	case opSqrt:
		return t.Sqrt
	case opExp:
		return t.Exp
	case opExpm1:
		return t.Expm1
	case opLog:
		return t.Log
	case opLog1p:
		return t.Log1p
	case opSin:
		return t.Sin
	case opCos:
		return t.Cos
	case opTanh:
		return t.Tanh
	case opErf:
		return t.Erf
	case opErfc:
		return t.Erfc
	case opLgamma:
		return t.Lgamma
	case opDigamma:
		return t.Digamma
	case opTrigamma:
		return t.Trigamma
	case opSigmoid:
		return t.Sigmoid
	case opSoftplus:
		return t.Softplus
	case opFloor:
		return t.Floor
	case opSign:
		return t.Sign
	case opReLU:
		return func(dst, a []float64) { t.Max.SV(dst, 0, a) }
	}
	panic("autodiff: no kernel of one operand for " + op.String())
}

// binaryKernel is the kernel of an operation of two operands.
func binaryKernel(t *backends.Table, op operation) *backends.Binary {
	switch op {
	case opAdd:
		return &t.Add
	case opSub:
		return &t.Sub
	case opMul:
		return &t.Mul
	case opDiv:
		return &t.Div
	case opDivOrZero:
		return &t.DivOrZero
	case opMin:
		return &t.Min
	case opMax:
		return &t.Max
	case opPow:
		return &t.Pow
	case opLess:
		return &t.Less
	case opLessEqual:
		return &t.LessEqual
	case opEqual:
		return &t.Equal
	}
	panic("autodiff: no kernel of two operands for " + op.String())
}

// ternaryKernel is the kernel of an operation of three operands.
func ternaryKernel(t *backends.Table, op operation) *backends.Ternary {
	switch op {
	case opFMA:
		return &t.FMA
	case opWhere:
		return &t.Where
	}
	panic("autodiff: no kernel of three operands for " + op.String())
}
