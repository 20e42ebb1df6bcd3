package backends

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// cornerWords are the random bits at which Box and Muller's transform could leave its domain.
var cornerWords = []uint64{0, 1, 2, 3, 1<<12 - 1, 1 << 12, 1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<64 - 1<<12, 1<<64 - 1<<12 - 1, 1<<64 - 4, 1<<64 - 3, 1<<64 - 2, 1<<64 - 1,
	0x5555555555555555, 0xAAAAAAAAAAAAAAAA}

func TestBoxMullerIsFiniteAtItsCorners(t *testing.T) {
	largest := math.Sqrt(2 * 53 * math.Ln2)
	var most float64
	for _, v := range cornerWords {
		for _, w := range cornerWords {
			z0, z1 := boxMuller(v, w)
			radius := math.Hypot(z0, z1)
			if !(radius > 0 && radius <= largest*(1+0x1p-50)) {
				t.Errorf("words %x %x: (%v, %v), radius %v not in (0, %v]", v, w, z0, z1, radius, largest)
			}
			most = math.Max(most, radius)
		}
	}
	if math.Abs(most-largest) > 1e-14 {
		t.Errorf("largest radius %v, want %v: the smallest uniform number is 2^-53", most, largest)
	}
	largest, most = math.Sqrt(2*31*math.Ln2), 0
	for _, v := range cornerWords {
		for _, w := range cornerWords {
			z0, z1 := normalPair32(uint32(v), uint32(w))
			radius := math.Hypot(float64(z0), float64(z1))
			if !(radius >= 0 && radius <= largest*(1+0x1p-22)) { // 0 where the uniform number rounds to 1
				t.Errorf("words %x %x: (%v, %v), radius %v not in [0, %v]", uint32(v), uint32(w), z0, z1, radius, largest)
			}
			most = math.Max(most, radius)
		}
	}
	if math.Abs(most-largest) > 1e-5 {
		t.Errorf("float32: largest radius %v, want %v: the smallest uniform number is 2^-31", most, largest)
	}
}

// TestBoxMullerReachesEveryQuarter follows the angle round the circle.
func TestBoxMullerReachesEveryQuarter(t *testing.T) {
	const v = 1 << 62
	for _, c := range []struct {
		turn     uint64
		from, to float64 // in eighths of a circle, for f from -1/2 to 1/2
	}{{0, -1, 1}, {1, 3, 1}, {2, 3, 5}, {3, 7, 5}} {
		for _, f := range []float64{0, 0.25, 0.5, 0.75, 1 - 0x1p-52} {
			want := (c.from + f*(c.to-c.from)) * math.Pi / 4
			z0, z1 := boxMuller(v, uint64(f*(1<<52))<<12|c.turn)
			if d := math.Remainder(math.Atan2(z1, z0)-want, 2*math.Pi); math.Abs(d) > 1e-15*8 {
				t.Errorf("turn %d, f %v: angle %v, want %v", c.turn, f, math.Atan2(z1, z0), want)
			}
			y0, y1 := normalPair32(v>>32, uint32(f*(1<<23))<<9|uint32(c.turn))
			if d := math.Remainder(math.Atan2(float64(y1), float64(y0))-want, 2*math.Pi); math.Abs(d) > 1e-6 {
				t.Errorf("float32, turn %d, f %v: angle %v, want %v", c.turn, f, math.Atan2(float64(y1), float64(y0)), want)
			}
		}
	}
}

// TestLogUnitIsWithinItsBound compares the logarithms of package random with exact values, with [Log] at uniform numbers,
// and with the series next to 1.
func TestLogUnitIsWithinItsBound(t *testing.T) {
	worst, tested := 0.0, 0
	for _, v := range readVectors(t, "log") {
		if v.x >= 0x1p-1022 && v.x < 1 {
			worst = math.Max(worst, v.ulps(logUnit(v.x)))
			tested++
		}
	}
	t.Logf("logUnit is within %.3f ulp of %d exact values", worst, tested)
	if worst > 2.5 || tested < 500 {
		t.Errorf("logUnit: %.3f ulp off, beyond its bound of 2.5, over %d values", worst, tested)
	}
	r := rand.New(rand.NewPCG(1, 1))
	apart, apart32 := 0.0, 0.0
	for i := range 200_000 {
		u := unit(r.Uint64() >> r.IntN(50)) // small numbers too
		if i%4 == 0 {
			u = 1 - u*0x1p-10
		}
		apart = math.Max(apart, math.Abs(logUnit(u)-Log(u))/distance(Log(u)))
		want := Log(float64(float32(u)))
		_, e := math.Frexp(want)
		apart32 = math.Max(apart32, math.Abs(float64(logUnit32(float32(u)))-want)/math.Ldexp(1, e-24))
	}
	t.Logf("logUnit differs from Log by at most %.2f ulp, logUnit32 by %.2f ulp of float32", apart, apart32)
	if apart > 2.5+0.75 || apart32 > 2.5 {
		t.Errorf("logUnit differs from Log by %.2f ulp, logUnit32 by %.2f ulp of float32", apart, apart32)
	}
	for k := 1.0; k < 100; k++ {
		h := k * 0x1p-53 // log(1-h) = -h - h^2/2 - ...
		if got, want := logUnit(1-h), -math.FMA(h*h, 0.5, h); math.Abs(got-want) > 1.5*distance(want) {
			t.Errorf("logUnit(1 - %g) = %x, want %x", h, got, want)
		}
	}
	if logUnit32(1) != 0 {
		t.Errorf("logUnit32(1) = %v", logUnit32(1))
	}
}

// TestSinCosQuarterIsWithinItsBound compares with [Sin] and [Cos] of the exact angle, which is f pi/2 and not its rounding.
func TestSinCosQuarterIsWithinItsBound(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	halfPi, _, err := big.ParseFloat("1.5707963267948966192313216916397514420985846996875529", 10, 200, big.ToNearestEven)
	if err != nil {
		t.Fatal(err)
	}
	var worst float64
	for range 20_000 {
		f := math.Ldexp(r.Float64()-0.5, -r.IntN(20))
		angle := new(big.Float).Mul(halfPi, new(big.Float).SetFloat64(f))
		x, _ := angle.Float64()
		rest, _ := new(big.Float).Sub(angle, new(big.Float).SetFloat64(x)).Float64()
		sin, cos := sinCosQuarter(f)
		wantSin, wantCos := math.FMA(rest, Cos(x), Sin(x)), math.FMA(-rest, Sin(x), Cos(x))
		worst = math.Max(worst, math.Abs(sin-wantSin)/distance(wantSin))
		worst = math.Max(worst, math.Abs(cos-wantCos)/distance(wantCos))
	}
	t.Logf("sinCosQuarter differs by at most %.2f ulp", worst)
	if worst > 3 { // of the rounded angle, the polynomial and the comparison
		t.Errorf("sinCosQuarter differs by %.2f ulp", worst)
	}
}
