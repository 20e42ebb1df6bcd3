package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/dataset"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

// picture is what the flags of `infer plot` say.
type picture struct {
	field, schedule, levels bool
	model, density, points  string
	data                    string
	sigma                   float64
	seed                    uint64
	output                  string
}

func plotCommand(s *streams) *cobra.Command {
	var p picture
	c := &cobra.Command{
		Use:   "plot",
		Short: "Draw a learned score, noise levels, or images under noise",
		Long: "plot --field draws the vector field of a learned score in the plane, and beside it, where --density names the law it was\n" +
			"learned from, the true one with the error. plot --schedule draws the noise levels and step sizes that fit a file of draws\n" +
			"(NCSNv2's design), for annealed Langevin. plot --levels draws images of --data as a noise-conditional network sees them: under noise\n" +
			"of the tutorial's ten levels, a row each.",
		Example: `  infer plot --field --model donut.safetensors --density donut -o field.png
  infer plot --field --model donut.safetensors --sigma 0.5 -o blurred.svg
  infer plot --schedule --points draws.npz -o schedule.png
  infer plot --levels --data mnist -o levels.png`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.draw(c.Context(), s, c.Flags().Changed)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&p.field, "field", false, "the vector field of a score")
	f.BoolVar(&p.schedule, "schedule", false, "the noise levels for draws")
	f.BoolVar(&p.levels, "levels", false, "images under noise of falling levels")
	f.StringVar(&p.model, "model", "", "a learned score: the file that infer train wrote")
	f.StringVar(&p.density, "density", "", "the built-in density that is the truth; alone, its own score is drawn")
	f.Float64Var(&p.sigma, "sigma", 0, "noise level of a noise-conditional model (default: its least)")
	f.StringVar(&p.points, "points", "", "a file of points: they choose the axes, and are where the error is measured; with --schedule, the draws")
	f.StringVar(&p.data, "data", "", "with --levels, the images: a folder, or a file")
	f.Uint64Var(&p.seed, "seed", 0, "with --levels, the seed of the noise")
	f.StringVarP(&p.output, "output", "o", "", "write the figure: .png, .svg or .pdf")
	return c
}

func (p *picture) draw(ctx context.Context, s *streams, changed func(flag string) bool) error {
	asked := 0
	for _, one := range []bool{p.field, p.schedule, p.levels} {
		if one {
			asked++
		}
	}
	switch {
	case asked != 1:
		return usage("plot what? Give one of --field, --schedule and --levels")
	case p.output == "":
		return usage("plot to where? Give -o FIGURE.png")
	case p.schedule && p.points == "":
		return usage("the noise levels of what? Give --points FILE")
	case p.levels && p.data == "":
		return usage("which images under noise? Give --data FOLDER, %s", whereImages["mnist"])
	case p.field && p.model == "" && p.density == "":
		return usage("the field of what? Give --model FILE, --density NAME, or both")
	}
	if err := p.checkFlags(changed); err != nil {
		return err
	}
	format, err := figure.FormatOf(p.output)
	if err != nil {
		return usage("-o %s: %w", p.output, err)
	}
	if err := writable(p.output); err != nil {
		return data(err)
	}
	switch {
	case p.schedule:
		return p.drawSchedule(s, format)
	case p.levels:
		return p.drawLevels(s, format)
	}
	spec := figure.FieldSpec{}
	var truth density.Density
	if p.density != "" {
		if truth, err = target(settings{Density: p.density}); err != nil {
			return err
		}
		gradient, ok := truth.(density.Differentiable)
		if !ok {
			return usage("--density %s: its score is not known", p.density)
		}
		spec.Title, spec.Learned = "score of "+p.density, score.Of(gradient)
	}
	if p.model != "" {
		set := settings{Model: p.model}
		g, err := aim(&set)
		if err != nil {
			return err
		}
		sigma := p.sigma
		if sigma == 0 {
			sigma = g.model.Info().Sigma
			if g.model.IsConditional() {
				sigma = g.model.Info().Low
			}
		}
		spec.True, spec.Learned = spec.Learned, g.model.At(sigma)
		spec.Title = fmt.Sprintf("%s at noise level %s", filepath.Base(p.model), short(sigma))
		spec.Names = g.model.Info().Columns
	}
	if spec.Points, err = p.where(ctx, truth); err != nil {
		return err
	}
	if dim := spec.Learned.Dim(); dim != 2 {
		return usage("--field: a score of %d coordinates: the figure is of the plane", dim)
	}
	if err := store.WriteFile(p.output, func(w io.Writer) error { return figure.Field(ctx, w, format, spec) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "wrote %s\n", p.output)
	return err
}

// checkFlags refuses what the figure that is asked for would not heed.
func (p *picture) checkFlags(changed func(flag string) bool) error {
	for _, f := range []struct {
		name    string
		heeded  bool
		figures string
	}{
		{"model", p.field, "--field"}, {"density", p.field, "--field"}, {"sigma", p.field && p.model != "", "--field with --model"},
		{"points", p.field || p.schedule, "--field and --schedule"}, {"data", p.levels, "--levels"}, {"seed", p.levels, "--levels"},
	} {
		if changed(f.name) && !f.heeded {
			return usage("--%s belongs to %s: leave it out", f.name, f.figures)
		}
	}
	return nil
}

// tutorialRatio is that of the tutorial's ten noise levels, each to the one before it; the first is 1.
const tutorialLevels, tutorialRatio = 10, 0.63096

// drawLevels draws the first images under noise, a row for each level.
func (p *picture) drawLevels(s *streams, format string) error {
	d, err := dataset.Read(p.data)
	if err != nil {
		return data(err)
	}
	for _, note := range d.Notes {
		fmt.Fprintf(s.err, "infer: %s\n", note)
	}
	count := min(12, d.Count, max(1, 1300/d.Width))
	noise := lanes.New(count, d.Height*d.Width)
	spec := figure.LevelsSpec{Title: filepath.Base(d.Source) + " under noise", Height: d.Height, Width: d.Width}
	for k := range tutorialLevels {
		sigma := math.Pow(tutorialRatio, float64(k))
		random.New(p.seed, random.Noise).Normal(noise, 0, uint64(k))
		row := make([][]float64, count)
		for i := range row {
			row[i] = d.Image(i)
			for j := range row[i] {
				row[i][j] += sigma * noise.Row(j)[i]
			}
		}
		spec.Levels, spec.Rows = append(spec.Levels, sigma), append(spec.Rows, row)
	}
	if err := store.WriteFile(p.output, func(w io.Writer) error { return figure.Levels(w, format, spec) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s under noise of %d levels from %s to %s\nwrote %s\n", spelling.Counted(count, "image"), tutorialLevels, short(spec.Levels[0]), short(spec.Levels[tutorialLevels-1]), p.output)
	return err
}

// drawSchedule draws the noise levels that fit a file of draws, and their step sizes.
func (p *picture) drawSchedule(s *streams, format string) error {
	t, err := draws.Read(p.points, draws.Options{})
	if err != nil {
		return data(err)
	}
	design, err := score.DesignNoise(t.Points, score.NoiseOptions{})
	if err != nil {
		return data(err)
	}
	last := design.Levels[len(design.Levels)-1]
	index, steps := make([]float64, len(design.Levels)), make([]float64, len(design.Levels))
	for i, sigma := range design.Levels {
		index[i], steps[i] = float64(i), design.Step*(sigma/last)*(sigma/last)
	}
	spec := figure.CurveSpec{
		Title: fmt.Sprintf("%d noise levels for %s", len(index), filepath.Base(p.points)), X: "level", Y: "noise level, step size", LogY: true,
		Series: []figure.Series{{Name: "noise level", X: index, Y: design.Levels}, {Name: "step size", X: index, Y: steps}},
	}
	if err := store.WriteFile(p.output, func(w io.Writer) error { return figure.Curve(w, format, spec) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%d levels from %s to %s, step size %s at the last\nwrote %s\n",
		len(index), short(design.Levels[0]), short(last), short(design.Step), p.output)
	return err
}

// where is the points that choose the axes: those of a file, else draws of the truth.
func (p *picture) where(ctx context.Context, truth density.Density) (*lanes.Block, error) {
	if p.points != "" {
		t, err := draws.Read(p.points, draws.Options{})
		if err != nil {
			return nil, data(err)
		}
		return t.Points, nil
	}
	exact, ok := truth.(density.Exact)
	if !ok {
		return nil, nil
	}
	const enough = 2000
	x := lanes.New(enough, truth.Dim())
	if err := exact.Sample(ctx, x, random.New(0, random.Data), 0); err != nil {
		return nil, errors.Join(errors.New("the draws that choose the axes"), err)
	}
	return x, nil
}
