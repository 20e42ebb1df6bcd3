package score_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/scoretest"
)

var background = context.Background()

// formula is the text of a graph: the score x W + b, divided by sigma if there is one.
func formula(t testing.TB, dim int, noisy bool) []byte {
	t.Helper()
	g := autodiff.NewGraph()
	x := g.Input("x", dim)
	w, b := g.Param("w", dim, dim), g.Param("b", dim)
	f := autodiff.Formula{Inputs: []autodiff.Value{x}, Params: []autodiff.Value{w, b}, Epoch: 1}
	s := x.Dense(w, b)
	if noisy {
		sigma := g.Input("sigma")
		f.Inputs = append(f.Inputs, sigma)
		s = s.Div(sigma)
	}
	f.Outputs = []autodiff.Output{{Name: "score", Value: s}}
	text, err := autodiff.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func model(t testing.TB, noisy bool) *score.Model {
	t.Helper()
	weights := map[string][]float32{"w": {-1, 0.25, 0.5, -2}, "b": {0.125, 3}}
	info := score.ModelInfo{About: "a test", Mean: []float64{0, 1}, SD: []float64{1, 2}, Columns: []string{"a", "b"}}
	if noisy {
		info.Low, info.High = 0.1, 2
	} else {
		info.Sigma = 0.5
	}
	m, err := score.NewModel(formula(t, 2, noisy), weights, info)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func points(n, dim int) *lanes.Block {
	x := lanes.New(n, dim)
	random.New(6, random.User).Normal(x, 0, 0)
	return x
}

func evaluate(t testing.TB, fn score.Fn, x *lanes.Block) *lanes.Block {
	t.Helper()
	s := lanes.New(x.Len(), x.Dim())
	if err := fn.Score(background, s, x); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAModelComputesItsFormula(t *testing.T) {
	for _, noisy := range []bool{false, true} {
		m := model(t, noisy)
		fn := m.At(0.5)
		for _, n := range []int{1, 7, 256, 257, 1000} {
			x := points(n, 2)
			s := evaluate(t, fn, x)
			for i := range n {
				u, v := float32(x.Row(0)[i]), float32(x.Row(1)[i])
				want := []float64{float64(0.125 - u + 0.5*v), float64(3 + 0.25*u - 2*v)}
				for j := range 2 {
					if noisy {
						want[j] /= 0.5
					}
					if math.Abs(s.Row(j)[i]-want[j]) > 1e-5 {
						t.Fatalf("noise-conditional %v, %d points: coordinate %d of point %d is %v, want %v", noisy, n, j, i, s.Row(j)[i], want[j])
					}
				}
			}
		}
	}
}

// No point's score depends on its neighbours.
func TestAModelsScoreIsEachPointsOwn(t *testing.T) {
	fn := model(t, true).At(0.3)
	x := points(600, 2)
	all := evaluate(t, fn, x)
	for _, i := range []int{0, 1, 255, 256, 599} {
		one := lanes.New(1, 2)
		one.CopyPoints(0, x, i, 1)
		s := evaluate(t, fn, one)
		for j := range 2 {
			if math.Float64bits(s.Row(j)[0]) != math.Float64bits(all.Row(j)[i]) {
				t.Errorf("coordinate %d of point %d is %v alone and %v among others", j, i, s.Row(j)[0], all.Row(j)[i])
			}
		}
	}
}

func TestAModelSaysWhichKindItIs(t *testing.T) {
	plain, family := model(t, false), model(t, true)
	if fn, err := plain.Plain(); err != nil || fn.Dim() != 2 {
		t.Errorf("plain: %v", err)
	}
	if _, err := plain.Conditional(); err == nil || !strings.Contains(err.Error(), "one score, for the noise level 0.5") {
		t.Errorf("a family of a plain model: %v", err)
	}
	if f, err := family.Conditional(); err != nil || f.Dim() != 2 {
		t.Errorf("family: %v", err)
	}
	if _, err := family.Plain(); err == nil || !strings.Contains(err.Error(), "noise levels from 0.1 to 2") {
		t.Errorf("the plain score of a family: %v", err)
	}
	x := points(4, 2)
	for _, c := range []struct {
		fn   score.Fn
		want string
	}{
		{plain.At(0.4), "knows the noise level 0.5, and is asked for 0.4"},
		{family.At(0), "is 0: a noise level"},
		{family.At(-1), "is -1: a noise level"},
		{family.At(math.NaN()), "is NaN: a noise level"},
	} {
		if err := c.fn.Score(background, lanes.New(4, 2), x); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if err := plain.At(0.5).Score(background, lanes.New(4, 3), points(4, 3)); err == nil || !strings.Contains(err.Error(), "under a model for 2") {
		t.Errorf("points of another space: %v", err)
	}
	ended, end := context.WithCancel(background)
	end()
	if err := plain.At(0.5).Score(ended, lanes.New(4, 2), x); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestAModelIsForManyGoroutinesAndAllocatesNothing(t *testing.T) {
	fn := model(t, true).At(0.3)
	x := points(300, 2)
	want := evaluate(t, fn, x)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			s := lanes.New(300, 2)
			for range 50 {
				if err := fn.Score(background, s, x); err != nil {
					t.Error(err)
				}
				if s.Row(1)[299] != want.Row(1)[299] {
					t.Error("another score beside other goroutines")
				}
			}
		})
	}
	wait.Wait()
	if raceEnabled {
		return
	}
	s := lanes.New(300, 2)
	if n := testing.AllocsPerRun(100, func() { _ = fn.Score(background, s, x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestASavedModelIsTheSame(t *testing.T) {
	for _, noisy := range []bool{false, true} {
		m := model(t, noisy)
		path := filepath.Join(t.TempDir(), "m.safetensors")
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		back, err := score.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if back.SHA256() != m.SHA256() || back.String() != m.String() || back.IsConditional() != noisy || back.Parameters() != 6 {
			t.Errorf("%v, was %v", back, m)
		}
		if a, b := fmt.Sprintf("%+v", m.Info()), fmt.Sprintf("%+v", back.Info()); a != b {
			t.Errorf("it says %s, said %s", b, a)
		}
		x := points(50, 2)
		a, b := evaluate(t, m.At(0.5), x), evaluate(t, back.At(0.5), x)
		for i, v := range a.Data() {
			if math.Float64bits(v) != math.Float64bits(b.Data()[i]) {
				t.Fatalf("number %d is %v, was %v", i, b.Data()[i], v)
			}
		}
		on, err := store.ReadSafetensors(path)
		if err != nil || on.SHA256 != m.SHA256() {
			t.Errorf("the checksum in the file is %s, the model's %s: %v", on.SHA256, m.SHA256(), err)
		}
	}
}

// Every flipped byte and every lost end is noticed.
func TestADamagedModelFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := model(t, true).Save(path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := score.Load(path); !errors.Is(err, score.ErrModel) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("bit %d of byte %d flipped", i%8, i), damaged)
	}
	for n := range whole {
		try(fmt.Sprintf("cut to %d bytes", n), whole[:n])
	}
	try("a byte too many", append(bytes.Clone(whole), 0))
	if _, err := score.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, score.ErrModel) {
		t.Errorf("no file: %v", err)
	}
}

// file writes a safetensors file as any program may: without a checksum, metadata and one tensor list as given.
func file(t testing.TB, metadata map[string]string, tensors map[string]any, data []byte) string {
	t.Helper()
	header := map[string]any{"__metadata__": metadata}
	for name, v := range tensors {
		header[name] = v
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	b = append(append(b, text...), data...)
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

type tensor struct {
	Type    string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

func TestAFileOfAnotherProgramIsAModel(t *testing.T) {
	var data []byte
	for _, v := range []float32{0, 1, 2, 0, 0.5, -0.5} { // w, then b
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	path := file(t, map[string]string{"format": "infer score model 1", "formula": string(formula(t, 2, false))},
		map[string]any{"w": tensor{"F32", []int{2, 2}, [2]int{0, 16}}, "b": tensor{"F32", []int{2}, [2]int{16, 24}}}, data)
	m, err := score.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	x := lanes.New(1, 2)
	x.SetPoint(0, []float64{3, 4})
	if s := evaluate(t, m.At(0), x); s.Row(0)[0] != 8.5 || s.Row(1)[0] != 2.5 {
		t.Errorf("score (%v, %v), want (8.5, 2.5)", s.Row(0)[0], s.Row(1)[0])
	}
}

func TestAFileThatIsNoModelSaysWhy(t *testing.T) {
	good := string(formula(t, 2, false))
	meta := func(pairs ...string) map[string]string {
		m := map[string]string{"format": "infer score model 1", "formula": good}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	both := map[string]any{"w": tensor{"F32", []int{2, 2}, [2]int{0, 16}}, "b": tensor{"F32", []int{2}, [2]int{16, 24}}}
	nan := binary.LittleEndian.AppendUint32(make([]byte, 20), math.Float32bits(float32(math.NaN())))
	for _, c := range []struct {
		name     string
		metadata map[string]string
		tensors  map[string]any
		data     []byte
		want     string
	}{
		{"tensors alone", map[string]string{}, both, make([]byte, 24), `no "format"`},
		{"another format", meta("format", "pt"), both, make([]byte, 24), `its format is "pt"`},
		{"no formula", meta("formula", ""), both, make([]byte, 24), "decode"},
		{"nonsense", meta("formula", `{"format":"infer-graph"}`), both, make([]byte, 24), "decode"},
		{"info", meta("info", "{"), both, make([]byte, 24), "its info cannot be read"},
		{"a mean too few", meta("info", `{"mean":[1]}`), both, make([]byte, 24), "1 means for points of 2 coordinates"},
		{"a negative level", meta("info", `{"sigma":-1}`), both, make([]byte, 24), "a noise level or standard deviation is -1"},
		{"a tensor too few", meta(), map[string]any{"w": both["w"]}, make([]byte, 16), "1 tensors for 2 parameters"},
		{"another name", meta(), map[string]any{"w": both["w"], "c": both["b"]}, make([]byte, 24), `no tensor for the parameter "b"`},
		{"another shape", meta(), map[string]any{"w": tensor{"F32", []int{4}, [2]int{0, 16}}, "b": both["b"]}, make([]byte, 24), `tensor "w" has shape [4]`},
		{"another size", meta(), map[string]any{"w": both["w"], "b": tensor{"F32", []int{1}, [2]int{16, 20}}}, make([]byte, 20), `tensor "b" has 1 numbers`},
		{"float64", meta(), map[string]any{"w": tensor{"F64", []int{2, 2}, [2]int{0, 32}}, "b": tensor{"F32", []int{2}, [2]int{32, 40}}}, make([]byte, 40), "F64 would be rounded"},
		{"NaN", meta(), both, nan, `number 1 of tensor "b" is NaN`},
		{"2^62 elements", meta(), map[string]any{"w": tensor{"F32", []int{1 << 31, 1 << 31}, [2]int{0, 16}}, "b": both["b"]}, make([]byte, 24), "tensor"},
	} {
		_, err := score.Load(file(t, c.metadata, c.tensors, c.data))
		if !errors.Is(err, score.ErrModel) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// A formula that is one, and no score.
func TestAFormulaThatIsNoScoreIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(g *autodiff.Graph, f *autodiff.Formula) autodiff.Value
		want  string
	}{
		{"a constant", func(g *autodiff.Graph, f *autodiff.Formula) autodiff.Value {
			f.Params = []autodiff.Value{g.Param("b", 2)}
			return f.Params[0]
		}, "does not depend on x"},
		{"a sum over the points", func(g *autodiff.Graph, f *autodiff.Formula) autodiff.Value {
			p := g.Param("p")
			f.Params = []autodiff.Value{p}
			sums, err := autodiff.Gradient(f.Inputs[0].Mul(p).Sum(), p)
			if err != nil {
				t.Fatal(err)
			}
			return f.Inputs[0].Add(sums[0])
		}, "a sum over particles"},
		{"another input", func(g *autodiff.Graph, f *autodiff.Formula) autodiff.Value {
			f.Inputs = append(f.Inputs, g.Input("time"))
			return f.Inputs[0].Mul(f.Inputs[1])
		}, `the input "time"`},
		{"a vector of levels", func(g *autodiff.Graph, f *autodiff.Formula) autodiff.Value {
			f.Inputs = append(f.Inputs, g.Input("sigma", 2))
			return f.Inputs[0].Mul(f.Inputs[1])
		}, "an input sigma of shape [2]"},
		{"a number", func(g *autodiff.Graph, f *autodiff.Formula) autodiff.Value { return f.Inputs[0].Sum() }, "gives shape []"},
		{"float64", func(g *autodiff.Graph, f *autodiff.Formula) autodiff.Value {
			f.Precision = "float64"
			return f.Inputs[0].Neg()
		}, `its precision is "float64"`},
	} {
		g := autodiff.NewGraph()
		f := autodiff.Formula{Inputs: []autodiff.Value{g.Input("x", 2)}, Epoch: 1}
		f.Outputs = []autodiff.Output{{Name: "score", Value: c.build(g, &f)}}
		text, err := autodiff.Encode(f)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		weights := map[string][]float32{}
		for _, p := range f.Params {
			weights[p.Name()] = make([]float32, p.Size())
		}
		if _, err := score.NewModel(text, weights, score.ModelInfo{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// A small file whose formula declares much.
func TestAHostileFormulaDoesNotAllocateWhatItDeclares(t *testing.T) {
	for name, text := range map[string]string{
		"a huge input":  `{"format":"infer-graph","version":1,"precision":"float32","epoch":1,"inputs":[{"name":"x","shape":[4611686018427387904]}],"params":[],"nodes":[],"outputs":[{"name":"score","node":0}]}`,
		"a large input": `{"format":"infer-graph","version":1,"precision":"float32","epoch":1,"inputs":[{"name":"x","shape":[1048576]}],"params":[],"nodes":[],"outputs":[{"name":"score","node":0}]}`,
		"a loop":        `{"format":"infer-graph","version":1,"precision":"float32","epoch":1,"inputs":[{"name":"x","shape":[2]}],"params":[],"nodes":[{"op":"add","args":[1,1],"shape":[2]}],"outputs":[{"name":"score","node":1}]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = score.NewModel([]byte(text), nil, score.ModelInfo{})
		runtime.ReadMemStats(&after)
		bytes := after.TotalAlloc - before.TotalAlloc
		if bytes > 1<<20 {
			t.Errorf("%s: %d bytes", name, bytes)
		}
	}
}

func FuzzLoad(f *testing.F) {
	path := filepath.Join(f.TempDir(), "m.safetensors")
	if err := model(f, true).Save(path); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(formula(f, 2, false))
	weights := map[string][]float32{"w": {-1, 0.25, 0.5, -2}, "b": {0.125, 3}}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, load := range []func() (*score.Model, error){
			func() (*score.Model, error) { return score.Load(path) },
			// The checksum stops most damage; the formula is met without one here.
			func() (*score.Model, error) { return score.NewModel(data, weights, score.ModelInfo{}) },
		} {
			m, err := load()
			if err != nil || m.Dim() > 1000 {
				continue
			}
			x := lanes.New(3, m.Dim())
			_ = m.At(0.5).Score(background, lanes.New(3, m.Dim()), x)
		}
	})
}

func ExampleLoad() {
	g := autodiff.NewGraph() // the score of a standard normal law, times a weight
	x, w := g.Input("x", 2), g.Param("weight", 2)
	text, err := autodiff.Encode(autodiff.Formula{
		Inputs: []autodiff.Value{x}, Params: []autodiff.Value{w}, Outputs: []autodiff.Output{{Name: "score", Value: x.Mul(w)}}, Epoch: 1,
	})
	if err != nil {
		panic(err)
	}
	m, err := score.NewModel(text, map[string][]float32{"weight": {-1, -1}}, score.ModelInfo{})
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "normal.safetensors")
	if err := m.Save(path); err != nil {
		panic(err)
	}
	if m, err = score.Load(path); err != nil {
		panic(err)
	}
	s, at := lanes.New(1, 2), lanes.New(1, 2)
	at.SetPoint(0, []float64{1, -2})
	err = m.At(0).Score(context.Background(), s, at)
	fmt.Println(s.Point(0, nil), err)
	// Output: [-1 2] <nil>
}

func TestAModelKeepsTheContract(t *testing.T) {
	scoretest.Fn(t, model(t, false).At(0.5), points(300, 2))
	family, err := model(t, true).Conditional()
	if err != nil {
		t.Fatal(err)
	}
	scoretest.NoiseConditional(t, family, points(300, 2), 0.1, 2)
}
