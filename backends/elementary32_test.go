package backends

import (
	"math"
	"testing"
)

// elementary32 lists the functions in float32 with those of float64, and with their bounds in ulp as their comments state
// them, measured over all float32 numbers.
var elementary32 = []struct {
	name string
	f    func(float32) float32
	wide func(float64) float64
	ulp  float64
}{
	{"exp", exp32, exp, 1.1},
	{"expm1", expm132, expm1, 1.5},
	{"log", log32, log, 0.9},
	{"sin", sin32, sin, 1.7},
	{"cos", cos32, cos, 1.9},
	{"tanh", tanh32, tanh, 2.5},
	{"sigmoid", sigmoid32, sigmoid, 2.5},
	{"softplus", softplus32, softplus, 1.8},
	{"erf", erf32, erf, 1.2},
}

// ulps32 is how far a float32 result is from the exact one, in ulp of that; infinite where they are different kinds of number.
func ulps32(got float32, exact float64) float64 {
	want := float32(exact)
	switch {
	case math.Float32bits(got) == math.Float32bits(want), got != got && want != want:
		return 0
	case math.IsNaN(float64(got) - exact), math.IsInf(float64(want), 0), got == 0 && math.Signbit(float64(got)) != math.Signbit(exact):
		return math.Inf(1)
	}
	_, e := math.Frexp(exact)
	return math.Abs(float64(got)-exact) / math.Max(math.Ldexp(1, e-24), 0x1p-149)
}

func TestFloat32FunctionsAreWithinTheirBounds(t *testing.T) {
	for _, e := range elementary32 {
		t.Run(e.name, func(t *testing.T) {
			worst, at, count := 0.0, float32(0), 0
			check := func(x float32) {
				want := e.wide(float64(x))
				if (e.name == "sin" || e.name == "cos") && math.Abs(float64(x)) > circleLimit32 {
					want = math.NaN()
				}
				u := ulps32(e.f(x), want)
				if u > worst {
					worst, at = u, x
				}
				if u > e.ulp {
					if count++; count <= 5 {
						t.Errorf("%s(%x) = %x, want %x: %.3f ulp off", e.name, x, e.f(x), want, u)
					}
				}
			}
			const stride = 16411 // of bit patterns; a prime, so that all low bits occur
			for b := uint64(0); b < 1<<32; b += stride {
				check(math.Float32frombits(uint32(b)))
			}
			for i := range 40_000 { // where functions are neither 0 nor at a limit
				check((float32(i) - 20_000 + 0.37) / 190)
			}
			for _, x := range []float64{0, 1, 0x1p-149, 0x1p-126, 0x1p-12, 0x1p-25, 20, 10, 4, 88.72283, 88.72284, 103.97208, 103.97209, circleLimit32, math.MaxFloat32, math.Inf(1), math.NaN()} {
				for _, s := range []float64{x, -x} {
					b := math.Float32bits(float32(s))
					check(math.Float32frombits(b - 1))
					check(math.Float32frombits(b))
					check(math.Float32frombits(b + 1))
				}
			}
			t.Logf("worst %.3f ulp (bound %g) at x = %x (%g)", worst, e.ulp, at, at)
		})
	}
}

func TestOddFloat32FunctionsAreOddInEveryBit(t *testing.T) {
	for name, f := range map[string]func(float32) float32{"sin": sin32, "tanh": tanh32, "erf": erf32} {
		for x := float32(0x1p-148); x < circleLimit32; x *= 1.37 {
			if math.Float32bits(f(-x)) != math.Float32bits(-f(x)) {
				t.Errorf("%s(%x) = %x, but %x at minus that", name, x, f(x), f(-x))
			}
		}
	}
}

func TestAdamFollowsItsFormula(t *testing.T) {
	const rate, decay, beta1, beta2, epsilon = 1e-3, 1e-2, 0.9, 0.999, 1e-8
	p, m, v := float32(1), float32(0), float32(0)
	exactP, exactM, exactV := 1.0, 0.0, 0.0
	for step := 1; step <= 1000; step++ {
		g := float32(math.Sin(float64(step))) * 1e-3
		c1, c2 := 1/(1-math.Pow(beta1, float64(step))), 1/(1-math.Pow(beta2, float64(step)))
		p, m, v = adam32(p, m, v, g, 1-beta1, 1-beta2, float32(rate*c1), float32(c2), epsilon, rate*decay)
		exactM = beta1*exactM + (1-beta1)*float64(g)
		exactV = beta2*exactV + (1-beta2)*float64(g)*float64(g)
		exactP += -rate*decay*exactP - rate*exactM*c1/(math.Sqrt(exactV*c2)+epsilon)
		if d := math.Abs(float64(p) - exactP); d > 1e-5 || math.Abs(float64(v)-exactV) > 1e-5*exactV {
			t.Fatalf("step %d: p = %v, v = %v; in float64 %v, %v", step, p, v, exactP, exactV)
		}
	}
	if p, _, _ := adam32(1, 0, 0, 0, 0.1, 0.001, 0.1, 1, 1e-8, 0.5); p != 0.5 {
		t.Errorf("without a gradient, decay 0.5 makes 1 to %v", p)
	}
}
