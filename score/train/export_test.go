package train

import (
	"context"
	"testing"
	"time"

	"github.com/scorefield/infer/internal/store"
)

// ShareAlways gives the groups of every step to workers, however fast it is.
func ShareAlways(c Config) Config {
	c.shareAlways = true
	return c
}

// On is a config that writes its checkpoints on a file system.
func On(c Config, files store.FS) Config {
	c.files = files
	return c
}

// RateAt is the learning rate of a step.
func RateAt(r Rate, step, steps int) float64 { return r.at(step, steps) }

// Stepper makes one step of a training at each call.
func Stepper(t testing.TB, c Config) func() {
	trainer, err := newTrainer(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := trainer.begin(); err != nil {
		t.Fatal(err)
	}
	trainer.shown, trainer.saved = time.Now(), time.Now()
	return func() {
		if err := trainer.step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
