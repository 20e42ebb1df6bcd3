package density

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/lanes"
)

func normal(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s -= v * v / 2
	}
	return s
}

func normalGrad(grad, x []float64) float64 {
	for j, v := range x {
		grad[j] = -v
	}
	return normal(x)
}

func TestFuncIsCalledOnEveryPoint(t *testing.T) {
	const n = 37
	x := lanes.New(n, 3)
	for i := range n {
		x.SetPoint(i, []float64{float64(i), 1, -2})
	}
	// a function may overwrite its copy of the point
	spoil := func(x []float64) float64 {
		v := normal(x)
		clear(x)
		return v
	}
	densities := map[string]Density{
		"Func":                spoilable(t, Func(3, spoil)),
		"FuncGrad":            FuncGrad(3, spoil, normalGrad),
		"FuncGrad without f":  FuncGrad(3, nil, normalGrad),
		"a method as it is":   Func(3, model{1}.LogProb),
		"Func, after a panic": afterPanic(t),
	}
	for name, d := range densities {
		logp := make([]float64, n)
		if err := d.LogProb(context.Background(), logp, x); err != nil || d.Dim() != 3 {
			t.Fatalf("%s: %v, dimension %d", name, err, d.Dim())
		}
		for i := range n {
			if want := -float64(i*i+5) / 2; logp[i] != want || x.Row(0)[i] != float64(i) {
				t.Errorf("%s, point %d: %v, want %v; x[0] is %v", name, i, logp[i], want, x.Row(0)[i])
			}
		}
		g, ok := d.(Differentiable)
		if !ok {
			continue
		}
		grad := lanes.New(n, 3)
		clear(logp)
		for _, l := range [][]float64{nil, logp} {
			if err := g.LogProbGrad(context.Background(), l, grad, x); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if p := grad.Point(i, nil); p[0] != -float64(i) || p[1] != -1 || p[2] != 2 {
					t.Errorf("%s, gradient at point %d: %v", name, i, p)
				}
			}
		}
		if logp[3] != -7 {
			t.Errorf("%s: log p %v with the gradient, want -7", name, logp[3])
		}
	}
}

// spoilable is d, which has no gradient.
func spoilable(t *testing.T, d Density) Density {
	t.Helper()
	if _, ok := d.(Differentiable); ok {
		t.Error("Func claims to have a gradient")
	}
	return d
}

type model struct{ scale float64 }

func (m model) LogProb(x []float64) float64 { return m.scale * normal(x) }

func afterPanic(t *testing.T) Density {
	t.Helper()
	calls := 0
	d := Func(3, func(x []float64) float64 {
		if calls++; calls == 2 {
			panic("once")
		}
		return normal(x)
	})
	if err := d.LogProb(context.Background(), make([]float64, 3), lanes.New(3, 3)); err == nil {
		t.Error("a panic was no error")
	}
	return d
}

func TestPanicsOfAFunctionAreErrorsThatHoldThePoint(t *testing.T) {
	x, err := lanes.FromPoints([][]float64{{1, 2}, {3, 4.5}, {5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	bad := func(x []float64) float64 {
		if x[0] == 3 {
			var m map[string]int
			//lint:ignore SA5000 the panic is what is tested
			m["boom"] = 1
		}
		return x[0]
	}
	logp := make([]float64, 3)
	err = Func(2, bad).LogProb(context.Background(), logp, x)
	if err == nil || !strings.Contains(err.Error(), "(3, 4.5)") || !strings.Contains(err.Error(), "nil map") {
		t.Errorf("error %v", err)
	}
	grad := func(grad, x []float64) float64 { return bad(x[:len(x)+int(x[0])-1-2*int(x[0]/3)]) } // out of range somewhere
	if err := FuncGrad(2, bad, grad).LogProbGrad(context.Background(), nil, lanes.New(3, 2), x); err == nil || !strings.Contains(err.Error(), "panic at x = (") {
		t.Errorf("error %v", err)
	}
	wide := lanes.New(1, 100)
	err = Func(100, func([]float64) float64 { panic("no") }).LogProb(context.Background(), logp[:1], wide)
	if err == nil || !strings.Contains(err.Error(), "... (100 coordinates)") || len(err.Error()) > 200 {
		t.Errorf("error %v", err)
	}
}

func TestMissingFunctionsAndDimensionsAreErrors(t *testing.T) {
	ctx, x, logp := context.Background(), lanes.New(2, 2), make([]float64, 2)
	for name, err := range map[string]error{
		"nil":                Func(2, nil).LogProb(ctx, logp, x),
		"dimension 0":        Func(0, normal).LogProb(ctx, logp, lanes.New(2, 0)),
		"dimension -1":       Func(-1, normal).LogProb(ctx, logp, x),
		"gradient nil":       FuncGrad(2, normal, nil).LogProbGrad(ctx, logp, lanes.New(2, 2), x),
		"gradient on R^-1":   FuncGrad(-1, normal, normalGrad).LogProbGrad(ctx, nil, lanes.New(2, 2), x),
		"both functions nil": FuncGrad(2, nil, nil).LogProb(ctx, logp, x),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFuncStopsWithTheContextAndAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	d := Func(1, func([]float64) float64 {
		if calls++; calls == 10 {
			cancel()
		}
		return 0
	})
	if err := d.LogProb(ctx, make([]float64, 1000), lanes.New(1000, 1)); err != context.Canceled || calls != 10 {
		t.Errorf("%v after %d calls", err, calls)
	}
	g := FuncGrad(2, normal, normalGrad)
	x, grad, logp := lanes.New(50, 2), lanes.New(50, 2), make([]float64, 50)
	if n := testing.AllocsPerRun(100, func() {
		_ = g.LogProb(context.Background(), logp, x)
		_ = g.LogProbGrad(context.Background(), logp, grad, x)
	}); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

func TestFuncIsSafeForConcurrentCalls(t *testing.T) {
	d := FuncGrad(2, normal, normalGrad)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			x, grad, logp := lanes.New(64, 2), lanes.New(64, 2), make([]float64, 64)
			for i := range 64 {
				x.SetPoint(i, []float64{float64(i), float64(worker)})
			}
			for range 50 {
				if err := d.LogProbGrad(context.Background(), logp, grad, x); err != nil {
					t.Error(err)
				}
				for i := range 64 {
					if want := -float64(i*i+worker*worker) / 2; logp[i] != want || math.Abs(grad.Row(1)[i]) != float64(worker) {
						t.Errorf("point %d of worker %d: %v, want %v", i, worker, logp[i], want)
					}
				}
			}
		})
	}
	group.Wait()
}
