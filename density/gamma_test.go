package density

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mathext"

	"github.com/scorefield/infer/random"
)

func TestGammaFollowsItsLaw(t *testing.T) {
	const n = 100_000
	for _, shape := range []float64{0.1, 0.5, 0.99, 1, 2.5, 40} {
		values := make([]float64, n)
		gamma(values, shape, random.New(1, random.Exact), 0, 1)
		mean := 0.0
		for _, v := range values {
			mean += v / n
		}
		variance, fourth := 0.0, 0.0
		for _, v := range values {
			square := (v - shape) * (v - shape)
			variance, fourth = variance+square/n, fourth+square*square/n
		}
		zMean := (mean - shape) / math.Sqrt(shape/n)
		zVariance := (variance - shape) / math.Sqrt((fourth-variance*variance)/n)
		slices.Sort(values)
		k := 0.0
		for i, v := range values {
			p := mathext.GammaIncReg(shape, v)
			k = max(k, p-float64(i)/n, float64(i+1)/n-p)
		}
		k *= math.Sqrt(n)
		t.Logf("shape %v: mean z %.2f, variance z %.2f, Kolmogorov %.2f", shape, zMean, zVariance, k)
		if !(math.Abs(zMean) < 4 && math.Abs(zVariance) < 4 && k < 1.95) {
			t.Errorf("shape %v: mean off by %.2f standard errors, variance by %.2f, Kolmogorov %.2f", shape, zMean, zVariance, k)
		}
	}
}
