package figure

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/scorefield/infer/lanes"
)

// normals fills values with standard normal numbers by Box and Muller.
func normals(generator *rand.PCG, values []float64) {
	r := rand.New(generator)
	for i := range values {
		values[i] = math.Sqrt(-2*math.Log(1-r.Float64())) * math.Cos(2*math.Pi*r.Float64())
	}
}

// normal is n draws of independent standard normal coordinates.
func normal(n, dim int) *lanes.Block {
	b := lanes.New(n, dim)
	for j := range dim {
		normals(rand.NewPCG(7, uint64(j)), b.Row(j)[:n])
	}
	return b
}

// donut is n draws from the ring of radius 2.6 and width 0.128.
func donut(n int) *lanes.Block {
	b := lanes.New(n, 2)
	generator := rand.NewPCG(1, 2)
	r := rand.New(generator)
	radius := make([]float64, n)
	normals(generator, radius)
	for i := range n {
		angle := 2 * math.Pi * r.Float64()
		b.Row(0)[i] = (2.6 + 0.128*radius[i]) * math.Cos(angle)
		b.Row(1)[i] = (2.6 + 0.128*radius[i]) * math.Sin(angle)
	}
	return b
}

// wheel is n points close to a circle by arithmetic that has the same bits everywhere, for pictures compared
// character by character.
func wheel(n int) *lanes.Block {
	b := lanes.New(n, 2)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		t := r.Float64()
		square := float64(t * t)
		x, y := (1-square)/(1+square), 2*t/(1+square)
		quarter := r.IntN(4)
		if quarter%2 == 1 {
			x, y = -y, x
		}
		if quarter >= 2 {
			x, y = -x, -y
		}
		radius := 2.6
		for range 12 {
			radius += float64(0.128 * (r.Float64() - 0.5))
		}
		b.Row(0)[i], b.Row(1)[i] = radius*x, radius*y
	}
	return b
}

// heap is n sums of twelve uniform numbers, nearly normal, by arithmetic that has the same bits everywhere.
func heap(n, dim int) *lanes.Block {
	b := lanes.New(n, dim)
	r := rand.New(rand.NewPCG(5, 6))
	for j := range dim {
		for i := range n {
			for range 12 {
				b.Row(j)[i] += r.Float64() - 0.5
			}
		}
	}
	return b
}

// block holds the points, one slice a point.
func block(t *testing.T, points ...[]float64) *lanes.Block {
	t.Helper()
	b, err := lanes.FromPoints(points)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// formula is a density of one formula.
type formula struct {
	dim int
	f   func(x []float64) float64
}

func (d formula) Dim() int { return d.dim }

func (d formula) LogProb(_ context.Context, logp []float64, x *lanes.Block) error {
	point := make([]float64, d.dim)
	for i := range logp {
		logp[i] = d.f(x.Point(i, point))
	}
	return nil
}

// ring is the density of donut.
var ring = formula{2, func(x []float64) float64 {
	r := math.Hypot(x[0], x[1]) - 2.6
	return -r * r / 0.033
}}
