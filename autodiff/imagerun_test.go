package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/backends"
)

// taps is a 3x3 kernel with weights along one axis, at tap k of the other.
func taps(w [3]float32, k int, wide bool) []float32 {
	all := make([]float32, 9)
	for i, v := range w {
		if wide {
			all[3*k+i] = v
		} else {
			all[3*i+k] = v
		}
	}
	return all
}

// TestTransposedConvolutionsHaveTheirTaps holds both paddings to what people write down for them: Haiku's layer adds x[i] times
// w[2], w[1], w[0] to out[2i], out[2i+1], out[2i+2]; PyTorch's adds w[0], w[1], w[2] to out[2i-1], out[2i], out[2i+1], with
// weights that are flipped when they are loaded.
func TestTransposedConvolutionsHaveTheirTaps(t *testing.T) {
	x := []float32{1, 10, 100}
	for _, c := range []struct {
		name   string
		window backends.Window
		w      [3]float32 // as the convolution has them
		want   []float32
	}{
		{"Haiku", backends.Window{Size: 3, Step: 1, Up: 2, Before: 2}, [3]float32{2, 3, 5}, []float32{5, 3, 2 + 50, 30, 20 + 500, 300}},
		{"PyTorch", backends.Window{Size: 3, Step: 1, Up: 2, Before: 1}, [3]float32{5, 3, 2}, []float32{3, 5 + 20, 30, 50 + 200, 300, 500}},
		{"JAX, stride 2", backends.Window{Size: 3, Step: 2, Up: 1}, [3]float32{2, 3, 5}, []float32{2 + 30 + 500, 200}},
		{"PyTorch, stride 2", backends.Window{Size: 3, Step: 2, Up: 1, Before: 1}, [3]float32{2, 3, 5}, []float32{3 + 50, 20 + 300}},
		{"same", backends.Window{Size: 3, Step: 1, Up: 1, Before: 1}, [3]float32{2, 3, 5}, []float32{3 + 50, 2 + 30 + 500, 20 + 300}},
	} {
		for _, wide := range []bool{false, true} {
			g := NewGraph()
			image, weights := g.Input("x", 3, 1, 1), g.Param("w", 3, 3, 1, 1)
			if wide {
				image = g.Input("x", 1, 3, 1)
			}
			k, at := c.window.Before, 0 // of the other axis: tap k brings pixel 0 to output 0, or
			if c.window.Up == 2 {
				k, at = 1, c.window.Before-1
			}
			y := image.Conv(weights, Value{}, c.window)
			out := empty32(1, []Value{y})
			mustCompileRows(t, []Value{y}, []Value{image}, []Value{weights}).Run(1, out, [][]float32{x}, [][]float32{taps(c.w, k, wide)})
			got := out[0]
			if s := y.Shape(); !wide && s[1] > 1 { // columns of no weight
				got = nil
				for i := range s[0] {
					got = append(got, out[0][i*s[1]+at])
				}
			} else if wide && s[0] > 1 {
				got = out[0][at*s[1]:][:s[1]]
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, along x %v: %v, want %v", c.name, wide, got, c.want)
			}
		}
	}
}

func TestPicturesHaveTheSameBitsInAllBackends(t *testing.T) {
	defer backends.Use(backends.Current().Name)
	for _, l := range pictures() {
		for _, size := range [][3]int{{6, 6, 16}, {4, 6, 20}, {2, 2, 3}} {
			outputs, inputs, params := l.build(t, size)
			p := mustCompileRows(t, outputs, inputs, params)
			const rows = 3
			r := rand.New(rand.NewPCG(3, uint64(size[0])))
			in, weights := numbers32(r, rows, inputs), numbers32(r, rows, params)
			var want [][]float32
			for _, table := range backends.Available() {
				if err := backends.Use(table.Name); err != nil {
					t.Fatal(err)
				}
				got := empty32(rows, outputs)
				p.Run(rows, got, in, weights)
				if want == nil {
					want = got
				}
				sameBits(t, fmt.Sprint(l.name, size, " ", table.Name), got, want)
			}
		}
	}
}

// TestImagesAreIndependent runs images alone and with others, one of which is no number.
func TestImagesAreIndependent(t *testing.T) {
	for _, l := range pictures() {
		outputs, inputs, params := l.build(t, [3]int{4, 6, 16})
		p := mustCompileRows(t, outputs, inputs, params)
		const rows = 4
		r := rand.New(rand.NewPCG(4, 0))
		in, weights := numbers32(r, rows, inputs), numbers32(r, rows, params)
		for j := range inputs[0].Size() {
			in[0][2*inputs[0].Size()+j] = float32(math.NaN())
		}
		all, alone := empty32(rows, outputs), empty32(1, outputs)
		p.Run(rows, all, in, weights)
		for _, k := range []int{3, 0, 1} {
			one := make([][]float32, len(in))
			for i, v := range inputs {
				one[i] = in[i][k*v.Size() : (k+1)*v.Size()]
			}
			p.Run(1, alone, one, weights)
			for i, v := range outputs {
				if n := v.Size(); !v.Shared() {
					sameBits(t, fmt.Sprintf("%s, image %d, output %d", l.name, k, i), [][]float32{all[i][k*n : (k+1)*n]}, [][]float32{alone[i]})
				}
			}
		}
	}
}

// TestBitsOfImagesDoNotDependOnTheOtherOutputs holds what could depend on who else uses a value: strips, places within
// joined images, memory that is used again.
func TestBitsOfImagesDoNotDependOnTheOtherOutputs(t *testing.T) {
	for _, l := range pictures() {
		outputs, inputs, params := l.build(t, [3]int{4, 6, 16})
		g := inputs[0].graph
		for id, n := range g.nodes { // every value on the way is asked for as well
			if id%3 == 0 && id > 0 && n.op != opConstant && !n.summed {
				outputs = append(outputs, Value{g, id})
			}
		}
		r := rand.New(rand.NewPCG(5, 0))
		in, weights := numbers32(r, 2, inputs), numbers32(r, 2, params)
		all := empty32(2, outputs)
		mustCompileRows(t, outputs, inputs, params).Run(2, all, in, weights)
		for i, v := range outputs {
			out := empty32(2, outputs[i:i+1])
			mustCompileRows(t, []Value{v}, inputs, params).Run(2, out, in, weights)
			sameBits(t, fmt.Sprintf("%s, output %d, %v", l.name, i, v), out, all[i:i+1])
		}
	}
}

// TestBitsOfImagesDoNotDependOnThePiece works through one image at a time, and through some.
func TestBitsOfImagesDoNotDependOnThePiece(t *testing.T) {
	for _, l := range pictures() {
		outputs, inputs, params := l.build(t, [3]int{4, 6, 16})
		alone := mustCompileRows(t, outputs, inputs, params)
		several := mustCompileRowsBy(t, 3, outputs, inputs, params)
		r := rand.New(rand.NewPCG(5, 1))
		const rows = 7
		in, weights := numbers32(r, rows, inputs), numbers32(r, rows, params)
		want, got := empty32(rows, outputs), empty32(rows, outputs)
		alone.Run(rows, want, in, weights)
		several.Run(rows, got, in, weights)
		if alone.Piece() != 1 || several.Piece() != 3 {
			t.Errorf("pieces of %d and %d, want 1 and 3", alone.Piece(), several.Piece())
		}
		sameBits(t, l.name, got, want)
	}
	for columns, want := range map[int]int{1000: 1, 1 << 18: 1, 900000: 4, 1500000: 2, 1 << 23: 1} {
		if got := imagesFor(columns); got != want {
			t.Errorf("%d numbers an image: %d at a time, want %d", columns, got, want)
		}
	}
}

// mustCompileRowsBy compiles a program that works through so many rows at a time.
func mustCompileRowsBy(t testing.TB, piece int, outputs, inputs, params []Value) *RowProgram {
	t.Helper()
	g, ids, err := request{"compileRows", outputs, inputs, params}.check()
	if err != nil {
		t.Fatal(err)
	}
	return compileRows(g, ids, inputs, params, piece, Direct)
}

func TestImagesAllocateNothing(t *testing.T) {
	for _, l := range pictures() {
		outputs, inputs, params := l.build(t, [3]int{4, 6, 16})
		p := mustCompileRows(t, outputs, inputs, params)
		r := rand.New(rand.NewPCG(6, 0))
		in, weights, out := numbers32(r, 3, inputs), numbers32(r, 3, params), empty32(3, outputs)
		if a := testing.AllocsPerRun(10, func() { p.Run(3, out, in, weights) }); a != 0 && !raceEnabled {
			t.Errorf("%s: a warm run allocates %v times", l.name, a)
		}
		var group sync.WaitGroup
		results := make([][][]float32, 4)
		for worker := range results {
			group.Go(func() {
				results[worker] = empty32(3, outputs)
				p.Run(3, results[worker], in, weights)
			})
		}
		group.Wait()
		for worker := range results {
			sameBits(t, fmt.Sprint(l.name, ", worker ", worker), results[worker], out)
		}
	}
}

// TestTutorialListing pins what becomes of a training step: convolutions that write into joined images, elementwise work by
// strips, weights that are turned around once.
func TestTutorialListing(t *testing.T) {
	m := tutorialNetwork()
	_, train, _ := m.programs(t)
	listing := train.String()
	for what, want := range map[string]int{
		"conv{3 1 1 1}": 10 + 9, "conv{3 1 2 2}": 2, "conv{3 2 1 0}": 2, "conv{1 1 1 0}": 1 + 1, "flip": 12 + 1, // the last layer's gradients have the roles of one channel and sixteen exchanged
	} {
		if got := strings.Count(listing, " = "+what); got != want {
			t.Errorf("%d times %s, want %d", got, what, want)
		}
	}
	if train.Piece() != 1 {
		t.Errorf("images are worked through %d at a time, want one by one", train.Piece())
	}
	if numbers := train.columns; numbers > 300000 {
		t.Errorf("a training step needs %d numbers an image: more than the second-level cache likes", numbers)
	}
}

func TestOperationsOnImagesSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		f    func(g *Graph, x, v Value) Value
		want string
	}{
		{func(g *Graph, x, v Value) Value { return x.Conv(g.Param("w", 3, 3, 4, 2), Value{}, same3) }, "conv: shapes [4, 6, 3] and [3, 3, 4, 2] do not fit a window of size 3: it takes an image [h, w, ic] and weights [3, 3, ic, oc]"},
		{func(g *Graph, x, v Value) Value { return x.Conv(g.Param("w", 3, 3, 3, 2), Value{}, one1) }, "conv: shapes [4, 6, 3] and [3, 3, 3, 2] do not fit a window of size 1: it takes an image [h, w, ic] and weights [1, 1, ic, oc]"},
		{func(g *Graph, x, v Value) Value { return x.Conv(g.Param("w", 3, 3, 3, 2), g.Param("b", 3), same3) }, "conv: a bias of shape [3] does not fit weights of shape [3, 3, 3, 2]: it needs shape [2]"},
		{func(g *Graph, x, v Value) Value { return x.Conv(g.Input("w", 3, 3, 3, 2), Value{}, same3) }, `conv: the weights are each particle's own, input "w" of shape [3, 3, 3, 2]: make a convolution of parameters and constants`},
		{func(g *Graph, x, v Value) Value {
			return x.Conv(g.Param("w", 3, 3, 3, 2), g.Input("b", 2), same3)
		}, `conv: the bias is each particle's own, input "b" of shape [2]: make a convolution of parameters and constants`},
		{func(g *Graph, x, v Value) Value {
			return x.Conv(g.Param("w", 3, 3, 3, 2), Value{}, backends.Window{Size: 3, Step: 2, Up: 2})
		}, "conv: a window of size 3, step 2, up 2 and 0 before: it needs size 1 or 3, step and up 1 or 2 but not both 2, and 0 to size-1 before"},
		{func(g *Graph, x, v Value) Value {
			return x.Conv(g.Param("w", 3, 3, 3, 2), Value{}, backends.Window{Size: 3, Step: 1, Up: 1, Before: 3})
		}, "conv: a window of size 3, step 1, up 1 and 3 before: it needs size 1 or 3, step and up 1 or 2 but not both 2, and 0 to size-1 before"},
		{func(g *Graph, x, v Value) Value { return g.Input("y", 3, 4, 1).AvgPool() }, "avgPool: shape [3, 4, 1]: it takes an image [h, w, c] of even height and width"},
		{func(g *Graph, x, v Value) Value { return v.UpsampleNearest() }, "upsampleNearest: shape [3] is no image: it takes [h, w, c]"},
		{func(g *Graph, x, v Value) Value { return g.Input("y", 1024, 1024, 1).UpsampleBilinear() }, "upsampleBilinear: shape [2048, 2048, 1] has more than 1048576 elements for one particle: split the value"},
		{func(g *Graph, x, v Value) Value { return ConcatChannels(x, x.UpsampleNearest()) }, "concatChannels: shapes [4, 6, 3] and [8, 12, 3] differ before the last dimension: they must be equal there"},
		{func(g *Graph, x, v Value) Value { return ConcatChannels(v, v) }, "concatChannels: shape [3] has no pixels: it takes at least two dimensions"},
		{func(g *Graph, x, v Value) Value { return x.SliceChannels(1, 4) }, "sliceChannels: [1:4] of shape [4, 6, 3]: a part needs 0 <= from < to <= 3"},
		{func(g *Graph, x, v Value) Value { return v.SliceChannels(0, 1) }, "sliceChannels: shape [3] has no pixels: it takes at least two dimensions"},
		{func(g *Graph, x, v Value) Value { return x.GroupNorm(2, 1e-5) }, "groupNorm: 2 groups of 3 channels: they must be at least 1 and divide the channels"},
		{func(g *Graph, x, v Value) Value { return x.GroupNorm(1, 0) }, "groupNorm: epsilon is 0: it must be above 0, 1e-5 is usual"},
		{func(g *Graph, x, v Value) Value { return v.GroupNorm(1, 1) }, "groupNorm: shape [3] is no image: it takes [h, w, c]"},
		{func(g *Graph, x, v Value) Value { return x.ScaleChannels(x) }, "scaleChannels: shapes [4, 6, 3] and [4, 6, 3] do not fit: it takes an image [h, w, c] and a vector [c]"},
		{func(g *Graph, x, v Value) Value { return x.ShiftChannels(g.Param("b", 4)) }, "shiftChannels: shapes [4, 6, 3] and [4] do not fit: it takes an image [h, w, c] and a vector [c]"},
		{func(g *Graph, x, v Value) Value { return v.SumPixels() }, "sumPixels: shape [3] is no image: it takes [h, w, c]"},
		{func(g *Graph, x, v Value) Value {
			return Attention(x.Reshape(24, 3), x.Reshape(24, 3), x.Reshape(12, 6))
		}, "attention: shapes [24, 3], [24, 3] and [12, 6] do not fit: it takes queries [t, d], keys [u, d] and values [u, e]"},
		{func(g *Graph, x, v Value) Value { q := g.Input("q", 2048, 1); return Attention(q, q, q) }, "attention: shape [2048, 2048] has more than 1048576 elements for one particle: split the value"},
	} {
		g := NewGraph()
		x, v := g.Input("x", 4, 6, 3), g.Input("v", 3)
		c.f(g, x, v).Exp()
		if err := g.Err(); err == nil || err.Error() != c.want {
			t.Errorf("error %q, want %q", err, c.want)
		}
	}
	g := NewGraph()
	x, v := g.Input("x", 4, 6, 3), g.Input("v", 3)
	if _, err := Compile([]Value{x.ShiftChannels(v)}, []Value{x, v}); err == nil || err.Error() != "compile: the outputs need spreadPixels of shape [4, 6, 3], an operation on images: use CompileRows, which computes them" {
		t.Errorf("error %v", err)
	}
	q := x.Reshape(24, 3)
	d := mustGradient(t, Attention(q, q, q).Sin().Sum(), x)
	if _, err := Gradient(d[0].Sum(), x); err == nil || err.Error() != "gradient: the gradient of attention has no derivative here: leave attention out of what is differentiated twice" {
		t.Errorf("error %v", err)
	}
	p := g.Param("p", 3, 3, 3, 3)
	d = mustGradient(t, x.Conv(p, Value{}, same3).Square().Sum(), p)
	if _, err := Gradient(d[0].Sum(), p); err == nil || err.Error() != errSummed.Error() {
		t.Errorf("error %v", err)
	}
}
