package score

import (
	"context"
	"fmt"
	"sync"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Classes say which class each particle of a population has. It is a function of the particle's number alone.
type Classes struct {
	// Fixed are classes to take in turn: particle i has the class Fixed[i mod len(Fixed)].
	Fixed []int
	// Without them classes are drawn with the probabilities Shares, not negative, which are divided by their sum, by random
	// numbers of the seed.
	Shares []float64
	Seed   uint64
}

// Of is the class of a particle.
func (c Classes) Of(particle uint64) int { return c.of(particle, random.New(c.Seed, random.Class)) }

func (c Classes) of(particle uint64, stream random.Stream) int {
	if n := uint64(len(c.Fixed)); n > 0 {
		return c.Fixed[particle%n]
	}
	sum, last := 0.0, 0
	for k, share := range c.Shares {
		if share > 0 {
			sum += share
			last = k
		}
	}
	high, low, _, _ := stream.Words(particle, 0, 0)
	left := float64((float64((uint64(high)<<32|uint64(low))>>11) + 0.5) / (1 << 53) * sum)
	for k, share := range c.Shares {
		if left -= share; left < 0 && share > 0 {
			return k
		}
	}
	return last // sums were rounded
}

// check refuses classes that are not among count.
func (c Classes) check(count int) error {
	for _, k := range c.Fixed {
		if k < 0 || k >= count {
			return fmt.Errorf("score: class %d of a model with %d: they count from 0 to %d", k, count, count-1)
		}
	}
	if len(c.Fixed) > 0 {
		return nil
	}
	if len(c.Shares) != count {
		return fmt.Errorf("score: shares of %d classes for a model with %d: give one each", len(c.Shares), count)
	}
	sum := 0.0
	for k, share := range c.Shares {
		if !(share >= 0) || !isFinite(share) {
			return fmt.Errorf("score: the share of class %d is %v: it is a finite number that is not negative", k, share)
		}
		sum += share
	}
	if !(sum > 0) || !isFinite(sum) {
		return fmt.Errorf("score: the shares of the classes add up to %v: give at least one class some", sum)
	}
	return nil
}

func (c Classes) String() string {
	if len(c.Fixed) > 0 {
		return fmt.Sprintf("classes %v in turn", c.Fixed)
	}
	return fmt.Sprintf("classes by shares %v and seed %d", c.Shares, c.Seed)
}

// Guided is a conditional model as a family of scores in which each particle has a class, that element of the given vector
// being 1 and the others 0. With weight w it is
//
//	s(x) + w (s(x | class) - s(x)),
//
// classifier-free guidance (Ho and Salimans 2022, 2207.12598, with 1 + w there): 1 is the score of the class, larger weights
// make particles more typical of their class than its members are, and 0 forgets the class. Weights other than 0 and 1 take
// two evaluations of the model, counted as one. The scores implement [ByParticle].
func Guided(m *Model, classes Classes, weight float64) (NoiseConditional, error) {
	if m.GivenSize() == 0 {
		return nil, fmt.Errorf("score: the model has no classes: it has no input %q", inputGiven)
	}
	if err := classes.check(m.GivenSize()); err != nil {
		return nil, err
	}
	if !(weight >= 0 && weight <= 1000) {
		return nil, fmt.Errorf("score: guidance of weight %v: give a number from 0 to 1000, 1 for none", weight)
	}
	g := &guided{model: m, classes: classes, weight: weight, stream: random.New(classes.Seed, random.Class)}
	for k := range m.GivenSize() {
		vector := make([]float32, m.GivenSize())
		vector[k] = 1
		g.vectors = append(g.vectors, vector)
	}
	return g, nil
}

type guided struct {
	model   *Model
	classes Classes
	weight  float64
	stream  random.Stream
	vectors [][]float32 // given, by class
	blocks  sync.Pool   // *lanes.Block: the scores without a class
}

// Dim implements [NoiseConditional].
func (g *guided) Dim() int { return g.model.Dim() }

// At implements [NoiseConditional].
func (g *guided) At(sigma float64) Fn { return guidedAt{g, sigma} }

// String names the model, the classes and the weight.
func (g *guided) String() string {
	return fmt.Sprintf("%v, %v, guidance %v", g.model, g.classes, g.weight)
}

// guidedAt is a guided model at a noise level.
type guidedAt struct {
	*guided
	sigma float64
}

var _ ByParticle = guidedAt{}

// Lanes is the model's preference.
func (g guidedAt) Lanes() int { return learned{m: g.model}.Lanes() }

// Score implements [Fn].
func (g guidedAt) Score(ctx context.Context, dst, x *lanes.Block) error {
	return g.ScoreOf(ctx, dst, x, 0)
}

// ScoreOf implements [ByParticle].
func (g guidedAt) ScoreOf(ctx context.Context, dst, x *lanes.Block, first uint64) error {
	if g.weight != 0 {
		err := g.model.ScoreGiven(ctx, dst, x, g.sigma, func(i int) []float32 {
			return g.vectors[g.classes.of(first+uint64(i), g.stream)]
		})
		if err != nil || g.weight == 1 {
			return err
		}
	}
	if g.weight == 0 {
		return g.model.At(g.sigma).Score(ctx, dst, x)
	}
	free, _ := g.blocks.Get().(*lanes.Block)
	if free == nil || free.Len() != x.Len() {
		free = lanes.New(x.Len(), x.Dim())
	}
	defer g.blocks.Put(free)
	if err := g.model.score(ctx, free, x, g.sigma, nil, nil); err != nil {
		return err
	}
	t := backends.Current()
	for j := range x.Dim() {
		to, without := dst.Row(j), free.Row(j)
		t.Mul.VS(without, without, 1-g.weight)
		t.FMA.VSV(to, to, g.weight, without)
	}
	return nil
}
