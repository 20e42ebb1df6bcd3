package backends_test

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/backends"
)

var update = flag.Bool("update", false, "write the hashes of testdata/pins.txt instead of comparing with them")

const pinFile = "testdata/pins.txt"

// updated is the names of the hashes that this process wrote: the first table writes, the others are compared.
var updated = map[string]bool{}

// pinned compares hashes with those of this epoch. With -update it writes them.
func pinned(t *testing.T, hashes map[string]string) {
	t.Helper()
	pins := map[string]string{}
	content, err := os.ReadFile(pinFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		name, h, _ := strings.Cut(strings.TrimSpace(line), " ")
		pins[name] = h
	}
	if *update {
		for name, h := range hashes {
			if !updated[name] {
				pins[name], updated[name] = h, true
			}
		}
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(pins)) {
			fmt.Fprintf(&b, "%s %s\n", name, pins[name])
		}
		if err := os.WriteFile(pinFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		if pins[name] == "" {
			t.Errorf("%s is not pinned yet. Run: go test ./backends -run TestPinned -update", name)
		} else if hashes[name] != pins[name] {
			t.Errorf("%s: %s, pinned %s: results changed. If that is meant, bump the epoch and run: go test ./backends -run TestPinned -update",
				name, hashes[name], pins[name])
		}
	}
}

// grid is the arguments of the elementary functions: special values, both signs of every exponent, steps through where
// exponentials are finite and where trigonometric functions turn, and numbers close to 1 and to 0. It is built of exact
// operations, the same on every machine.
func grid() []float64 {
	list := []float64{0, 1, math.Inf(1), math.NaN(), math.MaxFloat64, 0x1p-1022, 5e-324, math.Pi, math.Pi / 2, math.Pi / 4, math.Ln2, math.E}
	for e := -1074; e <= 1023; e++ {
		for _, m := range []float64{1, 0x1.5555555555555p0, 0x1.fffffffffffffp0} {
			list = append(list, math.Ldexp(m, e))
		}
	}
	for k := range 8192 {
		list = append(list,
			float64(k)/256+0x1p-30,             // to 32
			float64(k)*25/256,                  // to 800
			1+float64(k-4096)*0x1p-14,          // 3/4 to 5/4
			1+float64(k-4096)*0x1p-52,          // 1 and its neighbours
			float64(k)*0x1p-16+0x1.23456789p-8, // below 1/8
		)
	}
	for _, v := range slices.Clone(list) {
		list = append(list, -v)
	}
	return list
}

// grid32 is one in 65,521 of all float32 numbers.
func grid32() []float32 {
	var list []float32
	for b := uint64(0); b < 1<<32; b += 65_521 {
		list = append(list, math.Float32frombits(uint32(b)))
	}
	return list
}

// shuffled is the list in an order that has nothing to do with its own.
func shuffled[E any](list []E, factor int) []E {
	s := make([]E, len(list))
	for i := range s {
		s[i] = list[i*factor%len(list)]
	}
	return s
}

func hashNumbers[E float32 | float64](numbers []E) string {
	block := make([]byte, 0, 8*len(numbers))
	for _, v := range numbers {
		wide := float64(v) // exact
		if v != v {
			wide = math.NaN()
		}
		block = binary.LittleEndian.AppendUint64(block, math.Float64bits(wide))
	}
	return fmt.Sprintf("%x", sha256.Sum256(block))
}

// elementwise adds the hashes of the elementwise functions of a table.
func elementwise(hashes map[string]string, table *backends.Table) {
	x := grid()
	y, z := shuffled(x, 7919), shuffled(x, 104729)
	exponents := slices.Clone(y) // for powers, of which half do not overflow
	for i, v := range exponents {
		if i%2 == 0 {
			exponents[i] = math.RoundToEven(math.Remainder(v, 40))
		}
	}
	dst := make([]float64, len(x))
	fields := reflect.ValueOf(table).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Name
		switch f := fields.Field(i).Interface().(type) {
		case backends.Unary:
			f(dst, x)
		case backends.Binary:
			if name == "Pow" {
				f.VV(dst, x, exponents)
			} else {
				f.VV(dst, x, y)
			}
		case backends.Ternary:
			f.VVV(dst, x, y, z)
		default:
			continue
		}
		hashes[name] = hashNumbers(dst)
	}
}

// elementwise32 is elementwise in float32, and Adam.
func elementwise32(hashes map[string]string, table *backends.Table32) {
	x := grid32()
	y, z := shuffled(x, 7919), shuffled(x, 104729)
	dst := make([]float32, len(x))
	fields := reflect.ValueOf(table).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i).Interface().(type) {
		case backends.Unary32:
			f(dst, x)
		case backends.Binary32:
			f.VV(dst, x, y)
		case backends.Ternary32:
			f.VVV(dst, x, y, z)
		default:
			continue
		}
		hashes["F32"+fields.Type().Field(i).Name] = hashNumbers(dst)
	}
	r := rand.New(rand.NewPCG(3, 3))
	for i := range x {
		x[i], y[i], z[i], dst[i] = r.Float32(), r.Float32(), r.Float32(), r.Float32()
	}
	table.Adam(x, y, z, dst, 0.1, 0.001, 0.01, 1.5, 1e-8, 0.003)
	hashes["F32Adam"] = hashNumbers(slices.Concat(x, y, z))
}

// TestPinnedElementaryBits holds every elementwise function of every table to one hash, on every architecture. Random
// numbers are pinned in package random.
func TestPinnedElementaryBits(t *testing.T) {
	for _, table := range backends.Available() {
		t.Run(table.Name, func(t *testing.T) {
			hashes := map[string]string{}
			elementwise(hashes, table)
			elementwise32(hashes, &table.F32)
			if len(hashes) < 45 {
				t.Errorf("%d functions in the table", len(hashes))
			}
			pinned(t, hashes)
		})
	}
}

// TestPinnedProducts does so for the products of matrices and other sums.
func TestPinnedProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	matrix := func(rows, columns int) backends.Matrix {
		m := backends.NewMatrix(rows, columns, make([]float32, rows*columns))
		for i := range m.Data {
			m.Data[i] = r.Float32() - 0.5
		}
		return m
	}
	x, w, gate, start, bias := matrix(100, 77), matrix(77, 64), matrix(100, 64), matrix(100, 64), matrix(1, 64).Data
	four, thin := matrix(100, 76), matrix(5, 76)
	y, few := matrix(100, 64), matrix(5, 100)
	few.Data = y.Data[:len(few.Data)]
	for _, table := range backends.Available() {
		hashes := map[string]string{}
		for name, product := range map[string]func(){
			"F32Dense":      func() { table.F32.Dense(y, x, w, bias, true) },
			"F32DenseAdd":   func() { table.F32.DenseAdd(y, x, w) },
			"F32DenseGated": func() { table.F32.DenseGated(y, x, w, gate) },
			"F32DenseThin":  func() { table.F32.DenseThin(few, four, thin, bias[:5]) },
			"F32ColumnSums": func() { table.F32.ColumnSums(y.Data[:64], gate) },
		} {
			copy(y.Data, start.Data)
			product()
			hashes[name] = hashNumbers(y.Data)
		}
		pinned(t, hashes)
	}
}

// TestPinnedConvolutions does so for convolutions with all windows and their gradients, in float32, in bfloat16 and by
// Winograd.
func TestPinnedConvolutions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	draw := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = r.Float32() - 0.5
		}
		return s
	}
	const inputs, outputs, height, width = 16, 48, 6, 10
	x, y := draw(height*width*inputs), draw(4*height*width*outputs)
	w, start, bias := draw(9*inputs*outputs), draw(36*inputs*outputs), draw(outputs)
	for _, table := range backends.Available() {
		f := &table.F32
		results := map[string][]float32{}
		add := func(name string, numbers []float32) { results[name] = append(results[name], numbers...) }
		in := backends.NewImage(height, width, inputs, x)
		for _, window := range testedWindows {
			h, w2 := height*window.Up/window.Step, width*window.Up/window.Step
			out := backends.NewImage(h, w2, outputs, make([]float32, h*w2*outputs))
			f.Convolve(out, in, w, bias, window)
			add("F32Convolve", out.Data)
			f.ConvolveBF16(out, in, backends.NewBF16Weights(w, window.Size, inputs, outputs), bias, window, make([]float32, backends.BF16Scratch(in)))
			add("F32ConvolveBF16", out.Data)
			dw := slices.Clone(start[:len(w)])
			f.ConvolveGradient(dw, in, backends.NewImage(h, w2, outputs, y), window)
			add("F32ConvolveGradient", dw)
		}
		out := backends.NewImage(height, width, outputs, make([]float32, height*width*outputs))
		u, du, dw := make([]float32, len(start)), slices.Clone(start), make([]float32, len(w))
		scratch := make([]float32, backends.WinogradScratch(out, in))
		f.TransformWinograd(u, w, inputs, outputs)
		f.ConvolveWinograd(out, in, u, bias, scratch)
		f.ConvolveWinogradGradient(du, in, backends.NewImage(height, width, outputs, y), scratch)
		results["F32ConvolveWinograd"], results["F32ConvolveWinogradGradient"] = out.Data, slices.Clone(du)
		f.TransformWinogradGradient(dw, du, inputs, outputs)
		results["F32TransformWinograd"], results["F32TransformWinogradGradient"] = u, dw
		hashes := map[string]string{}
		for name, numbers := range results {
			hashes[name] = hashNumbers(numbers)
		}
		pinned(t, hashes)
	}
}
