package train_test

import (
	"testing"

	"github.com/scorefield/infer/score/train"
)

// BenchmarkTutorialStep is one training step of the tutorial's network: the draw of a batch, its noise, forward, backward, Adam.
func BenchmarkTutorialStep(b *testing.B) {
	r := recipe(b, "tutorial-donut")
	c := r.Train
	exact := r.Data
	exact.Transitions = 0
	c.Data, c.Seed = donutData(b, exact, 1), 1
	step := train.Stepper(b, c)
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}
