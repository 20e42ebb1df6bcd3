package diagnose

import (
	"math"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// turns is the number of steps of the power method. A direction that stands out is found in a few; of several that
// remember alike any will do.
const turns = 12

// direction is where particles remember most: the unit vector v, in coordinates of variance 1, with the largest covariance of
// v.x before and after. In many dimensions the parts of a law may lie apart in no coordinate and yet far apart.
// It is the first eigenvector of the symmetric part of the covariance of before with after (Molgedey & Schuster 1994), by the
// power method. Nil where nothing is remembered at all.
func direction(before, after [][]float64) []float64 {
	d, n := len(before), len(before[0])
	start := lanes.New(1, d)
	random.New(1, random.Probe).Sub(2).Normal(start, 0, 0)
	v := make([]float64, d)
	for j := range d {
		v[j] = start.Row(j)[0]
	}
	along, back := make([]float64, n), make([]float64, n)
	for range turns {
		clear(along)
		clear(back)
		for j, w := range v {
			for i := range n {
				along[i] = math.FMA(w, before[j][i], along[i])
				back[i] = math.FMA(w, after[j][i], back[i])
			}
		}
		length := 0.0
		for j := range v {
			var s float64
			for i := range n {
				s = math.FMA(along[i], after[j][i], s)
				s = math.FMA(back[i], before[j][i], s)
			}
			v[j] = s
			length = math.FMA(s, s, length)
		}
		length = math.Sqrt(length)
		if !(length > 0) || math.IsInf(length, 1) {
			return nil
		}
		for j := range v {
			v[j] /= length
		}
	}
	return v
}

// standardised are columns of some particles with mean 0 and variance 1; 0 where a column does not vary.
func standardised(columns [][]float64, pick []int) [][]float64 {
	all := make([][]float64, len(columns))
	for j, column := range columns {
		z := take(column, pick)
		n := float64(len(z))
		centre := sum(z, func(v float64) float64 { return v }) / n
		scale := math.Sqrt(sum(z, func(v float64) float64 { return (v - centre) * (v - centre) }) / n)
		for i, v := range z {
			z[i] = (v - centre) / scale
			if z[i]-z[i] != 0 {
				z[i] = 0
			}
		}
		all[j] = z
	}
	return all
}

// project is the product of every particle with a vector.
func project(columns [][]float64, v []float64) []float64 {
	product := make([]float64, len(columns[0]))
	for j, column := range columns {
		for i, x := range column {
			product[i] = math.FMA(v[j], x, product[i])
		}
	}
	return product
}
