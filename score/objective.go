package score

import (
	"fmt"

	"github.com/scorefield/infer/autodiff"
)

// Weight is how much a noise level counts in [Denoising], a function lambda(sigma) of positive values.
type Weight func(sigma autodiff.Value) autodiff.Value

// Unweighted counts every level the same, as for a network of one level. Over many, small levels drown the others.
func Unweighted(sigma autodiff.Value) autodiff.Value { return sigma.Graph().Scalar(1) }

// SigmaSquared is the weight sigma^2 of Song and Ermon (2019), 1907.05600, under which a loss of about 1 is that of knowing
// nothing, at every level.
func SigmaSquared(sigma autodiff.Value) autodiff.Value { return sigma.Square() }

// EDM is the weight sigma^2 (sigma^2 + d^2)/d^2, d the standard deviation of the data, positive, under which a preconditioned
// network has targets of variance 1 at every level (Karras et al. 2022, 2206.00364: their weight of the denoiser's error).
func EDM(sd float64) Weight {
	return func(sigma autodiff.Value) autodiff.Value {
		square := sigma.Square()
		return square.Mul(square.Scale(1 / float64(sd*sd)).Shift(1))
	}
}

// Denoising is the loss of denoising score matching (Vincent 2011) of one particle, a scalar: for the score s at a point blurred
// by sigma z, z standard normal, it is
//
//	lambda(sigma) mean over the coordinates of (s + z/sigma)^2.
//
// Its minimum over s is the score of the blurred law. It is the mean, not the sum, over the coordinates, and is not halved.
func Denoising(s, z, sigma autodiff.Value, weight Weight) autodiff.Value {
	// (sigma s + z)^2 has no large terms that cancel.
	return s.Mul(sigma).Add(z).Square().Mean().Mul(weight(sigma).Div(sigma.Square()))
}

// Implicit is the loss of implicit score matching (Hyvärinen 2005) of one particle, a scalar: tr(ds/dx) + |s|^2/2, for a score s
// of the graph's input x, a vector. It is exact, at the price of a gradient a coordinate. Its minimum is the score of the law of x
// itself, its value there -E|s|^2/2.
func Implicit(s, x autodiff.Value) (autodiff.Value, error) {
	trace, err := Trace(s, x)
	if err != nil {
		return trace, err
	}
	return trace.Add(s.Dot(s).Scale(0.5)), nil
}

// Sliced is the loss of sliced score matching (Song et al. 2019, 1905.07088) of one particle, a scalar: v'(ds/dx)v + (v's)^2/2, for
// a random direction v, a vector of mean 0 and unit covariance: random signs, or normal numbers. Its mean over v is that of
// [Implicit], and it costs one gradient.
func Sliced(s, x, v autodiff.Value) (autodiff.Value, error) {
	trace, err := TraceAlong(s, x, v)
	if err != nil {
		return trace, err
	}
	return trace.Add(s.Dot(v).Square().Scale(0.5)), nil
}

// SlicedVarianceReduced is [Sliced] with |s|^2/2 in place of (v's)^2/2, its mean.
func SlicedVarianceReduced(s, x, v autodiff.Value) (autodiff.Value, error) {
	trace, err := TraceAlong(s, x, v)
	if err != nil {
		return trace, err
	}
	return trace.Add(s.Dot(s).Scale(0.5)), nil
}

// Trace is tr(ds/dx), the divergence of the vector s in the graph's input x, in order of the coordinates.
func Trace(s, x autodiff.Value) (autodiff.Value, error) {
	if err := checkScore(s, x); err != nil {
		return autodiff.Value{}, err
	}
	var trace autodiff.Value
	for j := range s.Size() {
		gradient, err := autodiff.Gradient(s.Index(j), x)
		if err != nil {
			return autodiff.Value{}, fmt.Errorf("score: divergence: %w", err)
		}
		if part := gradient[0].Index(j); j == 0 {
			trace = part
		} else {
			trace = trace.Add(part)
		}
	}
	return trace, nil
}

// TraceAlong is v'(ds/dx)v, of which the mean over random directions v is tr(ds/dx) (Hutchinson 1989): v has mean 0 and unit
// covariance, and random signs give the least variance.
func TraceAlong(s, x, v autodiff.Value) (autodiff.Value, error) {
	if err := checkScore(s, x); err != nil {
		return autodiff.Value{}, err
	}
	gradient, err := autodiff.Gradient(s.Dot(v), x)
	if err != nil {
		return autodiff.Value{}, fmt.Errorf("score: divergence along a direction: %w", err)
	}
	return gradient[0].Dot(v), nil
}

func checkScore(s, x autodiff.Value) error {
	if g := s.Graph(); g != nil && g.Err() != nil {
		return g.Err()
	}
	if len(s.Shape()) != 1 || len(x.Shape()) != 1 || s.Size() != x.Size() {
		return fmt.Errorf("score: a score of shape %v at points of shape %v: both are vectors of as many elements", s.Shape(), x.Shape())
	}
	return nil
}
