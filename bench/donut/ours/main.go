// Ours is this project's side of bench/donut: the peers' work through the library's public API. It prints one JSON
// line a repeat, as the peers' programs do.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

const (
	text      = "-(norm(x)-2.6)^2/0.033"
	step      = 1e-2
	particles = 10_000
	steps     = 1_000
)

func main() {
	name := flag.String("density", "text", "text or builtin")
	backend := flag.String("backend", "", "generic, avx2 or avx512 (default: the machine's fastest)")
	workers := flag.Int("workers", runtime.NumCPU(), "workers")
	repeats := flag.Int("repeats", 5, "repeats, after one that warms up")
	flag.Parse()
	if err := measure(*name, *backend, *workers, *repeats); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func measure(name, backend string, workers, repeats int) error {
	if backend != "" {
		if err := backends.Use(backend); err != nil {
			return err
		}
	}
	start := time.Now()
	var target density.Differentiable = density.Donut{}
	switch name {
	case "text":
		parsed, err := density.Parse(text, 2, nil)
		if err != nil {
			return err
		}
		target = parsed
	case "builtin":
	default:
		return fmt.Errorf("density %q: text or builtin", name)
	}
	compile := time.Since(start).Seconds()
	for repeat := range repeats + 1 {
		start := time.Now()
		x, err := sample(target, workers, uint64(repeat))
		if err != nil {
			return err
		}
		seconds := time.Since(start).Seconds()
		if repeat == 0 {
			continue // warm-up
		}
		line := map[string]any{
			"workload": "donut", "peer": "infer", "version": version(), "variant": name + " " + backends.Current().Name, "dtype": "float64",
			"threads": workers, "devices": 1, "seconds": seconds, "compile_seconds": compile, "check": radialVariance(x),
		}
		if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// sample is the whole sampling call: a new run, its start, all steps, the last positions.
func sample(target density.Differentiable, workers int, seed uint64) (*lanes.Block, error) {
	run := mcmc.Run{
		Start:     mcmc.Normal{Scale: []float64{1, 1}},
		Kernel:    mcmc.Langevin{Score: score.Of(target), Step: step},
		Particles: particles,
		Seed:      seed,
		Workers:   workers,
	}
	if err := run.To(context.Background(), steps); err != nil {
		return nil, err
	}
	return run.Positions(), nil
}

// radialVariance is Var[r], which says that the work was done.
func radialVariance(x *lanes.Block) float64 {
	var sum, squares float64
	for i := range x.Len() {
		r := math.Hypot(x.Row(0)[i], x.Row(1)[i])
		sum += r
		squares += r * r
	}
	n := float64(x.Len())
	return squares/n - sum/n*(sum/n)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
