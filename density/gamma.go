package density

import (
	"math"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// mostAttempts bounds the rejections of gamma. An attempt succeeds with a probability above 0.95, so what is left
// after all has the probability 1e-83.
const mostAttempts = 64

// gamma sets value i to a number of the gamma law of the given shape and scale 1: that of particle first+i of the
// stream, from the steps from step on. A shape far below 0.01 underflows to 0.
//
// Marsaglia & Tsang, A simple method for generating gamma variables, ACM TOMS 26 (2000): with d = shape - 1/3 and
// c = 1/sqrt(9 d), v = (1 + c z)^3 for normal z, d v is kept where v > 0 and log u < z^2/2 + d - d v + d log v.
// Attempt k has the normal number of step 2 k + 1 and the uniform one of step 2 k + 2. A shape below 1 is raised
// by 1 and the result multiplied by u^(1/shape), with the uniform number of the first step.
func gamma(values []float64, shape float64, stream random.Stream, first, step uint64) {
	n := len(values)
	normal, uniform := lanes.New(n, 1), lanes.New(n, 1)
	raised := shape
	if shape < 1 {
		raised++
	}
	d := raised - 1.0/3
	c := 1 / math.Sqrt(9*d)
	open := n
	for i := range values {
		values[i] = math.NaN() // none yet
	}
	for attempt := uint64(0); open > 0 && attempt < mostAttempts; attempt++ {
		stream.Normal(normal, first, step+2*attempt+1)
		stream.Uniform(uniform, first, step+2*attempt+2)
		for i, z := range normal.Row(0)[:n] {
			root := math.FMA(c, z, 1)
			if !math.IsNaN(values[i]) || root <= 0 {
				continue
			}
			v := root * root * root
			bound := math.FMA(d, backends.Log(v), math.FMA(z/2, z, math.FMA(-d, v, d)))
			if backends.Log(uniform.Row(0)[i]) < bound {
				values[i] = d * v
				open--
			}
		}
	}
	if shape < 1 {
		stream.Uniform(uniform, first, step)
	}
	for i := range values {
		if math.IsNaN(values[i]) {
			values[i] = d
		}
		if shape < 1 {
			values[i] *= backends.Exp(backends.Log(uniform.Row(0)[i]) / shape)
		}
	}
}
