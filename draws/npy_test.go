package draws_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
)

// npyFile is an npy file of a version, a header and data.
func npyFile(version byte, header string, data []byte) []byte {
	file := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		file = binary.LittleEndian.AppendUint16(file, uint16(len(header)))
	} else {
		file = binary.LittleEndian.AppendUint32(file, uint32(len(header)))
	}
	return append(append(file, header...), data...)
}

// array is an npy file of a type and a shape, in C order.
func array(descr, shape string, data []byte) []byte {
	return npyFile(1, "{'descr': '"+descr+"', 'fortran_order': False, 'shape': "+shape+", }\n", data)
}

// refused fails the test unless a file is refused with these words.
func refused(t *testing.T, what string, data []byte, options draws.Options, want string) {
	t.Helper()
	_, err := draws.Decode(bytes.NewReader(data), int64(len(data)), "", options)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func TestEveryTypeOfNumberInBothByteOrders(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		kind  string
		bits  []uint64
		wants []float64
	}{
		{"f8", []uint64{math.Float64bits(0.1), 1, 1 << 63}, []float64{0.1, 5e-324, math.Copysign(0, -1)}},
		{"f4", []uint64{uint64(math.Float32bits(0.1)), 1, 0x7f7fffff}, []float64{float64(float32(0.1)), 0x1p-149, math.MaxFloat32}},
		{"f2", []uint64{0x3c00, 0x8000, 1, 0x03ff, 0x0400, 0x7bff, 0xc000, 0x3555}, []float64{1, math.Copysign(0, -1), 0x1p-24, 0x3ffp-24, 0x1p-14, 65504, -2, 0x1.554p-2}},
		{"f2", []uint64{0x7c00, 0xfc00, 0x7e01}, []float64{inf, -inf, math.NaN()}},
		{"i1", []uint64{127, 128, 255}, []float64{127, -128, -1}},
		{"i2", []uint64{0x7fff, 0x8000, 0xffff}, []float64{32767, -32768, -1}},
		{"i4", []uint64{0x7fffffff, 0x80000000, 0xffffffff}, []float64{math.MaxInt32, math.MinInt32, -1}},
		{"i8", []uint64{1 << 53, -1 << 53 & math.MaxUint64, math.MaxUint64}, []float64{1 << 53, -1 << 53, -1}},
		{"u1", []uint64{0, 128, 255}, []float64{0, 128, 255}},
		{"u2", []uint64{0, 0x8000, 0xffff}, []float64{0, 32768, 65535}},
		{"u4", []uint64{0, 0x80000000, 0xffffffff}, []float64{0, 1 << 31, math.MaxUint32}},
		{"u8", []uint64{0, 1, 1 << 53}, []float64{0, 1, 1 << 53}},
		{"b1", []uint64{0, 1}, []float64{0, 1}},
	} {
		for _, order := range []string{"<", ">", "|"} {
			size := int(c.kind[1] - '0')
			if order == "|" && size > 1 {
				continue
			}
			var data []byte
			for _, b := range c.bits {
				var word [8]byte
				if order == ">" {
					binary.BigEndian.PutUint64(word[:], b)
					data = append(data, word[8-size:]...)
				} else {
					binary.LittleEndian.PutUint64(word[:], b)
					data = append(data, word[:size]...)
				}
			}
			got := decoded(t, array(order+c.kind, fmt.Sprintf("(%d,)", len(c.bits)), data), draws.Options{AllowNonFinite: true})
			if got.Points.Dim() != 1 || got.Points.Len() != len(c.bits) {
				t.Fatalf("%s: %d x %d", c.kind, got.Points.Len(), got.Points.Dim())
			}
			sameColumn(t, order+c.kind, got.Points.Row(0), c.wants)
		}
	}
	big := binary.LittleEndian.AppendUint64(make([]byte, 24), 1<<53+1)
	refused(t, "u8", array("<u8", "(2, 2)", big), draws.Options{}, "row 1, column 1 (both count from 0) is 9007199254740993, beyond 2^53")
	negative := binary.LittleEndian.AppendUint64(nil, -(1<<53+1)&math.MaxUint64)
	refused(t, "i8", array("<i8", "(1,)", negative), draws.Options{}, "is -9007199254740993, beyond 2^53")
	refused(t, "b1", array("|b1", "(2,)", []byte{1, 2}), draws.Options{}, "row 1, column 0 (both count from 0) is the byte 2")
}

func TestAxesOfEitherOrderFindTheirPlace(t *testing.T) {
	// Element (a, b, c) of a 2 x 3 x 4 array is 100a + 10b + c.
	for _, fortran := range []string{"False", "True"} {
		var data []byte
		if fortran == "True" {
			for c := range 4 {
				for b := range 3 {
					for a := range 2 {
						data = append(data, byte(100*a+10*b+c))
					}
				}
			}
		} else {
			for a := range 2 {
				for b := range 3 {
					for c := range 4 {
						data = append(data, byte(100*a+10*b+c))
					}
				}
			}
		}
		file := npyFile(2, "{'shape': (2,3,4), 'fortran_order': "+fortran+", \"descr\": '|u1'}", data)
		for pointAxes, dim := range map[int]int{1: 12, 2: 4, 3: 1} {
			got := decoded(t, file, draws.Options{PointAxes: pointAxes}).Points
			if got.Dim() != dim || got.Len() != 24/dim {
				t.Fatalf("%d x %d", got.Len(), got.Dim())
			}
			for k := range 24 {
				if v, want := got.Row(k % dim)[k/dim], float64(100*(k/12)+10*(k/4%3)+k%4); v != want {
					t.Errorf("fortran %s, %d axes of points, element %d: %v, want %v", fortran, pointAxes, k, v, want)
				}
			}
		}
		refused(t, "four", file, draws.Options{PointAxes: 4}, "fewer than the 4 axes")
		refused(t, "minus", file, draws.Options{PointAxes: -1}, "PointAxes is -1")
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	const good = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }\n"
	two := make([]byte, 16)
	for _, version := range []byte{1, 2, 3} {
		if got := decoded(t, npyFile(version, good, two), draws.Options{}); got.Points.Len() != 1 || got.Points.Dim() != 2 {
			t.Errorf("version %d: %d x %d", version, got.Points.Len(), got.Points.Dim())
		}
	}
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	if got := decoded(t, npyFile(1, with("(1, 2)", "(1L, 2L,)"), two), draws.Options{}); got.Points.Dim() != 2 {
		t.Error("the long integers of old Pythons")
	}
	for _, c := range []struct{ header, want string }{
		{with("(1, 2)", "(1, -2)"), `a length of "-2)`},
		{with("(1, 2)", "(2)"), "a number where its shape should be a tuple"},
		{with("(1, 2)", "2"), "malformed"},
		{with("(1, 2)", "(1.0, 2)"), "malformed"},
		{with("(1, 2)", "(1 2)"), "malformed"},
		{with("(1, 2)", "(, 2)"), "malformed"},
		{with("(1, 2)", "(True, 2)"), "malformed"},
		{with("(1, 2)", "(1, 2"), "malformed"},
		{with("(1, 2)", "(0x1, 2)"), "malformed"},
		{with("(1, 2)", "(4611686018427387904, 2)"), "more than 2^64 bytes; 16 are there"},
		{with("(1, 2)", "(4294967296, 4294967296)"), "more than 2^64 bytes"},
		{with("(1, 2)", "(9223372036854775808, 2)"), "beyond 2^63"},
		{with("(1, 2)", "(99999999999999999999999999, 2)"), "beyond 2^63"},
		{with("(1, 2)", "("+strings.Repeat("1, ", 33)+"2)"), "more than 32 axes"},
		{with("(1, 2)", "(2305843009213693954, 1)"), "more than 2^64 bytes"},
		{with("(1, 2)", "(2, 0)"), "16 are there: 16 too many"},
		{with("False", "false"), "malformed"},
		{with("False", "0"), "malformed"},
		{with("False", "False, 'fortran_order': True"), `key "fortran_order" is there twice`},
		{with("'shape'", "'shape_'"), `unknown key "shape_"`},
		{with("'fortran_order': False, ", ""), `key "fortran_order" is missing`},
		{with("}", "} x"), "follows its end"},
		{with("}", ""), "malformed"},
		{with("{", "["), "malformed"},
		{with("<f8", "=f8"), `an array of type "=f8"`},
		{with("<f8", "|f8"), `an array of type "|f8"`},
		{with("<f8", "<f16"), `an array of type "<f16"`},
		{with("<f8", "<c16"), `an array of type "<c16"`},
		{with("<f8", "<f+8"), `an array of type`},
		{with("<f8", "<f08"), `an array of type`},
		{with("<f8", "<f"), `an array of type`},
		{with("<f8", "<M8[ns]"), `an array of type "<M8[ns]"`},
		{with("<f8", "|S16"), `an array of type "|S16"`},
		{with("<f8", "|V16"), `an array of type "|V16"`},
		{with("<f8", "<U2"), "an array of text"},
		{with("<f8", "|O"), "Python objects"},
		{with("<f8", "O"), "Python objects"},
		{with("'<f8'", "[('x', '<f8')]"), "[('x', '<f8')]"},
		{with("'<f8'", "None"), "malformed"},
		{"", "malformed"},
		{strings.Repeat("(", 60000), "malformed"},
	} {
		refused(t, c.header, npyFile(1, c.header, two), draws.Options{}, c.want)
	}
	refused(t, "version 4", npyFile(4, good, two), draws.Options{}, "npy version 4.0")
	minor := npyFile(1, good, two)
	minor[7] = 1
	refused(t, "version 1.1", minor, draws.Options{}, "npy version 1.1")
	refused(t, "cut off", npyFile(1, good, two)[:8], draws.Options{}, "the npy header is cut off: the file has 8 bytes")
	refused(t, "cut off", npyFile(2, good, two)[:11], draws.Options{}, "the npy header is cut off: the file has 11 bytes")
	refused(t, "cut off", npyFile(2, good, two)[:40], draws.Options{}, "the npy header declares 60 bytes, 28 are there")
	refused(t, "long", npyFile(2, good+strings.Repeat(" ", 70000), two), draws.Options{}, "an npy header of 70060 bytes")
}

func TestEveryTruncationOfAnArrayIsRefused(t *testing.T) {
	for _, suffix := range []string{".npy", ".npz"} {
		whole := encoded(t, suffix, randomTable(3, 2, 1))
		for n := range whole {
			if _, err := draws.Decode(bytes.NewReader(whole[:n]), int64(n), suffix, draws.Options{}); err == nil {
				t.Errorf("%d bytes of %d of %s were read", n, len(whole), suffix)
			}
		}
	}
}

func TestFilesOfOtherKindsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "the file is empty",
		"\x1f\x8b\x08whatever":      "gzip",
		"\x89HDF\r\n\x1a\n":         "HDF5",
		"\xff\xfex\x000\x00":        "UTF-16",
		"PAR1....":                  "Parquet",
		"\x80\x04\x95\x00\x00\x00":  "pickle",
		"\x7fELF\x02\x01\x01\x00":   "neither npy nor npz nor text",
		"PK\x05\x06" + zeros(18):    "holds no npy array",
		"PK\x03\x04 and no archive": "the zip archive is damaged",
	} {
		refused(t, want, []byte(text), draws.Options{}, want)
	}
	for suffix, want := range map[string]string{".npy": "as an npy file does", ".NPZ": "as an npz file does"} {
		if _, err := draws.Decode(strings.NewReader("1,2\n"), 4, suffix, draws.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func zeros(n int) string { return string(make([]byte, n)) }

// allocated is the number of bytes that a function allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLyingHeadersAllocateNothing(t *testing.T) {
	files := map[string][]byte{
		"2^62 elements":      array("|u1", "(4611686018427387904,)", nil),
		"2^62 rows":          array("<f8", "(4611686018427387904, 2)", make([]byte, 16)),
		"2^62 columns":       array("|b1", "(1, 4611686018427387904)", make([]byte, 16)),
		"4 GiB of header":    append([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), make([]byte, 100)...),
		"no rows, 2^62 wide": array("<f8", "(0, 4611686018427387904)", nil),
		"2^62 texts":         array("<U100000000", "(4611686018427387904,)", nil),
	}
	for what, data := range files {
		var err error
		bytes := allocated(func() {
			_, err = draws.Decode(bytes.NewReader(data), int64(len(data)), "", draws.Options{})
		})
		if err == nil || bytes > 1<<20 {
			t.Errorf("%s: %d bytes allocated, %v", what, bytes, err)
		}
	}
}

func TestFewPointsOfManyCoordinatesAreRefusedBeforeTheyFillMemory(t *testing.T) {
	// A row is padded to eight points: a byte a coordinate would become 64.
	data := array("|u1", "(1, 1000000)", make([]byte, 1000000))
	refused(t, "a wide array", data, draws.Options{}, "1 rows of 1000000 columns take")
	if got := decoded(t, array("|u1", "(4000000, 1)", make([]byte, 4000000)), draws.Options{}); got.Points.Len() != 4000000 {
		t.Error("a tall array")
	}
}
