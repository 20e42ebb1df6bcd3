package density_test

import (
	"context"
	"math"
	"testing"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
)

// Exact draws, log p, scores and the known values of every density have the same bits in every backend.
func TestBitsAreThoseOfEveryBackend(t *testing.T) {
	defer func(name string) {
		if err := backends.Use(name); err != nil {
			t.Fatal(err)
		}
	}(backends.Current().Name)
	for name, d := range library(t) {
		var want []uint64
		for _, table := range backends.Available() {
			if err := backends.Use(table.Name); err != nil {
				t.Fatal(err)
			}
			const n = 133
			x, grad, logp := exactly(t, d, n, 4), lanes.New(n, d.Dim()), make([]float64, n)
			if err := d.(density.Differentiable).LogProbGrad(context.Background(), logp, grad, x); err != nil {
				t.Fatal(err)
			}
			numbers := append(logp, d.(density.Normalised).LogNormaliser(), d.(density.Entropic).Entropy())
			for j := range d.Dim() {
				numbers = append(append(numbers, x.Row(j)[:n]...), grad.Row(j)[:n]...)
				numbers = append(numbers, d.(density.Moments).Covariance()[j]...)
			}
			var got []uint64
			for _, v := range numbers {
				if v != v {
					v = math.NaN()
				}
				got = append(got, math.Float64bits(v))
			}
			if want == nil {
				want = got
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s: number %d is %x in %s, and %x in %s", name, i, got[i], table.Name, want[i], backends.Available()[0].Name)
					break
				}
			}
		}
	}
}
