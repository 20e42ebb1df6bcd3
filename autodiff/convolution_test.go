package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/backends"
)

// filters is a network most of whose layers Winograd's filtering computes: of images joined, one of them in its slot, with
// and without bias, of 7x7 and 4x8 pixels, and of an input that is given per particle.
func filters(t testing.TB) (outputs, inputs, params []Value) {
	b := &builder{g: NewGraph()}
	x := b.g.Input("x", 8, 16, 16)
	h := b.conv(x, 32, same3).SiLU()
	h = ConcatChannels(b.conv(h, 16, same3), x, h).SliceChannels(0, 48)
	h = b.conv(h.AvgPool(), 16, same3).ELU()
	w := b.param(3, 3, 16, 32)
	h = h.Conv(w, Value{}, same3).Conv(w.Mul(w).Reshape(3, 3, 32, 16), Value{}, same3)
	y := b.conv(h, 1, same3)
	z := b.g.Input("z", 4, 8, 1)
	loss := y.Sub(z).Square().Mean()
	inputs = []Value{x, z}
	outputs = append([]Value{y, loss}, mustGradient(t, loss, append([]Value{x}, b.params...)...)...)
	return outputs, inputs, b.params
}

// weights32 is numbers of the size that weights have.
func weights32(r *rand.Rand, params []Value) [][]float32 {
	weights := numbers32(r, 1, params)
	for i := range weights {
		for j := range weights[i] {
			weights[i][j] *= 0.1
		}
	}
	return weights
}

func mustCompileBy(t testing.TB, by Convolution, outputs, inputs, params []Value) *RowProgram {
	t.Helper()
	p, err := CompileRowsBy(by, outputs, inputs, params)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// apart is the largest difference over the root of the mean square.
func apart(got, want []float32) float64 {
	var most, squares float64
	for i, v := range want {
		most = max(most, math.Abs(float64(got[i]-v)))
		squares += float64(v) * float64(v)
	}
	return most / math.Sqrt(squares/float64(len(want)))
}

// Forward and both gradients have the same bits in all backends, for any number of rows at a time and on any number of
// workers; and they are those of direct convolutions up to their error.
func TestConvolutionsHaveTheSameBitsInAllBackends(t *testing.T) {
	defer backends.Use(backends.Current().Name)
	outputs, inputs, params := filters(t)
	const rows = 4
	r := rand.New(rand.NewPCG(20, 7))
	in, weights := numbers32(r, rows, inputs), weights32(r, params)
	direct := empty32(rows, outputs)
	mustCompileBy(t, Direct, outputs, inputs, params).Run(rows, direct, in, weights)
	for _, c := range []struct {
		by    Convolution
		count int // of outputs: bf16 has no gradients of parameters
		off   float64
	}{{Direct, len(outputs), 0}, {Winograd, len(outputs), 1e-4}, {BFloat16, 3, 0.1}} {
		g, ids, err := request{"compileRows", outputs[:c.count], inputs, params}.check()
		if err != nil {
			t.Fatal(err)
		}
		var first [][]float32
		for _, piece := range []int{1, 3} {
			p := compileRows(g, ids, inputs, params, piece, c.by)
			for _, table := range backends.Available() {
				if err := backends.Use(table.Name); err != nil {
					t.Fatal(err)
				}
				name := fmt.Sprintf("%v, %s, %d at a time", c.by, table.Name, piece)
				out := empty32(rows, outputs[:c.count])
				p.Run(rows, out, in, weights)
				if first == nil {
					first = out
				}
				sameBits(t, name, out, first)
				workers := make([][][]float32, 2)
				var group sync.WaitGroup
				for w := range workers {
					group.Go(func() {
						workers[w] = empty32(rows, outputs[:c.count])
						p.Run(rows, workers[w], in, weights)
					})
				}
				group.Wait()
				for _, out := range workers {
					sameBits(t, name+", beside another", out, first)
				}
			}
		}
		worst := 0.0
		for i, out := range first {
			worst = max(worst, apart(out, direct[i]))
		}
		t.Logf("%v: off by %.2g of the root mean square", c.by, worst)
		if !(worst <= c.off) || c.by != Direct && worst == 0 {
			t.Errorf("%v is off by %v from direct convolutions, want up to %v and not 0", c.by, worst, c.off)
		}
	}
}

// The listing says which layers are not direct, and weights are transformed once.
func TestConvolutionsAreCounted(t *testing.T) {
	outputs, inputs, params := filters(t)
	for _, c := range []struct {
		by          Convolution
		outputs     int
		chosen, all int
		words       map[string]int
	}{
		{Direct, 2, 6, 6, map[string]int{"Winograd": 0, "bf16": 0}},
		// 5 of 6 layers, whose inputs have gradients each; the last layer's gradient at its weights is computed the other way round
		{Winograd, len(outputs), 15, 18, map[string]int{"by Winograd": 15, "transform of weights": 10, "transform back": 5}},
		{BFloat16, 2, 6, 6, map[string]int{"conv{3 1 1 1}": 0, "conv in bf16{3 1 1 1}": 6, "weights in bf16": 6}},
	} {
		p := mustCompileBy(t, c.by, outputs[:c.outputs], inputs, params)
		if chosen, all := p.Convolutions(); chosen != c.chosen || all != c.all {
			t.Errorf("%v: %d of %d convolutions, want %d of %d", c.by, chosen, all, c.chosen, c.all)
		}
		listing := p.String()
		for words, want := range c.words {
			if got := strings.Count(listing, words); got != want {
				t.Errorf("%v: %d times %q in the listing, want %d", c.by, got, words, want)
			}
		}
	}
}

// Images too small to gain by it stay direct, as do channels that fill no vectors.
func TestWinogradIsForLayersThatGainByIt(t *testing.T) {
	for _, c := range []struct {
		height, width, channels, outputs int
		window                           backends.Window
		want                             bool
	}{
		{4, 4, 16, 16, same3, true}, {7, 7, 16, 32, same3, true}, {28, 28, 48, 16, same3, true}, {16, 3, 16, 16, same3, true},
		{2, 2, 16, 16, same3, false}, {3, 3, 16, 16, same3, false}, {5, 5, 16, 16, same3, false}, {1, 28, 16, 16, same3, false},
		{8, 8, 15, 16, same3, false}, {8, 8, 16, 17, same3, false}, {8, 8, 16, 16, one1, false}, {8, 8, 16, 16, half3, false}, {8, 8, 16, 16, up3, false},
		{8, 8, 16, 16, backends.Window{Size: 3, Step: 1, Up: 1}, false},
	} {
		b := &builder{g: NewGraph()}
		x := b.g.Input("x", c.height, c.width, c.channels)
		y := b.conv(x, c.outputs, c.window)
		chosen, _ := mustCompileBy(t, Winograd, []Value{y}, []Value{x}, b.params).Convolutions()
		if got := chosen == 1; got != c.want {
			t.Errorf("%d x %d pixels from %d to %d channels, %v: by Winograd %v, want %v", c.height, c.width, c.channels, c.outputs, c.window, got, c.want)
		}
	}
}

func TestConvolutionsThatAreRefused(t *testing.T) {
	outputs, inputs, params := filters(t)
	_, err := CompileRowsBy(BFloat16, outputs, inputs, params)
	if err == nil || !strings.Contains(err.Error(), "bf16 is too coarse to learn with") {
		t.Errorf("bf16 with gradients of parameters: %v", err)
	}
	for _, by := range []Convolution{-1, 3} {
		_, err := CompileRowsBy(by, outputs, inputs, params)
		if want := fmt.Sprintf("compileRows: there is no convolution %d: use Direct, Winograd or BFloat16", int(by)); err == nil || err.Error() != want {
			t.Errorf("convolution %d: %v, want %s", int(by), err, want)
		}
	}
}

// A bound program gives what the program gives, allocates nothing, and serves several goroutines.
func TestABoundProgramIsTheProgram(t *testing.T) {
	all, inputs, params := filters(t)
	const rows = 3
	r := rand.New(rand.NewPCG(20, 8))
	in, weights := numbers32(r, rows, inputs), weights32(r, params)
	for _, by := range []Convolution{Direct, Winograd, BFloat16} {
		for _, outputs := range [][]Value{all[:1], all[:3], all, {all[0], params[0].Mul(params[0])}} {
			if by == BFloat16 && len(outputs) == len(all) {
				continue
			}
			p := mustCompileBy(t, by, outputs, inputs, params)
			want := empty32(rows, outputs)
			p.Run(rows, want, in, weights)
			b := p.Bind(weights)
			if kept := len(outputs) != len(all) && !outputs[len(outputs)-1].Shared(); b.kept != kept {
				t.Errorf("%v, %d outputs: kept %v, want %v", by, len(outputs), b.kept, kept)
			}
			var group sync.WaitGroup
			results := make([][][]float32, 3)
			for i := range results {
				group.Go(func() {
					results[i] = empty32(rows, outputs)
					for range 2 {
						b.Run(rows, results[i], in)
					}
				})
			}
			group.Wait()
			for i := range results {
				sameBits(t, fmt.Sprintf("%v, %d outputs, goroutine %d", by, len(outputs), i), results[i], want)
			}
			if a := testing.AllocsPerRun(5, func() { b.Run(rows, results[0], in) }); a != 0 && !raceEnabled {
				t.Errorf("%v, %d outputs: a warm run allocates %v times", by, len(outputs), a)
			}
			if a := testing.AllocsPerRun(5, func() { p.Run(rows, results[0], in, weights) }); a != 0 && !raceEnabled {
				t.Errorf("%v, %d outputs: a warm run of the program allocates %v times", by, len(outputs), a)
			}
		}
	}
}
