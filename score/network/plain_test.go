package network_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/score/network"
)

// picture is an image of a plain network, channels last.
type picture struct {
	height, width, channels int
	values                  []float64
}

func (p picture) at(y, x, c int) float64 { return p.values[(y*p.width+x)*p.channels+c] }

// each is a picture of as many pixels made number by number.
func (p picture) each(channels int, f func(y, x, c int) float64) picture {
	q := picture{p.height, p.width, channels, nil}
	for i := range p.height * p.width * channels {
		q.values = append(q.values, f(i/channels/p.width, i/channels%p.width, i%channels))
	}
	return q
}

// plainNet is a residual U-Net by its formulas, in float64 and without any thought of speed, from parameters by name.
type plainNet map[string][]float64

func silu(v float64) float64 { return v / (1 + math.Exp(-v)) }

func (n plainNet) conv(name string, p picture, size int) picture {
	w, b := n[name+".weight"], n[name+".bias"]
	return p.each(len(b), func(y, x, c int) float64 {
		sum := b[c]
		for dy := range size {
			for dx := range size {
				iy, ix := y+dy-size/2, x+dx-size/2
				if iy < 0 || iy >= p.height || ix < 0 || ix >= p.width {
					continue
				}
				for i := range p.channels {
					sum += p.at(iy, ix, i) * w[((dy*size+dx)*p.channels+i)*len(b)+c]
				}
			}
		}
		return sum
	})
}

func (n plainNet) dense(name string, x []float64) []float64 {
	w, b := n[name+".weight"], n[name+".bias"]
	out := append([]float64(nil), b...)
	for j := range b {
		for i, v := range x {
			out[j] += v * w[i*len(b)+j]
		}
	}
	return out
}

// normalised has mean 0 and variance 1 in each group: four channels each where they divide.
func normalised(p picture, groups int) picture {
	size := p.channels / groups
	return p.each(p.channels, func(y, x, c int) float64 {
		var mean, square float64
		count := float64(p.height * p.width * size)
		for i, v := range p.values {
			if i%p.channels/size == c/size {
				mean += v / count
				square += v * v / count
			}
		}
		return (p.at(y, x, c) - mean) / math.Sqrt(square-mean*mean+1e-5)
	})
}

func (n plainNet) norm(name string, p picture, groups int) picture {
	q := normalised(p, groups)
	return q.each(q.channels, func(y, x, c int) float64 { return n[name+".scale"][c]*q.at(y, x, c) + n[name+".shift"][c] })
}

func (n plainNet) block(name string, h picture, condition []float64, channels, groupsIn, groupsOut int) picture {
	active := func(p picture) picture {
		return p.each(p.channels, func(y, x, c int) float64 { return silu(p.at(y, x, c)) })
	}
	r := n.conv(name+".conv0", active(n.norm(name+".norm", h, groupsIn)), 3)
	r = normalised(r, groupsOut)
	scale, shift := n.dense(name+".film.scale", condition), n.dense(name+".film.shift", condition)
	r = active(r.each(channels, func(y, x, c int) float64 { return r.at(y, x, c)*(1+scale[c]) + shift[c] }))
	r = n.conv(name+".conv1", r, 3)
	direct := h
	if h.channels != channels {
		direct = n.conv(name+".direct", h, 1)
	}
	return r.each(channels, func(y, x, c int) float64 { return (direct.at(y, x, c) + r.at(y, x, c)) / math.Sqrt2 })
}

func (n plainNet) attention(name string, h picture, groups int) picture {
	norm := n.norm(name+".norm", h, groups)
	q, k, v := n.conv(name+".query", norm, 1), n.conv(name+".key", norm, 1), n.conv(name+".value", norm, 1)
	d := h.channels
	a := h.each(d, func(y, x, c int) float64 {
		var sum, total float64
		for u := range h.height * h.width {
			var dot float64
			for i := range d {
				dot += q.at(y, x, i) * k.values[u*d+i]
			}
			e := math.Exp(dot / math.Sqrt(float64(d)))
			total += e
			sum += e * v.values[u*d+c]
		}
		return sum / total
	})
	out := n.conv(name+".out", a, 1)
	return h.each(d, func(y, x, c int) float64 { return (h.at(y, x, c) + out.at(y, x, c)) / math.Sqrt2 })
}

// The residual U-Net is what its formulas say, up to the rounding of float32.
func TestTheResidualUNetIsItsFormulas(t *testing.T) {
	const height, width, dim, classes, condition, sigma = 6, 4, 24, 2, 8, 0.3
	unet := network.UNet{Height: height, Width: width, Patch: 1, Channels: []int{16, 24}, Blocks: []int{1, 2}, Condition: condition}
	g := autodiff.NewGraph()
	p := network.NewParams(g)
	inputs := []autodiff.Value{g.Input("x", dim), g.Input("sigma"), g.Input("given", classes)}
	p.SetGiven(inputs[2])
	y := unet.Network()(p, inputs[0], inputs[1])
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	program, err := autodiff.CompileRows([]autodiff.Value{y}, inputs, p.Values())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	numbers := func(count int, scale float64) (short []float32, long []float64) {
		for range count {
			v := float32(scale * r.NormFloat64())
			short, long = append(short, v), append(long, float64(v))
		}
		return short, long
	}
	plain, weights := plainNet{}, make([][]float32, len(p.Names()))
	for i, v := range p.Values() {
		weights[i], plain[p.Names()[i]] = numbers(v.Size(), 0.3)
	}
	x, pixels := numbers(dim, 1)
	got := make([]float32, dim)
	program.Run(1, [][]float32{got}, [][]float32{x, {sigma}, {0, 1}}, weights)

	var waves [32]float64
	for i := range 16 {
		phase := 2 * math.Pi / 8 * math.Pow(32, float64(i)/15) * math.Log(float64(float32(sigma))) / 4
		waves[i], waves[16+i] = math.Cos(phase), math.Sin(phase)
	}
	seen := plain.dense("noise0", waves[:])
	for i, v := range seen {
		seen[i] = silu(v)
	}
	seen = plain.dense("noise1", seen)
	for i, v := range seen {
		seen[i] = silu(v + plain["given.weight"][condition+i])
	}
	one := plain.block("down0.0", plain.conv("stem", picture{height, width, 1, pixels}, 3), seen, 16, 4, 4)
	h := picture{height: height / 2, width: width / 2}
	h = h.each(16, func(y, x, c int) float64 {
		return (one.at(2*y, 2*x, c) + one.at(2*y+1, 2*x, c) + one.at(2*y, 2*x+1, c) + one.at(2*y+1, 2*x+1, c)) / 4
	})
	h = plain.block("down1.0", h, seen, 24, 4, 6)
	h = plain.block("down1.1", plain.attention("down1.0.attention", h, 6), seen, 24, 6, 6)
	joined := one.each(40, func(y, x, c int) float64 {
		if c < 24 {
			return h.at(y/2, x/2, c)
		}
		return one.at(y, x, c-24)
	})
	last := plain.norm("norm", plain.block("up0.0", joined, seen, 16, 10, 4), 4)
	last = last.each(16, func(y, x, c int) float64 { return silu(last.at(y, x, c)) })
	want := make([]float32, dim)
	for i, v := range plain.conv("output", last, 3).values {
		want[i] = float32(v)
	}
	off := worst(got, want)
	t.Logf("off by %.1e of the largest", off)
	if !(off <= 1e-5) {
		t.Errorf("off by %.2e of the largest, want 1e-5: %v, want %v", off, got, want)
	}
}
