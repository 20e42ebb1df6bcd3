package density

import "github.com/scorefield/infer/autodiff"

// Formula is a density whose log p is a formula: it can be written into any graph, so formulas combine into
// formulas ([Mixture], [Tempered], [Transform]). The densities of the library, [Graph] and [Text] are formulas.
type Formula interface {
	Differentiable
	// Apply writes log p of the point x, a vector of Dim elements, into the graph of x.
	Apply(x autodiff.Value) autodiff.Value
}

// Normalised is a density that knows its normaliser. The densities of the library leave constant factors out
// of LogProb, as formulas are usually written; LogProb less LogNormaliser is the log of a probability density.
type Normalised interface {
	Density
	// LogNormaliser is log of the integral of exp(LogProb): 0 where LogProb is normalised, NaN where it is not known.
	LogNormaliser() float64
}

// Moments is a density that knows its mean and covariance.
type Moments interface {
	Density
	// Mean is the mean of every coordinate, in a slice of the caller's own. It is nil where it is not known; an
	// element is NaN where the law has no mean.
	Mean() []float64
	// Covariance is the matrix of covariances, in slices of the caller's own. It is nil where it is not known; an
	// element is +Inf or NaN where the law has none.
	Covariance() [][]float64
}

// Entropic is a density that knows its differential entropy.
type Entropic interface {
	Density
	// Entropy is -E log p of the normalised density in nats, NaN where it is not known.
	Entropy() float64
}

// diagonal is a square matrix of zeros beside these values.
func diagonal(values ...float64) [][]float64 {
	matrix := make([][]float64, len(values))
	for i, v := range values {
		matrix[i] = make([]float64, len(values))
		matrix[i][i] = v
	}
	return matrix
}

// repeat is a slice of n times the value.
func repeat(value float64, n int) []float64 {
	values := make([]float64, max(n, 0))
	for i := range values {
		values[i] = value
	}
	return values
}
