package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/internal/dataset"
	"github.com/scorefield/infer/quality"
)

// recipeClassifier is the recipe of a ruler for infer eval. It is no score.
const recipeClassifier = "classifier"

// trainClassifier trains a ruler on the training images of a folder, and judges it by the test images.
func (t *training) trainClassifier(c *cobra.Command, s *streams) error {
	for _, flag := range []string{"steps", "points", "plot", "curve", "resume", "checkpoint-every", "json", "conv"} {
		if c.Flags().Changed(flag) {
			return usage("--%s is not for --recipe classifier, which knows --data, -o, --seed, --workers and --quiet", flag)
		}
	}
	switch {
	case t.data == "":
		return usage("--recipe classifier needs labelled images: name their folder with --data")
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
