package score

import (
	"context"

	"github.com/scorefield/infer/lanes"
)

// ByParticle is an Fn whose score depends on which particle a point is, and not only on where it is: each particle may have
// a class of its own, as under [Guided]. The kernels of package mcmc say which particles they ask about.
//
// What belongs to a particle is a function of its number alone, so that a population has the same draws however it is cut
// into blocks. Score takes the points for the particles from number 0 on.
type ByParticle interface {
	Fn
	// ScoreOf is Score for points that are those of the particles first, first+1, ...
	ScoreOf(ctx context.Context, dst, x *lanes.Block, first uint64) error
}

// ForParticles sets point i of dst to the score at point i of x, which is that of particle first+i: by ScoreOf where fn has it.
func ForParticles(ctx context.Context, fn Fn, dst, x *lanes.Block, first uint64) error {
	if f, ok := fn.(ByParticle); ok {
		return f.ScoreOf(ctx, dst, x, first)
	}
	return fn.Score(ctx, dst, x)
}
