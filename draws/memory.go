package draws

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

// Memory is a sink that keeps draws in memory: the latest of every particle, or all. It dies with its process: a
// resumed run gives again what its particles have yet to record, not what they had recorded before.
//
// Set Particles and Dim; it is then ready, safe for several workers, and may not be copied.
type Memory struct {
	Particles int
	Dim       int
	First     uint64 // number of the first particle
	// Every keeps all transitions that are put, not only the latest of each particle.
	Every bool

	mu     sync.Mutex
	latest *page
	pages  map[uint64]*page // by transition
}

var _ mcmc.Sink = (*Memory)(nil)

// page is a draw of each particle.
type page struct {
	points     *lanes.Block
	logProb    []float64 // NaN where it is not known
	transition []uint64  // of each particle's draw, plus one; 0 if it has none
}

func (m *Memory) newPage() *page {
	return &page{
		points:     lanes.New(m.Particles, m.Dim),
		logProb:    make([]float64, m.Particles),
		transition: make([]uint64, m.Particles),
	}
}

// Put implements mcmc.Sink. Draws of other particles, or another dimension, than m's are an error.
func (m *Memory) Put(_ context.Context, d mcmc.Draws) error {
	if err := checkDraws(d, m.First, m.Particles, m.Dim); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latest == nil {
		m.latest = m.newPage()
		m.pages = map[uint64]*page{}
	}
	m.latest.put(d, int(d.First-m.First))
	if m.Every {
		p := m.pages[d.Transition]
		if p == nil {
			p = m.newPage()
			m.pages[d.Transition] = p
		}
		p.put(d, int(d.First-m.First))
	}
	return nil
}

// checkDraws refuses draws that do not belong to this population.
func checkDraws(d mcmc.Draws, first uint64, particles, dim int) error {
	n := d.X.Len()
	if d.X.Dim() != dim {
		return fmt.Errorf("draws of dimension %d for a sink of dimension %d", d.X.Dim(), dim)
	}
	if d.First < first || d.First-first > uint64(particles) || uint64(n) > uint64(particles)-(d.First-first) {
		return fmt.Errorf("draws of %d particles from number %d for a sink of %d from number %d", n, d.First, particles, first)
	}
	if d.LogProb != nil && len(d.LogProb) < n {
		return fmt.Errorf("%d values of log p for %d draws", len(d.LogProb), n)
	}
	return nil
}

// put takes the draws that are no older than those it has.
func (p *page) put(d mcmc.Draws, at int) {
	mark := d.Transition + 1
	for i := 0; i < d.X.Len(); {
		// As many neighbours as agree, so that whole rows are copied.
		from := i
		for ; i < d.X.Len() && p.transition[at+i] <= mark; i++ {
			p.transition[at+i] = mark
		}
		p.points.CopyPoints(at+from, d.X, from, i-from)
		if d.LogProb != nil {
			copy(p.logProb[at+from:at+i], d.LogProb[from:i])
		} else {
			for k := at + from; k < at+i; k++ {
				p.logProb[k] = math.NaN()
			}
		}
		for ; i < d.X.Len() && p.transition[at+i] > mark; i++ {
		}
	}
}

// Sync implements mcmc.Sink: memory is as safe as it can be.
func (m *Memory) Sync() error { return nil }

// Table returns a copy of the latest draw of each particle, with log p if every draw came with it. A particle
// without a draw is an error.
func (m *Memory) Table() (Table, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.latest.table(m.First, m.Particles, "")
}

// Transitions returns the transitions that were put, in order, if Every is set.
func (m *Memory) Transitions() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.pages))
}

// At returns a copy of the draws of one of these transitions, as Table does.
func (m *Memory) At(transition uint64) (Table, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pages[transition].table(m.First, m.Particles, fmt.Sprintf(" at transition %d", transition))
}

func (p *page) table(first uint64, particles int, when string) (Table, error) {
	if p == nil {
		return Table{}, fmt.Errorf("no particle has a draw%s", when)
	}
	if i := slices.Index(p.transition, 0); i >= 0 {
		return Table{}, fmt.Errorf("particle %d, and maybe others of %d, has no draw%s: the run is not at its end", first+uint64(i), particles, when)
	}
	t := Table{Names: defaultNames(p.points.Dim()), Points: lanes.New(p.points.Len(), p.points.Dim())}
	t.Points.Copy(p.points)
	if !slices.ContainsFunc(p.logProb, math.IsNaN) {
		t.LogProb = slices.Clone(p.logProb)
	}
	return t, nil
}
