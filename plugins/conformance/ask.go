//go:build unix

package conformance

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// ask is an evaluation: points coordinate by coordinate, and what belongs to them.
type ask struct {
	handle      uint32
	want        protocol.Want
	n           int
	x           []float64 // [columns][n]
	sigma       []float64 // 1 or n of them; nil for a model without noise
	given       [][]float64
	seed, first uint64
	time        uint64 // nanoseconds
}

// answer is what came back.
type answer struct {
	n       int
	logp    []float64 // nil where it was not asked for
	out     []float64 // [dim][n], gradient, score or draws; nil where none was asked for
	status  []byte    // n of them
	compute time.Duration
	wall    time.Duration
}

// open opens a model of the running plug-in.
func (t *test) open(name string) *protocol.Model {
	m, _, err := t.c.open(name, t.plugin.Config)
	if err != nil {
		t.failf("it does not open the model %s: %w", name, err)
	}
	if err := m.Check(); err != nil {
		t.failf("what it says of the model %s as opened is wrong: %w", name, err)
	}
	return &m
}

// handle is the one under which the model of the check was opened last.
func (t *test) handle() uint32 { return t.c.handles }

func (t *test) columns() int {
	if t.model.Is(protocol.KindSimulator) {
		return t.model.Parameters
	}
	return t.model.Dim
}

// all is everything that the model can be asked for at once.
func (t *test) all() protocol.Want { return wantOf(t.model) }

func wantOf(m *protocol.Model) protocol.Want {
	switch {
	case m.Is(protocol.KindDensity) && m.Gradient:
		return protocol.LogP | protocol.Grad
	case m.Is(protocol.KindDensity):
		return protocol.LogP
	case m.Is(protocol.KindScore):
		return protocol.Score
	}
	return protocol.Simulate
}

// typical is a request of n points where a model may be expected to know what it says: normal ones, moved into its bounds.
func (t *test) typical(n int) ask {
	r := rand.New(rand.NewPCG(uint64(n), uint64(t.columns())))
	a := ask{handle: t.handle(), want: t.all(), n: n, x: make([]float64, t.columns()*n), seed: 1}
	for j := range t.columns() {
		low, high := bounds(t.model, j)
		for i := range n {
			v := 1.5 * r.NormFloat64()
			switch {
			case low > math.Inf(-1) && high < math.Inf(1):
				v = low + (high-low)*(0.02+0.96*r.Float64())
			case low > math.Inf(-1):
				v = low + math.Abs(v) + 1e-3
			case high < math.Inf(1):
				v = high - math.Abs(v) - 1e-3
			}
			a.x[j*n+i] = v
		}
	}
	if t.model.Noise && a.want == protocol.Score {
		low, high := levels(t.model)
		a.sigma = []float64{math.Sqrt(low) * math.Sqrt(high)}
	}
	for _, g := range t.model.Given {
		values := make([]float64, g.Dim)
		values[r.IntN(g.Dim)] = 1 // a class, if it is one
		a.given = append(a.given, values)
	}
	return a
}

// levels are the noise levels that a model knows, or some.
func levels(m *protocol.Model) (low, high float64) {
	low, high = m.SigmaMin, m.SigmaMax
	if high == 0 {
		high = math.Max(10, 10*low)
	}
	if low == 0 {
		low = math.Min(0.05, high/2)
	}
	return low, high
}

// bounds are those of a coordinate's support.
func bounds(m *protocol.Model, j int) (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	if m.Is(protocol.KindSimulator) {
		return low, high
	}
	if j < len(m.Low) && m.Low[j] != nil {
		low = float64(*m.Low[j])
	}
	if j < len(m.High) && m.High[j] != nil {
		high = float64(*m.High[j])
	}
	return low, high
}

// rows is the request of some of a request's points.
func (a ask) rows(index ...int) ask {
	b := a
	b.n = len(index)
	columns := len(a.x) / max(a.n, 1)
	b.x = make([]float64, columns*b.n)
	for j := range columns {
		for k, i := range index {
			b.x[j*b.n+k] = a.x[j*a.n+i]
		}
	}
	if len(a.sigma) > 1 {
		b.sigma = nil
		for _, i := range index {
			b.sigma = append(b.sigma, a.sigma[i])
		}
	}
	return b
}

// rows is the answer of some of an answer's points.
func (a answer) rows(index ...int) answer {
	b := answer{n: len(index)}
	for _, i := range index {
		if a.logp != nil {
			b.logp = append(b.logp, a.logp[i])
		}
		b.status = append(b.status, a.status[i])
	}
	if a.out != nil {
		dim := len(a.out) / a.n
		b.out = make([]float64, dim*b.n)
		for j := range dim {
			for k, i := range index {
				b.out[j*b.n+k] = a.out[j*a.n+i]
			}
		}
	}
	return b
}

// frame is the request as it is sent.
func (t *test) frame(a ask) *protocol.Frame {
	f := &protocol.Frame{Kind: protocol.Eval, Want: a.want, Model: a.handle, Time: a.time}
	element := t.model.Element()
	add := func(name string, values []float64, shape ...int) {
		tensor := protocol.Of(name, element, shape...)
		tensor.Data = make([]byte, uint64(len(values))*element.Size())
		protocol.Put(tensor.Data, element, values)
		f.Tensors = append(f.Tensors, tensor)
	}
	add(protocol.NameX, a.x, t.columns(), a.n)
	if a.sigma != nil {
		add(protocol.NameSigma, a.sigma, len(a.sigma))
	}
	if a.want&protocol.Score != 0 {
		for i, g := range t.model.Given {
			if i >= len(a.given) {
				break
			}
			if len(a.given[i]) == g.Dim {
				add(g.Name, a.given[i], g.Dim)
			} else {
				add(g.Name, a.given[i], g.Dim, a.n)
			}
		}
	}
	if a.want&protocol.Simulate != 0 {
		f.Seed, f.First = a.seed, a.first
	}
	return f
}

// ask sends a request and returns what comes back, or the plug-in's error.
func (t *test) ask(a ask) (answer, error) {
	f := t.frame(a)
	began := time.Now()
	sequence, err := t.c.send(f)
	t.must(err)
	return t.answer(a, sequence, began)
}

// answer waits for the reply to a request and checks its form.
func (t *test) answer(a ask, sequence uint64, began time.Time) (answer, error) {
	f, err := t.c.receive(sequence, patience)
	t.must(err)
	r := answer{n: a.n, wall: time.Since(began), compute: time.Duration(f.Time), status: make([]byte, a.n)}
	err = f.Failure()
	var said *protocol.Error
	if errors.As(err, &said) {
		if !slices.Contains([]string{protocol.Invalid, protocol.Unavailable, protocol.Internal, protocol.Cancelled, protocol.Deadline}, said.Code) {
			t.failf("its error has the code %q, which is none: %w", said.Code, err)
		}
		return r, said
	}
	t.must(err)
	take := func(name string, shape ...int) []float64 {
		tensor := protocol.Find(f.Tensors, name)
		if tensor == nil {
			t.failf("its reply has no %s", name)
		}
		if element := t.model.Element(); !tensor.Is(element, shape...) {
			want := protocol.Of(name, element, shape...)
			t.failf("its reply has a %s where a %s was to come", tensor, &want)
		}
		values := make([]float64, len(tensor.Data)/int(tensor.DType.Size()))
		protocol.Get(values, tensor.DType, tensor.Data)
		return values
	}
	if a.want&protocol.LogP != 0 {
		r.logp = take(protocol.NameLogP, a.n)
	}
	switch {
	case a.want&protocol.Grad != 0:
		r.out = take(protocol.NameGrad, t.model.Dim, a.n)
	case a.want&protocol.Score != 0:
		r.out = take(protocol.NameScore, t.model.Dim, a.n)
	case a.want&protocol.Simulate != 0:
		r.out = take(protocol.NameDraw, t.model.Dim, a.n)
	}
	if s := protocol.Find(f.Tensors, protocol.NameStatus); s != nil {
		if !s.Is(protocol.Uint8, a.n) {
			t.failf("its reply has a %s where the status of %d rows is uint8 [%d]", s, a.n, a.n)
		}
		r.status = s.Data
		for i, v := range r.status {
			if v > protocol.Failed {
				t.failf("the status of row %d is %d: there are 0 to 3", i, v)
			}
		}
	}
	return r, nil
}

// evaluate wants an answer and no error.
func (t *test) evaluate(a ask) answer {
	r, err := t.ask(a)
	if err != nil {
		t.failf("it answers %d points with an error: %w", a.n, err)
	}
	return r
}

// refused wants an error, and a plug-in that goes on after it.
func (t *test) refused(f *protocol.Frame, what string) {
	reply, err := t.c.call(f)
	if err != nil {
		t.failf("asked with %s: %w", what, err)
	}
	err = reply.Failure()
	var said *protocol.Error
	if !errors.As(err, &said) {
		t.failf("asked with %s, it answers as if nothing were wrong", what)
	}
	t.goesOn("after " + what)
}

// goesOn wants the plug-in to answer as before.
func (t *test) goesOn(when string) {
	if err := t.c.ping(); err != nil {
		t.failf("%s it does not answer a PING: %w", when, err)
	}
}

// same wants two answers to be the same: bits where the model says that it is deterministic and bits are asked for, otherwise nearly.
func (t *test) same(what string, a, b answer) {
	tolerance := 1e-6
	if t.model.Float32() {
		tolerance = 1e-4
	}
	if t.model.Deterministic {
		tolerance = 0
	}
	t.near(what, a, b, tolerance)
}

// near wants two answers to agree to a relative tolerance; 0 stands for the same bits.
func (t *test) near(what string, a, b answer, tolerance float64) {
	for i := range a.status {
		if a.status[i] != b.status[i] {
			t.failf("%s: the status of row %d is %d and then %d", what, i, a.status[i], b.status[i])
		}
	}
	for _, part := range []struct {
		name string
		a, b []float64
	}{{"log p", a.logp, b.logp}, {"the result", a.out, b.out}} {
		scale := 0.0
		for _, v := range part.a {
			if v-v == 0 {
				scale = math.Max(scale, math.Abs(v))
			}
		}
		for k := range part.a {
			if a.status[k%a.n] != protocol.OK {
				continue // the host does not look at the numbers
			}
			if u, v := part.a[k], part.b[k]; !agree(u, v, tolerance, scale) {
				t.failf("%s: %s of row %d is %v and then %v", what, part.name, k%a.n, u, v)
			}
		}
	}
}

// agree compares two numbers, of a collection whose largest is scale.
func agree(u, v, tolerance, scale float64) bool {
	if tolerance == 0 {
		return math.Float64bits(u) == math.Float64bits(v) || u != u && v != v
	}
	if u != u || v != v || math.IsInf(u, 0) || math.IsInf(v, 0) {
		return u == v || u != u && v != v
	}
	return math.Abs(u-v) <= tolerance*math.Max(math.Max(math.Abs(u), math.Abs(v)), 1e-3*scale)
}

// preferred is the size of a usual batch, not too large for a quick check.
func (t *test) preferred() int {
	n := min(t.model.PreferredBatch, 8192, max(1, 4<<20/max(1, t.model.Dim)))
	if t.model.MaxBatch > 0 {
		n = min(n, t.model.MaxBatch)
	}
	return max(n, 1)
}

// some is the size of a small batch of several rows, if the model takes one.
func (t *test) some(n int) int {
	if t.model.MaxBatch > 0 {
		n = min(n, t.model.MaxBatch)
	}
	return n
}

func put64(b []byte, at int, v uint64) { binary.LittleEndian.PutUint64(b[at:], v) }

func jsonOf(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // what was read as JSON can be written
	}
	return text
}
