package score_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// pair is two points of a space of the given dimension, a distance apart in the first coordinate.
func pair(dim int, distance float64) *lanes.Block {
	b := lanes.New(2, dim)
	b.Row(0)[1] = distance
	return b
}

// The published numbers: 2006.09011 and its configurations, to the digits they are given with.
func TestDesignHasThePublishedValues(t *testing.T) {
	near := func(what string, got, want, within float64) {
		t.Helper()
		if math.Abs(got-want) > within {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	for _, c := range []struct {
		name           string
		dim            int
		distance, low  float64
		steps          int
		ratio          float64
		levels         int
		eps, e, excess float64 // eps 0 where only e is given
	}{
		{"MNIST", 784, 16, 0.01, 5, 1.0820, 95, 1.11e-5, 0.111, 1.093},
		{"MNIST from 1", 784, 1, 0.0159, 5, 1.0820, 54, 0, 0.111, 1.093},
		{"Fashion", 784, 22.1, 0.01, 3, 1.0820, 99, 0, 0.126, 1.113},
		{"MNIST, 10 steps", 784, 16, 0.01, 10, 1.0820, 95, 0, 0.086, 1.066},
		{"MNIST, 100 steps", 784, 16, 0.01, 100, 1.0820, 95, 0, 0.0207, 1.013},
		{"CIFAR", 3072, 50, 0.01, 5, 1.0398, 219, 6.5e-6, 0.065, 1.058},
	} {
		d, err := score.DesignNoise(pair(c.dim, c.distance), score.NoiseOptions{Low: c.low, Steps: c.steps})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		near(c.name+": sigma_1", d.Levels[0], c.distance, 1e-12*c.distance)
		near(c.name+": ratio", d.Ratio, c.ratio, 0.00005)
		near(c.name+": overlap", d.Overlap, 0.5, 1e-9)
		if len(d.Levels) != c.levels {
			t.Errorf("%s: %d levels, want %d", c.name, len(d.Levels), c.levels)
		}
		near(c.name+": e", d.Step/(c.low*c.low), c.e, 0.0005)
		near(c.name+": excess", d.Excess, c.excess, 0.0005)
		if c.eps != 0 {
			near(c.name+": eps", d.Step, c.eps, 0.01*c.eps)
		}
	}
}

func TestDesignFindsTheLargestDistanceOfAllPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{2, 3, 10, 300} {
		for _, dim := range []int{1, 2, 7} {
			b := lanes.New(n, dim)
			for j := range dim {
				for i := range n {
					b.Row(j)[i] = 1e3 + random.NormFloat64()*random.ExpFloat64()
				}
			}
			want := 0.0
			for i := range n {
				for k := range i {
					sum := 0.0
					for j := range dim {
						sum += (b.Row(j)[i] - b.Row(j)[k]) * (b.Row(j)[i] - b.Row(j)[k])
					}
					want = max(want, math.Sqrt(sum))
				}
			}
			d, err := score.DesignNoise(b, score.NoiseOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(d.Levels[0]/want-1) > 1e-12 {
				t.Errorf("%d points of %d coordinates: %v, want %v", n, dim, d.Levels[0], want)
			}
		}
	}
}

// In few dimensions neighbouring shells overlap by half at no ratio, or at one that leaves too few levels.
func TestDesignKeepsItsRatioBoundedInFewDimensions(t *testing.T) {
	d, err := score.DesignNoise(pair(2, 8), score.NoiseOptions{Low: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	if d.Ratio != 1.5 || d.Overlap < 0.5 || len(d.Levels) != 17 {
		t.Errorf("ratio %v, overlap %v, %d levels", d.Ratio, d.Overlap, len(d.Levels))
	}
}

func TestDesignRefusesDataWithoutADistance(t *testing.T) {
	bad := pair(3, 1)
	bad.Row(2)[1] = math.NaN()
	for _, c := range []struct {
		data *lanes.Block
		low  float64
		want string
	}{
		{nil, 0, "fewer than 2 points"},
		{lanes.New(1, 2), 0, "fewer than 2 points"},
		{lanes.New(5, 2), 0, "all 5 points are the same"},
		{bad, 0, "row 1, column 2 is NaN"},
		{pair(2, 1), 2, "noise levels from 1 down to 2"},
	} {
		if _, err := score.DesignNoise(c.data, score.NoiseOptions{Low: c.low}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func ExampleDesignNoise() {
	data := lanes.New(2, 784) // two images, black and one with 256 white pixels
	for j := range 256 {
		data.Row(j)[1] = 1
	}
	d, err := score.DesignNoise(data, score.NoiseOptions{Low: 0.01})
	fmt.Printf("%d levels from %g, ratio %.4f, step %.2e, error: %v\n", len(d.Levels), d.Levels[0], d.Ratio, d.Step, err)
	// Output: 95 levels from 16, ratio 1.0820, step 1.11e-05, error: <nil>
}
