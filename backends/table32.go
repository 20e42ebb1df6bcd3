package backends

// Unary32 is [Unary] in float32.
type Unary32 func(dst, a []float32)

// Binary32 is [Binary] in float32.
type Binary32 struct {
	VV func(dst, a, b []float32)
	VS func(dst, a []float32, b float32)
	SV func(dst []float32, a float32, b []float32)
}

// Ternary32 is [Ternary] in float32.
type Ternary32 struct {
	VVV func(dst, a, b, c []float32)
	VVS func(dst, a, b []float32, c float32)
	VSV func(dst, a []float32, b float32, c []float32)
	VSS func(dst, a []float32, b, c float32)
}

// Table32 is the kernels in float32, in which networks are trained and evaluated. Slices are as in [Table].
type Table32 struct {
	Neg, Abs, Sqrt         Unary32
	Add, Sub, Mul, Div     Binary32
	Min, Max               Binary32
	Less, LessEqual, Equal Binary32  // 1 or 0
	FMA                    Ternary32 // a*b + c, rounded once
	Where                  Ternary32 // b where a is not 0, else c

	Exp, Expm1, Log              Unary32
	Sin, Cos                     Unary32
	Tanh, Sigmoid, Softplus, Erf Unary32

	// Activations, and what passes a gradient d at their result y on: see network32.go. SiLUGradient takes the sigmoid too.
	ELU, SiLU    func(dst, x []float32)
	ELUGradient  func(dst, y, d []float32)
	SiLUGradient func(dst, s, y, d []float32)

	// The products of matrices. Columns of the results are a multiple of [DenseWidth], and each row of them and of w is
	// contiguous; x may be transposed. A sum runs in ascending order of its index, each multiply-add rounded once. The
	// result may not overlap what it is made of. Shapes that do not fit panic.

	// Dense sets y to bias + x w, where bias is a row or nil, which is 0; and with relu negative results to 0.
	Dense func(y, x, w Matrix, bias []float32, relu bool)
	// DenseAdd adds x w to y: the sums start from what is there.
	DenseAdd func(y, x, w Matrix)
	// DenseGated sets y to x w where the gate is above 0, and to 0 elsewhere.
	DenseGated func(y, x, w, gate Matrix)
	// DenseThin is the product for few outputs, whose columns would fill no vector: y and w are transposed,
	// y[o][r] = bias[o] + sum over k of w[o][k] x[r][k], where bias may be nil. Rows of y, w and x are contiguous; the columns
	// of x are a multiple of 4.
	DenseThin func(y, x, w Matrix, bias []float32)
	// ColumnSums adds the rows of x to sums, in ascending order. The columns are a multiple of DenseWidth, rows contiguous.
	ColumnSums func(sums []float32, x Matrix)
	// Transpose copies the numbers of src to dst, rows to columns.
	Transpose func(dst, src Matrix)

	// Convolve sets the pixels of y to bias, a number a channel or nil, which is 0, plus the sums over ky, kx and the channels
	// of x, ascending, of the weights w[ky][kx][ic][oc] times what the taps of the window read; taps outside are left out,
	// each multiply-add is rounded once. The channels of y are a multiple of DenseWidth; x may have any number. y may not
	// overlap x.
	Convolve func(y, x Image, w, bias []float32, window Window)
	// ConvolveGradient adds to dw[ky][kx][ic][oc] the sum over the pixels (oy, ox) of dy, ascending, of channel ic of what tap
	// (ky, kx) reads of x, times channel oc of dy: the gradient at the weights of Convolve. The sums start from what is there.
	//
	// The gradient at x is Convolve of dy with [Table32.FlipWeights] and [Window.Transposed].
	ConvolveGradient func(dw []float32, x, dy Image, window Window)

	// ConvolveBF16 is Convolve with x and w rounded to bfloat16, and products and sums in float32: of each two input channels
	// the second is added first. scratch is [BF16Scratch] numbers to work with. All tables give the same bits as long as no
	// number, product or sum but 0 is below the normal range of float32, 1.2e-38, where some processors give 0.
	ConvolveBF16 func(y, x Image, w *BF16Weights, bias []float32, window Window, scratch []float32)

	// ConvolveWinograd is Convolve of a window {3, 1, 1, 1} with less than half as many multiply-adds and more error: see
	// winograd.go. u[36][ic][oc] is what TransformWinograd makes of the weights. Both images have as many pixels, and channels
	// that are multiples of DenseWidth. scratch is [WinogradScratch] numbers to work with.
	ConvolveWinograd func(y, x Image, u, bias, scratch []float32)
	// ConvolveWinogradGradient adds to du the gradient at the transformed weights of ConvolveWinograd, tile by tile in
	// ascending order. TransformWinogradGradient makes of the sum over all images the gradient at the weights. The gradient at
	// x is ConvolveWinograd of dy, with the transform of flipped weights.
	ConvolveWinogradGradient func(du []float32, x, dy Image, scratch []float32)
	// TransformWinograd sets u[36][ic][oc] to the transform of w[ky][kx][ic][oc]. ic times oc is a multiple of DenseWidth.
	TransformWinograd func(u, w []float32, ic, oc int)
	// TransformWinogradGradient sets dw[ky][kx][ic][oc] to what the gradient du[36][ic][oc] at the transform means for the
	// weights, and leaves du overwritten.
	TransformWinogradGradient func(dw, du []float32, ic, oc int)

	// CopyPixels sets the pixels of dst to those of src. Both have as many pixels and channels, and do not overlap.
	CopyPixels func(dst, src Image)
	// AveragePool sets dst to the means of four pixels of src, 0.25*((a + b) + (c + d)) of a pixel a, b below it, c to its
	// right, and d below c. dst is half as wide and half as high as src, rounded down, and does not overlap it.
	AveragePool func(dst, src Image)

	Narrow func(dst []float32, src []float64) // rounds to float32
	Widen  func(dst []float64, src []float32)

	// Adam is one step of an optimiser on parameters p with gradients g, which changes p and the two moments m and v:
	// see adam32.go for the formula. first is 1 - beta1, second 1 - beta2, size the rate over 1 - beta1^step, correction
	// 1/(1 - beta2^step), epsilon what keeps the division finite, and decay the rate times the weight decay.
	Adam func(p, m, v, gradient []float32, first, second, size, correction, epsilon, decay float32)
}
