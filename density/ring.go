package density

import (
	"math"

	"github.com/scorefield/infer/backends"
)

// ringLaw is the law of the radius of a ring in the plane: p(r) in proportion to r exp(-(r-c)^2/w) for r > 0. It is
// made by newRingLaw. Its integrals have a closed form; with q = (r-c)/sqrt(w), that from r to infinity is
//
//	w/2 exp(-q^2) + c sqrt(pi w)/2 erfc(q).
type ringLaw struct {
	radius, width float64 // c and w
	root          float64 // sqrt(w)
	gauss, tail   float64 // exp(-c^2/w) and erfc(c/sqrt(w)), the terms at r = 0
	flat, mass    float64 // integrals over all r > 0 of exp(-(r-c)^2/w), and of that times r
}

// halfRootPi is sqrt(pi)/2.
const halfRootPi = 0.88622692545275801365

func newRingLaw(radius, width float64) ringLaw {
	root := math.Sqrt(width)
	start := radius / root
	g := ringLaw{radius: radius, width: width, root: root,
		gauss: backends.Exp(float64(-start * start)), tail: backends.Erfc(start),
		flat: float64(root * halfRootPi * backends.Erfc(-start))}
	g.mass, _ = g.above(0)
	return g
}

// above is the integral from r to infinity, and exp(-q^2).
func (g ringLaw) above(r float64) (integral, gauss float64) {
	q := (r - g.radius) / g.root
	gauss = backends.Exp(float64(-q * q))
	return math.FMA(g.radius*g.root*halfRootPi, backends.Erfc(q), float64(g.width/2*gauss)), gauss
}

// below is the integral from 0 to r, and exp(-q^2). Where r < c, it hardly cancels.
func (g ringLaw) below(r float64) (integral, gauss float64) {
	q := (r - g.radius) / g.root
	gauss = backends.Exp(float64(-q * q))
	return math.FMA(g.radius*g.root*halfRootPi, backends.Erfc(-q)-g.tail, float64(g.width/2*(g.gauss-gauss))), gauss
}

// moments are the mean and the variance of r. From integrals I_k = c I_(k-1) + (k-1) w/2 I_(k-2) follow
// E[r - c] = w/2 I_0/I_1 and E[(r - c)^2] = w - c E[r - c].
func (g ringLaw) moments() (mean, variance float64) {
	offset := g.width / 2 * g.flat / g.mass
	square := math.FMA(-g.radius, offset, g.width)
	return g.radius + offset, math.FMA(-offset, offset, square)
}

// square is E[(r - c)^2].
func (g ringLaw) square() float64 {
	mean, _ := g.moments()
	return math.FMA(-g.radius, mean-g.radius, g.width)
}

// meanSquare is E[r^2].
func (g ringLaw) meanSquare() float64 {
	mean, variance := g.moments()
	return math.FMA(mean, mean, variance)
}

// farEnough is the number of sqrt(w) beyond the radius where all the law lies: exp(-81) is left.
const farEnough = 9

// cumulative is P(radius <= r).
func (g ringLaw) cumulative(r float64) float64 {
	switch {
	case r <= 0:
		return 0
	case r < g.radius:
		below, _ := g.below(r)
		return below / g.mass
	default:
		above, _ := g.above(r)
		return 1 - above/g.mass
	}
}

// quantile is the radius below which the mass u in (0, 1) lies: Newton's method from the quantile of the normal law
// that a narrow ring nearly is, between two bounds that close in, on the tail that u is in.
func (g ringLaw) quantile(u float64) float64 {
	low, high := 0.0, math.FMA(farEnough, g.root, g.radius)
	r := math.FMA(g.root/math.Sqrt2, roughNormalQuantile(u), g.radius)
	if !(r > low && r < high) {
		r = g.radius
	}
	for range 100 {
		var excess, gauss float64 // of the mass below r over u, in the units of the integrals
		if u <= 0.5 {
			excess, gauss = g.below(r)
			excess = math.FMA(-u, g.mass, excess)
		} else {
			excess, gauss = g.above(r)
			excess = math.FMA(1-u, g.mass, -excess)
		}
		if excess > 0 {
			high = r
		} else {
			low = r
		}
		next := r - excess/(r*gauss)
		if !(next > low && next < high) { // NaN as well
			next = low + float64((high-low)/2)
			if high-low <= 0x1p-51*high {
				return next
			}
		} else if math.Abs(next-r) <= 0x1p-30*r { // and the error is about the square of that
			return next
		}
		r = next
	}
	return r
}

// roughNormalQuantile is the quantile of the standard normal law within 4.5e-4: Abramowitz & Stegun, Handbook of
// Mathematical Functions, 26.2.23.
func roughNormalQuantile(u float64) float64 {
	t := math.Sqrt(-2 * backends.Log(min(u, 1-u)))
	above := math.FMA(t, math.FMA(t, 0.010328, 0.802853), 2.515517)
	below := math.FMA(t, math.FMA(t, math.FMA(t, 0.001308, 0.189269), 1.432788), 1)
	return math.Copysign(t-above/below, u-0.5)
}

// turn sets the points of the plane to the radii r at the angles 2 pi u: x = r cos, y = r sin. u is overwritten.
func turn(x, y, r, u []float64) {
	t := backends.Current()
	t.Mul.VS(u, u, 2*math.Pi)
	t.Cos(x, u)
	t.Sin(y, u)
	t.Mul.VV(x, x, r)
	t.Mul.VV(y, y, r)
}
