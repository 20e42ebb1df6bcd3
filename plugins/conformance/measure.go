package conformance

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/random"
)

// Effort says how much is measured.
type Effort struct {
	Calls   int           // of each model by each transport, at most
	Longest time.Duration // of that, at most
	Points  int           // of a call
}

// Cost is what calls of a model cost, through all that infer does for them.
type Cost struct {
	Model     string            `json:"model"`
	Transport plugins.Transport `json:"transport"`
	Points    int               `json:"points"` // of a call
	Dim       int               `json:"dim"`
	Calls     int               `json:"calls"`
	// P50 and P99 are quantiles of the overhead of a call: the time it took less that which the plug-in says it computed. Seconds.
	P50  float64 `json:"overhead_p50_seconds"`
	P99  float64 `json:"overhead_p99_seconds"`
	Call float64 `json:"call_p50_seconds"`
	Rate float64 `json:"bytes_per_second"` // there and back, in the median overhead
}

// Measure finds out what calls cost, for every model by each transport that the plug-in has.
func Measure(ctx context.Context, p Plugin, e Effort) ([]Cost, error) {
	var costs []Cost
	for _, transport := range []plugins.Transport{plugins.ShmTransport, plugins.FramesTransport, plugins.GRPCTransport} {
		o := p.Options
		o.Transport = transport
		run, err := plugins.Open(ctx, o)
		if err != nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			o.Transport = plugins.AnyTransport // it is none of its, or it does not start at all
			if any, failed := plugins.Open(ctx, o); failed != nil {
				return nil, failed
			} else {
				any.Close()
			}
			continue
		}
		for _, m := range run.Info().Models {
			c, err := measure(ctx, run, p, m, e)
			if err != nil {
				run.Close()
				return nil, err
			}
			c.Transport = transport
			costs = append(costs, c)
		}
		run.Close()
	}
	return costs, nil
}

func measure(ctx context.Context, run *plugins.Plugin, p Plugin, m protocol.Model, e Effort) (Cost, error) {
	call, in, dim, err := caller(ctx, run, p, m)
	if err != nil {
		return Cost{}, err
	}
	points := e.Points
	if m.MaxBatch > 0 {
		points = min(points, m.MaxBatch)
	}
	points = max(1, min(points, (256<<20)/8/max(in, dim)))
	x, out, logp := lanes.New(points, in), lanes.New(points, dim), make([]float64, points)
	random.New(1, random.Probe).Normal(x, 0, 0)
	c := Cost{Model: m.Name, Points: points, Dim: dim}
	var overheads, calls []float64
	began := time.Now()
	warm := 5
	for i := 0; i < e.Calls+warm && (i <= warm || time.Since(began) < e.Longest); i++ {
		before := run.Usage().Compute
		start := time.Now()
		if err := call(ctx, logp, out, x); err != nil {
			return c, fmt.Errorf("model %s, %d points: %w", m.Name, points, err)
		}
		took := time.Since(start)
		if i >= warm {
			overheads = append(overheads, math.Max(0, (took-(run.Usage().Compute-before)).Seconds()))
			calls = append(calls, took.Seconds())
		}
	}
	slices.Sort(overheads)
	slices.Sort(calls)
	c.Calls = len(calls)
	c.P50, c.P99, c.Call = overheads[len(overheads)/2], overheads[len(overheads)*99/100], calls[len(calls)/2]
	size := 8
	if m.Float32() {
		size = 4
	}
	c.Rate = float64(size*points*(in+dim)) / math.Max(c.P50, 1e-9)
	return c, nil
}

// caller is a call of a model through its interface, with the number of coordinates that go in and come out.
func caller(ctx context.Context, run *plugins.Plugin, p Plugin, m protocol.Model) (call func(ctx context.Context, logp []float64, out, x *lanes.Block) error, in, dim int, err error) {
	switch {
	case m.Is(protocol.KindDensity):
		d, err := run.Density(ctx, m.Name, p.Config)
		if err != nil {
			return nil, 0, 0, err
		}
		if g, ok := d.(density.Differentiable); ok {
			return func(ctx context.Context, logp []float64, out, x *lanes.Block) error {
				return g.LogProbGrad(ctx, logp, out, x)
			}, d.Dim(), d.Dim(), nil
		}
		return func(ctx context.Context, logp []float64, _, x *lanes.Block) error { return d.LogProb(ctx, logp, x) }, d.Dim(), d.Dim(), nil
	case m.Is(protocol.KindSimulator):
		s, err := run.Simulator(ctx, m.Name, p.Config)
		if err != nil {
			return nil, 0, 0, err
		}
		return func(ctx context.Context, _ []float64, out, x *lanes.Block) error {
			return s.Simulate(ctx, out, x, 1, 0)
		}, s.Parameters(), s.Dim(), nil
	}
	o := plugins.ScoreOptions{Config: p.Config, Given: map[string][]float64{}}
	for _, g := range m.Given {
		o.Given[g.Name] = make([]float64, g.Dim)
	}
	if !m.Noise {
		s, err := run.Score(ctx, m.Name, o)
		if err != nil {
			return nil, 0, 0, err
		}
		return func(ctx context.Context, _ []float64, out, x *lanes.Block) error { return s.Score(ctx, out, x) }, s.Dim(), s.Dim(), nil
	}
	family, err := run.NoiseConditional(ctx, m.Name, o)
	if err != nil {
		return nil, 0, 0, err
	}
	low, high := m.SigmaMin, m.SigmaMax
	sigma := 1.0
	if low > 0 && high > 0 {
		sigma = math.Sqrt(low * high)
	} else if low > 0 {
		sigma = low
	} else if high > 0 {
		sigma = high / 2
	}
	s := family.At(sigma)
	return func(ctx context.Context, _ []float64, out, x *lanes.Block) error { return s.Score(ctx, out, x) }, s.Dim(), s.Dim(), nil
}
