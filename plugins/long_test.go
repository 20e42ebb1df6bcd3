//go:build linux

package plugins_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

// long says whether the long tests run: INFER_CHAOS is at least 100.
func long() bool {
	n, _ := strconv.Atoi(os.Getenv("INFER_CHAOS")) // 0 if it is not set
	return n >= 100
}

// resident is the memory of a process in bytes.
func resident(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestStartsAndStopsLeaveNothing starts and stops plug-ins, 1,000 in the long mode.
func TestStartsAndStopsLeaveNothing(t *testing.T) {
	count := 20
	if long() {
		count = 1000
	}
	warmUp(t)
	options, mark := chaosOptions(t, "sdk:")
	cycle := func(n int) {
		for i := range n {
			options.Transport = transports[i%len(transports)]
			p := open(t, options)
			d := differentiable(t, p, "donut")
			if err := d.LogProb(context.Background(), make([]float64, 8), lanes.New(8, 2)); err != nil {
				t.Fatal(err)
			}
			p.Close()
		}
	}
	cycle(20)
	nothingLeft(t, mark, resources{1 << 20, 1 << 20})
	runtime.GC()
	before, memory := countResources(t), resident(t, os.Getpid())
	cycle(count)
	nothingLeft(t, mark, before)
	runtime.GC()
	if grown := resident(t, os.Getpid()) - memory; grown > 10<<20 {
		t.Errorf("%d starts and stops: %d bytes more", count, grown)
	}
}

// TestEvaluationsKeepTheirMemory evaluates small batches, a million in the long mode.
func TestEvaluationsKeepTheirMemory(t *testing.T) {
	count := 3000
	if long() {
		count = 1_000_000
	}
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			options := testOptions(t, "models")
			options.Transport = transport
			p := open(t, options)
			d := differentiable(t, p, "donut")
			x, logp, grad := points(100, 2), make([]float64, 100), lanes.New(100, 2)
			evaluate := func(n int) {
				for range n {
					if err := d.LogProbGrad(context.Background(), logp, grad, x); err != nil {
						t.Fatal(err)
					}
				}
			}
			evaluate(2000)
			runtime.GC()
			host, plugin, before := resident(t, os.Getpid()), resident(t, p.Process()), countResources(t)
			evaluate(count)
			runtime.GC()
			if now := countResources(t); now.goroutines > before.goroutines || now.files > before.files {
				t.Errorf("%+v, and %+v before", now, before)
			}
			if grown := resident(t, os.Getpid()) - host; grown > 10<<20 {
				t.Errorf("%d evaluations: %d bytes more in the host", count, grown)
			}
			if grown := resident(t, p.Process()) - plugin; grown > 10<<20 {
				t.Errorf("%d evaluations: %d bytes more in the plug-in", count, grown)
			}
		})
	}
}

// collect keeps where the particles end.
type collect struct{ x *lanes.Block }

func (c *collect) Put(_ context.Context, d mcmc.Draws) error {
	c.x.CopyPoints(int(d.First), d.X, 0, d.X.Len())
	return nil
}

func (c *collect) Sync() error { return nil }

// TestARunWhosePluginIsKilledHasTheSameDraws samples the donut by MALA, built in and by a plug-in that is killed on the way.
func TestARunWhosePluginIsKilledHasTheSameDraws(t *testing.T) {
	draw := func(d density.Differentiable) *lanes.Block {
		end := &collect{lanes.New(500, 2)}
		run := &mcmc.Run{
			Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: d, Step: 0.01}, Particles: 500, Seed: 3, Sink: end, Workers: 2, BlockSize: 250,
		}
		if err := run.To(context.Background(), 400); err != nil {
			t.Fatal(err)
		}
		return end.x
	}
	want := draw(density.Donut{})
	for _, transport := range transports {
		options := testOptions(t, "models")
		options.Transport = transport
		p := open(t, options)
		d := differentiable(t, p, "donut")
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					if p.Usage().Calls > 100 && p.Usage().Restarts == 0 && p.Process() != 0 {
						_ = syscall.Kill(p.Process(), syscall.SIGKILL)
						return
					}
				}
			}
		}()
		got := draw(d)
		close(stop)
		<-done
		for j := range 2 {
			for i := range 500 {
				if got.Row(j)[i] != want.Row(j)[i] {
					t.Fatalf("%s: particle %d, coordinate %d is %v, and by the built-in %v", transport, i, j, got.Row(j)[i], want.Row(j)[i])
				}
			}
		}
		t.Logf("%s: %+v", transport, p.Usage())
	}
}
