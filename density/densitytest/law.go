package densitytest

import (
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// mostCoordinates bounds those that the statistical checks look at.
const mostCoordinates = 12

// draws checks the addresses of exact draws: their bits depend on the stream and the particle, not on the block.
func (s *suite) draws(r *report) {
	exact, ok := s.d.(density.Exact)
	if !ok {
		return
	}
	const n, first = 100, 1000
	stream := random.New(seed, random.Exact)
	sample := func(size int, stream random.Stream, first uint64, filled float64) *lanes.Block {
		x := lanes.New(size, s.dim)
		fill(x.Data(), filled)
		if err := exact.Sample(background, x, stream, first); err != nil {
			r.fail("Sample: %v", err)
		}
		return x
	}
	whole := sample(n, stream, first, 1)
	compare := func(part *lanes.Block, at int, how string) {
		for i := range part.Len() {
			for j := range s.dim {
				if a, b := whole.Row(j)[at+i], part.Row(j)[i]; !same(a, b) && len(r.failures) == 0 {
					r.fail("coordinate %d of the draw of particle %d is %v, and %v %s", j, first+at+i, a, b, how)
				}
			}
		}
	}
	compare(sample(n, stream, first, -9), 0, "in another call")
	for _, size := range []int{1, 3, 8, 21} {
		for at := 0; at < n; at += size {
			size := min(size, n-at)
			compare(sample(size, stream, uint64(first+at), 2), at, fmt.Sprintf("in a block of %d that begins with particle %d", size, first+at))
		}
	}
	others := map[string]*lanes.Block{
		"another seed":                      sample(n, random.New(seed+1, random.Exact), first, 1),
		"a nested stream":                   sample(n, stream.Sub(1), first, 1),
		"particles that are one number off": sample(n, stream, first+1, 1),
	}
	for name, other := range others {
		equal := 0
		for i := range n {
			if same(whole.Row(0)[i], other.Row(0)[i]) {
				equal++
			}
		}
		if equal > n/2 {
			r.fail("%d of %d draws are the same with %s", equal, n, name)
		}
	}
	for i, v := range s.logProbOf(r, whole) {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			r.fail("log p of the draw of particle %d, %s, is %v", first+i, show(whole, i), v)
		}
	}
}

// population is the exact draws of the statistical checks, nil without a sampler.
func (s *suite) population(r *report) *lanes.Block {
	exact, ok := s.d.(density.Exact)
	if !ok {
		return nil
	}
	if s.drawn == nil {
		x := lanes.New(draws, s.dim)
		if err := exact.Sample(background, x, random.New(seed, random.Data), 0); err != nil {
			r.fail("Sample: %v", err)
			return nil
		}
		s.drawn = x
	}
	return s.drawn
}

// scores collects comparisons of means with what they should be.
type scores struct {
	r     *report
	heavy int // comparisons that were left out
	what  []string
	z     []float64
}

// add compares the mean of terms, of the order of unit, with 0. Where single terms carry much of the variance, its
// estimate means nothing, and no comparison is made.
func (c *scores) add(what string, terms []float64, unit float64) {
	n := float64(len(terms))
	mean := 0.0
	for _, v := range terms {
		mean += v / n
	}
	sum, largest := 0.0, 0.0
	for _, v := range terms {
		square := (v - mean) * (v - mean)
		sum += square
		largest = math.Max(largest, square)
	}
	switch {
	case math.Sqrt(sum/n) <= 1e-12*unit: // nothing random about it
		if math.Abs(mean) > 1e-9*unit {
			c.r.fail("%s is off by %v at every draw", what, mean)
		}
	case largest > 0.05*sum:
		c.heavy++
	default: // NaN, too
		c.what, c.z = append(c.what, what), append(c.z, mean/math.Sqrt(sum/(n-1)/n))
	}
}

// judge fails for what is further off than chance allows: the bound is exceeded by one in 10,000 right densities,
// however many comparisons there are.
func (c *scores) judge() {
	bound := math.Sqrt(2 * math.Log(math.Max(1, float64(len(c.z)))/1e-4))
	worst, where := 0.0, "none"
	for i, z := range c.z {
		if !(math.Abs(z) <= bound) {
			c.r.fail("%s is off by %.1f standard errors at %d exact draws", c.what[i], z, draws)
		}
		if math.Abs(z) > worst {
			worst, where = math.Abs(z), c.what[i]
		}
	}
	c.r.note("%d comparisons, largest |z| %.2f (%s), bound %.2f; %d left out for heavy tails", len(c.z), worst, where, bound, c.heavy)
}

// moments compares exact draws with the mean and covariance.
func (s *suite) moments(r *report) {
	known, ok := s.d.(density.Moments)
	x := s.population(r)
	if !ok || x == nil {
		return
	}
	mean, covariance := known.Mean(), known.Covariance()
	if mean == nil {
		return
	}
	if len(mean) != s.dim || covariance != nil && len(covariance) != s.dim {
		r.fail("Mean has %d elements and Covariance %d rows in %d dimensions", len(mean), len(covariance), s.dim)
		return
	}
	c := &scores{r: r}
	terms := make([]float64, x.Len())
	for a := range min(s.dim, mostCoordinates) {
		if finite(mean[a]) {
			for i, v := range x.Row(a)[:x.Len()] {
				terms[i] = v - mean[a]
			}
			c.add(fmt.Sprintf("mean[%d]", a), terms, meanDistance(x.Row(a)[:x.Len()]))
		}
		for b := range a + 1 {
			if covariance == nil || !finite(covariance[a][b]) || !finite(mean[a]) || !finite(mean[b]) {
				continue
			}
			if !same(covariance[a][b], covariance[b][a]) {
				r.fail("the covariance is not symmetric at [%d][%d]", a, b)
			}
			for i := range terms {
				terms[i] = (x.Row(a)[i]-mean[a])*(x.Row(b)[i]-mean[b]) - covariance[a][b]
			}
			c.add(fmt.Sprintf("covariance[%d][%d]", a, b), terms, meanDistance(x.Row(a)[:x.Len()])*meanDistance(x.Row(b)[:x.Len()]))
		}
	}
	c.judge()
}

// entropy compares the mean of -log p at exact draws with the entropy.
func (s *suite) entropy(r *report) {
	normalised, ok := s.d.(density.Normalised)
	entropic, also := s.d.(density.Entropic)
	x := s.population(r)
	if !ok || !also || x == nil {
		return
	}
	z, h := normalised.LogNormaliser(), entropic.Entropy()
	if math.IsNaN(z) || math.IsNaN(h) {
		return
	}
	terms := s.logProbOf(r, x)
	for i, v := range terms {
		terms[i] = z - v - h
	}
	c := &scores{r: r}
	c.add("-log p less the entropy", terms, 1)
	c.judge()
}

// stein checks Stein's identities, which join the gradient and the exact draws: no known value is needed.
func (s *suite) stein(r *report) {
	g, ok := s.d.(density.Differentiable)
	x := s.population(r)
	if !ok || x == nil {
		return
	}
	grad := lanes.New(x.Len(), s.dim)
	if err := g.LogProbGrad(background, nil, grad, clone(x)); err != nil {
		r.fail("%v", err)
		return
	}
	c := &scores{r: r}
	terms := make([]float64, x.Len())
	for j := range min(s.dim, mostCoordinates) {
		copy(terms, grad.Row(j)[:x.Len()])
		c.add(fmt.Sprintf("E s[%d]", j), terms, 1/meanDistance(x.Row(j)[:x.Len()]))
		for i := range terms {
			terms[i] = 1 + x.Row(j)[i]*grad.Row(j)[i]
		}
		c.add(fmt.Sprintf("E[1 + x[%d] s[%d]]", j, j), terms, 1)
	}
	c.judge()
}

func finite(v float64) bool { return v-v == 0 }

var background = context.Background()
