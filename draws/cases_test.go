package draws_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
)

// mustRead reads a file that has to be good.
func mustRead(t *testing.T, path string, options draws.Options) draws.Table {
	t.Helper()
	table, err := draws.Read(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// sameBits fails the test unless both tables hold the same.
func sameBits(t *testing.T, what string, got, want draws.Table) {
	t.Helper()
	if got.Points.Len() != want.Points.Len() || got.Points.Dim() != want.Points.Dim() {
		t.Errorf("%s: %d x %d, want %d x %d", what, got.Points.Len(), got.Points.Dim(), want.Points.Len(), want.Points.Dim())
		return
	}
	if strings.Join(got.Names, "\n") != strings.Join(want.Names, "\n") {
		t.Errorf("%s: names %q, want %q", what, got.Names, want.Names)
	}
	if !bytes.Equal(got.Meta, want.Meta) {
		t.Errorf("%s: meta %q, want %q", what, got.Meta, want.Meta)
	}
	for j := range want.Points.Dim() {
		sameColumn(t, what, got.Points.Row(j)[:got.Points.Len()], want.Points.Row(j)[:want.Points.Len()])
	}
	if (got.LogProb == nil) != (want.LogProb == nil) || len(got.LogProb) != len(want.LogProb) {
		t.Errorf("%s: %d values of log p, want %d", what, len(got.LogProb), len(want.LogProb))
		return
	}
	sameColumn(t, what, got.LogProb, want.LogProb)
}

func sameColumn(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Errorf("%s: row %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

func TestFilesOfOtherProgramsReadTheSame(t *testing.T) {
	// The figures of the two base files, so that they are not all wrong together.
	base := mustRead(t, "testdata/npy/c.npy", draws.Options{})
	if base.Points.Len() != 300 || base.Points.Dim() != 2 {
		t.Fatalf("%d x %d", base.Points.Len(), base.Points.Dim())
	}
	for j, want := range []struct{ first, mean, sd float64 }{
		{1.0006150766787414, 0.934068028124486, 0.461145002822764},
		{2.535488534691332, -2.40678662188896, 2.76003683287784},
	} {
		x := base.Points.Row(j)[:300]
		var sum, squares float64
		for _, v := range x {
			sum += v
		}
		mean := sum / 300
		for _, v := range x {
			squares += (v - mean) * (v - mean)
		}
		sd := math.Sqrt(squares / 300)
		if x[0] != want.first || math.Abs(mean-want.mean) > 1e-12 || math.Abs(sd-want.sd) > 1e-12 && math.Abs(math.Sqrt(squares/299)-want.sd) > 1e-12 {
			t.Errorf("column %d: first %v, mean %v, sd %v, want %v", j, x[0], mean, sd, want)
		}
	}
	for _, name := range []string{
		"npy/fortran.npy", "npy/big_endian.npy", "npy/v2.npy", "npy/align16.npy", "npz/deflated.npz", "npz/zip64.npz",
		"npz/two_arrays.npz:x",
		"csv/base.csv", "csv/bom.csv", "csv/crlf.csv", "csv/comments.csv", "csv/quoted.csv", "csv/semicolon_decimal_comma.csv",
	} {
		sameBits(t, name, mustRead(t, "testdata/"+name, draws.Options{}), base)
	}
	other := mustRead(t, "testdata/npz/two_arrays.npz", draws.Options{Array: "y"})
	if other.Points.Row(0)[0] == base.Points.Row(0)[0] {
		t.Error("array y is array x")
	}
}

func TestColumnMajorImagesKeepTheirPixels(t *testing.T) {
	if _, err := draws.Read("testdata/npy/images_fortran.npy", draws.Options{}); err == nil || !strings.Contains(err.Error(), "shape is (16, 28, 28), which has 3 axes") {
		t.Errorf("three axes: %v", err)
	}
	table := mustRead(t, "testdata/npy/images_fortran.npy", draws.Options{PointAxes: 1})
	if table.Points.Len() != 16 || table.Points.Dim() != 784 {
		t.Fatalf("%d x %d", table.Points.Len(), table.Points.Dim())
	}
	raw, err := os.ReadFile("testdata/npy/images_fortran.npy")
	if err != nil {
		t.Fatal(err)
	}
	raw = raw[len(raw)-16*784:]
	for i := range 16 {
		for row := range 28 {
			for column := range 28 {
				if got, want := table.Points.Row(28*row + column)[i], float64(raw[i+16*(row+28*column)]); got != want {
					t.Fatalf("image %d, pixel (%d, %d) is %v, want %v", i, row, column, got, want)
				}
			}
		}
	}
}

func TestFilesThatAreRefusedInWords(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"npy/scalar.npy", "the shape is (), a single number: it has no rows and columns"},
		{"npy/empty_0x2.npy", "the shape is (0, 2): there are no rows"},
		{"npy/grouped_shape.npy", "the header declares (1, 200, 2) = 3200 bytes, 19200 are there"},
		{"npy/structured.npy", `[('x0', '<f8'), ('x1', '<f8')]`},
		{"npy/short.npy", "(300, 2) = 4800 bytes, 4792 are there: 8 are missing"},
		{"npy/long.npy", "(300, 2) = 4800 bytes, 4808 are there: 8 too many"},
		{"npy/nan_row.npy", "row 137, column 1 is NaN"},
		{"npy/one_nan_1000x2.npy", "row 17, column 1 is NaN"},
		{"npz/two_arrays.npz", "it holds the arrays x, y: choose one by its name after a colon, as in file.npz:x"},
		{"npz/two_arrays.npz:z", `it holds no array "z"; it holds x, y`},
		{"npz/bad_crc.npz", "array x: its checksum (CRC-32) is"},
		{"npy/c.npy:x", "only npz files have named arrays"},
		{"csv/underscore.csv", `line 2: column x0 is "1_000": not a number`},
		{"csv/nonfinite_00.csv", "line 3, column x1 is NaN"},
		{"csv/nan_row.csv", "line 3, column x1 is NaN"},
		{"csv", "an ordinary file"},
		{"none.npy", "no such file"},
		{"none.npz:x", "no such file"},
	} {
		_, err := draws.Read("testdata/"+c.file, draws.Options{})
		name, _, _ := strings.Cut(c.file, ":")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", c.file, err, c.want)
		}
	}
}

func TestNonFiniteNumbersAreATypedErrorAndCanBeAllowed(t *testing.T) {
	_, err := draws.Read("testdata/npy/one_nan_1000x2.npy", draws.Options{})
	var bad *draws.NonFiniteError
	if !errors.As(err, &bad) || bad.Row != 17 || bad.Column != 1 || bad.Line != 0 || bad.Name != "x1" || !math.IsNaN(bad.Value) {
		t.Errorf("%+v", bad)
	}
	_, err = draws.Read("testdata/csv/nan_row.csv", draws.Options{})
	if !errors.As(err, &bad) || bad.Row != 1 || bad.Column != 1 || bad.Line != 3 || bad.Name != "x1" {
		t.Errorf("%+v", bad)
	}
	for _, name := range []string{"csv/nan_row.csv", "csv/nonfinite_00.csv"} {
		table := mustRead(t, "testdata/"+name, draws.Options{AllowNonFinite: true})
		if x := table.Points.Row(1); x[0] != 2 || !math.IsNaN(x[1]) || x[2] != 5 {
			t.Errorf("%s: %v", name, x[:3])
		}
	}
	if x := mustRead(t, "testdata/npy/one_nan_1000x2.npy", draws.Options{AllowNonFinite: true}).Points.Row(1); !math.IsNaN(x[17]) {
		t.Errorf("row 17 is %v", x[17])
	}
}

func TestEveryNumberOfATextIsRoundedRight(t *testing.T) {
	want := []float64{
		0x0.4de5931d1c714p-1022, 0x0.000000000001fp-1022, 0x0.0000000000001p-1022, 0x0.fffffffffffffp-1022, 0x0.0p+0,
		0x1.999999999999ap-4, 0x1.0f0cf064dd592p+73, 0x1.0000000000000p+53, 0x1.8ee90ff6c373ep+96, 0x1.0000000000000p-1022,
		0x1.0000000000000p-1, 0x1.4000000000000p+2, 0x1.f400000000000p+9, math.Copysign(0, -1),
	}
	table := mustRead(t, "testdata/csv/subnormal.csv", draws.Options{})
	if table.Points.Len() != len(want) {
		t.Fatalf("%d rows, want %d", table.Points.Len(), len(want))
	}
	sameColumn(t, "x0", table.Points.Row(0)[:len(want)], want)
}

func TestPointsOfAnotherDimensionAreReadAsTheyAre(t *testing.T) {
	if wide := mustRead(t, "testdata/npy/wide_10x3.npy", draws.Options{}); wide.Points.Len() != 10 || wide.Points.Dim() != 3 {
		t.Errorf("%d x %d", wide.Points.Len(), wide.Points.Dim())
	}
}
