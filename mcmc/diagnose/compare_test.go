package diagnose

import (
	"math"
	"slices"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestStatisticsOnSmallExamples(t *testing.T) {
	a, b := []float64{1, 2, 4}, []float64{1, 3, 5, 6}
	// Pooled 1 1 2 3 4 5 6: ranks of b 1.5, 4, 6, 7: 18.5, expected 4*8/2 = 16, variance 12/12*(8 - 6/42).
	near(t, "rank sum", rankSum(a, b), 2.5/math.Sqrt(8-6.0/42), 1e-14)
	near(t, "rank sum of equals", rankSum([]float64{1, 1}, []float64{1, 1, 1}), 0, 0)
	near(t, "crossings", crossings([]float64{0, 0, 0, 0, 1}, []float64{1, 1, 1, 0, 0}, 0.5), 2/math.Sqrt(4), 1e-14)
	near(t, "paired mean", pairedMean([]float64{0, 0, 0}, []float64{1, 2, 3}, false), 2*math.Sqrt(3), 1e-14)
	near(t, "paired mean of squares", pairedMean([]float64{1, 1, 1}, []float64{2, 3, 0}, true), 10.0/3/math.Sqrt(61.0/9), 1e-12)
	near(t, "beyond", beyond(0.05), 1.959963984540054, 1e-9)
	near(t, "beyond", beyond(6.795346249460121e-06), 4.5, 1e-9)
	near(t, "the width of a normal law", width([]float64{-0.6744897501960817, -0.6744897501960817, 0, 0.6744897501960817, 0.6744897501960817}), 1, 1e-12)
}

// normals is n standard normal numbers of a stream.
func normals(label uint64, n int) []float64 {
	b := lanes.New(n, 1)
	random.New(1, random.User).Sub(label).Normal(b, 0, 0)
	return b.Row(0)[:n]
}

// Under one law each statistic is about standard normal: over 200 pairs none beyond 4.5, and the mean square near 1.
func TestStatisticsUnderOneLaw(t *testing.T) {
	var squares [4]float64
	const pairs = 200
	for k := range uint64(pairs) {
		a, b := normals(2*k, 3000), normals(2*k+1, 3000)
		far := slices.Sorted(slices.Values(b[:256]))
		main := slices.Sorted(slices.Values(a))
		for i, z := range []float64{
			pairedMean(a, b, false), crossings(a, b, Quantile(main, 0.95)), rankSum(main, far), rankSum(distances(main, 0), distances(far, 0)),
		} {
			squares[i] += z * z / pairs
			if math.Abs(z) > 4.5 {
				t.Errorf("statistic %d of pair %d is %v", i, k, z)
			}
		}
		if z := smirnov(main, far); z > 4 {
			t.Errorf("the distance of pair %d is %v", k, z)
		}
	}
	for i, s := range squares {
		near(t, "mean square of a statistic", s, 1, 4.5*math.Sqrt(2.0/pairs))
		t.Logf("statistic %d: mean square %.3f", i, s)
	}
}

func TestStatisticsSeeADifference(t *testing.T) {
	a, b := normals(1, 3000), normals(2, 3000)
	shifted, wider := make([]float64, 256), make([]float64, 256)
	for i := range shifted {
		shifted[i], wider[i] = b[i]+0.5, 2*b[i]
	}
	main := finiteSorted(a)
	if z := rankSum(main, finiteSorted(shifted)); z < 5 {
		t.Errorf("a shift by half a standard deviation: %v", z)
	}
	if z := rankSum(distances(main, 0), distances(finiteSorted(wider), 0)); z < 5 {
		t.Errorf("twice the spread: %v", z)
	}
	if z := smirnov(main, finiteSorted(shifted)); z < 5 {
		t.Errorf("the distance of distributions: %v", z)
	}
}
