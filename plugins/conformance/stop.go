//go:build unix

package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
)

// stopLimit is how long the end of a plug-in may take, and endSlack what a busy machine adds.
const (
	stopLimit = 2 * time.Second
	endSlack  = 500 * time.Millisecond
)

// stopChecks are about the end of a plug-in. Each has one of its own.
var stopChecks = []Check{
	{Name: "stop-asked", Judges: "asked to stop, it ends with exit code 0 within 2 s", run: func(t *test) {
		t.ends(func(c *client) { t.must(c.stop()) }, true)
	}},
	{Name: "stop-host-gone", Judges: "when the connection ends, so does it, within 2 s", run: func(t *test) {
		t.ends(func(c *client) { c.raw.Frames().Close() }, false)
	}},
	{Name: "stop-host-gone-at-work", Judges: "when the connection ends during an evaluation, it ends within 2 s", run: func(t *test) {
		t.frames()
		t.model = t.open(t.c.info.Models[0].Name)
		t.suite.stop()
		t.ends(func(c *client) {
			other := *t
			other.c = c
			other.open(t.model.Name)
			a := other.typical(other.preferred())
			a.handle = other.handle()
			for range 2 {
				if _, err := c.send(other.frame(a)); err != nil {
					t.must(err)
				}
			}
			c.raw.Frames().Close()
		}, false)
	}},
	{Name: "stop-sigterm", Judges: "SIGTERM ends it within 2 s", run: func(t *test) {
		t.ends(func(c *client) { c.raw.Signal(terminate) }, false)
	}},
	{Name: "stop-ctrl-c", Judges: "SIGINT is not for it: Ctrl-C is the host's to answer", run: func(t *test) {
		t.c.raw.Signal(interrupt)
		time.Sleep(100 * time.Millisecond)
		if ended := t.c.raw.Within(100 * time.Millisecond); ended != "" {
			t.c.broken = errors.New(ended)
			t.failf("%s", ended)
		}
		t.goesOn("after SIGINT")
	}},
	{Name: "stop-and-go", Judges: "stopped for a while by SIGSTOP and let go on, it answers what it was asked meanwhile", run: func(t *test) {
		t.c.raw.Signal(freeze)
		sequence, err := t.c.send(&protocol.Frame{Kind: protocol.Ping})
		if err == nil && t.c.wire.name() == "frames" {
			time.Sleep(300 * time.Millisecond)
		}
		t.c.raw.Signal(thaw)
		t.must(err)
		_, err = t.c.receive(sequence, patience)
		t.must(err)
	}},
	{Name: "stop-frozen", Judges: "stopped by SIGSTOP, it can be killed with all that it started", run: func(t *test) {
		t.ends(func(c *client) {
			c.raw.Signal(freeze)
			c.raw.Signal(killed)
		}, false)
	}},
	{Name: "stop-nothing-left", Judges: "after its end no process of its group is left", run: func(t *test) {
		c, err := t.suite.start(t.ctx)
		t.must(err)
		group := c.raw.Process()
		t.must(c.stop())
		if ended := c.raw.Within(stopLimit + endSlack); ended == "" {
			c.end()
			t.failf("it runs on")
		}
		c.end()
		if alive(group) {
			t.failf("a process of its group is left")
		}
	}},
}

// ends starts a plug-in, does something to it, and wants it to end.
func (t *test) ends(how func(c *client), orderly bool) {
	c, err := t.suite.start(t.ctx)
	t.must(err)
	defer c.end()
	began := time.Now()
	how(c)
	ended := c.raw.Within(stopLimit + endSlack)
	if ended == "" {
		t.failf("it runs on %v later", stopLimit+endSlack)
	}
	if orderly && exitCode(c.raw) != 0 {
		t.failf("%s", ended)
	}
	t.note = fmt.Sprintf("%v", time.Since(began).Round(time.Millisecond))
}

// hostileChecks are about a host that is none. Each message may end the connection, and the plug-in with it; it may not crash,
// hang, or take memory that was only declared.
var hostileChecks = []Check{
	{Name: "hostile-garbage", Judges: "1,000 mutated frames: no crash, no hang", run: func(t *test) { t.garbage() }},
	{Name: "hostile-no-frame", Judges: "bytes that are no frame end the connection", run: func(t *test) {
		t.survives(func(w *framesWire, handle uint32) error {
			return w.bytes([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"))
		})
	}},
	{Name: "hostile-huge", Judges: "a frame that declares 2^62 bytes takes no memory and ends the connection", run: func(t *test) {
		t.survives(func(w *framesWire, handle uint32) error {
			prefix := prefixOf(protocol.Eval, handle)
			put64(prefix, 24, 1<<62)
			return w.bytes(prefix)
		})
	}},
	{Name: "hostile-cut", Judges: "a frame that is cut off ends the connection", run: func(t *test) {
		t.survives(func(w *framesWire, handle uint32) error {
			prefix := prefixOf(protocol.Eval, handle)
			put64(prefix, 24, 4096)
			if err := w.bytes(prefix); err != nil {
				return err
			}
			return w.raw.Frames().CloseWrite()
		})
	}},
	{Name: "hostile-header", Judges: "a header that is no JSON ends in an error, or ends the connection", run: func(t *test) {
		t.survives(func(w *framesWire, handle uint32) error {
			return w.send(&protocol.Frame{Kind: protocol.OpenFrame, Sequence: 1, Model: 1, Header: []byte("\xff{[")})
		})
	}},
	{Name: "hostile-kind", Judges: "a frame of a kind that the host never sends ends in an error, or ends the connection", run: func(t *test) {
		t.survives(func(w *framesWire, handle uint32) error {
			return w.send(&protocol.Frame{Kind: protocol.Hello, Sequence: 1})
		})
	}},
	{Name: "hostile-shape", Judges: "a tensor whose size overflows ends in an error, or ends the connection", run: func(t *test) {
		t.survives(func(w *framesWire, handle uint32) error {
			prefix := prefixOf(protocol.Eval, handle)
			prefix[5] = 1
			entry := make([]byte, protocol.EntrySize)
			copy(entry, "x")
			entry[16], entry[17] = byte(protocol.Float64), 2
			put64(entry, 32, 1<<33)
			put64(entry, 40, 1<<33)
			return w.bytes(append(prefix, entry...))
		})
	}},
	{Name: "hostile-region", Judges: "a tensor in shared memory that was never sent ends in an error, or ends the connection", run: func(t *test) {
		t.survives(func(w *framesWire, handle uint32) error {
			prefix := prefixOf(protocol.Eval, handle)
			prefix[5] = 1
			entry := make([]byte, protocol.EntrySize)
			copy(entry, "x")
			entry[16], entry[17], entry[18] = byte(protocol.Float64), 2, 1
			entry[20] = 77
			prefix[6] = byte(wantOf(&t.c.info.Models[0]))
			put64(entry, 32, 2)
			put64(entry, 40, 2)
			return w.bytes(append(prefix, entry...))
		})
	}},
}

// prefixOf is the prefix of a frame of a kind for a model, with nothing behind it.
func prefixOf(kind protocol.Kind, handle uint32) []byte {
	prefix := make([]byte, protocol.PrefixSize)
	copy(prefix, "INF1")
	prefix[4] = byte(kind)
	put64(prefix, 8, 2)
	binary.LittleEndian.PutUint32(prefix[16:], handle)
	return prefix
}

// survives sends something to a plug-in of its own and wants it to answer, or to end, and not by a crash.
func (t *test) survives(attack func(w *framesWire, handle uint32) error) {
	t.frames()
	c, err := t.suite.start(t.ctx)
	t.must(err)
	defer c.end()
	_, handle, err := c.open(t.c.info.Models[0].Name, t.plugin.Config)
	t.must(err)
	before := residentBytes(c.raw.Process())
	t.must(attack(c.wire.(*framesWire), handle))
	_, err = c.wire.receive(stopLimit)
	if err == nil {
		t.note = "an answer"
		return
	}
	if after := residentBytes(c.raw.Process()); before > 0 && after > before+(256<<20) {
		t.failf("it takes %d MiB for it", (after-before)>>20)
	}
	ended := c.raw.Within(stopLimit + endSlack)
	switch {
	case ended == "" && err == errNoAnswer:
		t.failf("it neither answers nor ends")
	case ended == "" && c.control == nil:
		t.failf("it closes the connection and runs on")
	case ended == "":
		t.note = "it closed the connection"
		return // gRPC ends it
	case crashed(c.raw):
		t.failf("%s", ended)
	}
	t.note = "it ended"
}

// crashed says whether a process fell over: a fault that the system caught, or a panic.
func crashed(raw *plugins.Raw) bool {
	code, signal := raw.State()
	return signal != 0 && signal != killed && signal != terminate || code == 2 && slices.ContainsFunc(raw.Log(), func(line string) bool {
		return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
	})
}

// exitCode is that of a process that has ended, -1 where a signal ended it.
func exitCode(raw *plugins.Raw) int {
	code, _ := raw.State()
	return code
}

// garbage sends mutated frames. Whoever ends over one is started again, for a while.
func (t *test) garbage() {
	t.frames()
	m := t.open(t.c.info.Models[0].Name)
	t.model = m
	a := t.typical(t.some(4))
	r := rand.New(rand.NewPCG(7, 7))
	var writer protocol.FrameWriter
	frames, limit, restarts := 1000, 30*time.Second, 0
	if t.plugin.Quick {
		frames, limit = 200, 5*time.Second
	}
	c, err := t.suite.start(t.ctx)
	t.must(err)
	defer func() { c.end() }()
	began := time.Now()
	for i := range frames {
		if time.Since(began) > limit {
			frames = i
			break
		}
		var whole buffer
		f := t.frame(a)
		f.Kind = []protocol.Kind{protocol.Eval, protocol.OpenFrame, protocol.Eval, protocol.Close, protocol.Ping}[r.IntN(5)]
		if f.Kind != protocol.Eval {
			f.Want, f.Tensors = 0, nil
			f.Header = []byte(`{"model":"` + m.Name + `"}`)
		}
		f.Sequence = uint64(i) + 1
		t.must(writer.Write(&whole, f))
		text := []byte(whole)
		mutate(text, r)
		ok := c.wire.(*framesWire).bytes(text) == nil
		if ok {
			// The end is here where more was declared than came; so a frame that waits for the rest gets it.
			_, err := c.wire.receive(200 * time.Millisecond)
			if err == errNoAnswer {
				filler := make([]byte, 1<<16)
				if ok = c.wire.(*framesWire).bytes(filler) == nil; ok {
					_, err = c.wire.receive(stopLimit)
				}
			}
			ok = ok && err == nil
		}
		if ok {
			continue
		}
		if ended := c.raw.Within(stopLimit + endSlack); ended == "" {
			t.failf("after mutated frame %d it neither answers nor ends", i)
		} else if crashed(c.raw) {
			t.failf("mutated frame %d: %s", i, ended)
		}
		c.end()
		restarts++
		if c, err = t.suite.start(t.ctx); err != nil {
			t.must(err)
		}
	}
	t.note = fmt.Sprintf("%d frames, it ended over %d", frames, restarts)
}

// mutate changes a few bytes of a frame. Four in five frames keep the parts that say where the next one begins and what kinds of
// things there are, so that what is behind them is looked at; the others lose whatever chance takes.
func mutate(text []byte, r *rand.Rand) {
	anything := r.IntN(5) == 0
	header, tensors := int(binary.LittleEndian.Uint32(text[20:])), int(text[5])
	table := protocol.PrefixSize + header
	for range 1 + r.IntN(4) {
		at := 4 + r.IntN(len(text)-4)
		for !anything && (at < 6 || at >= 20 && at < 32 || at >= table && at < table+tensors*protocol.EntrySize && (at-table)%protocol.EntrySize >= 16) {
			at = 4 + r.IntN(len(text)-4)
		}
		text[at] = byte(r.Uint32())
	}
	if anything { // it would wait for what was only declared
		clear(text[21:24])
		clear(text[26:32])
	}
}

// buffer is bytes.Buffer's little sister, whose bytes are the caller's.
type buffer []byte

func (b *buffer) Write(text []byte) (int, error) {
	*b = append(*b, text...)
	return len(text), nil
}
