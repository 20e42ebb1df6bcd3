package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
)

func encoded(t testing.TB, f *Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := new(FrameWriter).Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func anything(*Frame) uint64 { return MaxBody }

// sample is a frame with all parts.
func sample() *Frame {
	_, x, _ := full()
	odd := Of("status", Uint8, 5)
	odd.Data = []byte{1, 2, 3, 4, 5}
	shared := Of("grad", Float32, 2, 3)
	shared.Shared, shared.Room, shared.Region, shared.Offset = true, true, 2, 64
	return &Frame{Kind: Eval, Want: LogP | Grad, Sequence: 5, Model: 3, Time: 1 << 40, Header: []byte(`{"a":1}`), Tensors: []Tensor{odd, x, shared}}
}

func TestFramesComeBackAsTheyWereSent(t *testing.T) {
	f := sample()
	b := append(encoded(t, f), encoded(t, &Frame{Kind: Ping, Sequence: 6})...)
	if n := len(b); n != 2*PrefixSize+len(f.Header)+3*EntrySize+8+48 {
		t.Fatalf("%d bytes", n)
	}
	r := NewFrameReader(bytes.NewReader(b))
	got, err := r.Next(anything)
	if err != nil {
		t.Fatal(err)
	}
	f.Tensors[1].Offset = 8 // after the first, at a multiple of 8
	if !reflect.DeepEqual(got, f) {
		t.Errorf("%+v came back as %+v", f, got)
	}
	if got, err = r.Next(anything); err != nil || got.Kind != Ping || got.Sequence != 6 || len(got.Tensors) != 0 || len(got.Header) != 0 {
		t.Errorf("then %+v, %v", got, err)
	}
	if _, err = r.Next(anything); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestAFrameIsAsTheDocumentHasIt(t *testing.T) {
	x := Of(NameX, Float64, 1, 2)
	x.Data = []byte("0123456789abcdef")
	got := encoded(t, &Frame{Kind: Eval, Want: LogP | Grad, Sequence: 0x0807060504030201, Model: 0x0c0b0a09, Time: 3, Header: []byte("{}"), Tensors: []Tensor{x}})
	want := "INF1" + "\x04\x01\x03\x00" + "\x01\x02\x03\x04\x05\x06\x07\x08" + "\x09\x0a\x0b\x0c" + "\x02\x00\x00\x00" +
		"\x10\x00\x00\x00\x00\x00\x00\x00" + "\x03\x00\x00\x00\x00\x00\x00\x00" + "{}" +
		"x" + strings.Repeat("\x00", 15) + "\x01\x02\x00\x00" + "\x00\x00\x00\x00" + strings.Repeat("\x00", 8) +
		"\x01\x00\x00\x00\x00\x00\x00\x00" + "\x02\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 16) + "0123456789abcdef"
	if string(got) != want {
		t.Errorf("%q\n%q", got, want)
	}
	simulate := encoded(t, &Frame{Kind: Eval, Want: Simulate, Seed: math.MaxUint64, First: 12})
	if !bytes.Contains(simulate, []byte(`{"seed":18446744073709551615,"first":12}`)) {
		t.Errorf("a simulation is %q", simulate)
	}
	f, err := NewFrameReader(bytes.NewReader(simulate)).Next(anything)
	if err != nil || f.Seed != math.MaxUint64 || f.First != 12 {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestBrokenFramesAreErrors changes one thing at a time.
func TestBrokenFramesAreErrors(t *testing.T) {
	put := func(at, size int, v uint64) func([]byte) []byte {
		return func(b []byte) []byte {
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], v)
			copy(b[at:at+size], word[:])
			return b
		}
	}
	entry := PrefixSize + len(sample().Header)
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"magic":               {put(0, 4, 7), `begins with "\a\x00\x00\x00"`},
		"kind 0":              {put(4, 1, 0), "kind 0"},
		"kind 11":             {put(4, 1, 11), "kind 11"},
		"tensors":             {put(5, 1, 33), "33 tensors"},
		"header":              {put(20, 4, 1<<20+1), "header of 1048577 bytes"},
		"body":                {put(24, 8, 1<<31), "body of 2147483648 bytes"},
		"body of all bits":    {put(24, 8, math.MaxUint64), "body of 18446744073709551615 bytes"},
		"dtype":               {put(entry+16, 1, 9), "dtype 9"},
		"rank":                {put(entry+17, 1, 5), "rank 5"},
		"place":               {put(entry+18, 1, 2), "place 2"},
		"room":                {put(entry+19, 1, 2), "a tensor of"},
		"offset odd":          {put(entry+24, 8, 4), "at 4"},
		"offset beyond":       {put(entry+24, 8, 1<<40), "and the body has 56"},
		"shape":               {put(entry+32, 8, 57), "of 57 bytes at 0"},
		"shape of all bits":   {put(entry+32, 8, math.MaxUint64), "shape [18446744073709551615"},
		"product of overflow": {func(b []byte) []byte { return put(entry+EntrySize+40, 8, 1<<62)(put(entry+EntrySize+32, 8, 4)(b)) }, "shape [4 4611686018427387904"},
		"cut in the prefix":   {func(b []byte) []byte { return b[:11] }, "after 11 bytes of a prefix"},
		"cut in the header":   {func(b []byte) []byte { return b[:PrefixSize+2] }, "ended in the middle"},
		"cut in the body":     {func(b []byte) []byte { return b[:len(b)-1] }, "ended in the middle"},
	} {
		b := c.change(encoded(t, sample()))
		_, err := NewFrameReader(bytes.NewReader(b)).Next(anything)
		if !errors.Is(err, ErrFrame) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDeclaredBytesAreNotAllocated sends frames that say they are long, and end.
func TestDeclaredBytesAreNotAllocated(t *testing.T) {
	b := encoded(t, &Frame{Kind: Reply})
	binary.LittleEndian.PutUint64(b[24:], MaxBody)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := NewFrameReader(bytes.NewReader(b)).Next(anything)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrFrame) {
		t.Error(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("%d bytes for a frame of %d", n, len(b))
	}
}

func TestMutatedFramesDoNotPanic(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	good := append(encoded(t, sample()), encoded(t, sample())...)
	for range 20_000 {
		b := bytes.Clone(good)
		for range 1 + source.IntN(4) {
			b[source.IntN(len(b))] = byte(source.Uint32())
		}
		drain(b[:source.IntN(len(b)+1)])
	}
}

func drain(b []byte) {
	r := NewFrameReader(bytes.NewReader(b))
	for {
		f, err := r.Next(func(*Frame) uint64 { return 1 << 20 })
		if err != nil {
			return
		}
		_ = f.Failure()
		for i := range f.Tensors {
			_ = f.Tensors[i].String()
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(encoded(f, sample()))
	f.Add(encoded(f, &Frame{Kind: Hello, Header: []byte(`{"protocol":1}`)}))
	f.Fuzz(func(t *testing.T, b []byte) { drain(b) })
}

func FuzzMessages(f *testing.F) {
	_, tensor, model := full()
	f.Add((&Info{Name: "p", Models: []Model{model}}).append(nil))
	f.Add(question{&Frame{Sequence: 1, Tensors: []Tensor{tensor}}}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range []message{&Info{}, &Model{}, &opened{}, &Open{}, &outcome{}, &configure{}, question{&Frame{}}, answer{&Frame{}}} {
			_ = m.parse(b)
		}
	})
}

func TestNumbersKeepTheirBits(t *testing.T) {
	numbers := []float64{0, math.Copysign(0, -1), 1, -2.5, math.Pi, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(), 1e-42}
	for shift := range 3 { // memory that is aligned, and that is not
		memory := lanes.Aligned(20)
		b := make([]byte, 8*len(numbers)+8)[shift:]
		Put(b, Float64, numbers)
		if binary.LittleEndian.Uint64(b[24:]) != math.Float64bits(-2.5) {
			t.Error("the bytes are not little-endian")
		}
		got := memory[:len(numbers)]
		Get(got, Float64, b)
		for i, v := range numbers {
			if math.Float64bits(got[i]) != math.Float64bits(v) {
				t.Errorf("%v came back as %v", v, got[i])
			}
		}
		Put(b, Float32, numbers)
		Get(got, Float32, b)
		for i, v := range numbers {
			if want := float64(float32(v)); got[i] != want && want == want {
				t.Errorf("%v came back as %v by float32", v, got[i])
			}
		}
	}
	Put(nil, Float64, nil)
	Get(nil, Float32, nil)
}

func TestWritingFramesAllocatesNothing(t *testing.T) {
	w, f := new(FrameWriter), sample()
	if n := testing.AllocsPerRun(100, func() {
		if err := w.Write(io.Discard, f); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
