package mcmc

import (
	"context"
	"fmt"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Sampler writes one draw into every particle of a block.
//
// Particle i may use the random numbers of particle first+i of the stream, and no others, so a population has
// the same draws however it is cut. A Sampler is safe for concurrent calls. A density.Exact is one.
type Sampler interface {
	Dim() int
	Sample(ctx context.Context, dst *lanes.Block, stream random.Stream, first uint64) error
}

// Normal is a start law: independent normal coordinates.
type Normal struct {
	// Coordinates is their number; 0 means that of Mean, or of Scale.
	Coordinates int
	Mean        []float64 // one a coordinate, or nil for 0
	Scale       []float64 // standard deviations, one a coordinate, not negative, or nil for 1
}

// Dim implements [Sampler].
func (l Normal) Dim() int {
	switch {
	case l.Coordinates != 0:
		return l.Coordinates
	case l.Mean != nil:
		return len(l.Mean)
	}
	return len(l.Scale)
}

// Check says what is wrong with the law's settings.
func (l Normal) Check() error {
	if err := checkDim("normal", l.Dim()); err != nil {
		return err
	}
	if err := checkNumbers("normal", "mean", l.Mean, l.Dim()); err != nil {
		return err
	}
	if err := checkNumbers("normal", "scale", l.Scale, l.Dim()); err != nil {
		return err
	}
	for j, v := range l.Scale {
		if v < 0 {
			return fmt.Errorf("mcmc: normal start: scale %d is %v: a standard deviation is not negative", j, v)
		}
	}
	return nil
}

// String names the law.
func (l Normal) String() string {
	if l.Mean == nil && l.Scale == nil {
		return fmt.Sprintf("normal(%d)", l.Dim())
	}
	return fmt.Sprintf("normal(%d), mean %v, scale %v", l.Dim(), l.Mean, l.Scale)
}

// Sample implements [Sampler].
func (l Normal) Sample(_ context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := l.Check(); err != nil {
		return err
	}
	if err := checkShape("normal", l.Dim(), dst); err != nil {
		return err
	}
	stream.Normal(dst, first, 0)
	t := backends.Current()
	for j := range l.Dim() {
		row := dst.Row(j)
		if l.Scale != nil {
			t.Mul.VS(row, row, l.Scale[j])
		}
		if l.Mean != nil {
			t.Add.VS(row, row, l.Mean[j])
		}
	}
	return nil
}

// Uniform is a start law: independent coordinates, uniform between Low and High.
type Uniform struct {
	Low, High []float64 // one a coordinate; Low below High
}

// Dim implements [Sampler].
func (l Uniform) Dim() int { return len(l.Low) }

// Check says what is wrong with the law's settings.
func (l Uniform) Check() error {
	if err := checkDim("uniform", l.Dim()); err != nil {
		return err
	}
	if err := checkNumbers("uniform", "low", l.Low, l.Dim()); err != nil {
		return err
	}
	if l.High == nil {
		return fmt.Errorf("mcmc: uniform start: no high ends: give one a coordinate")
	}
	if err := checkNumbers("uniform", "high", l.High, l.Dim()); err != nil {
		return err
	}
	for j := range l.Low {
		if !(l.Low[j] < l.High[j]) || !isFinite(l.High[j]-l.Low[j]) {
			return fmt.Errorf("mcmc: uniform start: coordinate %d between %v and %v: low is below high, and the width a number", j, l.Low[j], l.High[j])
		}
	}
	return nil
}

// String names the law.
func (l Uniform) String() string { return fmt.Sprintf("uniform, low %v, high %v", l.Low, l.High) }

// Sample implements [Sampler].
func (l Uniform) Sample(_ context.Context, dst *lanes.Block, stream random.Stream, first uint64) error {
	if err := l.Check(); err != nil {
		return err
	}
	if err := checkShape("uniform", l.Dim(), dst); err != nil {
		return err
	}
	stream.Uniform(dst, first, 0)
	t := backends.Current()
	for j := range l.Dim() {
		row := dst.Row(j)
		t.Mul.VS(row, row, l.High[j]-l.Low[j])
		t.Add.VS(row, row, l.Low[j])
	}
	return nil
}

// Points starts particle i at point i of a block, of a file for example.
type Points struct {
	X    *lanes.Block
	Name string // where the points come from, for messages; may be empty
}

// Dim implements [Sampler].
func (l Points) Dim() int {
	if l.X == nil {
		return 0
	}
	return l.X.Dim()
}

// Check says what is wrong with the points.
func (l Points) Check() error { return checkDim("points", l.Dim()) }

// String names where the points come from.
func (l Points) String() string {
	n := 0
	if l.X != nil {
		n = l.X.Len()
	}
	if l.Name == "" {
		return fmt.Sprintf("%d points", n)
	}
	return fmt.Sprintf("%d points of %s", n, l.Name)
}

// Sample implements [Sampler]. A particle whose number is not below that of the points is an error.
func (l Points) Sample(_ context.Context, dst *lanes.Block, _ random.Stream, first uint64) error {
	if err := l.Check(); err != nil {
		return err
	}
	if err := checkShape("points", l.Dim(), dst); err != nil {
		return err
	}
	n := uint64(l.X.Len())
	if end := first + uint64(dst.Len()); end > n {
		return fmt.Errorf("mcmc: particle %d has no start: there are %s: give a point a particle, or ask for %d particles", max(first, n), l, n)
	}
	dst.CopyPoints(0, l.X, int(first), dst.Len())
	return nil
}

func checkDim(law string, dim int) error {
	if dim < 1 {
		return fmt.Errorf("mcmc: %s start of %d coordinates: a point has at least 1", law, dim)
	}
	return nil
}

// checkNumbers refuses a setting that is neither nil nor one finite number a coordinate.
func checkNumbers(law, name string, values []float64, dim int) error {
	if values == nil {
		return nil
	}
	if len(values) != dim {
		return fmt.Errorf("mcmc: %s start: %d values of %s for %d coordinates: give one a coordinate", law, len(values), name, dim)
	}
	for j, v := range values {
		if !isFinite(v) {
			return fmt.Errorf("mcmc: %s start: %s %d is %v: give a finite number", law, name, j, v)
		}
	}
	return nil
}

func checkShape(law string, dim int, dst *lanes.Block) error {
	if dst.Dim() != dim {
		return fmt.Errorf("mcmc: %s start of %d coordinates into points of %d: the two are the same number", law, dim, dst.Dim())
	}
	return nil
}
