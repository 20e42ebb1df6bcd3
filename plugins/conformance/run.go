//go:build unix

package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
)

// test is a check at work: the plug-in, and one of its models if the check is about models.
type test struct {
	ctx    context.Context
	plugin *Plugin
	suite  *suite
	model  *protocol.Model // as opened; nil in checks of the plug-in
	c      *client         // of a running plug-in; started by the suite where it is nil or broken
	note   string          // for the result of a check that passes
}

// failure and skip end a check.
type failure struct{ error }
type skipped struct{ reason string }

func (t *test) failf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (t *test) skipf(format string, args ...any) { panic(skipped{fmt.Sprintf(format, args...)}) }

// must ends the check where there is an error.
func (t *test) must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// suite is a plug-in under test.
type suite struct {
	plugin  *Plugin
	client  *client // the running one, nil where the next check starts one
	info    protocol.Info
	report  *Report
	fastest time.Duration // of the starts
	log     []string
}

// Run makes all checks. each is called with every result as it comes; it may be nil. The error is that of a plug-in that cannot be started
// at all, or of the context.
func Run(ctx context.Context, p Plugin, each func(Result)) (*Report, error) {
	s := &suite{plugin: &p, report: &Report{Schema: 1}}
	defer s.stop()
	if err := s.first(ctx); err != nil {
		return nil, err
	}
	s.report.Plugin, s.report.Version, s.report.SDK, s.report.Wire = s.info.Name, s.info.Version, s.info.SDK, s.client.wire.name()
	add := func(r Result) {
		switch r.Status {
		case Pass:
			s.report.Passed++
		case Fail:
			s.report.Failed++
		case Skip:
			s.report.Skipped++
		}
		s.report.Results = append(s.report.Results, r)
		if each != nil {
			each(r)
		}
	}
	for _, c := range Checks() {
		if !p.wants(c.Name) {
			continue
		}
		if c.kind == "" {
			add(s.one(ctx, c, nil))
		} else {
			found := false
			for i := range s.info.Models {
				if m := &s.info.Models[i]; c.kind == anyKind || m.Is(c.kind) {
					found = true
					add(s.one(ctx, c, m))
				}
			}
			if !found {
				add(Result{Check: c.Name, Status: Skip, Detail: "it has no model that is a " + c.kind})
			}
		}
		if err := ctx.Err(); err != nil {
			return s.report, context.Cause(ctx)
		}
	}
	s.report.Start = s.fastest.Seconds()
	s.report.Log = s.log
	return s.report, nil
}

// anyKind marks checks of all models.
const anyKind = "model"

// first starts the plug-in to learn what it is, through the host, whose errors say most.
func (s *suite) first(ctx context.Context) error {
	p, err := plugins.Open(ctx, s.plugin.Options)
	if err != nil {
		return err
	}
	s.info = p.Info()
	p.Close()
	s.client, err = s.start(ctx)
	return err
}

// start starts the plug-in for checks.
func (s *suite) start(ctx context.Context, environment ...string) (*client, error) {
	c, err := connect(ctx, s.plugin.Options, environment...)
	if err != nil {
		return nil, err
	}
	if s.fastest == 0 || c.ready < s.fastest {
		s.fastest = c.ready
	}
	return c, nil
}

func (s *suite) stop() {
	if s.client != nil {
		s.client.end()
		s.client = nil
	}
}

// one makes a check. A plug-in that does not answer any more afterwards is started anew for the next one.
func (s *suite) one(ctx context.Context, c Check, m *protocol.Model) (r Result) {
	r = Result{Check: c.Name, Status: Pass}
	if m != nil {
		r.Model = m.Name
	}
	began := time.Now()
	t := &test{ctx: ctx, plugin: s.plugin, suite: s}
	defer func() {
		switch p := recover().(type) {
		case nil:
			r.Detail = t.note
		case failure:
			r.Status, r.Detail = Fail, p.Error()
			if s.client != nil {
				s.log = s.client.raw.Log()
			}
			s.stop() // what a failure leaves behind is not to spoil the next check
		case skipped:
			r.Status, r.Detail = Skip, p.reason
		default:
			panic(p)
		}
		r.took = time.Since(began)
		r.Seconds = r.took.Seconds()
	}()
	if s.client == nil || s.client.broken != nil {
		s.stop()
		var err error
		s.client, err = s.start(ctx)
		t.must(err)
	}
	t.c = s.client
	if m != nil {
		t.model = t.open(m.Name)
	}
	c.run(t)
	return r
}

// Checks lists the checks in the order in which they are made.
func Checks() []Check {
	var all []Check
	for _, group := range [][]Check{startChecks, shapeChecks, rowChecks, gradientChecks, valueChecks, timeChecks, loadChecks, bitChecks, memoryChecks, stopChecks, hostileChecks} {
		all = append(all, group...)
	}
	return all
}

// errNoAnswer is an answer that did not come in time.
var errNoAnswer = errors.New("no answer")
