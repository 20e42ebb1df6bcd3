package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/store"
)

// trained runs a short training and returns the bits of the weights, or "" where it is refused.
func trained(t *testing.T, args ...string) (weights string, r result) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.safetensors")
	r = infer(t, append([]string{"train", "--steps", "20", "--seed", "1", "-o", out}, args...)...)
	if r.code != 0 {
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v exits %d and leaves a model", args, r.code)
		}
		return "", r
	}
	return weightsOf(t, out), r
}

func weightsOf(t *testing.T, path string) string {
	t.Helper()
	s, err := store.ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, tensor := range s.Tensors {
		b.WriteString(tensor.Name)
		b.Write(tensor.Data)
	}
	return b.String()
}

// Public reports of files that other readers took wrongly: what they hold decides, however it is written, and what is not sound is
// refused with words.
func TestTrainingReadsFilesAsTheyAre(t *testing.T) {
	folder := filepath.Join("..", "..", "draws", "testdata")
	same := map[string][]string{
		"npy/c.npy":    {"npy/fortran.npy", "npy/big_endian.npy", "npy/v2.npy", "npy/align16.npy", "npz/deflated.npz", "npz/zip64.npz"},
		"csv/base.csv": {"csv/bom.csv", "csv/crlf.csv", "csv/comments.csv", "csv/quoted.csv", "csv/semicolon_decimal_comma.csv"},
	}
	for base, others := range same {
		want, r := trained(t, "--data", filepath.Join(folder, base))
		if r.code != 0 {
			t.Fatalf("%s: %s", base, r.err)
		}
		for _, other := range others {
			if got, r := trained(t, "--data", filepath.Join(folder, other)); got != want {
				t.Errorf("%s gives other weights than %s: %s", other, base, r.err)
			}
		}
	}
	for name, words := range map[string]string{
		"npy/scalar.npy": "rows", "npy/empty_0x2.npy": "row", "npy/grouped_shape.npy": "bytes", "npy/short.npy": "bytes", "npy/long.npy": "bytes",
		"npz/two_arrays.npz": "x, y", "npz/bad_crc.npz": "checksum", "csv/underscore.csv": "line 2", "csv/nonfinite_00.csv": "line 3",
		"npy/nan_row.npy": "row 137, column 1", "csv/nan_row.csv": "line 3", "npy/structured.npy": "",
	} {
		_, r := trained(t, "--data", filepath.Join(folder, name))
		if r.code != exitData || !strings.Contains(r.err, words) {
			t.Errorf("%s exits %d: %s", name, r.code, r.err)
		}
	}
	// sbi#126: standardising a constant column divided by 0.
	if _, r := trained(t, "--data", filepath.Join(folder, "npy/constant_column.npy")); r.code != 0 && r.code != exitData || !strings.Contains(r.err, "constant") && !strings.Contains(r.err, "same") {
		t.Errorf("a constant column exits %d: %s", r.code, r.err)
	}
}

// safetensors#401, mlx#3363: files that are no models, in 50 ms and with words.
func TestFilesThatAreNoModels(t *testing.T) {
	folder := filepath.Join("..", "store", "testdata", "safetensors")
	for name, words := range map[string]string{
		"dup_keys": "duplicate name", "shape_vs_offsets": "", "offset_beyond": "", "meta_empty": "no usable model", "padded_spaces": "no usable model",
	} {
		began := time.Now()
		r := infer(t, "sample", "--model", filepath.Join(folder, name+".safetensors"))
		if r.code != exitData || !strings.Contains(r.err, words) {
			t.Errorf("%s exits %d: %s", name, r.code, r.err)
		}
		if strings.HasPrefix(words, "no usable") && strings.Contains(r.err, "corrupt") {
			t.Errorf("%s is called corrupt: %s", name, r.err)
		}
		t.Logf("%s: %v, %s", name, time.Since(began), strings.TrimSpace(r.err))
	}
}

// The tutorial's pipeline and the corrected one, from the command line.
func TestRecipesEndToEnd(t *testing.T) {
	folder := t.TempDir()
	for _, c := range []struct {
		recipe   string
		low, top float64
	}{{"tutorial-donut", 0.195, 0.209}, {"donut", 0.124, 0.132}} {
		model, path := filepath.Join(folder, c.recipe+".safetensors"), filepath.Join(folder, c.recipe+".npz")
		if r := infer(t, "train", "--recipe", c.recipe, "--seed", "1", "-o", model, "--plot", filepath.Join(folder, "loss.svg"), "--curve", filepath.Join(folder, "loss.csv")); r.code != 0 {
			t.Fatal(r.err)
		}
		if r := infer(t, "sample", "--model", model, "--seed", "2", "-o", path); r.code != 0 {
			t.Fatal(r.err)
		}
		table, err := draws.Read(path, draws.Options{})
		if err != nil {
			t.Fatal(err)
		}
		radii := make([]float64, table.Points.Len())
		for i := range radii {
			radii[i] = math.Hypot(points(table, 0)[i], points(table, 1)[i])
		}
		m := momentsOf(radii)
		sd := math.Sqrt(m.variance)
		t.Logf("%s: radius of mean %.4f, sd %.4f", c.recipe, m.mean, sd)
		if sd < c.low || sd > c.top {
			t.Errorf("%s: the sd of the radius is %.4f, want %.3f to %.3f", c.recipe, sd, c.low, c.top)
		}
		if r := infer(t, "plot", "--field", "--model", model, "--density", "donut", "-o", filepath.Join(folder, "field.png")); r.code != 0 {
			t.Error(r.err)
		}
		if r := infer(t, "sample", "--model", model, "--sampler", "mala"); r.code != exitUsage || !strings.Contains(r.err, "needs log p") {
			t.Errorf("mala without log p exits %d: %s", r.code, r.err)
		}
		if r := infer(t, "rerun", path); r.code != 0 || !strings.Contains(r.err, "bit for bit") {
			t.Errorf("rerun exits %d: %s", r.code, r.err)
		}
	}
}

// The levels of NCSNv2's design fall from the largest distance in the data.
func TestNoiseLevelsOfAFile(t *testing.T) {
	r := infer(t, "plot", "--schedule", "--points", filepath.Join("..", "..", "draws", "testdata", "npy", "c.npy"), "-o", filepath.Join(t.TempDir(), "levels.svg"))
	if r.code != 0 || !strings.Contains(r.out, "levels from") {
		t.Errorf("exits %d: %s%s", r.code, r.out, r.err)
	}
}

func TestTrainingAsJSON(t *testing.T) {
	out := filepath.Join(t.TempDir(), "m.safetensors")
	r := infer(t, "train", "--data", "donut", "--points", "500", "--steps", "10", "--seed", "1", "-o", out, "--json")
	var v map[string]any
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || r.code != 0 || v["parameters"] == nil {
		t.Errorf("%d %v %s %s", r.code, err, r.out, r.err)
	}
}
