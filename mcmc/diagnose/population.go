package diagnose

import (
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/mcmc"
)

// population is what the comparisons see of one: columns of a number a particle.
type population struct {
	x        [][]float64 // coordinates
	norm     []float64   // Euclidean norm
	logp     []float64   // nil if it is not known
	accepted []float64
}

func populationOf(run *mcmc.Run) population {
	x := run.Positions()
	p := population{logp: run.LogProb(), accepted: run.Accepted()}
	for j := range x.Dim() {
		p.x = append(p.x, x.Row(j)[:x.Len()])
	}
	p.norm = norms(p.x)
	return p
}

func norms(x [][]float64) []float64 {
	norm := make([]float64, len(x[0]))
	for _, column := range x {
		for i, v := range column {
			norm[i] = math.FMA(v, v, norm[i])
		}
	}
	for i, v := range norm {
		norm[i] = math.Sqrt(v)
	}
	return norm
}

// feature is a number of every particle, and its name.
type feature struct {
	name   string
	values []float64
}

// features are the coordinates, the norm and log p.
func (p population) features() []feature {
	var list []feature
	for j, column := range p.x {
		list = append(list, feature{fmt.Sprintf("x[%d]", j), column})
	}
	list = append(list, feature{"the norm of x", p.norm})
	if p.logp != nil {
		list = append(list, feature{"log p", p.logp})
	}
	return list
}

// snapshot is a look that keeps the population as it is at a transition: positions, accepted moves and log p.
type snapshot struct {
	at     uint64
	kernel mcmc.Kernel
}

func (h *snapshot) String() string { return fmt.Sprintf("population at transition %d", h.at) }

// Columns implements mcmc.Look.
func (h *snapshot) Columns() int {
	columns := h.kernel.Dim() + 1
	if _, ok := h.kernel.(mcmc.LogProber); ok {
		columns++
	}
	return columns
}

// At implements mcmc.Look.
func (h *snapshot) At(t uint64) bool { return t == h.at }

// Look implements mcmc.Look.
func (h *snapshot) Look(_ context.Context, s *mcmc.State, columns [][]float64) error {
	d := s.X.Dim()
	for j := range d {
		copy(columns[j], s.X.Row(j))
	}
	copy(columns[d], s.Accepted)
	if k, ok := h.kernel.(mcmc.LogProber); ok {
		copy(columns[d+1], k.LogProb(s))
	}
	return nil
}

func (h *snapshot) population(run *mcmc.Run) population {
	columns := run.LookColumns(h)
	d := h.kernel.Dim()
	p := population{x: columns[:d], norm: norms(columns[:d]), accepted: columns[d]}
	if len(columns) > d+1 {
		p.logp = columns[d+1]
	}
	return p
}

// without leaves out the particles for which skip is true.
func (p population) without(skip []bool) population {
	keep := func(values []float64) []float64 {
		if values == nil {
			return nil
		}
		kept := make([]float64, 0, len(values))
		for i, v := range values {
			if !skip[i] {
				kept = append(kept, v)
			}
		}
		return kept
	}
	q := population{norm: keep(p.norm), logp: keep(p.logp), accepted: keep(p.accepted)}
	for _, column := range p.x {
		q.x = append(q.x, keep(column))
	}
	return q
}
