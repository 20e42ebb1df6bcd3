package mcmc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

const (
	someParticles = 1000
	someSteps     = 60
)

// settings are the kernels that the tests of a run's bits go through.
func settings() map[string]func() *mcmc.Run {
	return map[string]func() *mcmc.Run{
		"mala, tuned": func() *mcmc.Run {
			return &mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: donut}, Tune: true, Particles: someParticles, Seed: 7}
		},
		"langevin": func() *mcmc.Run {
			return &mcmc.Run{
				Start: mcmc.Normal{Coordinates: 2}, Kernel: named{mcmc.Langevin{Score: score.Of(donut), Step: 1e-2}}, Particles: someParticles, Seed: 7,
			}
		},
	}
}

func TestBitsDoNotDependOnWorkersBlocksOrRounds(t *testing.T) {
	for name, run := range settings() {
		t.Run(name, func(t *testing.T) {
			want := sum(to(t, run(), someSteps))
			for _, workers := range []int{1, 2, 7} {
				for _, size := range []int{0, 8, 104, 1000, 4096} {
					r := run()
					r.Workers, r.BlockSize = workers, size
					sink := newMemory(someParticles, 2, someSteps)
					r.Sink = sink
					if got := sum(to(t, r, someSteps)); got != want {
						t.Errorf("%d workers, blocks of %d: %s, want %s", workers, size, got, want)
					}
					if got := sum(sink.x); got != want {
						t.Errorf("%d workers, blocks of %d: the sink has %s, want %s", workers, size, got, want)
					}
				}
			}
			r := run()
			for transition := range uint64(someSteps + 1) {
				to(t, r, transition)
			}
			if got := sum(r.Positions()); got != want {
				t.Errorf("in small rounds: %s, want %s", got, want)
			}
			seed := run()
			seed.Seed++
			if got := sum(to(t, seed, someSteps)); got == want {
				t.Error("another seed gives the same draws")
			}
		})
	}
}

func TestShardsAreThePopulation(t *testing.T) {
	for name, run := range settings() {
		t.Run(name, func(t *testing.T) {
			whole := to(t, run(), someSteps)
			joined := lanes.New(someParticles, 2)
			for _, shard := range [][2]int{{0, 300}, {300, 301}, {301, 1000}} {
				r := run()
				r.First, r.Particles, r.Population = uint64(shard[0]), shard[1]-shard[0], someParticles
				x := to(t, r, someSteps)
				joined.CopyPoints(shard[0], x, 0, x.Len())
			}
			if got, want := sum(joined), sum(whole); got != want {
				t.Errorf("shards %s, whole %s", got, want)
			}
		})
	}
}

// halting is a density that ends a context at a call, so that a test stops a run at a known place.
type halting struct {
	target
	left   *atomic.Int64
	cancel context.CancelFunc
}

func (h halting) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if h.left.Add(-1) == 0 {
		h.cancel()
	}
	return h.target.LogProbGrad(ctx, logp, grad, x)
}

// haltAfter makes a run's density end the returned context at a call.
func haltAfter(r *mcmc.Run, calls int) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	left := new(atomic.Int64)
	left.Store(int64(calls))
	d := halting{donut, left, cancel}
	switch k := r.Kernel.(type) {
	case mcmc.MALA:
		k.Density = d
		r.Kernel = k
	case named:
		k.Score = score.Of(d)
		r.Kernel = k
	}
	return ctx
}

// haltingCall is a call in the middle of a run of settings: pilots take 301.
func haltingCall(name string) int {
	if name == "langevin" {
		return 100
	}
	return 400
}

// named is a kernel whose name does not tell its target.
type named struct{ mcmc.Langevin }

func (named) String() string { return "langevin" }

func TestAStoppedRunGoesOnToTheSameBits(t *testing.T) {
	for name, run := range settings() {
		t.Run(name, func(t *testing.T) {
			want := sum(to(t, run(), someSteps))
			path := filepath.Join(t.TempDir(), "draws.npz.ckpt")
			stops := 0
			// Each time another process: nothing is left but the file. Its number of workers and its blocks do not matter.
			for try := 0; ; try++ {
				r := run()
				r.Checkpoint, r.Workers, r.BlockSize = path, 1+try%3, 100+50*(try%4)
				sink := newMemory(someParticles, 2, someSteps)
				r.Sink = sink
				look := everyOne{&everyTen{}}
				r.Looks = []mcmc.Look{look}
				calls := 150
				if try == 0 {
					calls = 450 // pilots take 301
				}
				ctx := haltAfter(r, calls)
				if try > 0 {
					at, err := r.Resume(context.Background(), path)
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("resumed, at transition (mean) %d", at)
				}
				err := r.To(ctx, someSteps)
				if err == nil {
					if got := sum(sink.x); got != want {
						t.Errorf("after %d stops %s, undisturbed %s", stops, got, want)
					}
					for i, looks := range r.LookColumns(look)[1] {
						if looks != someSteps+1 {
							t.Fatalf("particle %d: %v looks in %d transitions", i, looks, someSteps)
						}
					}
					if report := r.Report(); report.Transition != someSteps || report.Evaluations != someParticles*(someSteps+1) {
						t.Errorf("%+v", report)
					}
					break
				}
				var stopped *mcmc.StoppedError
				if !errors.As(err, &stopped) || !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				stops++
			}
			if stops < 2 {
				t.Errorf("only %d stops", stops)
			}
		})
	}
}

func TestAStoppedRunGoesOnInTheSameProcess(t *testing.T) {
	for name, run := range settings() {
		want := sum(to(t, run(), someSteps))
		r := run()
		ctx, stops := haltAfter(r, haltingCall(name)), 0
		for r.To(ctx, someSteps) != nil {
			ctx = context.Background()
			stops++
		}
		if got := sum(r.Positions()); got != want || stops != 1 {
			t.Errorf("%s: after %d stops %s, want %s", name, stops, got, want)
		}
	}
}

// copying is a sink that, when a checkpoint is about to be written, keeps a copy of the one before.
type copying struct {
	*memory
	path   string
	copies [][]byte
	count  atomic.Int64
}

func (c *copying) Sync() error {
	if data, err := os.ReadFile(c.path); err == nil {
		c.copies = append(c.copies, data)
		c.count.Add(1)
	}
	return nil
}

func TestCheckpointsAtIntervals(t *testing.T) {
	const steps, enough = 150, 5
	path := filepath.Join(t.TempDir(), "ckpt")
	sink := &copying{memory: newMemory(16, 2, steps), path: path}
	slow := target{2, func(g, x []float64) float64 {
		if sink.count.Load() < enough {
			time.Sleep(200 * time.Microsecond)
		}
		return donut.f(g, x)
	}}
	run := func() *mcmc.Run {
		return &mcmc.Run{
			Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: slow, Step: 0.01}, Particles: 16, Seed: 1, BlockSize: 8, Workers: 2,
			Checkpoint: path, CheckpointEvery: time.Millisecond,
		}
	}
	r := run()
	r.Sink = sink
	want := sum(to(t, r, steps))
	late := 0
	for _, data := range sink.copies {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r := run()
		r.Kernel, r.CheckpointEvery = mcmc.MALA{Density: donut, Step: 0.01}, 0
		at, err := r.Resume(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		if at > 0 {
			late++
		}
		if got := sum(to(t, r, steps)); got != want {
			t.Errorf("from transition %d: %s, want %s", at, got, want)
		}
	}
	t.Logf("%d checkpoints, %d later than transition 0", len(sink.copies), late)
	if len(sink.copies) == 0 || late == 0 {
		t.Errorf("%d checkpoints, %d later than transition 0", len(sink.copies), late)
	}
}

func TestResumeRefusesAnotherRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ckpt")
	base := func() *mcmc.Run {
		return &mcmc.Run{
			Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: donut, Step: 0.01}, Particles: 100, Seed: 1, Checkpoint: path,
		}
	}
	stopped := base()
	if err := stopped.To(haltAfter(stopped, 5), 10); err == nil {
		t.Fatal("not stopped")
	}
	wider := target{2, func(g, x []float64) float64 { return donut.f(g, x) * 1.0000001 }}
	for want, change := range map[string]func(*mcmc.Run){
		"the kernel":                      func(r *mcmc.Run) { r.Kernel = mcmc.MALA{Density: donut, Step: 0.02} },
		"the start":                       func(r *mcmc.Run) { r.Start = mcmc.Normal{Scale: []float64{2, 2}} },
		"the seed is 1 there and 2 here":  func(r *mcmc.Run) { r.Seed = 2 },
		"the number of particles":         func(r *mcmc.Run) { r.Particles = 99 },
		"the declared population":         func(r *mcmc.Run) { r.Population = 1000 },
		"whether the step is tuned":       func(r *mcmc.Run) { r.Tune = true },
		"what is noted on the way":        func(r *mcmc.Run) { r.Looks = []mcmc.Look{&everyTen{}} },
		"the target at the first":         func(r *mcmc.Run) { r.Kernel = mcmc.MALA{Density: wider, Step: 0.01} },
		"the start has 3 coordinates":     func(r *mcmc.Run) { r.Start = mcmc.Normal{Coordinates: 3} },
		"where the first particles begin": func(r *mcmc.Run) { r.Start = sameName{mcmc.Normal{Scale: []float64{1, 2}}} },
	} {
		r := base()
		change(r)
		_, err := r.Resume(context.Background(), path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(data); i += 97 {
		data[i] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := base().Resume(context.Background(), path); err == nil {
			t.Errorf("byte %d may be anything", i)
		}
		data[i] ^= 1
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := base().Resume(context.Background(), path); err != nil {
		t.Error(err)
	}
}

// sameName is a start that calls itself like another one.
type sameName struct{ mcmc.Sampler }

func (sameName) String() string { return mcmc.Normal{Coordinates: 2}.String() }

// everyTen notes the transition and how often it looked.
type everyTen struct{ calls atomic.Int64 }

func (*everyTen) Columns() int     { return 2 }
func (*everyTen) At(t uint64) bool { return t%10 == 0 }
func (l *everyTen) Look(_ context.Context, s *mcmc.State, columns [][]float64) error {
	l.calls.Add(1)
	for i := range s.Len() {
		columns[0][i] += float64(s.Transition) * float64(s.First+uint64(i))
		columns[1][i]++
	}
	return nil
}

// everyOne looks at every transition.
type everyOne struct{ *everyTen }

func (everyOne) At(uint64) bool { return true }

func TestLooksAreTakenOnceEach(t *testing.T) {
	for name, run := range settings() {
		look := &everyTen{}
		r := run()
		r.Looks = []mcmc.Look{&everyTen{}, look}
		ctx, stops := haltAfter(r, haltingCall(name)), 0
		for r.To(ctx, someSteps) != nil {
			ctx = context.Background()
			stops++
		}
		if stops != 1 {
			t.Errorf("%d stops", stops)
		}
		columns := r.LookColumns(look)
		for i := range someParticles {
			// 10 + 20 + ... + 60 = 210 times the number; seven looks.
			if columns[0][i] != 210*float64(i) || columns[1][i] != 7 {
				t.Fatalf("%s: particle %d: %v, %v looks", name, i, columns[0][i], columns[1][i])
			}
		}
		if r.LookColumns(&everyTen{}) != nil {
			t.Error("columns of a look that is not of the run")
		}
	}
}

func TestABrokenDensityStopsTheRunAndKeepsWhatIsDone(t *testing.T) {
	broken := errors.New("the licence server is down")
	var left atomic.Int64
	left.Store(100)
	r := &mcmc.Run{
		Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: failing{donut, &left, broken}, Step: 0.01}, Particles: 1000, Seed: 1,
		BlockSize: 96, Checkpoint: filepath.Join(t.TempDir(), "ckpt"),
	}
	err := r.To(context.Background(), someSteps)
	if !errors.Is(err, broken) || !strings.Contains(fmt.Sprint(err), "particles ") {
		t.Fatalf("error %v", err)
	}
	t.Log(err)
	if _, err := os.Stat(r.Checkpoint); err != nil {
		t.Error(err)
	}
	left.Store(1 << 40)
	healthy := &mcmc.Run{Start: r.Start, Kernel: mcmc.MALA{Density: donut, Step: 0.01}, Particles: 1000, Seed: 1}
	if got, want := sum(to(t, r, someSteps)), sum(to(t, healthy, someSteps)); got != want {
		t.Errorf("gone on with: %s, want %s", got, want)
	}
}

// failing is a density that breaks after a number of calls.
type failing struct {
	target
	left *atomic.Int64
	err  error
}

func (f failing) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if f.left.Add(-1) < 0 {
		for i := range x.Len() { // what a careless target leaves behind
			grad.SetPoint(i, []float64{1e300, 1e300})
		}
		return f.err
	}
	return f.target.LogProbGrad(ctx, logp, grad, x)
}

func TestProgressIsReportedAndEndsAtTheTotal(t *testing.T) {
	var calls []mcmc.Progress
	r := settings()["langevin"]()
	r.Progress = func(p mcmc.Progress) { calls = append(calls, p) } // one goroutine at a time: no lock
	to(t, r, someSteps)
	to(t, r, 2*someSteps)
	last := calls[len(calls)-1]
	if want := (mcmc.Progress{Done: 2 * someSteps * someParticles, Total: 2 * someSteps * someParticles, Transition: 2 * someSteps}); last != want {
		t.Errorf("last call %+v, want %+v", last, want)
	}
}

// No two particles are alike, and no particle of one seed is one of another.
func TestParticlesAreAllDifferent(t *testing.T) {
	for name, run := range settings() {
		seen := map[[2]float64]string{}
		for seed := range uint64(3) {
			r := run()
			r.Seed = seed
			x := to(t, r, someSteps)
			for i := range x.Len() {
				point := [2]float64{x.Row(0)[i], x.Row(1)[i]}
				me := fmt.Sprintf("particle %d of seed %d", i, seed)
				if other, twice := seen[point]; twice {
					t.Fatalf("%s: %s and %s are both at %v", name, other, me, point)
				}
				seen[point] = me
			}
		}
	}
}
