package network

import (
	"math"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/random"
)

// Initialiser is the law of a parameter's first values: it fills dst, row by row, for a shape whose last dimension counts the
// outputs and whose others the inputs of each.
type Initialiser func(dst []float32, shape []int, d Draws)

// Draws are the random numbers of one parameter: those of one particle of a stream.
type Draws struct {
	stream   random.Stream
	particle uint64
}

// attempts bounds how often one value is redrawn.
const attempts = 1 << 10

// pair is two independent uniform numbers in (0, 1), attempt by attempt for element i.
func (d Draws) pair(i, attempt int) (u, v float64) {
	w0, w1, w2, w3 := d.stream.Words(d.particle, uint64(i), attempt)
	unit := func(high, low uint32) float64 {
		return (float64((uint64(high)<<32|uint64(low))>>12) + 0.5) * 0x1p-52
	}
	return unit(w0, w1), unit(w2, w3)
}

// Uniform is a number in (0, 1) for element i.
func (d Draws) Uniform(i int) float64 {
	u, _ := d.pair(i, 0)
	return u
}

// Normal is a standard normal number between -limit and limit for element i, redrawn until it is, by the polar method of
// Marsaglia and Bray (1964). Its numbers are not independent of those of Uniform.
func (d Draws) Normal(i int, limit float64) float64 {
	for attempt := range attempts {
		u, v := d.pair(i, attempt)
		u, v = float64(2*u)-1, float64(2*v)-1
		s := math.FMA(u, u, float64(v*v))
		if s >= 1 || s == 0 {
			continue
		}
		if z := u * math.Sqrt(-2*backends.Log(s)/s); math.Abs(z) <= limit {
			return z
		}
	}
	return 0 // with a probability of less than 2^-1000
}

// Zeros sets every value to 0.
func Zeros(dst []float32, _ []int, _ Draws) { clear(dst) }

// Ones sets every value to 1.
func Ones(dst []float32, _ []int, _ Draws) {
	for i := range dst {
		dst[i] = 1
	}
}

// TruncatedNormal is a standard normal law cut at two standard deviations, times 1/sqrt(inputs). Its standard deviation is
// 0.8796 of that. It is the default of Haiku, and of the networks that other libraries are compared with here.
func TruncatedNormal(dst []float32, shape []int, d Draws) {
	normals(dst, d, math.Sqrt(1/inputs(shape)), 2)
}

// LecunNormal is a normal law of variance 1/inputs (LeCun et al. 1998).
func LecunNormal(dst []float32, shape []int, d Draws) {
	normals(dst, d, math.Sqrt(1/inputs(shape)), math.Inf(1))
}

// HeNormal is a normal law of variance 2/inputs (He et al. 2015, 1502.01852), for ReLU and its kin.
func HeNormal(dst []float32, shape []int, d Draws) {
	normals(dst, d, math.Sqrt(2/inputs(shape)), math.Inf(1))
}

// HeUniform is a uniform law of variance 2/inputs.
func HeUniform(dst []float32, shape []int, d Draws) {
	uniforms(dst, d, math.Sqrt(6/inputs(shape)))
}

// GlorotNormal is a normal law of variance 2/(inputs + outputs) (Glorot and Bengio 2010).
func GlorotNormal(dst []float32, shape []int, d Draws) {
	normals(dst, d, math.Sqrt(2/(inputs(shape)+outputs(shape))), math.Inf(1))
}

// GlorotUniform is a uniform law of variance 2/(inputs + outputs).
func GlorotUniform(dst []float32, shape []int, d Draws) {
	uniforms(dst, d, math.Sqrt(6/(inputs(shape)+outputs(shape))))
}

func normals(dst []float32, d Draws, scale, limit float64) {
	for i := range dst {
		dst[i] = float32(scale * d.Normal(i, limit))
	}
}

// uniforms fills with uniform numbers from -limit to limit.
func uniforms(dst []float32, d Draws, limit float64) {
	for i := range dst {
		dst[i] = float32(limit * (float64(2*d.Uniform(i)) - 1))
	}
}

func inputs(shape []int) float64 {
	if len(shape) < 2 {
		return 1
	}
	return float64(size(shape[:len(shape)-1]))
}

func outputs(shape []int) float64 {
	if len(shape) == 0 {
		return 1
	}
	return float64(shape[len(shape)-1])
}
