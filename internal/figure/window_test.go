package figure

import (
	"math"
	"strconv"
	"testing"
)

func TestWindowHoldsTheBulkOfTheDraws(t *testing.T) {
	values := normal(10_000, 1).Row(0)[:10_000]
	spoiled := append([]float64{1e12, -1e300, math.MaxFloat64}, values...)
	heavy := make([]float64, len(values))
	for i, v := range values {
		heavy[i] = v / values[(i+1)%len(values)] // Cauchy
	}
	line := make([]float64, 100)
	for i := range line {
		line[i] = float64(i)
	}
	oneFar := append([]float64{1e9}, line...)
	for _, c := range []struct {
		name               string
		values             []float64
		least, most        float64 // width
		leastShown, margin float64
	}{
		{"normal", values, 6, 8, 0.999, 0},
		{"normal with outliers", spoiled, 6, 8, 0.999, 0},
		{"Cauchy", heavy, 50, 500, 0.99, 0},
		{"an even line, all of it", line, 99, 99, 1, 0},
		{"an even line, with room", line, 118.7, 118.9, 1, 0.1},
		{"one far draw", oneFar, 99, 320, 0.99, 0},
		{"one value", []float64{3}, 3, 3, 1, 0.03},
		{"zero", []float64{0, 0}, 2, 2, 1, 0.03},
		{"nearly one value", []float64{3, math.Nextafter(3, 4)}, 2.99, 3.01, 1, 0.03},
		{"none", nil, 10, 10, 0, 0.03},
		{"subnormal", []float64{0, 5e-324}, 2, 2, 1, 0},
		{"the largest", []float64{-math.MaxFloat64, math.MaxFloat64}, 2e300, 2e300, 0, 0},
	} {
		w := windowOf(c.values, c.margin)
		inside := 0
		for _, v := range c.values {
			if w.contains(v) {
				inside++
			}
		}
		shown := float64(inside) / float64(max(len(c.values), 1))
		if w.width() < c.least || w.width() > c.most || shown < c.leastShown {
			t.Errorf("%s: window %v of width %v shows %v of the draws", c.name, w, w.width(), shown)
		}
	}
}

func TestTicksLieInTheWindowAndReadBack(t *testing.T) {
	seen := 0
	for _, width := range []float64{1e-299, 3e-20, 1e-9, 0.7, 1, 6.4, 99, 12345, 2e6, 7e15, 2e300} {
		for _, start := range []float64{0, -0.5, 0.123, -1, 1, 1e3, -1e8} {
			w := window{start * width, start*width + width}
			if math.IsInf(w.lo, 0) {
				continue // windowOf makes none
			}
			for most := 2; most < 12; most++ {
				ticks := w.ticks(most)
				seen += len(ticks)
				if len(ticks) > most || (most >= 5 && len(ticks) < 2) {
					t.Errorf("window %v has %d ticks of at most %d", w, len(ticks), most)
				}
				labels := map[string]bool{}
				for _, tick := range ticks {
					v, err := strconv.ParseFloat(tick.label, 64)
					if err != nil || math.Abs(v-tick.value) > 1e-9*width+1e-15*math.Abs(v) || !w.contains(tick.value) || labels[tick.label] {
						t.Errorf("window %v: tick at %v is labelled %q", w, tick.value, tick.label)
					}
					labels[tick.label] = true
				}
			}
		}
	}
	if seen < 1000 {
		t.Errorf("only %d ticks in all", seen)
	}
	if ticks := (window{1e20, math.Nextafter(1e20, 2e20)}).ticks(5); len(ticks) > 0 {
		t.Errorf("a window of no digits has ticks %v", ticks)
	}
}

func TestTicksAreRoundNumbers(t *testing.T) {
	for _, c := range []struct {
		w    window
		most int
		want []string
	}{
		{window{-3.2, 3.2}, 7, []string{"-3", "-2", "-1", "0", "1", "2", "3"}},
		{window{-3.2, 3.2}, 5, []string{"-2", "0", "2"}},
		{window{0, 0.43}, 5, []string{"0.0", "0.1", "0.2", "0.3", "0.4"}},
		{window{0, 2.1e5}, 3, []string{"0", "1e5", "2e5"}},
		{window{100000, 100010}, 3, []string{"1.00000e5", "1.00005e5", "1.00010e5"}},
		{window{0, 2.9e-7}, 4, []string{"0", "1e-7", "2e-7"}},
	} {
		var got []string
		for _, tick := range c.w.ticks(c.most) {
			got = append(got, tick.label)
		}
		if len(got) != len(c.want) {
			t.Errorf("window %v: ticks %q, want %q", c.w, got, c.want)
			continue
		}
		for i := range got {
			a, _ := strconv.ParseFloat(got[i], 64)
			b, _ := strconv.ParseFloat(c.want[i], 64)
			if a != b || len(got[i]) > len(c.want[i]) {
				t.Errorf("window %v: ticks %q, want %q", c.w, got, c.want)
			}
		}
	}
}

func TestEndsTellTheEndsApart(t *testing.T) {
	for _, c := range []struct {
		w      window
		lo, hi string
	}{
		{window{-3.04, 3.21}, "-3.0", "3.2"},
		{window{-0.004, 12.3}, "0", "12"},
		{window{0.001, 0.0023}, "0.0010", "0.0023"},
		{window{9999, 10001}, "9999.0", "10001.0"},
		{window{1e6, 1.001e6}, "1e6", "1.001e6"},
		{window{-2e300, 2e300}, "-2e300", "2e300"},
		{window{0, 1.5e-9}, "0", "1.5e-9"},
	} {
		if lo, hi := c.w.ends(); lo != c.lo || hi != c.hi {
			t.Errorf("window %v: %q and %q, want %q and %q", c.w, lo, hi, c.lo, c.hi)
		}
	}
}
