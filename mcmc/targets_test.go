package mcmc_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"sort"
	"sync"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

// target is a density written for one point.
type target struct {
	dim int
	f   func(grad, x []float64) float64
}

var points = sync.Pool{New: func() any { return new([2][8]float64) }}

func (d target) Dim() int { return d.dim }

func (d target) LogProb(_ context.Context, logp []float64, x *lanes.Block) error {
	return d.LogProbGrad(context.Background(), logp, nil, x)
}

func (d target) LogProbGrad(_ context.Context, logp []float64, grad, x *lanes.Block) error {
	point := points.Get().(*[2][8]float64)
	defer points.Put(point)
	px, pg := point[0][:], point[1][:]
	for i := range x.Len() {
		x.Point(i, px)
		v := d.f(pg[:d.dim], px[:d.dim])
		if logp != nil {
			logp[i] = v
		}
		if grad != nil {
			grad.SetPoint(i, pg[:d.dim])
		}
	}
	return nil
}

// donut has exact mean of r 2.606346154 and variance 0.016459726.
var donut = target{2, func(g, x []float64) float64 {
	r := math.Sqrt(math.FMA(x[0], x[0], x[1]*x[1]))
	slope := -2 * (r - 2.6) / 0.033
	for j := range g {
		if r == 0 {
			g[j] = 0
		} else {
			g[j] = slope * x[j] / r
		}
	}
	return -(r - 2.6) * (r - 2.6) / 0.033
}}

// gaussian is N(0, 1), plus a constant.
func gaussian(t *testing.T, offset float64) *density.Text {
	t.Helper()
	d, err := density.Parse("-x[0]^2/2 + c", 1, map[string]float64{"c": offset})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// memory is a sink for tests: the draws of one transition.
type memory struct {
	mu         sync.Mutex
	transition uint64
	x          *lanes.Block
	logp       []float64
	puts, sync int
}

func newMemory(particles, dim int, transition uint64) *memory {
	x := lanes.New(particles, dim)
	for j := range dim {
		for i := range particles {
			x.Row(j)[i] = math.NaN()
		}
	}
	return &memory{transition: transition, x: x, logp: make([]float64, particles)}
}

func (m *memory) Put(_ context.Context, d mcmc.Draws) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if d.Transition != m.transition {
		return fmt.Errorf("draws of transition %d, want %d", d.Transition, m.transition)
	}
	m.x.CopyPoints(int(d.First), d.X, 0, d.X.Len())
	copy(m.logp[d.First:], d.LogProb)
	return nil
}

func (m *memory) Sync() error { m.sync++; return nil }

// sum is the SHA-256 of points, coordinate by coordinate.
func sum(x *lanes.Block) string {
	h := sha256.New()
	for j := range x.Dim() {
		_ = binary.Write(h, binary.LittleEndian, x.Row(j)[:x.Len()])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func radii(x *lanes.Block) []float64 {
	r := make([]float64, x.Len())
	for i := range r {
		r[i] = math.Hypot(x.Row(0)[i], x.Row(1)[i])
	}
	return r
}

func moments(v []float64) (mean, variance float64) {
	for _, a := range v {
		mean += a / float64(len(v))
	}
	for _, a := range v {
		variance += (a - mean) * (a - mean) / float64(len(v)-1)
	}
	return
}

// kolmogorov is the largest distance between the distribution of v and a distribution function.
func kolmogorov(v []float64, cdf func(float64) float64) float64 {
	v = append([]float64(nil), v...)
	sort.Float64s(v)
	d := 0.0
	for i, a := range v {
		c := cdf(a)
		d = max(d, c-float64(i)/float64(len(v)), float64(i+1)/float64(len(v))-c)
	}
	return d
}

// kuiper is V of angles against the uniform law, times sqrt n: above 2.30 once in 1e4.
func kuiper(x *lanes.Block) float64 {
	angles := make([]float64, x.Len())
	for i := range angles {
		angles[i] = math.Atan2(x.Row(1)[i], x.Row(0)[i])/(2*math.Pi) + 0.5
	}
	sort.Float64s(angles)
	up, down := 0.0, 0.0
	n := float64(len(angles))
	for i, a := range angles {
		up, down = max(up, float64(i+1)/n-a), max(down, a-float64(i)/n)
	}
	return (up + down) * math.Sqrt(n)
}

// donutRadius is the distribution function of the donut's radius, r exp(-(r-2.6)^2/0.033).
func donutRadius(r float64) float64 {
	const s = 0.12845232578665129
	z := (r - 2.6) / s
	phi := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	return (2.6*0.5*math.Erfc(-z/math.Sqrt2) - s*phi) / 2.6
}

// to runs a population and fails the test if it cannot.
func to(t *testing.T, r *mcmc.Run, transition uint64) *lanes.Block {
	t.Helper()
	if err := r.To(context.Background(), transition); err != nil {
		t.Fatal(err)
	}
	return r.Positions()
}

func within(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	t.Logf("%s %.7g", what, got)
	if !(got >= low && got <= high) {
		t.Errorf("%s is %.7g, want it in [%v, %v]", what, got, low, high)
	}
}
