//go:build unix

package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
)

// startChecks are about the first words of a plug-in.
var startChecks = []Check{
	{Name: "start-says-what-it-is", Judges: "its first words come within the start timeout, and are well formed", run: func(t *test) {
		t.must(protocol.Negotiate(t.c.info.Protocol))
		info := t.c.info
		info.Models = slices.Clone(info.Models) // Check writes what absent members stand for
		t.must(info.Check())
		t.note = fmt.Sprintf("%.0f ms", t.suite.fastest.Seconds()*1000)
	}},
	{Name: "start-without-host", Judges: "started by hand, without the cookie, it says so and ends, with a code that is not 0", run: func(t *test) {
		raw, err := plugins.Launch(t.plugin.Options, protocol.CookieVariable+"=")
		t.must(err)
		defer raw.Kill()
		ended := raw.Within(max(5*time.Second, t.plugin.Options.StartTimeout) + t.suite.fastest) // its imports may be slow
		switch {
		case ended == "":
			t.failf("it runs on")
		case exitCode(raw) == 0:
			t.failf("it ends with exit code 0, as if all were well")
		case exitCode(raw) < 0:
			t.failf("%s", ended)
		}
	}},
	{Name: "start-twice-at-once", Judges: "a second one works beside the first", run: func(t *test) {
		second, err := t.suite.start(t.ctx)
		t.must(err)
		defer second.end()
		t.must(second.ping())
		t.goesOn("beside a second one")
	}},
	{Name: "start-same-info", Judges: "every start says the same", run: func(t *test) {
		again, err := t.suite.start(t.ctx)
		t.must(err)
		defer again.end()
		a, _ := json.Marshal(t.c.info)
		b, _ := json.Marshal(again.info)
		if !reflect.DeepEqual(a, b) {
			t.failf("it says %s and then %s", a, b)
		}
	}},
	{Name: "info-name", Judges: "it has the name that its manifest says", run: func(t *test) {
		t.compare("name", t.plugin.Name, t.c.info.Name)
	}},
	{Name: "info-version", Judges: "it has the version that its manifest says", run: func(t *test) {
		t.compare("version", t.plugin.Version, t.c.info.Version)
	}},
	{Name: "info-kinds", Judges: "its models are of the kinds that its manifest says", run: func(t *test) {
		var kinds []string
		for _, m := range t.c.info.Models {
			for _, k := range m.Kinds {
				if !slices.Contains(kinds, k) {
					kinds = append(kinds, k)
				}
			}
		}
		slices.Sort(kinds)
		want := slices.Sorted(slices.Values(t.plugin.Kinds))
		if len(want) == 0 {
			t.skipf("no manifest says them")
		}
		t.compare("kinds", strings.Join(want, ", "), strings.Join(kinds, ", "))
	}},
	{Name: "version-older-host", Judges: "a host of version 0 alone is told which version it speaks", run: func(t *test) { t.offered("0", protocol.Version) }},
	{Name: "version-newer-host", Judges: "of the versions 1 and 2 it takes one that it speaks", run: func(t *test) { t.offered("1,2", protocol.Version, 2) }},
	{Name: "version-much-newer-host", Judges: "a host of version 7 alone is told which version it speaks", run: func(t *test) { t.offered("7", protocol.Version) }},
	{Name: "capability-unknown", Judges: "capabilities and members of a later host's WELCOME are ignored", run: func(t *test) {
		frames := t.frames()
		if frames.beside {
			t.skipf("it was welcomed by gRPC")
		}
		t.must(frames.welcome(map[string]any{"capabilities": []string{"frames", "shm", "teleport"}, "later": map[string]int{"x": 1}}))
		t.goesOn("after a WELCOME of a later version")
	}},
	{Name: "ping", Judges: "it answers a PING", run: func(t *test) { t.goesOn("at first") }},
}

func (t *test) compare(what, manifest, says string) {
	if manifest == "" {
		t.skipf("no manifest says it")
	}
	if manifest != says {
		t.failf("its %s is %q in the manifest, and %q in what it says", what, manifest, says)
	}
}

// offered starts the plug-in with other versions on offer and wants one of some in what it says.
func (t *test) offered(versions string, good ...int) {
	c, err := t.suite.start(t.ctx, protocol.VersionsVariable+"="+versions, "PLUGIN_PROTOCOL_VERSIONS="+versions)
	if err != nil {
		if t.c.wire.name() != "frames" || t.c.raw.Address() != "" {
			t.note = "it ends"
			return // go-plugin's servers end instead
		}
		t.must(err)
	}
	defer c.end()
	if !slices.Contains(good, c.info.Protocol) {
		t.failf("offered %s, it speaks version %d", versions, c.info.Protocol)
	}
}

// frames is the wire, where it is frames.
func (t *test) frames() *framesWire {
	w, ok := t.c.wire.(*framesWire)
	if !ok {
		t.skipf("it speaks gRPC alone")
	}
	return w
}

// shapeChecks are about requests that are too small, too large, or wrong.
var shapeChecks = []Check{
	{Name: "open-every-model", Judges: "each model opens and then has at least one coordinate", kind: anyKind, run: func(t *test) {
		if t.model.Dim < 1 {
			t.failf("opened, it has %d coordinates", t.model.Dim)
		}
		t.note = fmt.Sprintf("%d coordinates", t.model.Dim)
	}},
	{Name: "open-unknown-model", Judges: "a model that it does not have is an error, and it goes on", run: func(t *test) {
		t.refused(&protocol.Frame{Kind: protocol.OpenFrame, Model: 9999, Header: []byte(`{"model":"there-is-no-such-model"}`)}, "a model that it does not have")
	}},
	{Name: "open-twice", Judges: "two handles of a model give the same", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(5))
		first := t.evaluate(a)
		t.open(t.model.Name)
		a.handle = t.handle()
		t.same("under a second handle", first, t.evaluate(a))
	}},
	{Name: "handle-unknown", Judges: "a handle that was never opened is an error, and it goes on", kind: anyKind, run: func(t *test) {
		a := t.typical(1)
		a.handle += 1000
		t.refused(t.frame(a), "a handle that was never opened")
	}},
	{Name: "handle-closed", Judges: "after CLOSE a handle is an error, and it goes on", kind: anyKind, run: func(t *test) {
		f, err := t.c.call(&protocol.Frame{Kind: protocol.Close, Model: t.handle()})
		t.must(err)
		t.must(f.Failure())
		t.refused(t.frame(t.typical(1)), "a handle that was closed")
	}},
	{Name: "shape-wrong", Judges: "points with a coordinate too many are an error, and it goes on", kind: anyKind, run: func(t *test) {
		t.refusedTensor("points with a coordinate too many", protocol.Of(protocol.NameX, t.model.Element(), t.columns()+1, 2))
	}},
	{Name: "rank-wrong", Judges: "points in one row of numbers are an error, and it goes on", kind: anyKind, run: func(t *test) {
		t.refusedTensor("x of rank 1", protocol.Of(protocol.NameX, t.model.Element(), t.columns()))
	}},
	{Name: "dtype-wrong", Judges: "points of another type are an error, and it goes on", kind: anyKind, run: func(t *test) {
		t.refusedTensor("x of type uint8", protocol.Of(protocol.NameX, protocol.Uint8, t.columns(), 2))
	}},
	{Name: "tensor-missing", Judges: "a request without points is an error, and it goes on", kind: anyKind, run: func(t *test) {
		f := t.frame(t.typical(1))
		f.Tensors = slices.DeleteFunc(f.Tensors, func(x protocol.Tensor) bool { return x.Name == protocol.NameX })
		t.refused(f, "no points")
	}},
	{Name: "tensor-unknown", Judges: "a tensor that it does not know is ignored", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(3))
		want := t.evaluate(a)
		f := t.frame(a)
		extra := protocol.Of("later", protocol.Float64, 2)
		extra.Data = make([]byte, 16)
		f.Tensors = append(f.Tensors, extra)
		began := time.Now()
		sequence, err := t.c.send(f)
		t.must(err)
		got, err := t.answer(a, sequence, began)
		if err != nil {
			t.failf("asked with a tensor more: %w", err)
		}
		t.same("with a tensor more", want, got)
	}},
	{Name: "want-wrong", Judges: "to be asked for what it does not have is an error, and it goes on", kind: anyKind, run: func(t *test) {
		f := t.frame(t.typical(1))
		f.Want = protocol.Simulate
		if t.model.Is(protocol.KindSimulator) {
			f.Want = protocol.LogP
		}
		t.refused(f, "a wish for what it does not have")
	}},
	{Name: "want-nothing", Judges: "to be asked for nothing, or for what no version knows, ends in an error or an answer, and it goes on", kind: anyKind, run: func(t *test) {
		for _, want := range []protocol.Want{0, 1 << 15} {
			f := t.frame(t.typical(1))
			f.Want = want
			_, err := t.c.call(f)
			t.must(err)
		}
		t.goesOn("after that")
	}},
	{Name: "batch-empty", Judges: "0 points have an answer of 0 rows", kind: anyKind, run: func(t *test) { t.evaluate(t.typical(0)) }},
	{Name: "batch-one", Judges: "one point has an answer", kind: anyKind, run: func(t *test) { t.finite(t.evaluate(t.typical(1))) }},
	{Name: "batch-preferred", Judges: "a batch of the size that it likes has an answer", kind: anyKind, run: func(t *test) {
		a := t.evaluate(t.typical(t.preferred()))
		t.finite(a)
		t.note = fmt.Sprintf("%d points, %.3g ms", a.n, a.wall.Seconds()*1000)
	}},
	{Name: "batch-max", Judges: "the largest batch that it allows has an answer", kind: anyKind, run: func(t *test) {
		n := t.model.MaxBatch
		if n == 0 {
			t.skipf("it has no largest batch")
		}
		if n > 1<<24/max(1, t.columns()) {
			t.skipf("%d points are too many for a test", n)
		}
		t.evaluate(t.typical(n))
	}},
	{Name: "batch-over", Judges: "one point more than it allows ends in an error or an answer, and it goes on", kind: anyKind, run: func(t *test) {
		n := t.model.MaxBatch
		if n == 0 || n > 1<<24/max(1, t.columns()) {
			t.skipf("it has no largest batch")
		}
		if _, err := t.ask(t.typical(n + 1)); err != nil {
			t.note = "refused"
		}
		t.goesOn("after that")
	}},
}

// refusedTensor wants an error about points of another form.
func (t *test) refusedTensor(what string, x protocol.Tensor) {
	n, _ := x.Bytes()
	x.Data = make([]byte, n)
	f := t.frame(t.typical(2))
	for i := range f.Tensors {
		if f.Tensors[i].Name == protocol.NameX {
			f.Tensors[i] = x
		}
	}
	t.refused(f, what)
}

// finite wants numbers at typical points, at least at half of them.
func (t *test) finite(a answer) {
	good := 0
	for i := range a.n {
		ok := a.status[i] == protocol.OK && (a.logp == nil || a.logp[i]-a.logp[i] == 0)
		for k := i; ok && k < len(a.out); k += a.n {
			ok = a.out[k]-a.out[k] == 0
		}
		if ok {
			good++
		}
	}
	if 2*good < a.n {
		t.failf("it has numbers at %d of %d usual points: a model whose support is bounded says its low and high", good, a.n)
	}
}

// rowChecks are about rows that must not know of each other.
var rowChecks = []Check{
	{Name: "row-alone", Judges: "a row alone equals the row in a batch", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(min(64, t.preferred())))
		all := t.evaluate(a)
		for _, i := range []int{0, a.n / 3, a.n / 2, a.n - 1} {
			b := a.rows(i)
			b.first = a.first + uint64(i)
			t.same("a row alone", all.rows(i), t.evaluate(b))
		}
	}},
	{Name: "row-in-a-large-batch", Judges: "rows in a batch of the size that it likes equal those in a small one", kind: anyKind, run: func(t *test) {
		a := t.typical(t.preferred())
		all := t.evaluate(a)
		k := min(a.n, 7)
		index := make([]int, k)
		for i := range index {
			index[i] = i
		}
		t.same("the first rows of a batch", all.rows(index...), t.evaluate(a.rows(index...)))
	}},
	{Name: "row-order", Judges: "rows in another order have the same answers in that order", kind: anyKind, run: func(t *test) {
		if t.model.Is(protocol.KindSimulator) {
			t.skipf("a simulator's draws belong to the numbers of rows")
		}
		a := t.typical(t.some(50))
		index := make([]int, a.n)
		for i := range index {
			index[i] = a.n - 1 - i
		}
		t.same("in reverse", t.evaluate(a).rows(index...), t.evaluate(a.rows(index...)))
	}},
	{Name: "row-repeat", Judges: "the same batch again has the same answer", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(100))
		t.same("asked again", t.evaluate(a), t.evaluate(a))
	}},
	{Name: "row-beside-nan", Judges: "a row that is NaN changes nothing for the others", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(9))
		if a.n < 2 {
			t.skipf("it takes one row at a time")
		}
		want := t.evaluate(a)
		b := a
		b.x = spoiled(a, a.n-1, nan)
		got, err := t.ask(b)
		if err != nil {
			t.failf("a row of NaN makes the whole call an error: %w", err)
		}
		index := make([]int, a.n-1)
		for i := range index {
			index[i] = i
		}
		t.same("beside a row of NaN", want.rows(index...), got.rows(index...))
	}},
}
