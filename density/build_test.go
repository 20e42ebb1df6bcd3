package density

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
)

func ring(x autodiff.Value) autodiff.Value {
	return x.Norm().Shift(-2.6).Square().Scale(-1 / 0.033)
}

func TestBuildEvaluatesFormulaAndGradient(t *testing.T) {
	d, err := Build(2, ring)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][]float64{{3, 4}, {-1, 0.5}, {2.6, 0}, {0, 0}} {
		r := math.Hypot(p[0], p[1])
		logp, gradient := evaluate(t, d, p...)
		if want := -(r - 2.6) * (r - 2.6) / 0.033; !near(logp, want, 1e-13) {
			t.Errorf("log p at %v is %v, want %v", p, logp, want)
		}
		for j := range p {
			want := 0.0
			if r > 0 {
				want = -2 * (r - 2.6) / 0.033 * p[j] / r
			}
			if !near(gradient[j], want, 1e-13) {
				t.Errorf("d log p/d x[%d] at %v is %v, want %v", j, p, gradient[j], want)
			}
		}
	}
}

func TestBuildRefusesWhatIsNoLogDensity(t *testing.T) {
	other := autodiff.NewGraph()
	for _, c := range []struct {
		dim  int
		f    func(x autodiff.Value) autodiff.Value
		want string
	}{
		{0, ring, "dimension 0"},
		{-3, ring, "dimension -3"},
		{2, nil, "nil"},
		{2, func(x autodiff.Value) autodiff.Value { return x }, "dimension 2: the function returned an array of shape [2]"},
		{3, func(x autodiff.Value) autodiff.Value { return x.Square() }, "shape [3]"},
		{2, func(x autodiff.Value) autodiff.Value { return autodiff.Value{} }, "no value of the graph of x"},
		{2, func(x autodiff.Value) autodiff.Value { return other.Scalar(1) }, "no value of the graph of x"},
		{2, func(x autodiff.Value) autodiff.Value { return x.Index(5) }, "dimension 2: index"},
		{2, func(x autodiff.Value) autodiff.Value { return x.Dot(x.Graph().Constant([]float64{1, 2, 3}, 3)) }, "dimension 2: dot"},
		{math.MaxInt, ring, "input"},
	} {
		d, err := Build(c.dim, c.f)
		if err == nil || d != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("dimension %d: %v, %v, want an error with %q", c.dim, d, err, c.want)
		}
	}
}

func TestApplyWritesIntoAnotherGraph(t *testing.T) {
	text := must(t, "-(norm(x)-2.6)^2/w", 2, map[string]float64{"w": 0.033})
	built, err := Build(2, ring)
	if err != nil {
		t.Fatal(err)
	}
	// the sum of both at a shifted point
	sum, err := Build(2, func(x autodiff.Value) autodiff.Value {
		return text.Apply(x.Shift(-1)).Add(built.Apply(x.Shift(-1)))
	})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := evaluate(t, sum, 3, 1)
	want, _ := evaluate(t, text, 2, 0)
	if !near(got, 2*want, 1e-13) {
		t.Errorf("%v, want %v", got, 2*want)
	}
	if _, err := Build(3, built.Apply); err == nil || !strings.Contains(err.Error(), "dimension 3") {
		t.Errorf("a density on R^2 applied to a point of R^3: %v", err)
	}
}

func TestCallsAreChecked(t *testing.T) {
	built, err := Build(2, ring)
	if err != nil {
		t.Fatal(err)
	}
	plain := FuncGrad(2, nil, func(grad, x []float64) float64 { return 0 })
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, d := range []Differentiable{built, plain} {
		x, ctx := lanes.New(4, 2), context.Background()
		for _, c := range []struct {
			name string
			err  error
		}{
			{"points of R^3", d.LogProb(ctx, make([]float64, 4), lanes.New(4, 3))},
			{"3 values for 4 points", d.LogProb(ctx, make([]float64, 3), x)},
			{"3 values for 4 points, with gradient", d.LogProbGrad(ctx, make([]float64, 3), lanes.New(4, 2), x)},
			{"gradient of 3 points", d.LogProbGrad(ctx, make([]float64, 4), lanes.New(3, 2), x)},
			{"gradient on R^3", d.LogProbGrad(ctx, nil, lanes.New(4, 3), x)},
			{"gradient over x", d.LogProbGrad(ctx, nil, x, x)},
			{"gradient of points of R^3", d.LogProbGrad(ctx, nil, lanes.New(4, 3), lanes.New(4, 3))},
			{"cancelled", d.LogProb(cancelled, make([]float64, 4), x)},
			{"cancelled, with gradient", d.LogProbGrad(cancelled, nil, lanes.New(4, 2), x)},
		} {
			if c.err == nil {
				t.Errorf("%T, %s: no error", d, c.name)
			}
		}
		if err := d.LogProbGrad(ctx, nil, lanes.New(0, 2), lanes.New(0, 2)); err != nil {
			t.Errorf("%T, no points: %v", d, err)
		}
	}
}
