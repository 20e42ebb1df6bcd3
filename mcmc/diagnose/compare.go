package diagnose

import (
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
)

// compared are the probabilities of the quantiles that are compared: the outer ones show tails that fill slowly.
var compared = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// compareInTime compares a population with the same particles later. What is stationary changes by chance alone, and
// of each particle as likely up as down.
//
// Means of x and x^2 see a drift of the whole. Where tails are heavy they see little, so each quantile is
// compared too: of the particles that crossed it, as many should have gone up as down (McNemar 1947).
func compareInTime(before, after population) []Test {
	var tests []Test
	early := before.features()
	for f, late := range after.features() {
		a, b := early[f].values, late.values
		tests = append(tests, Test{What: "the mean of " + late.name, Z: pairedMean(a, b, false)})
		if f < len(after.x) {
			tests = append(tests, Test{What: "the mean square of " + late.name, Z: pairedMean(a, b, true)})
		}
		sorted := finiteSorted(thin(a, mostSorted))
		for _, p := range compared {
			z := crossings(a, b, Quantile(sorted, p))
			tests = append(tests, Test{What: fmt.Sprintf("the %g %% quantile of %s", 100*p, late.name), Z: z})
		}
	}
	return limited(tests)
}

// pairedMean is the mean of b-a, or of their squares, in standard errors; 0 if nothing differs.
func pairedMean(a, b []float64, squared bool) float64 {
	differences := make([]float64, 0, len(a))
	for i := range a {
		d := b[i] - a[i]
		if squared {
			d = float64(d * (b[i] + a[i]))
		}
		if d-d == 0 {
			differences = append(differences, d)
		}
	}
	n := float64(len(differences))
	if n < 2 {
		return 0
	}
	mean := parallel.Sum(differences) / n
	for i, d := range differences {
		differences[i] = float64((d - mean) * (d - mean))
	}
	variance := parallel.Sum(differences) / (n - 1)
	if !(variance > 0) {
		return 0
	}
	return mean / math.Sqrt(variance/n)
}

// crossings is the excess of particles that rose above a level over those that fell below it, in standard errors.
func crossings(a, b []float64, level float64) float64 {
	up, down := 0.0, 0.0
	for i := range a {
		switch {
		case a[i] <= level && b[i] > level:
			up++
		case a[i] > level && b[i] <= level:
			down++
		}
	}
	if up+down == 0 {
		return 0
	}
	return (up - down) / math.Sqrt(up+down)
}

// compareApart compares two populations by ranks, which heavy tails do not fool: where they lie (Wilcoxon 1945,
// Mann & Whitney 1947), how far they spread from the first one's median, and their distributions as a whole (Kolmogorov,
// Smirnov).
func compareApart(first, second population) []Test {
	var tests []Test
	others := second.features()
	for f, main := range first.features() {
		a, b := finiteSorted(thin(main.values, mostSorted)), finiteSorted(others[f].values)
		if len(a) == 0 || len(b) == 0 {
			continue
		}
		centre := Quantile(a, 0.5)
		tests = append(tests,
			Test{What: "the place of " + main.name, Z: rankSum(a, b)},
			Test{What: "the spread of " + main.name, Z: rankSum(distances(a, centre), distances(b, centre))},
			Test{What: "the distribution of " + main.name, Z: smirnov(a, b)},
		)
	}
	return limited(tests)
}

// distances are the ascending distances of values from a centre.
func distances(values []float64, centre float64) []float64 {
	d := make([]float64, len(values))
	for i, v := range values {
		d[i] = math.Abs(v - centre)
	}
	slices.Sort(d)
	return d
}

// rankSum is the sum of the ranks of b among both, ascending each, less what it is if both have one law, in
// standard errors. Equal values share their mean rank.
func rankSum(a, b []float64) float64 {
	na, nb := float64(len(a)), float64(len(b))
	n := na + nb
	var sum, ties float64
	i, j, rank := 0, 0, 0.0
	for i < len(a) || j < len(b) {
		v := math.Inf(1)
		if i < len(a) {
			v = a[i]
		}
		if j < len(b) {
			v = min(v, b[j])
		}
		countA, countB := 0.0, 0.0
		for ; i < len(a) && a[i] == v; i++ {
			countA++
		}
		for ; j < len(b) && b[j] == v; j++ {
			countB++
		}
		count := countA + countB
		sum += float64(countB * (rank + float64((count+1)/2)))
		ties += float64(count*count*count) - count
		rank += count
	}
	variance := float64(na * nb / 12 * (n + 1 - ties/(n*(n-1))))
	if !(variance > 0) {
		return 0
	}
	return (sum - float64(nb*(n+1)/2)) / math.Sqrt(variance)
}

// smirnov is the largest distance between two empirical distributions, ascending values each, as the number of
// standard errors at which a normal variable is as unlikely (Smirnov 1948; Stephens 1970 for few values).
func smirnov(a, b []float64) float64 {
	na, nb := float64(len(a)), float64(len(b))
	largest := 0.0
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		v := min(a[i], b[j])
		for i < len(a) && a[i] == v {
			i++
		}
		for j < len(b) && b[j] == v {
			j++
		}
		largest = max(largest, math.Abs(float64(i)/na-float64(j)/nb))
	}
	root := math.Sqrt(na * nb / (na + nb))
	lambda := (root + 0.12 + 0.11/root) * largest
	probability, sign := 0.0, 2.0
	for k := 1.0; k < 30; k++ {
		probability += float64(sign * backends.Exp(-2*float64(k*k*lambda*lambda)))
		sign = -sign
	}
	if lambda < 0.3 {
		probability = 1 // where the series has not converged
	}
	return beyond(min(1, max(probability, 1e-300)))
}

// limited gives every test of a group the limit that all of them together exceed by chance with the probability
// falseAlarm, whatever depends on what (Bonferroni).
func limited(tests []Test) []Test {
	if len(tests) == 0 {
		return nil
	}
	limit := beyond(falseAlarm / float64(len(tests)))
	for i := range tests {
		tests[i].Limit = limit
	}
	return tests
}

// beyond is the z that a standard normal variable exceeds in absolute value with a given probability, in (0, 1].
func beyond(probability float64) float64 {
	low, high := 0.0, 40.0
	for range 60 {
		middle := float64((low + high) / 2)
		if backends.Erfc(middle/math.Sqrt2) > probability {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// mostSorted is the number of particles of a large population that stand for it where it has to be sorted: far more
// than the second population, so nothing is lost.
const mostSorted = 1 << 16

// thin picks at most that many values, evenly.
func thin(values []float64, most int) []float64 {
	if len(values) <= most {
		return values
	}
	thinned := make([]float64, most)
	for i := range thinned {
		thinned[i] = values[i*len(values)/most]
	}
	return thinned
}

// finiteSorted are the finite values, ascending.
func finiteSorted(values []float64) []float64 {
	sorted := make([]float64, 0, len(values))
	for _, v := range values {
		if v-v == 0 {
			sorted = append(sorted, v)
		}
	}
	slices.Sort(sorted)
	return sorted
}
