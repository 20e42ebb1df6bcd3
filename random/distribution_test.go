package random_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// TestNormalsFollowTheNormalLaw by Kolmogorov and Smirnov.
func TestNormalsFollowTheNormalLaw(t *testing.T) {
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim = 2048, 4
		x := lanes.New(points, dim)
		s := random.New(31, random.Noise)
		for round := range uint64(4) {
			var below []float64
			for step := range slice(48) {
				p.normal(s, x, round*points, step)
				for j := range dim {
					for _, v := range x.Row(j)[:points] {
						below = append(below, math.Erfc(-v/math.Sqrt2)/2)
					}
				}
			}
			slices.Sort(below)
			judgeProbability(t, kolmogorov(below), fmt.Sprintf("%d normals", len(below)))
		}
	})
}

// TestNormalsLieOnCircles looks at the two numbers of Box and Muller as a point of the plane: its angle is uniform, half
// its squared radius exponential, and the two do not know each other.
func TestNormalsLieOnCircles(t *testing.T) {
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim, sectors, rings = 2048, 4, 64, 16
		x := lanes.New(points, dim)
		s := random.New(32, random.Noise)
		var angles, radii []float64
		octants, cells := make([]int, 8), make([]int, sectors*rings)
		for step := range slice(120) {
			p.normal(s, x, 0, step)
			for j := 0; j < dim; j += 2 {
				for i := range points {
					z0, z1 := x.Row(j)[i], x.Row(j + 1)[i]
					angle := math.Atan2(z1, z0)/(2*math.Pi) + 0.5
					radius := math.Exp(-(z0*z0 + z1*z1) / 2)
					angles, radii = append(angles, angle), append(radii, radius)
					octants[int(angle*8)%8]++
					cells[int(angle*sectors)%sectors*rings+int(radius*rings)%rings]++
				}
			}
		}
		slices.Sort(angles)
		slices.Sort(radii)
		judgeProbability(t, kuiper(angles), fmt.Sprintf("%d angles on the circle (Kuiper)", len(angles)))
		judgeProbability(t, kolmogorov(radii), "squared radii against the exponential law")
		judge(t, chiSquare(octants), "angles in octants")
		judge(t, chiSquare(cells), "angles by radii")
	})
}

// fields splits a uniform number into its bits, the upper ones first, in fields of the given width.
func fields(u float64, bits, width int) []int {
	k := uint64(u * float64(uint64(1)<<bits)) // the half is cut
	var list []int
	for shift := bits - width; shift >= 0; shift -= width {
		list = append(list, int(k>>shift&(1<<width-1)))
	}
	return list
}

// TestEveryBitOfUniformsIsFair counts the values of all fields of eleven bits, one after the other.
func TestEveryBitOfUniformsIsFair(t *testing.T) {
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim, width = 2048, 4, 11
		x := lanes.New(points, dim)
		s := random.New(33, random.Noise)
		counts := make([][]int, p.bits/width)
		for f := range counts {
			counts[f] = make([]int, 1<<width)
		}
		lowest := make([]int, 1<<width)
		var all []float64
		for step := range slice(120) {
			p.uniform(s, x, 0, step)
			for j := range dim {
				for _, u := range x.Row(j)[:points] {
					for f, v := range fields(u, p.bits, width) {
						counts[f][v]++
					}
					lowest[uint64(u*float64(uint64(1)<<p.bits))&(1<<width-1)]++
					all = append(all, u)
				}
			}
		}
		for f, c := range counts {
			judge(t, chiSquare(c), fmt.Sprintf("bits %d to %d", f*width, (f+1)*width-1))
		}
		judge(t, chiSquare(lowest), "the lowest bits")
		slices.Sort(all)
		judgeProbability(t, kolmogorov(all), fmt.Sprintf("%d uniforms (Kolmogorov)", len(all)))
	})
}

// TestUniformsFillTheSquare is the serial test: pairs of numbers that are neighbours in one coordinate of the address fill
// the cells of a square equally.
func TestUniformsFillTheSquare(t *testing.T) {
	forBoth(t, func(t *testing.T, p precision) {
		const points, dim, side = 2048, 8, 64
		now, next := lanes.New(points, dim), lanes.New(points, dim)
		s := random.New(34, random.Noise)
		names := []string{"numbers 0 and 1 of a particle", "numbers 1 and 2", "numbers 3 and 4", "neighbours", "particles at distance 8", "steps that follow each other"}
		cells := make([][]int, len(names))
		for k := range cells {
			cells[k] = make([]int, side*side)
		}
		note := func(kind int, u, v float64) { cells[kind][int(u*side)*side+int(v*side)]++ }
		for step := uint64(0); step < slice(200); step += 2 { // the pairs of a kind have no number in common
			p.uniform(s, now, 0, step)
			p.uniform(s, next, 0, step+1)
			for i := range points {
				note(0, now.Row(0)[i], now.Row(1)[i])
				note(1, now.Row(1)[i], now.Row(2)[i])
				note(2, now.Row(3)[i], now.Row(4)[i])
			}
			for j := range dim {
				a, b := now.Row(j)[:points], next.Row(j)[:points]
				for i := range points {
					note(5, a[i], b[i])
					if i%2 == 0 {
						note(3, a[i], a[i+1])
					}
					if i%16 < 8 {
						note(4, a[i], a[i+8])
					}
				}
			}
		}
		for k, name := range names {
			judge(t, chiSquare(cells[k]), name)
		}
	})
}

// TestBirthdaySpacings is Marsaglia's: m birthdays in a year of n days, sorted, leave spacings of which about m^3 / 4n occur
// again, nearly a Poisson number.
func TestBirthdaySpacings(t *testing.T) {
	forBoth(t, func(t *testing.T, p precision) {
		const years, mean = 48, 4
		bits, days := 32, 1<<12 // m^3 = 2^36, 4n = 2^34
		if p.bits < bits {
			bits, days = 23, 1<<9
		}
		s := random.New(35, random.Noise)
		spacings := func(u []float64, lowest bool) float64 {
			at := make([]uint64, days)
			for i := range at {
				k := uint64(u[i] * float64(uint64(1)<<p.bits))
				if lowest {
					k &= 1<<bits - 1
				} else {
					k >>= p.bits - bits
				}
				at[i] = k
			}
			slices.Sort(at)
			for i := days - 1; i > 0; i-- {
				at[i] -= at[i-1]
			}
			at = at[1:]
			slices.Sort(at)
			again := 0.0
			for i := 1; i < len(at); i++ {
				if at[i] == at[i-1] {
					again++
				}
			}
			return again
		}
		along := []struct {
			name string
			year func(y int) []float64
		}{
			{"particles", func(y int) []float64 {
				x := lanes.New(days, 1)
				p.uniform(s, x, 0, uint64(y))
				return x.Row(0)
			}},
			{"steps", func(y int) []float64 {
				x := lanes.New(1, 1)
				u := make([]float64, days)
				for step := range u {
					p.uniform(s, x, uint64(y)<<32, uint64(step))
					u[step] = x.Row(0)[0]
				}
				return u
			}},
			{"slots", func(y int) []float64 {
				x := lanes.New(1, days)
				p.uniform(s, x, uint64(y), 1<<33)
				u := make([]float64, days)
				for j := range u {
					u[j] = x.Row(j)[0]
				}
				return u
			}},
			{"streams", func(y int) []float64 {
				x := lanes.New(1, 1)
				u := make([]float64, days)
				for label := range u {
					p.uniform(s.Sub(uint64(label)), x, uint64(y), 0)
					u[label] = x.Row(0)[0]
				}
				return u
			}},
		}
		for _, a := range along {
			var upper, lower float64
			for y := range years {
				u := a.year(y)
				upper += spacings(u, false)
				lower += spacings(u, true)
			}
			expected := float64(years * mean)
			judge(t, (upper-expected)/math.Sqrt(expected), fmt.Sprintf("along %s, upper %d bits: %.0f, expected %.0f", a.name, bits, upper, expected))
			if bits == p.bits {
				continue // the lower bits are the upper ones
			}
			judge(t, (lower-expected)/math.Sqrt(expected), fmt.Sprintf("along %s, lower %d bits: %.0f, expected %.0f", a.name, bits, lower, expected))
		}
	})
}
