package random_test

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// words is the 128 bits at an address. Two streams with the same words at one address are the same stream, but for a
// chance of 2^-128 that differing keys agree there.
type words [4]uint32

func at(s random.Stream, particle, step uint64, slot int) words {
	w0, w1, w2, w3 := s.Words(particle, step, slot)
	return words{w0, w1, w2, w3}
}

func first(s random.Stream) words { return at(s, 0, 0, 0) }

// TestStreamsDoNotKnowEachOther compares the numbers that streams with related names have at the same addresses.
func TestStreamsDoNotKnowEachOther(t *testing.T) {
	s := random.New(7, random.Noise)
	cases := []struct {
		name string
		a, b random.Stream
	}{
		{"seeds 0 and 1", random.New(0, random.Noise), random.New(1, random.Noise)},
		{"seeds 0 and 2^32", random.New(0, random.Noise), random.New(1<<32, random.Noise)},
		{"seeds 0 and 2^63", random.New(0, random.Noise), random.New(1<<63, random.Noise)},
		{"seeds 1 and 2^64-1", random.New(1, random.Noise), random.New(1<<64-1, random.Noise)},
		{"halves of a seed exchanged", random.New(1<<32|2, random.Noise), random.New(2<<32|1, random.Noise)},
		{"start and noise", random.New(7, random.Start), s},
		{"noise and accept", s, random.New(7, random.Accept)},
		{"seed 1 for purpose 2 and seed 2 for purpose 1", random.New(1, 2), random.New(2, 1)},
		{"a stream and one nested in it", s, s.Sub(0)},
		{"labels 0 and 1", s.Sub(0), s.Sub(1)},
		{"labels 1 and 2^32", s.Sub(1), s.Sub(1 << 32)},
		{"labels 1, 2 and 2, 1", s.Sub(1).Sub(2), s.Sub(2).Sub(1)},
		{"label 5 once and twice", s.Sub(5), s.Sub(5).Sub(5)},
		{"labels 1, 2 and 3", s.Sub(1).Sub(2), s.Sub(3)},
	}
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim, side = 2048, 4, 32
		x, y := lanes.New(points, dim), lanes.New(points, dim)
		hx, hy := make([][4]float64, points), make([][4]float64, points)
		var moments, squares worst
		for _, c := range cases {
			var both pair
			cells := make([]int, side*side)
			for step := range slice(16) {
				p.normal(c.a, x, 0, step)
				p.normal(c.b, y, 0, step)
				for j := range dim {
					for i := range points {
						hx[i], hy[i] = hermite(x.Row(j)[i]), hermite(y.Row(j)[i])
					}
					both.add(hx, hy)
				}
				p.uniform(c.a, x, 0, step)
				p.uniform(c.b, y, 0, step)
				for j := range dim {
					for i := range points {
						cells[int(x.Row(j)[i]*side)*side+int(y.Row(j)[i]*side)]++
					}
				}
			}
			both.judge(&moments, c.name)
			squares.add(chiSquare(cells), c.name)
		}
		moments.judge(t, "moments of two streams")
		squares.judge(t, "two streams in the square")
	})
}

// TestManyStreamsFillTheUnitInterval takes one number of each of many streams, the way chains and data sets are numbered.
func TestManyStreamsFillTheUnitInterval(t *testing.T) {
	s := random.New(8, random.User)
	const streams = 1 << 15
	for _, family := range []struct {
		name   string
		stream func(i uint64) random.Stream
	}{
		{"seeds", func(i uint64) random.Stream { return random.New(i, random.Noise) }},
		{"seeds in the high word", func(i uint64) random.Stream { return random.New(i<<32, random.Noise) }},
		{"purposes", func(i uint64) random.Stream { return random.New(1, random.Purpose(i)) }},
		{"labels", s.Sub},
		{"labels in the high word", func(i uint64) random.Stream { return s.Sub(i << 32) }},
		{"nested labels", func(i uint64) random.Stream { return s.Sub(i % 181).Sub(i / 181) }},
		{"the same label twice", func(i uint64) random.Stream { return s.Sub(i).Sub(i) }},
	} {
		x := lanes.New(1, 1)
		var u []float64
		square := make([]int, 16*16)
		for i := range uint64(streams) {
			family.stream(i).Uniform(x, 0, 0)
			u = append(u, x.Row(0)[0])
			if i%2 == 1 {
				square[int(u[i-1]*16)*16+int(u[i]*16)]++
			}
		}
		judge(t, chiSquare(square), family.name+", neighbours in the square")
		slices.Sort(u)
		judgeProbability(t, kolmogorov(u), family.name)
	}
}

func TestNestedLabelsNeitherCommuteNorCancel(t *testing.T) {
	s := random.New(9, random.Pilot)
	labels := []uint64{0, 1, 2, 3, 5, 1 << 31, 1 << 32, 1<<32 | 1, 1 << 63, 1<<64 - 1}
	for _, a := range labels {
		if first(s.Sub(a)) == first(s) {
			t.Errorf("Sub(%d) does nothing", a)
		}
		if first(s.Sub(a).Sub(a)) == first(s) {
			t.Errorf("Sub(%d) twice gives the stream back", a)
		}
		if again := first(s.Sub(a)); again != first(s.Sub(a)) || again != first(random.New(9, random.Pilot).Sub(a)) {
			t.Errorf("Sub(%d) is not always the same stream", a)
		}
		for _, b := range labels {
			nested := first(s.Sub(a).Sub(b))
			if a != b && nested == first(s.Sub(b).Sub(a)) {
				t.Errorf("Sub(%d).Sub(%d) is Sub(%d).Sub(%d)", a, b, b, a)
			}
			for _, c := range append(labels, a^b, a+b, a-b, b-a, a*b) {
				if nested == first(s.Sub(c)) {
					t.Errorf("Sub(%d).Sub(%d) is Sub(%d)", a, b, c)
				}
			}
		}
	}
}

// TestNoTwoNamesAreTheSameStream looks at more than 1e5 streams of every kind of name.
func TestNoTwoNamesAreTheSameStream(t *testing.T) {
	names := map[words]string{}
	note := func(s random.Stream, format string, args ...any) {
		name := fmt.Sprintf(format, args...)
		if other, ok := names[first(s)]; ok {
			t.Fatalf("%s and %s are the same stream", name, other)
		}
		names[first(s)] = name
	}
	for purpose := random.Start; purpose <= random.Validation; purpose++ {
		for seed := range uint64(500) {
			note(random.New(seed, purpose), "New(%d, %d)", seed, purpose)
		}
		for bit := 9; bit < 64; bit++ {
			note(random.New(1<<bit, purpose), "New(2^%d, %d)", bit, purpose)
		}
	}
	s := random.New(0, random.Noise)
	for a := range uint64(310) {
		note(s.Sub(a), "Sub(%d)", a)
		for b := range uint64(310) {
			note(s.Sub(a).Sub(b), "Sub(%d).Sub(%d)", a, b)
		}
	}
	for a := range uint64(20) {
		for b := range uint64(20) {
			for c := range uint64(20) {
				note(s.Sub(a).Sub(b).Sub(c), "Sub(%d).Sub(%d).Sub(%d)", a, b, c)
			}
		}
	}
	t.Logf("%d streams", len(names))
}

// TestNoTwoAddressesHaveTheSameWords takes the addresses at which step and slot could run into each other, and into the
// counter that makes keys of nested streams.
func TestNoTwoAddressesHaveTheSameWords(t *testing.T) {
	s := random.New(10, random.Noise)
	particles := []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<64 - 1}
	var steps []uint64
	for bit := range 40 {
		steps = append(steps, 1<<bit, 1<<bit^(random.MaxStep-1))
	}
	steps = append(steps, 0, random.MaxStep-1)
	slots := []int{0, random.MaxSlot - 1}
	for bit := range 24 {
		slots = append(slots, 1<<bit)
		if slot := 1<<bit ^ (1<<24 - 1); slot != random.MaxSlot-1 {
			slots = append(slots, slot)
		}
	}
	seen := map[words]string{}
	note := func(w words, format string, args ...any) {
		name := fmt.Sprintf(format, args...)
		if other, ok := seen[w]; ok {
			t.Fatalf("%s and %s have the same words", name, other)
		}
		seen[w] = name
	}
	for _, particle := range particles {
		for _, step := range steps {
			for _, slot := range slots {
				note(at(s, particle, step, slot), "particle %d, step %d, slot %d", particle, step, slot)
			}
		}
	}
	t.Logf("%d addresses", len(seen))
}

// TestEveryBitOfAnAddressReachesEveryBit is the strict avalanche criterion: flipping any bit of a seed, a label or an
// address flips each of the 128 bits of the words in half of the cases.
func TestEveryBitOfAnAddressReachesEveryBit(t *testing.T) {
	s := random.New(11, random.Noise)
	const trials = 512
	x := random.New(12, random.User)
	for _, c := range []struct {
		name string
		bits int
		at   func(v uint64) words
	}{
		{"seed", 64, func(v uint64) words { return first(random.New(v, random.Noise)) }},
		{"purpose", 32, func(v uint64) words { return first(random.New(1, random.Purpose(v))) }},
		{"label", 64, func(v uint64) words { return first(s.Sub(v)) }},
		{"outer label", 64, func(v uint64) words { return first(s.Sub(v).Sub(3)) }},
		{"particle", 64, func(v uint64) words { return at(s, v, 3, 0) }},
		{"step", 40, func(v uint64) words { return at(s, 5, v%random.MaxStep, 0) }},
		{"slot", 23, func(v uint64) words { return at(s, 5, 3, int(v%(1<<23))) }},
	} {
		total, cells := 0, worst{}
		for bit := range c.bits {
			var flips [128]int
			for trial := range uint64(trials) {
				lo, hi, _, _ := x.Words(trial, uint64(bit), 0)
				v := uint64(hi)<<32 | uint64(lo)
				a, b := c.at(v), c.at(v^1<<bit)
				for w := range a {
					d := a[w] ^ b[w]
					total += bits.OnesCount32(d)
					for ; d != 0; d &= d - 1 {
						flips[32*w+bits.TrailingZeros32(d)]++
					}
				}
			}
			for out, n := range flips {
				cells.add((float64(n)-trials/2)/math.Sqrt(trials/4), fmt.Sprintf("bit %d to bit %d", bit, out))
			}
		}
		n := float64(c.bits * 128 * trials)
		judge(t, (float64(total)-n/2)/math.Sqrt(n/4), fmt.Sprintf("%s: %.0f of %.0f bits flip", c.name, float64(total), n))
		// Of 45,000 pairs in all, one reaches 6 by chance once in 10,000 times.
		t.Logf("z = %+.2f  %s: the largest of %d, %s", cells.z, c.name, cells.count, cells.what)
		if math.Abs(cells.z) > 6 {
			t.Errorf("%s: %s flips with z = %+.2f", c.name, cells.what, cells.z)
		}
	}
}
