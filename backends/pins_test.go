package backends_test

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/backends"
)

var update = flag.Bool("update", false, "write the hashes of testdata/pins.txt instead of comparing with them")

const pinFile = "testdata/pins.txt"

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
		maps.Copy(pins, hashes)
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(pins)) {
			fmt.Fprintf(&b, "%s %s\n", name, pins[name])
		}
		if err := os.WriteFile(pinFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		if hashes[name] != pins[name] {
			t.Errorf("%s: %s, pinned %q: results changed. If that is meant, bump the epoch and run: go test ./backends -run TestPinned -update",
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

// shuffled is the list in an order that has nothing to do with its own.
func shuffled(list []float64, factor int) []float64 {
	s := make([]float64, len(list))
	for i := range s {
		s[i] = list[i*factor%len(list)]
	}
	return s
}

func hashNumbers(numbers []float64) string {
	block := make([]byte, 0, 8*len(numbers))
	for _, v := range numbers {
		if v != v {
			v = math.NaN()
		}
		block = binary.LittleEndian.AppendUint64(block, math.Float64bits(v))
	}
	return fmt.Sprintf("%x", sha256.Sum256(block))
}

// TestPinnedElementaryBits holds every elementwise function of every table to one hash, on every architecture.
func TestPinnedElementaryBits(t *testing.T) {
	x := grid()
	y, z := shuffled(x, 7919), shuffled(x, 104729)
	small := slices.Clone(y) // exponents for powers that do not overflow
	for i, v := range small {
		if i%2 == 0 {
			small[i] = math.RoundToEven(math.Remainder(v, 40))
		}
	}
	dst := make([]float64, len(x))
	for _, table := range backends.Available() {
		t.Run(table.Name, func(t *testing.T) {
			hashes := map[string]string{}
			fields := reflect.ValueOf(table).Elem()
			for i := range fields.NumField() {
				name := fields.Type().Field(i).Name
				switch f := fields.Field(i).Interface().(type) {
				case backends.Unary:
					f(dst, x)
				case backends.Binary:
					if name == "Pow" {
						f.VV(dst, x, small)
					} else {
						f.VV(dst, x, y)
					}
				case backends.Ternary:
					f.VVV(dst, x, y, z)
				default: // the random kernels are pinned in package random
					continue
				}
				hashes[name] = hashNumbers(dst)
			}
			if len(hashes) < 30 {
				t.Errorf("%d functions in the table", len(hashes))
			}
			pinned(t, hashes)
		})
	}
}
