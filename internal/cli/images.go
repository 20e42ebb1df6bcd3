package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

// brightness is the scale on which the range of the pixels is 0 to 1.
func (s settings) brightness(v float64) float64 {
	black, white := blackAndWhite(s.Range)
	return (v - black) / (white - black)
}

// sheet is the draws as pictures. Numbers beyond black and white are shown as these, and kept in files of numbers.
func (s settings) sheet(x *lanes.Block) figure.Sheet {
	sheet := figure.Sheet{Height: s.Shape[0], Width: s.Shape[1]}
	for i := range x.Len() {
		pixels := x.Point(i, nil)
		for j, v := range pixels {
			pixels[j] = s.brightness(v)
		}
		sheet.Images = append(sheet.Images, pixels)
	}
	return sheet
}

// writeSheet writes a sheet as a PNG file that says how its images were made.
func writeSheet(path string, sheet figure.Sheet, r pngRecord) error {
	var file bytes.Buffer
	if err := sheet.WritePNG(&file); err != nil {
		return usage("%s: %w", path, err)
	}
	whole, err := withRecord(file.Bytes(), r)
	if err != nil {
		return err
	}
	return store.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(whole)
		return err
	})
}

// Moments and particles of a film.
const mostMoments, mostFilmed = 12, 8

// film is a sink that keeps the ways of the first particles: rows of images, from the start to the end.
type film struct {
	set     settings
	moments []uint64 // transitions
	level   func(transition uint64) float64
	mu      sync.Mutex
	rows    [][][]float64 // by particle and moment; nil where it is missing
}

// newFilm looks at evenly spread moments of a run.
func newFilm(set settings, k mcmc.Kernel, length uint64) *film {
	f := &film{set: set, level: levelOf(k), rows: make([][][]float64, min(mostFilmed, set.Particles))}
	count := min(mostMoments, length+1)
	for i := range count {
		f.moments = append(f.moments, uint64(math.Round(float64(i)*float64(length)/float64(max(1, count-1)))))
	}
	for i := range f.rows {
		f.rows[i] = make([][]float64, len(f.moments))
	}
	return f
}

// levelOf is the noise level at each transition of a kernel.
func levelOf(k mcmc.Kernel) func(transition uint64) float64 {
	along := func(levels []float64, steps uint64) func(uint64) float64 {
		return func(t uint64) float64 {
			if i := t / steps; i < uint64(len(levels)) {
				return levels[i]
			}
			return 0
		}
	}
	switch k := k.(type) {
	case *mcmc.Heun:
		return along(k.Levels, 1)
	case *mcmc.Annealed:
		return along(k.Levels, uint64(k.Steps))
	}
	return func(uint64) float64 { return 0 }
}

// wanted says whether a transition is a moment of the film.
func (f *film) wanted(transition uint64) bool { return slices.Contains(f.moments, transition) }

// Put implements mcmc.Sink. The more noise there is, the less contrast: noise is seen as noise, and not as black and white.
func (f *film) Put(_ context.Context, d mcmc.Draws) error {
	moment := slices.Index(f.moments, d.Transition)
	if moment < 0 || d.First >= uint64(len(f.rows)) {
		return nil
	}
	black, white := f.set.brightness(0), f.set.brightness(1)
	noise := 2 * f.level(d.Transition) * (white - black)
	contrast := 1 / math.Sqrt(1+noise*noise)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range min(d.X.Len(), len(f.rows)-int(d.First)) {
		pixels := d.X.Point(i, nil)
		for j, v := range pixels {
			pixels[j] = 0.5 + contrast*(f.set.brightness(v)-0.5)
		}
		f.rows[int(d.First)+i][moment] = pixels
	}
	return nil
}

// Sync implements mcmc.Sink.
func (f *film) Sync() error { return nil }

// complete makes what the sink has missed, as that of a run that was taken up has: the first particles go their way again.
func (f *film) complete(ctx context.Context, j *job) error {
	for _, row := range f.rows {
		if slices.ContainsFunc(row, func(pixels []float64) bool { return pixels == nil }) {
			again := mcmc.Run{Start: j.Start, Kernel: j.Kernel, Particles: len(f.rows), Seed: j.Seed, Workers: j.Workers, Sink: f, Record: f.wanted}
			return again.To(ctx, j.length)
		}
	}
	return nil
}

func (f *film) sheet() figure.Sheet { return figure.Film(f.set.Shape[0], f.set.Shape[1], f.rows) }

// imageSummary is what is said of images: of all pixels together, for no statistic of a single one means much.
type imageSummary struct {
	Height int  `json:"height"`
	Width  int  `json:"width"`
	Mean   real `json:"pixel_mean"`
	SD     real `json:"pixel_sd"`
	Low    real `json:"pixel_low"`
	High   real `json:"pixel_high"`
	// Beyond is the share of pixels darker than black or brighter than white by more than a hundredth of the range.
	Beyond  real           `json:"beyond_range"`
	Classes map[string]int `json:"classes,omitempty"` // that were asked for
}

func summariseImages(x *lanes.Block, set settings) *imageSummary {
	low, high, sum, square, beyond := math.Inf(1), math.Inf(-1), 0.0, 0.0, 0
	n := float64(x.Len() * x.Dim())
	for j := range x.Dim() {
		for _, v := range x.Row(j)[:x.Len()] {
			low, high = min(low, v), max(high, v)
			sum += v
			square += v * v
			if b := set.brightness(v); !(b >= -0.01 && b <= 1.01) {
				beyond++
			}
		}
	}
	mean := sum / n
	return &imageSummary{
		Height: set.Shape[0], Width: set.Shape[1], Mean: real(mean), SD: real(math.Sqrt(max(0, square/n-mean*mean))),
		Low: real(low), High: real(high), Beyond: real(float64(beyond) / n),
	}
}

func (s *imageSummary) print(line func(name, format string, args ...any), order []string) {
	line("pixels", "mean %s, sd %s, from %s to %s; %.2g %% beyond black and white", short(float64(s.Mean)), short(float64(s.SD)),
		short(float64(s.Low)), short(float64(s.High)), 100*s.Beyond)
	if len(s.Classes) == 0 {
		return
	}
	var parts []string
	for _, name := range order {
		if n := s.Classes[name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s", n, name))
		}
	}
	line("classes", "%s", strings.Join(parts, ", "))
}

// countClasses counts the classes that were asked for; order is their names in the model's order.
func countClasses(set settings, m *score.Model) (counts map[string]int, order []string) {
	if m == nil || m.GivenSize() == 0 {
		return nil, nil
	}
	counts = map[string]int{}
	classes := classesOf(set, m)
	for i := range set.Particles {
		counts[className(m, classes.Of(uint64(i)))]++
	}
	for k := range m.GivenSize() {
		order = append(order, className(m, k))
	}
	return counts, order
}

// isPNG says whether a path is that of a picture.
func isPNG(path string) bool { return strings.EqualFold(filepath.Ext(path), ".png") }

// checkPictures finds out before a run what its goal makes of the names of its files.
func checkPictures(set settings, e effort) error {
	if !set.isImages() {
		switch {
		case isPNG(e.output):
			return usage("-o %s: the draws are no images: use .npz, .npy or .csv, and --plot for a figure", e.output)
		case e.film != "":
			return usage("--film is of images, and the draws are none: leave it out")
		}
		return nil
	}
	for _, file := range []struct{ flag, path string }{{"--plot", e.plot}, {"--film", e.film}} {
		if file.path != "" && !isPNG(file.path) {
			return usage("%s %s: images are drawn as .png", file.flag, file.path)
		}
	}
	if set.Dim != set.Shape[0]*set.Shape[1] {
		return data(fmt.Errorf("images of %d x %d pixels with %d numbers each", set.Shape[0], set.Shape[1], set.Dim))
	}
	return nil
}

// checkSheet finds out before a run whether its images fit on a sheet, if they are to be on one. A film is of few.
func checkSheet(set settings, e effort) error {
	if !set.isImages() {
		return nil
	}
	for _, file := range []struct{ flag, path string }{{"-o", e.output}, {"--plot", e.plot}} {
		if !isPNG(file.path) {
			continue
		}
		if err := (figure.Sheet{Height: set.Shape[0], Width: set.Shape[1]}).CheckCount(set.Particles); err != nil {
			return usage("%s %s: %w; an .npz file holds any number", file.flag, file.path, err)
		}
	}
	return nil
}

// writePictures writes what is drawn of images.
func writePictures(ctx context.Context, j *job, t draws.Table) error {
	record := pngRecord{Settings: j.set, DrawsHash: pointsHash(t.Points)}
	for _, path := range []string{j.effort.output, j.effort.plot} {
		if isPNG(path) {
			if err := writeSheet(path, j.set.sheet(t.Points), record); err != nil {
				return err
			}
		}
	}
	if j.film == nil {
		return nil
	}
	if err := j.film.complete(ctx, j); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w before the film was complete", cause)
			if j.effort.output != "" {
				err = fmt.Errorf("%w; to go on:\n  %s", err, shell(append(j.set.arguments(), "-o", j.effort.output, "--film", j.effort.film, "--resume")))
			}
		}
		return err
	}
	return writeSheet(j.effort.film, j.film.sheet(), record)
}
