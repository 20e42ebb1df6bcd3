package density_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
)

// kolmogorov is the largest distance between the distribution function of the values and cdf, times the square root of
// their number. Above 1.95 with probability 0.001, above 2.3 with 5e-5.
func kolmogorov(values []float64, cdf func(float64) float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n, worst := float64(len(sorted)), 0.0
	for i, v := range sorted {
		p := cdf(v)
		worst = max(worst, p-float64(i)/n, float64(i+1)/n-p)
	}
	return worst * math.Sqrt(n)
}

// kuiper is the sum of the largest distances above and below, which does not depend on where a circle was cut; values
// are in (0, 1). Times the square root of n, it is above 2.3 with probability 0.0006.
func kuiper(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n, above, below := float64(len(sorted)), 0.0, 0.0
	for i, v := range sorted {
		above, below = max(above, float64(i+1)/n-v), max(below, v-float64(i)/n)
	}
	return (above + below) * math.Sqrt(n)
}

func normalCDF(v float64) float64 { return math.Erfc(-v/math.Sqrt2) / 2 }

// Numbers made of exact draws whose law is known in closed form follow it.
func TestExactDrawsFollowTheirLaws(t *testing.T) {
	donut := density.Donut{}
	tail := func(freedom float64) func(float64) float64 { // of Student's t, closed forms
		return func(v float64) float64 {
			theta := math.Atan(v / math.Sqrt(freedom))
			switch freedom {
			case 1:
				return 0.5 + theta/math.Pi
			case 5:
				c := math.Cos(theta)
				return 0.5 + (theta+math.Sin(theta)*c*(1+2*c*c/3))/math.Pi
			}
			panic("no closed form")
		}
	}
	first := func(x []float64) float64 { return x[0] }
	radius := func(x []float64) float64 { return math.Hypot(x[0], x[1]) }
	for _, c := range []struct {
		what string
		d    density.Density
		of   func(x []float64) float64
		cdf  func(float64) float64
	}{
		{"radius of the donut", donut, radius, donut.RadiusCDF},
		{"radius of a wide donut", density.Donut{Radius: 0.5, Width: 2}, radius, density.Donut{Radius: 0.5, Width: 2}.RadiusCDF},
		{"radius of the outer ring", density.Rings{}, radius, func(r float64) float64 {
			sum, mass := 0.0, 0.0
			for k := 1; k <= 3; k++ {
				g := density.Donut{Radius: 1.2 * float64(k)}
				sum += math.Exp(g.LogNormaliser()) * g.RadiusCDF(r)
				mass += math.Exp(g.LogNormaliser())
			}
			return sum / mass
		}},
		{"radius of ring and normal", density.RingAndNormal{}, radius, func(r float64) float64 {
			return 0.5*donut.RadiusCDF(r) + 0.5*-math.Expm1(-2*r*r)
		}},
		{"coordinate of the normal", density.Normal{Coordinates: 7}, func(x []float64) float64 { return x[6] }, normalCDF},
		{"first coordinate of the banana", density.Banana{}, first, normalCDF},
		{"second coordinate of the banana, straightened", density.Banana{},
			func(x []float64) float64 { return (x[1] - x[0]*x[0]/2) * math.Sqrt2 }, normalCDF},
		{"first coordinate of the rosenbrock", density.Rosenbrock{},
			func(x []float64) float64 { return (x[0] - 1) / math.Sqrt(10) }, normalCDF},
		{"second coordinate of the rosenbrock, straightened", density.Rosenbrock{},
			func(x []float64) float64 { return (x[1] - x[0]*x[0]) / math.Sqrt(0.1) }, normalCDF},
		{"neck of the funnel", density.Funnel{}, func(x []float64) float64 { return x[0] / 3 }, normalCDF},
		{"last coordinate of the funnel, straightened", density.Funnel{},
			func(x []float64) float64 { return x[9] * math.Exp(-x[0]/2) }, normalCDF},
		{"coordinate of student t", density.StudentT{}, first, tail(5)},
		{"coordinate of the Cauchy law", density.StudentT{Coordinates: 1, Freedom: 1}, first, tail(1)},
		{"squared length of student t", density.StudentT{Coordinates: 2, Freedom: 5}, // P(|x|^2 > v) = (1 + v/5)^(-5/2)
			func(x []float64) float64 { return x[0]*x[0] + x[1]*x[1] },
			func(v float64) float64 { return 1 - math.Pow(1+v/5, -2.5) }},
		{"first coordinate of the checkerboard", density.Checkerboard{}, first, func(v float64) float64 { return (v + 2) / 4 }},
		{"first coordinate of the squiggle", density.Squiggle{}, func(x []float64) float64 { return x[0] / math.Sqrt2 }, normalCDF},
		{"second coordinate of the squiggle, straightened", density.Squiggle{},
			func(x []float64) float64 { return (x[1] + math.Sin(5*x[0])) * math.Sqrt2 }, normalCDF},
		{"difference of the correlated normal", mustNew(t, "correlated-normal"),
			func(x []float64) float64 { return (x[0] - x[1]) / math.Sqrt(0.2) }, normalCDF},
	} {
		x := exactly(t, c.d, 10_000, 5)
		values := make([]float64, x.Len())
		for i := range values {
			values[i] = c.of(x.Point(i, nil))
		}
		k := kolmogorov(values, c.cdf)
		t.Logf("%s: Kolmogorov %.2f", c.what, k)
		if !(k < 1.95) {
			t.Errorf("%s does not follow its law: Kolmogorov %.2f, bound 1.95", c.what, k)
		}
	}
}

func TestAnglesAreUniform(t *testing.T) {
	for _, d := range []density.Density{density.Donut{}, density.Rings{}, density.RingAndNormal{}, density.StudentT{}} {
		x := exactly(t, d, 10_000, 6)
		turns := make([]float64, x.Len())
		for i := range turns {
			turns[i] = math.Mod(math.Atan2(x.Row(1)[i], x.Row(0)[i])/(2*math.Pi)+1, 1)
		}
		k := kuiper(turns)
		t.Logf("%v: Kuiper %.2f", d, k)
		if !(k < 2.3) {
			t.Errorf("%v: the angle is not uniform: Kuiper %.2f, bound 2.3", d, k)
		}
	}
}

func TestModesHaveTheirWeights(t *testing.T) {
	uneven, err := density.NewMixtureOfNormals([]float64{1, 2, 7}, [][]float64{{-5}, {0}, {9}}, []float64{0.5, 1, 0.1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		d     density.Density
		mode  func(x []float64) int
		share []float64
	}{
		{uneven, func(x []float64) int {
			switch {
			case x[0] < -2.9:
				return 0
			case x[0] < 8:
				return 1
			}
			return 2
		}, []float64{0.1, 0.2, 0.7}},
		{density.TwentyFiveModes(), func(x []float64) int {
			return int(math.Round(x[0]/2)+2) + 5*int(math.Round(x[1]/2)+2)
		}, slices.Repeat([]float64{0.04}, 25)},
		{density.EightModes(), func(x []float64) int {
			return (int(math.Round(math.Atan2(x[1], x[0])/(math.Pi/4))) + 8) % 8
		}, slices.Repeat([]float64{0.125}, 8)},
	} {
		const n = 10_000
		x := exactly(t, c.d, n, 7)
		counts := make([]float64, len(c.share))
		for i := range n {
			counts[c.mode(x.Point(i, nil))]++
		}
		square := 0.0
		for k, share := range c.share {
			square += (counts[k] - n*share) * (counts[k] - n*share) / (n * share)
		}
		freedom := float64(len(c.share) - 1)
		z := (square - freedom) / math.Sqrt(2*freedom)
		t.Logf("%v: chi-square %.1f with %v degrees of freedom, z %.2f", c.d, square, freedom, z)
		if !(math.Abs(z) < 4) {
			t.Errorf("%v: modes have counts %v, z %.2f", c.d, counts, z)
		}
	}
}

func mustNew(t *testing.T, name string) density.Formula {
	t.Helper()
	for _, e := range density.Catalogue() {
		if e.Name == name {
			d, err := e.New(0)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no density %q", name)
	return nil
}

// chart is a rule for an integral over the plane: nodes of the trapezium rule in two parameters, a map from these to the
// plane and its Jacobian.
type chart struct {
	u, v [3]float64 // from, to, step
	at   func(u, v float64) (x, y, jacobian float64)
}

func plain(u, v float64) (x, y, jacobian float64) { return u, v, 1 }

func polar(r, turn float64) (x, y, jacobian float64) {
	s, c := math.Sincos(2 * math.Pi * turn)
	return r * c, r * s, 2 * math.Pi * r
}

// The normaliser, the mean, the covariance and the entropy of every density of the plane agree with quadrature.
func TestKnownValuesByQuadrature(t *testing.T) {
	stretch := func(u, v float64) (x, y, jacobian float64) { // for tails of powers
		return math.Sinh(u), math.Sinh(v), math.Cosh(u) * math.Cosh(v)
	}
	along := func(bend, mean float64) func(u, v float64) (x, y, jacobian float64) {
		return func(u, v float64) (x, y, jacobian float64) { return mean + u, v + bend*(mean+u)*(mean+u), 1 }
	}
	for name, c := range map[string]struct {
		d density.Formula
		chart
	}{
		"donut":             {density.Donut{}, chart{[3]float64{1, 4.2, 0.02}, [3]float64{0, 1, 0.125}, polar}},
		"donut, Cartesian":  {density.Donut{}, chart{[3]float64{-4, 4, 0.02}, [3]float64{-4, 4, 0.02}, plain}},
		"donut, wide":       {density.Donut{Radius: 0.5, Width: 2}, chart{[3]float64{0, 14, 1e-4}, [3]float64{0, 1, 0.25}, polar}},
		"rings":             {density.Rings{}, chart{[3]float64{0, 5, 0.02}, [3]float64{0, 1, 0.125}, polar}},
		"ring and normal":   {density.RingAndNormal{}, chart{[3]float64{-4.2, 4.2, 0.02}, [3]float64{-4.2, 4.2, 0.02}, plain}},
		"normal":            {density.Normal{}, chart{[3]float64{-9, 9, 0.3}, [3]float64{-9, 9, 0.3}, plain}},
		"correlated normal": {mustNew(t, "correlated-normal"), chart{[3]float64{-9, 9, 0.1}, [3]float64{-9, 9, 0.1}, plain}},
		"eight modes":       {density.EightModes(), chart{[3]float64{-3, 3, 0.02}, [3]float64{-3, 3, 0.02}, plain}},
		"25 modes":          {density.TwentyFiveModes(), chart{[3]float64{-6, 6, 0.04}, [3]float64{-6, 6, 0.04}, plain}},
		"overlapping modes": {density.OverlappingModes(), chart{[3]float64{-10, 10, 0.1}, [3]float64{-10, 10, 0.1}, plain}},
		"banana":            {density.Banana{}, chart{[3]float64{-9, 9, 0.2}, [3]float64{-7, 7, 0.2}, along(0.5, 0)}},
		"banana, Cartesian": {density.Banana{}, chart{[3]float64{-8.5, 8.5, 0.1}, [3]float64{-7, 45, 0.1}, plain}},
		"banana, bent":      {density.Banana{Bend: 1, Width: 0.2}, chart{[3]float64{-9, 9, 0.2}, [3]float64{-3, 3, 0.1}, along(1, 0)}},
		"rosenbrock":        {density.Rosenbrock{}, chart{[3]float64{-28, 28, 0.5}, [3]float64{-3, 3, 0.1}, along(1, 1)}},
		"funnel": {density.Funnel{Coordinates: 2}, chart{[3]float64{-27, 36, 0.5}, [3]float64{-9, 9, 0.3}, func(u, v float64) (x, y, jacobian float64) {
			return u, v * math.Exp(u/2), math.Exp(u / 2)
		}}},
		"student t":             {density.StudentT{}, chart{[3]float64{-14, 14, 0.05}, [3]float64{-14, 14, 0.05}, stretch}},
		"checkerboard":          {density.Checkerboard{}, chart{[3]float64{-2.5 + 1.0/64, 2.5, 1.0 / 32}, [3]float64{-2.5 + 1.0/64, 2.5, 1.0 / 32}, plain}},
		"squiggle":              {density.Squiggle{}, chart{[3]float64{-13, 13, 0.05}, [3]float64{-8, 8, 0.1}, plain}},
		"squiggle, slow":        {density.Squiggle{Frequency: 0.3}, chart{[3]float64{-13, 13, 0.1}, [3]float64{-8, 8, 0.1}, plain}},
		"mixture of components": {mixture(t), chart{[3]float64{-9, 9, 0.04}, [3]float64{-9, 45, 0.04}, plain}},
	} {
		t.Run(name, func(t *testing.T) {
			count := func(a [3]float64) int { return int(math.Ceil((a[1] - a[0]) / a[2])) }
			nu, nv := count(c.u), count(c.v)
			x := lanes.New(nv, 2)
			logp, weight := make([]float64, nv), make([]float64, nv)
			var z, logZ, sum0, sum1, sum00, sum01, sum11, sumLog float64
			logZ = c.d.(density.Normalised).LogNormaliser()
			for i := range nu {
				for k := range nv {
					a, b, jacobian := c.at(c.u[0]+float64(i)*c.u[2], c.v[0]+float64(k)*c.v[2])
					x.Row(0)[k], x.Row(1)[k], weight[k] = a, b, jacobian*c.u[2]*c.v[2]
				}
				if err := c.d.LogProb(context.Background(), logp, x); err != nil {
					t.Fatal(err)
				}
				for k, v := range logp {
					if math.IsInf(v, -1) {
						continue
					}
					a, b, p := x.Row(0)[k], x.Row(1)[k], weight[k]*math.Exp(v-logZ)
					z += p
					sum0, sum1, sumLog = sum0+p*a, sum1+p*b, sumLog-p*(v-logZ)
					sum00, sum01, sum11 = sum00+p*a*a, sum01+p*a*b, sum11+p*b*b
				}
			}
			near := func(what string, got, want float64) {
				t.Helper()
				if !(math.Abs(got-want) <= tolerance(name)*math.Max(1, math.Abs(got))) {
					t.Errorf("%s is %.12g, by quadrature %.12g", what, got, want)
				}
			}
			near("log Z", logZ, logZ+math.Log(z))
			mean, covariance := c.d.(density.Moments).Mean(), c.d.(density.Moments).Covariance()
			near("mean[0]", mean[0], sum0/z)
			near("mean[1]", mean[1], sum1/z)
			near("covariance[0][0]", covariance[0][0], sum00/z-sum0*sum0)
			near("covariance[0][1]", covariance[0][1], sum01/z-sum0*sum1)
			near("covariance[1][1]", covariance[1][1], sum11/z-sum1*sum1)
			if e, ok := c.d.(density.Entropic); ok {
				near("entropy", e.Entropy(), sumLog)
			}
		})
	}
}

// tolerance of a quadrature, relative.
func tolerance(name string) float64 {
	switch name {
	case "checkerboard", "donut, wide": // midpoints of squares, and a kink at the origin
		return 1e-3
	}
	return 1e-9
}

func mixture(t *testing.T) density.Formula {
	t.Helper()
	d, err := density.Mixture([]float64{1, 3}, density.Banana{}, density.Donut{Radius: 3, Width: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
