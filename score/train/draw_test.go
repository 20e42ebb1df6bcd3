package train

import (
	"math"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
)

// drawing is the groups of a training that draws everything there is, on seven rows whose first coordinate is their number.
func drawing(t *testing.T, batch, size, dim int, levels score.Levels) ([]*group, *rows) {
	t.Helper()
	c := Config{
		Network: network.MLP([]int{4}, network.ReLU, nil), Levels: levels, Batch: batch, Group: size, Seed: 11,
		Objective: func(r *Row) (autodiff.Value, error) {
			return r.Score(r.Point()).Add(r.Normal()).Add(r.Signs()).Sum().Mul(r.Sigma()), nil
		},
	}
	p, err := newPlan(&c, dim)
	if err != nil {
		t.Fatal(err)
	}
	data := &rows{values: make([]float32, 7*dim), count: 7, dim: dim}
	for i := range data.values {
		data.values[i] = float32(i / dim)
	}
	return newGroups(p, &c), data
}

func TestRowsAreDrawnEquallyOften(t *testing.T) {
	groups, data := drawing(t, 100, 30, 3, score.LogUniform{Low: 1, High: 2})
	var count [7]float64
	const steps = 700
	for step := range uint64(steps) {
		for _, g := range groups {
			g.draw(data, step)
			for i := range g.count {
				row := g.points[i*3]
				if g.points[i*3+1] != row || g.points[i*3+2] != row {
					t.Fatalf("a row of parts of others: %v", g.points[i*3:i*3+3])
				}
				count[int(row)]++
			}
		}
	}
	chi := 0.0
	for _, n := range count {
		chi += (n - 100*steps/7) * (n - 100*steps/7) / (100 * steps / 7)
	}
	t.Logf("chi-squared %.2f of 6 degrees of freedom", chi)
	if chi > 24 { // 5e-4
		t.Errorf("rows are drawn %v times", count)
	}
}

// No number is used twice: not in two groups, not in two steps, not in two rows.
func TestNoiseIsIndependentOverRowsGroupsAndSteps(t *testing.T) {
	for _, shape := range [][3]int{{100, 30, 3}, {10, 3, 1}, {7, 7, 2}, {64, 1, 5}} {
		batch, dim := shape[0], shape[2]
		groups, data := drawing(t, batch, shape[1], dim, score.LogUniform{Low: 1, High: 2})
		seen := map[float32]int{}
		var n, sum, square, signs, product float64
		const steps = 20
		for step := range uint64(steps) {
			for _, g := range groups {
				g.draw(data, step)
				for i, z := range g.normal.values[:g.count*dim] {
					seen[z]++
					n++
					sum += float64(z)
					square += float64(z) * float64(z)
					v := g.sign.values[i]
					if v != 1 && v != -1 {
						t.Fatalf("sign %v", v)
					}
					signs += float64(v)
					product += float64(v) * float64(z)
				}
			}
		}
		if n != float64(batch*dim*steps) {
			t.Errorf("%v: %v numbers", shape, n)
		}
		repeats := 0
		for _, k := range seen {
			repeats += k - 1
		}
		// Two of 6,000 normal numbers in float32 are equal now and then: some 2^24 values are likely.
		if expected := n * n / 2 / (1 << 23); float64(repeats) > 5+3*expected {
			t.Errorf("%v: %d of %v numbers come again, %.1f by chance", shape, repeats, n, expected)
		}
		for name, z := range map[string]float64{
			"mean": sum / math.Sqrt(n), "variance": (square - n) / math.Sqrt(2*n), "signs": signs / math.Sqrt(n), "signs times noise": product / math.Sqrt(n),
		} {
			if math.Abs(z) > 4 {
				t.Errorf("%v: %s: z %.2f", shape, name, z)
			}
		}
	}
}

func TestLevelsAreStratifiedOverTheBatch(t *testing.T) {
	const batch = 40
	law := score.LogUniform{Low: 0.1, High: 10}
	groups, data := drawing(t, batch, 16, 2, law)
	var first [3]float32
	for step := range uint64(3) {
		for _, g := range groups {
			g.draw(data, step)
			for i, sigma := range g.sigma {
				row := g.first + i
				low, high := law.Level((float64(row)+1e-9)/batch), law.Level((float64(row)+1)/batch)
				if float64(sigma) < low*(1-1e-6) || float64(sigma) > high*(1+1e-6) {
					t.Errorf("row %d has level %v, its stratum is %v to %v", row, sigma, low, high)
				}
			}
		}
		first[step] = groups[0].sigma[0]
	}
	if first[0] == first[1] || first[1] == first[2] {
		t.Errorf("the same level in every step: %v", first)
	}
}

func TestGroupsMeetInTheFixedTree(t *testing.T) {
	for n := 1; n <= 9; n++ {
		tr := &trainer{}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(math.Ldexp(1, 3*i)) + 1.0/3
			tr.groups = append(tr.groups, &group{gradient: []float32{values[i]}})
		}
		for len(values) > 1 { // by definition
			var up []float32
			for i := 0; i < len(values); i += 2 {
				if i+1 < len(values) {
					up = append(up, values[i]+values[i+1])
				} else {
					up = append(up, values[i])
				}
			}
			values = up
		}
		tr.join()
		if got := tr.groups[0].gradient[0]; got != values[0] {
			t.Errorf("%d groups: %v, by definition %v", n, got, values[0])
		}
	}
}

func TestClippingShortensTheGradient(t *testing.T) {
	for _, c := range []struct{ clip, want float64 }{{0, 5}, {10, 5}, {5, 5}, {1, 1}, {1e-6, 1e-6}} {
		tr := &trainer{Config: Config{Clip: c.clip, Rate: Rate{Peak: 1}, Adam: Adam{Epsilon: 1e-8}, Steps: 1}}
		gradient := []float32{3, 0, 0, 0, -4}
		tr.groups = []*group{{gradient: gradient}}
		tr.state = state{weights: make([]float32, 5), first: make([]float32, 5), second: make([]float32, 5)}
		tr.move()
		if got := norm(gradient); math.Abs(got/c.want-1) > 1e-6 {
			t.Errorf("clipped at %v the norm is %v, want %v", c.clip, got, c.want)
		}
		if math.Abs(float64(gradient[0]/gradient[4])+0.75) > 1e-6 {
			t.Errorf("clipped at %v it turns: %v", c.clip, gradient)
		}
	}
}
