package score_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/score"
)

func TestLogNormalLevelsAreQuantilesOfTheirLaw(t *testing.T) {
	law := score.LogNormal{Mean: -1.2, SD: 1.2}
	for _, u := range []float64{1e-300, 1e-17, 1e-12, 1e-5, 0.01, 0.074, 0.0750001, 0.3, 0.5, 0.7, 0.925, 0.9250001, 0.99999, 1 - 0x1p-53} {
		sigma := law.Level(u)
		// The distribution function in the tail it is small in.
		z := (math.Log(sigma) + 1.2) / 1.2
		got, want := 0.5*math.Erfc(-z/math.Sqrt2), u
		if u > 0.5 {
			got, want = 0.5*math.Erfc(z/math.Sqrt2), 1-u
		}
		if math.Abs(got/want-1) > 1e-12*(1+z*z) {
			t.Errorf("level %v at u = %v: probability %v, want %v", sigma, u, got, want)
		}
	}
	if got := law.Level(0.5); math.Abs(got-math.Exp(-1.2)) > 1e-15 {
		t.Errorf("the median is %v, want e^-1.2", got)
	}
	low, high := law.Range()
	if math.Abs(math.Log(low)-(-1.2-1.2*2.80703)) > 1e-4 || math.Abs(math.Log(high)-(-1.2+1.2*2.80703)) > 1e-4 {
		t.Errorf("range %v to %v", low, high)
	}
}

func TestAListTakesEachLevelEquallyOften(t *testing.T) {
	list := score.List{3, 1, 2, 0.5}
	count := map[float64]int{}
	const rows = 1000
	for i := range rows {
		count[list.Level((float64(i)+0.5)/rows)]++
	}
	for _, sigma := range list {
		if count[sigma] != rows/len(list) {
			t.Errorf("level %v: %d of %d rows", sigma, count[sigma], rows)
		}
	}
	if got := list.Level(1 - 0x1p-53); got != 0.5 {
		t.Errorf("the last level is %v", got)
	}
	if low, high := list.Range(); low != 0.5 || high != 3 {
		t.Errorf("range %v to %v", low, high)
	}
}

func TestGeometricLevelsFallByEqualFactors(t *testing.T) {
	levels, err := score.Geometric(1, 0.015848931924611134, 10) // the tutorial's: 0.63096^i
	if err != nil {
		t.Fatal(err)
	}
	for i, sigma := range levels {
		if want := math.Pow(10, -0.2*float64(i)); math.Abs(sigma/want-1) > 1e-14 {
			t.Errorf("level %d is %v, want %v", i, sigma, want)
		}
	}
	law := score.LogUniform{Low: 0.01, High: 100}
	if got := law.Level(0.25); math.Abs(got-0.1) > 1e-15 {
		t.Errorf("a quarter of the way from 0.01 to 100 is %v, want 0.1", got)
	}
}

func TestLevelsThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct {
		law  score.Levels
		want string
	}{
		{score.List{}, "no noise levels: give at least one"},
		{score.List{1, -1}, "noise level 1 is -1"},
		{score.List{math.NaN()}, "noise level 0 is NaN"},
		{score.LogNormal{Mean: math.Inf(1), SD: 1}, "the mean of ln sigma is +Inf"},
		{score.LogNormal{}, "the standard deviation of ln sigma is 0"},
		{score.LogUniform{Low: 2, High: 1}, "noise levels from 1 down to 2"},
		{score.LogUniform{Low: 0, High: 1}, "the lowest noise level is 0"},
	} {
		if err := c.law.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want one with %q", c.law, err, c.want)
		}
	}
	for _, c := range []struct {
		high, low float64
		count     int
	}{{1, 2, 3}, {1, 0.1, 1}, {1, 0.1, 1 << 40}, {math.Inf(1), 1, 5}, {1, 0, 5}} {
		if _, err := score.Geometric(c.high, c.low, c.count); err == nil {
			t.Errorf("%d levels from %v to %v: no error", c.count, c.high, c.low)
		}
	}
}

func ExampleGeometric() {
	levels, err := score.Geometric(8, 0.5, 5)
	fmt.Println(levels, err)
	// Output: 5 noise levels from 8 to 0.5 <nil>
}
