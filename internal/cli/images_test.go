package cli

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// Public reports of images that were read wrongly: the same pictures give the same weights however they are written, and what is
// not sound is refused with words.
func TestTrainingReadsImagesAsTheyAre(t *testing.T) {
	folder := filepath.Join("..", "dataset", "testdata")
	for base, others := range map[string][]string{
		"idx/images-idx3-ubyte.gz": {
			"idx/gzip-without-suffix-idx3-ubyte", "idx/two-members-idx3-ubyte.gz", "idx/float32-idx3.gz",
			"npy/images_fortran.npy", "npy/images_0_255_float.npy",
		},
		"png/gray8": {"png/gray16", "png/gray_alpha", "png/palette"},
	} {
		want, r := trained(t, "--steps", "3", "--data", filepath.Join(folder, base))
		if r.code != 0 {
			t.Fatalf("%s: %s", base, r.err)
		}
		for _, other := range others {
			if got, r := trained(t, "--steps", "3", "--data", filepath.Join(folder, other)); got != want {
				t.Errorf("%s gives other weights than %s: %s", other, base, r.err)
			}
		}
	}
	for name, words := range map[string][]string{
		"idx/count-too-high-idx3-ubyte.gz": {"60,000", "16 images"},
		"png/truncated":                    {filepath.Join("truncated", "00.png"), "cut off"},
	} {
		_, r := trained(t, "--steps", "3", "--data", filepath.Join(folder, name))
		if r.code != exitData {
			t.Errorf("%s exits %d", name, r.code)
		}
		for _, word := range words {
			if !strings.Contains(r.err, word) {
				t.Errorf("%s: %q does not say %q", name, r.err, word)
			}
		}
	}
	if _, r := trained(t, "--steps", "1", "--data", filepath.Join(folder, "npy/images_0_255_float.npy")); !strings.Contains(r.err, "divided by 255") {
		t.Errorf("nobody is told of the range: %s", r.err)
	}
}

// imageSet writes a training set of IDX files with as many images of a size, and labels if there are to be some.
func imageSet(t *testing.T, count, height, width, classes int) string {
	t.Helper()
	folder := t.TempDir()
	write := func(name string, axes []uint32, value func(i int) byte) {
		file := []byte{0, 0, 8, byte(len(axes))}
		n := 1
		for _, length := range axes {
			file = binary.BigEndian.AppendUint32(file, length)
			n *= int(length)
		}
		for i := range n {
			file = append(file, value(i))
		}
		if err := os.WriteFile(filepath.Join(folder, name), file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("train-images-idx3-ubyte", []uint32{uint32(count), uint32(height), uint32(width)}, func(i int) byte { return byte(i * i % 251) })
	if classes > 0 {
		write("train-labels-idx1-ubyte", []uint32{uint32(count)}, func(i int) byte { return byte(i % classes) })
	}
	return folder
}

func TestRecipesOfImages(t *testing.T) {
	out := filepath.Join(t.TempDir(), "m.safetensors")
	train := func(args ...string) result {
		return infer(t, append([]string{"train", "--seed", "1", "-o", out, "--steps", "1"}, args...)...)
	}
	labelled := imageSet(t, 130, 28, 28, 3)
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"--recipe", "tutorial-mnist"}, exitUsage, []string{"give --data FOLDER", "train-images-idx3-ubyte.gz", "MNIST"}},
		{[]string{"--recipe", "fashion-30m"}, exitUsage, []string{"give --data FOLDER", "dataset-fashion-mnist"}},
		{[]string{"--recipe", "mnist-30m", "--data", "nowhere"}, exitData, []string{"nowhere", "no such file or folder"}},
		{[]string{"--recipe", "mnist-30m", "--data", "donut"}, exitData, []string{"donut", "no such file or folder"}},
		{[]string{"--recipe", "mnist-30m", "--data", imageSet(t, 130, 16, 20, 3)}, exitData, []string{"16 x 20", "28 x 28", "leave the recipe out"}},
		{[]string{"--recipe", "mnist-30m", "--data", imageSet(t, 130, 28, 28, 0)}, exitData, []string{"no labels", "train-labels-idx1-ubyte"}},
		{[]string{"--recipe", "donut", "--data", labelled}, exitUsage, []string{"learns points", "28 x 28"}},
		{[]string{"--recipe", "mnist-30m", "--data", labelled, "--batch", "3"}, exitUsage, []string{"--batch is the recipe's"}},
		{[]string{"--recipe", "mnist-31m", "--data", labelled}, exitUsage, []string{"did you mean"}},
	} {
		r := train(c.args...)
		if r.code != c.code {
			t.Errorf("%q exits %d, want %d: %s", c.args, r.code, c.code, r.err)
		}
		for _, word := range c.says {
			if !strings.Contains(r.err, word) {
				t.Errorf("%q: %q does not say %q", c.args, r.err, word)
			}
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%q leaves a model", c.args)
		}
	}

	info := func(args ...string) score.ModelInfo {
		t.Helper()
		if r := train(args...); r.code != 0 {
			t.Fatalf("%q: %s", args, r.err)
		} else if !strings.Contains(r.out, "images/s") || !strings.Contains(r.out, ".png") {
			t.Errorf("the report is not one of images:\n%s", r.out)
		}
		m, err := score.Load(out)
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(out)
		return m.Info()
	}
	tutorial := info("--recipe", "tutorial-mnist", "--data", labelled)
	if fmt.Sprint(tutorial.Shape, tutorial.Range, tutorial.Classes, tutorial.Rows) != "[28 28] [0 1] [] 130" {
		t.Errorf("%+v", tutorial)
	}
	digits := info("--recipe", "mnist-30m", "--data", labelled)
	if fmt.Sprint(digits.Shape, digits.Classes) != "[28 28] [0 1 2 3 4 5 6 7 8 9]" || digits.Shares[1] < 0.3 || digits.Shares[7] != 0 {
		t.Errorf("%+v", digits)
	}
}

// folders writes a PNG file for each name.
func folders(t *testing.T, height, width int, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	for k, name := range names {
		img := image.NewGray(image.Rect(0, 0, width, height))
		for i := range img.Pix {
			img.Pix[i] = byte((i + 11*k) * 7)
		}
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, img); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// Images of any size are learned without a recipe, their classes too.
func TestImagesWithoutARecipe(t *testing.T) {
	for _, c := range []struct {
		name          string
		height, width int
		files         []string
		flags         []string
		classes       string
		says          string
	}{
		{"classes", 8, 12, []string{"cats/a.png", "cats/b.png", "dogs/a.png"}, nil, "[cats dogs]", ""},
		{"one class", 16, 16, []string{"a.png", "b.png"}, nil, "[]", ""},
		{"odd sides", 17, 19, []string{"a.png", "b.png"}, nil, "[]", "dense network"},
		{"one level", 8, 8, []string{"a.png", "b.png"}, []string{"--sigma", "0.1"}, "[]", ""},
		{"own network", 8, 8, []string{"a.png", "b.png"}, []string{"--hidden", "16,16"}, "[]", ""},
		{"own levels", 8, 8, []string{"a.png", "b.png"}, []string{"--sigma-min", "0.01", "--sigma-max", "10", "--batch", "1", "--clip", "0"}, "[]", ""},
	} {
		out := filepath.Join(t.TempDir(), "m.safetensors")
		args := append([]string{"train", "--data", folders(t, c.height, c.width, c.files...), "--steps", "2", "--seed", "1", "-o", out}, c.flags...)
		r := infer(t, args...)
		if r.code != 0 {
			t.Errorf("%s: %s", c.name, r.err)
			continue
		}
		if !strings.Contains(r.err, c.says) || (r.err == "") != (c.says == "") {
			t.Errorf("%s: %q, want %q", c.name, r.err, c.says)
		}
		m, err := score.Load(out)
		if err != nil {
			t.Fatal(err)
		}
		info := m.Info()
		if fmt.Sprint(info.Shape) != fmt.Sprint([]int{c.height, c.width}) || fmt.Sprint(info.Range) != "[0 1]" || fmt.Sprint(info.Classes) != c.classes || info.Rows != len(c.files) {
			t.Errorf("%s: %+v", c.name, info)
		}
		if m.Dim() != c.height*c.width || m.IsConditional() != (c.name != "one level") {
			t.Errorf("%s: %d coordinates, conditional %v", c.name, m.Dim(), m.IsConditional())
		}
	}
}

func TestImagesUnderNoise(t *testing.T) {
	out := filepath.Join(t.TempDir(), "levels.svg")
	data := filepath.Join("..", "dataset", "testdata", "idx", "images-idx3-ubyte.gz")
	r := infer(t, "plot", "--levels", "--data", data, "-o", out)
	if r.code != 0 || !strings.Contains(r.out, "12 images under noise of 10 levels from 1.0000 to 0.0158") {
		t.Errorf("exits %d: %s%s", r.code, r.out, r.err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []string{">1.00<", ">0.631<", ">0.0158<"} {
		if !strings.Contains(string(text), level) {
			t.Errorf("the figure does not say %s", level)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--levels"}, exitUsage, "give --data FOLDER"}, // the output is asked for first
		{[]string{"--levels", "--schedule", "--data", data}, exitUsage, "give one of --field, --schedule and --levels"},
		{[]string{"--levels", "--data", data, "--sigma", "3"}, exitUsage, "--sigma belongs to --field"},
		{[]string{"--levels", "--data", data, "--model", "mnist"}, exitUsage, "--model belongs to --field: leave it out"},
		{[]string{"--levels", "--data", data, "--points", data}, exitUsage, "--points belongs to --field and --schedule"},
		{[]string{"--field", "--density", "donut", "--data", data}, exitUsage, "--data belongs to --levels"},
		{[]string{"--field", "--density", "donut", "--sigma", "1"}, exitUsage, "--sigma belongs to --field with --model"},
		{[]string{"--levels", "--data", "nowhere"}, exitData, "no such file or folder"},
		{[]string{"--levels", "--data", filepath.Join("..", "dataset", "testdata", "png", "truncated")}, exitData, "cut off"},
	} {
		r := infer(t, append([]string{"plot", "-o", filepath.Join(t.TempDir(), "x.png")}, c.args...)...)
		if r.code != c.code || !strings.Contains(strings.ToLower(r.err), strings.ToLower(c.says)) {
			t.Errorf("%q exits %d: %s", c.args, r.code, r.err)
		}
	}
}

// An array that is chosen from an archive is images as the array alone would be.
func TestTrainingTakesImagesOfAnArchive(t *testing.T) {
	x := lanes.New(8, 6*4)
	for j := range x.Dim() {
		for i := range x.Len() {
			x.Row(j)[i] = float64((5*i+j)%8) / 8
		}
	}
	path := filepath.Join(t.TempDir(), "set.npz")
	if err := draws.Write(path, draws.Table{Points: x, Shape: []int{6, 4}}); err != nil {
		t.Fatal(err)
	}
	r := infer(t, "train", "--data", path+":x", "--steps", "1", "--seed", "1", "-o", filepath.Join(t.TempDir(), "m.safetensors"))
	if r.code != 0 || !strings.Contains(r.out, "8 images of 6 x 4 pixels") {
		t.Errorf("exits %d: %s%s", r.code, r.out, r.err)
	}
}
