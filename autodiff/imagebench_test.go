package autodiff

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/scorefield/infer/backends"
)

// The windows of the networks below.
var (
	same3 = backends.Window{Size: 3, Step: 1, Up: 1, Before: 1}
	half3 = backends.Window{Size: 3, Step: 2, Up: 1}
	up3   = backends.Window{Size: 3, Step: 1, Up: 2, Before: 2}
	one1  = backends.Window{Size: 1, Step: 1, Up: 1}
)

// builder makes layers of a network.
type builder struct {
	g      *Graph
	params []Value
}

func (b *builder) param(shape ...int) Value {
	p := b.g.Param(fmt.Sprint("p", len(b.params)), shape...)
	b.params = append(b.params, p)
	return p
}

func (b *builder) conv(x Value, channels int, window backends.Window) Value {
	s := x.Shape()
	return x.Conv(b.param(window.Size, window.Size, s[2], channels), b.param(channels), window)
}

// imageNetwork is a network of an image x and noise z, and its loss.
type imageNetwork struct {
	inputs []Value
	params []Value
	y      Value
	loss   Value
}

func (b *builder) network(x, y Value, more ...Value) imageNetwork {
	z := b.g.Input("z", x.Shape()...)
	return imageNetwork{append([]Value{x, z}, more...), b.params, y, y.Add(z).Square().Mean()}
}

// tutorialNetwork has 129,697 parameters and 20,108,032 multiply-adds.
func tutorialNetwork() imageNetwork {
	b := &builder{g: NewGraph()}
	x, sigma := b.g.Input("x", 28, 28, 1), b.g.Input("sigma")
	level := b.g.Constant(ones(28*28), 28, 28, 1).Mul(sigma)
	h := ConcatChannels(x, level)
	skip1 := b.conv(b.conv(h, 16, same3).ELU(), 16, same3).ELU()
	skip2 := b.conv(b.conv(skip1.AvgPool(), 32, same3).ELU(), 32, same3).ELU()
	h = b.conv(b.conv(skip2.AvgPool(), 64, same3).ELU(), 64, same3).ELU()
	h = ConcatChannels(b.conv(h, 32, up3), skip2)
	h = b.conv(b.conv(h, 32, same3).ELU(), 32, same3).ELU()
	h = ConcatChannels(b.conv(h, 16, up3), skip1)
	h = b.conv(b.conv(h, 16, same3).ELU(), 16, same3).ELU()
	return b.network(x, b.conv(h, 1, one1), sigma)
}

func ones(n int) []float64 {
	o := make([]float64, n)
	for i := range o {
		o[i] = 1
	}
	return o
}

// residualNetwork has residual blocks of 16, 32 and 64 channels with group norm, FiLM and SiLU, and attention at 7x7.
func residualNetwork() imageNetwork {
	b := &builder{g: NewGraph()}
	x, sigma := b.g.Input("x", 28, 28, 1), b.g.Input("sigma")
	phase := sigma.Mul(b.g.Constant(ramp(32), 32))
	e := Concat(phase.Sin(), phase.Cos())
	e = e.Dense(b.param(64, 128), b.param(128)).SiLU()
	e = e.Dense(b.param(128, 128), b.param(128)).SiLU()
	block := func(h Value, channels int) Value {
		c := h.Shape()[2]
		film := e.Dense(b.param(128, 2*channels), b.param(2*channels))
		r := h.GroupNorm(c/4, 1e-5).ScaleChannels(b.param(c)).ShiftChannels(b.param(c)).SiLU()
		r = b.conv(r, channels, same3).GroupNorm(channels/4, 1e-5).ScaleChannels(film.Slice(0, channels).Shift(1)).ShiftChannels(film.Slice(channels, 2*channels)).SiLU()
		r = b.conv(r, channels, same3)
		if c != channels {
			h = b.conv(h, channels, one1)
		}
		return h.Add(r).Scale(1 / 1.4142135)
	}
	attend := func(h Value) Value {
		s := h.Shape()
		n := h.GroupNorm(s[2]/4, 1e-5).ScaleChannels(b.param(s[2])).ShiftChannels(b.param(s[2]))
		qkv := b.conv(n, 3*s[2], one1).Reshape(s[0]*s[1], 3*s[2])
		y := Attention(qkv.SliceChannels(0, s[2]), qkv.SliceChannels(s[2], 2*s[2]), qkv.SliceChannels(2*s[2], 3*s[2]))
		return h.Add(b.conv(y.Reshape(s...), s[2], one1)).Scale(1 / 1.4142135)
	}
	h := b.conv(x, 16, same3)
	skips := []Value{h}
	push := func(v Value) Value { skips = append(skips, v); return v }
	pop := func() Value { v := skips[len(skips)-1]; skips = skips[:len(skips)-1]; return v }
	h = push(block(h, 16))
	h = push(b.conv(h, 16, half3))
	h = push(block(h, 32))
	h = push(b.conv(h, 32, half3))
	h = push(attend(block(h, 64)))
	h = push(attend(block(h, 64)))
	h = block(attend(block(h, 64)), 64)
	for range 3 {
		h = attend(block(ConcatChannels(h, pop()), 64))
	}
	h = b.conv(h, 32, up3)
	for range 2 {
		h = block(ConcatChannels(h, pop()), 32)
	}
	h = b.conv(h, 16, up3)
	for range 2 {
		h = block(ConcatChannels(h, pop()), 16)
	}
	h = h.GroupNorm(4, 1e-5).ScaleChannels(b.param(16)).ShiftChannels(b.param(16)).SiLU()
	return b.network(x, b.conv(h, 1, same3), sigma)
}

// multiplyAdds counts those of the convolutions, taps outside the image included.
func multiplyAdds(v Value) (count int) {
	g := v.graph
	for id, needed := range reachable(g, []int{v.id}) {
		if n := g.nodes[id]; needed && n.op == opConv {
			count += n.size * product(g.shape(n.args[1])[:3]) / (n.window.Up * n.window.Up)
		}
	}
	return count
}

func TestTutorialNetworkHasItsSize(t *testing.T) {
	m := tutorialNetwork()
	parameters := 0
	for _, p := range m.params {
		parameters += p.Size()
	}
	if macs := multiplyAdds(m.y); parameters != 129697 || macs != 20108032 {
		t.Errorf("%d parameters and %d multiply-adds, want 129697 and 20108032", parameters, macs)
	}
}

func (m imageNetwork) programs(t testing.TB) (forward, train *RowProgram, outputs []Value) {
	outputs = append([]Value{m.loss}, mustGradient(t, m.loss, m.params...)...)
	return mustCompileRows(t, []Value{m.y}, append([]Value{m.inputs[0]}, m.inputs[2:]...), m.params), mustCompileRows(t, outputs, m.inputs, m.params), outputs
}

func BenchmarkImages(b *testing.B) {
	for _, c := range []struct {
		name string
		m    imageNetwork
	}{{"tutorial", tutorialNetwork()}, {"residual", residualNetwork()}} {
		forward, train, outputs := c.m.programs(b)
		r := rand.New(rand.NewPCG(1, 0))
		params := numbers32(r, 1, c.m.params)
		for i := range params {
			for j := range params[i] {
				params[i][j] *= 0.1
			}
		}
		const rows = 12
		in := numbers32(r, rows, c.m.inputs)
		score, out := empty32(rows, []Value{c.m.y}), empty32(rows, outputs)
		macs := float64(multiplyAdds(c.m.y)) * rows
		runs := map[string]func(){
			"forward": func() { forward.Run(rows, score, append([][]float32{in[0]}, in[2:]...), params) },
			"train":   func() { train.Run(rows, out, in, params) },
		}
		for _, name := range []string{"forward", "train"} {
			f := runs[name]
			b.Run(c.name+"/"+name, func(b *testing.B) {
				f()
				shortest := time.Hour
				for range b.N {
					start := time.Now()
					f()
					shortest = min(shortest, time.Since(start))
				}
				factor := 1.0
				if name == "train" {
					factor = 3
				}
				b.ReportMetric(float64(shortest.Microseconds())/rows, "us/image")
				b.ReportMetric(2*factor*macs/float64(shortest.Nanoseconds()), "GFLOP/s")
				b.ReportMetric(0, "ns/op")
			})
		}
		profileRows(b, c.name+" forward", forward, rows, score, append([][]float32{in[0]}, in[2:]...), params)
		profileRows(b, c.name+" train", train, rows, out, in, params)
	}
}

// profileRows logs where the time of a program goes for one image: the shortest of many runs of each instruction, since others
// use the machine too.
func profileRows(b *testing.B, name string, p *RowProgram, rows int, outputs, inputs, params [][]float32) {
	kernels := p.resolve()
	m := p.newMemory(p.newShared())
	f := rowFrame{rowMemory: m, rows: 1, first: true}
	f.enterShared(p, outputs, params)
	shortest := make([]time.Duration, len(p.code[phaseEach]))
	f.run(p.code[phaseBefore], kernels[phaseBefore])
	code := p.code[phaseEach]
	piece := min(p.piece, rows)
	for i := range 5 * rows / piece {
		f.rows = piece
		f.enter(p, i%(rows/piece)*piece, outputs, inputs)
		for i := 0; i < len(code); i++ {
			run := max(1, code[i].run)
			start := time.Now()
			f.run(code[i:i+run], kernels[phaseEach][i:i+run])
			if d := time.Since(start) - 30; shortest[i] == 0 || d/time.Duration(piece) < shortest[i] {
				shortest[i] = d / time.Duration(piece)
			}
			i += run - 1
		}
		f.first = false
	}
	spent, counts := map[string]time.Duration{}, map[string]int{}
	var total, convolutions time.Duration
	for i := range code {
		in := &code[i]
		key := fmt.Sprint(in.kind, " ", in.op)
		spent[key] += shortest[i]
		counts[key]++
		total += shortest[i]
		if in.kind >= rowConvolve && in.kind <= rowConvolveAdd {
			convolutions += shortest[i]
		}
	}
	var keys []string
	for k := range spent {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return spent[keys[i]] > spent[keys[j]] })
	text := ""
	for _, k := range keys {
		if spent[k] > total/200 {
			text += fmt.Sprintf("\n%5.1f %% %8.1f us, %5d: %s", 100*float64(spent[k])/float64(total), float64(spent[k].Nanoseconds())/1000, counts[k], k)
		}
	}
	b.Logf("%s: %v, %.1f %% in convolutions, memory %d KiB and %d shared%s", name, total, 100*float64(convolutions)/float64(total), 4*p.own/1024, 4*p.shared/1024, text)
}
