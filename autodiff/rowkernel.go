package autodiff

import (
	"sync"

	"github.com/scorefield/infer/backends"
)

// unary32 is the kernel of an operation of one operand in float32: one of the table, or that of float64 between two
// conversions.
func unary32(t *backends.Table, op operation) backends.Unary32 {
	switch op {
	case opNeg:
		return t.F32.Neg
	case opAbs:
		return t.F32.Abs
	case opSqrt:
		return t.F32.Sqrt
	case opExp:
		return t.F32.Exp
	case opExpm1:
		return t.F32.Expm1
	case opLog:
		return t.F32.Log
	case opSin:
		return t.F32.Sin
	case opCos:
		return t.F32.Cos
	case opTanh:
		return t.F32.Tanh
	case opErf:
		return t.F32.Erf
	case opSigmoid:
		return t.F32.Sigmoid
	case opSoftplus:
		return t.F32.Softplus
	case opELU:
		return t.F32.ELU
	case opSiLU:
		return t.F32.SiLU
	case opReLU:
		return func(dst, a []float32) { t.F32.Max.SV(dst, 0, a) }
	}
	return wideUnary(t, unaryKernel(t, op))
}

// binary32 is the kernel of an operation of two operands in float32, as unary32 finds it.
func binary32(t *backends.Table, op operation) backends.Binary32 {
	switch op {
	case opAdd:
		return t.F32.Add
	case opSub:
		return t.F32.Sub
	case opMul:
		return t.F32.Mul
	case opDiv:
		return t.F32.Div
	case opMin:
		return t.F32.Min
	case opMax:
		return t.F32.Max
	case opLess:
		return t.F32.Less
	case opLessEqual:
		return t.F32.LessEqual
	case opEqual:
		return t.F32.Equal
	case opELUGradient: // of vectors alone
		return backends.Binary32{VV: t.F32.ELUGradient}
	}
	return wideBinary(t, binaryKernel(t, op))
}

// wide is memory for operands and results in float64, a part of the numbers at a time.
type wide struct{ dst, a, b [512]float64 }

var wides = sync.Pool{New: func() any { return new(wide) }}

func wideUnary(t *backends.Table, k backends.Unary) backends.Unary32 {
	return func(dst, a []float32) {
		w := wides.Get().(*wide)
		for len(dst) > 0 {
			n := min(len(dst), len(w.dst))
			t.F32.Widen(w.a[:n], a)
			k(w.dst[:n], w.a[:n])
			t.F32.Narrow(dst[:n], w.dst[:n])
			dst, a = dst[n:], a[n:]
		}
		wides.Put(w)
	}
}

func wideBinary(t *backends.Table, k *backends.Binary) backends.Binary32 {
	return backends.Binary32{
		VV: func(dst, a, b []float32) {
			w := wides.Get().(*wide)
			w.binary(t, k, dst, a, b)
			wides.Put(w)
		},
		VS: func(dst, a []float32, b float32) {
			w := wides.Get().(*wide)
			fill(w.b[:min(len(dst), len(w.b))], float64(b))
			w.binary(t, k, dst, a, nil)
			wides.Put(w)
		},
		SV: func(dst []float32, a float32, b []float32) {
			w := wides.Get().(*wide)
			fill(w.a[:min(len(dst), len(w.a))], float64(a))
			w.binary(t, k, dst, nil, b)
			wides.Put(w)
		},
	}
}

// binary computes dst from a and b; the numbers of an operand that is nil have been filled in.
func (w *wide) binary(t *backends.Table, k *backends.Binary, dst, a, b []float32) {
	for len(dst) > 0 {
		n := min(len(dst), len(w.dst))
		if a != nil {
			t.F32.Widen(w.a[:n], a)
			a = a[n:]
		}
		if b != nil {
			t.F32.Widen(w.b[:n], b)
			b = b[n:]
		}
		k.VV(w.dst[:n], w.a[:n], w.b[:n])
		t.F32.Narrow(dst[:n], w.dst[:n])
		dst = dst[n:]
	}
}

func fill(dst []float64, v float64) {
	for i := range dst {
		dst[i] = v
	}
}
