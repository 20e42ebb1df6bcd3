package backends

import (
	"math"
	"testing"
)

// Every activation, and its gradient, against float64.
func TestActivationsAreAccurate(t *testing.T) {
	table := Current().F32
	var x []float32
	for e := -30; e <= 6; e++ {
		for m := range 400 {
			v := float32(math.Ldexp(1+float64(m)/400, e))
			x = append(x, v, -v)
		}
	}
	x = append(x, 0, 200, float32(math.Inf(1)))
	y := make([]float32, len(x))
	worst := func(name string, bound float64, want func(x float64) float64) {
		t.Helper()
		most, at := 0.0, float32(0)
		for i, v := range x {
			w := want(float64(v))
			if float64(y[i]) == w || v < -80 { // results beyond are subnormal
				continue
			}
			ulp := float64(math.Float32frombits(math.Float32bits(float32(math.Abs(w)))+1)) - float64(float32(math.Abs(w)))
			if d := math.Abs(float64(y[i])-w) / ulp; !(d <= most) {
				most, at = d, v
			}
		}
		t.Logf("%s: %.2f ulp at %v", name, most, at)
		if !(most <= bound) {
			t.Errorf("%s is off by %.2f ulp at %v", name, most, at)
		}
	}
	table.ELU(y, x)
	worst("ELU", 2, func(x float64) float64 {
		if x > 0 {
			return x
		}
		return math.Expm1(x)
	})
	table.SiLU(y, x)
	worst("SiLU", 4, func(x float64) float64 { return x / (1 + math.Exp(-x)) })
}
