package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/train"
)

// trainingData is where the draws of a training come from: a file, or a density of the library.
type trainingData struct {
	file    string
	made    train.Data
	seed    uint64
	workers int
}

// isDensity says whether a value of --data is a name rather than a file.
func isDensity(value string) bool {
	return filepath.Ext(value) == "" && !strings.ContainsRune(value, filepath.Separator) && !strings.ContainsRune(value, '/')
}

func (t trainingData) read(ctx context.Context) (draws.Table, error) {
	if t.file != "" {
		table, err := draws.Read(t.file, draws.Options{})
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("--data %s: there is no such file", t.file)
		}
		if err != nil {
			return table, data(err)
		}
		return table, nil
	}
	d, err := target(settings{Density: t.made.Density})
	if err != nil {
		if _, missing := os.Stat(t.made.Density); missing == nil {
			return draws.Table{}, fmt.Errorf("%w (if the file is meant: --data ./%s)", err, t.made.Density)
		}
		return draws.Table{}, fmt.Errorf("%w (no file or folder has that name either)", err)
	}
	x, err := t.draw(ctx, d)
	return draws.Table{Points: x}, err
}

// draw makes the points of a density: exact ones, or by unadjusted Langevin where a recipe wants that.
func (t trainingData) draw(ctx context.Context, d density.Density) (*lanes.Block, error) {
	if t.made.Transitions == 0 {
		exact, ok := d.(density.Exact)
		if !ok {
			return nil, usage("--data %s: it has no exact draws: make some by infer sample, and give the file", t.made.Density)
		}
		x := lanes.New(t.made.Points, d.Dim())
		return x, exact.Sample(ctx, x, random.New(t.seed, random.Data), 0)
	}
	gradient, ok := d.(density.Differentiable)
	if !ok {
		return nil, usage("--data %s: Langevin needs its gradient, which it does not know", t.made.Density)
	}
	run := mcmc.Run{
		Start: mcmc.Normal{Coordinates: d.Dim()}, Kernel: mcmc.Langevin{Score: score.Of(gradient), Step: t.made.Step},
		Particles: t.made.Points, Seed: t.seed, Workers: t.workers,
	}
	if err := run.To(ctx, uint64(t.made.Transitions)); err != nil {
		return nil, err
	}
	return run.Positions(), nil
}
