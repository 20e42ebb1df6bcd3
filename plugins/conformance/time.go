//go:build unix

package conformance

import (
	"fmt"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// A plug-in has this long to give up an evaluation, and a busy machine a little more.
const (
	giveUp = 100 * time.Millisecond
	slack  = 250 * time.Millisecond
)

// timeChecks are about deadlines, order and what is counted.
var timeChecks = []Check{
	{Name: "time-is-told", Judges: "the time that it says it computed is no longer than the call took", kind: anyKind, run: func(t *test) {
		for range 5 {
			if r := t.evaluate(t.typical(t.preferred())); r.compute > r.wall {
				t.failf("it says %v, and the call took %v", r.compute, r.wall)
			}
		}
	}},
	{Name: "time-deadline", Judges: "a call whose time is over ends within 100 ms, between parts of a batch", kind: anyKind, run: func(t *test) {
		a, part := t.long()
		a.time = uint64(time.Millisecond)
		sequence, err := t.c.send(t.frame(a))
		t.must(err)
		began := time.Now()
		_, err = t.answer(a, sequence, began)
		t.inTime(began, part, err, protocol.Deadline)
	}},
	{Name: "time-cancel", Judges: "a call that is cancelled ends within 100 ms, between parts of a batch", kind: anyKind, run: func(t *test) {
		t.frames()
		a, part := t.long()
		sequence, err := t.c.send(t.frame(a))
		t.must(err)
		time.Sleep(10 * time.Millisecond)
		began := time.Now()
		t.must(t.c.wire.send(&protocol.Frame{Kind: protocol.Cancel, Sequence: sequence, Model: a.handle}))
		_, err = t.answer(a, sequence, began)
		t.inTime(began, part, err, protocol.Cancelled)
	}},
	{Name: "time-cancel-nothing", Judges: "a CANCEL of what was answered, or was never asked, changes nothing", kind: anyKind, run: func(t *test) {
		t.frames()
		a := t.typical(t.some(3))
		want := t.evaluate(a)
		for _, number := range []uint64{t.c.sequence, 1, 1 << 60} {
			t.must(t.c.wire.send(&protocol.Frame{Kind: protocol.Cancel, Sequence: number}))
		}
		t.same("after a CANCEL of nothing", want, t.evaluate(a))
	}},
	{Name: "order-of-answers", Judges: "as many calls as it allows at once are answered in their order", kind: anyKind, run: func(t *test) {
		const rounds = 3
		many := max(1, t.model.MaxInflight)
		var asks []ask
		var want []answer
		for i := range many * rounds {
			a := t.typical(t.some(3 + i))
			a.seed = uint64(i)
			asks, want = append(asks, a), append(want, t.evaluate(a))
		}
		for at := 0; at < len(asks); at += many {
			var numbers []uint64
			for _, a := range asks[at : at+many] {
				number, err := t.c.send(t.frame(a))
				t.must(err)
				numbers = append(numbers, number)
			}
			for i, number := range numbers {
				got, err := t.answer(asks[at+i], number, time.Now())
				if err != nil {
					t.failf("call %d of %d at once: %w", i+1, many, err)
				}
				t.same(fmt.Sprintf("call %d of %d at once", i+1, many), want[at+i], got)
			}
		}
		t.note = fmt.Sprintf("%d at once", many)
	}},
	{Name: "order-of-models", Judges: "two handles in turn, and a PING between, do not disturb each other", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(4))
		want := t.evaluate(a)
		t.open(t.model.Name)
		b := a
		b.handle = t.handle()
		for range 3 {
			t.same("the first handle", want, t.evaluate(a))
			t.goesOn("between two handles")
			t.same("the second handle", want, t.evaluate(b))
		}
		f, err := t.c.call(&protocol.Frame{Kind: protocol.Close, Model: b.handle})
		t.must(err)
		t.must(f.Failure())
		t.same("after the other handle was closed", want, t.evaluate(a))
	}},
}

// long is a request that takes a second or so, in parts of which one takes the time part.
func (t *test) long() (a ask, part time.Duration) {
	n := t.preferred()
	for range 4 { // the first ones warm it up, and any may be disturbed
		r := t.evaluate(t.typical(n))
		took := r.compute
		if took == 0 { // it does not say
			took = r.wall
		}
		if part == 0 || took < part {
			part = took
		}
	}
	const want, least = 1500 * time.Millisecond, 600 * time.Millisecond
	most := min(t.some(1<<30), (32<<20)/8/max(1, t.columns()))
	times := min(int(want/max(part, time.Microsecond))+1, most/n)
	if takes := time.Duration(times) * part; takes < least {
		t.skipf("its largest call takes no longer than %v", takes.Round(time.Millisecond))
	}
	return t.typical(n * times), part
}

// inTime wants a call to have ended soon after it was given up.
func (t *test) inTime(began time.Time, part time.Duration, err error, code string) {
	took := time.Since(began)
	if limit := giveUp + 2*part + slack; took > limit {
		t.failf("it took %v: the function is called for a part of the batch at a time, and between two parts it looks whether anybody waits", took.Round(time.Millisecond))
	}
	t.note = fmt.Sprintf("%v", took.Round(time.Millisecond))
	if said, ok := err.(*protocol.Error); ok && said.Code != code {
		t.failf("it ends with the error %s, and %s says what happened", said.Code, code)
	}
	t.goesOn("after that")
}

// loadChecks are about what is left of many calls.
var loadChecks = []Check{
	{Name: "load-memory", Judges: "10,000 evaluations leave less than 5 % more memory in use", kind: anyKind, run: func(t *test) {
		before, after, n := t.load(residentBytes)
		const floor = 3 << 20 // what a garbage collector may make of the same memory
		if after > before+max(before/20, floor) {
			t.failf("%d evaluations, and memory in use grew from %.1f to %.1f MiB", n, float64(before)/(1<<20), float64(after)/(1<<20))
		}
		t.note = fmt.Sprintf("%d evaluations, %+.1f %%", n, 100*(float64(after)/float64(before)-1))
	}},
	{Name: "load-files", Judges: "many evaluations leave no more descriptors open", kind: anyKind, run: func(t *test) {
		before, after, n := t.load(openFiles)
		if after > before {
			t.failf("%d evaluations, and %d open descriptors became %d", n, before, after)
		}
	}},
	{Name: "load-handles", Judges: "a model that is opened and closed 200 times leaves no more descriptors open", kind: anyKind, run: func(t *test) {
		before := openFiles(t.c.raw.Process())
		if before < 0 {
			t.skipf("this system does not tell")
		}
		began := time.Now()
		for range 200 {
			t.open(t.model.Name)
			f, err := t.c.call(&protocol.Frame{Kind: protocol.Close, Model: t.handle()})
			t.must(err)
			t.must(f.Failure())
			if time.Since(began) > 10*time.Second {
				break
			}
		}
		if after := openFiles(t.c.raw.Process()); after > before {
			t.failf("%d open descriptors became %d", before, after)
		}
	}},
}

// load measures something of the process before and after many evaluations.
func (t *test) load(measure func(pid int) int64) (before, after int64, n int) {
	pid := t.c.raw.Process()
	if measure(pid) < 0 {
		t.skipf("this system does not tell")
	}
	a := t.typical(t.some(64))
	warm, most, limit := 500, 10_000, 20*time.Second
	if t.plugin.Quick {
		warm, most, limit = 200, 2000, time.Second
	}
	began := time.Now()
	for range warm {
		t.evaluate(a)
		if time.Since(began) > limit/4 {
			break
		}
	}
	before = measure(pid)
	began = time.Now()
	for n < most && time.Since(began) < limit {
		t.evaluate(a)
		n++
	}
	return before, measure(pid), n
}

// bitChecks are about answers that are functions of the question.
var bitChecks = []Check{
	{Name: "bits-after-a-restart", Judges: "started anew, it gives the same answer to the same question: a run goes on where it died", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(100))
		want := t.evaluate(a)
		again, err := t.suite.start(t.ctx)
		t.must(err)
		defer again.end()
		other := *t
		other.c = again
		other.open(t.model.Name)
		a.handle = other.handle()
		t.same("after a restart", want, other.evaluate(a))
	}},
	{Name: "bits-after-an-error", Judges: "an error leaves nothing behind: the next answer is as before it", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(10))
		want := t.evaluate(a)
		f := t.frame(a)
		f.Tensors = nil
		t.refused(f, "no points")
		t.same("after an error", want, t.evaluate(a))
	}},
	{Name: "simulate-same-seed", Judges: "the same seed and number of row give the same draws", kind: protocol.KindSimulator, run: func(t *test) {
		a := t.typical(t.some(20))
		a.seed, a.first = 1<<63+5, 1<<40
		t.near("the same seed", t.evaluate(a), t.evaluate(a), 0)
	}},
	{Name: "simulate-other-seed", Judges: "another seed gives other draws", kind: protocol.KindSimulator, run: func(t *test) {
		a := t.typical(t.some(20))
		first := t.evaluate(a)
		a.seed++
		t.different(first, t.evaluate(a), "another seed")
	}},
	{Name: "simulate-rows", Judges: "a row's draw depends on the number first + row, and not on the batch", kind: protocol.KindSimulator, run: func(t *test) {
		a := t.typical(t.some(20))
		all := t.evaluate(a)
		for _, i := range []int{0, a.n / 2, a.n - 1} {
			b := a.rows(i)
			b.first = uint64(i)
			t.same("a row by its number", all.rows(i), t.evaluate(b))
		}
		b := a
		b.first = 1000
		t.different(all, t.evaluate(b), "other numbers of rows")
	}},
}

func (t *test) different(a, b answer, what string) {
	for k := range a.out {
		if a.out[k] != b.out[k] {
			return
		}
	}
	t.failf("%s gives the same draws", what)
}
