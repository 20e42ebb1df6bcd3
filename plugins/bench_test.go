//go:build unix

package plugins_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
)

// echo is a score that costs nothing but the way: it returns the points.
type echo struct{}

func (echo) Dim() int { return 2 }

func (echo) Score(_ context.Context, dst, x *lanes.Block) error {
	dst.Copy(x)
	return nil
}

// BenchmarkOverhead is what a call costs besides the model: the score of 10,000 points of the plane. The metric is the median.
func BenchmarkOverhead(b *testing.B) {
	for _, model := range []string{"echo", "echo32"} {
		for _, transport := range transports {
			b.Run(fmt.Sprintf("%s/%s", model, transport), func(b *testing.B) { overhead(b, transport, model, 10_000) })
		}
	}
}

// BenchmarkThroughput is the way there and back of tensors of 8 MiB.
func BenchmarkThroughput(b *testing.B) {
	for _, transport := range transports {
		b.Run(string(transport), func(b *testing.B) {
			median := overhead(b, transport, "echo", 8<<20/16)
			b.ReportMetric(2*float64(8<<20)/median.Seconds()/1e9, "GB/s")
		})
	}
}

func overhead(b *testing.B, transport plugins.Transport, model string, n int) time.Duration {
	options := testOptions(b, "models")
	options.Transport = transport
	p := open(b, options)
	s, err := p.Score(context.Background(), model, plugins.ScoreOptions{})
	if err != nil {
		b.Fatal(err)
	}
	x, dst := points(n, 2), lanes.New(n, 2)
	for range 50 {
		if err := s.Score(context.Background(), dst, x); err != nil {
			b.Fatal(err)
		}
	}
	took := make([]time.Duration, 0, b.N)
	before := p.Usage()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Score(context.Background(), dst, x); err != nil {
			b.Fatal(err)
		}
		after := p.Usage()
		took = append(took, after.Transport()-before.Transport())
		before = after
	}
	slices.Sort(took)
	median := took[len(took)/2]
	b.ReportMetric(float64(median.Nanoseconds())/1e3, "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-us")
	return median
}

// BenchmarkStart is a start, a question and an end.
func BenchmarkStart(b *testing.B) {
	options := testOptions(b, "models")
	for b.Loop() {
		p, err := plugins.Open(context.Background(), options)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		p.Close()
		b.StartTimer()
	}
}
