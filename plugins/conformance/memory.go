//go:build unix

package conformance

import (
	"fmt"
	"slices"

	"github.com/scorefield/infer/plugins/protocol"
)

// memoryChecks are about tensors in shared memory.
var memoryChecks = []Check{
	{Name: "memory-same-bits", Judges: "in shared memory an evaluation has the same bits as in frames", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(100))
		want := t.evaluate(a)
		t.share(0, 1<<20, func(memory *protocol.Memory) {
			t.sameShared(want, a, memory, 0)
		})
	}},
	{Name: "memory-again", Judges: "a MAP of a number that exists replaces its memory", kind: anyKind, run: func(t *test) {
		a := t.typical(t.some(10))
		want := t.evaluate(a)
		t.share(3, 1<<16, func(first *protocol.Memory) {
			t.sameShared(want, a, first, 3)
			t.share(3, 1<<18, func(second *protocol.Memory) {
				clear(first.Data)
				t.sameShared(want, a, second, 3)
			})
		})
	}},
	{Name: "memory-files", Judges: "a MAP leaves no descriptor open", run: func(t *test) {
		t.shared()
		before := openFiles(t.c.raw.Process())
		if before < 0 {
			t.skipf("this system does not tell")
		}
		for range 20 {
			t.share(7, 1<<16, func(*protocol.Memory) {})
		}
		if after := openFiles(t.c.raw.Process()); after > before+1 {
			t.failf("20 of them, and %d open descriptors became %d", before, after)
		}
	}},
	{Name: "memory-without", Judges: "a MAP without a descriptor is an error, and it goes on", run: func(t *test) {
		t.shared()
		t.refused(&protocol.Frame{Kind: protocol.Map, Header: []byte(`{"region":9,"bytes":4096}`)}, "a MAP without a descriptor")
	}},
	{Name: "memory-too-small", Judges: "a MAP that says more bytes than there are is an error, and it goes on", run: func(t *test) {
		w := t.shared()
		memory, err := protocol.NewMemory(4096)
		t.must(err)
		defer memory.Close()
		t.c.sequence++
		t.must(w.share(&protocol.Frame{Kind: protocol.Map, Sequence: t.c.sequence, Header: []byte(`{"region":9,"bytes":1099511627776}`)}, memory))
		f, err := t.c.receive(t.c.sequence, patience)
		t.must(err)
		if f.Failure() == nil {
			t.failf("it maps a TiB of memory that has %d bytes", len(memory.Data))
		}
		t.goesOn("after that")
	}},
}

// shared is the wire of a plug-in that takes shared memory.
func (t *test) shared() *framesWire {
	w := t.frames()
	if !t.c.info.Has(protocol.Shm) {
		t.skipf("it has no capability shm")
	}
	return w
}

// share gives the plug-in memory for as long as use lasts.
func (t *test) share(region uint32, bytes uint64, use func(memory *protocol.Memory)) {
	w := t.shared()
	memory, err := protocol.NewMemory(bytes)
	t.must(err)
	defer memory.Close()
	t.c.sequence++
	header := fmt.Appendf(nil, `{"region":%d,"bytes":%d}`, region, len(memory.Data))
	t.must(w.share(&protocol.Frame{Kind: protocol.Map, Sequence: t.c.sequence, Header: header}, memory))
	f, err := t.c.receive(t.c.sequence, patience)
	t.must(err)
	t.must(f.Failure())
	use(memory)
}

// sameShared asks with the points in shared memory, and wants the results there.
func (t *test) sameShared(want answer, a ask, memory *protocol.Memory, region uint32) {
	f := t.frame(a)
	offset := uint64(0)
	place := func(x *protocol.Tensor) {
		n, _ := x.Bytes()
		if offset+n > uint64(len(memory.Data)) {
			t.skipf("%d points of it need more memory than a test has", a.n)
		}
		x.Shared, x.Region, x.Offset = true, region, offset
		offset += (n + 63) &^ 63
	}
	for i := range f.Tensors {
		x := &f.Tensors[i]
		data := x.Data
		place(x)
		x.Data = memory.Data[x.Offset : x.Offset+uint64(len(data))]
		copy(x.Data, data)
	}
	element := t.model.Element()
	for _, result := range []struct {
		want  protocol.Want
		name  string
		shape []int
	}{
		{protocol.LogP, protocol.NameLogP, []int{a.n}}, {protocol.Grad, protocol.NameGrad, []int{t.model.Dim, a.n}},
		{protocol.Score, protocol.NameScore, []int{t.model.Dim, a.n}}, {protocol.Simulate, protocol.NameDraw, []int{t.model.Dim, a.n}},
	} {
		if a.want&result.want == 0 {
			continue
		}
		x := protocol.Of(result.name, element, result.shape...)
		x.Room = true
		place(&x)
		f.Tensors = append(f.Tensors, x)
	}
	sent := slices.Clone(f.Tensors)
	sequence, err := t.c.send(f)
	t.must(err)
	reply, err := t.c.receive(sequence, patience)
	t.must(err)
	if err := reply.Failure(); err != nil {
		t.failf("in shared memory: %w", err)
	}
	got := answer{n: a.n, status: make([]byte, a.n)}
	if s := protocol.Find(reply.Tensors, protocol.NameStatus); s != nil && s.Is(protocol.Uint8, a.n) && !s.Shared {
		got.status = s.Data
	}
	for _, x := range sent {
		if !x.Room {
			continue
		}
		y := protocol.Find(reply.Tensors, x.Name)
		if y == nil || !y.Shared || y.Room || y.Region != x.Region || y.Offset != x.Offset || y.Shape != x.Shape || y.DType != x.DType || y.Rank != x.Rank {
			t.failf("its reply does not repeat the entry of %s, which was given room in shared memory", &x)
		}
		n, _ := x.Bytes()
		values := make([]float64, n/element.Size())
		protocol.Get(values, element, memory.Data[x.Offset:x.Offset+n])
		if x.Name == protocol.NameLogP {
			got.logp = values
		} else {
			got.out = values
		}
	}
	t.same("in shared memory", want, got)
	t.goesOn("after an evaluation in shared memory")
}
