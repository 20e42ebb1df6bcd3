//go:build (linux || darwin) && (amd64 || arm64)

package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/density/densitytest"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/bridgestan"
)

const data = "../../plugins/examples/stan-normal/normal.json"

// variable makes this test's program the plug-in.
const variable = "INFER_TEST_BRIDGESTAN"

func TestMain(m *testing.M) {
	if os.Getenv(variable) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// library is a small one with BridgeStan's C interface, made of a C file.
func library(t testing.TB, defines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Normal_1_model.so")
	arguments := append([]string{"-shared", "-fPIC", "-O1", "-o", path, "../../plugins/bridgestan/testdata/normal.c", "-lm"}, defines...)
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler (cc) on this machine: the test needs one to make a shared library")
	}
	if out, err := exec.Command("cc", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func options(t testing.TB, args ...string) plugins.Options {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return plugins.Options{Name: "stan", Command: append([]string{program}, args...), Set: []string{variable + "=1"}, StartTimeout: 30 * time.Second}
}

func TestStanProgramIsAPlugin(t *testing.T) {
	absolute, err := filepath.Abs(data)
	if err != nil {
		t.Fatal(err)
	}
	path := library(t, `-DTHREADS="true"`)
	p, err := plugins.Open(context.Background(), options(t, path, absolute))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m := p.Info().Models[0]
	if p.Info().Name != "normal-1" || m.Dim != 2 || !m.Gradient || strings.Join(m.Names, " ") != "mu sigma" {
		t.Errorf("%+v", p.Info())
	}
	d, err := p.Density(context.Background(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	densitytest.Suite{Without: []densitytest.Check{densitytest.Allocations}}.Run(t, d)
	// The same bits as without a process between.
	direct, err := bridgestan.Open(path, bridgestan.Options{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	x := lanes.New(3000, 2)
	for i := range x.Len() {
		x.Row(0)[i], x.Row(1)[i] = float64(i)/1000-1, float64(i%7)/7
	}
	x.Row(0)[17] = 5000 // rejected
	var values [2][]float64
	var gradients [2]*lanes.Block
	for k, density := range []density.Differentiable{d.(density.Differentiable), direct} {
		values[k], gradients[k] = make([]float64, x.Len()), lanes.New(x.Len(), 2)
		if err := density.LogProbGrad(context.Background(), values[k], gradients[k], x); err != nil {
			t.Fatal(err)
		}
	}
	for i := range x.Len() {
		if values[0][i] != values[1][i] || gradients[0].Row(0)[i] != gradients[1].Row(0)[i] || gradients[0].Row(1)[i] != gradients[1].Row(1)[i] {
			t.Fatalf("point %d: %v and %v", i, values[0][i], values[1][i])
		}
	}
	if !math.IsInf(values[0][17], -1) {
		t.Errorf("log p of a rejected point is %v", values[0][17])
	}
	for range 100 { // the log comes by a pipe of its own
		if strings.Contains(strings.Join(p.LogTail(), "\n"), "mu is too large") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the reason is not in the log: %q", p.LogTail())
}

func TestModelThatDoesNotOpenIsSaid(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{library(t), "{}"}, "variable name=y"},
		{[]string{library(t, "-DMAJOR=3"), "{}"}, "BridgeStan 3.7.0"},
		{[]string{filepath.Join(t.TempDir(), "absent_model.so")}, "cannot be loaded"},
	} {
		_, err := plugins.Open(context.Background(), options(t, c.args...))
		var failure *plugins.Error
		if !errors.As(err, &failure) || !strings.Contains(failure.Report(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestInfoAndUsage(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"info", library(t), data}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"normal_model", "2.7.0", "one point at a time", "2: mu, sigma"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for _, args := range [][]string{{}, {"info"}, {"constrain", "a"}, {"--data", "x"}, {"a", "b", "c"}} {
		if err := run(args, &out); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := run([]string{"--help"}, &out); err != nil || !strings.Contains(out.String(), "constrain") {
		t.Errorf("--help: %v", err)
	}
}

func TestDrawsAreConstrained(t *testing.T) {
	folder := t.TempDir()
	from, to := filepath.Join(folder, "draws.npz"), filepath.Join(folder, "stan.csv")
	x := lanes.New(3, 2)
	copy(x.Row(0), []float64{1, 2, 3})
	copy(x.Row(1), []float64{0, 1, -1})
	if err := draws.Write(from, draws.Table{Points: x, LogProb: []float64{1, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	path := library(t)
	if err := run([]string{"constrain", path, data, from, to}, nil); err != nil {
		t.Fatal(err)
	}
	table, err := draws.Read(to, draws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(table.Names, " ") != "mu sigma precision" || table.LogProb != nil || table.Points.Row(0)[2] != 3 || math.Abs(table.Points.Row(1)[1]-math.E) > 1e-15 {
		t.Errorf("%v %v", table.Names, table.Points.Row(1))
	}
	if err := draws.Write(from, draws.Table{Points: lanes.New(3, 3)}); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"constrain", path, data, from, to}, nil); err == nil || !strings.Contains(err.Error(), "dimension 3") {
		t.Errorf("points of another model: %v", err)
	}
}

func TestNames(t *testing.T) {
	for library, want := range map[string]string{
		"a/b/eight_schools_model.so": "eight-schools", "Normal.so": "normal", "_model.so": "stan", strings.Repeat("x", 80): strings.Repeat("x", 64),
	} {
		if got := nameOf(library); got != want {
			t.Errorf("%s: %s, want %s", library, got, want)
		}
	}
}
