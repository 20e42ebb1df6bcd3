package figure

import (
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// trail is a score at a number of places of the plane.
type trail struct {
	x, y  []float64
	norms []float64 // NaN where the vector is not finite
}

// newTrail has the given vectors.
func newTrail(x, y []float64) *trail {
	t := &trail{x, y, make([]float64, len(x))}
	for k := range t.norms {
		t.norms[k] = math.NaN()
		if norm := math.Hypot(x[k], y[k]); finite(norm) { // neither is the norm of two of the largest numbers
			t.norms[k] = norm
		}
	}
	return t
}

// follow evaluates a score at n places, whose coordinate j is at(k, j).
func follow(ctx context.Context, fn score.Fn, name string, n int, at func(k, j int) float64) (*trail, error) {
	x, y := make([]float64, 0, n), make([]float64, 0, n)
	for first := 0; first < n; first += callPoints {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		count := min(callPoints, n-first)
		places, vectors := lanes.New(count, 2), lanes.New(count, 2)
		for j := range 2 {
			row := places.Row(j)
			for k := range count {
				row[k] = at(first+k, j)
			}
		}
		if err := fn.Score(ctx, vectors, places); err != nil {
			return nil, fmt.Errorf("the %s score of the figure: %w", name, err)
		}
		x, y = append(x, vectors.Row(0)[:count]...), append(y, vectors.Row(1)[:count]...)
	}
	return newTrail(x, y), nil
}

// minus is the difference of two trails over the same places, where both are finite.
func (t *trail) minus(u *trail) *trail {
	x, y := make([]float64, len(t.x)), make([]float64, len(t.x))
	for k := range x {
		x[k], y[k] = t.x[k]-u.x[k], t.y[k]-u.y[k]
		if math.IsNaN(t.norms[k]) || math.IsNaN(u.norms[k]) {
			x[k] = math.NaN()
		}
	}
	return newTrail(x, y)
}

// broken is the number of vectors that are not finite.
func (t *trail) broken() (n int) {
	for _, norm := range t.norms {
		if math.IsNaN(norm) {
			n++
		}
	}
	return n
}

// mismatch is the error of a learned score against the true one.
type mismatch struct {
	over        string  // the places where both are finite, in words
	compared    int     // how many these are
	left        int     // places where one is not
	wrong, true float64 // root mean squares of the norms of the difference and of the true score
}

// measure compares the scores over the points of a cloud or, if there are none, over a grid.
func measure(ctx context.Context, spec FieldSpec, c *cloud, g grid) (mismatch, error) {
	n, at, thing := g.nx*g.ny, g.at, "arrow"
	if all := c.finite(); all > 0 {
		step := (all + mostMarks - 1) / mostMarks
		n, thing = (all+step-1)/step, "point"
		at = func(k, j int) float64 { return c.columns[j][k*step] }
	}
	learned, err := follow(ctx, spec.Learned, "learned", n, at)
	if err != nil {
		return mismatch{}, err
	}
	truth, err := follow(ctx, spec.True, "true", n, at)
	if err != nil {
		return mismatch{}, err
	}
	var wrong, right []float64
	for k, norm := range learned.minus(truth).norms {
		if finite(norm) {
			wrong, right = append(wrong, norm), append(right, truth.norms[k])
		}
	}
	return mismatch{
		over: spelling.Counted(len(wrong), thing), compared: len(wrong), left: n - len(wrong),
		wrong: rootMeanSquare(wrong), true: rootMeanSquare(right),
	}, nil
}

// rootMeanSquare of values from 0 to the largest number; 0 of none.
func rootMeanSquare(values []float64) float64 {
	largest, sum := 0.0, 0.0
	for _, v := range values {
		largest = max(largest, v)
	}
	if largest == 0 {
		return 0
	}
	for _, v := range values {
		part := v / largest // no square overflows or vanishes
		sum += float64(part * part)
	}
	return largest * math.Sqrt(sum/float64(len(values)))
}

// String is a line of a figure.
func (m mismatch) String() string {
	if m.compared == 0 {
		return "no error: the scores are nowhere finite together"
	}
	text := fmt.Sprintf("root mean square over %s: |%s| = %s, |true| = %s", m.over, difference, digits(m.wrong), digits(m.true))
	if m.true > 0 {
		text += fmt.Sprintf(", relative error %s %%", digits(100*(m.wrong/m.true)))
	}
	if m.left > 0 {
		text += fmt.Sprintf("; %s not finite", spelling.Grouped(m.left))
	}
	return text
}
