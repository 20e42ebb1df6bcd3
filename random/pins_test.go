package random_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

var update = flag.Bool("update", false, "write testdata/pins.txt instead of comparing with it")

const pins = "testdata/pins.txt"

// digest is the SHA-256 of numbers, the low byte first.
type digest struct{ bytes.Buffer }

func (d *digest) add(t *testing.T, numbers []float64) {
	for _, v := range numbers {
		if math.IsNaN(v) {
			t.Fatal("a random number is NaN")
		}
		_ = binary.Write(&d.Buffer, binary.LittleEndian, v)
	}
}

func (d *digest) sum() string { return fmt.Sprintf("%x", sha256.Sum256(d.Bytes())) }

// canonical draws the pinned numbers, in lines of a name and a hash.
func canonical(t *testing.T) string {
	const points = 1003
	var normal, uniform, normal32, uniform32, langevin, accept digest
	forEachCorner(func(s random.Stream, first, step uint64) {
		for _, dim := range []int{1, 2, 5} {
			x, y := lanes.New(points, dim), lanes.New(points, dim)
			for _, c := range []struct {
				to   *digest
				draw func(s random.Stream, dst *lanes.Block, first, step uint64)
			}{
				{&normal, precisions[0].normal}, {&uniform, precisions[0].uniform},
				{&normal32, precisions[1].normal}, {&uniform32, precisions[1].uniform},
			} {
				c.draw(s, x, first, step)
				for j := range dim {
					c.to.add(t, x.Row(j)[:points])
				}
			}
			s.Uniform(x, first, step)
			s.Uniform(y, first+1, step)
			size := make([]float64, x.Stride())
			for i := range size {
				size[i] = 1 / float64(1+i)
			}
			s.Langevin(x, x, y, size, 0.25, first, step)
			for j := range dim {
				langevin.add(t, x.Row(j)[:points])
			}
		}
		ratio, accepted, probability := make([]float64, points), make([]float64, points), make([]float64, points)
		for i := range ratio {
			ratio[i] = float64(i-points/2) / 256
		}
		ratio[0], ratio[1], ratio[2] = math.NaN(), math.Inf(1), math.Inf(-1)
		s.Accept(accepted, probability, ratio, first, step)
		accept.add(t, accepted)
		accept.add(t, probability)
	})
	return fmt.Sprintf("Normal %s\nUniform %s\nNormal32 %s\nUniform32 %s\nLangevin %s\nAccept %s\n",
		normal.sum(), uniform.sum(), normal32.sum(), uniform32.sum(), langevin.sum(), accept.sum())
}

// TestPinnedBits holds the numbers of every backend to those of this epoch. Where it fails on purpose, results of users
// change: the epoch of reproducibility goes up by one in the same commit, and -update writes the new hashes.
func TestPinnedBits(t *testing.T) {
	if *update {
		if err := os.WriteFile(pins, []byte(canonical(t)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(pins)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	forEachBackend(t, func(t *testing.T) {
		got := strings.Split(strings.TrimSpace(canonical(t)), "\n")
		if len(got) != len(want) {
			t.Fatalf("%d hashes, %d in %s", len(got), len(want), pins)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s, pinned %s: results changed. If that is meant, bump the epoch and run: go test ./random -run TestPinnedBits -update", got[i], want[i])
			}
		}
	})
}
