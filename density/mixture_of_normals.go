package density

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// MixtureOfNormals is a mixture of round normal laws, its modes,
//
//	log p(x) = log(sum_k w_k / s_k^Dim exp(-|x - m_k|^2 / (2 s_k^2))).
//
// It is made by [NewMixtureOfNormals], [EightModes], [TwentyFiveModes] or [OverlappingModes].
type MixtureOfNormals struct {
	*Graph
	weights []float64
	means   [][]float64
	scales  []float64
}

// NewMixtureOfNormals makes the mixture of as many modes as there are means. Weights are positive and are divided
// by their sum; nil means equal ones. Scales are the modes' standard deviations, positive; a single one is that of
// all modes. The slices are copied.
func NewMixtureOfNormals(weights []float64, means [][]float64, scales []float64) (*MixtureOfNormals, error) {
	const name = "mixture of normals"
	if len(means) == 0 || len(means[0]) == 0 {
		return nil, fmt.Errorf("%s: no means: give one point for each mode", name)
	}
	if weights == nil {
		weights = repeat(1, len(means))
	}
	if len(scales) == 1 {
		scales = repeat(scales[0], len(means))
	}
	if len(weights) != len(means) || len(scales) != len(means) {
		return nil, fmt.Errorf("%s: %d weights, %d means and %d scales: give one of each for every mode", name, len(weights), len(means), len(scales))
	}
	for k, m := range means {
		if len(m) != len(means[0]) {
			return nil, fmt.Errorf("%s: mean %d has %d coordinates, mean 0 has %d: all need the same number", name, k, len(m), len(means[0]))
		}
		for j, v := range m {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("%s: coordinate %d of mean %d is %v: it has to be finite", name, j, k, v)
			}
		}
		if !(scales[k] > 0) || math.IsInf(scales[k], 1) {
			return nil, fmt.Errorf("%s: scale %d is %v: it has to be a positive finite number", name, k, scales[k])
		}
	}
	weights, err := normalisedWeights(name, weights)
	if err != nil {
		return nil, err
	}
	d := &MixtureOfNormals{weights: weights, means: cloneMatrix(means), scales: slices.Clone(scales)}
	if d.Graph, err = Build(len(means[0]), d.formula); err != nil {
		return nil, err
	}
	return d, nil
}

// normalisedWeights is a copy of the weights, divided by their sum.
func normalisedWeights(name string, weights []float64) ([]float64, error) {
	sum := 0.0
	for k, w := range weights {
		if !(w > 0) || math.IsInf(w, 1) {
			return nil, fmt.Errorf("%s: weight %d is %v: it has to be a positive finite number", name, k, w)
		}
		sum += w
	}
	if math.IsInf(sum, 1) {
		return nil, fmt.Errorf("%s: the sum of the weights overflows; divide them all by the largest", name)
	}
	shares := make([]float64, len(weights))
	for k, w := range weights {
		shares[k] = w / sum
	}
	return shares, nil
}

// EightModes is the mixture of eight equal modes of scale 0.1 on a circle of radius 2.
func EightModes() *MixtureOfNormals {
	const far, near = 2, 1.4142135623730950488
	means := [][]float64{{far, 0}, {near, near}, {0, far}, {-near, near}, {-far, 0}, {-near, -near}, {0, -far}, {near, -near}}
	return mustMix(means, 0.1)
}

// TwentyFiveModes is the mixture of 25 equal modes of scale 0.2 on the grid of -4, -2, 0, 2, 4 in the plane.
func TwentyFiveModes() *MixtureOfNormals {
	var means [][]float64
	for i := range 25 {
		means = append(means, []float64{float64(i%5*2 - 4), float64(i/5*2 - 4)})
	}
	return mustMix(means, 0.2)
}

// OverlappingModes is the mixture of three equal modes in the plane between which particles change at leisure: at
// (-1.5, -1.5) and (1.5, 1.5) with variance 0.8, at (-2, 2) with variance 0.5. It is the target "multimodal" of
// github.com/chi-feng/mcmc-demo.
func OverlappingModes() *MixtureOfNormals {
	wide, narrow := math.Sqrt(0.8), math.Sqrt(0.5)
	return mustMix([][]float64{{-1.5, -1.5}, {1.5, 1.5}, {-2, 2}}, wide, wide, narrow)
}

// mustMix mixes constants that are known to be right.
func mustMix(means [][]float64, scales ...float64) *MixtureOfNormals {
	d, err := NewMixtureOfNormals(nil, means, scales)
	if err != nil {
		panic(err)
	}
	return d
}

func (d *MixtureOfNormals) formula(x autodiff.Value) autodiff.Value {
	g, modes := x.Graph(), len(d.means)
	column := func(value func(k int) float64) autodiff.Value {
		values := make([]float64, modes)
		for k := range values {
			values[k] = value(k)
		}
		return g.Constant(values, modes)
	}
	var square autodiff.Value // |x - m_k|^2
	for j := range d.means[0] {
		term := x.Index(j).Add(column(func(k int) float64 { return -d.means[k][j] })).Square()
		if j == 0 {
			square = term
		} else {
			square = square.Add(term)
		}
	}
	inverse := column(func(k int) float64 { return -0.5 / (d.scales[k] * d.scales[k]) })
	height := column(func(k int) float64 {
		return math.FMA(-float64(len(d.means[0])), backends.Log(d.scales[k]), backends.Log(d.weights[k]))
	})
	return square.Mul(inverse).Add(height).LogSumExp()
}

// String names the density and its constants, of many modes only their number.
func (d *MixtureOfNormals) String() string {
	if len(d.means) > 3 {
		return fmt.Sprintf("mixture of %d normals in %d coordinates, the first of weight %v, mean %v and scale %v",
			len(d.means), d.Dim(), d.weights[0], d.means[0], d.scales[0])
	}
	return fmt.Sprintf("mixture of normals of weights %v, means %v and scales %v", d.weights, d.means, d.scales)
}

// Check is nil: the constants were checked when the density was made.
func (d *MixtureOfNormals) Check() error { return nil }

// Sample implements [Exact]: step 0 holds the uniform number that picks the mode, step 1 the normal ones.
func (d *MixtureOfNormals) Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := checkSample(ctx, d, dst); err != nil {
		return err
	}
	choice := lanes.New(dst.Len(), 1)
	stream.Uniform(choice, first, 0)
	stream.Normal(dst, first, 1)
	pick := newPicker(d.weights)
	for i, u := range choice.Row(0)[:dst.Len()] {
		k := pick.index(u)
		for j, m := range d.means[k] {
			dst.Row(j)[i] = math.FMA(d.scales[k], dst.Row(j)[i], m)
		}
	}
	return nil
}

// LogNormaliser implements [Normalised].
func (d *MixtureOfNormals) LogNormaliser() float64 { return float64(float64(d.Dim()) / 2 * logTwoPi) }

// Mean is the weighted mean of the modes.
func (d *MixtureOfNormals) Mean() []float64 {
	mean := make([]float64, d.Dim())
	for k, m := range d.means {
		for j, v := range m {
			mean[j] = math.FMA(d.weights[k], v, mean[j])
		}
	}
	return mean
}

// Covariance is the weighted mean of s_k^2 I + (m_k - m)(m_k - m)ᵀ.
func (d *MixtureOfNormals) Covariance() [][]float64 {
	mean := d.Mean()
	covariance := diagonal(make([]float64, d.Dim())...)
	for k, m := range d.means {
		for i := range m {
			covariance[i][i] = math.FMA(d.weights[k], float64(d.scales[k]*d.scales[k]), covariance[i][i])
			for j := range m {
				covariance[i][j] = math.FMA(d.weights[k], float64((m[i]-mean[i])*(m[j]-mean[j])), covariance[i][j])
			}
		}
	}
	return covariance
}

// Entropy implements [Entropic], by quadrature in one or two dimensions. It is NaN in more, or where the modes are
// so narrow beside their distances that it would take more than a million points.
func (d *MixtureOfNormals) Entropy() float64 {
	if d.Dim() > 2 {
		return math.NaN()
	}
	low, high := slices.Clone(d.means[0]), slices.Clone(d.means[0])
	for k, m := range d.means {
		reach := farEnough * d.scales[k]
		for j, v := range m {
			low[j], high[j] = min(low[j], v-float64(reach)), max(high[j], v+float64(reach))
		}
	}
	return planeEntropy(d, d.LogNormaliser(), low, high, slices.Min(d.scales)/6)
}
