package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/internal/store/storetest"
)

// model is a small file with everything that a model has: words with signs that JSON escapes, wide and narrow
// elements, a single number and nothing at all.
func model() store.Safetensors {
	return store.Safetensors{
		Metadata: map[string]string{"graph": `{"ops":["dense","tanh"]}`, "note": "a\tb\\c \x01 Maß"},
		Tensors: []store.Tensor{
			{Name: "bytes", Type: "U8", Shape: []int{3}, Data: []byte{1, 2, 255}},
			store.FromFloat32s("w", []float32{1, -2.5, 3.25, 0.1}, 2, 2),
			store.FromFloat64s("rate", []float64{1e-3}),
			store.FromFloat32s("none", nil, 0, 7),
			store.FromFloat64s("b\"1\"", []float64{math.Pi, 5e-324, math.Inf(-1)}, 3),
		},
	}
}

func encode(t testing.TB, s store.Safetensors) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := store.EncodeSafetensors(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(b []byte) (store.Safetensors, error) {
	return store.DecodeSafetensors(bytes.NewReader(b), int64(len(b)))
}

// container is a file with any header and data.
func container(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// same compares the content of two files, without the order of tensors.
func same(a, b store.Safetensors) bool {
	byName := func(x, y store.Tensor) int { return strings.Compare(x.Name, y.Name) }
	equal := func(x, y store.Tensor) bool {
		return x.Name == y.Name && x.Type == y.Type && slices.Equal(x.Shape, y.Shape) && bytes.Equal(x.Data, y.Data)
	}
	return maps.Equal(a.Metadata, b.Metadata) &&
		slices.EqualFunc(slices.SortedFunc(slices.Values(a.Tensors), byName), slices.SortedFunc(slices.Values(b.Tensors), byName), equal)
}

func TestSafetensorsComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	for _, s := range []store.Safetensors{model(), {}, {Tensors: []store.Tensor{{Type: "F4", Shape: []int{2}, Data: []byte{7}}}}} {
		if err := store.WriteSafetensors(path, s); err != nil {
			t.Fatal(err)
		}
		got, err := store.ReadSafetensors(path)
		if err != nil || !same(got, s) || len(got.SHA256) != 64 {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

func TestSameContentGivesTheSameBytes(t *testing.T) {
	want := encode(t, model())
	for range 20 {
		s := model()
		slices.Reverse(s.Tensors)
		s.SHA256 = "of another file"
		if got := encode(t, s); !bytes.Equal(got, want) {
			t.Fatalf("%q\n%q", got, want)
		}
	}
	got, err := decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, got); !bytes.Equal(again, want) {
		t.Errorf("%q\n%q", again, want)
	}
	names := []string{}
	for _, tensor := range got.Tensors {
		names = append(names, tensor.Name)
	}
	if order := fmt.Sprintf("%q", names); order != `["b\"1\"" "rate" "none" "w" "bytes"]` {
		t.Errorf("order %s", order)
	}
	// The bytes themselves, so that a change of them is a decision.
	if golden := "1930fc56a9d4766b97896d4a6f19f372dd21dafa9be31d563e8a5ea97e444432"; got.SHA256 != golden {
		t.Errorf("SHA-256 %s, and it was %s", got.SHA256, golden)
	}
	if length := binary.LittleEndian.Uint64(want); length%8 != 0 {
		t.Errorf("the data begin at byte %d", 8+length)
	}
}

func TestSafetensorsSeeEveryFlippedByteAndEveryTruncation(t *testing.T) {
	whole := encode(t, model())
	check := func(what string, damaged []byte) {
		t.Helper()
		if s, err := decode(damaged); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v, %+v", what, err, s)
		}
	}
	for i := range whole {
		for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			damaged := bytes.Clone(whole)
			damaged[i] ^= flip
			check(fmt.Sprintf("byte %d flipped by %#x", i, flip), damaged)
		}
		check(fmt.Sprintf("%d bytes of %d", i, len(whole)), whole[:i])
	}
	check("a byte more", append(bytes.Clone(whole), 0))
}

func TestSoundContainersOfOthersAreRead(t *testing.T) {
	for _, name := range []string{"meta_empty", "padded_spaces"} {
		s, err := store.ReadSafetensors(filepath.Join("testdata", "safetensors", name+".safetensors"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w, _ := s.Find("w")
		values, err := w.Float32s()
		if err != nil || !slices.Equal(values, []float32{1, -2.5, 3.25, 0.1}) || len(s.Metadata) > 0 || s.SHA256 != "" {
			t.Errorf("%s: %v, %v, %+v", name, err, values, s)
		}
	}
	for name, b := range map[string][]byte{
		"nothing in it":                  container(`{}`, ""),
		"a single number":                container(`{"w":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, "a"),
		"keys in another order, spaces":  container("{ \"w\" :\n{\"data_offsets\" : [ 0 ,\t1 ] , \"shape\":[ ], \"dtype\":\"U8\" }\r}  ", "a"),
		"tensors in another order":       container(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "ab"),
		"empty ones between":             container(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"c":{"dtype":"U8","shape":[4,0],"data_offsets":[1,1]}}`, "a"),
		"metadata last, escapes in them": container(`{"__metadata__":{"\u00fc\ud83d\uDE00":"\"\\\/\b\f\n\r\t\ufffd"}}`, ""),
		"sha256_of of other words":       container(`{"__metadata__":{"sha256_of":"the data"}}`, ""),
	} {
		if _, err := decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, _ := decode(container(`{"__metadata__":{"\u00fc\ud83d\uDE00":"\"\\\/\b\f\n\r\t\ufffd"}}`, ""))
	if got := s.Metadata["ü😀"]; got != "\"\\/\b\f\n\r\t\ufffd" {
		t.Errorf("%q", s.Metadata)
	}
}

// The file holds what Python's packages safetensors 0.8.0, numpy and ml_dtypes wrote.
func TestFileOfPythonIsRead(t *testing.T) {
	s, err := store.ReadSafetensors(filepath.Join("testdata", "safetensors", "from_python.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"note": "a \"quoted\" word, ü and \\", "graph": `{"ops":[]}`}; !maps.Equal(s.Metadata, want) {
		t.Errorf("metadata %q", s.Metadata)
	}
	inf := math.Inf(1)
	for name, want := range map[string][]float64{
		"w":      {1, -2.5, 3.25, float64(float32(0.1))},
		"d":      {0.1, math.Pi, 5e-324},
		"scalar": {7.5},
		"empty":  {},
		"b":      {1, -2.5, 3.25, 9.9692099683868690e+37, inf},
		"h":      {1, -2.5, 5.9604644775390625e-08, 65504, -inf, 0.3330078125},
	} {
		tensor, ok := s.Find(name)
		if got, err := tensor.Float64s(); !ok || err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, err, got)
		}
	}
	if tensor, ok := s.Find("Maß \"quoted\"\n"); !ok || tensor.Type != "BOOL" || string(tensor.Data) != "\x01\x00" {
		t.Errorf("%+v", tensor)
	}
	if tensor, _ := s.Find("empty"); !slices.Equal(tensor.Shape, []int{0, 3}) {
		t.Errorf("%+v", tensor)
	}
	if _, ok := s.Find("x"); ok {
		t.Error("a tensor that is not there")
	}
}

// hostile are files that break one rule each, and what is said of them.
func hostile(t testing.TB) map[string][]byte {
	tensor := func(words string) []byte { return container(`{"w":{`+words+`}}`, "0123456789abcdef") }
	entry := `{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`
	files := map[string][]byte{
		`it is empty`:          {},
		`7 bytes are fewer`:    make([]byte, 7),
		`does not begin with`:  make([]byte, 100),
		`a header of 46116860`: append(binary.LittleEndian.AppendUint64(nil, 1<<62), `{"w":{}}`...),
		`of 18446744073709551`: append(binary.LittleEndian.AppendUint64(nil, math.MaxUint64), `{}`...),
		`header of 5 bytes, 4`: append(binary.LittleEndian.AppendUint64(nil, 5), `{}  `...),

		`duplicate name "\x00"`:       container(`{"\u0000":`+entry+`,"\u0000":`+entry+`}`, "a"),
		`duplicate name "wé"`:         container(`{"w\u00e9":`+entry+`,"wé":`+entry+`}`, "a"),
		`duplicate name "k"`:          container(`{"__metadata__":{"k":"a","k":"b"}}`, ""),
		`duplicate name "__metadata_`: container(`{"__metadata__":{},"__metadata__":{}}`, ""),
		`duplicate name "shape"`:      tensor(`"dtype":"U8","shape":[16],"shape":[16],"data_offsets":[0,16]`),

		`metadata key "k": byte`:       container(`{"__metadata__":{"k":1}}`, ""),
		`byte 16 is 'n' where`:         container(`{"__metadata__":null}`, ""),
		`the header is no UTF-8`:       container("{\"\xff\":"+entry+"}", "a"),
		`where an escape of JSON`:      container(`{"\ud800":`+entry+`}`, "a"),
		`byte 2 is '\\' where an esc`:  container(`{"\ud800\u0041":`+entry+`}`, "a"),
		`byte 5 is '\\' where an esc`:  container("{\"abc\\u004\x11\":"+entry+"}", "a"),
		`byte 3 is '\\' where an esc`:  container(`{"w\x":`+entry+`}`, "a"),
		`byte 4 is '\n' where`:         container("{\"\\n\n\":"+entry+"}", "a"),
		`does not begin with {`:        container(` {}`, ""),
		`1 bytes follow its end`:       container("{}\n", ""),
		`3 bytes follow its end`:       container("{} \x00  ", ""),
		`it ends where ',' should`:     container(`{"w":`+entry, "a"),
		`it ends where the end of a`:   container(`{"w`, ""),
		`is ',' where a string`:        container(`{,"w":`+entry+`}`, "a"),
		`is '}' where a string`:        container(`{"w":`+entry+`,}`, "a"),
		`is ']' where a whole number`:  tensor(`"dtype":"U8","shape":[16,],"data_offsets":[0,16]`),
		`is '-' where a whole number`:  tensor(`"dtype":"U8","shape":[-16],"data_offsets":[0,16]`),
		`is '.' where ','`:             tensor(`"dtype":"U8","shape":[16.0],"data_offsets":[0,16]`),
		`is 'e' where ','`:             tensor(`"dtype":"U8","shape":[1e1],"data_offsets":[0,16]`),
		`is '0' where a whole number`:  tensor(`"dtype":"U8","shape":[016],"data_offsets":[0,16]`),
		`is '"' where a whole number`:  tensor(`"dtype":"U8","shape":["16"],"data_offsets":[0,16]`),
		`is '[' where a whole number`:  tensor(`"dtype":"U8","shape":[[16]],"data_offsets":[0,16]`),
		`is '1' where '['`:             tensor(`"dtype":"U8","shape":16,"data_offsets":[0,16]`),
		`number at byte 32 is too lar`: tensor(`"dtype":"U8" ,"shape":[   9223372036854775808],"data_offsets":[0,16]`),
		`ends within a list`:           container(`{"w":{"shape":[1`, ""),
		`unknown key "x"`:              tensor(`"dtype":"U8","shape":[16],"data_offsets":[0,16],"x":1`),
		`one of dtype, shape and`:      tensor(`"dtype":"U8","data_offsets":[0,16]`),
		`3 data_offsets`:               tensor(`"dtype":"U8","shape":[16],"data_offsets":[0,8,16]`),

		`unknown type "F128"`:         tensor(`"dtype":"F128","shape":[1],"data_offsets":[0,16]`),
		`[15 1] of U8 takes 15 bytes`: tensor(`"dtype":"U8","shape":[15,1],"data_offsets":[0,16]`),
		`4 bits, which are no whole`:  tensor(`"dtype":"F4","shape":[1],"data_offsets":[0,16]`),
		`2305843009213693953] of F6`:  tensor(`"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]`),
		`4294967296 2] of U8 takes m`: tensor(`"dtype":"U8","shape":[4294967296,4294967296,2],"data_offsets":[0,0]`),
		`0 4294967296] of U8 takes m`: tensor(`"dtype":"U8","shape":[4294967296,0,4294967296],"data_offsets":[0,0]`),
		`ends before it begins`:       tensor(`"dtype":"U8","shape":[1],"data_offsets":[1,0]`),
		`ends behind the 16 bytes`:    tensor(`"dtype":"U8","shape":[17],"data_offsets":[0,17]`),
		`1 bytes follow the last`:     tensor(`"dtype":"U8","shape":[15],"data_offsets":[0,15]`),
		`stand in [0, 1)`:             tensor(`"dtype":"U8","shape":[15],"data_offsets":[1,16]`),
		`2 bytes follow the last`:     container(`{}`, "ab"),
		`stand in [1, 2)`:             container(`{"a":`+entry+`,"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, "abc"),
		`tensors "a" and "b" overlap`: container(`{"a":`+entry+`,"b":`+entry+`}`, "a"),
		`"a" and "e" overlap`:         container(`{"e":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "ab"),

		`is "beef": it should have 64`:  container(`{"__metadata__":{"sha256":"beef"}}`, ""),
		`should be 0000000000000000000`: container(`{"__metadata__":{"sha256":"`+strings.Repeat("0", 64)+`"}}`, ""),
		`"sha256" is "000000000`:        container(`{"__metadata__":{"sha256":"`+strings.Repeat(`\u0030`, 64)+`"}}`, ""),
		`announce a checksum "sha256"`:  container(`{"__metadata__":{"sha256_of":"this file, the 64 digits of sha256 read as zeros"}}`, ""),
	}
	for name, want := range map[string]string{
		"dup_keys":         `duplicate name "w"`,
		"shape_vs_offsets": `tensor "w": shape [1000 1000] of F32 takes 4000000 bytes, its range [0, 16) has 16`,
		"offset_beyond":    `tensor "w": its range [1099511627776, 1099511627792) ends behind the 16 bytes of data`,
	} {
		b, err := os.ReadFile(filepath.Join("testdata", "safetensors", name+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		files[want] = b
	}
	return files
}

func TestFilesThatLieAreRefused(t *testing.T) {
	for want, b := range hostile(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := decode(b)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q", err, want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<16 {
			t.Errorf("%q: %d bytes were allocated, in %v", want, n, took)
		}
	}
	path := filepath.Join("testdata", "safetensors", "dup_keys.safetensors")
	if _, err := store.ReadSafetensors(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("%v", err)
	}
}

// A header may be as large as the file, so what is built out of it must not be many times larger.
func TestMemoryStaysNearTheSizeOfTheFile(t *testing.T) {
	entries := make([]string, 20000)
	for i := range entries {
		entries[i] = fmt.Sprintf(`"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	for name, header := range map[string]string{
		"tensors":    "{" + strings.Join(entries, ",") + "}",
		"dimensions": `{"w":{"dtype":"U8","shape":[1` + strings.Repeat(",1", 500000) + `],"data_offsets":[0,0]}}`,
		"name":       `{"` + strings.Repeat(`n`, 500000) + `":{"dtype":"` + strings.Repeat(`n`, 500000) + `","shape":[],"data_offsets":[0,0]}}`,
		"checksum":   `{"__metadata__":{"sha256":"` + strings.Repeat(`n`, 500000) + `"}}`,
		"escapes":    `{"` + strings.Repeat(`\n`, 500000),
		"commas":     `{"w":{"shape":[` + strings.Repeat(",", 1000000) + `]`,
		"brackets":   strings.Repeat(`{"":`, 250000),
	} {
		b := container(header, "")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(b)
		runtime.ReadMemStats(&after)
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: a message of %d bytes", name, len(err.Error()))
		}
		if factor := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(b)); factor > 16 {
			t.Errorf("%s: %.1f times the file was allocated, in total", name, factor)
		}
	}
}

func TestFileThatCannotBeReadIsNotCalledCorrupt(t *testing.T) {
	if _, err := store.DecodeSafetensors(failing{}, 100); !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%v", err)
	}
	if _, err := store.DecodeSafetensors(bytes.NewReader(encode(t, model())), 5000); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a file that shrank: %v", err)
	}
	if _, err := store.ReadSafetensors(filepath.Join(t.TempDir(), "m")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, path := range []string{t.TempDir(), os.DevNull} {
		if _, err := store.ReadSafetensors(path); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestHeaderBeyondTheBoundOfTheFormatIsRefused(t *testing.T) {
	if _, err := store.DecodeSafetensors(lengths{}, 1<<40); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "the format allows 100000000") {
		t.Errorf("%v", err)
	}
}

// lengths is a file that says in each eight bytes that 2^30 follow.
type lengths struct{}

func (lengths) ReadAt(b []byte, _ int64) (int, error) {
	binary.LittleEndian.PutUint64(b, 1<<30)
	return len(b), nil
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

func TestSafetensorsRefuseWhatTheyCouldNotGiveBack(t *testing.T) {
	one := func(tensor store.Tensor) store.Safetensors { return store.Safetensors{Tensors: []store.Tensor{tensor}} }
	words := func(key, value string) store.Safetensors {
		return store.Safetensors{Metadata: map[string]string{key: value}}
	}
	scalar := store.FromFloat64s("a", []float64{1})
	for want, s := range map[string]store.Safetensors{
		`duplicate name "a"`:            {Tensors: []store.Tensor{scalar, scalar}},
		`shape [2] of F64 takes 16 byt`: one(store.FromFloat64s("a", []float64{1}, 2)),
		`shape [] of F32 takes 4 bytes`: one(store.FromFloat32s("a", nil)),
		`negative dimension`:            one(store.FromFloat64s("a", nil, -1)),
		`more bytes than can be count`:  one(store.FromFloat64s("a", nil, math.MaxInt, 2)),
		`unknown type "f32"`:            one(store.Tensor{Name: "a", Type: "f32"}),
		`its name is no UTF-8`:          one(store.FromFloat64s("\xff", []float64{1})),
		`keeps this name`:               one(store.FromFloat64s("__metadata__", []float64{1})),
		`metadata key "sha256": the f`:  words("sha256", "x"),
		`metadata key "sha256_of"`:      words("sha256_of", "x"),
		`value is no UTF-8`:             words("a", "\xc3"),
	} {
		var b bytes.Buffer
		if err := store.EncodeSafetensors(&b, s); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("%v after %d bytes\nwant %q", err, b.Len(), want)
		}
	}
}

func TestNumbersAreConvertedExactly(t *testing.T) {
	all := func(kind string) store.Tensor {
		tensor := store.Tensor{Name: kind, Type: kind, Shape: []int{1 << 16}}
		for i := range 1 << 16 {
			tensor.Data = binary.LittleEndian.AppendUint16(tensor.Data, uint16(i))
		}
		return tensor
	}
	// By the definition: (-1)^sign, two to the exponent, one and a fraction; without the one at exponent 0.
	define := func(b uint16, fractionBits, bias int) float64 {
		sign, exponent, fraction := 1-2*float64(b>>15), int(b&0x7fff)>>fractionBits, float64(b&(1<<fractionBits-1))
		switch {
		case exponent == 2*bias+1 && fraction == 0:
			return math.Inf(int(sign))
		case exponent == 2*bias+1:
			return math.NaN()
		case exponent == 0:
			return math.Copysign(math.Ldexp(fraction, 1-bias-fractionBits), sign)
		}
		return sign * math.Ldexp(fraction+math.Ldexp(1, fractionBits), exponent-bias-fractionBits)
	}
	for kind, form := range map[string][2]int{"BF16": {7, 127}, "F16": {10, 15}} {
		wide, err := all(kind).Float64s()
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range wide {
			want := define(uint16(i), form[0], form[1])
			if math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Fatalf("%s %#x is %g, want %g", kind, i, got, want)
			}
		}
	}
	values := []float64{0, math.Copysign(0, -1), 1.0 / 3, 5e-324, math.MaxFloat64, math.Inf(1)}
	if got, err := store.FromFloat64s("a", values, 6).Float64s(); err != nil || !reflect.DeepEqual(got, values) || !math.Signbit(got[1]) {
		t.Errorf("%v, %v", err, got)
	}
	for kind, name := range map[string]string{"F64": "would be rounded", "I64": "holds no floating-point numbers"} {
		tensor := store.Tensor{Name: "a", Type: kind, Data: make([]byte, 8)}
		if _, err := tensor.Float32s(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := (store.Tensor{Name: "a", Type: "F64", Shape: []int{2}, Data: make([]byte, 8)}).Float64s(); err == nil {
		t.Error("data that do not fit the shape were read")
	}
	odd := math.Float64frombits(0xfff0dead0000beef)
	if got := store.FromFloat64s("a", []float64{odd}); !bytes.Equal(got.Data, store.FromFloat64s("a", []float64{math.NaN()}).Data) {
		t.Errorf("NaN is written as %x", got.Data)
	}
	odd32 := math.Float32frombits(0xffc0beef)
	if got := store.FromFloat32s("a", []float32{odd32}); !bytes.Equal(got.Data, []byte{0, 0, 0xc0, 0x7f}) {
		t.Errorf("NaN is written as %x", got.Data)
	}
}

func TestPreviousModelSurvivesEveryFailure(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, nil} {
		for _, after := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "m.safetensors")
			old, young := model(), model()
			old.Metadata["epoch"], young.Metadata["epoch"] = "1", "2"
			if err := store.WriteSafetensors(path, old); err != nil {
				t.Fatal(err)
			}
			points := storetest.Each(t, fault, func(fsys *storetest.Failing) {
				fsys.After = after
				err := store.WriteSafetensorsOn(fsys, path, young)
				got, readErr := store.ReadSafetensors(path)
				if readErr != nil || !same(got, old) && !same(got, young) {
					t.Fatalf("%s failed (%v): %v", fsys.Failed, err, readErr)
				}
				var notWritten *store.NotWrittenError
				if same(got, old) && !errors.As(err, &notWritten) {
					t.Errorf("%s failed: the old one is there and the error is %v", fsys.Failed, err)
				}
				if err := store.WriteSafetensors(path, old); err != nil {
					t.Errorf("%s failed, and the next write too: %v", fsys.Failed, err)
				}
			})
			if points != 6 { // create, write, sync, rename, close, sync of the folder
				t.Errorf("%d points of failure", points)
			}
		}
	}
}

func FuzzReadSafetensors(f *testing.F) {
	for _, b := range hostile(f) {
		f.Add(b)
	}
	for _, name := range []string{"meta_empty", "padded_spaces", "from_python"} {
		b, err := os.ReadFile(filepath.Join("testdata", "safetensors", name+".safetensors"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(encode(f, model()))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode(data)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%v", err)
			}
			return
		}
		total := 0
		for _, tensor := range s.Tensors {
			total += len(tensor.Data) + len(tensor.Name)
			tensor.Float64s()
		}
		if total > len(data) {
			t.Errorf("%d bytes of tensors out of %d", total, len(data))
		}
		delete(s.Metadata, "sha256_of") // which may have said something else there
		again, err := decode(encode(t, s))
		if err != nil || !same(again, s) {
			t.Errorf("%+v\nbecame %+v: %v", s, again, err)
		}
	})
}

// counts is a writer that fails after some bytes.
type counts struct{ left int }

func (c *counts) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestErrorOfTheWriterComesBack(t *testing.T) {
	for _, left := range []int{0, 8, len(encode(t, model())) - 1} {
		if err := store.EncodeSafetensors(&counts{left}, model()); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%d bytes: %v", left, err)
		}
	}
}
