package train_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// The bits that two small trainings end with. Another value is a new epoch, or a mistake.
func TestTrainedScoresArePinnedInEveryBackend(t *testing.T) {
	before := backends.Current().Name
	defer backends.Use(before)
	plain := everything("")
	plain.Steps = 150
	many := plain
	many.Levels = score.LogNormal{Mean: -1, SD: 1}
	many.Network = network.Preconditioned(network.ResidualMLP(16, 1, network.SiLU, network.Fourier(4)), []float64{0, 1}, []float64{1, 2})
	for _, table := range backends.Available() {
		if err := backends.Use(table.Name); err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			what string
			want string
		}{
			{"one level", "bfda4950a0000000 3fe17704e0000000 4027e89725cd5555"},
			{"many levels", "bfde554240000000 3fe260c980000000 4055e4e68f758400"},
		} {
			config := plain
			if i == 1 {
				config = many
			}
			r := learn(t, config)
			s := at(t, r.Model.At(0.3), []float64{0.5, -1})[0]
			loss := r.Curve[len(r.Curve)-1].Loss
			got := fmt.Sprintf("%016x %016x %016x", math.Float64bits(s[0]), math.Float64bits(s[1]), math.Float64bits(loss))
			if got != c.want {
				t.Errorf("%s, %s: %s, pinned %s", table.Name, c.what, got, c.want)
			}
		}
	}
}
