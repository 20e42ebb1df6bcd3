package score

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/lanes"
)

// learned is a model at a noise level, conditioned on a vector or, with nil, on nothing.
type learned struct {
	m     *Model
	sigma float64
	given []float32
}

func (l learned) Dim() int       { return l.m.dim }
func (l learned) Lanes() int     { return l.m.piece }
func (l learned) String() string { return fmt.Sprintf("%v at noise level %v", l.m, l.sigma) }

// Score implements [Fn].
func (l learned) Score(ctx context.Context, dst, x *lanes.Block) error {
	return l.m.score(ctx, dst, x, l.sigma, l.given, nil)
}

// GivenSize is the number of elements of the vector that the model is conditioned on, 0 for a model that is not.
func (m *Model) GivenSize() int { return m.given }

// Given is the model conditioned on a vector of [Model.GivenSize] finite elements, the same for all points. Zeros are no condition,
// as with [Model.At]. A plain model has its one level in the family that is returned.
func (m *Model) Given(values []float64) (NoiseConditional, error) {
	if m.given == 0 {
		return nil, fmt.Errorf("score: the model is not conditioned on anything: it has no input %q", inputGiven)
	}
	if len(values) != m.given {
		return nil, fmt.Errorf("score: a vector of %d elements is given to a model that is conditioned on %d", len(values), m.given)
	}
	given := make([]float32, len(values))
	for i, v := range values {
		if given[i] = float32(v); given[i]-given[i] != 0 {
			return nil, fmt.Errorf("score: element %d of what the model is conditioned on is %v: give finite numbers", i, v)
		}
	}
	return family{m, given}, nil
}

// ScoreGiven sets point i of dst to the score at point i of x, at a noise level, conditioned on the vector that given returns for i, of
// [Model.GivenSize] elements; nil stands for zeros, no condition. What it returns is not kept or changed. For a plain model sigma is its
// level. It does not allocate once warm, and sees the end of the context between two images.
func (m *Model) ScoreGiven(ctx context.Context, dst, x *lanes.Block, sigma float64, given func(i int) []float32) error {
	if m.given == 0 {
		return fmt.Errorf("score: the model is not conditioned on anything: it has no input %q", inputGiven)
	}
	return m.score(ctx, dst, x, sigma, nil, given)
}

// mostPiece is the number of points that are brought into float32 rows at a time, few enough for the nearest caches.
const mostPiece = 256

// buffer is what one evaluation needs.
type buffer struct {
	x, sigma, given, score []float32
	inputs, outputs        [][]float32
}

func (m *Model) newBuffer() *buffer {
	b := &buffer{x: make([]float32, m.piece*m.dim), score: make([]float32, m.piece*m.dim), outputs: make([][]float32, 1)}
	if m.noisy {
		b.sigma = make([]float32, m.piece)
	}
	b.given = make([]float32, m.piece*m.given)
	b.inputs = make([][]float32, 0, 3)
	return b
}

// score is the score at a noise level, conditioned on one vector for all points, or on one for each, or on zeros.
func (m *Model) score(ctx context.Context, dst, x *lanes.Block, sigma float64, all []float32, each func(i int) []float32) error {
	if x.Dim() != m.dim || dst.Dim() != m.dim || dst.Len() != x.Len() {
		return fmt.Errorf("score: %d points of %d coordinates into %d of %d, under a model for %d", x.Len(), x.Dim(), dst.Len(), dst.Dim(), m.dim)
	}
	if m.noisy {
		if err := checkLevel("the level of a noise-conditional model", sigma); err != nil {
			return err
		}
	} else if sigma != m.info.Sigma {
		return fmt.Errorf("score: the model knows the noise level %v, and is asked for %v: train one for many levels", m.info.Sigma, sigma)
	}
	b, _ := m.buffers.Get().(*buffer)
	if b == nil {
		b = m.newBuffer()
	}
	defer m.buffers.Put(b)
	for i := range b.sigma {
		b.sigma[i] = float32(sigma)
	}
	if each == nil {
		b.condition(all)
	}
	for first, n := 0, x.Len(); first < n; first += m.piece {
		if err := ctx.Err(); err != nil {
			return err
		}
		count := min(m.piece, n-first)
		if each != nil {
			for i := range count {
				given := each(first + i)
				if given != nil && len(given) != m.given {
					return fmt.Errorf("score: a vector of %d elements is given for point %d to a model that is conditioned on %d", len(given), first+i, m.given)
				}
				to := b.given[i*m.given:][:m.given]
				clear(to[copy(to, given):])
			}
		}
		m.evaluate(b, dst, x, first, count)
	}
	return ctx.Err()
}

// condition sets all rows to one vector, or to zeros.
func (b *buffer) condition(given []float32) {
	if given == nil {
		clear(b.given)
		return
	}
	for to := b.given; len(to) > 0; to = to[len(given):] {
		copy(to, given)
	}
}

// evaluate scores some neighbouring points.
func (m *Model) evaluate(b *buffer, dst, x *lanes.Block, first, n int) {
	dim := m.dim
	if n == 1 { // an image: there is no row to walk along
		from, stride := x.Data()[first:], x.Stride()
		for j := range b.x[:dim] {
			b.x[j] = float32(from[j*stride])
		}
	} else {
		for j := range dim {
			to := b.x[j : (n-1)*dim+j+1]
			for i, v := range x.Row(j)[first : first+n] {
				to[i*dim] = float32(v)
			}
		}
	}
	b.outputs[0] = b.score[:n*dim]
	b.inputs = append(b.inputs[:0], b.x[:n*dim])
	if m.noisy {
		b.inputs = append(b.inputs, b.sigma[:n])
	}
	if m.given > 0 {
		b.inputs = append(b.inputs, b.given[:n*m.given])
	}
	m.program.Run(n, b.outputs, b.inputs)
	if n == 1 {
		to, stride := dst.Data()[first:], dst.Stride()
		for j, v := range b.score[:dim] {
			to[j*stride] = float64(v)
		}
		return
	}
	for j := range dim {
		from := b.score[j : (n-1)*dim+j+1]
		to := dst.Row(j)[first : first+n]
		for i := range to {
			to[i] = float64(from[i*dim])
		}
	}
}
