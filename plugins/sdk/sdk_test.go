package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/score"
)

// Example is a whole plug-in. It is compiled and not run, as Serve ends the program that no infer has started.
func Example() {
	Serve(Plugin{Name: "my-density", Version: "1.0.0", Models: []Model{{
		Density: density.FuncGrad(2, nil, func(grad, x []float64) float64 {
			grad[0], grad[1] = -x[0], -x[1]
			return -float64(x[0]*x[0])/2 - float64(x[1]*x[1])/2
		}),
	}}})
}

func TestPluginsThatAreNotSoundAreRefused(t *testing.T) {
	donut := density.Donut{}
	for want, p := range map[string]Plugin{
		`the name "My Density"`:          {Name: "My Density", Models: []Model{{Density: donut}}},
		"0 models":                       {Name: "a"},
		"set one of":                     {Name: "a", Models: []Model{{}}},
		"and not 2":                      {Name: "a", Models: []Model{{Density: donut, Score: score.Of(donut)}}},
		"two models have the name a":     {Name: "a", Models: []Model{{Density: donut}, {Density: donut}}},
		`the name "b/c"`:                 {Name: "a", Models: []Model{{Name: "b/c", Density: donut}}},
		`kind ""`:                        {Name: "a", Models: []Model{{Open: func(json.RawMessage) (Model, error) { return Model{}, nil }}}},
		"3 names for 2 coordinates":      {Name: "a", Models: []Model{{Density: donut, Names: []string{"x", "y", "z"}}}},
		"noise levels from 2 to 1":       {Name: "a", Models: []Model{{Density: donut, SigmaMin: 2, SigmaMax: 1}}},
		"conditioning vector 0 has the ": {Name: "a", Models: []Model{{Density: donut, Conditioning: []protocol.Given{{Name: "sigma", Dim: 1}}}}},
		"max_batch is -1":                {Name: "a", Models: []Model{{Density: donut, MaxBatch: -1}}},
	} {
		if _, err := newServer(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// without is a density without a gradient.
type without struct{ density.Density }

// panics is a density that panics, and failing one that fails.
type panics struct{ density.Donut }
type failing struct{ density.Donut }

func (panics) LogProb(context.Context, []float64, *lanes.Block) error { panic("no weights") }
func (failing) LogProb(ctx context.Context, _ []float64, _ *lanes.Block) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.New("no data")
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	s, err := newServer(Plugin{Name: "a", Models: []Model{
		{Density: density.Donut{}, MaxBatch: 5}, {Name: "plain", Density: without{density.Donut{}}}, {Name: "panics", Density: panics{}}, {Name: "fails", Density: failing{}},
		{Name: "score", Score: score.Of(density.Donut{})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for i, name := range []string{"a", "plain", "panics", "fails", "score"} {
		if _, err := s.Open(ctx, &protocol.Open{Handle: uint32(i + 1), Model: name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(ctx, &protocol.Open{Handle: 9, Model: "b"}); err == nil || !strings.Contains(err.Error(), `no model "b"`) {
		t.Errorf("%v", err)
	}
	x := func(dtype protocol.DType, shape ...int) []protocol.Tensor {
		x := protocol.Of(protocol.NameX, dtype, shape...)
		n, _ := x.Bytes()
		x.Data = make([]byte, n)
		return []protocol.Tensor{x}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	good := x(protocol.Float64, 2, 3)
	for _, c := range []struct {
		ctx  context.Context
		f    protocol.Frame
		code string
		want string
	}{
		{ctx, protocol.Frame{Model: 77, Want: protocol.LogP, Tensors: good}, protocol.Invalid, "no model is open under the handle 77"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.LogP}, protocol.Invalid, "no tensor x"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.LogP, Tensors: x(protocol.Float32, 2, 3)}, protocol.Invalid, "it has to be float64 of shape [2, n]"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.LogP, Tensors: x(protocol.Float64, 3, 2)}, protocol.Invalid, "shape [2, n]"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.LogP, Tensors: x(protocol.Float64, 2, 3, 1)}, protocol.Invalid, "shape [2, n]"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.LogP, Tensors: x(protocol.Float64, 2, 6)}, protocol.Invalid, "6 points: at most 5"},
		{ctx, protocol.Frame{Model: 1, Want: 0, Tensors: good}, protocol.Invalid, "0 is nothing"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.LogP | protocol.Score, Tensors: good}, protocol.Invalid, "5 is nothing"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.Score, Tensors: good}, protocol.Invalid, "is no score"},
		{ctx, protocol.Frame{Model: 1, Want: protocol.Simulate, Tensors: good}, protocol.Invalid, "is no simulator"},
		{ctx, protocol.Frame{Model: 2, Want: protocol.Grad, Tensors: good}, protocol.Invalid, "has no gradient"},
		{ctx, protocol.Frame{Model: 3, Want: protocol.LogP, Tensors: good}, protocol.Internal, "panic: no weights"},
		{ctx, protocol.Frame{Model: 4, Want: protocol.LogP, Tensors: good}, protocol.Internal, "no data"},
		{ended, protocol.Frame{Model: 4, Want: protocol.LogP, Tensors: good}, protocol.Cancelled, "context canceled"},
		{ctx, protocol.Frame{Model: 5, Want: protocol.LogP, Tensors: good}, protocol.Invalid, "is no density"},
	} {
		var reply protocol.Frame
		failure := s.Evaluate(c.ctx, &c.f, &reply, func(n int) []byte { return make([]byte, n) })
		if failure == nil || failure.Code != c.code || !strings.Contains(failure.Message, c.want) {
			t.Errorf("%s: %+v", c.want, failure)
		}
	}
	var reply protocol.Frame
	if failure := s.Evaluate(ctx, &protocol.Frame{Model: 1, Want: protocol.LogP | protocol.Grad, Tensors: x(protocol.Float64, 2, 0)}, &reply, func(n int) []byte { return make([]byte, n) }); failure != nil {
		t.Errorf("no points: %v", failure)
	} else if len(reply.Tensors) != 2 || !reply.Tensors[0].Is(protocol.Float64, 0) || !reply.Tensors[1].Is(protocol.Float64, 2, 0) {
		t.Errorf("no points: %+v", reply.Tensors)
	}
	if err := s.Close(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if failure := s.Evaluate(ctx, &protocol.Frame{Model: 1, Want: protocol.LogP, Tensors: good}, &reply, nil); failure == nil {
		t.Error("a closed model answers")
	}
}
