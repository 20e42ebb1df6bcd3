package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// budgetTime is how long a restart counts against [Options].Restarts.
const budgetTime = 10 * time.Minute

// firstPause is before the first restart; each further one is four times as long, up to longestPause.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
)

// try asks the plug-in something that may be asked again, and does so when the plug-in broke and could be started again.
func (p *Plugin) try(ctx context.Context, ask func(context.Context, *session) error) error {
	for {
		s, err := p.current(ctx)
		if err != nil {
			return err
		}
		if err = ask(ctx, s); err == nil {
			return nil
		}
		if err := p.judge(ctx, s, err); err != nil {
			return err
		}
	}
}

// logPause is how much later than its answer the plug-in's log may arrive, with the trace of an exception.
const logPause = 30 * time.Millisecond

// judge says what an error of a session means for the caller; nil means that the session was broken, has been ended, and that
// asking again may help.
func (p *Plugin) judge(ctx context.Context, s *session, err error) error {
	var answer *protocol.Error
	switch {
	case errors.As(err, &answer):
		if answer.Code == protocol.Internal {
			time.Sleep(logPause)
		}
		return &Error{Plugin: p.options.Name, Err: answer, Log: s.process.log.lines(), Model: true}
	case err == errTooSlow:
		return &Error{Plugin: p.options.Name, Err: deadlineError(p.options.CallTimeout), Log: s.process.log.lines(), Model: true}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	p.broken(s, err)
	return nil
}

// broken ends a session that is of no use any more.
func (p *Plugin) broken(s *session, err error) {
	fault := s.fault(err)
	p.lock.Lock()
	if p.session == s {
		p.session, p.cause = nil, fault
	}
	p.lock.Unlock()
	s.kill()
}

// errClosed is that of calls after Close.
var errClosed = errors.New("it was closed")

// running is the session that runs, nil if one has to be started.
func (p *Plugin) running() (*session, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	switch {
	case p.closed:
		return nil, &Error{Plugin: p.options.Name, Err: errClosed}
	case p.session != nil:
		return p.session, nil
	}
	return nil, p.failure
}

// current is the session that runs, or a new one.
func (p *Plugin) current(ctx context.Context) (*session, error) {
	if s, err := p.running(); s != nil || err != nil {
		return s, err
	}
	// One starts it, the others wait.
	select {
	case p.starting <- struct{}{}:
		defer func() { <-p.starting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		if s, err := p.running(); s != nil || err != nil {
			return s, err
		}
		pause, err := p.allow()
		if err != nil {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if _, err := p.running(); err != nil {
			return nil, err // it was closed meanwhile
		}
		s, err := start(ctx, &p.options)
		if err == nil {
			return p.adopt(s)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var fault *Error
		var changed *SumError
		if !errors.As(err, &fault) || errors.As(err, &changed) {
			return nil, p.giveUp(err)
		}
		p.lock.Lock()
		p.cause = fault
		p.lock.Unlock()
	}
}

// adopt makes a new session the current one. The plug-in must be what it was.
func (p *Plugin) adopt(s *session) (*session, error) {
	if s.info.Name != p.info.Name || s.info.Version != p.info.Version {
		s.kill()
		return nil, p.giveUp(&Error{Plugin: p.options.Name, Err: fmt.Errorf("started again it says that it is %s %s, and was %s %s: it was exchanged while it ran", s.info.Name, s.info.Version, p.info.Name, p.info.Version)})
	}
	p.lock.Lock()
	closed := p.closed
	if !closed {
		p.session = s
	}
	p.lock.Unlock()
	if closed {
		s.kill()
		return nil, &Error{Plugin: p.options.Name, Err: errClosed}
	}
	return s, nil
}

// giveUp keeps the plug-in from being started again.
func (p *Plugin) giveUp(err error) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.failure = err
	return err
}

// allow takes a restart from the budget and says how long to pause before it.
func (p *Plugin) allow() (time.Duration, error) {
	p.lock.Lock()
	cause := p.cause
	now := time.Now()
	p.restarts = slices.DeleteFunc(p.restarts, func(t time.Time) bool { return now.Sub(t) > budgetTime })
	used := len(p.restarts)
	if used < p.options.Restarts {
		p.restarts = append(p.restarts, now)
	}
	p.lock.Unlock()
	if used >= p.options.Restarts {
		if p.options.Restarts > 0 {
			cause = &Error{Plugin: cause.Plugin, Log: cause.Log, Err: fmt.Errorf("%w; it was started again %s in %v, and not once more", cause.Err, times(used), budgetTime)}
		}
		return 0, p.giveUp(cause)
	}
	p.usage.restarted()
	p.options.Warn(fmt.Sprintf("%v; it is started again (%d of %d)", cause, used+1, p.options.Restarts))
	pause := firstPause
	for range used {
		pause *= 4
	}
	return min(pause, longestPause), nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
