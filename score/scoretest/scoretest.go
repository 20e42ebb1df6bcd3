// Package scoretest is the contract of score functions as tests that anybody can call:
//
//	func TestMyScore(t *testing.T) {
//		scoretest.Fn(t, mine{}, points)
//	}
//
// [Fn] and [NoiseConditional] check what the interfaces of package score promise.
package scoretest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// T is what a check needs of a *testing.T.
type T interface {
	Helper()
	Errorf(format string, arguments ...any)
}

// Fn checks a score function at points, some tens of them, where the score is known to be finite.
func Fn(t T, fn score.Fn, points *lanes.Block) {
	t.Helper()
	for _, check := range []struct {
		name string
		f    func(fn score.Fn, points *lanes.Block) error
	}{
		{"dimension", dimension}, {"finite", finite}, {"alone", alone}, {"padding", padding}, {"kept", kept},
		{"cancelled", cancelled}, {"concurrent", concurrent}, {"allocations", allocations},
	} {
		if err := check.f(fn, points); err != nil {
			t.Errorf("%s: %v", check.name, err)
			if check.name == "dimension" {
				return
			}
		}
	}
}

// NoiseConditional checks a family of scores at points and noise levels: each score, and that a level's does not depend on which
// others were asked for.
func NoiseConditional(t T, family score.NoiseConditional, points *lanes.Block, levels ...float64) {
	t.Helper()
	first := make([]*lanes.Block, len(levels))
	fns := make([]score.Fn, len(levels))
	for i, sigma := range levels {
		fns[i] = family.At(sigma)
		if d := fns[i].Dim(); d != family.Dim() {
			t.Errorf("dimension: %d at level %v, the family's is %d", d, sigma, family.Dim())
			return
		}
		Fn(t, fns[i], points)
		first[i], _ = evaluate(fns[i], points)
	}
	again := func(what string, i int, fn score.Fn) {
		got, err := evaluate(fn, points)
		if err == nil {
			err = same(first[i], got)
		}
		if err != nil {
			t.Errorf("levels: %s at level %v, after other levels: %v", what, levels[i], err)
		}
	}
	for i := range levels {
		again("the same score", i, fns[i])
	}
	for i, sigma := range levels {
		again("a second score", i, family.At(sigma))
	}
}

// evaluate scores points into a block full of NaN.
func evaluate(fn score.Fn, x *lanes.Block) (*lanes.Block, error) {
	s := lanes.New(x.Len(), x.Dim())
	for i := range s.Data() {
		s.Data()[i] = math.NaN()
	}
	return s, fn.Score(context.Background(), s, x)
}

// same finds a difference between the points of two blocks, bit by bit, NaN all alike.
func same(a, b *lanes.Block) error {
	for j := range a.Dim() {
		for i, v := range a.Row(j)[:a.Len()] {
			if w := b.Row(j)[i]; math.Float64bits(v) != math.Float64bits(w) && (v == v || w == w) {
				return fmt.Errorf("coordinate %d of point %d is %v and %v", j, i, v, w)
			}
		}
	}
	return nil
}

func dimension(fn score.Fn, points *lanes.Block) error {
	if dim := fn.Dim(); dim < 1 || dim != points.Dim() {
		return fmt.Errorf("it is %d, the points have %d coordinates", dim, points.Dim())
	}
	if points.Len() < 10 {
		return fmt.Errorf("%d points are too few: give at least 10", points.Len())
	}
	return nil
}

func finite(fn score.Fn, points *lanes.Block) error {
	s, err := evaluate(fn, points)
	if err != nil {
		return err
	}
	for j := range s.Dim() {
		for i, v := range s.Row(j)[:s.Len()] {
			if v-v != 0 {
				return fmt.Errorf("coordinate %d of the score at %v is %v", j, points.Point(i, nil), v)
			}
		}
	}
	return nil
}

// alone: a point's score does not depend on its neighbours or its place.
func alone(fn score.Fn, points *lanes.Block) error {
	whole, err := evaluate(fn, points)
	if err != nil {
		return err
	}
	n := points.Len()
	for _, part := range [][2]int{{0, 1}, {n - 1, 1}, {1, 8}, {3, n - 3}, {0, n}} {
		x, want := lanes.New(part[1], points.Dim()), lanes.New(part[1], points.Dim())
		x.CopyPoints(0, points, part[0], part[1])
		want.CopyPoints(0, whole, part[0], part[1])
		got, err := evaluate(fn, x)
		if err == nil {
			err = same(want, got)
		}
		if err != nil {
			return fmt.Errorf("points %d to %d alone: %w", part[0], part[0]+part[1]-1, err)
		}
	}
	return nil
}

// padding: what stands behind the points of a row changes nothing.
func padding(fn score.Fn, points *lanes.Block) error {
	n := min(points.Len(), 13) // no whole vectors
	x := lanes.New(n, points.Dim())
	x.CopyPoints(0, points, 0, n)
	want, err := evaluate(fn, x)
	if err != nil {
		return err
	}
	for _, v := range []float64{math.NaN(), math.Inf(-1), 1e300} {
		for j := range x.Dim() {
			for i := n; i < x.Stride(); i++ {
				x.Row(j)[i] = v
			}
		}
		got, err := evaluate(fn, x)
		if err == nil {
			err = same(want, got)
		}
		if err != nil {
			return fmt.Errorf("with %v in the padding: %w", v, err)
		}
	}
	return nil
}

// kept: the points stay as they are.
func kept(fn score.Fn, points *lanes.Block) error {
	before := lanes.New(points.Len(), points.Dim())
	before.Copy(points)
	if _, err := evaluate(fn, points); err != nil {
		return err
	}
	return same(before, points)
}

// cancelled: an ended context gives its error, or right values.
func cancelled(fn score.Fn, points *lanes.Block) error {
	want, err := evaluate(fn, points)
	if err != nil {
		return err
	}
	ended, end := context.WithCancel(context.Background())
	end()
	got := lanes.New(points.Len(), points.Dim())
	switch err := fn.Score(ended, got, points); {
	case err == nil:
		return same(want, got)
	case !errors.Is(err, context.Canceled):
		return fmt.Errorf("error %w, want the context's in its chain", err)
	}
	return nil
}

func concurrent(fn score.Fn, points *lanes.Block) error {
	want, err := evaluate(fn, points)
	if err != nil {
		return err
	}
	problems := make([]error, 8)
	var wait sync.WaitGroup
	for k := range problems {
		wait.Go(func() {
			for range 5 {
				got, err := evaluate(fn, points)
				if err == nil {
					err = same(want, got)
				}
				problems[k] = errors.Join(problems[k], err)
			}
		})
	}
	wait.Wait()
	return errors.Join(problems...)
}

func allocations(fn score.Fn, points *lanes.Block) error {
	if raceEnabled {
		return nil // the race detector allocates
	}
	s := lanes.New(points.Len(), points.Dim())
	ctx := context.Background()
	if n := testing.AllocsPerRun(20, func() { _ = fn.Score(ctx, s, points) }); n >= 1 {
		return fmt.Errorf("%v allocations a call once warm", n)
	}
	return nil
}
