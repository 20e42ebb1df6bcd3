package backends

// Unary is an elementwise kernel: dst[i] = f(a[i]) for every i of dst. dst may be a; they may not overlap otherwise.
type Unary func(dst, a []float64)

// Binary is an elementwise kernel of two operands, dst[i] = f(a, b): VV of two slices, VS of a slice and a
// number, SV of a number and a slice. dst may be an operand; they may not overlap otherwise.
type Binary struct {
	VV func(dst, a, b []float64)
	VS func(dst, a []float64, b float64)
	SV func(dst []float64, a float64, b []float64)
}

// Ternary is an elementwise kernel of three operands, dst[i] = f(a, b, c), where b and c are slices or numbers.
type Ternary struct {
	VVV func(dst, a, b, c []float64)
	VVS func(dst, a, b []float64, c float64)
	VSV func(dst, a []float64, b float64, c []float64)
	VSS func(dst, a []float64, b, c float64)
}

// Table is the kernels of one instruction set. Slices may have any length; the first one given decides, the others are
// at least as long. Every table gives the same bits, but for the sign and payload of NaN.
type Table struct {
	Name string // generic, avx2 or avx512

	Neg, Abs, Sqrt, Floor, Sign Unary // Sign is -1, 0 or 1

	Add, Sub, Mul, Div     Binary
	DivOrZero              Binary // a/b, and 0 where b is 0
	Min, Max               Binary
	Less, LessEqual, Equal Binary // 1 or 0

	FMA   Ternary // a*b + c, rounded once
	Where Ternary // b where a is not 0, else c

	Exp, Expm1, Log, Log1p  Unary
	Pow                     Binary
	Sin, Cos                Unary
	Tanh, Sigmoid, Softplus Unary
	Erf, Erfc               Unary
	Lgamma                  Unary // log |Gamma|
	Digamma, Trigamma       Unary

	// Uniform sets u0[i] and u1[i] to two uniform numbers in (0, 1) of particle+i; see package random for the address of
	// a number: step and slot are words 2 and 3 of the counter.
	Uniform func(u0, u1 []float64, key *Key, particle, step, slot uint64)
	// Normal is Uniform for standard normal numbers.
	Normal func(z0, z1 []float64, key *Key, particle, step, slot uint64)
	// Propose sets y to x + size*s + noise*z for two coordinates, z the numbers of Normal. Each multiply-add rounds once,
	// the inner one first. y may be x.
	Propose func(y0, y1, x0, x1, s0, s1, size []float64, noise float64, key *Key, particle, step, slot uint64)
	// ProposeLast is Propose for one coordinate and the first number, for points of odd dimension.
	ProposeLast func(y, x, s, size []float64, noise float64, key *Key, particle, step, slot uint64)
	// Accept draws u uniform in (0, 1) and sets accepted[i] to 1 where log u < ratio[i], else 0; probability[i] is
	// min(1, exp(ratio[i])). A NaN ratio gives 0 and 0.
	Accept func(accepted, probability, ratio []float64, key *Key, particle, step, slot uint64)
	// Uniform32 and Normal32 give four float32 numbers of particle+i.
	Uniform32, Normal32 func(u0, u1, u2, u3 []float32, key *Key, particle, step, slot uint64)

	F32 Table32 // the kernels in float32
}
