package random_test

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// From tests/kat_vectors of Random123.
var knownAnswers = []struct {
	counter [4]uint32
	key     [2]uint32
	want    [4]uint32
}{
	{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
	{[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
	{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
}

func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range knownAnswers {
		key := backends.Schedule(c.key[0], c.key[1])
		w0, w1, w2, w3 := backends.Philox(&key, c.counter[0], c.counter[1], c.counter[2], c.counter[3])
		if got := [4]uint32{w0, w1, w2, w3}; got != c.want {
			t.Errorf("counter %x key %x: %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// unit is the uniform number of two words: their upper 52 bits, and a half.
func unit(low, high uint32) float64 {
	return (float64(uint64(high)<<20|uint64(low)>>12) + 0.5) / (1 << 52)
}

// unit32 is that of one word: its upper 23 bits, and a half.
func unit32(w uint32) float32 { return (float32(w>>9) + 0.5) / (1 << 23) }

// TestKernelsGiveTheKnownAnswers puts the published counters into every lane of blocks of several lengths.
func TestKernelsGiveTheKnownAnswers(t *testing.T) {
	for _, table := range backends.Available() {
		for _, c := range knownAnswers {
			key := backends.Schedule(c.key[0], c.key[1])
			particle := uint64(c.counter[1])<<32 | uint64(c.counter[0])
			step, slot := uint64(c.counter[2]), uint64(c.counter[3])
			for _, n := range []int{1, 7, 8, 40, 77} {
				for at := range n {
					u0, u1 := make([]float64, n), make([]float64, n)
					table.Uniform(u0, u1, &key, particle-uint64(at), step, slot)
					if u0[at] != unit(c.want[0], c.want[1]) || u1[at] != unit(c.want[2], c.want[3]) {
						t.Fatalf("%s: counter %x key %x, lane %d of %d: Uniform %x %x, not of the words %x", table.Name, c.counter, c.key, at, n, u0[at], u1[at], c.want)
					}
					var u [4][]float32
					for j := range u {
						u[j] = make([]float32, n)
					}
					table.Uniform32(u[0], u[1], u[2], u[3], &key, particle-uint64(at), step, slot)
					for j := range u {
						if u[j][at] != unit32(c.want[j]) {
							t.Fatalf("%s: counter %x key %x, lane %d of %d: Uniform32 %x is not of word %d of %x", table.Name, c.counter, c.key, at, n, u[j][at], j, c.want)
						}
					}
				}
			}
		}
	}
}

// The corners of the space of addresses: words of the counter that carry, and the last of each.
var (
	cornerParticles = []uint64{0, 1<<32 - 13, 1 << 32, 1<<40 + 5, 1<<64 - 13}
	cornerSteps     = []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<32 + 7, random.MaxStep - 1}
)

func forEachCorner(test func(s random.Stream, first, step uint64)) {
	for _, s := range []random.Stream{random.New(0, random.Start), random.New(1<<63+9, random.Accept).Sub(1 << 50)} {
		for _, first := range cornerParticles {
			for _, step := range cornerSteps {
				test(s, first, step)
			}
		}
	}
}

func TestUniformNumbersAreTheWordsOfTheirAddress(t *testing.T) {
	const points = 27
	forEachBackend(t, func(t *testing.T) {
		for dim := 1; dim <= 9; dim++ {
			u, narrow := lanes.New(points, dim), lanes.New(points, dim)
			forEachCorner(func(s random.Stream, first, step uint64) {
				s.Uniform(u, first, step)
				precisions[1].uniform(s, narrow, first, step)
				for i := range points {
					for j := range dim {
						w0, w1, w2, w3 := s.Words(first+uint64(i), step, j/2)
						want := []float64{unit(w0, w1), unit(w2, w3)}[j%2]
						if got := u.Row(j)[i]; got != want {
							t.Fatalf("dim %d, particle %d+%d, step %d, number %d: %x, want %x", dim, first, i, step, j, got, want)
						}
						w0, w1, w2, w3 = s.Words(first+uint64(i), step, j/4)
						want = float64(unit32([]uint32{w0, w1, w2, w3}[j%4]))
						if got := narrow.Row(j)[i]; got != want {
							t.Fatalf("float32, dim %d, particle %d+%d, step %d, number %d: %x, want %x", dim, first, i, step, j, got, want)
						}
					}
				}
			})
		}
	})
}

// boxMuller is the pair of normal numbers of a uniform number and an angle: f pi/2, reflected at the diagonal if bit 0 of
// turn is set, and at the origin if bit 1 is.
func boxMuller(u, f float64, turn uint32) [2]float64 {
	sin, cos := math.Sincos(f * math.Pi / 2)
	radius := math.Sqrt(-2 * math.Log(u))
	if turn&1 != 0 {
		sin, cos = cos, sin
	}
	if turn&2 != 0 {
		radius = -radius
	}
	return [2]float64{radius * cos, radius * sin}
}

func TestNormalNumbersAreBoxMullerOfTheWordsOfTheirAddress(t *testing.T) {
	const points, dim = 27, 7
	z, narrow := lanes.New(points, dim), lanes.New(points, dim)
	forEachBackend(t, func(t *testing.T) {
		forEachCorner(func(s random.Stream, first, step uint64) {
			s.Normal(z, first, step)
			precisions[1].normal(s, narrow, first, step)
			for i := range points {
				for j := range dim {
					w0, w1, w2, w3 := s.Words(first+uint64(i), step, j/2)
					f := float64(uint64(w3)<<20|uint64(w2)>>12)/(1<<52) - 0.5
					want := boxMuller(unit(w0, w1), f, w2)[j%2]
					if got := z.Row(j)[i]; !(math.Abs(got-want) <= 4e-15) {
						t.Fatalf("particle %d+%d, step %d, number %d: %v, want %v", first, i, step, j, got, want)
					}
					w0, w1, w2, w3 = s.Words(first+uint64(i), step, j/4)
					if j%4 >= 2 {
						w0, w1 = w2, w3
					}
					f = float64(w1>>9)/(1<<23) - 0.5
					want = boxMuller(float64(w0>>1|1)/(1<<31), f, w1)[j%2]
					if got := narrow.Row(j)[i]; !(math.Abs(got-want) <= 2e-6) {
						t.Fatalf("float32, particle %d+%d, step %d, number %d: %v, want %v", first, i, step, j, got, want)
					}
				}
			}
		})
	})
}

// TestBlocksDoNotMatter draws the numbers of a block again in pieces that begin elsewhere.
func TestBlocksDoNotMatter(t *testing.T) {
	const points, dim = 200, 5
	all, part := lanes.New(points, dim), lanes.New(0, dim)
	forEachBackend(t, func(t *testing.T) {
		forBoth(t, func(t *testing.T, p precision) {
			s := random.New(3, random.User)
			for _, draw := range []func(s random.Stream, dst *lanes.Block, first, step uint64){p.normal, p.uniform} {
				const first = 1<<32 - 100
				draw(s, all, first, 17)
				for from, n := 0, 1; from < points; from, n = from+n, n*3%31+1 {
					part = lanes.New(min(n, points-from), dim)
					draw(s, part, first+uint64(from), 17)
					for j := range dim {
						for i, v := range part.Row(j)[:part.Len()] {
							if want := all.Row(j)[from+i]; v != want {
								t.Fatalf("particle %d, number %d: %v in a block of %d, %v in one of %d", first+from+i, j, v, part.Len(), want, points)
							}
						}
					}
				}
				fewer := lanes.New(points, dim-1) // an odd last number is that of the pair
				draw(s, fewer, first, 17)
				for j := range dim - 1 {
					for i, v := range fewer.Row(j)[:points] {
						if v != all.Row(j)[i] {
							t.Fatalf("number %d of particle %d depends on the dimension", j, i)
						}
					}
				}
			}
		})
	})
}

func TestAStreamIsSafeForConcurrentUse(t *testing.T) {
	s := random.New(6, random.Noise)
	const dim = 3 // odd, which borrows a row
	want := lanes.New(100, dim)
	s.Normal(want, 0, 1)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			x := lanes.New(100, dim)
			for range 50 {
				s.Normal(x, 0, 0)
				s.Normal(x, 0, 1)
				if !slices.Equal(x.Data(), want.Data()) {
					t.Error("numbers depend on who draws beside")
					return
				}
			}
		})
	}
	group.Wait()
}

func TestNumbersAreDrawnWithoutAllocating(t *testing.T) {
	s := random.New(6, random.Noise)
	x := lanes.New(100, 2)
	size, ratio := make([]float64, x.Stride()), make([]float64, 100)
	rows := [][]float32{make([]float32, 100), make([]float32, 100), make([]float32, 100), make([]float32, 100)}
	if n := testing.AllocsPerRun(100, func() {
		s.Normal(x, 0, 1)
		s.Uniform(x, 0, 1)
		s.Langevin(x, x, x, size, 1, 0, 1)
		s.Accept(ratio, ratio, ratio, 0, 1)
		s.Normal32(rows, 0, 1)
		s.Uniform32(rows, 0, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLangevinIsItsFormula(t *testing.T) {
	const points = 43
	forEachBackend(t, func(t *testing.T) {
		for dim := 1; dim <= 5; dim++ {
			s := random.New(4, random.Noise)
			x, drift, z, y := lanes.New(points, dim), lanes.New(points, dim), lanes.New(points, dim), lanes.New(points, dim)
			s.Normal(x, 0, 0)
			s.Normal(drift, 0, 1)
			size := make([]float64, x.Stride())
			for i := range size {
				size[i] = 1 / float64(3+i)
			}
			const first, transition, noise = 1<<32 - 20, 1<<33 + 5, 0.1
			s.Normal(z, first, transition)
			s.Langevin(y, x, drift, size, noise, first, transition)
			before := lanes.New(points, dim)
			before.Copy(x)
			s.Langevin(x, x, drift, size, noise, first, transition) // in place
			for j := range dim {
				for i := range points {
					want := math.FMA(noise, z.Row(j)[i], math.FMA(size[i], drift.Row(j)[i], before.Row(j)[i]))
					if y.Row(j)[i] != want || x.Row(j)[i] != want {
						t.Fatalf("dim %d, coordinate %d of point %d: %x, in place %x, want %x", dim, j, i, y.Row(j)[i], x.Row(j)[i], want)
					}
				}
			}
		}
	})
}

func TestAcceptIsItsFormula(t *testing.T) {
	const points = 4003
	forEachBackend(t, func(t *testing.T) {
		s := random.New(5, random.Accept)
		u, ratio := lanes.New(points, 1), lanes.New(points, 1)
		s.Normal(ratio, 0, 0)
		special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1e300, -1e300, -800, 5e-324}
		copy(ratio.Row(0), special)
		s.Uniform(u, 11, 12)
		accepted, probability := make([]float64, points), make([]float64, points)
		s.Accept(accepted, probability, ratio.Row(0)[:points], 11, 12)
		var deviation, variance float64
		for i, r := range ratio.Row(0)[:points] {
			p, a := 0.0, 0.0
			switch {
			case r >= 0:
				p, a = 1, 1
			case r < 0:
				p = backends.Exp(r)
				if math.Log(u.Row(0)[i]) < r { // no draw of this seed is within an ulp of its ratio
					a = 1
				}
			}
			if accepted[i] != a || probability[i] != p {
				t.Fatalf("ratio %v, u %v: accepted %v with probability %v, want %v and %v", r, u.Row(0)[i], accepted[i], probability[i], a, p)
			}
			deviation += a - p
			variance += p * (1 - p)
		}
		judge(t, deviation/math.Sqrt(variance), "moves accepted against their probabilities")
	})
}

func ExampleStream_Normal() {
	s := random.New(1, random.User)
	all, part := lanes.New(10, 2), lanes.New(3, 2)
	s.Normal(all, 0, 5)
	s.Normal(part, 4, 5) // particles 4, 5 and 6 alone
	fmt.Println(all.Row(0)[6] == part.Row(0)[2], all.Row(1)[6] == part.Row(1)[2])
	// Output: true true
}

func ExampleStream_Sub() {
	// Every chain of a run has streams of its own, and in each of them a stream for its warm-up.
	chain := random.New(1, random.User).Sub(3)
	warmup := chain.Sub(0)
	x := lanes.New(1, 1)
	chain.Uniform(x, 0, 0)
	u := x.Row(0)[0]
	warmup.Uniform(x, 0, 0)
	fmt.Println(u == x.Row(0)[0])
	// Output: false
}
