package train

import (
	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score"
)

// Objective builds the loss of one row, a scalar of the graph. What it asks of the row becomes an input of the program.
type Objective func(r *Row) (autodiff.Value, error)

// Row is a row of a batch while its loss is built: what is drawn for it, and the network. Every method returns the same value
// when it is called again.
type Row struct {
	graph                *autodiff.Graph
	dim                  int
	apply                func(x autodiff.Value) autodiff.Value
	sigma                autodiff.Value
	point, normal, signs autodiff.Value
	given                autodiff.Value
	inputs               []autodiff.Value
	drawn                []drawn // what each input holds
}

// drawn is what an input of the program holds.
type drawn int

const (
	drawnPoint drawn = iota
	drawnNormal
	drawnSigns
	drawnSigma
	drawnGiven
)

func (r *Row) input(v *autodiff.Value, name string, kind drawn, shape ...int) autodiff.Value {
	if v.Graph() == nil {
		*v = r.graph.Input(name, shape...)
		r.inputs, r.drawn = append(r.inputs, *v), append(r.drawn, kind)
	}
	return *v
}

// Point is the row of the data, a vector.
func (r *Row) Point() autodiff.Value { return r.input(&r.point, "point", drawnPoint, r.dim) }

// Normal is a vector of standard normal numbers, as long as a point.
func (r *Row) Normal() autodiff.Value { return r.input(&r.normal, "normal", drawnNormal, r.dim) }

// Signs is a vector of random signs, 1 or -1, as long as a point.
func (r *Row) Signs() autodiff.Value { return r.input(&r.signs, "signs", drawnSigns, r.dim) }

// Sigma is the row's noise level, a scalar: a constant for a plain model, which is 0 without noise.
func (r *Row) Sigma() autodiff.Value { return r.sigma }

// Score is what the network gives at a vector x and the row's noise level.
func (r *Row) Score(x autodiff.Value) autodiff.Value { return r.apply(x) }

// Denoising is denoising score matching, [score.Denoising]: the score at the row blurred by its noise level.
func Denoising(weight score.Weight) Objective {
	return func(r *Row) (autodiff.Value, error) {
		z, sigma := r.Normal(), r.Sigma()
		return score.Denoising(r.Score(r.Point().Add(z.Mul(sigma))), z, sigma, weight), nil
	}
}

// Implicit is implicit score matching with the exact trace, [score.Implicit]: the score of the data themselves.
func Implicit(r *Row) (autodiff.Value, error) {
	return score.Implicit(r.Score(r.Point()), r.Point())
}

// Sliced is sliced score matching, [score.Sliced], along random signs.
func Sliced(r *Row) (autodiff.Value, error) {
	return score.Sliced(r.Score(r.Point()), r.Point(), r.Signs())
}

// SlicedVarianceReduced is [score.SlicedVarianceReduced] along random signs.
func SlicedVarianceReduced(r *Row) (autodiff.Value, error) {
	return score.SlicedVarianceReduced(r.Score(r.Point()), r.Point(), r.Signs())
}
