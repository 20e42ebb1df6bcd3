package cli

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
)

// realSet writes a folder of 120 training and 40 test images of blurred bars, with labels.
func realSet(t *testing.T) string {
	t.Helper()
	return setOf(t, 120, 40)
}

func setOf(t *testing.T, training, test int) string {
	t.Helper()
	folder := t.TempDir()
	for part, count := range map[string]int{"train": training, "t10k": test} {
		images := binary.BigEndian.AppendUint32(nil, 0x803)
		labels := binary.BigEndian.AppendUint32(nil, 0x801)
		for _, n := range []int{count, 28, 28} {
			images = binary.BigEndian.AppendUint32(images, uint32(n))
		}
		labels = binary.BigEndian.AppendUint32(labels, uint32(count))
		for i := range count {
			labels = append(labels, byte(i%10))
			phase := float64(i)*0.37 + float64(len(part))
			for y := range 28 {
				for x := range 28 {
					d := float64(x) - 14 - 6*math.Sin(float64(y)/5+phase)
					images = append(images, byte(255*math.Exp(-d*d/4)))
				}
			}
		}
		for name, content := range map[string][]byte{"images-idx3-ubyte": images, "labels-idx1-ubyte": labels} {
			if err := os.WriteFile(filepath.Join(folder, part+"-"+name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

// noiseDraws writes draws that are gray with a little structure.
func noiseDraws(t *testing.T, count, dim int) string {
	t.Helper()
	x := lanes.New(count, dim)
	for j := range dim {
		for i := range count {
			x.Row(j)[i] = 0.5 + 0.7*math.Sin(float64(i*dim+j)*12.9898) // beyond 0 and 1, as draws are
		}
	}
	path := filepath.Join(t.TempDir(), "draws.npz")
	if err := draws.Write(path, draws.Table{Points: x}); err != nil {
		t.Fatal(err)
	}
	return path
}

// Fewer images than features: every figure is finite, and the floor and the number stand beside it.
func TestFiguresOfFewImagesHaveAFloor(t *testing.T) {
	folder := realSet(t)
	r := infer(t, "eval", noiseDraws(t, 50, 784), "--data", folder, "--classifier", "digits", "--json")
	if r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	var out struct {
		Count, Draws, Training int
		FID                    float64 `json:"fid"`
		KID                    float64 `json:"kid"`
		Noise                  float64 `json:"noise_sigma"`
		TooNear                float64 `json:"too_near"`
		Chance                 float64 `json:"too_near_by_chance"`
		Real                   struct {
			FID    float64 `json:"fid"`
			KID    float64 `json:"kid"`
			Recall float64 `json:"recall"`
		} `json:"real"`
	}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		t.Fatal(err)
	}
	if out.Count != 40 || out.Draws != 50 || out.Training != 120 {
		t.Errorf("%d of %d draws against %d images", out.Count, out.Draws, out.Training)
	}
	for _, v := range []float64{out.FID, out.KID, out.Noise, out.Real.FID, out.Real.KID, out.Real.Recall} {
		if v-v != 0 {
			t.Errorf("a figure is %v", v)
		}
	}
	if !(out.FID > 10*out.Real.FID && out.Real.FID > 0) || out.Noise == 0 {
		t.Errorf("noise has FID %v, real images %v, as noise of %v", out.FID, out.Real.FID, out.Noise)
	}
	if out.TooNear != 0 || math.Abs(out.Chance-1.0/41) > 1e-15 { // the next of 41 is the nearest
		t.Errorf("%v are too near, by chance %v", out.TooNear, out.Chance)
	}
	// The same in words.
	r = infer(t, "eval", noiseDraws(t, 50, 784), "--data", folder, "--classifier", "digits")
	if line := strings.Fields(lineOf(r.out, "too near")); len(line) < 9 || line[2] != "0" || line[3] != "0.024" || !strings.Contains(r.out, "as near as the nearest real image, or nearer; by chance") {
		t.Errorf("copies are not told with what chance gives: %q", line)
	}
	for _, word := range []string{"40 of 50 draws", "120 training images", "times the floor", "FID", "KID", "precision", "recall", "confidence"} {
		if !strings.Contains(r.out, word) {
			t.Errorf("%q is not said: %s", word, r.out)
		}
	}
}

// lineOf is the line of a text that has some words.
func lineOf(text, words string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, words) {
			return line
		}
	}
	return ""
}

// What no noise makes as bad is told as such.
func TestFiguresOfTheWorstDraws(t *testing.T) {
	white := arrayOf(t, 30, 28, 28, func(int, int, float64) float64 { return 1 })
	r := infer(t, "eval", white, "--data", realSet(t), "--classifier", "digits")
	if r.code != 0 || !strings.Contains(lineOf(r.out, "FID"), "as real images with noise of 1 or more") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

// arrayOf writes an npy file of n images of zeros and ones, or of what change makes of them.
func arrayOf(t *testing.T, n, height, width int, change func(image, pixel int, v float64) float64) string {
	t.Helper()
	x := lanes.New(n, height*width)
	for j := range x.Dim() {
		for i := range n {
			x.Row(j)[i] = float64((i*7 + j*3) % 5 / 4)
			if change != nil {
				x.Row(j)[i] = change(i, j, x.Row(j)[i])
			}
		}
	}
	path := filepath.Join(t.TempDir(), "draws.npy")
	if err := draws.Write(path, draws.Table{Points: x, Shape: []int{height, width}}); err != nil {
		t.Fatal(err)
	}
	return path
}

// Arrays (n, height, width), which infer sample writes, are judged as the rows of an archive are; bytes as what they stand for.
func TestEvalReadsArraysOfImages(t *testing.T) {
	folder := realSet(t)
	judge := func(path string) result {
		r := infer(t, "eval", path, "--data", folder, "--classifier", "digits", "--json")
		if r.code != 0 {
			t.Fatalf("exit %d: %s", r.code, r.err)
		}
		return r
	}
	plain := judge(arrayOf(t, 20, 28, 28, nil))
	bytes := judge(arrayOf(t, 20, 28, 28, func(_, _ int, v float64) float64 { return 255 * v }))
	if plain.out != bytes.out {
		t.Errorf("bytes are judged otherwise:\n%s\n%s", plain.out, bytes.out)
	}
	if plain.err != "" || !strings.Contains(bytes.err, "taken for bytes") {
		t.Errorf("said of numbers %q, of bytes %q", plain.err, bytes.err)
	}
}

// Pixels of another range would be clipped, and the figures be those of other images.
func TestEvalSaysWhenPixelsAreOfAnotherRange(t *testing.T) {
	folder := realSet(t)
	r := infer(t, "eval", arrayOf(t, 30, 28, 28, func(_, _ int, v float64) float64 { return 3*v - 1.5 }), "--data", folder, "--classifier", "digits")
	if r.code != 0 || !strings.Contains(r.err, "go from -1.5 to 1.5, are beyond black, 0, and white, 1") {
		t.Errorf("exits %d: %s", r.code, r.err)
	}
	for word, change := range map[string]func(v float64) float64{
		"go from 0 to 254.5": func(v float64) float64 { return 254.5 * v }, "save (x + 1)/2": func(v float64) float64 { return 2*v - 1 },
	} {
		r := infer(t, "eval", arrayOf(t, 30, 28, 28, func(_, _ int, v float64) float64 { return change(v) }), "--data", folder, "--classifier", "digits")
		if r.code != exitData || !strings.Contains(r.err, word) {
			t.Errorf("%q exits %d: %s", word, r.code, r.err)
		}
	}
}

func TestEvalRefusesWhatItCannotJudge(t *testing.T) {
	folder := realSet(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		word string
	}{
		{"no data", []string{noiseDraws(t, 30, 784)}, exitUsage, "--data"},
		{"too few", []string{noiseDraws(t, 10, 784), "--data", folder, "--classifier", "digits"}, exitUsage, "20"},
		{"other size", []string{noiseDraws(t, 30, 100), "--data", folder, "--classifier", "digits"}, exitData, "28 x 28"},
		{"unknown images", []string{noiseDraws(t, 30, 784), "--data", folder}, exitUsage, "--recipe classifier"},
		{"no such ruler", []string{noiseDraws(t, 30, 784), "--data", folder, "--classifier", "none.safetensors"}, exitData, "none.safetensors"},
		{"too few of an array", []string{arrayOf(t, 19, 28, 28, nil), "--data", folder, "--classifier", "digits"}, exitUsage, "19"},
		{"other shape", []string{arrayOf(t, 30, 14, 56, nil), "--data", folder, "--classifier", "digits"}, exitData, "14 x 56"},
		{"NaN", []string{arrayOf(t, 30, 28, 28, lastAs(math.NaN())), "--data", folder, "--classifier", "digits"}, exitData, "NaN"},
		{"huge", []string{arrayOf(t, 30, 28, 28, lastAs(1e300)), "--data", folder, "--classifier", "digits"}, exitData, "image 29"},
		{"no workers", []string{arrayOf(t, 30, 28, 28, nil), "--data", folder, "--workers=-1"}, exitUsage, "--workers -1"},
		{"no such model", []string{arrayOf(t, 30, 28, 28, nil), "--data", folder, "--classifier", "digits", "--model", "nix"}, exitUsage, "nix"},
		{"a score as ruler", []string{arrayOf(t, 30, 28, 28, nil), "--data", folder, "--classifier", tinyFile(t, nil)}, exitData, "infer classifier 1"},
		{"a model of other images", []string{arrayOf(t, 30, 28, 28, nil), "--data", folder, "--classifier", "digits", "--model", tinyFile(t, nil)}, exitUsage, "24 pixels"},
		{"test images that are training images", []string{arrayOf(t, 30, 28, 28, nil), "--data", repeated(t, folder), "--classifier", "digits"}, exitData, "training images too"},
		{"few test images", []string{arrayOf(t, 30, 28, 28, nil), "--data", setOf(t, 30, 2), "--classifier", "digits"}, exitData, "2 test images"},
		{"no test images", []string{arrayOf(t, 30, 28, 28, nil), "--data", without(t, folder, "t10k-images-idx3-ubyte")}, exitData, "t10k-images-idx3-ubyte"},
		{"no labels", []string{arrayOf(t, 30, 28, 28, nil), "--data", without(t, folder, "t10k-labels-idx1-ubyte")}, exitUsage, "--classifier"},
		{"no such draws", []string{"none.npz", "--data", folder}, exitData, "no such file"},
		{"no such folder", []string{noiseDraws(t, 30, 784), "--data", "nowhere"}, exitData, "nowhere"},
	} {
		r := infer(t, append([]string{"eval"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.err, c.word) {
			t.Errorf("%s: exit %d, want %d, with %q: %s", c.name, r.code, c.code, c.word, r.err)
		}
	}
}

// lastAs makes the last pixel of image 29 a number.
func lastAs(number float64) func(image, pixel int, v float64) float64 {
	return func(image, pixel int, v float64) float64 {
		if image == 29 && pixel == 783 {
			return number
		}
		return v
	}
}

// without is a copy of a folder without one of its files.
func without(t *testing.T, folder, name string) string {
	t.Helper()
	rest := t.TempDir()
	if err := os.CopyFS(rest, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(rest, name)); err != nil {
		t.Fatal(err)
	}
	return rest
}

// repeated is a copy of a folder whose test set is its training set.
func repeated(t *testing.T, folder string) string {
	t.Helper()
	whole := without(t, folder, "t10k-images-idx3-ubyte")
	for _, name := range []string{"images-idx3-ubyte", "labels-idx1-ubyte"} {
		content, err := os.ReadFile(filepath.Join(folder, "train-"+name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(whole, "t10k-"+name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return whole
}
