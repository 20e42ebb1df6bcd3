//go:build unix

package plugins_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/plugins/sdk"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

func init() {
	specialModes["many"] = func(string) {
		sdk.Serve(sdk.Plugin{Name: "many", Models: []sdk.Model{
			{Name: "blurred", Noise: blurred{0}, SigmaMin: 0.01, SigmaMax: 50},
			{Name: "shifted", Given: func(given map[string][]float64) (score.NoiseConditional, error) {
				if given["to"][0] > 100 {
					return nil, errors.New("that is too far")
				}
				return blurred{given["to"][0] + given["and"][0]}, nil
			}, Conditioning: []protocol.Given{{Name: "to", Dim: 2}, {Name: "and", Dim: 1}}, Dim: 2},
			{Name: "linear", Simulator: linear{}},
			{Name: "normal", Kind: protocol.KindDensity, Open: func(config json.RawMessage) (sdk.Model, error) {
				var c struct{ Dim int }
				if err := json.Unmarshal(config, &c); err != nil {
					return sdk.Model{}, err
				}
				if c.Dim < 1 {
					return sdk.Model{}, errors.New("dim is missing: give the number of coordinates")
				}
				return sdk.Model{Density: density.Normal{Coordinates: c.Dim}}, nil
			}},
		}})
	}
}

// blurred is the score of a standard normal law around (mean, mean), blurred by sigma.
type blurred struct{ mean float64 }

func (blurred) Dim() int                    { return 2 }
func (b blurred) At(sigma float64) score.Fn { return blurredAt{b.mean, sigma} }

type blurredAt struct{ mean, sigma float64 }

func (blurredAt) Dim() int { return 2 }

func (b blurredAt) Score(_ context.Context, dst, x *lanes.Block) error {
	for j := range 2 {
		for i := range x.Len() {
			dst.Row(j)[i] = (b.mean - x.Row(j)[i]) / (1 + b.sigma*b.sigma)
		}
	}
	return nil
}

// linear draws 3 numbers, a + b times a normal number.
type linear struct{}

func (linear) Parameters() int { return 2 }
func (linear) Dim() int        { return 3 }

func (linear) Simulate(_ context.Context, dst, theta *lanes.Block, seed, first uint64) error {
	random.New(seed, random.User).Normal(dst, first, 0)
	for j := range 3 {
		for i := range dst.Len() {
			dst.Row(j)[i] = theta.Row(0)[i] + theta.Row(1)[i]*dst.Row(j)[i]
		}
	}
	return nil
}

func TestScoresSimulatorsAndConfigs(t *testing.T) {
	ctx := context.Background()
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			options := testOptions(t, "many")
			options.Transport = transport
			p := open(t, options)
			same := func(what string, got, want *lanes.Block) {
				t.Helper()
				for j := range want.Dim() {
					if !slices.Equal(got.Row(j)[:got.Len()], want.Row(j)[:want.Len()]) {
						t.Fatalf("%s: row %d is %v, not %v", what, j, got.Row(j), want.Row(j))
					}
				}
			}
			x, got, want := points(37, 2), lanes.New(37, 2), lanes.New(37, 2)

			family, err := p.NoiseConditional(ctx, "blurred", plugins.ScoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, sigma := range []float64{0.01, 0.5, 50} {
				if err := errors.Join(family.At(sigma).Score(ctx, got, x), blurredAt{0, sigma}.Score(ctx, want, x)); err != nil {
					t.Fatal(err)
				}
				same("blurred", got, want)
			}
			for _, sigma := range []float64{0, 51, math.NaN(), math.Inf(1), -1} {
				if err := family.At(sigma).Score(ctx, got, x); err == nil || !strings.Contains(err.Error(), "the model knows those from 0.01 to 50") {
					t.Errorf("noise level %v: %v", sigma, err)
				}
			}
			if _, err := p.Score(ctx, "blurred", plugins.ScoreOptions{}); err == nil || !strings.Contains(err.Error(), "use NoiseConditional") {
				t.Errorf("%v", err)
			}

			shifted, err := p.NoiseConditional(ctx, "shifted", plugins.ScoreOptions{Given: map[string][]float64{"to": {3, 0}, "and": {0.5}}})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := errors.Join(shifted.At(2).Score(ctx, got, x), blurredAt{3.5, 2}.Score(ctx, want, x)); err != nil {
					t.Fatal(err)
				}
				same("shifted", got, want)
			}
			for _, c := range []struct {
				given map[string][]float64
				want  string
			}{
				{nil, "is conditioned on to, 2 numbers, which were not given"},
				{map[string][]float64{"to": {1}, "and": {1}}, "to of the score shifted has 1 numbers: it takes 2"},
				{map[string][]float64{"to": {1, 2}, "and": {1}, "label": {1}}, `is not conditioned on "label": it has to, and`},
			} {
				if _, err := p.NoiseConditional(ctx, "shifted", plugins.ScoreOptions{Given: c.given}); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v: %v", c.given, err)
				}
			}
			far, err := p.NoiseConditional(ctx, "shifted", plugins.ScoreOptions{Given: map[string][]float64{"to": {300, 0}, "and": {0}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := far.At(1).Score(ctx, got, x); err == nil || !strings.Contains(err.Error(), "that is too far") {
				t.Errorf("%v", err)
			}

			simulator, err := p.Simulator(ctx, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			draws, wantDraws := lanes.New(37, 3), lanes.New(37, 3)
			if err := errors.Join(simulator.Simulate(ctx, draws, x, math.MaxUint64, 1<<40), linear{}.Simulate(ctx, wantDraws, x, math.MaxUint64, 1<<40)); err != nil {
				t.Fatal(err)
			}
			same("linear", draws, wantDraws)
			if err := simulator.Simulate(ctx, draws, draws, 1, 0); err == nil || !strings.Contains(err.Error(), "points of 3 parameters, and it has 2") {
				t.Errorf("%v", err)
			}

			d, err := p.Density(ctx, "normal", plugins.Config(`{"dim": 5}`))
			if err != nil || d.Dim() != 5 {
				t.Fatalf("%v, %v", d, err)
			}
			if name := fmt.Sprint(d); name != `plug-in many, model normal, config {"dim": 5}` {
				t.Errorf("its name is %s", name)
			}
			if _, err := p.Density(ctx, "normal", plugins.Config(`{}`)); err == nil || !strings.Contains(err.Error(), "dim is missing") {
				t.Errorf("%v", err)
			}
			if err := d.LogProb(ctx, make([]float64, 1), lanes.New(1, 4)); err == nil || !strings.Contains(err.Error(), "the points have 4 coordinates, the model 5") {
				t.Errorf("%v", err)
			}
			if err := d.LogProb(ctx, nil, lanes.New(0, 5)); err != nil {
				t.Errorf("no points: %v", err)
			}

			// Many models, of several goroutines, at once.
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					mine := lanes.New(37, 2)
					for k := range 50 {
						sigma := 0.5 + float64(k%3)
						expected := lanes.New(37, 2)
						if err := errors.Join(family.At(sigma).Score(ctx, mine, x), blurredAt{0, sigma}.Score(ctx, expected, x)); err != nil {
							t.Error(err)
							return
						}
						if !slices.Equal(mine.Row(1)[:37], expected.Row(1)[:37]) {
							t.Error("calls at the same time disturb each other")
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}
