//go:build unix

package conformance

import (
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/plugins/protocol"
)

var nan = math.NaN()

// spoiled is a request's points with a value in every coordinate of one row.
func spoiled(a ask, row int, value float64) []float64 {
	x := slices.Clone(a.x)
	for k := row; k < len(x); k += a.n {
		x[k] = value
	}
	return x
}

// Tolerances of values and gradients, after stan-dev/math test/unit/math/ad_tolerances.hpp.
const (
	valueTolerance    = 1e-8
	gradientTolerance = 1e-4
	// Differences of float32 numbers tell no more.
	gradientTolerance32 = 5e-2
)

// gradientChecks compare what a model says in two ways.
var gradientChecks = []Check{
	{Name: "logp-alone", Judges: "log p alone equals log p asked for with its gradient", kind: protocol.KindDensity, run: func(t *test) {
		t.withGradient()
		a := t.typical(t.some(50))
		both := t.evaluate(a)
		a.want = protocol.LogP
		alone := t.evaluate(a)
		both.out = nil
		t.near("log p alone", both, alone, t.tolerance(valueTolerance, 1e-4))
	}},
	{Name: "gradient-alone", Judges: "the gradient alone equals the one asked for with log p", kind: protocol.KindDensity, run: func(t *test) {
		t.withGradient()
		a := t.typical(t.some(50))
		both := t.evaluate(a)
		a.want = protocol.Grad
		alone := t.evaluate(a)
		both.logp = nil
		t.near("the gradient alone", both, alone, t.tolerance(valueTolerance, 1e-4))
	}},
	{Name: "gradient-differences", Judges: "the gradient is that of log p, by central differences", kind: protocol.KindDensity, run: func(t *test) {
		t.withGradient()
		if low, high := t.model.Low, t.model.High; low != nil || high != nil {
			t.note = "inside the bounds"
		}
		a := t.typical(t.some(20))
		t.slopes(a, t.evaluate(a), t.model, t.handle())
	}},
	{Name: "score-differences", Judges: "a score without noise is the gradient of the density of the same plug-in", kind: protocol.KindScore, run: func(t *test) {
		if t.model.Noise || len(t.model.Given) > 0 {
			t.skipf("it is a score under noise")
		}
		a := t.typical(t.some(20))
		says := t.evaluate(a)
		for i := range t.c.info.Models {
			d := &t.c.info.Models[i]
			if !d.Is(protocol.KindDensity) || d.Name == t.model.Name && t.model.Is(protocol.KindDensity) {
				continue
			}
			if opened := t.open(d.Name); opened.Dim == t.model.Dim && opened.Float32() == t.model.Float32() {
				t.slopes(a, says, opened, t.handle())
				return
			}
		}
		t.skipf("it has no density of as many coordinates")
	}},
	{Name: "score-levels", Judges: "a score has numbers at the least and the largest noise level", kind: protocol.KindScore, run: func(t *test) {
		t.withNoise()
		low, high := levels(t.model)
		for _, sigma := range []float64{low, high} {
			a := t.typical(t.some(20))
			a.sigma = []float64{sigma}
			t.finite(t.evaluate(a))
		}
		t.note = fmt.Sprintf("from %.3g to %.3g", low, high)
	}},
	{Name: "score-level-of-rows", Judges: "a noise level for each row equals one for all", kind: protocol.KindScore, run: func(t *test) {
		t.withNoise()
		a := t.typical(t.some(20))
		want := t.evaluate(a)
		level := a.sigma[0]
		a.sigma = make([]float64, a.n)
		for i := range a.sigma {
			a.sigma[i] = level
		}
		t.same("with a noise level for each row", want, t.evaluate(a))
		if a.n < 2 {
			return
		}
		low, _ := levels(t.model)
		a.sigma[0] = low
		got := t.evaluate(a)
		t.same("row 1 beside a row of another level", want.rows(1), got.rows(1))
	}},
	{Name: "score-far-out", Judges: "under much noise a far point is drawn back: the score points to where the data is", kind: protocol.KindScore, run: func(t *test) {
		t.withNoise()
		_, high := levels(t.model)
		a := t.typical(t.some(20))
		a.sigma = []float64{high}
		for i := range a.n { // all on one side
			for j := range t.columns() {
				a.x[j*a.n+i] = 3 * high * (1 + 0.1*a.x[j*a.n+i]/(1+math.Abs(a.x[j*a.n+i])))
			}
		}
		back, drawn := t.evaluate(a), 0
		for i := range a.n {
			sum := 0.0
			for j := range t.columns() {
				sum += back.out[j*a.n+i] * a.x[j*a.n+i]
			}
			if sum < 0 {
				drawn++
			}
		}
		if t.model.ScoreParam != protocol.ParamScore && t.model.ScoreParam != "" {
			t.skipf("it returns %s", t.model.ScoreParam)
		}
		if 2*drawn < a.n {
			t.failf("at noise level %.3g, %d of %d points three levels out are drawn back: a sign is wrong, or the range of levels", high, drawn, a.n)
		}
	}},
	{Name: "given-of-rows", Judges: "a conditioning vector for each row equals one for all", kind: protocol.KindScore, run: func(t *test) {
		if len(t.model.Given) == 0 {
			t.skipf("it is not conditioned")
		}
		a := t.typical(t.some(10))
		want := t.evaluate(a)
		for g, values := range a.given {
			rows := make([]float64, len(values)*a.n)
			for k, v := range values {
				for i := range a.n {
					rows[k*a.n+i] = v
				}
			}
			a.given[g] = rows
		}
		if a.n == 1 {
			return
		}
		t.same("with a vector for each row", want, t.evaluate(a))
	}},
	{Name: "given-missing", Judges: "a conditioning vector that is missing is an error, and it goes on", kind: protocol.KindScore, run: func(t *test) {
		if len(t.model.Given) == 0 {
			t.skipf("it is not conditioned")
		}
		a := t.typical(2)
		a.given = nil
		t.refused(t.frame(a), "no conditioning vector")
	}},
	{Name: "level-missing", Judges: "a noise level that is missing is an error, and it goes on", kind: protocol.KindScore, run: func(t *test) {
		t.withNoise()
		a := t.typical(2)
		a.sigma = nil
		t.refused(t.frame(a), "no noise level")
	}},
}

func (t *test) withGradient() {
	if !t.model.Gradient {
		t.skipf("it has no gradient")
	}
}

func (t *test) withNoise() {
	if !t.model.Noise {
		t.skipf("it has no noise levels")
	}
}

// tolerance is one for float64, and another for float32.
func (t *test) tolerance(double, single float64) float64 {
	if t.model.Float32() {
		return single
	}
	return double
}

// slopes compares the out of an answer with central differences of the log p of a density.
func (t *test) slopes(a ask, says answer, density *protocol.Model, handle uint32) {
	model := t.model
	defer func() { t.model = model }()
	t.model = density
	step := 6e-6 // about the cube root of the precision, where both errors of a difference are small
	if density.Float32() {
		step = 5e-3
	}
	coordinates := min(density.Dim, 10)
	compared := 0
	for i := range a.n {
		if says.status[i] != protocol.OK {
			continue
		}
		// All differences of a point in one batch, or in as many as it takes.
		var ups, downs []float64
		for at := 0; at < coordinates; {
			k := min(coordinates-at, max(1, t.some(2*coordinates)/2))
			if t.some(2) == 1 {
				k = 1
			}
			u, d := t.moved(a, i, at, k, step, handle)
			ups, downs = append(ups, u...), append(downs, d...)
			at += k
		}
		for j := range coordinates {
			h := step * math.Max(1, math.Abs(a.x[j*a.n+i]))
			slope, difference := says.out[j*a.n+i], (ups[j]-downs[j])/(2*h)
			if difference-difference != 0 {
				continue // at the edge of the support
			}
			compared++
			limit := t.tolerance(gradientTolerance, gradientTolerance32)
			if !(math.Abs(slope-difference) <= limit*math.Max(1, math.Max(math.Abs(slope), math.Abs(difference)))) {
				t.failf("at point %d, coordinate %d, it says %.8g, and differences of log p say %.8g", i, j, slope, difference)
			}
		}
	}
	if compared == 0 {
		t.failf("log p is finite around none of %d usual points", a.n)
	}
	t.note = fmt.Sprintf("%d slopes", compared)
}

// moved is log p of a point whose coordinates from at on were moved up and down, one after the other.
func (t *test) moved(a ask, i, at, k int, step float64, handle uint32) (up, down []float64) {
	logp := func(sign float64) []float64 {
		b := ask{handle: handle, want: protocol.LogP, n: k, x: make([]float64, t.model.Dim*k)}
		for j := range t.model.Dim {
			v := a.x[j*a.n+i]
			for m := range k {
				b.x[j*k+m] = v
				if j == at+m {
					b.x[j*k+m] = v + sign*step*math.Max(1, math.Abs(v))
				}
			}
		}
		r := t.evaluate(b)
		for m := range r.logp {
			if r.status[m] != protocol.OK {
				r.logp[m] = nan
			}
		}
		return r.logp
	}
	return logp(1), logp(-1)
}

// valueChecks are about points where there is no ordinary answer.
var valueChecks = []Check{
	{Name: "value-out-of-support", Judges: "outside the bounds that it says, log p is -Inf or the status says so", kind: protocol.KindDensity, run: func(t *test) {
		tried := 0
		for j := range min(t.model.Dim, 50) {
			low, high := bounds(t.model, j)
			for _, outside := range []float64{low - 1 - math.Abs(low), high + 1 + math.Abs(high)} {
				if math.IsInf(outside, 0) {
					continue
				}
				a := t.typical(1)
				a.x[j] = outside
				r := t.evaluate(a)
				tried++
				if r.status[0] != protocol.OutOfSupport && !math.IsInf(r.logp[0], -1) {
					t.failf("with coordinate %d at %v, log p is %v and the status %d", j, outside, r.logp[0], r.status[0])
				}
			}
		}
		if tried == 0 {
			t.skipf("it says no bounds")
		}
	}},
	{Name: "value-nan", Judges: "a row of NaN has a status or numbers, is no error, and it goes on", kind: anyKind, run: func(t *test) { t.strange(nan) }},
	{Name: "value-infinite", Judges: "rows of Inf and -Inf have a status or numbers, and it goes on", kind: anyKind, run: func(t *test) {
		t.strange(math.Inf(1))
		t.strange(math.Inf(-1))
	}},
	{Name: "value-huge", Judges: "rows of 1e300 and of the least number have a status or numbers, and it goes on", kind: anyKind, run: func(t *test) {
		t.strange(1e300)
		t.strange(math.SmallestNonzeroFloat64)
	}},
	{Name: "value-nan-is-told", Judges: "a point that is NaN has no finite log p", kind: protocol.KindDensity, run: func(t *test) {
		a := t.typical(1)
		a.x = spoiled(a, 0, nan)
		r := t.evaluate(a)
		if r.status[0] == protocol.OK && r.logp[0]-r.logp[0] == 0 {
			t.failf("log p of NaN is %v", r.logp[0])
		}
	}},
}

// strange asks for a batch with a strange row.
func (t *test) strange(value float64) {
	a := t.typical(t.some(5))
	a.x = spoiled(a, a.n/2, value)
	if _, err := t.ask(a); err != nil {
		t.failf("a row of %v makes the whole call an error: %w", value, err)
	}
	t.goesOn(fmt.Sprintf("after a row of %v", value))
}
