// Ours is this project's side of bench/compare: the peers' work through the library's public API. It prints one JSON
// line a repeat, as the peers' programs do.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
)

// The peers' constants of a sampling run.
const (
	step      = 1e-2
	particles = 10_000
	steps     = 1_000
)

// work is a workload, ready to run.
type work struct {
	variant, precision string
	once               func(seed uint64) error // what is measured
	check              func() (float64, error) // a figure of the last result that says that the work was done
	count              int                     // of units of work in a call, 0 for one
	seconds            *float64                // what the last call measured itself, nil for its time
}

func main() {
	workload := flag.String("workload", "donut", "donut, mlp-train, mlp-sample, unet-train, unet-forward10, unet-forward100 or unet-sample")
	name := flag.String("density", "text", "of the donut: text or builtin")
	backend := flag.String("backend", "", "generic, avx2 or avx512 (default: the machine's fastest)")
	workers := flag.Int("workers", 0, "workers (default 1 for mlp-train, 2 for mlp-sample, all cores for donut)")
	repeats := flag.Int("repeats", 5, "repeats, after one that warms up")
	conv := flag.String("conv", "direct", "of the U-Net: direct, winograd or bf16 (not for unet-train)")
	cold := flag.Bool("cold", false, "measure the first call, and no other")
	flag.Parse()
	by, err := convolution(*conv)
	if err == nil {
		err = measure(*workload, *name, *backend, by, *workers, *repeats, *cold)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

// convolution is the way of convolutions of a name.
func convolution(name string) (autodiff.Convolution, error) {
	for by := autodiff.Direct; by <= autodiff.BFloat16; by++ {
		if by.String() == name {
			return by, nil
		}
	}
	return 0, fmt.Errorf("-conv %s: direct, winograd or bf16", name)
}

func measure(workload, name, backend string, by autodiff.Convolution, workers, repeats int, cold bool) error {
	if backend != "" {
		if err := backends.Use(backend); err != nil {
			return err
		}
	}
	if workers == 0 {
		workers = map[string]int{"mlp-train": 1, "mlp-sample": 2}[workload]
	}
	if workers == 0 {
		workers = runtime.NumCPU()
	}
	start := time.Now()
	var w *work
	var err error
	switch workload {
	case "donut":
		w, err = donut(name, workers)
	case "mlp-train":
		runtime.GOMAXPROCS(workers) // the peers are bound to as many cores
		w, err = training(workers)
	case "mlp-sample":
		w, err = sampling(workers)
	case "unet-train":
		w, err = unetTraining(workers, by)
	case "unet-forward10":
		w, err = unetForward(10, workers, by)
	case "unet-forward100":
		w, err = unetForward(100, workers, by)
	case "unet-sample":
		w, err = unetSampling(workers, by)
	default:
		err = fmt.Errorf("workload %q: donut, mlp-train, mlp-sample, unet-train, unet-forward10, unet-forward100 or unet-sample", workload)
	}
	if err != nil {
		return err
	}
	prepare := time.Since(start).Seconds()
	if cold {
		repeats = 0
	}
	for repeat := range repeats + 1 {
		start := time.Now()
		if err := w.once(uint64(repeat)); err != nil {
			return err
		}
		seconds := time.Since(start).Seconds() / float64(max(1, w.count))
		if w.seconds != nil {
			seconds = *w.seconds
		}
		if repeat == 0 && !cold {
			continue // warm-up
		}
		check, err := w.check()
		if err != nil {
			return err
		}
		line := map[string]any{
			"workload": workload, "peer": "infer", "version": version(), "variant": w.variant + " " + backends.Current().Name, "dtype": w.precision,
			"threads": workers, "devices": 1, "seconds": seconds, "prepare_seconds": prepare, "check": check,
		}
		if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// radialVariance is Var[r], which says that particles were moved.
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
