package backends

// Convolutions of 3x3 taps by Winograd's minimal filtering, F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks" (2016): of each tile of 4x4 outputs, 36 products stand for 144. Tiles of 6x6 inputs and the
// weights are transformed, their transforms multiplied, and the products transformed back. The transforms cost precision: the
// worst number of a result is off by up to 4e-5 of the results' root mean square, five to eight times the error of
// [Table32.Convolve]. They are other bits than its, the same in all tables.
//
// A transform acts along columns first, then along rows; each of the functions below is one such pass on one column or row.

// winogradInput transforms six inputs in a line.
func winogradInput(d0, d1, d2, d3, d4, d5 float32) (v0, v1, v2, v3, v4, v5 float32) {
	even, odd := FMA32(-4, d2, d4), FMA32(-4, d1, d3)
	near, twice := d4-d2, d3-d1
	return FMA32(4, d0, FMA32(-5, d2, d4)), even + odd, even - odd, FMA32(2, twice, near), FMA32(-2, twice, near), FMA32(4, d1, FMA32(-5, d3, d5))
}

// winogradOutput gives four outputs in a line from six products.
func winogradOutput(m0, m1, m2, m3, m4, m5 float32) (y0, y1, y2, y3 float32) {
	sum, difference := m1+m2, m1-m2
	sum2, difference2 := m3+m4, m3-m4
	return m0 + sum + sum2, FMA32(2, difference2, difference), FMA32(4, sum2, sum), FMA32(8, difference2, difference) + m5
}

// winogradResult is winogradOutput, to which it adds a bias.
func winogradResult(m0, m1, m2, m3, m4, m5, bias float32) (y0, y1, y2, y3 float32) {
	r0, r1, r2, r3 := winogradOutput(m0, m1, m2, m3, m4, m5)
	return r0 + bias, r1 + bias, r2 + bias, r3 + bias
}

const (
	sixth         = 1.0 / 6
	twelfth       = 1.0 / 12
	twentyFourth  = 1.0 / 24
	winogradTile  = 4  // outputs along a side of a tile
	winogradReach = 6  // inputs
	winogradTerms = 36 // products
)

// winogradWeights transforms three weights in a line.
func winogradWeights(g0, g1, g2 float32) (u0, u1, u2, u3, u4, u5 float32) {
	ends := -sixth * (g0 + g2)
	unequal := FMA32(twentyFourth, g0, float32(sixth*g2))
	return 0.25 * g0, FMA32(-sixth, g1, ends), FMA32(sixth, g1, ends), FMA32(twelfth, g1, unequal), FMA32(-twelfth, g1, unequal), g2
}

// winogradGradient transforms four gradients at outputs: the transpose of winogradOutput.
func winogradGradient(y0, y1, y2, y3 float32) (d0, d1, d2, d3, d4, d5 float32) {
	even, odd := y0+y2, y1+y3
	even4, odd4 := FMA32(4, y2, y0), FMA32(4, y3, y1)
	return y0, even + odd, even - odd, FMA32(2, odd4, even4), FMA32(-2, odd4, even4), y3
}

// winogradBack gives the gradients at three weights: the transpose of winogradWeights.
func winogradBack(u0, u1, u2, u3, u4, u5 float32) (g0, g1, g2 float32) {
	sum, difference := u1+u2, u2-u1
	sum2, difference2 := u3+u4, u3-u4
	return FMA32(0.25, u0, FMA32(-sixth, sum, float32(twentyFourth*sum2))), FMA32(sixth, difference, float32(twelfth*difference2)), FMA32(sixth, sum2-sum, u5)
}

// transform is one of the functions above.
type transform int

const (
	transformInput transform = iota
	transformOutput
	transformResult
	transformWeights
	transformGradient
	transformBack
)

// pass is a transform of many numbers: the i-th of the n in each of so many rows are in[s][row*nextIn + i], and become
// out[s*stepOut + row*nextOut + i]. Outputs may lie where inputs of the same i and row do.
type pass struct {
	in              [6][]float32
	out, bias       []float32
	stepOut, n      int
	rows            int
	nextIn, nextOut int
}

// generic runs the pass in Go.
func (p *pass) generic(of transform) {
	for row := range p.rows {
		for i := range p.n {
			at := row*p.nextIn + i
			in := func(s int) float32 { return p.in[s][at] }
			var r [6]float32
			outputs := 6
			switch of {
			case transformInput:
				r[0], r[1], r[2], r[3], r[4], r[5] = winogradInput(in(0), in(1), in(2), in(3), in(4), in(5))
			case transformOutput:
				r[0], r[1], r[2], r[3] = winogradOutput(in(0), in(1), in(2), in(3), in(4), in(5))
				outputs = 4
			case transformResult:
				r[0], r[1], r[2], r[3] = winogradResult(in(0), in(1), in(2), in(3), in(4), in(5), p.bias[i])
				outputs = 4
			case transformWeights:
				r[0], r[1], r[2], r[3], r[4], r[5] = winogradWeights(in(0), in(1), in(2))
			case transformGradient:
				r[0], r[1], r[2], r[3], r[4], r[5] = winogradGradient(in(0), in(1), in(2), in(3))
			case transformBack:
				r[0], r[1], r[2] = winogradBack(in(0), in(1), in(2), in(3), in(4), in(5))
				outputs = 3
			}
			for s := range outputs {
				p.out[s*p.stepOut+row*p.nextOut+i] = r[s]
			}
		}
	}
}

// spread sets the inputs of a pass to what lies step numbers apart.
func (p *pass) spread(from []float32, step, count int) {
	for s := range count {
		p.in[s] = from[s*step:]
	}
}
