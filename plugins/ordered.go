//go:build unix

package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// pipe carries frames both ways, in order.
type pipe interface {
	// write sends a frame, and memory with it where that is not nil. It fails after the deadline.
	write(f *protocol.Frame, memory *protocol.Memory, deadline time.Time) error
	// next is the next frame, whose body is no longer than limit says. It is overwritten by the next call.
	next(limit func(*protocol.Frame) uint64) (*protocol.Frame, error)
	// close makes both fail.
	close()
}

// ordered asks over a pipe, several questions at a time, and gets the answers in the order of the questions.
type ordered struct {
	options *Options
	pipe    pipe
	shared  atomic.Bool // numbers go through shared memory
	slots   chan *slot  // free ones

	sending  sync.Mutex // held while a frame is written
	sequence uint64

	order   sync.Mutex
	waiting []*slot // in the order of their questions
	dead    bool    // nothing is received any more

	down     chan struct{} // closed when the pipe is of no use
	failing  sync.Once
	failure  error // why, once down is closed
	shutting sync.Once
	receiver sync.WaitGroup
}

// slot is what one question needs; there are as many as there may be questions at a time.
type slot struct {
	memory  *protocol.Memory // shared, nil before it is needed
	buffer  []byte           // for inputs that are not shared
	status  []byte
	frame   protocol.Frame
	tensors [protocol.MaxTensors]protocol.Tensor
	rooms   []protocol.Tensor // results that go to shared memory
	region  uint32
	limit   uint64 // bytes of the body of the reply
	request *request
	answer  chan error
	timer   *time.Timer
	take    func(*protocol.Frame) error // of an evaluation

	lock     sync.Mutex
	sent     uint64                      // sequence
	left     bool                        // nobody waits for the reply any more
	received func(*protocol.Frame) error // takes the reply
}

// slotsOfLink is how many questions may be under way at once.
const slotsOfLink = 4

func newOrdered(o *Options, p pipe, shared bool) *ordered {
	l := &ordered{options: o, pipe: p, slots: make(chan *slot, slotsOfLink), down: make(chan struct{})}
	l.shared.Store(shared)
	for i := range slotsOfLink {
		s := &slot{region: uint32(i), answer: make(chan error, 1), timer: time.NewTimer(time.Hour)}
		s.timer.Stop()
		s.take = s.takeReply
		l.slots <- s
	}
	l.receiver.Go(l.receive)
	return l
}

// fail takes the pipe out of use.
func (l *ordered) fail(err error) {
	l.failing.Do(func() {
		l.failure = err
		close(l.down)
	})
}

// receive takes replies until the pipe ends.
func (l *ordered) receive() {
	limit := func(f *protocol.Frame) uint64 {
		if s := l.front(); s != nil && f.Kind == protocol.Reply {
			return s.limit
		}
		return 0
	}
	for {
		f, err := l.pipe.next(limit)
		if err == nil {
			err = l.reply(l.front(), f)
		}
		if err != nil {
			l.fail(err)
			return
		}
	}
}

// front is the slot whose reply is next.
func (l *ordered) front() *slot {
	l.order.Lock()
	defer l.order.Unlock()
	if len(l.waiting) == 0 {
		return nil
	}
	return l.waiting[0]
}

// reply gives a reply to the slot that waits for it. An error is the end of the pipe.
func (l *ordered) reply(s *slot, f *protocol.Frame) error {
	switch {
	case f.Kind != protocol.Reply:
		return fmt.Errorf("%w: a %s where only a REPLY may come", protocol.ErrFrame, f.Kind)
	case s == nil:
		return fmt.Errorf("%w: a REPLY to number %d, and nothing was asked", protocol.ErrFrame, f.Sequence)
	case f.Sequence != s.sent:
		return fmt.Errorf("%w: a REPLY to number %d, and number %d is next", protocol.ErrFrame, f.Sequence, s.sent)
	}
	l.order.Lock()
	copy(l.waiting, l.waiting[1:])
	l.waiting = l.waiting[:len(l.waiting)-1]
	l.order.Unlock()

	s.lock.Lock()
	if s.left {
		s.lock.Unlock()
		l.slots <- s
		return nil
	}
	err := f.Failure()
	if err == nil {
		err = s.received(f)
	}
	s.answer <- err
	s.lock.Unlock()
	if err != nil && !isAnswer(err) {
		return err
	}
	return nil
}

// isAnswer says whether an error is the plug-in's answer, after which it goes on.
func isAnswer(err error) bool {
	var answer *protocol.Error
	return errors.As(err, &answer)
}

// busy says whether a reply is still to come.
func (l *ordered) busy() bool { return l.front() != nil }

// isLate says whether an error is the plug-in's answer that its time was over.
func isLate(err error) bool {
	var answer *protocol.Error
	return errors.As(err, &answer) && answer.Code == protocol.Deadline
}

// borrow takes a free slot.
func (l *ordered) borrow(ctx context.Context) (*slot, error) {
	select {
	case <-l.down:
		return nil, l.failure
	default:
	}
	select {
	case s := <-l.slots:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.down:
		return nil, l.failure
	}
}

// ask sends the frame of a slot and waits for its reply. The slot is the caller's again, unless left is true.
func (l *ordered) ask(ctx context.Context, s *slot, memory *protocol.Memory) (left bool, err error) {
	started := time.Now()
	if err := l.question(s, memory, started.Add(l.options.CallTimeout)); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = deadlineError(l.options.CallTimeout)
		}
		l.fail(err) // half a frame may be out
		return false, l.failure
	}
	s.timer.Reset(min(l.options.SlowAfter, l.options.CallTimeout))
	defer s.timer.Stop()
	late := false
	for {
		select {
		case err := <-s.answer:
			if err != nil && (late || isLate(err)) {
				err = errTooSlow
			}
			return false, err
		case <-l.down:
			return false, l.failure
		case <-ctx.Done():
			l.cancel(s)
			return l.leave(s), ctx.Err()
		case <-s.timer.C:
			switch passed := time.Since(started); {
			case late:
				l.fail(deadlineError(l.options.CallTimeout))
				return false, l.failure
			case passed >= l.options.CallTimeout:
				late = true
				l.cancel(s)
				s.timer.Reset(l.options.StopTimeout)
			default:
				l.options.Warn(fmt.Sprintf("plug-in %s has been at one call for %v; it may take %v", l.options.Name, l.options.SlowAfter, l.options.CallTimeout))
				s.timer.Reset(l.options.CallTimeout - passed)
			}
		}
	}
}

// question sends the frame of a slot and lines the slot up for the reply.
func (l *ordered) question(s *slot, memory *protocol.Memory, deadline time.Time) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	l.sequence++
	s.frame.Sequence = l.sequence
	s.sent, s.left = l.sequence, false
	l.order.Lock()
	l.waiting = append(l.waiting, s)
	l.order.Unlock()
	return l.pipe.write(&s.frame, memory, deadline)
}

// cancel tells the plug-in that nobody waits for a slot's reply, if that can be said at once.
func (l *ordered) cancel(s *slot) {
	if !l.sending.TryLock() {
		return
	}
	defer l.sending.Unlock()
	frame := protocol.Frame{Kind: protocol.Cancel, Sequence: s.sent, Model: s.frame.Model}
	if err := l.pipe.write(&frame, nil, time.Now().Add(100*time.Millisecond)); err != nil {
		l.fail(err)
	}
}

// leave stops waiting for a slot's reply. It says whether the slot is in use until then; otherwise it is free now.
func (l *ordered) leave(s *slot) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	select {
	case <-s.answer:
		return false
	default:
	}
	l.order.Lock()
	defer l.order.Unlock()
	s.left = !l.dead
	return s.left
}

// command asks something without tensors.
func (l *ordered) command(ctx context.Context, f protocol.Frame, received func(*protocol.Frame) error) error {
	s, err := l.borrow(ctx)
	if err != nil {
		return err
	}
	s.frame, s.limit, s.received = f, 0, received
	left, err := l.ask(ctx, s, nil)
	if !left {
		l.slots <- s
	}
	return err
}

// evaluate asks a request. It writes to the request's results only if there is no error.
func (l *ordered) evaluate(ctx context.Context, r *request) error {
	s, err := l.borrow(ctx)
	if err != nil {
		return err
	}
	left, err := l.evaluateWith(ctx, s, r)
	if !left {
		s.request = nil
		l.slots <- s
	}
	return err
}

func (l *ordered) evaluateWith(ctx context.Context, s *slot, r *request) (left bool, err error) {
	inputs := r.inputs(s.tensors[:0])
	tensors := r.results(inputs)
	s.rooms = tensors[len(inputs):]
	total := uint64(0)
	for i := range tensors {
		n, ok := tensors[i].Bytes()
		if !ok || n > protocol.MaxBody {
			return false, &protocol.Error{Code: protocol.Invalid, Message: fmt.Sprintf("%s is more than the %d bytes of a call: use smaller blocks", &tensors[i], protocol.MaxBody)}
		}
		tensors[i].Offset = total
		total += (n + 63) &^ 63
	}
	s.limit = total + uint64(r.count) + 64 // more than the results and the status
	memory, left, err := l.memory(ctx, s, total)
	if left || err != nil {
		return left, err
	}
	for i := range tensors {
		t := &tensors[i]
		n, _ := t.Bytes()
		t.Data = memory[t.Offset : t.Offset+n]
		if i < len(inputs) {
			r.put(i, t, t.Data)
		}
		if s.memory != nil {
			t.Shared, t.Region, t.Room = true, s.region, i >= len(inputs)
		}
	}
	if s.memory == nil {
		tensors = inputs
		s.rooms = nil
	}
	s.frame = protocol.Frame{Kind: protocol.Eval, Want: r.want, Model: r.handle, Tensors: tensors, Time: uint64(l.options.CallTimeout), Seed: r.seed, First: r.first}
	s.request, s.received = r, s.take
	return l.ask(ctx, s, nil)
}

// memory is a slot's memory for a number of bytes: shared where that is agreed on and works, otherwise this process's own.
func (l *ordered) memory(ctx context.Context, s *slot, bytes uint64) (_ []byte, left bool, err error) {
	if l.shared.Load() {
		if s.memory != nil && uint64(len(s.memory.Data)) >= bytes {
			return s.memory.Data, false, nil
		}
		left, err := l.share(ctx, s, bytes)
		switch {
		case left:
			return nil, true, err
		case err == nil:
			return s.memory.Data, false, nil
		case !isAnswer(err):
			return nil, false, err
		}
		l.shared.Store(false)
		l.options.Warn(fmt.Sprintf("plug-in %s cannot use shared memory, which is slower: %v", l.options.Name, err))
	}
	if s.memory != nil {
		s.memory.Close()
		s.memory = nil
	}
	if uint64(cap(s.buffer)) < bytes {
		s.buffer = make([]byte, bytes)
	}
	return s.buffer[:bytes], false, nil
}

// share gives a slot shared memory. That memory cannot be made counts as the plug-in's answer.
func (l *ordered) share(ctx context.Context, s *slot, bytes uint64) (left bool, err error) {
	const least = 64 << 10
	memory, err := protocol.NewMemory(max(bytes, least))
	if err != nil {
		return false, &protocol.Error{Code: protocol.Unavailable, Message: err.Error()}
	}
	if s.memory != nil {
		s.memory.Close()
	}
	s.memory = memory // from here on the slot gives it back
	s.frame = protocol.Frame{Kind: protocol.Map, Header: fmt.Appendf(nil, `{"region":%d,"bytes":%d}`, s.region, len(memory.Data))}
	limit := s.limit
	s.limit, s.received = 0, nothing
	left, err = l.ask(ctx, s, memory)
	if !left {
		s.limit = limit
		memory.CloseFile()
	}
	return left, err
}

func nothing(*protocol.Frame) error { return nil }

// takeReply takes the reply of an evaluation.
func (s *slot) takeReply(f *protocol.Frame) error {
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if !t.Shared {
			continue
		}
		room := protocol.Find(s.rooms, t.Name)
		if room == nil || t.Region != room.Region || t.Offset != room.Offset || t.DType != room.DType || t.Rank != room.Rank || t.Shape != room.Shape {
			return fmt.Errorf("%w: its reply has a %s in region %d of the shared memory at %d, where there is no room for it", protocol.ErrFrame, t, t.Region, t.Offset)
		}
		t.Data = room.Data
	}
	if err := s.request.take(f.Tensors, &s.status); err != nil {
		return err
	}
	s.request.compute += f.Time
	return nil
}

// shut ends the pipe and gives all memory back.
func (l *ordered) shut() {
	l.shutting.Do(func() {
		l.fail(errors.New("it was ended"))
		l.pipe.close()
		l.receiver.Wait()
		l.order.Lock()
		l.dead = true
		owned := slotsOfLink
		for _, s := range l.waiting {
			if s.left {
				s.close()
				owned--
			}
		}
		l.order.Unlock()
		for range owned { // callers give theirs back, as the pipe is down
			(<-l.slots).close()
		}
	})
}

func (s *slot) close() {
	if s.memory != nil {
		s.memory.Close()
		s.memory = nil
	}
}
