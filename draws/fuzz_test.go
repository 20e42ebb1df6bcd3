package draws_test

import (
	"archive/zip"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/scorefield/infer/draws"
)

// fuzzRead reads anything without panic and within 16 times its size and 64 MiB; what it accepts is a table that
// can be written, and comes back with the same bits.
func fuzzRead(f *testing.F, suffix string, seeds ...[]byte) {
	files, err := filepath.Glob("testdata/" + suffix[1:] + "/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 6000 {
			f.Add(data)
		}
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, options := range []draws.Options{{}, {AllowNonFinite: true, PointAxes: 1}} {
			var table draws.Table
			var err error
			bytes := allocated(func() {
				table, err = draws.Decode(bytes.NewReader(data), int64(len(data)), "", options)
			})
			if bytes > 16*uint64(len(data))+64<<20 {
				t.Fatalf("%d bytes allocated for %d", bytes, len(data))
			}
			if err != nil {
				continue
			}
			if table.Points.Len() == 0 || table.Points.Dim() != len(table.Names) || table.LogProb != nil && len(table.LogProb) != table.Points.Len() {
				t.Fatalf("%d x %d, %d names, %d log p", table.Points.Len(), table.Points.Dim(), len(table.Names), len(table.LogProb))
			}
			if !options.AllowNonFinite {
				for _, v := range table.Points.Data() {
					if v-v != 0 {
						t.Fatalf("%v was let pass", v)
					}
				}
				for _, v := range table.LogProb {
					if math.IsNaN(v) || math.IsInf(v, 1) {
						t.Fatalf("log p of %v was let pass", v)
					}
				}
			}
			if table.Points.Len()*table.Points.Dim() > 1000 {
				continue
			}
			pointAxes := 0
			if table.Shape != nil {
				pointAxes = 1
			}
			for _, suffix := range []string{".npz", ".csv"} {
				sameBits(t, suffix, decoded(t, encoded(t, suffix, table), draws.Options{AllowNonFinite: true, PointAxes: pointAxes}), table)
			}
		}
	})
}

func FuzzReadNPY(f *testing.F) {
	fuzzRead(f, ".npy",
		array("|u1", "(4611686018427387904,)", nil),
		array("<U2", "(1, 1)", make([]byte, 8)),
		npyFile(3, "{'descr':'>f2','fortran_order':True,'shape':(3,2,1),}", []byte("\x3c\x00\x80\x00\x00\x01\x7b\xff\xc0\x00\x35\x55")),
	)
}

func FuzzReadNPZ(f *testing.F) {
	full := randomTable(2, 2, 1)
	full.Names, full.Meta = []string{"a", "b"}, []byte(`{"seed":1}`)
	var whole bytes.Buffer
	if err := draws.Encode(&whole, ".npz", full); err != nil {
		f.Fatal(err)
	}
	fuzzRead(f, ".npz",
		whole.Bytes(),
		archive(f, member{name: "x.npy", data: one(5), deflate: true}),
		archive(f, member{name: "x.npy", data: one(5), deflate: true, change: func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 62 }}),
		archive(f, member{name: "x.npy", data: array("|u1", "(8000000,)", make([]byte, 8000000)), deflate: true}),
	)
}

func FuzzReadCSV(f *testing.F) {
	fuzzRead(f, ".csv",
		[]byte("# infer: {\"seed\":1}\nx0,x1,logp\n0.1,-1e-07,-0.5\n3,-0,-Inf\n"),
		[]byte("\"a b\" c\n\"1\" 2\n"),
		[]byte("a\tb\n0,435\t2\n"),
		[]byte("\"a\"\"b\"\n\"nan\"\n"),
		[]byte("0,1\n0.5,0.25\n"),
	)
}
