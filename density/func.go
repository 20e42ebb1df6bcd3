package density

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/scorefield/infer/lanes"
)

// Func makes a density on R^dim of a plain Go function that returns log p of one point:
//
//	d := density.Func(2, func(x []float64) float64 { return -(x[0]*x[0] + x[1]*x[1]) / 2 })
//
// A method of a struct will do as well: density.Func(3, model.LogProb). The function is called point by point
// and from several goroutines at once, so it must not write to anything they share. It gets a copy of the point,
// which it may overwrite but not keep. Outside of the support it returns -Inf. If it panics, the call of LogProb
// is an error that holds the point, and so is every call if dim is less than 1 or the function is nil.
//
// The density has no gradient: what needs one takes [FuncGrad], [Build] or [Parse].
func Func(dim int, f func(x []float64) float64) Density {
	return newPointwise(dim, f, nil)
}

// FuncGrad is [Func] with a gradient: grad sets its first argument to the gradient at x, all dim elements of it,
// and returns log p of x. Both functions are bound by the rules of Func; f may be nil, and log p is then taken
// from grad.
func FuncGrad(dim int, f func(x []float64) float64, grad func(grad, x []float64) float64) Differentiable {
	return pointwiseGradient{newPointwise(dim, f, grad)}
}

// pointwise calls functions of one point on the points of a block.
type pointwise struct {
	dim     int
	f       func(x []float64) float64
	grad    func(grad, x []float64) float64
	scratch sync.Pool // of *pointScratch
}

// pointScratch is memory for one point and its gradient.
type pointScratch struct{ x, grad []float64 }

func newPointwise(dim int, f func(x []float64) float64, grad func(grad, x []float64) float64) *pointwise {
	p := &pointwise{dim: dim, f: f, grad: grad}
	p.scratch.New = func() any { return &pointScratch{make([]float64, dim), make([]float64, dim)} }
	return p
}

// Dim is the number of coordinates of a point.
func (p *pointwise) Dim() int { return p.dim }

// LogProb calls the function on every point of x.
func (p *pointwise) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	if p.f == nil && p.grad == nil {
		return errors.New("density of a function: the function is nil; it has to return log p of a point")
	}
	if err := checkCall(ctx, p.dim, logp, x); err != nil {
		return err
	}
	if p.f == nil {
		return p.each(ctx, x, func(i int, s *pointScratch) { logp[i] = p.grad(s.grad, s.x) })
	}
	return p.each(ctx, x, func(i int, s *pointScratch) { logp[i] = p.f(s.x) })
}

// pointwiseGradient is a pointwise that has the gradient too.
type pointwiseGradient struct{ *pointwise }

// LogProbGrad calls the gradient's function on every point of x.
func (p pointwiseGradient) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if p.grad == nil {
		return errors.New("density of a function: the gradient is nil; give it, or use Func where none is needed")
	}
	if logp != nil {
		if err := checkCall(ctx, p.dim, logp, x); err != nil {
			return err
		}
	}
	if err := checkGradient(ctx, p.dim, grad, x); err != nil {
		return err
	}
	return p.each(ctx, x, func(i int, s *pointScratch) {
		value := p.grad(s.grad, s.x)
		if logp != nil {
			logp[i] = value
		}
		grad.SetPoint(i, s.grad)
	})
}

// each calls f with the number of each point and a copy of it. A panic of f becomes an error; when the context
// ends, the rest is left out.
func (p *pointwise) each(ctx context.Context, x *lanes.Block, f func(i int, s *pointScratch)) (err error) {
	s := p.scratch.Get().(*pointScratch)
	at := 0
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("density of a function: panic at x = %s: %v", formatPoint(x, at), cause)
			return // and leave the scratch, which somebody may still hold
		}
		p.scratch.Put(s)
	}()
	for at = range x.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		x.Point(at, s.x)
		f(at, s)
	}
	return nil
}

// formatPoint writes the coordinates of point i, of many only the first.
func formatPoint(x *lanes.Block, i int) string {
	const most = 8
	var b strings.Builder
	for j := range min(x.Dim(), most) {
		fmt.Fprintf(&b, ", %v", x.Row(j)[i])
	}
	if x.Dim() > most {
		fmt.Fprintf(&b, ", ... (%d coordinates)", x.Dim())
	}
	return "(" + strings.TrimPrefix(b.String(), ", ") + ")"
}

// checkCall is the check of every LogProb: of the context, the dimension of x and the length of logp.
func checkCall(ctx context.Context, dim int, logp []float64, x *lanes.Block) error {
	if dim < 1 {
		return fmt.Errorf("density of dimension %d: a point has at least one coordinate", dim)
	}
	if x.Dim() != dim {
		return fmt.Errorf("density of dimension %d: the points have %d coordinates", dim, x.Dim())
	}
	if len(logp) < x.Len() {
		return fmt.Errorf("density of dimension %d: room for %d values of log p, and %d points", dim, len(logp), x.Len())
	}
	return ctx.Err()
}

// checkGradient is the check of every LogProbGrad besides that of log p: grad has the shape of x and is not x.
func checkGradient(ctx context.Context, dim int, grad, x *lanes.Block) error {
	if dim < 1 {
		return fmt.Errorf("density of dimension %d: a point has at least one coordinate", dim)
	}
	if x.Dim() != dim {
		return fmt.Errorf("density of dimension %d: the points have %d coordinates", dim, x.Dim())
	}
	if grad.Dim() != dim || grad.Len() != x.Len() {
		return fmt.Errorf("density of dimension %d: a gradient of %d points of %d coordinates, and x has %d of %d", dim, grad.Len(), grad.Dim(), x.Len(), x.Dim())
	}
	if grad == x {
		return fmt.Errorf("density of dimension %d: the gradient would overwrite x; give it a block of its own", dim)
	}
	return ctx.Err()
}
