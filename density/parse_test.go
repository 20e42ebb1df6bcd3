package density

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/lanes"
)

// evaluate is log p and its gradient at one point, by each of the three programs, which have to agree.
func evaluate(t *testing.T, d Differentiable, point ...float64) (logp float64, gradient []float64) {
	t.Helper()
	x, err := lanes.FromPoints([][]float64{point})
	if err != nil {
		t.Fatal(err)
	}
	alone, both := []float64{0}, []float64{0}
	grad, gradAlone := lanes.New(1, d.Dim()), lanes.New(1, d.Dim())
	ctx := context.Background()
	for _, err := range []error{d.LogProb(ctx, alone, x), d.LogProbGrad(ctx, both, grad, x), d.LogProbGrad(ctx, nil, gradAlone, x)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if math.Float64bits(alone[0]) != math.Float64bits(both[0]) && !(math.IsNaN(alone[0]) && math.IsNaN(both[0])) {
		t.Errorf("%v at %v: log p is %v alone and %v with the gradient", d, point, alone[0], both[0])
	}
	for j := range point {
		if a, b := grad.Row(j)[0], gradAlone.Row(j)[0]; math.Float64bits(a) != math.Float64bits(b) && !(math.IsNaN(a) && math.IsNaN(b)) {
			t.Errorf("%v at %v: d log p/d x[%d] is %v with log p and %v alone", d, point, j, a, b)
		}
	}
	return both[0], grad.Point(0, nil)
}

// near is whether a and b agree to a relative difference, or are the same special value.
func near(a, b, tolerance float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= tolerance*math.Max(1, math.Abs(b))
}

func must(t testing.TB, text string, dim int, constants map[string]float64) *Text {
	t.Helper()
	d, err := Parse(text, dim, constants)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// meanings are formulas beside the same in Go.
var meanings = []struct {
	text string
	dim  int
	want func(x []float64) float64
}{
	// powers, signs and numbers
	{"-x[0]^2/0.5 - (x[1]+1)^2/2", 2, func(x []float64) float64 { return -x[0]*x[0]/0.5 - (x[1]+1)*(x[1]+1)/2 }},
	{"-abs(x[0])^2^0.5", 1, func(x []float64) float64 { return -math.Pow(math.Abs(x[0]), math.Sqrt2) }},
	{"x[0]*0 + 4^3^2", 1, func(x []float64) float64 { return 262144 }},
	{"-2^2 + 0*x[0]", 1, func(x []float64) float64 { return -4 }},
	{"x[0] - 2^-1", 1, func(x []float64) float64 { return x[0] - 0.5 }},
	{"x[0]*2^-x[0]^2", 1, func(x []float64) float64 { return x[0] * math.Pow(2, -(x[0]*x[0])) }},
	{"-x[0]^2/2e-3 - x[1]^2*5E+1", 2, func(x []float64) float64 { return -x[0]*x[0]/0.002 - x[1]*x[1]*50 }},
	{"x[0]*1e-7 + .5 + 3.", 1, func(x []float64) float64 { return x[0]*1e-7 + 3.5 }},
	{"x[0] - -x[0] - +1", 1, func(x []float64) float64 { return 2*x[0] - 1 }},
	{"---x[0]", 1, func(x []float64) float64 { return -x[0] }},
	{"8/4/x[0] - 1 - 2", 1, func(x []float64) float64 { return 2/x[0] - 3 }},
	{"2*x[0]/4*3", 1, func(x []float64) float64 { return 1.5 * x[0] }},
	{"−x[0]^2/2 − 1", 1, func(x []float64) float64 { return -x[0]*x[0]/2 - 1 }},
	{"abs(x)^0.5 + abs(x)^-1 + x^3 + pow(x, 2)", 1, func(x []float64) float64 {
		return math.Sqrt(math.Abs(x[0])) + 1/math.Abs(x[0]) + x[0]*x[0]*x[0] + x[0]*x[0]
	}},
	{"abs(x[0])^x[1]", 2, func(x []float64) float64 { return math.Pow(math.Abs(x[0]), x[1]) }},
	{"x[0]\n + x[1]\t\r\n *\u00a02", 2, func(x []float64) float64 { return x[0] + 2*x[1] }},
	// constants
	{"w*x[0] + x0*pi + e - w_2", 1, func(x []float64) float64 { return 0.25*x[0] + 7*math.Pi + math.E - 9 }},
	{"1e300*1e-300*x[0]", 1, func(x []float64) float64 { return x[0] }},
	{"x[0]*(5e-324*2^1000*2^74)", 1, func(x []float64) float64 { return x[0] }},
	// vectors
	{"-x^2/2", 1, func(x []float64) float64 { return -x[0] * x[0] / 2 }},
	{"logsumexp(-(x - [1, 2, 4])^2)", 1, func(x []float64) float64 {
		s := 0.0
		for _, c := range []float64{1, 2, 4} {
			s += math.Exp(-(x[0] - c) * (x[0] - c))
		}
		return math.Log(s)
	}},
	{"dot(x[1:], [1, 2]) - sum(x[:2]) + x[1:3][1]*prod(x[0:1]) + sum(x[:])", 3, func(x []float64) float64 {
		return x[1] + 2*x[2] - x[0] - x[1] + x[2]*x[0] + x[0] + x[1] + x[2]
	}},
	{"norm(x - [1, 2, 3]) + norm(x[0], x[1])", 3, func(x []float64) float64 {
		return math.Sqrt((x[0]-1)*(x[0]-1)+(x[1]-2)*(x[1]-2)+(x[2]-3)*(x[2]-3)) + math.Hypot(x[0], x[1])
	}},
	{"sum([x[1], 2, x[0]*x[1]]) + [5, 6][1] + mean(x) + mean(1, x[0])", 2, func(x []float64) float64 {
		return x[1] + 2 + x[0]*x[1] + 6 + (x[0]+x[1])/2 + (1+x[0])/2
	}},
	{"max(x) - min(x) + max(x[0], 0) - min(x[1], 0, 1) + prod(x[0], 2, 3)", 2, func(x []float64) float64 {
		return math.Max(x[0], x[1]) - math.Min(x[0], x[1]) + math.Max(x[0], 0) - math.Min(x[1], 0) + 6*x[0]
	}},
	{"sum(where(x > 0, x, 0))", 2, func(x []float64) float64 { return math.Max(x[0], 0) + math.Max(x[1], 0) }},
	{"sum(where(x[0] > 0, x, [1, 2]))", 2, func(x []float64) float64 {
		if x[0] > 0 {
			return x[0] + x[1]
		}
		return 3
	}},
	{"dot(x, x) + dot(x[0], 3) + dot(x[0:1], x[1])", 2, func(x []float64) float64 { return x[0]*x[0] + x[1]*x[1] + 3*x[0] + x[0]*x[1] }},
	{"logsumexp(x[0], x[1]) + logsumexp(x)", 2, func(x []float64) float64 { return 2 * math.Log(math.Exp(x[0])+math.Exp(x[1])) }},
	{"logsumexp(-x[0]^2/2, -(x[0]-3)^2/2 - 800)", 1, func(x []float64) float64 { return -x[0] * x[0] / 2 }},
	{"logsumexp(x[0], log(0))", 1, func(x []float64) float64 { return x[0] }},
	{"x[n-1] + x[2*n-4]", 2, func(x []float64) float64 { return x[1] + x[0] }}, // n = 2
	// conditions
	{"where(x[0] > 0, -x[0]*sqrt(x[0]), x[0])", 1, func(x []float64) float64 {
		if x[0] > 0 {
			return -x[0] * math.Sqrt(x[0])
		}
		return x[0]
	}},
	{"where(abs(x[0]) < 1, 0, log(0))", 1, func(x []float64) float64 {
		if math.Abs(x[0]) < 1 {
			return 0
		}
		return math.Inf(-1)
	}},
	{"where(0 < x[0] && x[0] < 1 || !(x[1] >= 0), x[0], -inf)", 2, func(x []float64) float64 {
		if 0 < x[0] && x[0] < 1 || x[1] < 0 {
			return x[0]
		}
		return math.Inf(-1)
	}},
	{"(x[0] == 0.5) + 2*(x[0] != 0.5) + 4*(x[0] <= 0.5) + 8*(x[0] >= 0.5) + 16*(x[0] < 0.5) + 32*(x[0] > 0.5)", 1, func(x []float64) float64 {
		return truth(x[0] == 0.5) + 2*truth(x[0] != 0.5) + 4*truth(x[0] <= 0.5) + 8*truth(x[0] >= 0.5) + 16*truth(x[0] < 0.5) + 32*truth(x[0] > 0.5)
	}},
	{"where(w > 1, log(0), x[0])", 1, func(x []float64) float64 { return x[0] }},
	{"where(x[0] > 0 || x[0] < 0 && x[1] > 0, 1, 2)", 2, func(x []float64) float64 {
		if x[0] > 0 || x[0] < 0 && x[1] > 0 {
			return 1
		}
		return 2
	}},
	{"sum(x > 0)", 2, func(x []float64) float64 { return truth(x[0] > 0) + truth(x[1] > 0) }},
	// functions
	{"exp(x) + log(abs(x)) + log1p(x^2) + expm1(x) + sqrt(abs(x)) + log2(abs(x)) + log10(abs(x))", 1, func(x []float64) float64 {
		a := math.Abs(x[0])
		return math.Exp(x[0]) + math.Log(a) + math.Log1p(a*a) + math.Expm1(x[0]) + math.Sqrt(a) + math.Log2(a) + math.Log10(a)
	}},
	{"sin(x) + cos(x) + tan(x) + tanh(x) + erf(x) + erfc(x)", 1, func(x []float64) float64 {
		return math.Sin(x[0]) + math.Cos(x[0]) + math.Tan(x[0]) + math.Tanh(x[0]) + 1
	}},
	{"lgamma(1 + x^2) + sigmoid(x) + softplus(x) + square(x)", 1, func(x []float64) float64 {
		l, _ := math.Lgamma(1 + x[0]*x[0])
		return l + 1/(1+math.Exp(-x[0])) + math.Log1p(math.Exp(x[0])) + x[0]*x[0]
	}},
	{"floor(x) + sign(x) + 0*x", 1, func(x []float64) float64 { return math.Floor(x[0]) + truth(x[0] > 0) - truth(x[0] < 0) }},
	{"erf(x)", 1, func(x []float64) float64 { return math.Erf(x[0]) }},
	{"erfc(x)", 1, func(x []float64) float64 { return math.Erfc(x[0]) }},
	{"digamma(1 + x^2)*0 + x/1e-310*1e-310 - x/3", 1, func(x []float64) float64 { return math.Inf(1)*x[0] - x[0]/3 }},
	{"1e-10*x/1e-310 + x[0]*5e-324", 1, func(x []float64) float64 { return 1e-10 * x[0] / 1e-310 }},
	{"digamma(3) + x", 1, func(x []float64) float64 { return 1.5 - 0.57721566490153286 + x[0] }},
	{"-x[0]^2/2 - 1e8", 1, func(x []float64) float64 { return -x[0]*x[0]/2 - 1e8 }},
	{"-log(1 + x[0]^2)", 1, func(x []float64) float64 { return -math.Log1p(x[0] * x[0]) }},
	{"-0.5*log(x[0]) - 0.5*log(1-x[0])", 1, func(x []float64) float64 { return -0.5*math.Log(x[0]) - 0.5*math.Log(1-x[0]) }},
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func TestParseMeansWhatMathematicsMeans(t *testing.T) {
	constants := map[string]float64{"w": 0.25, "x0": 7, "w_2": 9, "n": 2}
	random := rand.New(rand.NewPCG(1, 2))
	for _, m := range meanings {
		d := must(t, m.text, m.dim, constants)
		if d.String() != m.text || d.Dim() != m.dim {
			t.Errorf("%q came back as %q of dimension %d", m.text, d, d.Dim())
		}
		points := [][]float64{make([]float64, m.dim)}
		for j := range points[0] {
			points[0][j] = 0.5
		}
		for range 6 {
			p := make([]float64, m.dim)
			for j := range p {
				p[j] = random.NormFloat64()
			}
			points = append(points, p)
		}
		for _, p := range points {
			got, _ := evaluate(t, d, p...)
			if want := m.want(p); !near(got, want, 2e-14) {
				t.Errorf("%s at %v is %v, want %v", m.text, p, got, want)
			}
			compareGradient(t, d, p)
		}
	}
}

// compareGradient compares the gradient at a point with central differences, which say nothing where log p jumps or
// has a kink between their points.
func compareGradient(t *testing.T, d *Text, p []float64) {
	t.Helper()
	centre, gradient := evaluate(t, d, p...)
	if math.IsNaN(centre) || math.IsInf(centre, 0) || strings.Contains(d.text, "==") {
		return
	}
	const h = 1e-4
	for j := range p {
		difference := func(h float64) float64 {
			up, down := append([]float64{}, p...), append([]float64{}, p...)
			up[j] += h
			down[j] -= h
			above, _ := evaluate(t, d, up...)
			below, _ := evaluate(t, d, down...)
			return (above - below) / (up[j] - down[j])
		}
		wide, narrow := difference(2*h), difference(h)
		want := (4*narrow - wide) / 3
		if math.IsInf(want, 0) || math.IsNaN(want) || math.Abs(wide-narrow) > 1e-2*(1+math.Abs(want)) {
			continue
		}
		tolerance := 1e-6 + 1e-11*math.Abs(centre)/h
		if !near(gradient[j], want, tolerance) {
			t.Errorf("%s at %v: d log p/d x[%d] is %v, differences give %v", d, p, j, gradient[j], want)
		}
	}
}

func TestGradientAtTheOriginOfNorms(t *testing.T) {
	for _, text := range []string{
		"-norm(x)^2/2", "-3*sqrt(dot(x, x))", "-3*norm(x)", "-(norm(x)-2.6)^2/0.033", "-(sqrt(x[0]^2 + x[1]^2)-2.6)^2/0.033",
		"-(dot(x, x)^0.5-2.6)^2/0.033", "-dot(x, x)",
	} {
		logp, gradient := evaluate(t, must(t, text, 2, nil), 0, 0)
		if math.IsNaN(logp) || gradient[0] != 0 || gradient[1] != 0 {
			t.Errorf("%s at the origin: log p %v, gradient %v, want 0, 0", text, logp, gradient)
		}
	}
}

func TestBranchNotTakenLeavesTheGradientAlone(t *testing.T) {
	d := must(t, "where(x[0] > 0, -x[0]*sqrt(x[0]), x[0])", 1, nil)
	for _, p := range []float64{-2, -1e-9, 0} {
		if logp, gradient := evaluate(t, d, p); logp != p || gradient[0] != 1 {
			t.Errorf("at %v: log p %v, gradient %v", p, logp, gradient)
		}
	}
	d = must(t, "where(x[0] > 0, -log(x[0]) - 2*log(x[0])^2, log(0))", 1, nil)
	if logp, gradient := evaluate(t, d, -1); !math.IsInf(logp, -1) || gradient[0] != 0 {
		t.Errorf("out of the support: log p %v, gradient %v, want -Inf, 0", logp, gradient)
	}
}

// A case is a formula with what quadrature says of it.
type densityCase struct {
	ID            string
	LogP          string
	Dim           int
	Mean          []float64
	Cov           [][]float64
	LogNormaliser float64 `json:"log_normaliser"`
}

func densityCases(t *testing.T) []densityCase {
	t.Helper()
	data, err := os.ReadFile("testdata/densities.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Densities []densityCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Densities) != 16 {
		t.Fatalf("%d densities, want 16", len(file.Densities))
	}
	return file.Densities
}

// grid is the points and weights of the midpoint rule in u, x = f(u), between from and to.
func grid(from, to, h float64, f func(u float64) (x, dx float64)) (points, weights []float64) {
	for i := range int((to - from) / h) {
		x, dx := f(from + (float64(i)+0.5)*h)
		points, weights = append(points, x), append(weights, dx*h)
	}
	return points, weights
}

func TestNormalisersAndMomentsByQuadrature(t *testing.T) {
	for _, c := range densityCases(t) {
		d := must(t, c.LogP, c.Dim, nil)
		tolerance := 1e-9
		var axis, weight []float64
		if c.Dim == 1 {
			// exp-sinh on both half lines: exact for edges and jumps at 0, and for tails like 1/x^2
			expSinh := func(sign float64) func(u float64) (float64, float64) {
				return func(u float64) (float64, float64) {
					x := math.Exp(math.Pi / 2 * math.Sinh(u))
					return sign * x, x * math.Pi / 2 * math.Cosh(u)
				}
			}
			a, wa := grid(-4.2, 4.2, 1.0/256, expSinh(1))
			b, wb := grid(-4.2, 4.2, 1.0/256, expSinh(-1))
			axis, weight = append(a, b...), append(wa, wb...)
		} else {
			extent, h := 4.5, 1.0/200
			switch c.ID {
			case "mild-funnel":
				extent, h = 7, 1.0/150
			case "dirichlet": // it has an edge that no axis follows
				extent, h, tolerance = 0.9, 1.0/2000, 1e-6
			case "cone": // it has a kink at the origin
				tolerance = 1e-6
			}
			axis, weight = grid(-extent, extent, h, func(u float64) (float64, float64) { return math.Sinh(u), math.Cosh(u) })
		}
		z, mean, second := integrate(t, d, axis, weight, c.LogNormaliser)
		if got := math.Log(z) + c.LogNormaliser; math.Abs(math.Log(z)) > tolerance+1e-12*math.Abs(c.LogNormaliser) {
			t.Errorf("%s: log normaliser %.12g, want %.12g", c.ID, got, c.LogNormaliser)
		}
		if c.Mean == nil {
			continue
		}
		for j := range c.Dim {
			if got := mean[j] / z; !near(got, c.Mean[j], 10*tolerance) {
				t.Errorf("%s: mean of x[%d] %.12g, want %.12g", c.ID, j, got, c.Mean[j])
			}
			for k := range c.Dim {
				if got := second[j][k]/z - mean[j]*mean[k]/(z*z); !near(got, c.Cov[j][k], 100*tolerance) {
					t.Errorf("%s: covariance of x[%d] and x[%d] %.12g, want %.12g", c.ID, j, k, got, c.Cov[j][k])
				}
			}
		}
	}
}

// integrate sums p, p x and p x x^T over the grid, with p scaled by exp(-shift). log p NaN, as at a 0/0, counts as 0.
func integrate(t *testing.T, d *Text, axis, weight []float64, shift float64) (z float64, mean []float64, second [][]float64) {
	t.Helper()
	dim := d.Dim()
	mean, second = make([]float64, dim), make([][]float64, dim)
	for j := range second {
		second[j] = make([]float64, dim)
	}
	rows := 1
	if dim == 2 {
		rows = len(axis)
	}
	x, logp := lanes.New(len(axis), dim), make([]float64, len(axis))
	p := make([]float64, dim)
	for row := range rows {
		for i, a := range axis {
			x.Row(dim - 1)[i] = a
			if dim == 2 {
				x.Row(0)[i] = axis[row]
			}
		}
		if err := d.LogProb(context.Background(), logp, x); err != nil {
			t.Fatal(err)
		}
		for i, l := range logp {
			w := weight[i] * math.Exp(l-shift)
			if dim == 2 {
				w *= weight[row]
			}
			if !(w > 0) {
				continue
			}
			x.Point(i, p)
			z += w
			for j := range p {
				mean[j] += w * p[j]
				for k := range p {
					second[j][k] += w * p[j] * p[k]
				}
			}
		}
	}
	return z, mean, second
}

func TestGradientsOfTheCases(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range densityCases(t) {
		d := must(t, c.LogP, c.Dim, nil)
		for range 20 {
			p := make([]float64, c.Dim)
			for j := range p {
				p[j] = random.NormFloat64()
			}
			compareGradient(t, d, p)
		}
	}
	// out of the edge of what float64 can hold
	if logp, gradient := evaluate(t, must(t, "-x[0] - 2*log(1 + exp(-x[0]))", 1, nil), -800); logp != -800 || gradient[0] != 1 {
		t.Errorf("logistic at -800: log p %v, gradient %v, want -800, 1", logp, gradient)
	}
	if logp, _ := evaluate(t, must(t, "-(norm(x) - 2)^2/0.18 + 1.5*x[0]/norm(x)", 2, nil), 0, 0); !math.IsNaN(logp) && math.Abs(logp) > 30 {
		t.Errorf("ring with bump at the origin: log p %v", logp)
	}
}

func TestTextIsSafeForConcurrentCallsAndAllocatesNothing(t *testing.T) {
	d := must(t, "-(norm(x)-2.6)^2/w", 2, map[string]float64{"w": 0.033})
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			n := 100 + worker
			x, grad, logp := lanes.New(n, 2), lanes.New(n, 2), make([]float64, n)
			for i := range n {
				x.SetPoint(i, []float64{float64(i) / 10, float64(worker)})
			}
			for range 20 {
				if err := d.LogProbGrad(context.Background(), logp, grad, x); err != nil {
					t.Error(err)
				}
			}
			for i := range n {
				r := math.Hypot(float64(i)/10, float64(worker))
				if want := -(r - 2.6) * (r - 2.6) / 0.033; !near(logp[i], want, 1e-13) {
					t.Errorf("worker %d, point %d: %v, want %v", worker, i, logp[i], want)
				}
			}
		})
	}
	group.Wait()
	x, grad, logp := lanes.New(300, 2), lanes.New(300, 2), make([]float64, 300)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		_ = d.LogProb(ctx, logp, x)
		_ = d.LogProbGrad(ctx, logp, grad, x)
		_ = d.LogProbGrad(ctx, nil, grad, x)
	}); n != 0 && !raceEnabled {
		t.Errorf("%v allocations a round of three calls, want 0", n)
	}
	if d.Lanes() < 1 {
		t.Errorf("lanes: %d", d.Lanes())
	}
}

func TestLongFormulas(t *testing.T) {
	terms := make([]string, 2000)
	for i := range terms {
		terms[i] = fmt.Sprintf("softplus(%g*x[0] - %g*x[1])", 0.001*float64(i), 1-0.0007*float64(i))
	}
	d := must(t, "-dot(x, x)/2 - "+strings.Join(terms, " - "), 2, nil)
	if logp, gradient := evaluate(t, d, 0, 0); !near(logp, -2000*math.Ln2, 1e-12) || math.IsNaN(gradient[0]) {
		t.Errorf("log p %v, gradient %v at the origin", logp, gradient)
	}
	deep := strings.Repeat("(", 900) + "x[0]" + strings.Repeat(")", 900)
	if logp, _ := evaluate(t, must(t, deep, 1, nil), 3); logp != 3 {
		t.Errorf("900 parentheses around x[0] = 3: %v", logp)
	}
}
