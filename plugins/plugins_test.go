//go:build unix

package plugins_test

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/density/densitytest"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/sdk"
	"github.com/scorefield/infer/random"
)

// modeVariable makes this test's program a plug-in.
const modeVariable = "INFER_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeVariable); mode != "" {
		pluginMain(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// specialModes are other plug-ins, by the first word of the mode.
var specialModes = map[string]func(mode string){}

// pluginMain is the plug-in.
func pluginMain(mode string) {
	if special, ok := specialModes[strings.Fields(mode)[0]]; ok {
		special(strings.TrimPrefix(mode, "chaos "))
		return
	}
	sdk.Serve(sdk.Plugin{Name: "test", Version: "1.0.0", Models: []sdk.Model{
		{Name: "donut", Density: density.Donut{}},
		{Name: "donut32", Density: density.Donut{}, Float32: true},
		{Name: "by-hand", Density: donutByHand()},
		{Name: "echo", Score: echo{}},
		{Name: "echo32", Score: echo{}, Float32: true},
		{Name: "small", Density: density.Donut{}, MaxBatch: 100},
	}})
}

// donutByHand is the donut in plain Go.
func donutByHand() density.Differentiable {
	return density.FuncGrad(2, nil, func(grad, x []float64) float64 {
		const radius, width = 2.6, 0.033
		r := math.Hypot(x[0], x[1])
		for j := range x {
			grad[j] = -2 * (r - radius) / width * x[j] / r
		}
		return -(r - radius) * (r - radius) / width
	})
}

// testOptions start this program as a plug-in.
func testOptions(t testing.TB, mode string) plugins.Options {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return plugins.Options{
		Name: "test", Command: []string{program}, Set: []string{modeVariable + "=" + mode},
		StartTimeout: 20 * time.Second, CallTimeout: 20 * time.Second, StopTimeout: 2 * time.Second,
	}
}

func open(t testing.TB, options plugins.Options) *plugins.Plugin {
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

func differentiable(t testing.TB, p *plugins.Plugin, name string) density.Differentiable {
	t.Helper()
	d, err := p.Density(context.Background(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.(density.Differentiable)
}

var transports = []plugins.Transport{plugins.GRPCTransport, plugins.FramesTransport, plugins.ShmTransport}

func points(n, dim int) *lanes.Block {
	x := lanes.New(n, dim)
	random.New(5, random.User).Normal(x, 0, 0)
	return x
}

func TestDonutOfAPluginHasTheBitsOfTheBuiltIn(t *testing.T) {
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			options := testOptions(t, "models")
			options.Transport = transport
			p := open(t, options)
			if p.Transport() != transport {
				t.Fatalf("the transport is %s", p.Transport())
			}
			built := density.Donut{}
			for _, n := range []int{1, 7, 10_000} {
				x := points(n, 2)
				want, wantGrad := make([]float64, n), lanes.New(n, 2)
				if err := built.LogProbGrad(context.Background(), want, wantGrad, x); err != nil {
					t.Fatal(err)
				}
				for name, tolerance := range map[string]float64{"donut": 0, "small": 0, "by-hand": 1e-14, "donut32": 1e-4} {
					d := differentiable(t, p, name)
					logp, grad := make([]float64, n), lanes.New(n, 2)
					if err := d.LogProbGrad(context.Background(), logp, grad, x); err != nil {
						t.Fatal(err)
					}
					for i := range n {
						// Relative to the scale of the terms: r - R cancels near the ring.
						for k, pair := range [][2]float64{{logp[i], want[i]}, {grad.Row(0)[i], wantGrad.Row(0)[i]}, {grad.Row(1)[i], wantGrad.Row(1)[i]}} {
							scale := 2.6 * 2.6 / 0.033
							if difference := math.Abs(pair[0] - pair[1]); !(difference <= tolerance*scale) || tolerance == 0 && math.Float64bits(pair[0]) != math.Float64bits(pair[1]) {
								t.Fatalf("%s, point %d, number %d: %v, and the built-in has %v", name, i, k, pair[0], pair[1])
							}
						}
					}
				}
			}
			u := p.Usage()
			if u.Calls == 0 || u.Points == 0 || u.Busy <= 0 || u.Compute <= 0 || u.Compute > u.Busy || u.Restarts != 0 {
				t.Errorf("usage: %+v", u)
			}
			t.Log(u.Line(u.Busy))
		})
	}
}

func TestPluginsKeepTheContractOfADensity(t *testing.T) {
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			options := testOptions(t, "models")
			options.Transport = transport
			suite := densitytest.Suite{}
			if transport == plugins.GRPCTransport {
				suite.Without = append(suite.Without, densitytest.Allocations)
			}
			suite.Run(t, differentiable(t, open(t, options), "donut"))
		})
	}
}
