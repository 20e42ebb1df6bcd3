package draws_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/lanes"
)

// awkward are numbers that formats get wrong.
var awkward = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, 1.0 / 3, math.Pi, 1e22, 1e23, 5e-324, -5e-324, 2.225073858507201e-308, math.SmallestNonzeroFloat64 * 31,
	0x1p-1022, math.MaxFloat64, -math.MaxFloat64, 1 << 53, 1<<53 + 2, 123456789012345680, 9.5367431640625e-07, 1e-5, 1e21, 6.02214076e23,
}

// randomTable holds awkward numbers and then finite numbers of all magnitudes.
func randomTable(n, dim int, seed uint64) draws.Table {
	random := rand.New(rand.NewPCG(seed, 7))
	t := draws.Table{Points: lanes.New(n, dim)}
	k := 0
	next := func() float64 {
		if k++; k <= len(awkward) {
			return awkward[k-1]
		}
		for {
			if v := math.Float64frombits(random.Uint64()); v-v == 0 {
				return v
			}
		}
	}
	for i := range n {
		for j := range dim {
			t.Points.Row(j)[i] = next()
		}
		t.LogProb = append(t.LogProb, next())
	}
	return t
}

// encoded is a table in a format.
func encoded(t *testing.T, suffix string, table draws.Table) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := draws.Encode(&b, suffix, table); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decoded is the table of a file.
func decoded(t *testing.T, data []byte, options draws.Options) draws.Table {
	t.Helper()
	table, err := draws.Decode(bytes.NewReader(data), int64(len(data)), "", options)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestEveryFormatGivesBackTheBits(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 3}, {7, 1}, {8, 2}, {100, 17}, {5000, 2}, {3, 4000}} {
		for variant := range 4 {
			table := randomTable(size[0], size[1], uint64(variant))
			if variant&1 == 1 {
				table.LogProb = nil
			} else {
				table.LogProb[0] = math.Inf(-1)
			}
			if variant&2 == 2 {
				table.Meta = []byte(`{"density":"-(norm(x)-2.6)^2/0.033","seed":18446744073709551615,"name":"Maß\n€ 🎲"}`)
				for j := range size[1] {
					table.Names = append(table.Names, fmt.Sprintf("mu[%d, \"ä\"]", j))
				}
			}
			for _, suffix := range []string{".npz", ".csv", ".npy", ".NPZ"} {
				want := table
				if want.Names == nil {
					for j := range size[1] {
						want.Names = append(want.Names, fmt.Sprintf("x%d", j))
					}
				}
				data := encoded(t, suffix, table)
				got := decoded(t, data, draws.Options{})
				if suffix == ".npy" {
					want.Names, want.LogProb, want.Meta = got.Names, nil, nil
				}
				sameBits(t, fmt.Sprintf("%d x %d, variant %d, %s", size[0], size[1], variant, suffix), got, want)
				if !bytes.Equal(data, encoded(t, suffix, table)) {
					t.Errorf("%s: the same table gives other bytes", suffix)
				}
			}
		}
	}
}

// Images keep their rows and columns. Beside a configuration a reader knows that they are no rows of points; else it asks.
func TestPointsKeepTheirShape(t *testing.T) {
	table := randomTable(5, 12, 3)
	table.Shape, table.LogProb, table.Meta = []int{4, 3}, nil, []byte(`{"seed":1}`)
	for _, suffix := range []string{".npz", ".npy"} {
		data := encoded(t, suffix, table)
		if !bytes.Contains(data, []byte("'shape': (5, 4, 3)")) {
			t.Errorf("%s: no shape (5, 4, 3)", suffix)
		}
		options := draws.Options{}
		if suffix == ".npy" {
			options.PointAxes = 1
		}
		got := decoded(t, data, options)
		if fmt.Sprint(got.Shape) != "[4 3]" {
			t.Errorf("%s: points of shape %v", suffix, got.Shape)
		}
		for i := range 5 {
			for j := range 12 {
				if a, b := got.Points.Row(j)[i], table.Points.Row(j)[i]; math.Float64bits(a) != math.Float64bits(b) {
					t.Fatalf("%s: coordinate %d of point %d is %v, was %v", suffix, j, i, a, b)
				}
			}
		}
	}
	for _, shape := range [][]int{{4, 4}, {12, 0}, {-4, -3}, {1 << 62, 4}} {
		table.Shape = shape
		if err := draws.Encode(new(bytes.Buffer), ".npy", table); err == nil || !strings.Contains(err.Error(), "points of shape") {
			t.Errorf("shape %v: %v", shape, err)
		}
	}
}

func TestConfigurationIsOneLine(t *testing.T) {
	table := randomTable(2, 1, 1)
	table.Meta = []byte("{\n  \"seed\": 1\n}\n")
	for _, suffix := range []string{".npz", ".csv"} {
		if got := decoded(t, encoded(t, suffix, table), draws.Options{}); string(got.Meta) != `{"seed":1}` {
			t.Errorf("%s: %q", suffix, got.Meta)
		}
	}
}

func TestTextIsWhatAPersonExpects(t *testing.T) {
	table := draws.Table{Points: lanes.New(2, 2), LogProb: []float64{-0.5, math.Inf(-1)}, Meta: []byte(`{"seed":1}`)}
	table.Points.SetPoint(0, []float64{0.1, -1e-7})
	table.Points.SetPoint(1, []float64{3, math.Copysign(0, -1)})
	want := "# infer: {\"seed\":1}\nx0,x1,logp\n0.1,-1e-07,-0.5\n3,-0,-Inf\n"
	if got := string(encoded(t, ".csv", table)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNaNHasOnePatternInFiles(t *testing.T) {
	table := draws.Table{Points: lanes.New(3, 1)}
	copy(table.Points.Row(0), []float64{math.Float64frombits(0xfff8000000000123), math.Inf(1), math.Inf(-1)})
	for _, suffix := range []string{".npy", ".npz", ".csv"} {
		data := encoded(t, suffix, table)
		var bad *draws.NonFiniteError
		if _, err := draws.Decode(bytes.NewReader(data), int64(len(data)), suffix, draws.Options{}); !errors.As(err, &bad) || bad.Row != 0 {
			t.Errorf("%s: %v", suffix, err)
		}
		got := decoded(t, data, draws.Options{AllowNonFinite: true}).Points.Row(0)
		if !math.IsNaN(got[0]) || !math.IsInf(got[1], 1) || !math.IsInf(got[2], -1) {
			t.Errorf("%s: %v", suffix, got[:3])
		}
		if suffix != ".csv" && !bytes.Contains(data, binary.LittleEndian.AppendUint64(nil, 0x7ff8000000000000)) {
			t.Errorf("%s holds another NaN", suffix)
		}
	}
}

func TestLogProbMayOnlyBeNumbersAndMinusInfinity(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		table := draws.Table{Points: lanes.New(3, 1), LogProb: []float64{1, v, 1}}
		for suffix, want := range map[string]string{".npz": "row 1 of logp", ".csv": "line 3, column logp"} {
			data := encoded(t, suffix, table)
			_, err := draws.Decode(bytes.NewReader(data), int64(len(data)), suffix, draws.Options{})
			var bad *draws.NonFiniteError
			if !errors.As(err, &bad) || bad.Column != -1 || bad.Row != 1 || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", suffix, err, want)
			}
		}
	}
}

func TestTablesThatAreNotWritten(t *testing.T) {
	good := func() draws.Table { return randomTable(3, 2, 1) }
	for _, c := range []struct {
		suffix string
		spoil  func(*draws.Table)
		want   string
	}{
		{".txt", func(*draws.Table) {}, `no format has the suffix ".txt": use .npz, .npy or .csv`},
		{"", func(*draws.Table) {}, `no format has the suffix ""`},
		{".npz", func(t *draws.Table) { t.Points = nil }, "without points"},
		{".npz", func(t *draws.Table) { t.Points = lanes.New(0, 2) }, "without points"},
		{".npz", func(t *draws.Table) { t.LogProb = t.LogProb[:2] }, "2 values of log p for 3 points"},
		{".npz", func(t *draws.Table) { t.Meta = []byte("{") }, "not JSON"},
		{".csv", func(t *draws.Table) { t.Names = []string{"a"} }, "1 names for 2 coordinates"},
		{".csv", func(t *draws.Table) { t.Names = []string{"a", "a"} }, `two columns have the name "a"`},
		{".csv", func(t *draws.Table) { t.Names = []string{"a", "logp"} }, "which is that of log p"},
		{".npz", func(t *draws.Table) { t.Points = lanes.New(3, 1); t.Names = []string{"logp"} }, "which is that of log p"},
		{".csv", func(t *draws.Table) { t.Names = []string{"a", "NaN"} }, `the name "NaN"`},
		{".csv", func(t *draws.Table) { t.Names = []string{"a", "1"} }, `the name "1"`},
		{".csv", func(t *draws.Table) { t.Names = []string{"a", "b\n"} }, `the name "b\n"`},
	} {
		table := good()
		c.spoil(&table)
		path := filepath.Join(t.TempDir(), "d"+c.suffix)
		if err := draws.Write(path, table); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file is there", c.want)
		}
	}
	dir := t.TempDir()
	err := draws.Write(filepath.Join(dir, "none", "d.npz"), good())
	var notWritten *store.NotWrittenError
	if !errors.As(err, &notWritten) {
		t.Errorf("no folder: %v", err)
	}
	if err := draws.Write(filepath.Join(dir, "d.npz"), good()); err != nil {
		t.Error(err)
	}
}
