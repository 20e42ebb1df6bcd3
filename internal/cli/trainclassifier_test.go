package cli

import (
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/internal/dataset"
)

// named is a folder with a picture of 2 x 3 pixels in each of some folders.
func named(t *testing.T, folders ...string) string {
	t.Helper()
	whole := t.TempDir()
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(whole, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(whole, folder, "one.png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return whole
}

func TestClassesHaveTheNamesOfTheirFolders(t *testing.T) {
	d, err := dataset.ReadSplit(named(t, "train/cat", "train/dog"), "train")
	if err != nil {
		t.Fatal(err)
	}
	if got := labelled(d).Classes; !slices.Equal(got, []string{"cat", "dog"}) {
		t.Errorf("classes %q", got)
	}
}

// A ruler is trained, is the same again with the same seed, and judges.
func TestAClassifierIsTrainedAndJudges(t *testing.T) {
	if testing.Short() {
		t.Skip("40 epochs")
	}
	folder := realSet(t)
	train := func(workers string) (path string, r result) {
		path = filepath.Join(t.TempDir(), "ruler.safetensors")
		r = infer(t, "train", "--recipe", "classifier", "--data", folder, "--seed", "3", "--workers", workers, "-o", path)
		if r.code != 0 {
			t.Fatalf("exit %d: %s", r.code, r.err)
		}
		return path, r
	}
	ruler, one := train("1")
	_, two := train("2")
	hash := func(r result) string { return r.out[strings.Index(r.out, "sha256"):] }
	if hash(one) != hash(two) {
		t.Errorf("one worker and two make other rulers: %s%s", one.out, two.out)
	}
	if !strings.Contains(one.out, "10 classes") || !strings.Contains(one.out, "40 test images; seed 3") || !strings.Contains(one.err, "epoch 40: loss") {
		t.Errorf("said: %s%s", one.out, one.err)
	}
	r := infer(t, "eval", arrayOf(t, 20, 28, 28, nil), "--data", folder, "--classifier", ruler, "--json")
	var out struct {
		Ruler      string
		Classifier struct {
			Rows    int
			HeldOut int `json:"held_out"`
		}
	}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		t.Fatalf("exit %d, %v: %s", r.code, err, r.err)
	}
	if out.Classifier.Rows != 120 || out.Classifier.HeldOut != 40 || !strings.Contains(one.out, out.Ruler) {
		t.Errorf("judged by %+v", out)
	}
}

func TestARecipeWantsAStepOfImages(t *testing.T) {
	folder := setOf(t, 20, 20)
	for recipe, word := range map[string]string{"mnist-30m": "20 images to learn from, and a step of recipe mnist-30m takes 32", "tutorial-mnist": "20 images to learn from"} {
		r := infer(t, "train", "--recipe", recipe, "--data", folder, "--seed", "1", "--steps", "1", "-o", filepath.Join(folder, "m.safetensors"))
		if r.code != exitData || !strings.Contains(r.err, word) || !strings.Contains(r.err, folder) {
			t.Errorf("%s: exit %d, want %d, with %q: %s", recipe, r.code, exitData, word, r.err)
		}
	}
}

func TestAClassifierIsRefusedBeforeItIsTrained(t *testing.T) {
	folder, output := realSet(t), filepath.Join(t.TempDir(), "ruler.safetensors")
	for _, c := range []struct {
		name string
		args []string
		code int
		word string
	}{
		{"no data", []string{"-o", output}, exitUsage, "--data"},
		{"other format", []string{"--data", folder, "-o", "ruler.npz"}, exitUsage, ".safetensors"},
		{"no folder", []string{"--data", folder, "-o", filepath.Join(folder, "none", "ruler.safetensors")}, exitData, "none"},
		{"steps", []string{"--data", folder, "-o", output, "--steps", "3"}, exitUsage, "--steps"},
		{"a flag of networks", []string{"--data", folder, "-o", output, "--hidden", "3"}, exitUsage, "--hidden"},
		{"no workers", []string{"--data", folder, "-o", output, "--workers", "-1"}, exitUsage, "--workers"},
		{"other classes in the test", []string{"--data", named(t, "train/cat", "train/dog", "test/cat", "test/cow"), "-o", output}, exitData, "cat, dog, and its test images cat, cow"},
		{"too small", []string{"--data", named(t, "train/cat", "train/dog", "test/cat", "test/dog"), "-o", output}, exitData, "2 x 3"},
		{"no labels", []string{"--data", without(t, folder, "train-labels-idx1-ubyte"), "-o", output}, exitData, "no labels"},
		{"no test labels", []string{"--data", without(t, folder, "t10k-labels-idx1-ubyte"), "-o", output}, exitData, "no labels"},
		{"no test images", []string{"--data", without(t, folder, "t10k-images-idx3-ubyte"), "-o", output}, exitData, "t10k-images-idx3-ubyte"},
	} {
		r := infer(t, append([]string{"train", "--recipe", "classifier"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.err, c.word) {
			t.Errorf("%s: exit %d, want %d, with %q: %s", c.name, r.code, c.code, c.word, r.err)
		}
		if strings.Contains(r.err, "epoch") {
			t.Errorf("%s: was trained: %s", c.name, r.err)
		}
	}
}
