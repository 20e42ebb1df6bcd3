package diagnose

import (
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
)

// Memory is how well the place of a particle at the end is told by its place before.
//
// Particles that cannot cross between the parts of a law share them out as the start did, and everything that
// compares populations is content. But each of them remembers its part: as well after half of the run as after a
// quarter. Where particles wander slowly but freely, as along a ring, the correlation over twice the time is the square
// of that over once.
type Memory struct {
	What          string  // of which number of a particle, in words
	Half          float64 // rank correlation of half-time and end
	ThreeQuarters float64 // of three quarters of the run and end
	Limit         float64 // of Half, beyond which it is no chance, given the number of comparisons
	deviation     float64 // standard error of a rank correlation of about 0
}

const (
	leastMemory = 0.05 // below it, hardly any particle can be a prisoner: in two parts of shares q and 1-q it is 3 q (1-q)
	kept        = 0.7  // Half over ThreeQuarters from which memory fades too slowly to be gone soon
	wandering   = 1.65 // log Half over log ThreeQuarters from which it fades as in slow wandering, where it is 2; in traps it is 1
	sure        = 2.2  // standard errors by which it has to fade more slowly than that
	longMemory  = 0.5  // from which a reader of the draws is told even if it fades
)

// Trapped says whether memory is there and does not fade, both beyond chance.
func (m Memory) Trapped() bool {
	if !(m.Half > max(m.Limit, leastMemory)) || m.Half <= kept*m.ThreeQuarters {
		return false
	}
	if m.Half >= m.ThreeQuarters {
		return true
	}
	// The standard error of the logarithm of a correlation r is (1-r^2)/r of that of one of 0.
	half := m.deviation * (1 - float64(m.Half*m.Half)) / m.Half
	threeQuarters := float64(wandering * m.deviation * (1 - float64(m.ThreeQuarters*m.ThreeQuarters)) / m.ThreeQuarters)
	deviation := math.Sqrt(math.FMA(half, half, float64(threeQuarters*threeQuarters)))
	return backends.Log(m.Half)-float64(wandering*backends.Log(m.ThreeQuarters)) > sure*deviation
}

// Long says whether particles remember so much that the start is likely to show in the draws.
func (m Memory) Long() bool { return m.Half > max(m.Limit, longMemory) }

// mostRanked is the number of particles of a large population that are ranked: enough for any memory that matters.
const mostRanked = 1 << 13

// remembered finds the worst memory of the particles: of those that are trapped the strongest, else the strongest. It
// looks at each coordinate, its distance from the median, which tells a middle part from outer ones, the direction in
// which half of the particles remember most, and the norm, which tells rings. Log p is left out: fast and slow coordinates
// mix in it, so that it fades as if there were traps.
func remembered(half, threeQuarters, end population, workers int) Memory {
	pick := alive(half, threeQuarters, end)
	d := len(end.x)
	memories := make([]Memory, 2*d+2)
	// The functions return no error.
	_ = parallel.Do(parallel.Workers(workers), d, func(_, j int) error {
		a, b, c := take(half.x[j], pick), take(threeQuarters.x[j], pick), take(end.x[j], pick)
		memories[j] = memory(fmt.Sprintf("x[%d]", j), a, b, c)
		centre := Quantile(slices.Sorted(slices.Values(c)), 0.5)
		for _, column := range [][]float64{a, b, c} {
			for i, v := range column {
				column[i] = math.Abs(v - centre)
			}
		}
		memories[d+j] = memory(fmt.Sprintf("the distance of x[%d] from its median", j), a, b, c)
		return nil
	})
	found, others := alternate(pick)
	if v := direction(standardised(half.x, found), standardised(end.x, found)); d > 1 && v != nil {
		along := func(p population) []float64 { return project(standardised(p.x, others), v) }
		memories[2*d] = memory("x along one direction", along(half), along(threeQuarters), along(end))
	}
	memories[2*d+1] = memory("the norm of x", take(half.norm, pick), take(threeQuarters.norm, pick), take(end.norm, pick))

	// A coordinate is named rather than what is made of it, unless that remembers clearly more.
	const clearly = 0.05
	var worst Memory
	for i := range memories {
		m := &memories[i]
		n := len(pick)
		if i == 2*d {
			n = len(others)
		}
		m.Limit = 1
		if n > 1 {
			m.deviation = 1 / math.Sqrt(float64(n-1))
			m.Limit = float64(beyond(falseAlarm/float64(len(memories))) * m.deviation)
		}
		more := m.Half > worst.Half
		if i >= d {
			more = m.Half > worst.Half+clearly
		}
		if t := m.Trapped(); i == 0 || t && !worst.Trapped() || t == worst.Trapped() && more {
			worst = *m
		}
	}
	return worst
}

// alive are the numbers of at most mostRanked particles that are finite at all times.
func alive(populations ...population) []int {
	n := len(populations[0].norm)
	most := min(n, mostRanked)
	pick := make([]int, 0, most)
	for k := range most {
		i := k * n / most
		finite := true
		for _, p := range populations {
			finite = finite && p.norm[i]-p.norm[i] == 0
		}
		if finite {
			pick = append(pick, i)
		}
	}
	return pick
}

// alternate deals out numbers to two sides.
func alternate(numbers []int) (first, second []int) {
	for k, i := range numbers {
		if k%2 == 0 {
			first = append(first, i)
		} else {
			second = append(second, i)
		}
	}
	return first, second
}

func take(values []float64, pick []int) []float64 {
	taken := make([]float64, len(pick))
	for k, i := range pick {
		taken[k] = values[i]
	}
	return taken
}

func memory(what string, half, threeQuarters, end []float64) Memory {
	last := ranks(end)
	return Memory{What: what, Half: correlation(ranks(half), last), ThreeQuarters: correlation(ranks(threeQuarters), last)}
}

// ranks are the ranks of values less their mean; equal values share theirs.
func ranks(values []float64) []float64 {
	n := len(values)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, n)
	for first := 0; first < n; {
		last := first
		for last+1 < n && values[order[last+1]] == values[order[first]] {
			last++
		}
		for _, i := range order[first : last+1] {
			ranks[i] = float64(first+last-(n-1)) / 2
		}
		first = last + 1
	}
	return ranks
}

// correlation is that of ranks (Spearman 1904), 0 where all are equal.
func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a { // ranks are multiples of 1/2: the order of the sums hardly matters
		ab = math.FMA(a[i], b[i], ab)
		aa = math.FMA(a[i], a[i], aa)
		bb = math.FMA(b[i], b[i], bb)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa) / math.Sqrt(bb)
}
