package spelling

import (
	"fmt"
	"math"
	"testing"
)

func TestGroupedNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1234567: "1,234,567", -999: "-999", -1000: "-1,000",
		math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := Grouped(n); got != want {
			t.Errorf("Grouped(%d) = %q, want %q", n, got, want)
		}
	}
	if got, want := Grouped(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"; got != want {
		t.Errorf("Grouped of the largest number = %q, want %q", got, want)
	}
}

func ExampleCounted() {
	fmt.Println(Counted(1, "draw"), Counted(10_000, "draw"))
	// Output: 1 draw 10,000 draws
}
