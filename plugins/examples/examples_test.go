//go:build unix

package examples

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/density/densitytest"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/conformance"
	"github.com/scorefield/infer/plugins/installed"
	"github.com/scorefield/infer/plugins/python"
	"github.com/scorefield/infer/random"
)

// pythonVariable names a Python with numpy. Where it is set the tests that need one do not skip.
const pythonVariable = "INFER_TEST_PYTHON"

// interpreter is a Python that has the modules. Modules besides numpy may always be missing.
func interpreter(t testing.TB, modules ...string) string {
	t.Helper()
	name, required := os.Getenv(pythonVariable), true
	if name == "" {
		name, required = "python3", false
	}
	path, err := exec.LookPath(name)
	for _, module := range append([]string{"numpy"}, modules...) {
		if err == nil {
			if _, failed := exec.Command(path, "-c", "import "+module).Output(); failed != nil {
				err = fmt.Errorf("%s has no %s", path, module)
			}
		}
		if err != nil && required && module == "numpy" {
			t.Fatalf("%v, and %s says that it is there", err, pythonVariable)
		}
	}
	if err != nil {
		t.Skipf("%v: set %s to a Python that has it", err, pythonVariable)
	}
	return path
}

// prepared is an example in a folder of its own, as its author would have it before installing it, and the options to run it.
func prepared(t testing.TB, name string, modules ...string) plugins.Options {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(name)); err != nil {
		t.Fatal(err)
	}
	m, err := installed.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	options := plugins.Options{Name: m.Name, Command: m.Command, Dir: folder, StartTimeout: m.StartTimeout}
	if m.Command[0] == "python3" {
		options.Command = append([]string{interpreter(t, modules...)}, m.Command[1:]...)
		for file, text := range python.SDK() {
			path := filepath.Join(folder, filepath.FromSlash(file))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		return options
	}
	options.Command[0] = "./" + options.Command[0]
	return options
}

func opened(t testing.TB, options plugins.Options) *plugins.Plugin {
	t.Helper()
	p, err := plugins.Open(context.Background(), options)
	if err != nil {
		var failure *plugins.Error
		if errors.As(err, &failure) {
			t.Fatal(failure.Report())
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func differentiable(t testing.TB, p *plugins.Plugin, config plugins.Config) density.Differentiable {
	t.Helper()
	d, err := p.Density(context.Background(), "", config)
	if err != nil {
		t.Fatal(err)
	}
	return d.(density.Differentiable)
}

func points(n, dim int) *lanes.Block {
	x := lanes.New(n, dim)
	random.New(5, random.User).Normal(x, 0, 0)
	return x
}

// near wants a density to be the built-in donut, but for rounding.
func near(t *testing.T, d density.Differentiable, tolerance float64) {
	t.Helper()
	const n = 10_000
	x := points(n, 2)
	var values [2][]float64
	var gradients [2]*lanes.Block
	for k, density := range []density.Differentiable{d, density.Donut{}} {
		values[k], gradients[k] = make([]float64, n), lanes.New(n, 2)
		if err := density.LogProbGrad(context.Background(), values[k], gradients[k], x); err != nil {
			t.Fatal(err)
		}
	}
	worst := 0.0
	for i := range n {
		worst = max(worst, math.Abs(values[0][i]-values[1][i])/(1+math.Abs(values[1][i])))
		for j := range 2 {
			worst = max(worst, math.Abs(gradients[0].Row(j)[i]-gradients[1].Row(j)[i])/(1+math.Abs(gradients[1].Row(j)[i])))
		}
	}
	t.Logf("largest difference from the built-in donut: %.2g", worst)
	if !(worst <= tolerance) {
		t.Errorf("differs from the built-in donut by %g", worst)
	}
}

// conforms makes all checks of `infer plugin test`.
func conforms(t *testing.T, options plugins.Options) {
	t.Helper()
	if testing.Short() {
		return
	}
	report, err := conformance.Run(context.Background(), conformance.Plugin{Options: options, Quick: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Status == conformance.Fail {
			t.Errorf("%s %s: %s", r.Check, r.Model, r.Detail)
		}
	}
	t.Logf("%d checks passed, %d skipped, start %.0f ms", report.Passed, report.Skipped, report.Start*1e3)
}

// suite is the contract of a density but for allocations, which a call of another process has.
var suite = densitytest.Suite{Without: []densitytest.Check{densitytest.Allocations}}

func TestNumpyDonut(t *testing.T) {
	options := prepared(t, "python-donut")
	for _, transport := range []plugins.Transport{plugins.FramesTransport, plugins.ShmTransport} {
		options.Transport = transport
		p := opened(t, options)
		if p.Transport() != transport {
			t.Errorf("transport %s instead of %s", p.Transport(), transport)
		}
		d := differentiable(t, p, nil)
		near(t, d, 1e-13)
		suite.Run(t, d)
	}
	other := differentiable(t, opened(t, options), plugins.Config(`{"radius": 1}`))
	logp, x := make([]float64, 1), lanes.New(1, 2)
	x.Row(0)[0] = 1
	if err := other.LogProb(context.Background(), logp, x); err != nil || logp[0] != 0 {
		t.Errorf("log p on a radius of 1 is %v, %v", logp[0], err)
	}
	if _, err := opened(t, options).Density(context.Background(), "", plugins.Config(`{"raduis": 1}`)); err == nil || !strings.Contains(err.Error(), "no option 'raduis'; there are: radius, width") {
		t.Errorf("an unknown option: %v", err)
	}
	conforms(t, options)
}

func TestCDonut(t *testing.T) {
	options := prepared(t, "c-donut")
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler (cc) on this machine")
	}
	header, err := filepath.Abs("../c")
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("cc", "-Wall", "-Wextra", "-Werror", "-O2", "-I", header, "-o", "donut", "donut.c", "-lm")
	build.Dir = options.Dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, transport := range []plugins.Transport{plugins.FramesTransport, plugins.ShmTransport} {
		options.Transport = transport
		d := differentiable(t, opened(t, options), nil)
		near(t, d, 1e-13)
		suite.Run(t, d)
	}
	d := differentiable(t, opened(t, options), plugins.Config(`{"note": "a \"}, {", "width": 0}`))
	if err := d.LogProb(context.Background(), make([]float64, 1), lanes.New(1, 2)); err == nil || !strings.Contains(err.Error(), "width = 0: a positive number is wanted") {
		t.Errorf("a width of 0: %v", err)
	}
	conforms(t, options)
}

func TestGoDonut(t *testing.T) {
	options := prepared(t, "go-donut")
	build := exec.Command("go", "build", "-o", filepath.Join(options.Dir, "go-donut"), "./go-donut")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	near(t, differentiable(t, opened(t, options), nil), 3e-14) // the last bit of r shows in a gradient of slope 60
	conforms(t, options)
}

func TestJAXDonut(t *testing.T) {
	options := prepared(t, "jax-donut", "jax")
	d := differentiable(t, opened(t, options), nil)
	near(t, d, 1e-13)
	suite.Run(t, d)
}

func TestTorchBanana(t *testing.T) {
	options := prepared(t, "torch-banana", "torch")
	suite.Run(t, differentiable(t, opened(t, options), nil))
}

// The network of jax-score predicts the score of the donut blurred by noise, which quadrature knows.
func TestJAXScoreIsThatOfTheBlurredDonut(t *testing.T) {
	p := opened(t, prepared(t, "jax-score", "jax"))
	family, err := p.NoiseConditional(context.Background(), "donut-score", plugins.ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, sigma := range []float64{0.1, 0.5, 2, 8} {
		x, got := lanes.New(5, 2), lanes.New(5, 2)
		copy(x.Row(0), []float64{2.6, 0, 2.3 - sigma, -2.6 - 2*sigma, 1.8 + sigma}) // where blurred draws are
		copy(x.Row(1), []float64{0, 2.5, sigma / 3, -sigma, -2})
		if err := family.At(sigma).Score(context.Background(), got, x); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			a, b := blurred(x.Row(0)[i], x.Row(1)[i], sigma)
			off := math.Hypot(got.Row(0)[i]-a, got.Row(1)[i]-b) * sigma // as the network sees it: in units of the noise
			if !(off < 0.12) {
				t.Errorf("sigma %g at (%.2f, %.2f): score (%.3f, %.3f), want (%.3f, %.3f)", sigma, x.Row(0)[i], x.Row(1)[i],
					got.Row(0)[i], got.Row(1)[i], a, b)
			}
		}
	}
}

// blurred is the score at (x, y) of the donut blurred by noise of standard deviation sigma: the mean of (x0 - x) / sigma^2 over x0
// given x, by quadrature on radius and angle.
func blurred(x, y, sigma float64) (float64, float64) {
	var total, a, b float64
	for i := range 400 {
		r := 2 + 1.2*(float64(i)+0.5)/400
		for k := range 800 {
			angle := 2 * math.Pi * float64(k) / 800
			u, v := r*math.Cos(angle)-x, r*math.Sin(angle)-y
			w := r * math.Exp(-(r-2.6)*(r-2.6)/0.033-(u*u+v*v)/(2*sigma*sigma))
			total, a, b = total+w, a+w*u, b+w*v
		}
	}
	return a / total / (sigma * sigma), b / total / (sigma * sigma)
}

func TestSimulatorDrawsAgainAfterItsDeath(t *testing.T) {
	p := opened(t, prepared(t, "python-simulator"))
	s, err := p.Simulator(context.Background(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	theta := lanes.New(n, s.Parameters())
	for i := range n {
		for j, v := range []float64{0.5, -3, -4, 0.2} {
			theta.Row(j)[i] = v
		}
	}
	var first [2]*lanes.Block
	for k := range first {
		first[k] = lanes.New(n, s.Dim())
		if err := s.Simulate(context.Background(), first[k], theta, 7, 1000); err != nil {
			t.Fatal(err)
		}
		if process, err := os.FindProcess(p.Process()); k == 0 && (err != nil || process.Kill() != nil) {
			t.Fatal("it could not be killed")
		}
	}
	for j := range s.Dim() {
		for i := range n {
			if first[0].Row(j)[i] != first[1].Row(j)[i] {
				t.Fatalf("draw %d, number %d: %v and %v", i, j, first[0].Row(j)[i], first[1].Row(j)[i])
			}
		}
	}
	if first[0].Row(3)[0] == first[0].Row(3)[1] {
		t.Error("two draws are equal")
	}
	if p.Usage().Restarts != 1 {
		t.Errorf("%d restarts", p.Usage().Restarts)
	}
}

// Every program of the guide is a sound plug-in.
func TestProgramsOfTheGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := filepath.Abs("../python")
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?ms)^```(python|c)\n(.*?)^```").FindAllSubmatch(text, -1)
	if len(programs) < 5 {
		t.Fatalf("%d programs: the guide has another form than this test expects", len(programs))
	}
	for i, program := range programs {
		t.Run(fmt.Sprint(string(program[1]), i), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "model."+map[string]string{"python": "py", "c": "c"}[string(program[1])])
			if err := os.WriteFile(file, program[2], 0o644); err != nil {
				t.Fatal(err)
			}
			var command *exec.Cmd
			if string(program[1]) == "c" {
				if _, err := exec.LookPath("cc"); err != nil {
					t.Skip("no C compiler (cc) on this machine")
				}
				command = exec.Command("cc", "-Wall", "-Wextra", "-Werror", "-I../c", "-o", filepath.Join(filepath.Dir(file), "model"), file)
			} else {
				var modules []string
				if strings.Contains(string(program[2]), "import jax") {
					modules = []string{"jax"}
				}
				command = exec.Command(interpreter(t, modules...), "-m", "infer_plugin.test", file)
				command.Env = append(os.Environ(), "PYTHONPATH="+sdk, "PYTHONDONTWRITEBYTECODE=1")
			}
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// What a new plug-in and the examples list as their files are all files of the SDK, and what is there.
func TestManifestsAreWhole(t *testing.T) {
	manifests, err := filepath.Glob("*/plugin.toml")
	if err != nil || len(manifests) < 7 {
		t.Fatalf("%d manifests, %v", len(manifests), err)
	}
	for _, path := range manifests {
		m, err := installed.ReadManifest(filepath.Dir(path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if m.Name != filepath.Dir(path) {
			t.Errorf("%s has the name %q", path, m.Name)
		}
		if m.Command[0] != "python3" {
			continue
		}
		for file := range python.SDK() {
			if _, listed := m.Files[file]; !listed {
				t.Errorf("%s does not list %s", path, file)
			}
		}
		for file := range m.Files {
			_, err := os.Stat(filepath.Join(filepath.Dir(path), file))
			if _, sdk := python.SDK()[file]; !sdk && err != nil {
				t.Errorf("%s lists %s: %v", path, file, err)
			}
		}
	}
}

// BenchmarkOverhead is a call of 10,000 points less the time that the plug-in computes, the median in microseconds.
func BenchmarkOverhead(b *testing.B) {
	for _, transport := range []plugins.Transport{plugins.FramesTransport, plugins.ShmTransport} {
		b.Run(string(transport), func(b *testing.B) {
			options := prepared(b, "python-donut")
			options.Transport = transport
			begin := time.Now()
			p := opened(b, options)
			started := time.Since(begin)
			d := differentiable(b, p, nil)
			x, grad := points(10_000, 2), lanes.New(10_000, 2)
			var times []float64
			var once sync.Once
			for b.Loop() {
				before, begin := p.Usage().Compute, time.Now()
				if err := d.LogProbGrad(context.Background(), nil, grad, x); err != nil {
					b.Fatal(err)
				}
				times = append(times, float64((time.Since(begin) - (p.Usage().Compute - before)).Microseconds()))
				once.Do(func() { times = times[:0] })
			}
			sort.Float64s(times)
			if len(times) > 0 {
				b.ReportMetric(times[len(times)/2], "us-overhead-p50")
			}
			b.ReportMetric(float64(started.Milliseconds()), "ms-start")
		})
	}
}
