package protocol

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// side is a connection on which questions come and replies go, in one order.
type side interface {
	// receive reads the next frame. It is called by one goroutine at a time.
	receive(i *item) error
	// send writes a reply; it may be changed afterwards. It is called by one goroutine at a time.
	send(f *Frame) error
	// resolve gives the tensors of an EVAL their elements, when it is that one's turn.
	resolve(f *Frame) error
	// other answers what is no EVAL. handled is false if that is nothing a plug-in answers.
	other(ctx context.Context, f, reply *Frame) (handled bool, err error)
}

// item is a question and the memory it is in.
type item struct {
	frame FrameBuffer // by frames; by gRPC its Frame alone
	in    received    // by gRPC
	reply Frame
	arena arena
}

// serving answers the questions of one connection, one after the other, while further ones, and cancellations, are read.
type serving struct {
	server Server
	side   side

	reading sync.Mutex
	ended   error  // of receive; under reading
	next    uint64 // number of the next question; under reading

	lock      sync.Mutex
	turn      sync.Cond // of lock
	now       uint64    // number of the question that is answered
	broken    error     // of send
	sequence  uint64    // of the evaluation that runs
	stop      context.CancelFunc
	cancelled map[uint64]bool
}

// workers is more than the host asks at a time, so that somebody always reads.
const workers = 10

// mostCancelled bounds what is remembered of evaluations that were cancelled before they began.
const mostCancelled = 1024

// serve answers until the connection or the context ends. Its error at a clean end is nil.
func serve(ctx context.Context, server Server, on side) error {
	s := &serving{server: server, side: on, cancelled: map[uint64]bool{}}
	s.turn.L = &s.lock
	// Who has read a question answers it, and lets somebody else read: no question waits for a goroutine to wake up.
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { s.work(ctx) })
	}
	all.Wait()
	if s.broken != nil {
		return s.broken
	}
	if errors.Is(s.ended, io.EOF) {
		return nil
	}
	return s.ended
}

func (s *serving) work(ctx context.Context) {
	i := new(item)
	for {
		number, ok := s.read(i)
		if !ok {
			return
		}
		s.lock.Lock()
		for s.now != number && s.broken == nil {
			s.turn.Wait()
		}
		broken := s.broken
		s.lock.Unlock()
		if broken != nil {
			return
		}
		i.reply = Frame{Kind: Reply, Sequence: i.frame.Sequence, Tensors: i.reply.Tensors[:0]}
		err := s.answer(ctx, i)
		if err == nil {
			err = s.side.send(&i.reply)
		}
		i.in.free()
		s.lock.Lock()
		s.now++
		s.broken = err
		s.turn.Broadcast()
		s.lock.Unlock()
		if err != nil {
			if waiting, ok := s.side.(interface{ interrupt() }); ok {
				waiting.interrupt() // somebody reads, and nothing may come any more
			}
			return
		}
	}
}

// read reads the next question. Cancellations are none.
func (s *serving) read(i *item) (number uint64, ok bool) {
	s.reading.Lock()
	defer s.reading.Unlock()
	for s.ended == nil {
		if s.ended = s.side.receive(i); s.ended != nil {
			// Nobody waits for what is under way.
			s.lock.Lock()
			if s.stop != nil {
				s.stop()
			}
			s.lock.Unlock()
			break
		}
		if i.frame.Kind == Cancel {
			s.cancel(i.frame.Sequence)
			continue
		}
		number = s.next
		s.next++
		return number, true
	}
	return 0, false
}

// cancel ends the context of an evaluation, whether it runs or is still to come.
func (s *serving) cancel(sequence uint64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	switch {
	case sequence == s.sequence && s.stop != nil:
		s.stop()
	case sequence > s.sequence && len(s.cancelled) < mostCancelled:
		s.cancelled[sequence] = true
	}
}

// answer fills in the reply.
func (s *serving) answer(ctx context.Context, i *item) error {
	f := &i.frame.Frame
	if f.Kind != Eval {
		if handled, err := s.side.other(ctx, f, &i.reply); handled || err != nil {
			return err
		}
		return broken("a %s is nothing that a plug-in answers", f.Kind)
	}
	if err := s.side.resolve(f); err != nil {
		return err
	}
	const longest = uint64(24 * time.Hour)
	left := f.Time
	if left == 0 || left > longest {
		left = longest
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(left))
	defer stop()
	s.lock.Lock()
	s.sequence, s.stop = f.Sequence, stop
	cancelled := s.cancelled[f.Sequence]
	delete(s.cancelled, f.Sequence)
	s.lock.Unlock()
	if cancelled {
		i.reply.Err = &Error{Code: Cancelled, Message: "the evaluation was cancelled before it began"}
	} else {
		answerFrame(ctx, s.server, f, &i.reply, &i.arena)
	}
	s.lock.Lock()
	s.stop = nil
	s.lock.Unlock()
	return nil
}

func answerFrame(ctx context.Context, s Server, f, reply *Frame, memory *arena) {
	memory.used = 0
	*reply = Frame{Kind: Reply, Sequence: f.Sequence, Tensors: reply.Tensors[:0]}
	if reply.Err = s.Evaluate(ctx, f, reply, memory.take); reply.Err != nil {
		reply.Tensors = reply.Tensors[:0]
	}
}

// arena is memory for the results of one evaluation.
type arena struct {
	memory []byte
	used   int
}

func (a *arena) take(n int) []byte {
	const align = 64
	if a.used+n > len(a.memory) {
		a.memory, a.used = make([]byte, max(n, 2*len(a.memory))), 0
	}
	b := a.memory[a.used : a.used+n : a.used+n]
	a.used = min((a.used+n+align-1)/align*align, len(a.memory))
	return b
}
