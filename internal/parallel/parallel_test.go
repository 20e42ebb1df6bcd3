package parallel

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
)

func TestDoCallsEveryItemOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 7} {
		for _, n := range []int{0, 1, 2, 100} {
			calls := make([]atomic.Int32, n)
			err := Do(workers, n, func(worker, i int) error {
				if worker < 0 || worker >= workers {
					t.Errorf("worker %d of %d", worker, workers)
				}
				calls[i].Add(1)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range calls {
				if c := calls[i].Load(); c != 1 {
					t.Errorf("%d workers, %d items: item %d was called %d times", workers, n, i, c)
				}
			}
		}
	}
}

func TestDoStopsAfterAnErrorAndReturnsIt(t *testing.T) {
	for _, workers := range []int{1, 3} {
		broken := errors.New("broken")
		var calls atomic.Int32
		err := Do(workers, 1000, func(_, i int) error {
			calls.Add(1)
			if i == 5 {
				return fmt.Errorf("item %d: %w", i, broken)
			}
			return nil
		})
		if !errors.Is(err, broken) {
			t.Errorf("error %v, want %v in its chain", err, broken)
		}
		if workers == 1 && calls.Load() != 6 {
			t.Errorf("%d calls, want 6", calls.Load())
		}
	}
}

func TestDoRaisesAPanicInTheCaller(t *testing.T) {
	defer func() {
		value := recover()
		if text, ok := value.(string); !ok || !strings.Contains(text, "item 17") {
			t.Errorf("recovered %v, want the panic of item 17", value)
		}
	}()
	_ = Do(3, 100, func(_, i int) error {
		if i == 17 {
			panic("item 17")
		}
		return nil
	})
	t.Error("no panic")
}

// The tree, written as its definition says.
func sumByDefinition(values []float64) float64 {
	var level []float64
	for i := 0; i < len(values); i += Leaf {
		sum := 0.0
		for _, v := range values[i:min(i+Leaf, len(values))] {
			sum += v
		}
		level = append(level, sum)
	}
	for len(level) > 1 {
		var up []float64
		for i := 0; i < len(level); i += 2 {
			if i+1 < len(level) {
				up = append(up, level[i]+level[i+1])
			} else {
				up = append(up, level[i])
			}
		}
		level = up
	}
	if len(level) == 0 {
		return 0
	}
	return level[0]
}

func TestSumIsTheTreeOfItsDefinition(t *testing.T) {
	values := make([]float64, 9*Leaf+3)
	state := uint64(1)
	for i := range values {
		state = state*6364136223846793005 + 1442695040888963407
		values[i] = math.Ldexp(float64(state>>11), -int(state>>60)*3)
	}
	for n := range values {
		if got, want := Sum(values[:n]), sumByDefinition(values[:n]); got != want {
			t.Fatalf("%d values: %x, by definition %x", n, got, want)
		}
	}
}

func TestSumDoesNotAllocate(t *testing.T) {
	values := make([]float64, 10_000)
	if n := testing.AllocsPerRun(10, func() { Sum(values) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleSum() {
	values := make([]float64, 1_000_000)
	for i := range values {
		values[i] = 0.1
	}
	fmt.Println(Sum(values))
	// Output: 100000.00000000036
}
