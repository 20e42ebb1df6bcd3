package densitytest

import (
	"math"

	"github.com/scorefield/infer/lanes"
)

// gradient compares the gradient with central differences of log p, at every point where log p is finite. Where the
// differences tell nothing, because log p jumps or bends nearby, a coordinate of a point is passed over; it is a
// failure if that is so everywhere.
func (s *suite) gradient(r *report) {
	if s.grad == nil {
		return
	}
	compared, over, worst := 0, 0, 0.0
	for j := range s.dim {
		spread, typical := meanDistance(s.x.Row(j)[:s.x.Len()]), rootMeanSquare(s.grad.Row(j)[:s.x.Len()])
		for i, at := range s.logp {
			if !finite(at) {
				continue
			}
			slope, doubt, rounding := s.difference(r, i, j, spread)
			size := math.Max(math.Abs(slope), typical)
			if !(doubt <= math.Max(1e-4*size, 2*rounding)) {
				over++
				continue
			}
			compared++
			got := s.grad.Row(j)[i]
			miss := math.Abs(got - slope)
			if size > 0 {
				worst = math.Max(worst, miss/size)
			}
			if !(miss <= 10*doubt+1e-6*size) {
				r.fail("coordinate %d of the gradient at point %d, %s, is %v; differences of log p say %v, give or take %.1g",
					j, i, show(s.x, i), got, slope, doubt)
			}
		}
	}
	r.note("%d partial derivatives compared, %d passed over, largest relative difference %.1g", compared, over, worst)
	if compared == 0 {
		r.fail("log p is nowhere smooth: no derivative could be compared at %d points", s.x.Len())
	}
}

// meanDistance is the mean distance from the mean, 1 if it is none.
func meanDistance(row []float64) float64 {
	mean, sum := 0.0, 0.0
	for _, v := range row {
		mean += v / float64(len(row))
	}
	for _, v := range row {
		sum += math.Abs(v-mean) / float64(len(row))
	}
	if sum > 0 && finite(sum) {
		return sum
	}
	return 1
}

// rootMeanSquare is that of the finite values.
func rootMeanSquare(row []float64) float64 {
	sum, count := 0.0, 0.0
	for _, v := range row {
		if finite(v * v) {
			sum += v * v
			count++
		}
	}
	return math.Sqrt(sum / math.Max(count, 1))
}

// differenceSteps are the sizes of the first of three differences, relative to the spread of the points.
var differenceSteps = []float64{1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-6, 1e-7}

// difference is the derivative of log p along coordinate j at point i, by central differences with steps h, h/2 and
// h/4 and Richardson's extrapolation, with the doubt about it: how far the extrapolations disagree, and the
// error of rounding. Of several h the one with the least doubt is taken.
func (s *suite) difference(r *report, i, j int, spread float64) (slope, doubt, rounding float64) {
	const perStep = 6
	x := lanes.New(perStep*len(differenceSteps), s.dim) // all points of all steps in one block
	for k := range x.Len() {
		x.CopyPoints(k, s.x, i, 1)
	}
	row, centre := x.Row(j), s.x.Row(j)[i]
	for k, step := range differenceSteps {
		for l := range 3 {
			h := math.Ldexp(step*spread, -l)
			row[perStep*k+2*l] = centre + h
			row[perStep*k+2*l+1] = centre - h
		}
	}
	f := s.logProbOf(r, x)
	doubt = math.Inf(1)
	for k := range differenceSteps {
		var d [3]float64
		largest := 0.0
		for l := range d {
			up, down := perStep*k+2*l, perStep*k+2*l+1
			d[l] = (f[up] - f[down]) / (row[up] - row[down]) // by the steps that were really taken
			largest = math.Max(largest, math.Max(math.Abs(f[up]), math.Abs(f[down])))
		}
		coarse, fine := (4*d[1]-d[0])/3, (4*d[2]-d[1])/3
		round := 4 * 0x1p-52 * math.Max(largest, 1) / (row[perStep*k+4] - row[perStep*k+5])
		if own := math.Abs(coarse-fine) + round; own < doubt {
			slope, doubt, rounding = fine, own, round
		}
	}
	return slope, doubt, rounding
}

// logProbOf is log p of some points.
func (s *suite) logProbOf(r *report, x *lanes.Block) []float64 {
	logp := make([]float64, x.Len())
	if err := s.d.LogProb(background, logp, clone(x)); err != nil {
		r.fail("LogProb: %v", err)
	}
	return logp
}
