package density

import (
	"math"

	"github.com/scorefield/infer/backends"
)

// ringLaw is the law of the radius of a ring in the plane: p(r) in proportion to r exp(-(r-c)^2/w) for r > 0. Its
// integrals have a closed form; with q = (r-c)/sqrt(w), that from r on is
//
//	w/2 exp(-q^2) + c sqrt(pi w)/2 erfc(q).
type ringLaw struct{ radius, width float64 }

// halfRootPi is sqrt(pi)/2.
const halfRootPi = 0.88622692545275801365

// above is the integral of t exp(-(t-c)^2/w) from r to infinity.
func (g ringLaw) above(r float64) float64 {
	root := math.Sqrt(g.width)
	q := (r - g.radius) / root
	return math.FMA(g.radius*root*halfRootPi, backends.Erfc(q), float64(g.width/2*backends.Exp(float64(-q*q))))
}

// below is the integral from 0 to r. Where r < c, it does not cancel.
func (g ringLaw) below(r float64) float64 {
	root := math.Sqrt(g.width)
	q, start := (r-g.radius)/root, -g.radius/root
	gauss := backends.Exp(float64(-start*start)) - backends.Exp(float64(-q*q))
	return math.FMA(g.radius*root*halfRootPi, backends.Erfc(-q)-backends.Erfc(-start), float64(g.width/2*gauss))
}

// integral is the integral of r^k exp(-(r-c)^2/w) over r > 0, for k of 0 or 1.
func (g ringLaw) integral(k int) float64 {
	if k == 1 {
		return g.above(0)
	}
	root := math.Sqrt(g.width)
	return float64(root * halfRootPi * backends.Erfc(-g.radius/root))
}

// moments are the mean and the variance of r. From integrals I_k = c I_(k-1) + (k-1) w/2 I_(k-2) follow
// E[r - c] = w/2 I_0/I_1 and E[(r - c)^2] = w - c E[r - c].
func (g ringLaw) moments() (mean, variance float64) {
	offset := g.width / 2 * g.integral(0) / g.integral(1)
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
	switch mass := g.integral(1); {
	case r <= 0:
		return 0
	case r < g.radius:
		return g.below(r) / mass
	default:
		return 1 - g.above(r)/mass
	}
}

// quantile is the radius below which the mass u in (0, 1) lies: Newton's method from the mode, kept between two
// bounds that close in, on the tail that u is in.
func (g ringLaw) quantile(u float64) float64 {
	mass := g.integral(1)
	low, high := 0.0, math.FMA(farEnough, math.Sqrt(g.width), g.radius)
	r := float64((g.radius + math.Sqrt(math.FMA(g.radius, g.radius, 2*g.width))) / 2) // where r exp(-(r-c)^2/w) is largest
	for range 100 {
		var excess float64 // of the mass below r over u, in the units of the integrals
		if u <= 0.5 {
			excess = g.below(r) - float64(u*mass)
		} else {
			excess = float64((1-u)*mass) - g.above(r)
		}
		if excess > 0 {
			high = r
		} else {
			low = r
		}
		q := r - g.radius
		next := r - excess/(r*backends.Exp(float64(-q*q)/g.width))
		if !(next > low && next < high) { // NaN as well
			next = low + float64((high-low)/2)
		}
		if math.Abs(next-r) <= 0x1p-51*r {
			return next
		}
		r = next
	}
	return r
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
