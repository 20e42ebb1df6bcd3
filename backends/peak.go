package backends

import "time"

// peakFMAs is the number of vector multiply-adds in one iteration of a peak loop.
const peakFMAs = 14

// Peak measures for about the given time how many float64 operations a second one core does in multiply-adds of the
// table's vectors, each counting twice; the best of several short stretches, since others may use the core too. In
// float32 it is twice that. 0 for a table without vectors.
func Peak(t *Table, d time.Duration) float64 {
	loop, lanes := peakLoop(t)
	if loop == nil {
		return 0
	}
	const iterations = 20_000
	best := 0.0
	for end := time.Now().Add(d); ; {
		began := time.Now()
		loop(iterations)
		now := time.Now()
		best = max(best, float64(2*iterations*peakFMAs*lanes)/now.Sub(began).Seconds())
		if now.After(end) {
			return best
		}
	}
}

// Wide says whether the 512-bit multiply-adds of this machine are at least 1.7 times as fast as its 256-bit ones, given the
// peaks of both: Zen 5 and current Intel servers are wide, Zen 4 is narrow.
func Wide(peak512, peak256 float64) bool { return peak512 >= 1.7*peak256 }
