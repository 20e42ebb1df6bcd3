package mcmc_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

var update = flag.Bool("update", false, "write the hashes of testdata/pins.txt anew: a new epoch")

const pins = "testdata/pins.txt"

// pinned are small runs on the donut, whose draws are held to the bits of this epoch.
func pinned(t *testing.T) []string {
	text, err := density.Parse("-(norm(x)-2.6)^2/0.033", 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	levels, err := score.PowerLevels(20, 0.01, 100, score.EDMRho)
	if err != nil {
		t.Fatal(err)
	}
	start := mcmc.Normal{Coordinates: 2}
	var lines []string
	for _, c := range []struct {
		name string
		run  *mcmc.Run
	}{
		{"langevin-donut", &mcmc.Run{Start: start, Kernel: mcmc.Langevin{Score: score.Of(density.Donut{}), Step: 1e-2}}},
		{"langevin-text", &mcmc.Run{Start: start, Kernel: mcmc.Langevin{Score: score.Of(text), Step: 1e-2}}},
		{"mala-donut-tuned", &mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: density.Donut{}}, Tune: true}},
		{"mala-banana", &mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: density.Banana{}, Step: 0.1}}},
		{"annealed-normal", &mcmc.Run{Start: start, Kernel: &mcmc.Annealed{Score: blurred{2, 1, 0.5, nil}, Levels: []float64{4, 1}, Steps: 50, Step: 0.01}}},
		{"heun-normal", &mcmc.Run{Start: start, Kernel: &mcmc.Heun{Score: blurred{2, 1, 0.5, nil}, Levels: levels}}},
	} {
		c.run.Particles, c.run.Seed = 301, 11
		lines = append(lines, c.name+" "+sum(to(t, c.run, 100)))
	}
	return lines
}

// TestPinnedDraws holds the draws of every backend to those of this epoch, on every architecture. Where it fails on
// purpose, the epoch of reproducibility goes up by one in the same commit, and -update writes the new hashes.
func TestPinnedDraws(t *testing.T) {
	if *update {
		if err := os.WriteFile(pins, []byte(strings.Join(pinned(t), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(pins)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(string(text))
	before := backends.Current().Name
	defer func() {
		if err := backends.Use(before); err != nil {
			t.Fatal(err)
		}
	}()
	for _, table := range backends.Available() {
		t.Run(table.Name, func(t *testing.T) {
			if err := backends.Use(table.Name); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(pinned(t), "\n"); got != want {
				t.Error(fmt.Sprintf("got\n%s\npinned\n%s\n", got, want), "results changed; if that is meant, bump the epoch and run: go test ./mcmc -run TestPinnedDraws -update")
			}
		})
	}
}
