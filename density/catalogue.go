package density

import "fmt"

// Entry is a density of the library as the command knows it.
type Entry struct {
	Name        string
	Description string // one line
	// Text is the same density as a formula for [Parse], of the default dimension, or empty where it does not fit
	// into a line.
	Text string
	// Dim is the default dimension, Least the smallest one. Least is 0 where the dimension cannot be chosen.
	Dim, Least int
	make       func(dim int) Formula
}

// New is the density in dim coordinates, 0 for the default. It is an error if the density has no such form.
func (e Entry) New(dim int) (Formula, error) {
	if dim == 0 {
		dim = e.Dim
	}
	switch {
	case e.Least == 0 && dim != e.Dim:
		return nil, fmt.Errorf("density %s in %d dimensions: it has %d", e.Name, dim, e.Dim)
	case e.Least > 0 && dim < e.Least:
		return nil, fmt.Errorf("density %s in %d dimensions: it has at least %d", e.Name, dim, e.Least)
	}
	return e.make(dim), nil
}

// Catalogue is the densities of the library by name, those for a first try first.
func Catalogue() []Entry {
	fixed := func(f Formula) func(int) Formula { return func(int) Formula { return f } }
	return []Entry{
		{Name: "donut", Description: "a ring of radius 2.6 and standard deviation 0.128", Dim: 2,
			Text: "-(norm(x) - 2.6)^2/0.033", make: fixed(Donut{})},
		{Name: "rings", Description: "three concentric rings of radius 1.2, 2.4 and 3.6", Dim: 2,
			Text: "logsumexp(-(norm(x) - [1.2, 2.4, 3.6])^2/0.033)", make: fixed(Rings{})},
		{Name: "ring-and-normal", Description: "the donut and a normal law in its middle, half of the mass each", Dim: 2,
			make: fixed(RingAndNormal{})},
		{Name: "normal", Description: "the standard normal law, in any dimension", Dim: 2, Least: 1,
			Text: "-dot(x, x)/2", make: func(dim int) Formula { return Normal{dim} }},
		{Name: "correlated-normal", Description: "a normal law of variances 1 and correlation 0.9", Dim: 2,
			Text: "-(x[0]^2 - 1.8*x[0]*x[1] + x[1]^2)/0.38", make: func(int) Formula { return correlated() }},
		{Name: "mixture-overlapping", Description: "three round normal modes between which particles change", Dim: 2,
			make: func(int) Formula { return OverlappingModes() }},
		{Name: "mixture-8", Description: "eight narrow modes on a circle of radius 2", Dim: 2,
			make: func(int) Formula { return EightModes() }},
		{Name: "mixture-25", Description: "25 modes on a grid: local moves stay in their mode", Dim: 2,
			make: func(int) Formula { return TwentyFiveModes() }},
		{Name: "banana", Description: "a normal law, gently bent", Dim: 2,
			Text: "-x[0]^2/2 - (x[1] - x[0]^2/2)^2", make: fixed(Banana{})},
		{Name: "banana-bent", Description: "a thin normal law, bent so much that 1,000 transitions do not settle", Dim: 2,
			Text: "-x[0]^2/2 - (x[1] - x[0]^2)^2/0.2", make: fixed(Banana{Bend: 1, Width: 0.2})},
		{Name: "rosenbrock", Description: "Rosenbrock's valley, long, thin and bent, with known moments", Dim: 2,
			Text: "-((1 - x[0])^2 + 100*(x[1] - x[0]^2)^2)/20", make: fixed(Rosenbrock{})},
		{Name: "funnel", Description: "Neal's funnel, from dimension 2 on: no step size fits all of it", Dim: 10, Least: 2,
			Text: "-x[0]^2/18 - 4.5*x[0] - dot(x[1:], x[1:])*exp(-x[0])/2",
			make: func(dim int) Formula { return Funnel{Coordinates: dim} }},
		{Name: "student-t", Description: "Student's t law of 5 degrees of freedom, in any dimension", Dim: 2, Least: 1,
			Text: "-3.5*log(1 + dot(x, x)/5)", make: func(dim int) Formula { return StudentT{Coordinates: dim} }},
		{Name: "checkerboard", Description: "uniform on every other square of a board of four by four", Dim: 2,
			make: fixed(Checkerboard{})},
		{Name: "squiggle", Description: "a normal law along a sine wave", Dim: 2,
			Text: "-(x[0]^2/2 - x[0]*(x[1] + sin(5*x[0]))/2 + 2*(x[1] + sin(5*x[0]))^2)/1.875", make: fixed(Squiggle{})},
	}
}

func correlated() *CorrelatedNormal {
	d, err := NewCorrelatedNormal([]float64{0, 0}, [][]float64{{1, 0.9}, {0.9, 1}})
	if err != nil {
		panic(err) // the constants are right
	}
	return d
}
