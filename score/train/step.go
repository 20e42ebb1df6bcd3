package train

import (
	"context"
	"math"
	"math/bits"
	"time"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

// The streams of a purpose, by what is drawn.
const (
	labelRows    = 1 // which row of the data, and where in its stratum its noise level lies: particle is the row of the batch
	labelNormals = 2 // particle is the place in the group's normal numbers, see spread
	labelSigns   = 3
	labelDrops   = 4 // whether a row's given vector is dropped: particle is the row of the batch
)

// group is a part of a batch and what one worker needs for it.
type group struct {
	first, count         int // rows of the batch
	dim, batch           int
	rows, normals, signs random.Stream
	drops                random.Stream
	levels               score.Levels // nil for one level or none
	uniform, dropped     [4][]float32 // dropped is nil where no given vector is
	points, sigma, given []float32
	drop                 float32 // share of the given vectors that are dropped
	normal, sign         quarters
	loss, gradient       []float32
	inputs, outputs      [][]float32
}

// quarters is a vector of random numbers that is drawn in four equal parts, one for each of the numbers a call makes, and so
// needs no bringing into order. Its last numbers, up to three, are not used.
type quarters struct {
	values []float32
	parts  [4][]float32
	first  uint64 // particle of the first number
}

// spread makes quarters of count numbers for a group whose first number, over all groups, is at. They take up a quarter of the
// addresses from at on, so groups do not meet.
func spread(count, at int) quarters {
	quarter := (count + 3) / 4
	q := quarters{values: aligned(4 * quarter), first: uint64(at)}
	for k := range q.parts {
		q.parts[k] = q.values[k*quarter : (k+1)*quarter]
	}
	return q
}

func newGroup(p *plan, c *Config, purpose random.Purpose, first, count, batch int) *group {
	stream := random.New(c.Seed, purpose)
	g := &group{
		first: first, count: count, dim: p.dim, batch: batch,
		rows: stream.Sub(labelRows), normals: stream.Sub(labelNormals), signs: stream.Sub(labelSigns),
		drops: stream.Sub(labelDrops), loss: aligned(count),
	}
	if c.conditional() {
		g.levels = c.Levels
	}
	for k := range g.uniform {
		g.uniform[k] = aligned(count)
	}
	for _, kind := range p.drawn {
		var input []float32
		switch kind {
		case drawnPoint:
			g.points = aligned(count * p.dim)
			input = g.points
		case drawnNormal:
			g.normal = spread(count*p.dim, first*p.dim)
			input = g.normal.values[:count*p.dim]
		case drawnSigns:
			g.sign = spread(count*p.dim, first*p.dim)
			input = g.sign.values[:count*p.dim]
		case drawnSigma:
			g.sigma = aligned(count)
			input = g.sigma
		case drawnGiven:
			g.given = aligned(count * p.given)
			input = g.given
		}
		g.inputs = append(g.inputs, input)
	}
	g.outputs = [][]float32{g.loss}
	return g
}

// newGroups cuts the batch.
func newGroups(p *plan, c *Config) []*group {
	var groups []*group
	for first := 0; first < c.Batch; first += c.Group {
		g := newGroup(p, c, random.Batch, first, min(c.Group, c.Batch-first), c.Batch)
		g.gradient = aligned(p.weights)
		g.outputs = append(g.outputs, p.slices(g.gradient)...)
		if g.given != nil && c.DropGiven > 0 {
			g.drop = float32(c.DropGiven)
			for k := range g.dropped {
				g.dropped[k] = aligned(g.count)
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// draw fills the inputs with what the addresses (step, row) say.
func (g *group) draw(data *rows, step uint64) {
	g.rows.Uniform32(g.uniform[:], uint64(g.first), step)
	if g.points != nil {
		g.gather(data)
	}
	if g.drop > 0 {
		g.drops.Uniform32(g.dropped[:], uint64(g.first), step)
		size := data.givenSize
		for i, u := range g.dropped[0] {
			if u < g.drop {
				clear(g.given[i*size:][:size])
			}
		}
	}
	g.drawNoise(step)
}

// gather copies rows of the data, with what is given for them, each chosen by 46 random bits: two uniform numbers, which are odd
// multiples of 2^-24.
func (g *group) gather(data *rows) {
	const places = 23
	high, low := g.uniform[0], g.uniform[1]
	low = low[:len(high)]
	dim := g.dim
	for i, u := range high {
		word := uint64(int32(u*(1<<places)))<<places | uint64(int32(low[i]*(1<<places)))
		index, _ := bits.Mul64(word<<(64-2*places), uint64(data.count))
		if g.given != nil {
			size := data.givenSize
			copy(g.given[i*size:][:size], data.given[int(index)*size:])
		}
		from, to := data.values[int(index)*dim:][:dim], g.points[i*dim:][:dim]
		if dim == 2 { // too short for the call that a copy is
			to[0], to[1] = from[0], from[1]
			continue
		}
		copy(to, from)
	}
}

// drawNoise draws all but the points.
func (g *group) drawNoise(step uint64) {
	if g.normal.values != nil {
		g.normals.Normal32(g.normal.parts[:], g.normal.first, step)
	}
	if g.sign.values != nil {
		g.signs.Uniform32(g.sign.parts[:], g.sign.first, step)
		for i, u := range g.sign.values {
			g.sign.values[i] = math.Float32frombits(math.Float32bits(u-0.5)&(1<<31) | math.Float32bits(1))
		}
	}
	if tiled, ok := g.levels.(score.Tiled); ok && g.sigma != nil {
		for i := range g.sigma {
			g.sigma[i] = float32(tiled[(g.first+i)%len(tiled)])
		}
	} else if g.sigma != nil {
		// Row i of the batch has a level from stratum i of as many as there are rows.
		for i := range g.sigma {
			u := (float64(g.first+i) + float64(g.uniform[2][i])) / float64(g.batch)
			g.sigma[i] = float32(g.levels.Level(u))
		}
	}
}

// step makes one step of the training, or, after an error, none.
func (t *trainer) step(ctx context.Context) error {
	s := &t.state
	begin := t.clock()
	if t.parallel || t.shareAlways {
		err := parallel.Do(t.workers, len(t.groups), func(_, i int) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			t.group(t.groups[i])
			return nil
		})
		if err != nil {
			return err
		}
	} else {
		for _, g := range t.groups {
			if len(t.groups) > 1 && ctx.Err() != nil {
				return ctx.Err()
			}
			t.group(g)
		}
	}
	t.join()
	loss, err := t.loss()
	if err != nil {
		return err
	}
	t.move()
	s.loss += loss
	s.losses++
	s.step++
	t.decide(begin)
	return nil
}

func (t *trainer) group(g *group) {
	g.draw(t.rows, uint64(t.state.step))
	t.plan.gradient.Run(g.count, g.outputs, g.inputs, t.state.slices)
}

// part is the number of weights that one worker adds up or moves at a time: what it does is element by element.
const part = 1 << 15

// parts calls f for all weights, part by part on all workers if it is worth it.
func (t *trainer) parts(f func(t *trainer, from, to int)) {
	n := len(t.groups[0].gradient)
	if !t.parallel || n <= part {
		f(t, 0, n)
		return
	}
	_ = parallel.Do(t.workers, (n+part-1)/part, func(_, i int) error { // no part fails
		f(t, i*part, min(n, (i+1)*part))
		return nil
	})
}

// join adds up the gradients of the groups, in the first of them: (0,1), (2,3), ..., then pairs of pairs.
func (t *trainer) join() { t.parts((*trainer).joinPart) }

func (t *trainer) joinPart(from, to int) {
	kernels := &backends.Current().F32
	for width := 1; width < len(t.groups); width *= 2 {
		for i := 0; i+width < len(t.groups); i += 2 * width {
			sum := t.groups[i].gradient[from:to]
			kernels.Add.VV(sum, sum, t.groups[i+width].gradient[from:to])
		}
	}
}

// loss is the mean loss of the rows of the step.
func (t *trainer) loss() (float64, error) {
	for _, g := range t.groups {
		to := t.losses[g.first:]
		for i, v := range g.loss {
			to[i] = float64(v)
		}
	}
	loss := parallel.Sum(t.losses) / float64(len(t.losses))
	if loss-loss != 0 {
		return 0, &DivergedError{Step: t.state.step, Loss: loss, Rate: t.Rate.at(t.state.step, t.Steps)}
	}
	return loss, nil
}

// move takes the optimiser's step along the gradient.
func (t *trainer) move() {
	s := &t.state
	kernels := &backends.Current().F32
	gradient := t.groups[0].gradient
	if t.Clip > 0 {
		if norm := norm(gradient); norm > t.Clip {
			kernels.Mul.VS(gradient, gradient, float32(t.Clip/norm))
		}
	}
	rate, a, n := t.Rate.at(s.step, t.Steps), t.Adam, float64(s.step+1)
	t.pace = pace{
		size:       float32(rate / (1 - backends.Pow(a.Beta1, n))),
		correction: float32(1 / (1 - backends.Pow(a.Beta2, n))),
		shrink:     float32(rate * a.WeightDecay),
	}
	if t.EMA > 0 {
		n := float64(s.averagings)
		t.pace.forget = float32(1 - min(t.EMA, (1+n)/(10+n)))
		s.averagings++
	}
	t.parts((*trainer).movePart)
}

// pace is what the moves of all weights have in common in a step.
type pace struct{ size, correction, shrink, forget float32 }

func (t *trainer) movePart(from, to int) {
	s, a, p := &t.state, t.Adam, t.pace
	kernels := &backends.Current().F32
	weights := s.weights[from:to]
	kernels.Adam(weights, s.first[from:to], s.second[from:to], t.groups[0].gradient[from:to],
		float32(1-a.Beta1), float32(1-a.Beta2), p.size, p.correction, float32(a.Epsilon), p.shrink)
	if t.EMA > 0 {
		difference, average := t.scratch[from:to], s.average[from:to]
		kernels.Sub.VV(difference, weights, average)
		kernels.FMA.VSV(average, difference, p.forget, average)
	}
}

// norm is the length of a vector, its squares added in float64 in four sums of every fourth.
func norm(values []float32) float64 {
	var sum [4]float64
	for len(values) >= 4 {
		for k := range sum {
			v := float64(values[k])
			sum[k] = math.FMA(v, v, sum[k])
		}
		values = values[4:]
	}
	for _, w := range values {
		v := float64(w)
		sum[0] = math.FMA(v, v, sum[0])
	}
	return math.Sqrt((sum[0] + sum[1]) + (sum[2] + sum[3]))
}

// The first steps are timed: from worthSharing on their groups are given to workers, from worthWatching on the clock is looked at after
// every step. Neither changes a result.
const (
	trials        = 5
	worthSharing  = 150 * time.Microsecond
	worthWatching = time.Millisecond
)

// clock is the time, as long as steps are timed.
func (t *trainer) clock() time.Time {
	if t.state.step-t.resumed >= trials {
		return time.Time{}
	}
	return time.Now()
}

// decide takes the fastest of the trials.
func (t *trainer) decide(begin time.Time) {
	if begin.IsZero() {
		return
	}
	if took := time.Since(begin); t.fastest == 0 || took < t.fastest {
		t.fastest = took
	}
	if t.state.step-t.resumed == trials {
		t.parallel = t.workers > 1 && len(t.groups) > 1 && t.fastest >= worthSharing
		t.slow = t.fastest >= worthWatching
	}
}

// validator is the rows kept for validation, with noise that is drawn once.
type validator struct {
	groups []*group
	losses []float64
}

const (
	validationGroup  = 256 // rows a call
	validationImages = 16  // rows a call where a row is an image, so that the end of a context is seen
	validationDraws  = 4   // draws of noise a row
)

func newValidator(p *plan, c *Config, data *rows) *validator {
	n := data.count * validationDraws
	v := &validator{losses: make([]float64, n)}
	size := validationGroup
	if p.loss.Piece() == 1 {
		size = validationImages
	}
	for first := 0; first < n; first += size {
		g := newGroup(p, c, random.Validation, first, min(size, n-first), n)
		g.rows = random.New(c.Seed, random.Validation).Sub(labelRows).Sub(labelRows) // that of labelRows chose the rows
		g.rows.Uniform32(g.uniform[:], uint64(first), 0)
		for i := range g.points {
			row := (first + i/g.dim) % data.count
			g.points[i] = data.values[row*g.dim+i%g.dim]
		}
		for i := range g.given {
			row := (first + i/p.given) % data.count
			g.given[i] = data.given[row*p.given+i%p.given]
		}
		g.drawNoise(0)
		v.groups = append(v.groups, g)
	}
	return v
}

// validate is the loss of the weights the model would get now. It notes the best, and whether to stop.
func (t *trainer) validate(ctx context.Context) (float64, error) {
	s, v := &t.state, t.validation
	weights := s.averaged()
	slices := t.plan.slices(weights)
	workers := 1
	if t.parallel {
		workers = t.workers
	}
	err := parallel.Do(workers, len(v.groups), func(_, i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := v.groups[i]
		t.plan.loss.Run(g.count, g.outputs, g.inputs, slices)
		for k, loss := range g.loss {
			v.losses[g.first+k] = float64(loss)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	loss := parallel.Sum(v.losses) / float64(len(v.losses))
	if loss-loss != 0 {
		return 0, &DivergedError{Step: s.step, Loss: loss, Rate: t.Rate.at(s.step-1, t.Steps)}
	}
	s.validation = loss
	if s.bestStep == 0 || loss < s.bestLoss {
		s.bestLoss, s.bestStep, s.stale = loss, s.step, 0
		copy(s.best, weights)
	} else if s.stale++; t.Validation.Patience > 0 && s.stale >= t.Validation.Patience {
		s.done = true
		t.note("stopped at step %d: the validation loss has not fallen below %.6g, that of step %d, in %d evaluations", s.step, s.bestLoss, s.bestStep, s.stale)
	}
	return loss, nil
}
