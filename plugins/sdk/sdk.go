// Package sdk makes plug-ins of infer in Go.
//
// A plug-in is a program whose main calls [Serve]:
//
//	func main() {
//		sdk.Serve(sdk.Plugin{Name: "my-density", Models: []sdk.Model{{
//			Density: density.FuncGrad(2, nil, func(grad, x []float64) float64 {
//				grad[0], grad[1] = -x[0], -x[1]
//				return -(x[0]*x[0] + x[1]*x[1]) / 2
//			}),
//		}}})
//	}
//
// A model is anything of packages density and score, or a [Simulator]. Serve keeps to the protocol, whichever way the host
// wants to speak it; prints go to the plug-in's log; a panic of a model is an error of the call; and when the host is gone, so
// is the plug-in.
package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/score"
)

// Plugin is what a program offers.
type Plugin struct {
	Name    string // a-z, 0-9 and -
	Version string
	Licence string
	Build   string // of information: a commit, a date
	Models  []Model
}

// Simulator draws data for parameters.
type Simulator interface {
	Parameters() int // of a point of theta
	Dim() int        // of a draw
	// Simulate sets point i of dst to a draw for the parameters in point i of theta. The draw depends on those, on the seed and
	// on first+i alone: package random has streams for that.
	Simulate(ctx context.Context, dst, theta *lanes.Block, seed, first uint64) error
}

// Model is one model. It has exactly one of Density, Score, Noise, Given and Simulator, or Open, which makes one of a config.
type Model struct {
	Name string // empty: the plug-in's

	Density   density.Density        // a density.Differentiable if it can
	Score     score.Fn               // a score without a noise level
	Noise     score.NoiseConditional // a score with one
	Simulator Simulator

	// Given makes a score of conditioning vectors, whose names and dimensions Conditioning has.
	Given        func(given map[string][]float64) (score.NoiseConditional, error)
	Conditioning []protocol.Given
	Dim          int // of points, where Given or Open makes the model; 0 if the config decides

	// Open makes the model of a config, a JSON object or nothing. Kind says of what kind it will be: protocol.KindDensity, ...
	Open func(config json.RawMessage) (Model, error)
	Kind string

	Names              []string // of the coordinates
	SigmaMin, SigmaMax float64  // the noise levels that a score knows; 0 for no limit
	Float32            bool     // numbers travel as float32
	MaxBatch           int      // points of a call; 0 for no limit
	PreferredBatch     int      // points of a call; 0 for 8192
	Random             bool     // the same question may have another answer: say so, and it is not taken for deterministic
	Device             string
}

// describe is the model as the protocol has it.
func (m *Model) describe(plugin string) (protocol.Model, error) {
	d := protocol.Model{
		Name: m.Name, Dim: m.Dim, Names: m.Names, SigmaMin: m.SigmaMin, SigmaMax: m.SigmaMax, Given: m.Conditioning,
		MaxBatch: m.MaxBatch, PreferredBatch: m.PreferredBatch, Deterministic: !m.Random, Device: m.Device,
	}
	if d.Name == "" {
		d.Name = plugin
	}
	if m.Float32 {
		d.DType = "float32"
	}
	kinds := 0
	kind := func(is bool, name string) {
		if is {
			kinds++
			d.Kinds = []string{name}
		}
	}
	kind(m.Density != nil, protocol.KindDensity)
	kind(m.Score != nil || m.Noise != nil || m.Given != nil, protocol.KindScore)
	kind(m.Simulator != nil, protocol.KindSimulator)
	kind(m.Open != nil, m.Kind)
	if kinds != 1 {
		return d, fmt.Errorf("model %s: set one of Density, Score, Noise, Given, Simulator and Open, and not %d", d.Name, kinds)
	}
	switch {
	case m.Density != nil:
		d.Dim = m.Density.Dim()
		_, d.Gradient = m.Density.(density.Differentiable)
	case m.Score != nil:
		d.Dim = m.Score.Dim()
	case m.Noise != nil:
		d.Dim, d.Noise = m.Noise.Dim(), true
	case m.Given != nil:
		d.Noise = true
	case m.Simulator != nil:
		d.Dim, d.Parameters = m.Simulator.Dim(), m.Simulator.Parameters()
	}
	return d, d.Check()
}

// server answers the host.
type server struct {
	info   protocol.Info
	models map[string]*Model
	agreed func(w *protocol.Welcome)

	lock   sync.Mutex
	opened map[uint32]*opened
}

// opened is a model that the host uses.
type opened struct {
	model Model
	info  protocol.Model

	// Evaluations of a connection come one after the other, and those of two connections are kept apart.
	lock   sync.Mutex
	blocks map[string]*lanes.Block
	logp   []float64
	given  map[string][]float64
	score  score.Fn // at sigma
	sigma  float64
	made   int              // scores so far
	asked  []protocol.Given // see conditions
}

func newServer(p Plugin) (*server, error) {
	s := &server{
		info:   protocol.Info{Protocol: protocol.Version, Name: p.Name, Version: p.Version, SDK: "go", Licence: p.Licence, Build: p.Build, Capabilities: []string{protocol.Frames, protocol.Shm}},
		models: map[string]*Model{}, opened: map[uint32]*opened{},
	}
	for i := range p.Models {
		m := p.Models[i]
		d, err := m.describe(p.Name)
		if err != nil {
			return nil, err
		}
		s.info.Models = append(s.info.Models, d)
		s.models[d.Name] = &m
	}
	return s, s.info.Check()
}

// Info implements protocol.Server.
func (s *server) Info(context.Context) (protocol.Info, error) { return s.info, nil }

// Configure implements protocol.Server.
func (s *server) Configure(_ context.Context, w *protocol.Welcome) error {
	s.agreed(w)
	return nil
}

// Open implements protocol.Server.
func (s *server) Open(_ context.Context, o *protocol.Open) (info *protocol.Model, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			info, err = nil, panicked(cause)
		}
	}()
	m, ok := s.models[o.Model]
	if !ok {
		return nil, &protocol.Error{Code: protocol.Unavailable, Message: fmt.Sprintf("there is no model %q here", o.Model)}
	}
	model := *m
	if model.Open != nil {
		name := model.Name
		if model, err = m.Open(o.Config); err != nil {
			return nil, &protocol.Error{Code: protocol.Invalid, Message: err.Error()}
		}
		model.Name = name
	} else if len(o.Config) > 0 && string(o.Config) != "{}" && string(o.Config) != "null" {
		return nil, &protocol.Error{Code: protocol.Invalid, Message: fmt.Sprintf("model %s takes no config", o.Model)}
	}
	d, err := model.describe(s.info.Name)
	if err != nil {
		return nil, &protocol.Error{Code: protocol.Invalid, Message: err.Error()}
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.opened[o.Handle] = &opened{model: model, info: d, blocks: map[string]*lanes.Block{}, given: map[string][]float64{}}
	return &d, nil
}

// Close implements protocol.Server.
func (s *server) Close(_ context.Context, handle uint32) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.opened, handle)
	return nil
}

// panicked is the error of a panic, whose stack goes to the log.
func panicked(cause any) *protocol.Error {
	logf("panic: %v\n%s", cause, debug.Stack())
	return &protocol.Error{Code: protocol.Internal, Message: fmt.Sprintf("panic: %v", cause)}
}

func invalid(format string, arguments ...any) *protocol.Error {
	return &protocol.Error{Code: protocol.Invalid, Message: fmt.Sprintf(format, arguments...)}
}

// Evaluate implements protocol.Server.
func (s *server) Evaluate(ctx context.Context, f, reply *protocol.Frame, allocate func(int) []byte) (failure *protocol.Error) {
	s.lock.Lock()
	o := s.opened[f.Model]
	s.lock.Unlock()
	if o == nil {
		return invalid("no model is open under the handle %d", f.Model)
	}
	o.lock.Lock()
	defer o.lock.Unlock()
	defer func() {
		if cause := recover(); cause != nil {
			failure = panicked(cause)
		}
	}()
	return o.evaluate(ctx, f, reply, allocate)
}

func (o *opened) evaluate(ctx context.Context, f, reply *protocol.Frame, allocate func(int) []byte) *protocol.Error {
	m, dtype := &o.model, o.info.Element()
	columns := o.info.Dim
	if m.Simulator != nil {
		columns = o.info.Parameters
	}
	in := protocol.Find(f.Tensors, protocol.NameX)
	if in == nil {
		return invalid("there is no tensor x")
	}
	if in.DType != dtype || in.Rank != 2 || in.Shape[0] != uint64(columns) || in.Room {
		return invalid("x is %s: it has to be %s of shape [%d, n]", in, dtype, columns)
	}
	n := int(in.Shape[1])
	if o.info.MaxBatch > 0 && n > o.info.MaxBatch {
		return invalid("%d points: at most %d in a call", n, o.info.MaxBatch)
	}
	x := o.block(protocol.NameX, n, columns)
	read(x, in)

	var logp []float64
	var out *lanes.Block
	var name string
	var compute func() error
	switch f.Want {
	case protocol.LogP, protocol.LogP | protocol.Grad, protocol.Grad:
		if m.Density == nil {
			return invalid("model %s is no density", o.info.Name)
		}
		if f.Want&protocol.LogP != 0 {
			if cap(o.logp) < n {
				o.logp = lanes.Aligned(n)
			}
			logp = o.logp[:n]
		}
		if f.Want&protocol.Grad == 0 {
			compute = func() error { return m.Density.LogProb(ctx, logp, x) }
			break
		}
		d, ok := m.Density.(density.Differentiable)
		if !ok {
			return invalid("model %s has no gradient", o.info.Name)
		}
		name, out = protocol.NameGrad, o.block(protocol.NameGrad, n, columns)
		compute = func() error { return d.LogProbGrad(ctx, logp, out, x) }
	case protocol.Score:
		fn, err := o.scoreFor(f, n, 0)
		if err != nil {
			return err
		}
		name, out = protocol.NameScore, o.block(protocol.NameScore, n, columns)
		compute = func() error { return fn.Score(ctx, out, x) }
		if o.differ(f, n) {
			compute = func() error { return o.scoreRows(ctx, f, out, x) }
		}
	case protocol.Simulate:
		if m.Simulator == nil {
			return invalid("model %s is no simulator", o.info.Name)
		}
		name, out = protocol.NameDraw, o.block(protocol.NameDraw, n, o.info.Dim)
		compute = func() error { return m.Simulator.Simulate(ctx, out, x, f.Seed, f.First) }
	default:
		return invalid("%d is nothing that can be asked for", f.Want)
	}
	if n > 0 {
		started := time.Now()
		err := compute()
		reply.Time = uint64(time.Since(started))
		if err != nil {
			return evaluationError(ctx, err)
		}
	}
	if f.Want&protocol.LogP != 0 {
		memory := result(f, reply, protocol.Of(protocol.NameLogP, dtype, n), allocate)
		protocol.Put(memory, dtype, logp)
	}
	if out != nil {
		memory := result(f, reply, protocol.Of(name, dtype, out.Dim(), n), allocate)
		size := int(dtype.Size()) * n
		for j := range out.Dim() {
			protocol.Put(memory[j*size:(j+1)*size], dtype, out.Row(j)[:n])
		}
	}
	return nil
}

func evaluationError(ctx context.Context, err error) *protocol.Error {
	code := protocol.Internal
	switch ctx.Err() {
	case context.Canceled:
		code = protocol.Cancelled
	case context.DeadlineExceeded:
		code = protocol.Deadline
	}
	return &protocol.Error{Code: code, Message: err.Error()}
}

// block is memory for points that is used again.
func (o *opened) block(name string, n, dim int) *lanes.Block {
	b := o.blocks[name]
	if b == nil || b.Len() != n || b.Dim() != dim {
		b = lanes.New(n, dim)
		o.blocks[name] = b
	}
	return b
}

// read copies a tensor of points.
func read(x *lanes.Block, t *protocol.Tensor) {
	n := x.Len()
	size := int(t.DType.Size()) * n
	for j := range x.Dim() {
		protocol.Get(x.Row(j)[:n], t.DType, t.Data[j*size:(j+1)*size])
	}
}

// result adds a tensor to the reply and returns its memory: the room that the host made for it, or new.
func result(f, reply *protocol.Frame, t protocol.Tensor, allocate func(int) []byte) []byte {
	for i := range f.Tensors {
		room := &f.Tensors[i]
		if room.Room && room.Shared && room.Name == t.Name && room.DType == t.DType && room.Rank == t.Rank && room.Shape == t.Shape {
			t = *room
			t.Room = false
			reply.Tensors = append(reply.Tensors, t)
			return t.Data
		}
	}
	n, _ := t.Bytes() // as sound as the input
	t.Data = allocate(int(n))
	reply.Tensors = append(reply.Tensors, t)
	return t.Data
}

// conditions are the tensors of an evaluation that a score is conditioned on: sigma, of one number, and the conditioning vectors.
func (o *opened) conditions() []protocol.Given {
	if o.asked == nil && o.model.Score == nil {
		o.asked = append([]protocol.Given{{Name: protocol.NameSigma, Dim: 1}}, o.model.Conditioning...)
	}
	return o.asked
}

// condition is the value of a conditioning tensor for a row, and whether each row has its own.
func (o *opened) condition(f *protocol.Frame, g protocol.Given, n, row int) (values []float64, own bool, failure *protocol.Error) {
	dtype := o.info.Element()
	t := protocol.Find(f.Tensors, g.Name)
	all, rows := []int{g.Dim}, []int{g.Dim, n}
	if g.Name == protocol.NameSigma {
		rows = []int{n}
	}
	if t == nil || t.Room || !t.Is(dtype, all...) && !t.Is(dtype, rows...) {
		return nil, false, invalid("%s, %s of shape %v or %v, is missing", g.Name, dtype, all, rows)
	}
	values = make([]float64, g.Dim)
	if t.Is(dtype, all...) {
		protocol.Get(values, dtype, t.Data)
		return values, false, nil
	}
	size := int(dtype.Size())
	for k := range min(len(values), len(t.Data)) { // nothing is read of no rows
		at := (k*n + row) * size
		protocol.Get(values[k:k+1], dtype, t.Data[at:at+size])
	}
	return values, true, nil
}

// differ says whether rows have noise levels or conditioning vectors of their own. The frame has been checked by scoreFor.
func (o *opened) differ(f *protocol.Frame, n int) bool {
	for _, g := range o.conditions() {
		if n > 1 && uint64(g.Dim)*o.info.Element().Size() != uint64(len(protocol.Find(f.Tensors, g.Name).Data)) {
			return true
		}
	}
	return false
}

// scoreRows scores rows that have noise levels or conditioning vectors of their own: neighbours with the same ones together.
func (o *opened) scoreRows(ctx context.Context, f *protocol.Frame, out, x *lanes.Block) error {
	n := x.Len()
	for from := 0; from < n; {
		fn, failure := o.scoreFor(f, n, from)
		if failure != nil {
			return failure
		}
		to, made := from+1, o.made
		for ; to < n; to++ {
			if _, failure := o.scoreFor(f, n, to); failure != nil {
				return failure
			}
			if o.made != made {
				break
			}
		}
		part, dst := lanes.New(to-from, x.Dim()), lanes.New(to-from, x.Dim())
		part.CopyPoints(0, x, from, to-from)
		if err := fn.Score(ctx, dst, part); err != nil {
			return err
		}
		out.CopyPoints(from, dst, 0, to-from)
		from = to
	}
	return nil
}

// scoreFor is the score that an evaluation of n rows asks for at a row, made new only if its noise level or conditioning is.
func (o *opened) scoreFor(f *protocol.Frame, n, row int) (score.Fn, *protocol.Error) {
	m := &o.model
	if m.Score == nil && m.Noise == nil && m.Given == nil {
		return nil, invalid("model %s is no score", o.info.Name)
	}
	if m.Score != nil {
		return m.Score, nil
	}
	same, sigma := o.score != nil, 0.0
	for _, g := range o.conditions() {
		values, _, failure := o.condition(f, g, n, row)
		if failure != nil {
			return nil, failure
		}
		if g.Name == protocol.NameSigma {
			sigma = values[0]
			same = same && o.sigma == sigma
			continue
		}
		same = same && slices.Equal(o.given[g.Name], values)
		o.given[g.Name] = values
	}
	if same {
		return o.score, nil
	}
	family := m.Noise
	if m.Given != nil {
		var err error
		if family, err = m.Given(o.given); err != nil {
			return nil, invalid("%v", err)
		}
	}
	o.score, o.sigma = family.At(sigma), sigma
	o.made++
	return o.score, nil
}
