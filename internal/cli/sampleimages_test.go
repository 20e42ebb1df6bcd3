package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/models"
	"github.com/scorefield/infer/score"
)

// Tiny images are 6 rows of 4 pixels: two classes of normal laws, of which class "left" is bright in columns 0 and 1, "right" in
// columns 2 and 3. Bright pixels have mean 0.8; their standard deviation is 0.15, that of all others 0.001.
const tinyRows, tinyColumns = 6, 4

func isBright(class, pixel int) bool { return pixel%tinyColumns/2 == class }

// tinyModel is the exact score of tiny images under noise.
func tinyModel(t *testing.T, drawing *score.Drawing) *score.Model {
	t.Helper()
	const dim = tinyRows * tinyColumns
	g := autodiff.NewGraph()
	x, sigma, given := g.Input("x", dim), g.Input("sigma"), g.Input("given", 2)
	means, variances := g.Param("means", 2, dim), g.Param("variances", 2, dim)
	none := autodiff.Value{}
	s := given.Dense(means, none).Sub(x).Div(given.Dense(variances, none).Add(sigma.Square()))
	text, err := autodiff.Encode(autodiff.Formula{
		Inputs: []autodiff.Value{x, sigma, given}, Params: []autodiff.Value{means, variances}, Epoch: 1,
		Outputs: []autodiff.Output{{Name: "score", Value: s}},
	})
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string][]float32{}
	for class := range 2 {
		for pixel := range dim {
			mean, variance := float32(0), float32(1e-6)
			if isBright(class, pixel) {
				mean, variance = 0.8, 0.15*0.15
			}
			weights["means"], weights["variances"] = append(weights["means"], mean), append(weights["variances"], variance)
		}
	}
	info := score.ModelInfo{
		About: "tiny images", Low: 0.02, High: 5, Shape: []int{tinyRows, tinyColumns}, Range: []float64{0, 1},
		Classes: []string{"left", "right"}, Shares: []float64{0.25, 0.75}, Drawing: drawing,
	}
	for range dim {
		info.Mean, info.SD = append(info.Mean, 0.4), append(info.SD, 0.4)
	}
	m, err := score.NewModel(text, weights, info)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tinyFile writes a tiny model to a file.
func tinyFile(t *testing.T, drawing *score.Drawing) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.safetensors")
	if err := tinyModel(t, drawing).Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// images runs infer sample with an output of numbers.
func images(t *testing.T, args ...string) (draws.Table, result) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images.npz")
	r := infer(t, append([]string{"sample", "-o", path}, args...)...)
	if r.code != 0 {
		t.Fatalf("%q exits %d: %s", args, r.code, r.err)
	}
	table, err := draws.Read(path, draws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return table, r
}

// backgroundSD is the standard deviation about 0 of the pixels that are dark in the class of their image.
func backgroundSD(x *lanes.Block, class int) float64 {
	sum, n := 0.0, 0
	for j := range x.Dim() {
		if !isBright(class, j) {
			for _, v := range x.Row(j)[:x.Len()] {
				sum += v * v
				n++
			}
		}
	}
	return math.Sqrt(sum / float64(n))
}

// diffusers#5689: the last noise level was not 0, and its noise stayed in the picture.
func TestLastLevelLeavesNoNoise(t *testing.T) {
	model := tinyFile(t, nil)
	const low = 0.02
	for _, sampler := range []string{"heun", "annealed"} {
		args := []string{"--model", model, "--particles", "16", "--seed", "1", "--sampler", sampler, "--class", "right"}
		denoised, _ := images(t, args...)
		noisy, _ := images(t, append(args, "--keep-noise")...)
		with, without := backgroundSD(denoised.Points, 1), backgroundSD(noisy.Points, 1)
		t.Logf("%s: background of sd %.5f, with the noise kept %.5f, least level %v", sampler, with, without, low)
		if with > low/4 {
			t.Errorf("%s: the background has sd %.4f, over a quarter of the last level", sampler, with)
		}
		if math.Abs(without-low) > 0.15*low {
			t.Errorf("%s: with the noise kept the background has sd %.4f, the last level is %v", sampler, without, low)
		}
	}
}

// webui#376, k-diffusion#25: the same seed gave other pictures in a batch of another size.
func TestImagesDoNotDependOnTheBatch(t *testing.T) {
	model := tinyFile(t, nil)
	for _, kind := range [][]string{{"--sampler", "heun"}, {"--sampler", "annealed", "--steps", "5"}, {"--guidance", "2.5"}, {"--init", "uniform"}} {
		args := append([]string{"--model", model, "--seed", "7"}, kind...)
		want, _ := images(t, append(args, "--particles", "40")...)
		for _, how := range [][]string{
			{"--particles", "1"}, {"--particles", "16"}, {"--particles", "40", "--block-size", "1", "--workers", "2"}, {"--particles", "40", "--block-size", "9", "--workers", "1"},
			{"--particles", "17", "--workers", "3"},
		} {
			got, _ := images(t, append(args, how...)...)
			for i := range got.Points.Len() {
				if !slices.Equal(got.Points.Point(i, nil), want.Points.Point(i, nil)) {
					t.Errorf("%v %v: image %d is another one", kind, how, i)
					break
				}
			}
		}
	}
}

// The law of the draws is that of the classes; their numbers are not clipped to black and white.
func TestImagesFollowTheirClass(t *testing.T) {
	model := tinyFile(t, nil)
	table, r := images(t, "--model", model, "--particles", "4000", "--seed", "3", "--steps", "60", "--sigma-max", "100")
	if fmt.Sprint(table.Shape) != "[6 4]" {
		t.Errorf("shape %v", table.Shape)
	}
	var bright []float64
	right, beyond := 0.0, 0
	for i := range table.Points.Len() {
		pixels := table.Points.Point(i, nil)
		class := 0
		if brightest := slices.Index(pixels, slices.Max(pixels)); isBright(1, brightest) {
			class, right = 1, right+1
		}
		for j, v := range pixels {
			if isBright(class, j) {
				bright = append(bright, v)
			} else if math.Abs(v) > 0.05 {
				t.Fatalf("image %d: pixel %d is %v and should be dark", i, j, v)
			}
			if v > 1 {
				beyond++
			}
		}
	}
	m := momentsOf(bright)
	near(t, "mean of bright pixels", m.mean, 0.8, m.meanError)
	if sd := math.Sqrt(m.variance); math.Abs(sd-0.15) > 0.004 {
		t.Errorf("bright pixels have sd %v, want 0.15", sd)
	}
	near(t, "share of the right", right/4000, 0.75, math.Sqrt(0.75*0.25/4000))
	if beyond == 0 {
		t.Error("no number is above 1: they were clipped")
	}
	if !strings.Contains(r.out, "of right") || !strings.Contains(r.out, "119 evaluations an image") || strings.Contains(r.out, "x0") {
		t.Errorf("the report:\n%s", r.out)
	}
	twice, _ := images(t, "--model", model, "--particles", "6", "--seed", "3", "--class", "1, LEFT,right")
	for i := range 6 {
		if isRight := twice.Points.Row(tinyColumns - 1)[i] > 0.2; isRight == (i%3 == 1) {
			t.Errorf("image %d is of the wrong class", i)
		}
	}
	guided, _ := images(t, "--model", model, "--particles", "100", "--seed", "3", "--class", "right", "--guidance", "0", "--steps", "40")
	if sd := backgroundSD(guided.Points, 0); sd > 0.05 { // without a class the formula's law has mean 0 and no width
		t.Errorf("guidance 0 does not forget the class: sd %v", sd)
	}
}

// A picture says how it was made, and the same can be made again.
func TestPicturesAreRepeated(t *testing.T) {
	model, folder := tinyFile(t, nil), t.TempDir()
	picture, reel, numbers := filepath.Join(folder, "a.png"), filepath.Join(folder, "film.png"), filepath.Join(folder, "a.npz")
	args := []string{"sample", "--model", model, "--seed", "5", "--class", "left", "--guidance", "1.5", "--particles", "9"}
	if r := infer(t, append(args, "-o", picture, "--film", reel, "--json")...); r.code != 0 {
		t.Fatal(r.err)
	} else {
		var report struct {
			Images   imageSummary
			Settings settings
			Columns  []column
			Film     string
		}
		if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Images.Classes["left"] != 9 || report.Columns == nil || len(report.Columns) > 0 || report.Film != reel {
			t.Errorf("%v\n%s", err, r.out)
		}
	}
	if r := infer(t, append(args, "-o", numbers)...); r.code != 0 {
		t.Fatal(r.err)
	}
	for _, path := range []string{picture, reel} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		t.Logf("%s: %v", filepath.Base(path), img.Bounds())
		record, err := readRecord(path)
		if err != nil {
			t.Fatal(err)
		}
		if s := record.Settings; s.ModelHash == "" || s.Sampler != "heun" || !slices.Equal(s.Classes, []int{0}) || s.Guidance != 1.5 || s.Seed != 5 {
			t.Errorf("%s says %+v", path, s)
		}
	}
	for _, path := range []string{picture, reel, numbers} {
		again := filepath.Join(folder, "again.png")
		if r := infer(t, "rerun", path, "-o", again); r.code != 0 || !strings.Contains(r.err, "bit for bit") {
			t.Errorf("rerun %s exits %d: %s", path, r.code, r.err)
		}
		a, _ := os.ReadFile(picture)
		if b, err := os.ReadFile(again); err != nil || !bytes.Equal(a, b) {
			t.Errorf("rerun %s gives another picture (%v)", path, err)
		}
	}
	record, err := readRecord(picture)
	if err != nil {
		t.Fatal(err)
	}
	if r := infer(t, append(record.Settings.arguments()[1:], "-o", filepath.Join(folder, "typed.png"))...); r.code != 0 {
		t.Errorf("%v exits %d: %s", record.Settings.arguments(), r.code, r.err)
	}
	if typed, err := readRecord(filepath.Join(folder, "typed.png")); err != nil || typed.DrawsHash != record.DrawsHash {
		t.Errorf("the command line that stands for the settings gives other images (%v)", err)
	}
	if r := infer(t, append(args, "-o", picture, "--resume")...); r.code != 0 || !strings.Contains(r.err, "is complete") {
		t.Errorf("resume of a complete picture exits %d: %s", r.code, r.err)
	}
	if r := infer(t, "summary", numbers, "--plot", filepath.Join(folder, "sheet.png")); r.code != 0 || !strings.Contains(r.out, "pixels") {
		t.Errorf("summary exits %d: %s%s", r.code, r.out, r.err)
	}
	for path, words := range map[string]string{picture: "picture of draws", filepath.Join(folder, "none.png"): "picture"} {
		if r := infer(t, "summary", path); r.code != exitUsage || !strings.Contains(r.err, words) {
			t.Errorf("summary %s exits %d: %s", path, r.code, r.err)
		}
	}
	whole, _ := os.ReadFile(picture)
	at := bytes.Index(whole, []byte(`"seed":5`))
	whole[at+7] = '6'
	for name, content := range map[string][]byte{"flipped.png": whole, "short.png": whole[:at], "text.png": []byte("no picture"), "bare.png": append(slices.Clone(whole[:33]), whole[len(whole)-12:]...)} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := infer(t, "rerun", path); r.code != exitData {
			t.Errorf("rerun %s exits %d: %s", name, r.code, r.err)
		} else {
			t.Log(strings.TrimSpace(r.err))
		}
	}
}

// What the tutorial's recipe says about its sampler is what is done.
func TestModelsSayHowTheyAreSampled(t *testing.T) {
	tutorial := &score.Drawing{Sampler: "annealed", High: 1, Low: 0.0158489, Levels: 10, Steps: 100, Step: 2e-5, Half: true, Uniform: true, KeepNoise: true}
	_, r := images(t, "--model", tinyFile(t, tutorial), "--seed", "1", "--json")
	var report struct{ Settings settings }
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	s := report.Settings
	if s.Sampler != "annealed" || s.Levels != 10 || s.Steps != 100 || s.Step != 2e-5 || s.Convention != "half" || s.Init != "uniform" || !s.KeepNoise || s.SigmaMax != 1 || s.Particles != 16 {
		t.Errorf("%+v", s)
	}
	_, r = images(t, "--model", tinyFile(t, &score.Drawing{Sampler: "heun", High: 18, Low: 0.002, Steps: 12}), "--seed", "1", "--json")
	report.Settings = settings{}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	if s := report.Settings; s.Sampler != "heun" || s.Steps != 12 || s.SigmaMax != 18 || s.SigmaMin != 0.002 || s.Step != 0 || s.Init != "normal" {
		t.Errorf("%+v", s)
	}
	_, r = images(t, "--model", tinyFile(t, tutorial), "--seed", "1", "--json", "--sampler", "heun")
	report.Settings = settings{}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	if s := report.Settings; s.Steps != 18 || s.SigmaMax != 5 || s.Init != "normal" || s.KeepNoise || s.Convention != "" {
		t.Errorf("another sampler than the model's own: %+v", s)
	}
}

func TestModelsThatComeWithTheProgram(t *testing.T) {
	file, err := os.ReadFile(tinyFile(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	before := shipped
	defer func() { shipped = before }()
	shipped = models.In(fstest.MapFS{"tiny.safetensors": {Data: file}})
	path := filepath.Join(t.TempDir(), "tiny.png")
	if r := infer(t, "sample", "--model", "tiny", "-o", path); r.code != 0 || !strings.Contains(r.out, "16 images") {
		t.Errorf("exits %d: %s%s", r.code, r.out, r.err)
	}
	if r := infer(t, "rerun", path); r.code != 0 {
		t.Errorf("rerun exits %d: %s", r.code, r.err)
	}
	if r := infer(t, "list", "recipes"); r.code != 0 || !strings.Contains(r.out, "mnist-30m ") || !strings.Contains(r.out, "classifier ") {
		t.Errorf("the recipes, exit code %d: %s%s", r.code, r.out, r.err)
	}
	if r := infer(t, "list", "models"); r.code != 0 || !strings.Contains(r.out, "tiny  images of 6 x 4 pixels: tiny images; 2 classes; sampled by heun") {
		t.Errorf("list exits %d: %s%s", r.code, r.out, r.err)
	}
	if r := infer(t, "sample", "--model", "tony"); r.code != exitUsage || !strings.Contains(r.err, `did you mean "tiny"`) {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
}

// A run of images that was stopped goes on to the same picture and film.
func TestPicturesAreResumed(t *testing.T) {
	model, folder := tinyFile(t, nil), t.TempDir()
	args := func(name string) []string {
		return []string{"sample", "--model", model, "--seed", "5", "--sampler", "annealed", "--steps", "3000", "--particles", "30",
			"-o", filepath.Join(folder, name+".png"), "--film", filepath.Join(folder, name+"-film.png")}
	}
	if r := infer(t, args("whole")...); r.code != 0 {
		t.Fatal(r.err)
	}
	stops := 0
	for ; stops < 100; stops++ {
		limit := 200 * time.Millisecond
		if stops > 4 { // the film of a run that was taken up takes a while
			limit = time.Minute
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		extra := []string{}
		if stops > 0 {
			extra = append(extra, "--resume")
		}
		r := inferContext(ctx, append(args("parts"), extra...)...)
		cancel()
		if r.code == 0 {
			break
		}
		if !strings.Contains(r.err, "--resume") {
			t.Fatalf("exits %d: %s", r.code, r.err)
		}
	}
	t.Logf("%d stops", stops)
	for _, suffix := range []string{".png", "-film.png"} {
		a, err1 := os.ReadFile(filepath.Join(folder, "whole"+suffix))
		b, err2 := os.ReadFile(filepath.Join(folder, "parts"+suffix))
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs after %d stops (%v, %v)", suffix, stops, err1, err2)
		}
	}
}

func TestSettingsOfImagesThatCannotWork(t *testing.T) {
	model := tinyFile(t, nil)
	plain := filepath.Join(t.TempDir(), "plain.safetensors")
	if r := infer(t, "train", "--data", "donut", "--points", "200", "--steps", "5", "--seed", "1", "-o", plain); r.code != 0 {
		t.Fatal(r.err)
	}
	for _, c := range []struct {
		args, want string
	}{
		{"--model " + model + " --class up", `unknown class "up"; there are left, right`},
		{"--model " + model + " --class 2", "2 classes, numbered from 0 to 1: left, right"},
		{"--model " + model + " --class -1", "2 classes, numbered from 0 to 1: left, right"},
		{"--model " + model + " --sigma-min 0", "--sigma-min 0: a noise level is positive"},
		{"--model " + model + " --sigma-min -1", "--sigma-min -1: a noise level is positive"},
		{"--model " + model + " --sigma-max NaN", "--sigma-max NaN: a noise level is positive"},
		{"--model " + model + " --class 0,,1", `unknown class ""`},
		{"--model " + model + " --guidance -1", "--guidance -1: give a number from 0 to 1000"},
		{"--model " + model + " --steps 0", "heun takes 1 to 100,000"},
		{"--model " + model + " --levels 5", "--levels belongs to --sampler annealed"},
		{"--model " + model + " --step 0.1", "--step belongs to --sampler mala or langevin or annealed"},
		{"--model " + model + " --sampler annealed --convention third", `unknown convention "third"`},
		{"--model " + model + " --sigma-max 0.001", "the first has to be the larger"},
		{"--model " + model + " --plot a.svg", "images are drawn as .png"},
		{"--model " + model + " --film a.pdf", "images are drawn as .png"},
		{"--model " + model + " --sampler langevin", "use heun"},
		{"--model " + plain + " --class 1", "has no classes"},
		{"--model " + plain + " -o a.png", "the draws are no images"},
		{"--model " + plain + " --film a.png", "--film is of images"},
		{"--density donut --class 1", "--class belongs to a model of images"},
		{"--density donut -o a.png", "the draws are no images"},
		{"--density donut --sampler heun", "--sampler heun follows noise levels, which a density has none of"},
	} {
		t.Chdir(t.TempDir())
		if r := infer(t, append([]string{"sample", "--seed", "1"}, strings.Fields(c.args)...)...); r.code != exitUsage || !strings.Contains(r.err, c.want) {
			t.Errorf("%s exits %d: %s", c.args, r.code, r.err)
		}
	}
	for _, steps := range []string{"1", "2"} { // any number of steps gives finite images
		images(t, "--model", model, "--steps", steps, "--seed", "1")
	}
	if table, _ := images(t, "--model", plain, "--sampler", "heun", "--seed", "1", "--particles", "500"); table.Points.Len() != 500 {
		t.Error("heun of points that are no images")
	}
}

func TestImagesAreRefusedBeforeTheyAreDrawn(t *testing.T) {
	model, folder := tinyFile(t, nil), t.TempDir()
	picture := filepath.Join(folder, "a.png")
	for _, c := range []struct {
		word string
		args []string
	}{
		{"--film " + picture + " is the file of -o", []string{"-o", picture, "--film", picture}},
		{"--plot " + picture + " is the file of -o", []string{"-o", picture, "--plot", filepath.Join(folder, ".", "a.png")}},
		{"--steps 1 with --keep-noise", []string{"--sampler", "heun", "--steps", "1", "--keep-noise"}},
		{"--steps 0: annealed takes at least 1", []string{"--sampler", "annealed", "--steps", "0"}},
		{"--steps 0: heun takes 1", []string{"--sampler", "heun", "--steps", "0"}},
	} {
		r := infer(t, append([]string{"sample", "--model", model, "--seed", "1"}, c.args...)...)
		if r.code != exitUsage || !strings.Contains(r.err, c.word) {
			t.Errorf("%q: exit %d, want %d, with %q: %s", c.args, r.code, exitUsage, c.word, r.err)
		}
	}
	if _, err := os.Stat(picture); err == nil {
		t.Error("a picture was written")
	}
}

// Images that infer has written, and those of others, are a start as their rows are; another shape of as many pixels is none.
func TestImagesBeginAtImages(t *testing.T) {
	model, folder := tinyFile(t, nil), t.TempDir()
	x := lanes.New(3, tinyRows*tinyColumns)
	for j := range x.Dim() {
		for i := range x.Len() {
			x.Row(j)[i] = float64((5*i + j) % 7)
		}
	}
	hashes := map[string]bool{}
	for name, shape := range map[string][]int{"rows.npy": nil, "images.npy": {tinyRows, tinyColumns}, "images.npz": {tinyRows, tinyColumns}} {
		path := filepath.Join(folder, name)
		if err := draws.Write(path, draws.Table{Points: x, Shape: shape}); err != nil {
			t.Fatal(err)
		}
		table, _ := images(t, "--model", model, "--steps", "2", "--seed", "1", "--particles", "3", "--init", path)
		hashes[pointsHash(table.Points)] = true
	}
	if len(hashes) != 1 {
		t.Errorf("%d different draws from one start", len(hashes))
	}
	turned := filepath.Join(folder, "turned.npy")
	if err := draws.Write(turned, draws.Table{Points: x, Shape: []int{tinyColumns, tinyRows}}); err != nil {
		t.Fatal(err)
	}
	if r := infer(t, "sample", "--model", model, "--particles", "3", "--init", turned); r.code != exitUsage || !strings.Contains(r.err, "images of 4 x 6 pixels, the model draws 6 x 4") {
		t.Errorf("turned images exit %d: %s", r.code, r.err)
	}
}

// A sheet that could not be written is refused before its images are drawn; a file of numbers holds any number.
func TestSheetsThatAreTooLargeAreRefused(t *testing.T) {
	set := settings{Shape: []int{28, 28}, Particles: 900_000}
	for want, e := range map[string]effort{"-o a.png: a sheet of 900,000 images": {output: "a.png"}, "--plot b.PNG: a sheet of 900,000 images": {output: "a.npz", plot: "b.PNG"}} {
		if err := checkSheet(set, e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := checkSheet(set, effort{output: "a.npz", film: "film.png"}); err != nil {
		t.Error(err)
	}
	set.Particles = 1000
	if err := checkSheet(set, effort{output: "a.png"}); err != nil {
		t.Error(err)
	}
}
