package backends_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/scorefield/infer/backends"
)

// exactFMA32 is x*y+z in exact arithmetic, rounded once.
func exactFMA32(x, y, z float32) float32 {
	if s := float64(x)*float64(y) + float64(z); math.IsNaN(s) || math.IsInf(s, 0) {
		return float32(s) // an operand is not finite, since a product of finite ones is far from overflow
	}
	number := func(v float32) *big.Float { return new(big.Float).SetPrec(700).SetFloat64(float64(v)) }
	p := new(big.Float).SetPrec(700).Mul(number(x), number(y)) // 2^-298 to 2^256: every bit fits
	r, _ := p.Add(p, number(z)).Float32()
	return r
}

// same compares bits; NaN equals NaN.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// TestFMA32HardCases holds constructed cases to values worked out by hand.
func TestFMA32HardCases(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	zero, minus := float32(0), float32(math.Copysign(0, -1))
	for _, c := range []struct {
		x, y, z, want float32
		why           string
	}{
		{0x1p-24 * (1 + 0x1p-15), 1 - 0x1p-15, 1 + 0x1p-23, 0x1.000002p+0, "a hair below a midpoint, which float64 does not see"},
		{-0x1p-24 * (1 + 0x1p-15), 1 - 0x1p-15, -1 - 0x1p-23, -0x1.000002p+0, "the same below zero"},
		{0x1p-75 * (1 + 0x1p-23), 0x1p-75 * (1 - 0x1p-23), (0x1p19 + 1) * 0x1p-149, 0x1.00002p-130, "the same among subnormal numbers"},
		{0x1p-24, 1, 1, 1, "a midpoint, ties to even below"},
		{0x1p-24, 1, 1 + 0x1p-23, 1 + 0x1p-22, "a midpoint, ties to even above"},
		{0x1p-24 * (1 + 0x1p-23), 1, 1, 1 + 0x1p-23, "a hair above a midpoint"},
		{1 + 0x1p-12, 1 + 0x1p-12, 0x1p-149, 1 + 0x1p-11 + 0x1p-23, "the product is a midpoint, the addend far below decides"},
		{1 + 0x1p-12, 1 + 0x1p-12, -0x1p-149, 1 + 0x1p-11, "and to the other side"},
		{1 + 0x1p-23, 1 + 0x1p-23, -1 - 0x1p-22, 0x1p-46, "what is left when all else cancels"},
		{3, 1.0 / 3, -1, 0x1p-25, "the error of a quotient"},
		{0x1p-100, 0x1p-100, 0, 0, "underflow"},
		{-0x1p-100, 0x1p-100, 0, minus, "underflow from below keeps its sign"},
		{0x1p-75, 0x1p-75, 0, 0, "half of the smallest number"},
		{0x1p-75 * (1 + 0x1p-23), 0x1p-75, 0, 0x1p-149, "more than half of it"},
		{0x1p103, 1, math.MaxFloat32, inf, "half an ulp beyond the largest number"},
		{0x1p103 * (1 - 0x1p-24), 1, math.MaxFloat32, math.MaxFloat32, "less than half"},
		{0x1p127, 2, -math.MaxFloat32, 0x1p104, "a product beyond the largest number"},
		{0x1p127, 0x1p127, -math.MaxFloat32, inf, "overflow"},
		{1, zero, minus, 0, "zeros of both signs"},
		{-1, zero, minus, minus, "zeros of one sign"},
		{1, 1, -1, 0, "an exact zero is positive"},
		{inf, 0, 1, nan, "infinity times zero"},
		{inf, 1, -inf, nan, "infinity less infinity"},
		{inf, -1, 1, -inf, "infinity"},
		{math.MaxFloat32, math.MaxFloat32, -inf, -inf, "overflow less infinity"},
		{nan, 1, 1, nan, "NaN"},
		{0, 1, nan, nan, "NaN"},
	} {
		for _, got := range []float32{backends.FMA32(c.x, c.y, c.z), backends.FMA32(c.y, c.x, c.z)} {
			if !same(got, c.want) {
				t.Errorf("%x * %x + %x = %x, want %x: %s", c.x, c.y, c.z, got, c.want, c.why)
			}
		}
		if exact := exactFMA32(c.x, c.y, c.z); !same(exact, c.want) {
			t.Errorf("%x * %x + %x: the reference says %x, the table %x", c.x, c.y, c.z, exact, c.want)
		}
	}
}

// hardKinds is the number of kinds of hardCase.
const hardKinds = 8

// hardCase draws operands on which a multiply-add that rounds twice, or an emulation of one that does not, may err.
// It computes with integers, and so the same on every machine.
func hardCase(r *rand.Rand, kind int) (x, y, z float32) {
	number := func(mantissa int64, exponent int) float32 {
		if r.IntN(2) == 0 {
			mantissa = -mantissa
		}
		return float32(math.Ldexp(float64(mantissa), exponent))
	}
	const one = 1 << 23 // the mantissa of a power of two
	mantissa := func() int64 { return one + r.Int64N(one) }
	// power is two factors whose product is 2^e, but for what nearly-one mantissas add.
	power := func(e int) (x, y float32) {
		p := (e-46)/2 + r.IntN(21) - 10
		return number(one+r.Int64N(4), p), number(one+r.Int64N(7)-3, e-46-p)
	}
	switch kind {
	case 0: // anything
		x, y, z = math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32())
	case 1: // a product near half an ulp of the addend
		e := r.IntN(253) - 149
		x, y = power(e - 1)
		z = number(mantissa(), e)
	case 2: // the same, with subnormal addends
		x, y = power(-150)
		z = number(r.Int64N(one)>>r.IntN(23), -149)
	case 3: // around overflow
		x, y = power(103)
		z = number(2*one-1-r.Int64N(3), 104)
	case 4: // cancellation, all but an ulp or two
		x, y = number(mantissa(), r.IntN(60)-53), number(mantissa(), r.IntN(120)-83)
		z = float32(-float64(x) * float64(y))
		z = math.Float32frombits(math.Float32bits(z) + uint32(r.IntN(5)) - 2)
	case 5: // a product of 25 bits, half of which end in a midpoint, and an addend far below
		p, q := r.IntN(120)-60, r.IntN(100)-50
		x, y = number(1<<12|r.Int64N(1<<12)|1, p), number(1<<12|r.Int64N(1<<12)|1, q)
		z = number(r.Int64N(3), p+q-r.IntN(90))
	case 6: // subnormal results
		p := r.IntN(40) - 95
		x, y = number(mantissa(), p), number(mantissa(), -149-23-r.IntN(26)-p+r.IntN(24))
		z = number(r.Int64N(one)>>r.IntN(23), -149)
	case 7: // special values
		list := []uint32{0, 1, 2, 0x007FFFFF, 0x00800000, 0x00800001, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x33800000, 0x7F000000,
			0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF}
		pick := func() float32 { return math.Float32frombits(list[r.IntN(len(list))] | r.Uint32()&0x80000000) }
		x, y, z = pick(), pick(), pick()
	}
	return x, y, z
}

func TestFMA32IsRoundedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 32))
	for kind := range hardKinds {
		twice, subnormal := 0, 0
		const cases = 20_000
		for range cases {
			x, y, z := hardCase(r, kind)
			got, want := backends.FMA32(x, y, z), exactFMA32(x, y, z)
			if !same(got, want) {
				t.Fatalf("kind %d: %x * %x + %x = %x, want %x", kind, x, y, z, got, want)
			}
			if !same(float32(math.FMA(float64(x), float64(y), float64(z))), want) {
				twice++
			}
			if want != 0 && math.Abs(float64(want)) < 0x1p-126 {
				subnormal++
			}
		}
		t.Logf("kind %d: %d cases, of which %d are wrong if rounded twice; %d subnormal results", kind, cases, twice, subnormal)
	}
}

// TestFMA32OfProducts gives products for the operands: a compiler that inlines FMA32 and fuses multiply-adds by itself must
// not fuse those.
func TestFMA32OfProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 32))
	for range 20_000 {
		a, b, c, d := 1+r.Float32(), 1+r.Float32(), 1+r.Float32(), 1+r.Float32()
		product := float32(float64(c) * float64(d))
		if got, want := backends.FMA32(a, b, c*d), exactFMA32(a, b, product); got != want {
			t.Fatalf("FMA32(%x, %x, %x*%x) = %x, want %x: the last product is not rounded", a, b, c, d, got, want)
		}
		if got, want := backends.FMA32(a, b, -c*d), exactFMA32(a, b, -product); got != want {
			t.Fatalf("FMA32(%x, %x, -%x*%x) = %x, want %x: the last product is not rounded", a, b, c, d, got, want)
		}
		if got, want := backends.FMA32(c*d, a, b), exactFMA32(product, a, b); got != want {
			t.Fatalf("FMA32(%x*%x, %x, %x) = %x, want %x: the first product is not rounded", c, d, a, b, got, want)
		}
		if got, want := backends.FMA32(a, b, 0)+c, float32(float64(float32(float64(a)*float64(b)))+float64(c)); got != want {
			t.Fatalf("FMA32(%x, %x, 0) + %x = %x, want %x: the first result is not rounded", a, b, c, got, want)
		}
	}
}

// TestPinnedFMA32Bits holds FMA32 of every architecture to one hash over many more hard cases.
func TestPinnedFMA32Bits(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 32))
	h := sha256.New()
	block := make([]byte, 0, 4*hardKinds)
	for range 100_000 {
		block = block[:0]
		for kind := range hardKinds {
			v := math.Float32bits(backends.FMA32(hardCase(r, kind)))
			if v<<1 > 0xFF000000 {
				v = 0x7FC00000
			}
			block = binary.LittleEndian.AppendUint32(block, v)
		}
		h.Write(block)
	}
	pinned(t, map[string]string{"FMA32": fmt.Sprintf("%x", h.Sum(nil))})
}
