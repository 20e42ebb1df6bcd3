package plugins

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/score"
)

// handles numbers the models that are opened, of all plug-ins.
var handles atomic.Uint32

// model is a model that was opened, and is opened again whenever the plug-in was started again.
type model struct {
	plugin *Plugin
	name   string
	config Config
	handle uint32
	as     protocol.Model // as it was opened first
	given  []givenVector

	lock sync.Mutex
	in   atomic.Pointer[session] // where it is open

	requests sync.Pool     // of *request
	inflight chan struct{} // holds a token a call that is under way
}

// open opens a model.
func (p *Plugin) open(ctx context.Context, name, kind string, config Config) (*model, error) {
	offered, err := p.find(name, kind)
	if err != nil {
		return nil, err
	}
	m := &model{plugin: p, name: offered.Name, config: config, handle: handles.Add(1)}
	m.requests.New = func() any { return new(request) }
	if err := p.try(ctx, m.openIn); err != nil {
		return nil, err
	}
	m.inflight = make(chan struct{}, m.as.MaxInflight)
	if !m.as.Is(kind) {
		return nil, fmt.Errorf("plug-in %s: model %s is no %s once it is opened", p.options.Name, name, kind)
	}
	return m, nil
}

// openIn opens the model in a session, unless it is open there.
func (m *model) openIn(ctx context.Context, s *session) error {
	if m.in.Load() == s {
		return nil
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.in.Load() == s {
		return nil
	}
	as, err := s.link.open(ctx, &protocol.Open{Handle: m.handle, Model: m.name, Config: m.config})
	if err != nil {
		return err
	}
	if err := m.check(as); err != nil {
		return &protocol.Error{Code: protocol.Invalid, Message: fmt.Sprintf("what it says of the opened model is wrong: %v", err)}
	}
	if m.as.Name != "" {
		if as.Dim != m.as.Dim || as.DType != m.as.DType || as.Parameters != m.as.Parameters || as.Gradient != m.as.Gradient || as.Noise != m.as.Noise {
			return &protocol.Error{Code: protocol.Invalid, Message: fmt.Sprintf("started again, model %s is another one than it was", m.name)}
		}
	} else {
		m.as = *as
	}
	m.in.Store(s)
	return nil
}

func (m *model) check(as *protocol.Model) error {
	if as.Name == "" {
		as.Name = m.name
	}
	if err := as.Check(); err != nil {
		return err
	}
	if as.Name != m.name {
		return fmt.Errorf("it is %s, and %s was asked for", as.Name, m.name)
	}
	if as.Dim < 1 {
		return fmt.Errorf("it has %d coordinates, and a point has at least 1", as.Dim)
	}
	if as.Is(protocol.KindSimulator) && as.Parameters < 1 {
		return errors.New("a simulator of 0 parameters: it has at least 1")
	}
	return nil
}

// Info is the model as it was opened.
func (m *model) Info() protocol.Model { return m.as }

// Dim is the number of coordinates of a point.
func (m *model) Dim() int { return m.as.Dim }

// Lanes is how many points the model likes in a call: thousands, as a call costs the same for one.
func (m *model) Lanes() int { return m.as.PreferredBatch }

// String names the plug-in, its version, the model and its config.
func (m *model) String() string {
	info := &m.plugin.info
	text := "plug-in " + info.Name
	if info.Version != "" {
		text += " " + info.Version
	}
	if m.name != info.Name {
		text += ", model " + m.name
	}
	if len(m.config) > 0 {
		text += ", config " + string(m.config)
	}
	for _, g := range m.given {
		text += fmt.Sprintf(", %s %v", g.name, g.values)
	}
	return text
}

// evaluate asks all points of a block, in as many calls as the model needs. Results are written call by call, so after an error they
// are of no use.
func (m *model) evaluate(ctx context.Context, want protocol.Want, x *lanes.Block, logp []float64, out *lanes.Block, sigma float64, seed, first uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	size := x.Len()
	if m.as.MaxBatch > 0 {
		size = min(size, m.as.MaxBatch)
	}
	r := m.requests.Get().(*request)
	defer m.requests.Put(r)
	for from := 0; from < x.Len(); from += size {
		*r = request{
			handle: m.handle, model: &m.as, want: want, x: x, from: from, count: min(size, x.Len()-from),
			sigma: sigma, given: m.given, seed: seed, first: first + uint64(from), logp: logp, out: out,
		}
		if err := m.ask(ctx, r); err != nil {
			return err
		}
	}
	*r = request{}
	return nil
}

func (m *model) ask(ctx context.Context, r *request) error {
	select {
	case m.inflight <- struct{}{}:
		defer func() { <-m.inflight }()
	case <-ctx.Done():
		return ctx.Err()
	}
	u := &m.plugin.usage
	u.begin()
	defer func() { u.end(r.count, r.compute) }()
	// The usual case needs no closure, and allocates nothing.
	if s, err := m.plugin.running(); err == nil && s != nil && m.in.Load() == s {
		if err := s.link.evaluate(ctx, r); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return ctx.Err()
		} else if handled := m.plugin.judge(ctx, s, err); handled != nil {
			return handled
		}
	}
	return m.plugin.try(ctx, func(ctx context.Context, s *session) error {
		if err := m.openIn(ctx, s); err != nil {
			return err
		}
		return s.link.evaluate(ctx, r)
	})
}

func (m *model) checkBlocks(x, out *lanes.Block) error {
	if x.Dim() != m.Dim() {
		return fmt.Errorf("%v: the points have %d coordinates, the model %d", m, x.Dim(), m.Dim())
	}
	if out.Dim() != m.Dim() || out.Len() != x.Len() {
		return fmt.Errorf("%v: room for %d points of %d coordinates, and x has %d of %d", m, out.Len(), out.Dim(), x.Len(), x.Dim())
	}
	if out == x {
		return fmt.Errorf("%v: the result would overwrite x; give it a block of its own", m)
	}
	return nil
}

// Density opens a density; a plug-in of one density needs no name. What it returns has methods Lanes, String and Info, and is a
// density.Differentiable if the model has a gradient.
func (p *Plugin) Density(ctx context.Context, name string, config Config) (density.Density, error) {
	m, err := p.open(ctx, name, protocol.KindDensity, config)
	if err != nil {
		return nil, err
	}
	if m.as.Gradient {
		return differentiable{plain{m}}, nil
	}
	return plain{m}, nil
}

// plain is a density without a gradient.
type plain struct{ *model }

// LogProb implements density.Density.
func (d plain) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	if err := d.checkLogProb(logp, x); err != nil {
		return err
	}
	return d.evaluate(ctx, protocol.LogP, x, logp, nil, 0, 0, 0)
}

func (d plain) checkLogProb(logp []float64, x *lanes.Block) error {
	if x.Dim() != d.Dim() {
		return fmt.Errorf("%v: the points have %d coordinates, the model %d", d, x.Dim(), d.Dim())
	}
	if len(logp) < x.Len() {
		return fmt.Errorf("%v: room for %d values of log p, and %d points", d, len(logp), x.Len())
	}
	return nil
}

// differentiable is a density with a gradient.
type differentiable struct{ plain }

// LogProbGrad implements density.Differentiable.
func (d differentiable) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	want := protocol.Grad
	if logp != nil {
		want |= protocol.LogP
		if err := d.checkLogProb(logp, x); err != nil {
			return err
		}
	}
	if err := d.checkBlocks(x, grad); err != nil {
		return err
	}
	return d.evaluate(ctx, want, x, logp, grad, 0, 0, 0)
}

// ScoreOptions are how a score is opened.
type ScoreOptions struct {
	Config Config
	Given  map[string][]float64 // the conditioning vectors, every one that the model has
}

// Score opens a score that knows no noise level.
func (p *Plugin) Score(ctx context.Context, name string, options ScoreOptions) (score.Fn, error) {
	m, err := p.openScore(ctx, name, options)
	if err != nil {
		return nil, err
	}
	if m.as.Noise {
		return nil, fmt.Errorf("plug-in %s: the score %s takes a noise level: use NoiseConditional", p.options.Name, m.name)
	}
	return fn{m, 0}, nil
}

// NoiseConditional opens a score that takes a noise level.
func (p *Plugin) NoiseConditional(ctx context.Context, name string, options ScoreOptions) (score.NoiseConditional, error) {
	m, err := p.openScore(ctx, name, options)
	if err != nil {
		return nil, err
	}
	if !m.as.Noise {
		return nil, fmt.Errorf("plug-in %s: the score %s takes no noise level: use Score", p.options.Name, m.name)
	}
	return family{m}, nil
}

func (p *Plugin) openScore(ctx context.Context, name string, options ScoreOptions) (*model, error) {
	m, err := p.open(ctx, name, protocol.KindScore, options.Config)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, g := range m.as.Given {
		known = append(known, g.Name)
		values, ok := options.Given[g.Name]
		if !ok {
			return nil, fmt.Errorf("plug-in %s: the score %s is conditioned on %s, %d numbers, which were not given", p.options.Name, m.name, g.Name, g.Dim)
		}
		if len(values) != g.Dim {
			return nil, fmt.Errorf("plug-in %s: %s of the score %s has %d numbers: it takes %d", p.options.Name, g.Name, m.name, len(values), g.Dim)
		}
		m.given = append(m.given, givenVector{g.Name, slices.Clone(values)})
	}
	for name := range options.Given {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("plug-in %s: the score %s is not conditioned on %s: it has %s", p.options.Name, m.name, quote(name), orNothing(known))
		}
	}
	return m, nil
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "no conditioning"
	}
	return strings.Join(names, ", ")
}

// fn is a score at a noise level, or without one.
type fn struct {
	*model
	sigma float64
}

// Score implements score.Fn.
func (f fn) Score(ctx context.Context, dst, x *lanes.Block) error {
	if err := f.checkBlocks(x, dst); err != nil {
		return err
	}
	if f.as.Noise && !(f.sigma >= f.as.SigmaMin && !math.IsInf(f.sigma, 0) && (f.as.SigmaMax == 0 || f.sigma <= f.as.SigmaMax)) {
		return fmt.Errorf("%v: the noise level is %v: the model knows those from %v to %s", f.model, f.sigma, f.as.SigmaMin, orNone(f.as.SigmaMax))
	}
	return f.evaluate(ctx, protocol.Score, x, nil, dst, f.sigma, 0, 0)
}

func orNone(sigma float64) string {
	if sigma == 0 {
		return "any"
	}
	return fmt.Sprint(sigma)
}

// family is a score at every noise level.
type family struct{ *model }

// At implements score.NoiseConditional.
func (f family) At(sigma float64) score.Fn { return fn{f.model, sigma} }

// Simulator is a simulator of a plug-in: it draws data for parameters.
type Simulator struct{ *model }

// Simulator opens a simulator.
func (p *Plugin) Simulator(ctx context.Context, name string, config Config) (*Simulator, error) {
	m, err := p.open(ctx, name, protocol.KindSimulator, config)
	if err != nil {
		return nil, err
	}
	return &Simulator{m}, nil
}

// Parameters is the number of parameters; [Simulator.Dim] is that of what is drawn.
func (s *Simulator) Parameters() int { return s.as.Parameters }

// Simulate sets point i of dst to a draw for the parameters in point i of theta. It depends on the seed, on first+i, the number of
// the draw, and on the parameters, and on nothing else.
func (s *Simulator) Simulate(ctx context.Context, dst, theta *lanes.Block, seed, first uint64) error {
	if theta.Dim() != s.Parameters() {
		return fmt.Errorf("%v: points of %d parameters, and it has %d", s, theta.Dim(), s.Parameters())
	}
	if dst.Dim() != s.Dim() || dst.Len() != theta.Len() {
		return fmt.Errorf("%v: room for %d draws of %d numbers, and there are %d of %d", s, dst.Len(), dst.Dim(), theta.Len(), s.Dim())
	}
	return s.evaluate(ctx, protocol.Simulate, theta, nil, dst, 0, seed, first)
}
