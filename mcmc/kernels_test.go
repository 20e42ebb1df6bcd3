package mcmc_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

func TestMALADrawsFromTheDonut(t *testing.T) {
	r := &mcmc.Run{
		Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: density.Donut{}}, Tune: true, Particles: 10_000, Seed: 1,
	}
	x := to(t, r, 1000)
	_, variance := moments(radii(x))
	within(t, "Var[r]", variance, 0.0155, 0.0174)
	within(t, "Kolmogorov-Smirnov of r", kolmogorov(radii(x), donutRadius), 0, 0.0195)
	within(t, "Kuiper of the angle", kuiper(x), 0, 2.3)
	report := r.Report()
	t.Logf("%+v", report)
	within(t, "acceptance", report.Acceptance, 0.5, 0.65)
	if report.NeverMoved != 0 || report.Outside != 0 || report.Rejected != (mcmc.Rejections{}) {
		t.Errorf("%d particles never moved, %d are outside, rejected %+v", report.NeverMoved, report.Outside, report.Rejected)
	}
}

// The stationary law of the unadjusted algorithm is not the donut's: its variance is 0.0236259, exact 0.0164597.
func TestLangevinDrawsFromItsStationaryLaw(t *testing.T) {
	r := &mcmc.Run{
		Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.Langevin{Score: score.Of(density.Donut{}), Step: 1e-2}, Particles: 10_000, Seed: 1,
	}
	x := to(t, r, 1000)
	mean, variance := moments(radii(x))
	within(t, "E[r]", mean, 2.606348-4*0.0016, 2.606348+4*0.0016)
	within(t, "Var[r]", variance, 0.0223, 0.0250)
	within(t, "Kuiper of the angle", kuiper(x), 0, 2.3)
}

// The cut drift brings in particles from where the score is large.
func TestMALAComesFromFarOut(t *testing.T) {
	circle := lanes.New(10_000, 2)
	for i := range circle.Len() {
		angle := 2 * math.Pi * float64(i) / float64(circle.Len())
		circle.SetPoint(i, []float64{8 * math.Cos(angle), 8 * math.Sin(angle)})
	}
	for name, start := range map[string]mcmc.Sampler{
		"N(0, 9 I)":  mcmc.Normal{Scale: []float64{3, 3}},
		"N(0, 25 I)": mcmc.Normal{Scale: []float64{5, 5}},
		"N((3,3),I)": mcmc.Normal{Mean: []float64{3, 3}},
		"radius 8":   mcmc.Points{X: circle, Name: "radius 8"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: density.Donut{}}, Tune: true, Particles: 10_000, Seed: 1}
			x := to(t, r, 1000)
			_, variance := moments(radii(x))
			within(t, "Var[r]", variance, 0.0155, 0.0174)
			within(t, "Kolmogorov-Smirnov of r", kolmogorov(radii(x), donutRadius), 0, 0.0195)
			report := r.Report()
			t.Logf("step %v, acceptance %v", report.Step, report.Acceptance)
			if report.NeverMoved != 0 {
				t.Errorf("%d particles never moved", report.NeverMoved)
			}
		})
	}
}

// The acceptance of a standard normal at step 0.5, by quadrature, is 0.920833 in the full convention and 0.971883 in
// the half; without the accept step the variance would be 1.333 or 1.143.
func TestMALAAcceptanceIsExact(t *testing.T) {
	for _, c := range []struct {
		convention mcmc.Convention
		offset     float64
		acceptance float64
	}{
		{mcmc.StepFull, 0, 0.920833}, {mcmc.StepHalf, 0, 0.971883}, {mcmc.StepFull, -1e8, 0.920833},
	} {
		r := &mcmc.Run{
			Start: mcmc.Normal{Coordinates: 1}, Kernel: mcmc.MALA{Density: gaussian(t, c.offset), Step: 0.5, Convention: c.convention},
			Particles: 10_000, Seed: 1,
		}
		x := to(t, r, 1000)
		_, variance := moments(x.Row(0)[:x.Len()])
		z := (variance - 1) / math.Sqrt(2.0/10_000)
		t.Logf("%v, offset %g: acceptance %.6f, variance %.4f (z %.2f)", c.convention, c.offset, r.Report().Acceptance, variance, z)
		if math.Abs(z) > 4.5 {
			t.Errorf("%v: variance %v, z %v", c.convention, variance, z)
		}
		// 1e7 transitions of a chain that forgets in a few: standard error below 1e-4.
		if got := r.Report(); math.Abs(got.Acceptance-c.acceptance) > 5e-4 || math.Abs(got.Moved-c.acceptance) > 5e-4 {
			t.Errorf("%v: acceptance %v, moved %v, want %v", c.convention, got.Acceptance, got.Moved, c.acceptance)
		}
	}
}

func TestAGaussianKeepsItsLawUnderLangevin(t *testing.T) {
	// Variance 1/(1 - eps/2): 1.333 at step 0.5 in the full convention, 1.143 in the half.
	for convention, want := range map[mcmc.Convention]float64{mcmc.StepFull: 4.0 / 3, mcmc.StepHalf: 8.0 / 7} {
		r := &mcmc.Run{
			Start: mcmc.Normal{Coordinates: 1}, Particles: 10_000, Seed: 3,
			Kernel: mcmc.Langevin{Score: score.Of(gaussian(t, 0)), Step: 0.5, Convention: convention},
		}
		x := to(t, r, 200)
		_, variance := moments(x.Row(0)[:x.Len()])
		z := (variance - want) / (want * math.Sqrt(2.0/10_000))
		t.Logf("%v: variance %.4f, want %.4f, z %.2f", convention, variance, want, z)
		if math.Abs(z) > 4.5 {
			t.Errorf("%v: variance %v, want %v, z %v", convention, variance, want, z)
		}
	}
}

func TestABoundedSupportIsSampled(t *testing.T) {
	uniform, err := density.Parse("where(abs(x[0]) < 1, 0, log(0))", 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &mcmc.Run{Start: mcmc.Normal{Coordinates: 1}, Kernel: mcmc.MALA{Density: uniform}, Tune: true, Particles: 10_000, Seed: 1}
	x := to(t, r, 1000)
	row := x.Row(0)[:x.Len()]
	for i, v := range row {
		if math.Abs(v) >= 1 {
			t.Fatalf("particle %d ends at %v", i, v)
		}
	}
	_, variance := moments(row)
	z := (variance - 1.0/3) / math.Sqrt((1.0/5-1.0/9)/10_000)
	report := r.Report()
	t.Logf("variance %.4f, z %.2f; %+v", variance, z, report)
	if math.Abs(z) > 4.5 {
		t.Errorf("variance %v, z %v", variance, z)
	}
	if report.Rejected.OutOfSupport == 0 || report.Rejected.Numerical() != 0 || report.Outside != 0 {
		t.Errorf("rejected %+v, outside %d", report.Rejected, report.Outside)
	}
}

func TestFailuresOfTheTargetAreCountedByCause(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		logp, grad float64
		count      func(mcmc.Rejections) uint64
	}{
		"out of support": {-inf, 0, func(r mcmc.Rejections) uint64 { return r.OutOfSupport }},
		"nan log p":      {nan, 0, func(r mcmc.Rejections) uint64 { return r.NaNLogProb }},
		"inf log p":      {inf, 0, func(r mcmc.Rejections) uint64 { return r.InfLogProb }},
		"nan gradient":   {0, nan, func(r mcmc.Rejections) uint64 { return r.BadGradient }},
		"inf gradient":   {0, inf, func(r mcmc.Rejections) uint64 { return r.BadGradient }},
	} {
		d := target{1, func(g, x []float64) float64 {
			g[0] = -x[0]
			if x[0] > 1 {
				g[0] = c.grad
				return c.logp
			}
			return -x[0] * x[0] / 2
		}}
		r := &mcmc.Run{
			Start: mcmc.Uniform{Low: []float64{-1}, High: []float64{1}}, Kernel: mcmc.MALA{Density: d, Step: 0.5}, Particles: 1000, Seed: 1,
		}
		x := to(t, r, 50)
		for i, v := range x.Row(0)[:x.Len()] {
			if !(v <= 1) {
				t.Fatalf("%s: particle %d ends at %v", name, i, v)
			}
		}
		got := r.Report().Rejected
		total := got.OutOfSupport + got.Numerical()
		if c.count(got) == 0 || c.count(got) != total {
			t.Errorf("%s: rejected %+v", name, got)
		}
	}
}

func TestBadStartsAreErrorsThatNameTheParticle(t *testing.T) {
	points := lanes.New(20, 2)
	for i := range 20 {
		points.SetPoint(i, []float64{1, float64(i)})
	}
	bad := func(v float64) target {
		return target{2, func(g, x []float64) float64 {
			g[0], g[1] = 0, 0
			if x[1] == 17 {
				return v
			}
			return 0
		}}
	}
	nan := lanes.New(20, 2)
	nan.SetPoint(17, []float64{0, math.NaN()})
	everywhere := target{2, func(g, x []float64) float64 { return math.Inf(-1) }}
	badGradient := target{2, func(g, x []float64) float64 { g[0], g[1] = math.NaN(), 0; return 0 }}
	for name, c := range map[string]struct {
		density target
		start   *lanes.Block
		want    string
	}{
		"nan":          {bad(math.NaN()), points, "particle 17 starts at (1, 17), where log p is NaN"},
		"inf":          {bad(math.Inf(1)), points, "particle 17 starts at (1, 17), where log p is +Inf"},
		"coordinate":   {donut, nan, "particle 17 starts at (0, NaN), where coordinate 1 is NaN"},
		"all outside":  {everywhere, points, "all 20 particles start out of the support"},
		"bad gradient": {badGradient, points, "particle 0 starts at (1, 0), where log p is 0 and coordinate 0 of its gradient is NaN"},
	} {
		r := &mcmc.Run{Start: mcmc.Points{X: c.start}, Kernel: mcmc.MALA{Density: c.density, Step: 0.1}, Particles: 20, Seed: 1}
		err := r.To(context.Background(), 10)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
}

func TestBadSettingsAreErrors(t *testing.T) {
	for _, step := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		for _, kernel := range []mcmc.Kernel{
			mcmc.MALA{Density: density.Donut{}, Step: step}, mcmc.Langevin{Score: score.Of(density.Donut{}), Step: step},
		} {
			r := &mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: kernel, Particles: 10}
			err := r.To(context.Background(), 1)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("step of %v", step)) {
				t.Errorf("%T with step %v: %v", kernel, step, err)
			}
		}
	}
	good := mcmc.MALA{Density: density.Donut{}, Step: 0.01}
	for want, r := range map[string]*mcmc.Run{
		"0 particles":              {Start: mcmc.Normal{Coordinates: 2}, Kernel: good},
		"without a Start":          {Kernel: good, Particles: 1},
		"without a Kernel":         {Start: mcmc.Normal{Coordinates: 2}, Particles: 1},
		"start has 3 coordinates":  {Start: mcmc.Normal{Coordinates: 3}, Kernel: good, Particles: 1},
		"cannot be tuned":          {Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.Langevin{Score: score.Of(density.Donut{}), Step: 1}, Tune: true, Particles: 1},
		"-1 workers":               {Start: mcmc.Normal{Coordinates: 2}, Kernel: good, Particles: 1, Workers: -1},
		"inside its population":    {Start: mcmc.Normal{Coordinates: 2}, Kernel: good, Particles: 5, First: 8, Population: 10},
		"particle 20 has no start": {Start: mcmc.Points{X: lanes.New(20, 2)}, Kernel: good, Particles: 40, BlockSize: 8},
		"kernel without a target":  {Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Step: 1}, Particles: 1},
		"scale 1 is -1":            {Start: mcmc.Normal{Scale: []float64{1, -1}}, Kernel: good, Particles: 1},
		"between 1 and 0":          {Start: mcmc.Uniform{Low: []float64{0, 1}, High: []float64{1, 0}}, Kernel: good, Particles: 1},
		"2 values of high for 1":   {Start: mcmc.Uniform{Low: []float64{0}, High: []float64{1, 0}}, Kernel: good, Particles: 1},
	} {
		err := r.To(context.Background(), 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestALangevinStepThatIsTooLargeFailsTheRun(t *testing.T) {
	r := &mcmc.Run{
		Start: mcmc.Normal{Coordinates: 1}, Kernel: mcmc.Langevin{Score: score.Of(gaussian(t, 0)), Step: 1e9}, Particles: 100, Seed: 1,
		Sink: newMemory(100, 1, 50),
	}
	err := r.To(context.Background(), 50)
	if err == nil || !strings.Contains(err.Error(), "100 of 100 particles are no longer finite after 50 transitions") ||
		!strings.Contains(err.Error(), "1e+09") {
		t.Errorf("error %v", err)
	}
	if puts := r.Sink.(*memory).puts; puts != 0 {
		t.Errorf("%d blocks of NaN reached the sink", puts)
	}
}

// Out of the support the gradient may be anything, a particle there moves by noise alone, and a move inside is taken.
func TestParticlesComeInFromOutside(t *testing.T) {
	half := target{1, func(g, x []float64) float64 {
		if x[0] <= 0 {
			g[0] = math.NaN()
			return math.Inf(-1)
		}
		g[0] = -1
		return -x[0]
	}}
	start := mcmc.Uniform{Low: []float64{-1}, High: []float64{1}}
	r := &mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: half, Step: 0.5}, Particles: 2000, Seed: 1}
	to(t, r, 0)
	if outside := r.Report().Outside; outside < 900 || outside > 1100 {
		t.Fatalf("%d of 2000 start outside", outside)
	}
	x := to(t, r, 200)
	report := r.Report()
	if report.Outside != 0 || report.Rejected.OutOfSupport == 0 || report.Rejected.Numerical() != 0 {
		t.Errorf("%+v", report)
	}
	mean, _ := moments(x.Row(0)[:x.Len()])
	within(t, "mean of an exponential law", mean, 1-4.5/math.Sqrt(2000), 1+4.5/math.Sqrt(2000))
}

// Pilots have numbers of their own, and the step depends on the declared population, not on the shard.
func TestTheStepDependsOnThePopulationOnly(t *testing.T) {
	step := func(change func(*mcmc.Run)) float64 {
		r := &mcmc.Run{Start: mcmc.Normal{Coordinates: 2}, Kernel: mcmc.MALA{Density: density.Donut{}}, Tune: true, Particles: 100, Seed: 1}
		change(r)
		to(t, r, 1)
		return r.Report().Step
	}
	whole := step(func(*mcmc.Run) {})
	if got := step(func(r *mcmc.Run) { r.First, r.Particles, r.Population = 40, 60, 100 }); got != whole {
		t.Errorf("a shard has the step %v, the whole %v", got, whole)
	}
	if got := step(func(r *mcmc.Run) { r.Kernel = mcmc.MALA{Density: density.Donut{}, Step: 17} }); got != whole {
		t.Errorf("the kernel's own step matters: %v, %v", got, whole)
	}
	if got := step(func(r *mcmc.Run) { r.Seed = 2 }); got == whole {
		t.Error("the seed does not matter")
	}
	if a, b := step(func(r *mcmc.Run) { r.Particles = 256 }), step(func(r *mcmc.Run) { r.Particles = 1000 }); a != b {
		t.Errorf("256 particles have the step %v, 1000 %v", a, b)
	}
	if half := step(func(r *mcmc.Run) { r.Kernel = mcmc.MALA{Density: density.Donut{}, Convention: mcmc.StepHalf} }); math.Abs(half/whole-2) > 1e-6 {
		t.Errorf("half-step convention %v, full %v", half, whole)
	}
}

// Whatever the scale of the density, tuning finds it, and a target that accepts everything ends at a number.
func TestTuningFindsAnyScale(t *testing.T) {
	for _, scale := range []float64{1e-12, 1e-3, 1, 1e5, 1e12} {
		d, err := density.Parse("-(x[0]/s)^2/2", 1, map[string]float64{"s": scale})
		if err != nil {
			t.Fatal(err)
		}
		for _, spread := range []float64{1, 20} { // starts at the density's scale, and far out
			start := mcmc.Normal{Scale: []float64{spread * scale}}
			r := &mcmc.Run{Start: start, Kernel: mcmc.MALA{Density: d}, Tune: true, Particles: 1000, Seed: 1}
			to(t, r, 50)
			report := r.Report()
			t.Logf("scale %g, spread %g: step %g, acceptance %.3f", scale, spread, report.Step, report.Acceptance)
			if relative := report.Step / scale / scale; relative < 1.2 || relative > 2.2 {
				t.Errorf("scale %g: step %g, that is %.2f of the variance", scale, report.Step, relative)
			}
		}
	}
	flat, err := density.Parse("0*x[0]", 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &mcmc.Run{Start: mcmc.Normal{Coordinates: 1}, Kernel: mcmc.MALA{Density: flat}, Tune: true, Particles: 100, Seed: 1}
	if err := r.To(context.Background(), 1); err != nil {
		t.Error(err)
	}
	if step := r.Report().Step; !(step > 0) || math.IsInf(step, 0) {
		t.Errorf("step %v", step)
	}
}
