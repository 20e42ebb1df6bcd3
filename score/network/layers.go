package network

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
)

// MLP is dense layers of the given widths with an activation after each, and a last one that has as many elements as
// x. With an embedding, which may be nil, the first layer sees the noise level beside the point.
func MLP(widths []int, activation Activation, embedding Embedding) Network {
	return func(p *Params, x, sigma autodiff.Value) autodiff.Value {
		h := x
		if embedding != nil {
			h = autodiff.Concat(x, embedding(sigma))
		}
		for i, width := range widths {
			h = activation(p.Dense(fmt.Sprintf("layer%d", i), h, width, TruncatedNormal))
		}
		return p.Dense("output", h, x.Size(), TruncatedNormal)
	}
}

// ResidualMLP is a stem that widens the point, blocks of two dense layers beside a direct way, and an output that begins at 0:
//
//	h + dense(activation(film(dense(activation(norm(h))))))
//
// The embedding of the noise level, which may be nil, passes two dense layers and sets, in every block, a scale and a
// shift of each element ([FiLM]).
func ResidualMLP(width, blocks int, activation Activation, embedding Embedding) Network {
	return func(p *Params, x, sigma autodiff.Value) autodiff.Value {
		var condition autodiff.Value
		if embedding != nil {
			condition = activation(p.Dense("noise0", embedding(sigma), width, HeNormal))
			condition = activation(p.Dense("noise1", condition, width, HeNormal))
		}
		h := p.Dense("stem", x, width, TruncatedNormal)
		for i := range blocks {
			b := p.In(fmt.Sprintf("block%d", i))
			r := activation(LayerNorm(b.In("norm"), h))
			r = b.Dense("in", r, width, HeNormal)
			if embedding != nil {
				r = FiLM(b.In("film"), r, condition)
			}
			h = h.Add(b.Dense("out", activation(r), width, Zeros))
		}
		h = activation(LayerNorm(p.In("norm"), h))
		return p.Dense("output", h, x.Size(), Zeros)
	}
}

// FiLM scales and shifts each element of h by what a dense layer makes of a condition (Perez et al. 2018, 1709.07871):
// h (1 + scale) + shift. The layer begins at 0, so h passes unchanged.
func FiLM(p *Params, h, condition autodiff.Value) autodiff.Value {
	width := h.Size()
	scale := p.Dense("scale", condition, width, Zeros)
	shift := p.Dense("shift", condition, width, Zeros)
	return h.Mul(scale.Shift(1)).Add(shift)
}

// normEpsilon keeps the variance of equal elements away from 0.
const normEpsilon = 1e-5

// LayerNorm brings the elements of h to mean 0 and variance 1 (Ba et al. 2016, 1607.06450), then scales and shifts each by a
// parameter, scale and shift.
func LayerNorm(p *Params, h autodiff.Value) autodiff.Value {
	width := h.Size()
	return h.LayerNorm(normEpsilon).Mul(p.Tensor("scale", Ones, width)).Add(p.Tensor("shift", Zeros, width))
}

// Embedding is what a network sees of the noise level: it turns the scalar sigma into a vector.
type Embedding func(sigma autodiff.Value) autodiff.Value

// SigmaChannel is the embedding that is the level itself.
func SigmaChannel(sigma autodiff.Value) autodiff.Value { return sigma.Reshape(1) }

// LogSigma is the embedding ln(sigma)/4, which for usual levels lies between -1.5 and 1.5 (Karras et al. 2022, 2206.00364).
func LogSigma(sigma autodiff.Value) autodiff.Value { return logSigma(sigma).Reshape(1) }

func logSigma(sigma autodiff.Value) autodiff.Value { return sigma.Log().Scale(0.25) }

// Fourier is the embedding by the cosine and the sine of 2 pi f ln(sigma)/4 for the given number of frequencies f, which rise
// from 1/8 to 4 by equal factors: from slower than the whole range of levels to a tenth of a factor e.
func Fourier(frequencies int) Embedding {
	return func(sigma autodiff.Value) autodiff.Value {
		g := sigma.Graph()
		angle := make([]float64, max(frequencies, 1))
		for i := range angle {
			share := 0.0
			if len(angle) > 1 {
				share = float64(i) / float64(len(angle)-1)
			}
			angle[i] = float64(2*math.Pi/8) * backends.Pow(32, share)
		}
		phase := g.Constant(angle, len(angle)).Mul(logSigma(sigma))
		return autodiff.Concat(phase.Cos(), phase.Sin())
	}
}

// OverSigma divides what a network gives by the noise level: the form of NCSNv2, whose network has outputs of order 1 at every
// level and may itself ignore the level.
func OverSigma(n Network) Network {
	return func(p *Params, x, sigma autodiff.Value) autodiff.Value { return n(p, x, sigma).Div(sigma) }
}

// Preconditioned is the score that a network F gives by the scaling of Karras et al. (2022), 2206.00364. For data of the
// given means mu and standard deviations d, coordinate by coordinate,
//
//	score = d F((x - mu)/sqrt(sigma^2 + d^2), sigma) / (sigma sqrt(sigma^2 + d^2)) - (x - mu)/(sigma^2 + d^2),
//
// so F has inputs of variance 1 and, under the loss that [score.EDM] weighs, outputs of variance 1. Where F is 0 it is the
// score of a normal law. A coordinate with d = 0, a constant, is exact without the network. Wrong numbers are a mistake of the
// graph.
//
// [score.EDM]: https://pkg.go.dev/github.com/scorefield/infer/score#EDM
func Preconditioned(n Network, mean, sd []float64) Network {
	return func(p *Params, x, sigma autodiff.Value) autodiff.Value {
		g := p.Graph()
		variance := make([]float64, len(sd))
		for j, d := range sd {
			variance[j] = float64(d * d)
		}
		centred := x.Sub(g.Constant(mean, len(mean)))
		total := g.Constant(variance, len(variance)).Add(sigma.Square())
		root := total.Sqrt()
		f := n(p, centred.Div(root), sigma)
		return f.Mul(g.Constant(sd, len(sd))).Div(root.Mul(sigma)).Sub(centred.Div(total))
	}
}

// Standardised is [Preconditioned] for data whose coordinates share one mean and one standard deviation, which is positive, such as the
// pixels of images.
func Standardised(n Network, mean, sd float64) Network {
	return func(p *Params, x, sigma autodiff.Value) autodiff.Value {
		centred := x.Shift(-mean)
		total := sigma.Square().Shift(float64(sd * sd))
		root := total.Sqrt()
		f := n(p, centred.Div(root), sigma)
		return f.Mul(p.Graph().Scalar(sd).Div(root.Mul(sigma))).Sub(centred.Div(total))
	}
}
