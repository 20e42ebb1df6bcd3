package backends

import (
	"math"
	"testing"
)

// same is equality of bits, with all NaN alike.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

func TestArithmeticKeepsZerosInfinitiesAndNaN(t *testing.T) {
	nan, inf, zero := math.NaN(), math.Inf(1), math.Copysign(0, -1)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"neg(0)", neg(0), zero},
		{"abs(-0)", abs(zero), 0},
		{"abs(-Inf)", abs(-inf), inf},
		{"sqrt(-0)", sqrt(zero), zero},
		{"sqrt(-1)", sqrt(-1), nan},
		{"sqrt(2^-1074)", sqrt(0x1p-1074), 0x1p-537},
		{"floor(-0.5)", floor(-0.5), -1},
		{"floor(-0)", floor(zero), zero},
		{"sign(-0)", sign(zero), zero},
		{"sign(-2^-1074)", sign(-0x1p-1074), -1},
		{"sign(Inf)", sign(inf), 1},
		{"sign(NaN)", sign(nan), nan},
		{"sub(Inf, Inf)", sub(inf, inf), nan},
		{"add(0, -0)", add(0, zero), 0},
		{"mul(2^-1074, 1/2)", mul(0x1p-1074, 0.5), 0},
		{"mul(2^-1074, 3/4)", mul(0x1p-1074, 0.75), 0x1p-1074},
		{"div(1, -0)", div(1, zero), -inf},
		{"divOrZero(1, -0)", divOrZero(1, zero), 0},
		{"divOrZero(NaN, 0)", divOrZero(nan, 0), 0},
		{"divOrZero(1, NaN)", divOrZero(1, nan), nan},
		{"divOrZero(3, 2)", divOrZero(3, 2), 1.5},
		{"min(1, NaN)", min(1, nan), nan},
		{"min(NaN, 1)", min(nan, 1), nan},
		{"min(-Inf, 1)", min(-inf, 1), -inf},
		{"min(0, -0)", min(0, zero), zero},
		{"max(1, NaN)", max(1, nan), nan},
		{"max(NaN, 1)", max(nan, 1), nan},
		{"max(2, 1)", max(2, 1), 2},
		{"max(-0, 0)", max(zero, 0), 0},
		{"less(1, 2)", less(1, 2), 1},
		{"less(NaN, 2)", less(nan, 2), 0},
		{"less(-0, 0)", less(zero, 0), 0},
		{"lessEqual(-0, 0)", lessEqual(zero, 0), 1},
		{"lessEqual(NaN, NaN)", lessEqual(nan, nan), 0},
		{"equal(-0, 0)", equal(zero, 0), 1},
		{"equal(NaN, NaN)", equal(nan, nan), 0},
		{"fma(1+2^-52, 1-2^-52, -1)", fma(1+0x1p-52, 1-0x1p-52, -1), -0x1p-104},
		{"pick(-0, 1, 2)", pick(zero, 1, 2), 2},
		{"pick(NaN, 1, 2)", pick(nan, 1, 2), 1},
		{"pick(0, NaN, 2)", pick(0, nan, 2), 2},
	} {
		if !same(c.got, c.want) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestOddFunctionsAreOddInEveryBit(t *testing.T) {
	for name, f := range map[string]func(float64) float64{"sin": sin, "tanh": tanh, "erf": erf} {
		for x := 0x1p-1070; x < 0x1p40; x *= 1.37 {
			if !same(f(-x), -f(x)) {
				t.Errorf("%s(%x) = %x, but %x at minus that", name, x, f(x), f(-x))
			}
		}
	}
}
