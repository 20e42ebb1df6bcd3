package random_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// hermite is the first four Hermite polynomials at x. Under the normal law they have mean 0 and variances 1, 2, 6 and 24,
// and are uncorrelated, so sums of them are z-scores of mean, variance, skewness and kurtosis each on its own.
func hermite(x float64) [4]float64 {
	x2 := x * x
	return [4]float64{x, x2 - 1, x * (x2 - 3), (x2-6)*x2 + 3}
}

var (
	hermiteVariances = [4]float64{1, 2, 6, 24}
	hermiteNames     = [4]string{"mean", "variance", "skewness", "kurtosis"}
)

// together is the pairs of polynomials whose products show how two numbers hang together.
var together = [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 2}, {2, 0}}

// pair is the sums of products of two rows of numbers.
type pair struct {
	n    float64
	sums [6]float64
}

func (p *pair) add(a, b [][4]float64) {
	for i, x := range a {
		for k, t := range together {
			p.sums[k] += x[t[0]] * b[i][t[1]]
		}
	}
	p.n += float64(len(a))
}

func (p *pair) judge(w *worst, what string) {
	for k, t := range together {
		deviation := math.Sqrt(p.n * hermiteVariances[t[0]] * hermiteVariances[t[1]])
		w.add(p.sums[k]/deviation, fmt.Sprintf("%s, %s by %s", what, hermiteNames[t[0]], hermiteNames[t[1]]))
	}
}

// TestMomentsOfNormals looks at every number of a particle alone, at every two of one particle (of the same slot and of
// others), of particles that are lanes of a vector or neighbours of one, and of steps that follow each other.
func TestMomentsOfNormals(t *testing.T) {
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim = 2048, 8
		lags := []int{1, 2, 3, 4, 8, 16, 32}
		s := random.New(2024, random.Noise)
		x := lanes.New(points, dim)
		var now, before [dim][][4]float64
		for j := range dim {
			now[j], before[j] = make([][4]float64, points), make([][4]float64, points)
		}
		var alone [dim][4]float64
		var within [dim][dim]pair
		var particles [7]pair
		var steps pair
		count := slice(120)
		for step := range count {
			p.normal(s, x, 0, step)
			for j := range dim {
				for i, v := range x.Row(j)[:points] {
					h := hermite(v)
					now[j][i] = h
					for k, y := range h {
						alone[j][k] += y
					}
				}
			}
			for j := range dim {
				for k := range j {
					within[k][j].add(now[k], now[j])
				}
				if step > 0 {
					steps.add(before[j], now[j])
				}
			}
			for l, lag := range lags {
				j := int(step) % dim
				particles[l].add(now[j][:points-lag], now[j][lag:])
			}
			now, before = before, now
		}
		n := float64(count) * points
		for k, name := range hermiteNames {
			var w worst
			all := 0.0
			for j := range dim {
				all += alone[j][k]
				w.add(alone[j][k]/math.Sqrt(n*hermiteVariances[k]), fmt.Sprintf("number %d", j))
			}
			judge(t, all/math.Sqrt(dim*n*hermiteVariances[k]), name)
			w.judge(t, name)
		}
		var same, other, w worst
		for j := range dim {
			for k := range j {
				to := &other
				if k/2 == j/2 {
					to = &same
				}
				within[k][j].judge(to, fmt.Sprintf("numbers %d and %d", k, j))
			}
		}
		same.judge(t, "numbers of one slot")
		other.judge(t, "numbers of two slots")
		for l, lag := range lags {
			particles[l].judge(&w, fmt.Sprintf("particles at distance %d", lag))
		}
		w.judge(t, "particles")
		w = worst{}
		steps.judge(&w, "steps")
		w.judge(t, "steps that follow each other")
	})
}

func TestMomentsOfUniforms(t *testing.T) {
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim = 4096, 4
		x := lanes.New(points, dim)
		s := random.New(2025, random.Noise)
		var mean, variance float64
		count := slice(200)
		for step := range count {
			p.uniform(s, x, 0, step)
			for j := range dim {
				for _, u := range x.Row(j)[:points] {
					if !(u > 0 && u < 1) {
						t.Fatalf("uniform number %v", u)
					}
					d := u - 0.5
					mean += d
					variance += d*d - 1.0/12
				}
			}
		}
		n := float64(count) * points * dim
		judge(t, mean/math.Sqrt(n/12), "mean")
		judge(t, variance/math.Sqrt(n/180), "variance")
	})
}

// TestTailsOfNormals counts draws far out, a slice of what bench/long/normals counts.
func TestTailsOfNormals(t *testing.T) {
	thresholds := []float64{3, 3.5, 4, 4.5, 5}
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim = 2048, 4
		x := lanes.New(points, dim)
		s := random.New(2026, random.Noise)
		above, below := make([]float64, len(thresholds)), make([]float64, len(thresholds))
		count := slice(20_000_000 / (points * dim))
		for step := range count {
			p.normal(s, x, 0, step)
			for j := range dim {
				for _, v := range x.Row(j)[:points] {
					if math.Abs(v) < thresholds[0] {
						continue
					}
					if !(math.Abs(v) < p.largest) {
						t.Fatalf("normal number %v, beyond %v", v, p.largest)
					}
					for k, threshold := range thresholds {
						if v > threshold {
							above[k]++
						}
						if v < -threshold {
							below[k]++
						}
					}
				}
			}
		}
		n := float64(count) * points * dim
		for k, threshold := range thresholds {
			expected := n * math.Erfc(threshold/math.Sqrt2)
			found := above[k] + below[k]
			judge(t, (found-expected)/math.Sqrt(expected), fmt.Sprintf("%.0f draws of %.3g beyond %g, expected %.1f", found, n, threshold, expected))
			judge(t, (above[k]-below[k])/math.Sqrt(expected), fmt.Sprintf("beyond %g: %.0f above, %.0f below", threshold, above[k], below[k]))
		}
	})
}
