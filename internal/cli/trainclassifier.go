package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/scorefield/infer/internal/dataset"
	"github.com/scorefield/infer/quality"
)

// recipeClassifier is the recipe of a ruler for infer eval. It is no score.
const recipeClassifier = "classifier"

// trainClassifier trains a ruler on the training images of a folder, and judges it by the test images.
func (t *training) trainClassifier(c *cobra.Command, s *streams) error {
	foreign := ""
	c.Flags().Visit(func(f *pflag.Flag) {
		if foreign == "" && !slices.Contains([]string{"recipe", "data", "output", "seed", "workers", "quiet"}, f.Name) {
			foreign = f.Name
		}
	})
	if foreign != "" {
		return usage("--%s is not for --recipe classifier, which knows --data, -o, --seed, --workers and --quiet", foreign)
	}
	switch {
	case t.data == "":
		return usage("--recipe classifier needs labelled images: name their folder with --data")
	case t.config.Workers < 0:
		return usage("--workers %d: a training has at least 1", t.config.Workers)
	case !strings.EqualFold(filepath.Ext(t.output), ".safetensors"):
		return usage("-o %s: a classifier is a .safetensors file", t.output)
	}
	if err := writable(t.output); err != nil {
		return data(err)
	}
	training, err := dataset.ReadSplit(t.data, "train")
	if err != nil {
		return data(err)
	}
	test, err := dataset.ReadSplit(t.data, "test")
	if err != nil {
		return data(err)
	}
	if training.Labels == nil || test.Labels == nil {
		return data(fmt.Errorf("%s: its images have no labels, which a classifier learns", t.data))
	}
	if !slices.Equal(training.Names, test.Names) {
		return data(fmt.Errorf("%s: its training images have the classes %s, and its test images %s: give both the same folders", t.data, joined(classNames(training)), joined(classNames(test))))
	}
	if !c.Flags().Changed("seed") {
		if t.config.Seed, err = newSeed(); err != nil {
			return err
		}
	}
	how := quality.Training{Seed: t.config.Seed, Workers: t.config.Workers}
	if !t.quiet {
		how.Progress = func(epoch int, loss float64) { fmt.Fprintf(s.err, "infer: epoch %d: loss %.4f\n", epoch+1, loss) }
	}
	ruler, err := quality.Train(c.Context(), labelled(training), how)
	if err != nil {
		if c.Context().Err() == nil {
			err = data(fmt.Errorf("%s: %w", t.data, err))
		}
		return err
	}
	accuracy, err := ruler.Accuracy(c.Context(), labelled(test), t.config.Workers)
	if err != nil {
		return err
	}
	info := ruler.Info()
	info.About, info.HeldOut, info.Accuracy = fmt.Sprintf("%d images of %s", training.Count, filepath.Base(t.data)), test.Count, accuracy
	if ruler, err = ruler.WithInfo(info); err != nil {
		return err
	}
	if err := ruler.Save(t.output); err != nil {
		return data(err)
	}
	_, err = fmt.Fprintf(s.out, "%s: a classifier of %d classes, %.2f %% right on %d test images; seed %d, sha256 %s\n",
		t.output, ruler.Classes(), 100*accuracy, test.Count, t.config.Seed, ruler.SHA256())
	return err
}
