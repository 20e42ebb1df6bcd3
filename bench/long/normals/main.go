// Normals counts the tails of a billion standard normals and sums their moments, in float64 and float32, and prints
// how many standard errors each is from what the normal law says. It exits 1 if any is 4 or more away.
//
//	go run ./bench/long/normals              # 1e9 of each precision
//	go run ./bench/long/normals -count 1e8
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"sync"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

const points, dim = 2048, 2 // of a block: in L1

func main() {
	count := flag.Float64("count", 1e9, "normals of each precision")
	seed := flag.Uint64("seed", 1, "seed")
	flag.Parse()
	steps := uint64(math.Ceil(*count / (points * dim)))
	fmt.Printf("%d normals of each precision, seed %d, backend %s\n\n", steps*points*dim, *seed, backends.Current().Name)
	fmt.Print("| precision | quantity | found | expected | z |\n| --- | --- | --- | --- | --- |\n")
	stream := random.New(*seed, random.Noise)
	worst := report(os.Stdout, "float64", collect(steps, func() func(*sums, uint64) {
		x := lanes.New(points, dim)
		return func(s *sums, step uint64) {
			stream.Normal(x, 0, step)
			for j := range dim {
				s.add(x.Row(j)[:points])
			}
			s.cross(x.Row(0)[:points], x.Row(1)[:points])
		}
	}))
	worst = max(worst, report(os.Stdout, "float32", collect(steps, func() func(*sums, uint64) {
		const half = points / 2 // of four numbers each, which is what a slot has
		rows, wide := make([][]float32, 2*dim), make([][]float64, 2*dim)
		for j := range rows {
			rows[j], wide[j] = make([]float32, half), make([]float64, half)
		}
		return func(s *sums, step uint64) {
			stream.Normal32(rows, 0, step)
			for j, row := range rows {
				for i, v := range row {
					wide[j][i] = float64(v)
				}
				s.add(wide[j])
			}
			s.cross(wide[0], wide[1])
			s.cross(wide[2], wide[3])
		}
	})))
	if worst >= 4 {
		fmt.Fprintf(os.Stderr, "normals: |z| = %.2f is not below 4\n", worst)
		os.Exit(1)
	}
}

// thresholds of the two-sided tails.
var thresholds = [...]float64{3, 4, 5, 6}

// sums is what is kept of the draws.
type sums struct {
	n      float64
	powers [4]float64
	mixed  [3]float64 // of two coordinates of a particle, n/2 of each
	tails  [len(thresholds)]float64
	bad    int // not finite
}

func (s *sums) add(row []float64) {
	var p [4]float64
	for _, v := range row {
		v2 := v * v
		p[0] += v
		p[1] += v2
		p[2] += v2 * v
		p[3] += v2 * v2
		if !(v2 < 9) {
			a := math.Abs(v)
			for i, t := range thresholds {
				if a > t {
					s.tails[i]++
				}
			}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				s.bad++
			}
		}
	}
	for i := range p {
		s.powers[i] += p[i]
	}
	s.n += float64(len(row))
}

// cross notes how two coordinates of a particle, made from the same words, hang together.
func (s *sums) cross(a, b []float64) {
	var p [3]float64
	for i, v := range a {
		w := b[i]
		p[0] += v * w
		p[1] += v * v * w * w
		p[2] += v * v * v * w
	}
	for i := range p {
		s.mixed[i] += p[i]
	}
}

func (s *sums) join(other sums) {
	s.n += other.n
	s.bad += other.bad
	for i := range s.powers {
		s.powers[i] += other.powers[i]
	}
	for i := range s.mixed {
		s.mixed[i] += other.mixed[i]
	}
	for i := range s.tails {
		s.tails[i] += other.tails[i]
	}
}

// collect draws the blocks of all steps on all cores. worker returns what one goroutine calls for each step.
func collect(steps uint64, worker func() func(*sums, uint64)) sums {
	var total sums
	var mu sync.Mutex
	var group sync.WaitGroup
	workers := uint64(runtime.GOMAXPROCS(0))
	for w := range workers {
		group.Go(func() {
			var s sums
			draw := worker()
			for step := w; step < steps; step += workers {
				draw(&s, step)
			}
			mu.Lock()
			defer mu.Unlock()
			total.join(s)
		})
	}
	group.Wait()
	return total
}

// report prints a line for every quantity and returns the largest |z|; a draw that is not finite counts as infinite.
func report(w io.Writer, precision string, s sums) float64 {
	worst := 0.0
	line := func(name string, found, expected, deviation float64) {
		z := (found - expected) / deviation
		worst = max(worst, math.Abs(z))
		fmt.Fprintf(w, "| %s | %s | %.10g | %.10g | %+.2f |\n", precision, name, found, expected, z)
	}
	// The variances of Z, Z^2, Z^3 and Z^4 are 1, 2, 15 and 96.
	for i, moment := range []struct{ expected, variance float64 }{{0, 1}, {1, 2}, {0, 15}, {3, 96}} {
		line(fmt.Sprintf("mean of z^%d", i+1), s.powers[i]/s.n, moment.expected, math.Sqrt(moment.variance/s.n))
	}
	for i, mixed := range []struct {
		name               string
		expected, variance float64
	}{{"x y", 0, 1}, {"x^2 y^2", 1, 8}, {"x^3 y", 0, 15}} {
		line("mean of "+mixed.name, s.mixed[i]/(s.n/2), mixed.expected, math.Sqrt(mixed.variance/(s.n/2)))
	}
	for i, t := range thresholds {
		p := math.Erfc(t / math.Sqrt2)
		line(fmt.Sprintf("draws beyond %g", t), s.tails[i], s.n*p, math.Sqrt(s.n*p*(1-p)))
	}
	if s.bad > 0 {
		fmt.Fprintf(w, "%d draws in %s are not finite\n", s.bad, precision)
		return math.Inf(1)
	}
	return worst
}
