package figure

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func curveSheet(t *testing.T, spec CurveSpec) *sheet {
	t.Helper()
	s, err := curves(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sequence is f at 0, 1, ... n-1.
func sequence(n int, f func(i float64) float64) (xs, ys []float64) {
	for i := range n {
		xs, ys = append(xs, float64(i)), append(ys, f(float64(i)))
	}
	return xs, ys
}

// losses is a training that falls from 300 to 85 within 200 of 10,000 steps, with noise, and its validation.
func losses() []Series {
	noise := make([]float64, 10_000)
	normals(rand.NewPCG(1, 1), noise)
	x, y := sequence(10_000, func(i float64) float64 { return 85 + 215*math.Exp(-i/40) + noise[int(i)] })
	var vx, vy []float64
	for i := 0; i < 10_000; i += 100 {
		vx, vy = append(vx, x[i]), append(vy, y[i]-noise[i]+1)
	}
	return []Series{{"training", x, y}, {"validation", vx, vy}}
}

func TestCurveSaysWhatItShows(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	ix, levels := sequence(95, func(i float64) float64 { return 16 * math.Pow(1.082, -i) })
	cases := []struct {
		name string
		spec CurveSpec
		want []string
	}{
		{
			"loss", CurveSpec{Title: "a <loss>", X: "step", Y: "mean loss", Series: losses(), Floor: 84.5, FloorName: "least"},
			[]string{"|0|2000|4000|6000|8000|10000|step|", "|85|90|95|100|", "|mean loss|", "|a <loss>|", "|training, 103 points outside the axes|validation, 2 points outside the axes|least|"},
		},
		{
			"loss by the logarithm of the step", CurveSpec{X: "step", Series: losses(), LogX: true},
			[]string{"|1|10|100|1000|10000|step|", "|300|", "|training, 1 point not positive|validation, 1 point not positive|"},
		},
		{
			"noise levels", CurveSpec{Y: "sigma", LogY: true, Series: []Series{{"levels", ix, levels}}},
			[]string{"|0|20|40|60|80|", "|0.01|0.1|1|10|", "|sigma|", "|levels|"},
		},
		{
			"gaps and infinities", CurveSpec{Series: []Series{{"a", []float64{0, 1, 2, nan, 4, inf}, []float64{1, nan, -inf, 3, 4, 5}}, {}, {Name: "none", X: []float64{nan}, Y: []float64{3}}}},
			[]string{"|a, 2 points outside the axes|no points|none, no points|"},
		},
		{
			"a logarithm of nothing", CurveSpec{LogY: true, Floor: -1, FloorName: "floor", Series: []Series{{"a", []float64{0, 1, 2}, []float64{0, -5, 7}}}},
			[]string{"|a, 2 points not positive|"},
		},
		{"no floor", CurveSpec{Floor: nan, FloorName: "floor", Series: losses()}, []string{"|validation, 2 points outside the axes|"}},
		{"nothing", CurveSpec{Title: "nothing"}, []string{"|nothing|", "|0.2|"}},
	}
	for _, c := range cases {
		text := checkVectors(t, c.name, curveSheet(t, c.spec))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the text %q lacks %q", c.name, text, want)
			}
		}
		if c.spec.FloorName != "least" && strings.Contains(text, "floor") {
			t.Errorf("%s: the text %q names a floor that is not drawn", c.name, text)
		}
	}
}

func TestCurveAxesShowTheBulkAndTheFloor(t *testing.T) {
	all := losses()
	traces := func(series []Series, logX bool) (all []*trace) {
		for _, one := range series {
			all = append(all, newTrace(one, logX, false))
		}
		return all
	}
	flat := Series{"flat", []float64{0, 1e4}, []float64{90, 90}}
	for _, c := range []struct {
		name            string
		traces          []*trace
		floor           float64
		lowest, highest [2]float64 // between which the ends of y lie
	}{
		{"the first steps are cut", traces(all, false), math.NaN(), [2]float64{79, 82}, [2]float64{89, 110}},
		{"on a logarithmic axis they are half the figure", traces(all, true), math.NaN(), [2]float64{65, 82}, [2]float64{299, 320}},
		{"a floor far below", traces(all, false), 40, [2]float64{35, 40}, [2]float64{89, 110}},
		{"a constant", traces([]Series{flat, {"", []float64{1, 2}, []float64{91, 89}}}, false), math.NaN(), [2]float64{88.8, 89}, [2]float64{91, 91.2}},
		{"a constant alone", traces([]Series{flat}, false), math.NaN(), [2]float64{40, 50}, [2]float64{130, 140}},
		{"a floor alone", nil, 40, [2]float64{15, 25}, [2]float64{55, 65}},
	} {
		_, y := windowsOf(c.traces, c.floor)
		if y.lo < c.lowest[0] || y.lo > c.lowest[1] || y.hi < c.highest[0] || y.hi > c.highest[1] {
			t.Errorf("%s: y from %v to %v, want %v to %v", c.name, y.lo, y.hi, c.lowest, c.highest)
		}
	}
	if x, _ := windowsOf(traces(all, false), math.NaN()); math.Abs(x.lo+200) > 1 || math.Abs(x.hi-10_199) > 1 {
		t.Errorf("x from %v to %v", x.lo, x.hi)
	}
}

// A straight line from (0, 0) to (1, 1) is dark along the diagonal of its frame, whose ends have a little room.
func TestCurveIsInItsPlace(t *testing.T) {
	img := pixels(curveSheet(t, CurveSpec{Series: []Series{{"", []float64{0, 1}, []float64{0, 1}}}})).(*image.RGBA)
	all := frames(t, img)
	if len(all) != 1 {
		t.Fatalf("frames %v", all)
	}
	in := frame{left: all[0].Min.X, right: all[0].Max.X, top: all[0].Min.Y, bottom: all[0].Max.Y, x: window{-0.02, 1.02}, y: window{-0.05, 1.05}}
	for k := range 101 {
		at := float64(k) / 100
		if x, y := int(in.across(at)), int(in.down(at)); lightness(img, x, y) > 0.6 || lightness(img, x, y+30) < 0.9 {
			t.Errorf("at (%v, %v) the lightness is %v, below it %v", at, at, lightness(img, x, y), lightness(img, x, y+30))
		}
	}
}

func TestCurvesOfManyPointsKeepTheirShape(t *testing.T) {
	const n = 300_000
	in := frame{left: 100, right: 1500, top: 100, bottom: 1000, x: window{0, n - 1}, y: window{-1, 1}}
	r := rand.New(rand.NewPCG(1, 2))
	x, y := sequence(n, func(float64) float64 { return 1.8 * (r.Float64() - 0.5) })
	y[123_456], y[7] = -1, 1
	y[200_000], y[200_002] = math.NaN(), math.NaN()
	pieces := newTrace(Series{"", x, y}, false, false).pieces(in)
	if len(pieces) != 3 || len(pieces[1]) != 1 {
		t.Fatalf("%d pieces", len(pieces))
	}
	total, last := 0, 0.0
	lowest, highest := 0.0, 2000.0 // pixels downwards
	for _, piece := range pieces {
		for _, p := range piece {
			if p[0] < last {
				t.Fatalf("a point at %v after %v", p[0], last)
			}
			last = p[0]
			lowest, highest = max(lowest, p[1]), min(highest, p[1])
			total++
		}
	}
	if total > 4*1400+8 || total < 3*1400 || lowest != 1000 || highest != 100 {
		t.Errorf("%d points remain, from %v down to %v", total, highest, lowest)
	}
	if first, end := pieces[0][0], pieces[2][len(pieces[2])-1]; first[0] != 100 || end[0] != 1500 {
		t.Errorf("the curve runs from %v to %v", first, end)
	}
}

func TestClippedLinesEndAtTheFrame(t *testing.T) {
	in := frame{left: 0, right: 100, top: 10, bottom: 20}
	type line = [][2]float64
	for _, c := range []struct {
		line line
		want []line
	}{
		{line{{0, 12}, {5, 18}}, []line{{{0, 12}, {5, 18}}}},
		{line{{0, 0}, {10, 20}}, []line{{{5, 10}, {10, 20}}}},
		{line{{0, 0}, {30, 30}}, []line{{{10, 10}, {20, 20}}}},
		{line{{0, 30}, {30, 0}, {60, 30}}, []line{{{10, 20}, {20, 10}}, {{40, 10}, {50, 20}}}},
		{line{{0, 15}, {10, 5}, {20, 5}, {30, 15}, {40, 15}}, []line{{{0, 15}, {5, 10}}, {{25, 10}, {30, 15}, {40, 15}}}},
		{line{{0, 5}, {10, 5}}, nil},
		{line{{0, 25}, {10, 1e6}}, nil},
		{line{{3, 12}}, nil},
		{nil, nil},
	} {
		if got := clipped(c.line, in); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%v is clipped to %v, want %v", c.line, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		var zigzag line
		for x := range 50 {
			zigzag = append(zigzag, [2]float64{float64(x), 15 + 20*(r.Float64()-0.5)})
		}
		for _, part := range clipped(zigzag, in) {
			for _, p := range part {
				if p[1] < 10-1e-9 || p[1] > 20+1e-9 {
					t.Fatalf("a point %v outside", p)
				}
			}
		}
	}
}

func TestNoiseIsPaleAndOthersAreNot(t *testing.T) {
	y := window{80, 100}
	for i, series := range losses() {
		one := newTrace(series, false, false)
		one.hue, one.width = onWhite, curveWidth
		one.soften(y)
		if pale := one.hue != onWhite && one.width < curveWidth; pale != (i == 0) {
			t.Errorf("%s is %v, %v points wide", series.Name, one.hue, one.width)
		}
	}
}

func TestLegendLinesFitTheSheet(t *testing.T) {
	meanings := []string{"one", strings.Repeat("long ", 50), "two", "three", "four"}
	rows := rowsOf(meanings, 1400)
	if fmt.Sprint(rows) != "[1 1 3]" {
		t.Errorf("lines of %v entries", rows)
	}
	if rows := rowsOf(nil, 1400); len(rows) != 0 {
		t.Errorf("nothing has lines %v", rows)
	}
}

func TestLogTicksStandWhereTheyRead(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		most   int
		want   string
	}{
		{0, 4, 9, "1 10 100 1000 10000"},
		{-2.05, 1.25, 9, "0.01 0.1 1 10"},
		{-5, 5, 9, "1e-4 0.01 1 100 10000"},
		{0.9, 2.3, 9, "10 20 50 100"},
		{1.9, 2.4, 9, "80 100 120 140 160 180 200 220 240"},
		{1.9, 2.4, 5, "100 150 200 250"},
		{-0.01, 3.01, 2, "1 100"},
		{4.9999, 5.0001, 5, "9.998e4 9.999e4 1e5 1.0001e5 1.0002e5"},
		{2, 2.00000001, 5, ""},
		{300, 450, 9, ""},
		{-330, 300, 9, ""},
	} {
		w := window{c.lo, c.hi}
		var labels []string
		for _, tick := range w.logTicks(c.most) {
			if tick.value < c.lo-1e-9 || tick.value > c.hi+1e-9 {
				t.Errorf("%v: a tick at %v", w, tick.value)
			}
			if tick.label == "" {
				continue
			}
			labels = append(labels, tick.label)
			mantissa, power, _ := strings.Cut(tick.label, "e")
			v, err := strconv.ParseFloat(mantissa, 64)
			e, _ := strconv.Atoi(power)
			if at := math.Log10(v) + float64(e); err != nil || math.Abs(at-tick.value) > 1e-9 {
				t.Errorf("%v: %q stands at %v, want %v", w, tick.label, tick.value, at)
			}
		}
		if got := strings.Join(labels, " "); got != c.want && c.want != "" {
			t.Errorf("%v has ticks %s, want %s", w, got, c.want)
		}
		if len(labels) > c.most || len(labels) < 2 {
			t.Errorf("%v has labels %v, wanted at most %d", w, labels, c.most)
		}
	}
}

func TestCurveDrawsWhateverItIsGiven(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	many := make([]Series, 30)
	for i := range many {
		many[i] = Series{strings.Repeat("name ", i), []float64{0, 1}, []float64{float64(i), 1}}
	}
	for name, series := range map[string][]Series{
		"none":            nil,
		"no points":       {{Name: "a"}},
		"one point":       {{"a", []float64{3}, []float64{7}}},
		"equal points":    {{"a", []float64{3, 3, 3}, []float64{7, 7, 7}}},
		"NaN":             {{"a", []float64{nan, 1}, []float64{1, nan}}},
		"infinities":      {{"a", []float64{inf, 1, 2}, []float64{1, -inf, inf}}},
		"the largest":     {{"a", []float64{-math.MaxFloat64, 0, math.MaxFloat64}, []float64{math.MaxFloat64, 0, -math.MaxFloat64}}},
		"the smallest":    {{"a", []float64{0, 5e-324}, []float64{5e-324, 1e-310}}},
		"both":            {{"a", []float64{1, 2, 3}, []float64{5e-324, 1, math.MaxFloat64}}},
		"a far point":     {{"a", []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []float64{0, 1, 0, 1, 1e300, 1, 0, 1, 0, 1}}},
		"far from 0":      {{"a", []float64{1e15, 1e15 + 1}, []float64{1e15, 1e15 + 1}}},
		"negative":        {{"a", []float64{-2, -1}, []float64{-3, -4}}},
		"backwards":       {{"a", []float64{2, 1, 3, 0}, []float64{1, 2, 3, 4}}},
		"many":            many,
		"one of the kind": {{"\x00\n", []float64{1e-5, 1e5}, []float64{1e-300, 1e300}}},
	} {
		for k := range 4 {
			spec := CurveSpec{X: "x", Y: strings.Repeat("long ", 100), Series: series, LogX: k%2 == 1, LogY: k > 1, FloorName: "floor"}
			s := curveSheet(t, spec)
			if s.width != sheetWidth || s.height < 1000 || s.height > 1200+30*legendRow {
				t.Errorf("%s: %d x %d pixels", name, s.width, s.height)
			}
			checkVectors(t, name, s)
		}
	}
}

func TestSameCurveSameBytes(t *testing.T) {
	spec := CurveSpec{Title: "twice", Series: losses(), Floor: 85, FloorName: "floor"}
	for _, format := range Formats() {
		var once, twice bytes.Buffer
		for _, file := range []*bytes.Buffer{&once, &twice} {
			if err := Curve(file, format, spec); err != nil {
				t.Fatal(err)
			}
		}
		if once.Len() == 0 || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("%s of %d bytes differs from itself", format, once.Len())
		}
	}
}

func TestCurveErrors(t *testing.T) {
	full := errors.New("no space left")
	if err := Curve(failing{full}, "svg", CurveSpec{}); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	var file bytes.Buffer
	for _, c := range []struct {
		format string
		spec   CurveSpec
		want   string
	}{
		{"bmp", CurveSpec{}, `figure format "bmp" is not known: use .png, .svg or .pdf`},
		{
			"png", CurveSpec{Series: []Series{{}, {"loss", []float64{1, 2}, []float64{3}}}},
			`series 1, "loss", has 2 values of x and 1 value of y: it needs as many of both`,
		},
	} {
		if err := Curve(&file, c.format, c.spec); fmt.Sprint(err) != c.want || file.Len() > 0 {
			t.Errorf("error %v after %d bytes, want %s", err, file.Len(), c.want)
		}
	}
}
