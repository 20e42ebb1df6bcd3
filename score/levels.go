package score

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/backends"
)

// Levels is the law of the noise levels that a network is trained at, as its quantile function. Rows of a batch
// are given levels at evenly spread u, a stratified draw: every batch meets the whole law.
type Levels interface {
	// Level is the noise level, positive, that a share u of all levels lies below; u is in (0, 1). It is safe
	// for concurrent calls and does not allocate.
	Level(u float64) float64
	// Range is the smallest and the largest level that a network learns well, or nearly.
	Range() (low, high float64)
	// Check says what is wrong with the law's settings.
	Check() error
	// String names the law and its settings.
	String() string
}

// List is a law of noise levels that takes each of its levels equally often.
type List []float64

// Level implements [Levels].
func (l List) Level(u float64) float64 { return l[min(int(u*float64(len(l))), len(l)-1)] }

// Range implements [Levels].
func (l List) Range() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, sigma := range l {
		low, high = min(low, sigma), max(high, sigma)
	}
	return low, high
}

// Check implements [Levels].
func (l List) Check() error {
	if len(l) == 0 {
		return fmt.Errorf("score: a list of no noise levels: give at least one")
	}
	for i, sigma := range l {
		if err := checkLevel(fmt.Sprintf("noise level %d", i), sigma); err != nil {
			return err
		}
	}
	return nil
}

// String implements [Levels].
func (l List) String() string {
	switch len(l) {
	case 0:
		return "no noise levels"
	case 1:
		return fmt.Sprintf("noise level %v", l[0])
	}
	return fmt.Sprintf("%d noise levels from %v to %v", len(l), l[0], l[len(l)-1])
}

// Tiled is a law of noise levels that takes each of its levels equally often, like [List], and gives row i of a batch level i mod
// their number: the layout of programs that repeat a list of levels along the batch. Over a batch that is a multiple of their number it
// is the same stratified draw as that of a List, with the rows in another order.
type Tiled []float64

// Level implements [Levels].
func (l Tiled) Level(u float64) float64 { return List(l).Level(u) }

// Range implements [Levels].
func (l Tiled) Range() (low, high float64) { return List(l).Range() }

// Check implements [Levels].
func (l Tiled) Check() error { return List(l).Check() }

// String implements [Levels].
func (l Tiled) String() string { return List(l).String() + ", tiled" }

// LogNormal is the law of noise levels whose logarithm is normal (Karras et al. 2022, 2206.00364): most levels
// where a network can learn something, few where there is only noise or only data.
type LogNormal struct {
	Mean, SD float64 // of ln sigma; SD is positive
}

// Level implements [Levels].
func (l LogNormal) Level(u float64) float64 {
	return backends.Exp(math.FMA(l.SD, normalQuantile(u), l.Mean))
}

// Range implements [Levels]: the central 99.5 % of the levels.
func (l LogNormal) Range() (low, high float64) {
	const tail = 0.0025
	return l.Level(tail), l.Level(1 - tail)
}

// Check implements [Levels].
func (l LogNormal) Check() error {
	if !isFinite(l.Mean) || math.Abs(l.Mean) > 20 {
		return fmt.Errorf("score: log-normal noise levels: the mean of ln sigma is %v: give a number from -20 to 20, -1.2 for data of standard deviation 0.5", l.Mean)
	}
	if !(l.SD > 0 && l.SD <= 5) {
		return fmt.Errorf("score: log-normal noise levels: the standard deviation of ln sigma is %v: give a positive number up to 5, 1.2 for example", l.SD)
	}
	return nil
}

// String implements [Levels].
func (l LogNormal) String() string {
	return fmt.Sprintf("log-normal noise levels, ln sigma of mean %v and standard deviation %v", l.Mean, l.SD)
}

// LogUniform is the law of noise levels whose logarithm is uniform between those of Low and High: a geometric
// schedule with all levels in between.
type LogUniform struct {
	Low, High float64 // positive, Low below High
}

// Level implements [Levels].
func (l LogUniform) Level(u float64) float64 {
	return float64(l.Low * backends.Pow(l.High/l.Low, u))
}

// Range implements [Levels].
func (l LogUniform) Range() (low, high float64) { return l.Low, l.High }

// Check implements [Levels].
func (l LogUniform) Check() error { return checkRange(l.Low, l.High) }

// String implements [Levels].
func (l LogUniform) String() string {
	return fmt.Sprintf("noise levels spread evenly in ln sigma from %v to %v", l.Low, l.High)
}

// Geometric is a schedule for annealing, or a list of levels to train at: count levels from high down to low,
// each the same share of the one before it.
func Geometric(high, low float64, count int) (List, error) {
	if count == 1 && high == low {
		return List{high}, checkLevel("the noise level", high)
	}
	if err := checkRange(low, high); err != nil {
		return nil, err
	}
	if count < 2 || count > maxLevels {
		return nil, fmt.Errorf("score: %d noise levels from %v to %v: give 2 to %d", count, high, low, maxLevels)
	}
	levels := make(List, count)
	for i := range levels {
		levels[i] = float64(high * backends.Pow(low/high, float64(i)/float64(count-1)))
	}
	levels[0], levels[count-1] = high, low
	return levels, nil
}

// maxLevels bounds the length of a schedule.
const maxLevels = 1_000_000

func checkRange(low, high float64) error {
	if err := checkLevel("the lowest noise level", low); err != nil {
		return err
	}
	if err := checkLevel("the highest noise level", high); err != nil {
		return err
	}
	if low >= high {
		return fmt.Errorf("score: noise levels from %v down to %v: the first has to be the larger one", high, low)
	}
	return nil
}

// Noise levels are used in float32, squared.
const smallestLevel, largestLevel = 1e-12, 1e12

func checkLevel(name string, sigma float64) error {
	if !(sigma >= smallestLevel && sigma <= largestLevel) {
		return fmt.Errorf("score: %s is %v: a noise level is a standard deviation in the units of the data, a number from %v to %v", name, sigma, smallestLevel, largestLevel)
	}
	return nil
}

func isFinite(v float64) bool { return v-v == 0 }
