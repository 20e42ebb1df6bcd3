package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/dataset"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/quality"
	"github.com/scorefield/infer/score"
)

// evaluation is what the command eval is told.
type evaluation struct {
	folder     string
	classifier string
	model      string
	conv       string
	asJSON     bool
	workers    int
}

// evaluated is what it prints as JSON.
type evaluated struct {
	Schema     int                    `json:"schema_version"`
	Draws      int                    `json:"draws"` // in the file
	Classifier quality.ClassifierInfo `json:"classifier"`
	*quality.Report
	Denoising []quality.Level `json:"denoising,omitempty"`
	// Convolution is how the model was evaluated for them; nil for direct convolutions.
	Convolution *convolution `json:"convolution,omitempty"`
}

func evalCommand(s *streams) *cobra.Command {
	var e evaluation
	c := &cobra.Command{
		Use:   "eval FILE",
		Short: "Judge draws of images beside real ones",
		Long: "eval compares draws of images with the training images of a folder, and does the same with its test images: what these\n" +
			"get is the floor that stands beside every figure. The ruler is a small classifier; those that come with the\n" +
			"program know digits and the pictures of Fashion-MNIST.",
		Example: "  infer sample --model mnist --particles 1000 -o digits.npz\n  infer eval digits.npz --data mnist/\n  infer eval digits.npz --data mnist/ --model mnist --json",
		Args:    oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			if e.folder == "" {
				return usage("eval compares draws with real images: name their folder with --data, one with train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz for example")
			}
			if c.Flags().Changed("conv") && e.model == "" {
				return usage("--conv is about the convolutions of a --model, which is not given")
			}
			if _, err := convolutionOf(e.conv); err != nil {
				return err
			}
			return e.run(c.Context(), s, args[0])
		},
	}
	c.Flags().StringVar(&e.folder, "data", "", "folder of real images, with a training and a test part")
	c.Flags().StringVar(&e.classifier, "classifier", "", "the ruler: "+strings.Join(quality.Shipped(), ", ")+" or a file (default: the one that knows the test images)")
	c.Flags().StringVar(&e.model, "model", "", "also judge this model's score, by its denoising error at each noise level")
	c.Flags().StringVar(&e.conv, "conv", autodiff.Direct.String(), convUsage)
	c.Flags().BoolVar(&e.asJSON, "json", false, "print JSON")
	c.Flags().IntVar(&e.workers, "workers", 0, "workers (default: all cores)")
	_ = c.RegisterFlagCompletionFunc("conv", cobra.FixedCompletions(convolutions(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (e *evaluation) run(ctx context.Context, s *streams, path string) error {
	if e.workers < 0 {
		return usage("--workers %d: judging has at least 1", e.workers)
	}
	drawn, err := readPictures(path)
	if err != nil {
		return err
	}
	if drawn.note != "" {
		fmt.Fprintf(s.err, "infer: %s: %s\n", path, drawn.note)
	}
	pixels, dim := drawn.pixels, drawn.dim
	training, err := dataset.ReadSplit(e.folder, "train")
	if err != nil {
		return data(err)
	}
	heldOut, err := dataset.ReadSplit(e.folder, "test")
	if err != nil {
		return data(err)
	}
	for _, images := range []*dataset.Images{training, heldOut} {
		for _, note := range images.Notes {
			fmt.Fprintf(s.err, "infer: %s: %s\n", images.Source, note)
		}
	}
	if training.Height*training.Width != dim {
		advice := ""
		if isPNG(path) {
			advice = "; a sheet of draws is one picture: draw them into an .npz file"
		}
		return data(fmt.Errorf("%s has images of %d pixels, %s of %d x %d: eval compares images of one size%s", path, dim, e.folder, training.Height, training.Width, advice))
	}
	if drawn.height != 0 && (drawn.height != training.Height || drawn.width != training.Width) {
		return data(fmt.Errorf("%s has images of %d x %d pixels, %s of %d x %d: eval compares images of one size", path, drawn.height, drawn.width, e.folder, training.Height, training.Width))
	}
	ruler, err := e.ruler(ctx, labelled(heldOut))
	if err != nil {
		return err
	}
	out := evaluated{Schema: 1, Draws: len(pixels) / dim, Classifier: ruler.Info()}
	if n := len(pixels) / dim; n < quality.LeastImages {
		return usage("%s has %s: figures of fewer than %d say nothing, draw more with --particles", path, spelling.Counted(n, "image"), quality.LeastImages)
	}
	for _, part := range []struct {
		name   string
		images *dataset.Images
	}{{"training", training}, {"test", heldOut}} {
		if n := part.images.Count; n < quality.LeastImages {
			return data(fmt.Errorf("%s has %s: figures of fewer than %d say nothing", e.folder, spelling.Counted(n, part.name+" image"), quality.LeastImages))
		}
	}
	if heldOut.Height != training.Height || heldOut.Width != training.Width {
		return data(fmt.Errorf("%s has training images of %d x %d pixels and test images of %d x %d: a set has one size", e.folder, training.Height, training.Width, heldOut.Height, heldOut.Width))
	}
	var judged *score.Model
	if e.model != "" { // what is wrong with it is known before minutes of figures
		if judged, err = e.conditional(training); err != nil {
			return err
		}
	}
	if out.Report, err = quality.Evaluate(ctx, ruler, pixels, training.Pixels, heldOut.Pixels, e.workers); err != nil {
		if ctx.Err() == nil {
			err = data(fmt.Errorf("%s beside %s: %w", path, e.folder, err))
		}
		return err
	}
	if judged != nil {
		if out.Denoising, err = denoising(ctx, judged, training, heldOut); err != nil {
			return err
		}
		out.Convolution = describeConvolution(judged)
	}
	if e.asJSON {
		return printJSON(s.out, out)
	}
	var b bytes.Buffer
	out.write(&b, path)
	_, err = s.out.Write(b.Bytes())
	return err
}

// pictures are images to judge.
type pictures struct {
	pixels        []float32
	dim           int
	height, width int    // 0 where a file does not say them
	note          string // what to know of how they were read
}

// readPictures are the images of a file of draws, or of a file or folder of pictures.
func readPictures(path string) (pictures, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz", ".npy", ".csv":
	default:
		images, err := dataset.Read(path)
		if err != nil {
			return pictures{}, data(err)
		}
		return pictures{images.Pixels, images.Height * images.Width, images.Height, images.Width, strings.Join(images.Notes, "; ")}, nil
	}
	t, err := draws.Read(path, draws.Options{PointAxes: 1}) // the other axes are those of an image
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%s: there is no such file", path)
	}
	if err != nil {
		return pictures{}, data(err)
	}
	n, dim := t.Points.Len(), t.Points.Dim()
	p := pictures{pixels: make([]float32, n*dim), dim: dim}
	if len(t.Shape) > 1 {
		p.height, p.width = t.Shape[0], t.Shape[1]
	}
	bytes, least, most := true, 0.0, 0.0 // whole numbers up to 255, which no draws of numbers from 0 to 1 are
	beyond := 0
	for j := range dim {
		for i, v := range t.Points.Row(j)[:n] {
			if math.Abs(v) > mostBrightness {
				return pictures{}, data(fmt.Errorf("%s: number %d of image %d (both count from 0) is %g: pixels are about 0 to 1, and %g is the most", path, j, i, v, mostBrightness))
			}
			bytes = bytes && v >= 0 && v <= 255 && v == math.Floor(v)
			least, most = min(least, v), max(most, v)
			if v < -margin || v > 1+margin {
				beyond++
			}
			p.pixels[i*dim+j] = float32(v)
		}
	}
	if bytes && most > 1 {
		p.note = fmt.Sprintf("its numbers are whole, up to %g: they are taken for bytes and divided by 255", most)
		for i := range p.pixels {
			p.pixels[i] /= 255
		}
		return p, nil
	}
	share := float64(beyond) / float64(n*dim)
	switch few := 0.01; {
	case share < few:
	case least >= 0: // draws of a model that fails are beyond black as well
		return pictures{}, data(fmt.Errorf("%s: its numbers go from 0 to %g: pixels are about 0 to 1; divide them by the brightness of white", path, most))
	case least >= -1 && most <= 1:
		return pictures{}, data(fmt.Errorf("%s: its numbers go from %g to %g: pixels are about 0 to 1; if these go from -1 to 1, save (x + 1)/2", path, least, most))
	default:
		p.note = fmt.Sprintf("%.2g %% of its numbers, which go from %g to %g, are beyond black, 0, and white, 1, and count as these: bring another range to 0 to 1 first", 100*share, least, most)
	}
	return p, nil
}

// margin is how far beyond black and white a pixel of good draws may be.
const margin = 0.1

// mostBrightness is the largest pixel that is judged, far beyond white, and far from where squares of squares overflow.
const mostBrightness = 1e6

func labelled(d *dataset.Images) *quality.Labelled {
	return &quality.Labelled{Height: d.Height, Width: d.Width, Pixels: d.Pixels, Labels: d.Labels, Classes: classNames(d)}
}

// enough is the accuracy on test images from which a ruler knows them.
const enough = 0.8

// ruler is the classifier that was asked for, or that comes with the program and knows the test images best.
func (e *evaluation) ruler(ctx context.Context, test *quality.Labelled) (*quality.Classifier, error) {
	if e.classifier != "" {
		c, err := quality.Open(e.classifier)
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("--classifier %s: there is no such file, and the rulers that come with the program are %s", e.classifier, joined(quality.Shipped()))
		}
		if err != nil {
			return nil, data(err)
		}
		if c.Dim() != test.Height*test.Width {
			return nil, usage("--classifier %s is for images of %d pixels, the test images of %s have %d", e.classifier, c.Dim(), e.folder, test.Height*test.Width)
		}
		return c, nil
	}
	if test.Labels == nil {
		return nil, usage("the test images of %s have no labels, by which the right ruler is found: name one with --classifier", e.folder)
	}
	var best *quality.Classifier
	highest := enough
	for _, name := range quality.Shipped() {
		c, err := quality.Open(name)
		if err != nil {
			return nil, err
		}
		if c.Dim() != test.Height*test.Width || c.Classes() != len(test.Classes) {
			continue
		}
		accuracy, err := c.Accuracy(ctx, test, e.workers)
		if err != nil {
			return nil, err
		}
		if accuracy > highest {
			best, highest = c, accuracy
		}
	}
	if best == nil {
		return nil, usage("no ruler that comes with the program knows the test images of %s: train one, infer train --recipe classifier --data %s -o ruler.safetensors, and name it with --classifier", e.folder, e.folder)
	}
	return best, nil
}

// denoisingLevels are the noise levels at which a score is judged, of pixels in [0, 1].
var denoisingLevels = []float64{0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2}

// conditional is the model to judge, with a score for each noise level of such images.
func (e *evaluation) conditional(training *dataset.Images) (*score.Model, error) {
	m, err := loadModel(e.model)
	if err != nil {
		return nil, err
	}
	if m, err = withConvolution(m, e.model, e.conv); err != nil {
		return nil, err
	}
	if _, err := m.Conditional(); err != nil {
		return nil, usage("--model %s: %v", e.model, err)
	}
	if m.Dim() != training.Height*training.Width {
		return nil, usage("--model %s is for %d pixels, the images of %s have %d", e.model, m.Dim(), e.folder, training.Height*training.Width)
	}
	return m, nil
}

func denoising(ctx context.Context, m *score.Model, training, heldOut *dataset.Images) ([]quality.Level, error) {
	var levels []float64
	info := m.Info()
	for _, sigma := range denoisingLevels {
		if sigma >= info.Low && (info.High == 0 || sigma <= info.High) {
			levels = append(levels, sigma)
		}
	}
	return quality.Denoising(ctx, denoiser(m), levels, training.Pixels, heldOut.Pixels, m.Dim())
}

// denoiser is a model's score, without a class where it knows classes.
func denoiser(m *score.Model) quality.Denoiser {
	return func(ctx context.Context, dst, x *lanes.Block, sigma float64) error {
		return m.At(sigma).Score(ctx, dst, x)
	}
}

// write prints the figures of draws beside those of real images.
func (e *evaluated) write(w io.Writer, path string) {
	r := e.Report
	fmt.Fprintf(w, "%s: %d of %d draws beside %d test images, each against %d training images\n", path, r.Count, e.Draws, r.Count, r.Training)
	fmt.Fprintf(w, "ruler: %s, %.1f %% right on %d held-out images, sha256 %.16s\n\n", e.Classifier.About, 100*e.Classifier.Accuracy, e.Classifier.HeldOut, r.Ruler)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name, mine, real, note string) { fmt.Fprintf(t, "%s\t%s\t%s\t  %s\n", name, mine, real, note) }
	number := func(v float64) string { return fmt.Sprintf("%.4g", v) }
	row("", "draws", "real", "")
	noise := fmt.Sprintf("%.3f", r.NoiseSigma)
	if r.NoiseSigma == quality.MostNoise {
		noise = fmt.Sprintf("%g or more", quality.MostNoise)
	}
	row("FID", number(r.FID), number(r.Real.FID), fmt.Sprintf("%.1f times the floor; as real images with noise of %s", r.FID/r.Real.FID, noise))
	row("KID", fmt.Sprintf("%.4g ± %.1g", r.KID, r.KIDError), fmt.Sprintf("%.4g ± %.1g", r.Real.KID, r.Real.KIDError), "0 for images of one law")
	row("precision", number(r.Precision), number(r.Real.Precision), "share of these that lie among training images")
	row("recall", number(r.Recall), number(r.Real.Recall), "share of training images that lie among these")
	row("confidence", number(r.Confidence), number(r.Real.Confidence), "mean of the classifier's")
	row("classes", number(r.Variation), number(r.Chance), "total variation from the test images' shares; by chance")
	row("nearest", number(r.Nearest), number(r.Real.Nearest), fmt.Sprintf("median distance to a training image, %.2f times that of real ones", r.NearestRatio))
	nearest := "one real image in a thousand"
	if r.Count < 1000 {
		nearest = "the nearest real image"
	}
	row("too near", number(r.TooNear), fmt.Sprintf("%.2g", r.TooNearChance), "share as near as "+nearest+", or nearer; by chance")
	t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "class\t")
	for k := range r.Histogram {
		name := fmt.Sprint(k)
		if k < len(r.Classes) {
			name = r.Classes[k]
		}
		fmt.Fprintf(t, "%s\t", name)
	}
	for i, shares := range [][]float64{r.Histogram, r.Real.Histogram} {
		fmt.Fprintf(t, "\n%s\t", [2]string{"draws", "real"}[i])
		for _, share := range shares {
			fmt.Fprintf(t, "%.3f\t", share)
		}
	}
	fmt.Fprintln(t)
	t.Flush()
	if len(e.Denoising) == 0 {
		return
	}
	fmt.Fprintf(w, "\nmean squared error after denoising, over that before (1: nothing is done)\n")
	if e.Convolution != nil {
		fmt.Fprintf(w, "convolutions: %v\n", e.Convolution)
	}
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "noise level\ttest images\ttraining images\t")
	for _, l := range e.Denoising {
		fmt.Fprintf(t, "%g\t%.4f ± %.4f\t%.4f ± %.4f\t\n", l.Sigma, l.HeldOut, l.HeldOutError, l.Training, l.TrainingError)
	}
	t.Flush()
}
