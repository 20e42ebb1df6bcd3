// Package bridgestan evaluates Stan models that BridgeStan has compiled to a shared library.
//
// A [Model] is an ordinary differentiable density on the unconstrained parameters of the Stan program:
//
//	model, err := bridgestan.Open("eight_schools_model.so", bridgestan.Options{Data: "eight_schools.json"})
//	defer model.Close()
//	err = model.LogProbGrad(ctx, logp, gradient, x)
//
// The library is loaded without cgo, by package purego, on Linux and macOS. Any version 2 of BridgeStan will do; the
// functions used are those of its header bridgestan.h. Compile with STAN_THREADS=true to have every core at work:
// without it Stan keeps one tape of derivatives a process, and the model evaluates one point at a time.
//
// A shared library is code that runs with your rights, and one that crashes takes the process with it; so the
// command `infer` never loads one: the program infer-plugin-bridgestan does, as a plug-in.
package bridgestan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
)

// Options say how a model is constructed. The zero value is a model without data.
type Options struct {
	// Data is the path of a JSON file in CmdStan's format, which ends in .json, or JSON itself; empty for no data.
	Data string
	// Seed is what random numbers of the block "transformed data" begin with.
	Seed uint32
	// Log gets the reasons of the first ten points that the program rejects. Nil drops them.
	Log io.Writer
}

// Model is a Stan program with its data: a density on the unconstrained parameters, with the change of variables
// counted and constants dropped. It may be called concurrently until it is closed.
//
// A point that the program rejects, by reject() or an exception, is out of the support: log p is -Inf there and its
// gradient 0, as Stan's own samplers see it.
type Model struct {
	library  *library
	handle   uintptr // bs_model*
	dim      int
	names    []string
	threads  bool
	log      io.Writer
	rejected atomic.Uint64
	// single guards a library without STAN_THREADS.
	single  sync.Mutex
	scratch sync.Pool // of *point
}

// point is memory for one call: what C reads and writes lies together, on the heap.
type point struct {
	value   float64
	message *byte // of C
	x, grad []float64
}

// told is how many rejections are written to the log.
const told = 10

// Open loads a compiled model and constructs it with its data. The error says which of the two failed and, where
// BridgeStan gave a reason, that reason.
func Open(path string, options Options) (*Model, error) {
	data := options.Data
	if strings.HasSuffix(data, ".json") {
		text, err := os.ReadFile(data)
		if err != nil {
			return nil, fmt.Errorf("bridgestan: data %w", err)
		}
		data = string(text)
	}
	if strings.ContainsRune(data, 0) {
		return nil, errors.New("bridgestan: the data hold a zero byte; they must be JSON text")
	}
	lib, err := load(path)
	if err != nil {
		return nil, err
	}
	var message *byte
	handle := lib.construct(data, options.Seed, &message)
	if handle == 0 {
		return nil, fmt.Errorf("bridgestan: model %s: %s", path, lib.text(message))
	}
	m := &Model{library: lib, handle: handle, dim: int(lib.unconstrained(handle)), log: options.Log}
	m.names = split(lib.unconstrainedNames(handle))
	m.threads = strings.Contains(lib.info(handle), "STAN_THREADS=true")
	if m.dim < 1 || len(m.names) != m.dim {
		m.Close()
		return nil, fmt.Errorf("bridgestan: model %s has %d unconstrained parameters and %d names of them; it needs at least one, and a name for each",
			path, m.dim, len(m.names))
	}
	m.scratch.New = func() any { return &point{x: make([]float64, m.dim), grad: make([]float64, m.dim)} }
	return m, nil
}

// split takes a list of names apart.
func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// Close frees the model. Nothing may be evaluated during or after it.
func (m *Model) Close() error {
	if m.handle != 0 {
		m.library.destruct(m.handle)
		m.handle = 0
	}
	return nil
}

// Dim is the number of unconstrained parameters.
func (m *Model) Dim() int { return m.dim }

// Names are the unconstrained parameters in Stan's notation, a.3 for a[3].
func (m *Model) Names() []string { return append([]string(nil), m.names...) }

// Name is the name of the Stan program.
func (m *Model) Name() string { return m.library.name(m.handle) }

// Info is what BridgeStan says of how the model was compiled, several lines.
func (m *Model) Info() string { return m.library.info(m.handle) }

// Version is that of BridgeStan, such as 2.7.0.
func (m *Model) Version() string { return m.library.version }

// Threads says whether the model was compiled for several threads (STAN_THREADS).
func (m *Model) Threads() bool { return m.threads }

// Rejected is the number of points so far that the program rejected.
func (m *Model) Rejected() uint64 { return m.rejected.Load() }

// LogProb sets logp[i] to log p of point i.
func (m *Model) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	if err := m.check(x, logp, nil); err != nil {
		return err
	}
	return m.each(ctx, x, func(i int, p *point) {
		if m.library.logDensity(m.handle, p) {
			logp[i] = p.value
			return
		}
		m.reject(p)
		logp[i] = math.Inf(-1)
	})
}

// LogProbGrad sets logp[i] to log p of point i, unless logp is nil, and grad to the gradients.
func (m *Model) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if grad == nil {
		return errors.New("bridgestan: the block for gradients is nil")
	}
	if err := m.check(x, logp, grad); err != nil {
		return err
	}
	return m.each(ctx, x, func(i int, p *point) {
		value := math.Inf(-1)
		if m.library.logDensityGradient(m.handle, p) {
			value = p.value
		} else {
			m.reject(p)
			clear(p.grad)
		}
		if logp != nil {
			logp[i] = value
		}
		grad.SetPoint(i, p.grad)
	})
}

func (m *Model) check(x *lanes.Block, logp []float64, grad *lanes.Block) error {
	switch {
	case m.handle == 0:
		return errors.New("bridgestan: the model is closed")
	case x.Dim() != m.dim:
		return fmt.Errorf("bridgestan: points of dimension %d for a model of %d unconstrained parameters", x.Dim(), m.dim)
	case (logp != nil || grad == nil) && len(logp) != x.Len():
		return fmt.Errorf("bridgestan: %d values of log p for %d points; there must be as many", len(logp), x.Len())
	case grad != nil && (grad.Dim() != x.Dim() || grad.Len() != x.Len()):
		return fmt.Errorf("bridgestan: a gradient of %d points of dimension %d for %d of dimension %d", grad.Len(), grad.Dim(), x.Len(), x.Dim())
	}
	return nil
}

// share is the number of points a worker takes at a time.
const share = 16

// each calls f for every point of x, with its coordinates in p.x, on every core where the model allows it.
func (m *Model) each(ctx context.Context, x *lanes.Block, f func(i int, p *point)) error {
	workers := 1
	if m.threads {
		workers = parallel.Workers(0)
	} else {
		m.single.Lock()
		defer m.single.Unlock()
	}
	return parallel.Do(workers, (x.Len()+share-1)/share, func(_, part int) error {
		p := m.scratch.Get().(*point)
		defer m.scratch.Put(p)
		for i := part * share; i < min(x.Len(), (part+1)*share); i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			x.Point(i, p.x)
			f(i, p)
		}
		return nil
	})
}

// reject counts a point and tells the reasons of the first ones.
func (m *Model) reject(p *point) {
	reason := m.library.text(p.message)
	p.message = nil
	n := m.rejected.Add(1)
	if m.log == nil || n > told {
		return
	}
	more := ""
	if n == told {
		more = " (further ones are not told)"
	}
	fmt.Fprintf(m.log, "bridgestan: rejected a point, log p is -Inf there: %s%s\n", reason, more)
}

// ConstrainedNames are the parameters as the program declares them, with transformed parameters if asked for.
func (m *Model) ConstrainedNames(transformed bool) []string {
	return split(m.library.names(m.handle, transformed, false))
}

// Constrain sets dst to the parameters as the program declares them at each point of x: one row for each of
// ConstrainedNames. A point that cannot be transformed is an error that says why.
func (m *Model) Constrain(ctx context.Context, dst, x *lanes.Block, transformed bool) error {
	if m.handle == 0 {
		return errors.New("bridgestan: the model is closed")
	}
	count := int(m.library.constrained(m.handle, transformed, false))
	if x.Dim() != m.dim || dst.Dim() != count || dst.Len() != x.Len() {
		return fmt.Errorf("bridgestan: %d points of dimension %d into %d of dimension %d; the model needs dimensions %d and %d",
			x.Len(), x.Dim(), dst.Len(), dst.Dim(), m.dim, count)
	}
	m.single.Lock()
	defer m.single.Unlock()
	from, to := make([]float64, m.dim), make([]float64, count)
	for i := range x.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var message *byte
		if m.library.constrain(m.handle, transformed, x.Point(i, from), to, &message) != 0 {
			return fmt.Errorf("bridgestan: point %d: %s", i, m.library.text(message))
		}
		dst.SetPoint(i, to)
	}
	return nil
}
