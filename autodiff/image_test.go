package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/scorefield/infer/backends"
)

// plainImage computes one node of images for one particle, without any thought of speed.
func plainImage(g *Graph, n *node, values [][]float64) []float64 {
	out := make([]float64, n.size)
	x := g.shape(n.args[0])
	a := values[0]
	dims := func(s []int) (h, w, c int) { return s[0], s[1], s[2] }
	switch n.op {
	case opConv, opConvGradient:
		// y[oy][ox][oc] += x[iy][ix][ic] w[ky][kx][ic][oc] wherever oy*step + ky - before = iy*up
		y := n.shape
		if n.op == opConvGradient {
			y = g.shape(n.args[1])
		}
		h, w, ic := dims(x)
		oh, ow, oc := dims(y)
		k := n.window.Size
		if len(values) == 3 {
			for i := range out {
				out[i] = values[2][i%oc]
			}
		}
		for oy := range oh {
			for ox := range ow {
				for iy := range h {
					for ix := range w {
						ky := iy*n.window.Up - oy*n.window.Step + n.window.Before
						kx := ix*n.window.Up - ox*n.window.Step + n.window.Before
						if ky < 0 || ky >= k || kx < 0 || kx >= k {
							continue
						}
						for i := range ic {
							for o := range oc {
								at, to, tap := (iy*w+ix)*ic+i, (oy*ow+ox)*oc+o, ((ky*k+kx)*ic+i)*oc+o
								if n.op == opConv {
									out[to] += a[at] * values[1][tap]
								} else {
									out[tap] += a[at] * values[1][to]
								}
							}
						}
					}
				}
			}
		}
	case opFlip:
		k, p, q := x[0], x[2], x[3]
		for tap := range k * k {
			for i := range p {
				for j := range q {
					out[((k*k-1-tap)*q+j)*p+i] = a[(tap*p+i)*q+j]
				}
			}
		}
	case opAveragePool, opUpsample:
		big, small := x, n.shape
		if n.op == opUpsample {
			big, small = n.shape, x
		}
		h, w, c := dims(big)
		for y := range h {
			for x := range w {
				for i := range c {
					at, half := (y*w+x)*c+i, (y/2*small[1]+x/2)*c+i
					if n.op == opUpsample {
						out[at] = a[half]
					} else {
						out[half] += a[at] / 4
					}
				}
			}
		}
	case opBilinear, opBilinearGradient:
		small, big := x, n.shape
		if n.op == opBilinearGradient {
			small, big = n.shape, x
		}
		weight := func(i, j, n int) float64 { // of pixel j of n for pixel i of 2n: by distance of centres, the edge repeated
			sum := 0.0
			for k := -1; k <= n; k++ {
				if min(max(k, 0), n-1) == j {
					sum += math.Max(0, 1-math.Abs((float64(i)+0.5)/2-(float64(k)+0.5)))
				}
			}
			return sum
		}
		h, w, c := dims(big)
		for y := range h {
			for x := range w {
				for sy := range small[0] {
					for sx := range small[1] {
						f := weight(y, sy, small[0]) * weight(x, sx, small[1])
						for i := range c {
							at, to := (y*w+x)*c+i, (sy*small[1]+sx)*c+i
							if n.op == opBilinear {
								out[at] += f * a[to]
							} else {
								out[to] += f * a[at]
							}
						}
					}
				}
			}
		}
	case opJoinChannels:
		_, total := flattened(n.shape)
		from := 0
		for i, v := range values {
			_, c := flattened(g.shape(n.args[i]))
			for j, number := range v {
				out[j/c*total+from+j%c] = number
			}
			from += c
		}
	case opChannels:
		_, c := flattened(n.shape)
		_, total := flattened(x)
		for j := range out {
			out[j] = a[j/c*total+n.from+j%c]
		}
	case opSpreadPixels:
		for j := range out {
			out[j] = a[j%len(a)]
		}
	case opSumPixels:
		for j, v := range a {
			out[j%len(out)] += v
		}
	case opGroupSum:
		size := len(a) / n.from
		for i := range a {
			for j := range size {
				out[i] += a[i/size*size+j]
			}
		}
	case opProduct:
		k, columns := x[1], n.shape[1]
		for i := range out {
			for l := range k {
				out[i] += a[i/columns*k+l] * values[1][l*columns+i%columns]
			}
		}
	case opSoftmax:
		for j := range x[1] {
			sum := 0.0
			for i := j; i < len(a); i += x[1] {
				sum += math.Exp(a[i])
			}
			for i := j; i < len(a); i += x[1] {
				out[i] = math.Exp(a[i]) / sum
			}
		}
	case opSoftmaxGradient:
		for j := range x[1] {
			sum := 0.0
			for i := j; i < len(a); i += x[1] {
				sum += a[i] * values[1][i]
			}
			for i := j; i < len(a); i += x[1] {
				out[i] = a[i] * (values[1][i] - sum)
			}
		}
	}
	return out
}

// windows are all that people use, and a few that they do not.
var windows = []backends.Window{
	{Size: 3, Step: 1, Up: 1, Before: 1}, {Size: 1, Step: 1, Up: 1}, {Size: 3, Step: 2, Up: 1, Before: 0}, {Size: 3, Step: 2, Up: 1, Before: 1},
	{Size: 3, Step: 1, Up: 2, Before: 2}, {Size: 3, Step: 1, Up: 2, Before: 1}, {Size: 1, Step: 2, Up: 1}, {Size: 1, Step: 1, Up: 2}, {Size: 3, Step: 1, Up: 1, Before: 0},
}

// picture is a formula of an image x, a vector s of its channels and parameters that it makes: a scalar of each particle.
type picture struct {
	name string
	even bool // it needs even sizes
	f    func(g *Graph, x, s Value) (y Value, params []Value)
}

// pictures are formulas of images.
func pictures() []picture {
	var all []picture
	plain := func(name string, even bool, f func(x, s Value) Value) {
		all = append(all, picture{name, even, func(g *Graph, x, s Value) (Value, []Value) { return weighted(f(x, s).Sin()), nil }})
	}
	for _, w := range windows {
		for _, oc := range []int{1, 3, 16} {
			all = append(all, picture{fmt.Sprint("conv ", w, " to ", oc), false, func(g *Graph, x, s Value) (Value, []Value) {
				p, b := g.Param("w", w.Size, w.Size, s.Size(), oc), g.Param("b", oc)
				return weighted(x.Conv(p, b, w).Tanh()), []Value{p, b}
			}})
		}
	}
	same := windows[0]
	plain("average pool", true, func(x, s Value) Value { return x.AvgPool() })
	plain("nearest", false, func(x, s Value) Value { return x.UpsampleNearest() })
	plain("bilinear", false, func(x, s Value) Value { return x.UpsampleBilinear() })
	plain("scale and shift", false, func(x, s Value) Value { return x.ScaleChannels(s.Sin()).ShiftChannels(s) })
	plain("scale twice", false, func(x, s Value) Value { return x.ScaleChannels(s).ScaleChannels(s.Exp()) })
	plain("sum of pixels", false, func(x, s Value) Value { return x.Sin().SumPixels().Mul(s) })
	plain("concat", false, func(x, s Value) Value { return ConcatChannels(x, x.Sin(), x.ScaleChannels(s)) })
	plain("parts of channels", false, func(x, s Value) Value {
		y := ConcatChannels(x, x.Sin())
		return y.SliceChannels(1, s.Size()+1).Mul(y.SliceChannels(0, s.Size())).Add(x.Exp())
	})
	plain("group norm", false, func(x, s Value) Value { return x.GroupNorm(1, 1e-2) })
	plain("group norm by channel, FiLM, SiLU", false, func(x, s Value) Value {
		return x.GroupNorm(s.Size(), 1e-2).ScaleChannels(s.Shift(1)).ShiftChannels(s.Sin()).SiLU()
	})
	plain("attention", false, func(x, s Value) Value {
		h := x.Shape()
		q := x.Reshape(h[0]*h[1], h[2])
		return Attention(q, q.Sin(), q.Exp().Slice(0, h[0]*h[1])).Reshape(h...).Add(x)
	})
	plain("attention to others", false, func(x, s Value) Value {
		h := x.Shape()
		q := x.Reshape(h[0]*h[1], h[2])
		k := s.Reshape(1, s.Size())
		return Attention(q, Concat(k, k.Sin(), q.Slice(0, 1)), Concat(k, q.Slice(0, 2)).Transpose().Transpose())
	})
	all = append(all, picture{"conv without bias, twice", false, func(g *Graph, x, s Value) (Value, []Value) {
		p, q := g.Param("p", 3, 3, s.Size(), 16), g.Param("q", 3, 3, 16, 2)
		return weighted(x.Conv(p, Value{}, same).ELU().Conv(q, Value{}, same)), []Value{p, q}
	}})
	all = append(all, picture{"shared gain and bias", false, func(g *Graph, x, s Value) (Value, []Value) {
		p, q := g.Param("p", s.Size()), g.Param("q", s.Size())
		return weighted(x.GroupNorm(1, 1e-2).ScaleChannels(p).ShiftChannels(q).SiLU()), []Value{p, q}
	}})
	all = append(all, picture{"convs side by side", false, func(g *Graph, x, s Value) (Value, []Value) {
		p, q, b := g.Param("p", 3, 3, s.Size(), 16), g.Param("q", 3, 3, s.Size(), 32), g.Param("b", 16)
		u, v := x.Conv(p, b, same), x.Conv(q, Value{}, same)
		return weighted(ConcatChannels(u, v, x).Sin().Add(ConcatChannels(v, x, u))), []Value{p, q, b}
	}})
	all = append(all, picture{"conv of an image of parameters", false, func(g *Graph, x, s Value) (Value, []Value) {
		h := x.Shape()
		p, q := g.Param("p", h...), g.Param("q", 3, 3, h[2], 5)
		return weighted(p.Conv(q, Value{}, same).SumPixels().Sin()).Mul(x.Sum()), []Value{p, q}
	}})
	all = append(all, picture{"conv of made weights, FiLM of a layer", false, func(g *Graph, x, s Value) (Value, []Value) {
		c := s.Size()
		p, q := g.Param("p", 3, 3, c, c), g.Param("q", c, 2*c)
		film := s.Dense(q, Value{})
		y := x.Conv(p.Mul(p), p.Slice(0, 1).Reshape(3*c*c).Slice(0, c), same).ScaleChannels(film.Slice(0, c)).ShiftChannels(film.Slice(c, 2*c))
		return weighted(y.Add(x).Tanh()), []Value{p, q}
	}})
	all = append(all, picture{"U-Net", true, func(g *Graph, x, s Value) (Value, []Value) {
		c := s.Size()
		p0, p1, p2 := g.Param("p0", 3, 3, c, 16), g.Param("p1", 3, 3, 16, 16), g.Param("p2", 3, 3, 16, 16)
		p3, p4, b := g.Param("p3", 3, 3, 32, 16), g.Param("p4", 1, 1, 16, 1), g.Param("b", 16)
		skip := x.Conv(p0, b, same).ELU()
		low := skip.AvgPool().Conv(p1, b, same).ELU()
		up := low.Conv(p2, b, windows[4])
		y := ConcatChannels(up, skip).Conv(p3, b, same).ELU().Conv(p4, b.Slice(3, 4), windows[1])
		return weighted(y.Scale(1e-3).Sin()), []Value{p0, p1, p2, p3, p4, b}
	}})
	all = append(all, picture{"energy of an image", false, func(g *Graph, x, s Value) (Value, []Value) { // the score is the gradient of a network
		p, b := g.Param("p", 3, 3, s.Size(), 16), g.Param("b", 16)
		energy := x.Conv(p, b, same).Softplus().GroupNorm(4, 0.1).SumPixels().Sin().Sum()
		d, err := Gradient(energy, x)
		if err != nil {
			panic(err)
		}
		return weighted(d[0]), []Value{p, b}
	}})
	return all
}

// sizes are of images: height, width and channels.
var sizes = [][3]int{{2, 4, 1}, {4, 2, 3}, {3, 5, 2}, {6, 6, 16}, {5, 7, 4}, {4, 6, 20}}

func (p picture) build(t testing.TB, size [3]int) (outputs, inputs, params []Value) {
	t.Helper()
	if p.even && size[0]*size[1]%2 != 0 {
		t.Skip("it needs even sizes")
	}
	g := NewGraph()
	x, s := g.Input("x", size[:]...), g.Input("s", size[2])
	y, params := p.f(g, x, s)
	inputs = []Value{x, s}
	outputs = append([]Value{y}, mustGradient(t, y, append(append([]Value(nil), inputs...), params...)...)...)
	return outputs, inputs, params
}

func TestPicturesAndTheirGradients(t *testing.T) {
	for _, l := range pictures() {
		for _, size := range sizes {
			t.Run(fmt.Sprint(l.name, size), func(t *testing.T) {
				outputs, inputs, params := l.build(t, size)
				wrt := append(append([]Value(nil), inputs...), params...)
				r := rand.New(rand.NewPCG(uint64(len(l.name)), uint64(size[0])))
				p := mustCompileRows(t, outputs, inputs, params)
				if p.Piece() != 1 {
					t.Errorf("images are worked through %d at a time, want one by one", p.Piece())
				}
				for _, rows := range []int{0, 1, 3} {
					data, plain := data32(r, rows, wrt)
					got := empty32(rows, outputs)
					p.Run(rows, got, data[:2], data[2:])
					want := evaluateRows(t, rows, outputs, plain)
					checkRowsAgree(t, fmt.Sprint(rows, " rows"), got, want, 3e-5)
					if rows != 1 {
						continue
					}
					for k, v := range wrt { // derivatives by differences
						at := plain[v.id]
						for range 3 {
							j := r.IntN(len(at))
							slope := central(func(p []float64) float64 {
								plain[v.id] = p
								y := evaluateRows(t, rows, outputs[:1], plain)[0][0]
								plain[v.id] = at
								return y
							}, at, j)
							if d := want[k+1][j]; !near(d, slope, 1e-6) {
								t.Fatalf("derivative %d in %v is %v, by differences %v", j, v, d, slope)
							}
						}
					}
				}
			})
		}
	}
}
