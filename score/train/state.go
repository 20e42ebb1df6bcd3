package train

import "math"

// state is all of a training that changes from step to step, and so what a checkpoint holds.
type state struct {
	step    int       // made so far
	weights []float32 // as plan lays them out, and so are the other vectors
	slices  [][]float32
	// Adam's means of the gradient and of its square.
	first, second []float32
	average       []float32 // of the weights; nil without one
	averagings    int       // how often it has been taken, on which its decay depends
	best          []float32 // the weights of the least validation loss; nil without validation

	loss   float64 // sum of the losses of the steps since the last point of the curve
	losses int     // and their number
	curve  []Point

	validation float64 // the last validation loss, NaN before the first
	bestLoss   float64
	bestStep   int  // 0 before the first evaluation
	stale      int  // evaluations since the best
	done       bool // stopped early
	due        bool // what comes after a step, from its validation on, was stopped
}

func (t *trainer) newState() state {
	s := state{weights: aligned(t.plan.weights), first: aligned(t.plan.weights), second: aligned(t.plan.weights), validation: math.NaN()}
	s.slices = t.plan.slices(s.weights)
	if t.EMA > 0 {
		s.average = aligned(t.plan.weights)
	}
	if t.validation != nil {
		s.best = aligned(t.plan.weights)
	}
	return s
}

// averaged is the weights that a model would get, validation apart.
func (s *state) averaged() []float32 {
	if s.average != nil {
		return s.average
	}
	return s.weights
}

// mark adds a point to the curve.
func (s *state) mark(rate, validation float64) {
	s.curve = append(s.curve, Point{Step: s.step, Loss: s.loss / float64(s.losses), Rate: rate, Validation: validation})
	s.loss, s.losses = 0, 0
}

// vectors are the parts of the state that are as long as the weights, by the prefix of their names in a checkpoint.
func (s *state) vectors() []vector {
	all := []vector{{"", s.weights}, {"adam.mean.", s.first}, {"adam.square.", s.second}}
	if s.average != nil {
		all = append(all, vector{"average.", s.average})
	}
	if s.best != nil {
		all = append(all, vector{"best.", s.best})
	}
	return all
}

type vector struct {
	prefix string
	values []float32
}
