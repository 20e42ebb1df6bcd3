package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// session is one life of a plug-in: from its start to its end, whichever comes about.
type session struct {
	options   *Options
	process   *process
	info      protocol.Info
	transport Transport
	control   link // asks and stops
	link      link // opens and evaluates; the same, or frames beside gRPC
	ending    sync.Once
}

// link carries messages. Its errors are a [*protocol.Error] of the plug-in, which goes on after it; the context's; or anything
// else, after which the link is of no use.
type link interface {
	open(ctx context.Context, o *protocol.Open) (*protocol.Model, error)
	evaluate(ctx context.Context, r *request) error
	ping(ctx context.Context) error
	// busy says whether the plug-in still works at something that was asked.
	busy() bool
	// stop asks the plug-in to end and does not wait for it.
	stop()
	// shut ends the link: calls under way fail, memory and sockets are given back. It may be called twice.
	shut()
}

// errTooSlow is a call that the plug-in gave up when it was asked to, after its time.
var errTooSlow = errors.New("too slow")

// impatience is how long a plug-in that is at work when it has to end may take: a run was interrupted, and somebody waits.
const impatience = 300 * time.Millisecond

// end asks the plug-in to end, and ends it.
func (s *session) end() {
	s.ending.Do(func() {
		patience := s.options.StopTimeout
		if s.link.busy() {
			patience = min(patience, impatience)
		}
		s.control.stop()
		if !s.process.within(patience) {
			s.process.terminate(s.options.StopTimeout)
		}
		s.shut()
	})
}

// kill ends the plug-in without asking.
func (s *session) kill() {
	s.ending.Do(func() {
		s.process.terminate(s.options.StopTimeout)
		s.shut()
	})
}

func (s *session) shut() {
	s.link.shut()
	if s.control != s.link {
		s.control.shut()
	}
}

// fault is an error of the session with what is known of the process.
func (s *session) fault(err error) *Error {
	var died string
	// A broken connection mostly means that the process has ended, which says more; its log is complete only then.
	if s.process.within(100 * time.Millisecond) {
		died = s.process.ended
	}
	switch {
	case died != "" && !errors.Is(err, errDeadline):
		err = errors.New(died)
	default:
		err = closedWords(err)
	}
	return &Error{Plugin: s.options.Name, Err: err, Log: s.process.log.lines()}
}

// closedWords says of an error that the plug-in closed the connection, where it is one of those that say so.
func closedWords(err error) error {
	for _, end := range []error{io.EOF, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, end) {
			return errors.New("it closed the connection and runs on")
		}
	}
	return err
}

// errDeadline is wrapped by the error of a call that the plug-in did not answer in its time.
var errDeadline = errors.New("it did not answer in time")

func deadlineError(limit time.Duration) error {
	return fmt.Errorf("%w: %v is what a call may take: raise the call timeout (--plugin-timeout) if it only is slow", errDeadline, limit)
}

// chooseTransport is how evaluations travel, given what the plug-in can do.
func chooseTransport(o *Options, info *protocol.Info, grpc bool) (Transport, error) {
	can := map[Transport]bool{
		GRPCTransport:   grpc,
		FramesTransport: !grpc || info.Has(protocol.Frames),
		ShmTransport:    info.Has(protocol.Shm) && (!grpc || info.Has(protocol.Frames)),
	}
	if o.Transport != AnyTransport {
		if !can[o.Transport] {
			return "", fmt.Errorf("the transport %s is not one of its: leave the choice to infer", o.Transport)
		}
		return o.Transport, nil
	}
	for _, t := range []Transport{ShmTransport, FramesTransport} {
		if can[t] {
			return t, nil
		}
	}
	return GRPCTransport, nil
}
