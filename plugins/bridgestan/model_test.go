//go:build (linux || darwin) && (amd64 || arm64)

package bridgestan_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/density/densitytest"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/bridgestan"
)

const data = `{"y": [1.5, 2.25, -0.5, 3, 0.75]}`

// build compiles testdata/normal.c, which has the C interface of BridgeStan.
func build(t testing.TB, defines ...string) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler (cc) on this machine: the test needs one to make a shared library")
	}
	library := filepath.Join(t.TempDir(), "normal_model.so")
	arguments := append([]string{"-shared", "-fPIC", "-O1", "-o", library, "testdata/normal.c", "-lm"}, defines...)
	if out, err := exec.Command(compiler, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return library
}

func open(t testing.TB, options bridgestan.Options, defines ...string) *bridgestan.Model {
	t.Helper()
	if options.Data == "" {
		options.Data = data
	}
	m, err := bridgestan.Open(build(t, defines...), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// logp is the model of testdata/normal.c by hand.
func logp(mu, log float64) (value, dmu, dlog float64) {
	sigma := math.Exp(log)
	value, dmu, dlog = -mu*mu/200-sigma+log, -mu/100, -sigma+1
	for _, y := range []float64{1.5, 2.25, -0.5, 3, 0.75} {
		z := (y - mu) / sigma
		value -= z*z/2 + log
		dmu += z / sigma
		dlog += z*z - 1
	}
	return value, dmu, dlog
}

func TestModelKeepsTheContractOfADensity(t *testing.T) {
	for _, threads := range []string{"false", "true"} {
		t.Run("threads="+threads, func(t *testing.T) {
			m := open(t, bridgestan.Options{}, `-DTHREADS="`+threads+`"`)
			if m.Threads() != (threads == "true") {
				t.Errorf("Threads() = %v", m.Threads())
			}
			densitytest.Run(t, m)
		})
	}
}

func TestModelIsWhatTheProgramSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "y.json")
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	m := open(t, bridgestan.Options{Data: file})
	if m.Dim() != 2 || strings.Join(m.Names(), " ") != "mu sigma" || m.Name() != "normal_model" || m.Version() != "2.7.0" {
		t.Errorf("dim %d, names %v, name %q, version %s", m.Dim(), m.Names(), m.Name(), m.Version())
	}
	x, err := lanes.FromPoints([][]float64{{0, 0}, {1.25, -0.5}, {-3, 2}})
	if err != nil {
		t.Fatal(err)
	}
	value, grad := make([]float64, 3), lanes.New(3, 2)
	if err := m.LogProbGrad(context.Background(), value, grad, x); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		v, a, b := logp(x.Row(0)[i], x.Row(1)[i])
		for j, pair := range [][2]float64{{value[i], v}, {grad.Row(0)[i], a}, {grad.Row(1)[i], b}} {
			if !(math.Abs(pair[0]-pair[1]) <= 1e-13*(1+math.Abs(pair[1]))) {
				t.Errorf("point %d, number %d: %v, want %v", i, j, pair[0], pair[1])
			}
		}
	}
	names := m.ConstrainedNames(true)
	natural := lanes.New(3, 3)
	if err := m.Constrain(context.Background(), natural, x, true); err != nil {
		t.Fatal(err)
	}
	if strings.Join(names, " ") != "mu sigma precision" || natural.Row(0)[1] != 1.25 ||
		math.Abs(natural.Row(1)[1]-math.Exp(-0.5)) > 1e-15 || math.Abs(natural.Row(2)[1]-math.Exp(1)) > 1e-14 {
		t.Errorf("%v = %v", names, natural.Point(1, nil))
	}
	if err := m.Constrain(context.Background(), lanes.New(3, 2), x, true); err == nil || !strings.Contains(err.Error(), "dimensions 2 and 3") {
		t.Errorf("a block without room: %v", err)
	}
}

func TestRejectedPointIsOutOfTheSupport(t *testing.T) {
	var log bytes.Buffer
	m := open(t, bridgestan.Options{Log: &log})
	x := lanes.New(40, 2)
	for i := range 30 {
		x.Row(0)[i] = 2000
	}
	value, grad := make([]float64, 40), lanes.New(40, 2)
	if err := m.LogProbGrad(context.Background(), value, grad, x); err != nil {
		t.Fatal(err)
	}
	if !math.IsInf(value[0], -1) || grad.Row(0)[0] != 0 || grad.Row(1)[29] != 0 || math.IsInf(value[30], 0) || grad.Row(1)[30] == 0 {
		t.Errorf("log p %v, gradient %v", value, grad.Row(1))
	}
	if m.Rejected() != 30 || strings.Count(log.String(), "mu is too large") != 10 || strings.Count(log.String(), "not told") != 1 {
		t.Errorf("%d rejected, told:\n%s", m.Rejected(), log.String())
	}
}

func TestLibrariesThatCannotBeUsed(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, library, data, want string }{
		{"absent", filepath.Join(t.TempDir(), "absent.so"), "", "cannot be loaded"},
		{"text", text, "", "cannot be loaded"},
		{"version 1", build(t, "-DNO_VERSION"), "", "not made by BridgeStan 2"},
		{"version 3", build(t, "-DMAJOR=3"), "", "BridgeStan 3.7.0"},
		{"a function less", build(t, "-Dbs_param_unc_num=other"), "", "lacks bs_param_unc_num of BridgeStan 2.7.0"},
		{"data without y", build(t), `{"x": 1}`, "variable name=y"},
		{"no data", build(t), ``, "variable name=y"},
		{"absent data", build(t), "absent.json", "absent.json"},
		{"zero byte", build(t), "{\x00}", "zero byte"},
	} {
		m, err := bridgestan.Open(c.library, bridgestan.Options{Data: c.data})
		if err == nil {
			m.Close()
			t.Errorf("%s: opened", c.name)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, want %q in one line", c.name, err, c.want)
		}
	}
}

func TestWrongShapes(t *testing.T) {
	m := open(t, bridgestan.Options{})
	ctx := context.Background()
	for name, err := range map[string]error{
		"dimension": m.LogProb(ctx, make([]float64, 4), lanes.New(4, 3)),
		"values":    m.LogProb(ctx, make([]float64, 3), lanes.New(4, 2)),
		"gradient":  m.LogProbGrad(ctx, nil, lanes.New(3, 2), lanes.New(4, 2)),
		"nil":       m.LogProbGrad(ctx, nil, nil, lanes.New(4, 2)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	m.Close()
	if err := m.LogProb(ctx, make([]float64, 4), lanes.New(4, 2)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("closed: %v", err)
	}
}

// The command keeps no cgo and loads no library.
func TestCommandDoesNotReachPurego(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/scorefield/infer/cmd/infer").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte("scorefield/infer/density")) || bytes.Contains(out, []byte("purego")) {
		t.Error("cmd/infer reaches purego, which belongs to infer-plugin-bridgestan alone")
	}
}

func BenchmarkGradient(b *testing.B) {
	m := open(b, bridgestan.Options{})
	x, grad := lanes.New(1000, 2), lanes.New(1000, 2)
	b.ReportAllocs()
	for b.Loop() {
		m.LogProbGrad(context.Background(), nil, grad, x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
}
