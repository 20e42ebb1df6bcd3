package score_test

import (
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
)

const space = 3

// bent is a score without symmetry: B tanh(A x + c).
func bent(x autodiff.Value) autodiff.Value {
	g := x.Graph()
	a := g.Constant([]float64{0.5, -1, 0.3, 0.2, 0.7, -0.4, -0.9, 0.1, 0.6, 0.3, 0.3, -0.8}, 4, space)
	b := g.Constant([]float64{-1, 0.4, 0.2, 0.1, 0.3, -0.7, 0.5, -0.2, 0.2, 0.6, -1.1, 0.8}, space, 4)
	c := g.Constant([]float64{0.1, -0.2, 0.3, 0.05}, 4)
	return b.MatMul(a.MatMul(x).Add(c).Tanh())
}

// run computes values of a graph for every point of the inputs, which are blocks.
func run(t *testing.T, outputs, inputs []autodiff.Value, blocks ...*lanes.Block) []*lanes.Block {
	t.Helper()
	program, err := autodiff.Compile(outputs, inputs)
	if err != nil {
		t.Fatal(err)
	}
	n := blocks[0].Len()
	var in, out []autodiff.Array
	var results []*lanes.Block
	for _, b := range blocks {
		in = append(in, autodiff.Rows(b))
	}
	for _, v := range outputs {
		b := lanes.New(n, v.Size())
		results, out = append(results, b), append(out, autodiff.Rows(b))
	}
	program.Run(n, out, in)
	return results
}

func must(t *testing.T) func(v autodiff.Value, err error) autodiff.Value {
	return func(v autodiff.Value, err error) autodiff.Value {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTheTraceIsThatOfTheDerivative(t *testing.T) {
	g := autodiff.NewGraph()
	x := g.Input("x", space)
	trace := must(t)(score.Trace(bent(x), x))
	at := points(5, space)
	got := run(t, []autodiff.Value{trace}, []autodiff.Value{x}, at)[0].Row(0)
	const h = 1e-5
	for i := range 5 {
		want := 0.0
		for j := range space {
			high, low := lanes.New(5, space), lanes.New(5, space)
			high.Copy(at)
			low.Copy(at)
			high.Row(j)[i] += h
			low.Row(j)[i] -= h
			s := bent(x)
			up, down := run(t, []autodiff.Value{s}, []autodiff.Value{x}, high)[0], run(t, []autodiff.Value{s}, []autodiff.Value{x}, low)[0]
			want += (up.Row(j)[i] - down.Row(j)[i]) / (2 * h)
		}
		if math.Abs(got[i]-want) > 1e-8 {
			t.Errorf("point %d: %v, by differences %v", i, got[i], want)
		}
	}
}

// Over all sign vectors v the mean of v'Jv is the trace, and that of (v's)^2 is |s|^2, so the three losses agree.
func TestSlicedLossesAreTheImplicitOneInTheMeanOverSigns(t *testing.T) {
	g := autodiff.NewGraph()
	x, v := g.Input("x", space), g.Input("v", space)
	s := bent(x)
	outputs := []autodiff.Value{
		must(t)(score.Implicit(s, x)), must(t)(score.Sliced(s, x, v)), must(t)(score.SlicedVarianceReduced(s, x, v)), must(t)(score.TraceAlong(s, x, v)),
		must(t)(score.Trace(s, x)),
	}
	const signs = 1 << space
	at, along := lanes.New(signs, space), lanes.New(signs, space)
	for i := range signs {
		at.SetPoint(i, []float64{0.3, -1.1, 0.8})
		for j := range space {
			along.Row(j)[i] = float64(1 - 2*(i>>j&1))
		}
	}
	r := run(t, outputs, []autodiff.Value{x, v}, at, along)
	mean := func(k int) float64 {
		sum := 0.0
		for _, w := range r[k].Row(0)[:signs] {
			sum += w / signs
		}
		return sum
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"sliced", mean(1), mean(0)}, {"variance reduced", mean(2), mean(0)}, {"trace along signs", mean(3), mean(4)}} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s: mean %v, want %v", c.name, c.got, c.want)
		}
	}
	if r[1].Row(0)[0] == r[2].Row(0)[0] {
		t.Error("the two sliced losses are the same")
	}
}

// For points of a normal law, whose score is known, integration by parts gives each loss up to what does not depend on s:
//
//	implicit:  E loss = E|s - s*|^2/2 - E|s*|^2/2,
//	denoising: E loss = E|s - s*|^2/D + 1/sigma^2 - 1/(v + sigma^2), s* and v those of the law, the latter before it is blurred.
func TestLossesMeasureTheDistanceToTheScoreOfANormalLaw(t *testing.T) {
	const n, v, sigma = 200_000, 0.8, 0.5
	g := autodiff.NewGraph()
	x, z := g.Input("x", space), g.Input("z", space)
	level := g.Scalar(sigma)
	law := func(x autodiff.Value, variance float64) autodiff.Value { return x.Scale(-1 / variance) }
	square := func(v autodiff.Value) autodiff.Value { return v.Dot(v) }
	implicit := must(t)(score.Implicit(bent(x), x)).Sub(square(bent(x).Sub(law(x, v))).Scale(0.5)).Add(square(law(x, v)).Scale(0.5))
	blurred := x.Add(z.Mul(level))
	distance := bent(blurred).Sub(law(blurred, v+sigma*sigma)).Square().Mean()
	constant := 1/(sigma*sigma) - 1/(v+sigma*sigma)
	plain := score.Denoising(bent(blurred), z, level, score.Unweighted).Sub(distance).Shift(-constant)
	weighted := score.Denoising(bent(blurred), z, level, score.SigmaSquared).Sub(distance.Scale(sigma * sigma)).Shift(-constant * sigma * sigma)
	edm := sigma * sigma * (sigma*sigma + 4) / 4
	edmWeighted := score.Denoising(bent(blurred), z, level, score.EDM(2)).Sub(distance.Scale(edm)).Shift(-constant * edm)

	points, noise := lanes.New(n, space), lanes.New(n, space)
	random.New(8, random.User).Normal(points, 0, 0)
	random.New(9, random.User).Normal(noise, 0, 0)
	for i := range points.Data() {
		points.Data()[i] *= math.Sqrt(v)
	}
	outputs := []autodiff.Value{implicit, plain, weighted, edmWeighted}
	for k, r := range run(t, outputs, []autodiff.Value{x, z}, points, noise) {
		var sum, squares float64
		for _, w := range r.Row(0)[:n] {
			sum += w
			squares += w * w
		}
		mean := sum / n
		zScore := mean / math.Sqrt((squares/n-mean*mean)/n)
		t.Logf("loss %d: off by %.5f, z %.2f", k, mean, zScore)
		if math.Abs(zScore) > 4 {
			t.Errorf("loss %d: its mean is off by %v, z %.2f", k, mean, zScore)
		}
	}
}

func TestObjectivesRefuseWhatIsNoScore(t *testing.T) {
	g := autodiff.NewGraph()
	x := g.Input("x", 3)
	if _, err := score.Implicit(x.Slice(0, 2), x); err == nil || !strings.Contains(err.Error(), "a score of shape [2] at points of shape [3]") {
		t.Errorf("error %v", err)
	}
	if _, err := score.Sliced(x, x.Scale(2), x); err == nil {
		t.Error("points that are no input: no error")
	}
	if _, err := score.Trace(x.Add(g.Input("y", 2)), x); err == nil || !strings.Contains(err.Error(), "add") {
		t.Errorf("a mistake of the graph: %v", err)
	}
}
