package figure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/score"
)

// flow is a score of one formula.
type flow func(x, y float64) (float64, float64)

func (flow) Dim() int { return 2 }

func (f flow) Score(_ context.Context, dst, x *lanes.Block) error {
	for i := range x.Len() {
		dst.Row(0)[i], dst.Row(1)[i] = f(x.Row(0)[i], x.Row(1)[i])
	}
	return nil
}

// constant is the same vector everywhere.
func constant(x, y float64) flow { return func(float64, float64) (float64, float64) { return x, y } }

// outward is the score of ring.
var outward flow = func(x, y float64) (float64, float64) {
	r := math.Hypot(x, y)
	k := -2 * (r - 2.6) / 0.033 / r
	return k * x, k * y
}

func fieldSheet(t *testing.T, spec FieldSpec) *sheet {
	t.Helper()
	s, err := vectors(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFieldPrintsTheErrorAndWhatIsLeftOut(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	points := block(t, []float64{1, 0}, []float64{2, 0}, []float64{0, 2})
	tilted := flow(func(x, y float64) (float64, float64) { return x, 3 + y })
	cases := []struct {
		name string
		spec FieldSpec
		want []string
	}{
		{
			"a constant error without points", FieldSpec{Learned: constant(3.3, 4.4), True: constant(3, 4)},
			[]string{"root mean square over 625 arrows: |learned \u2212 true| = 0.500, |true| = 5.00, relative error 10.0 %"},
		},
		{
			// The squares of the error at the points are 1, 4 and 4.
			"an error that grows", FieldSpec{Learned: tilted, True: constant(0, 3), Points: points},
			[]string{"over 3 points: |learned \u2212 true| = 1.73, |true| = 3.00, relative error 57.7 %", "3 points"},
		},
		{
			"no error", FieldSpec{Learned: outward, True: outward, Points: donut(100)},
			[]string{"over 100 points: |learned \u2212 true| = 0, |true| = ", "relative error 0 %"},
		},
		{
			"a true score of 0", FieldSpec{Learned: constant(0, 2), True: constant(0, 0), Points: points},
			[]string{"over 3 points: |learned \u2212 true| = 2.00, |true| = 0|"},
		},
		{
			"points beyond 10,000 and broken ones",
			FieldSpec{Learned: constant(1, 0), True: constant(1, 1), Points: donut(25_000)},
			[]string{"over 8,334 points: |learned \u2212 true| = 1.00, |true| = 1.41, relative error 70.7 %", "8,334 of 25,000 points"},
		},
		{
			"a score that is NaN right of 1.5, at 7 of 25 columns and one point",
			FieldSpec{True: tilted, Learned: flow(func(x, y float64) (float64, float64) {
				if x > 1.5 {
					return nan, 0
				}
				return x, 3 + y + 1
			}), Points: points},
			[]string{"over 2 points: |learned \u2212 true| = 1.00, |true| = 4.18, relative error 23.9 %", "; 1 not finite", "175 of 625 vectors of the learned score left out, not finite"},
		},
		{
			"an infinite score", FieldSpec{Learned: constant(inf, nan), True: constant(0, 1)},
			[]string{"no error: the scores are nowhere finite together", "625 of 625 vectors of the learned score left out, not finite"},
		},
		{
			"an infinite true score", FieldSpec{Learned: constant(0, 1), True: constant(0, -inf)},
			[]string{"no error", "625 of 625 vectors of the true score left out, not finite"},
		},
		{
			"points that are not finite", FieldSpec{Learned: constant(1, 0), True: constant(1, 0), Points: block(t, []float64{nan, 1}, []float64{1, inf})},
			[]string{"2 points, 2 not finite", "over 625 arrows: "},
		},
		{
			"a pole", FieldSpec{Learned: flow(func(x, y float64) (float64, float64) {
				if x == 0 && y == 0 {
					return 1e9, 0
				}
				return x, y
			})},
			[]string{"(1 cut to it)"},
		},
		{"nothing but 0", FieldSpec{Learned: constant(0, 0)}, []string{"no vector is longer than 0"}},
		{
			"names", FieldSpec{Title: "a <title>", Names: []string{"mass", ""}, Learned: constant(3, 4)},
			[]string{"a <title>", "mass", "x1", "norm of the score", "by the square root of the norm, the longest 5.00|"},
		},
	}
	for _, c := range cases {
		text := checkVectors(t, c.name, fieldSheet(t, c.spec))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the text %q lacks %q", c.name, text, want)
			}
		}
	}
}

// frames finds the frames of a sheet: pairs of upright lines that are dark from top to bottom.
func frames(t *testing.T, img *image.RGBA) (all []image.Rectangle) {
	t.Helper()
	dark := func(x, y int) bool { return lightness(img, x, y) < 0.45 && !bluish(img, x, y) }
	// A row through all frames, and the lines that cross it for 300 pixels.
	middle := img.Rect.Dy() / 2
	var lines []int
	for x := range img.Rect.Dx() {
		upright := true
		for y := middle - 150; y < middle+150; y++ {
			upright = upright && dark(x, y)
		}
		if upright && (len(lines) == 0 || x > lines[len(lines)-1]+3) {
			lines = append(lines, x)
		}
	}
	if len(lines)%2 != 0 {
		t.Fatalf("the upright lines %v are not in pairs", lines)
	}
	for i := 0; i < len(lines); i += 2 {
		top, bottom := middle, middle
		for dark(lines[i], top) {
			top--
		}
		for dark(lines[i], bottom) {
			bottom++
		}
		all = append(all, image.Rect(lines[i]+1, top+2, lines[i+1]+1, bottom-1)) // lines are 2.5 pixels wide
	}
	return all
}

// inkInCell is the direction from the middle of cell (i, j), from the lower left, to the centre of its ink: that of
// an arrow, whose head has most of it. ink is the sum of its darkness.
func inkInCell(img *image.RGBA, in image.Rectangle, i, j, cells int) (x, y, ink float64) {
	side := float64(in.Dx()) / float64(cells)
	midX, midY := float64(in.Min.X)+(float64(i)+0.5)*side, float64(in.Max.Y)-(float64(j)+0.5)*side
	reach := 0.42 * side // without the ends of its neighbours
	for py := int(math.Round(midY - reach)); py < int(math.Round(midY+reach)); py++ {
		for px := int(math.Round(midX - reach)); px < int(math.Round(midX+reach)); px++ {
			if bluish(img, px, py) {
				dark := 1 - lightness(img, px, py)
				x, y, ink = x+dark*(float64(px)+0.5-midX), y+dark*(midY-float64(py)-0.5), ink+dark
			}
		}
	}
	return x / ink, y / ink, ink
}

func TestFieldPanelsPointWhereTheirScoresDo(t *testing.T) {
	img := pixels(fieldSheet(t, FieldSpec{Learned: constant(3, 0), True: constant(0, -3)})).(*image.RGBA)
	all := frames(t, img)
	if len(all) != 4 { // three panels and the colour bar
		t.Fatalf("frames %v", all)
	}
	for k, want := range []struct{ x, y float64 }{{1, 0}, {0, -1}, {1, 1}} {
		if size := all[k].Size(); size != all[0].Size() || size.X < 600 || math.Abs(float64(size.X-size.Y)) > 6 {
			t.Errorf("panel %d has %v pixels", k, size)
		}
		for _, cell := range [][2]int{{0, 0}, {24, 24}, {7, 12}} {
			x, y, ink := inkInCell(img, all[k], cell[0], cell[1], 25)
			along := (x*want.x + y*want.y) / math.Hypot(want.x, want.y)
			aside := (x*want.y - y*want.x) / math.Hypot(want.x, want.y)
			if ink < 20 || along < 0.5 || math.Abs(aside) > 0.5 {
				t.Errorf("panel %d, cell %v: %.0f pixels of ink, %.2f along and %.2f aside of its score", k, cell, ink, along, aside)
			}
		}
	}
}

func TestFieldHasLargeXRightAndLargeYUp(t *testing.T) {
	// The score of a normal points to the origin from everywhere.
	img := pixels(fieldSheet(t, FieldSpec{Learned: flow(func(x, y float64) (float64, float64) { return -x, -y })})).(*image.RGBA)
	all := frames(t, img)
	if len(all) != 2 {
		t.Fatalf("frames %v", all)
	}
	for _, c := range []struct{ i, j int }{{1, 1}, {23, 1}, {1, 23}, {23, 23}} {
		x, y, _ := inkInCell(img, all[0], c.i, c.j, 25)
		if x*float64(12-c.i) <= 0 || y*float64(12-c.j) <= 0 {
			t.Errorf("the arrow in cell %v points to (%.2f, %.2f)", c, x, y)
		}
	}
}

func TestArrowsAreAsLongAsTheRootOfTheNorm(t *testing.T) {
	norms := make([]float64, 0, 100)
	for k := range 100 {
		norms = append(norms, float64(k+1))
	}
	scale := scaleOf([]panel{{"", newTrail(norms, make([]float64, 100))}})
	if scale.longest != 100 || scale.at(100) != 1 || scale.at(25) != 0.5 || scale.at(0) != 0 || scale.at(1e9) != 1 {
		t.Errorf("%+v: 100 has %v, 25 %v, 0 %v, 1e9 %v", scale, scale.at(100), scale.at(25), scale.at(0), scale.at(1e9))
	}
	norms[99] = 1e6
	if scale := scaleOf([]panel{{"", newTrail(norms, make([]float64, 100))}}); scale.longest != 2*95 {
		t.Errorf("with a pole the longest is %v, want twice the 95th of 100", scale.longest)
	}
	// A score that is 0 but in one place still has a scale.
	lone := make([]float64, 100)
	lone[7] = 3
	if scale := scaleOf([]panel{{"", newTrail(lone, make([]float64, 100))}}); scale.longest != 3 {
		t.Errorf("of one vector the longest is %v", scale.longest)
	}
	outline := arrow(100, 50, 0.6, -0.8, 20, 30)
	if tip, tail := outline[3], outline[0]; math.Hypot(tip[0]-106, tip[1]-42) > 1e-9 || math.Hypot(tail[0]-94, tail[1]-58) > 1.5 {
		t.Errorf("an arrow of 20 pixels about (100, 50) runs from %v to %v", tail, tip)
	}
}

func TestDirectionFollowsTheAxes(t *testing.T) {
	for _, c := range []struct {
		x, y         window
		vx, vy       float64
		wantX, wantY float64
	}{
		{window{0, 1}, window{0, 1}, 0.6, 0.8, 0.6, -0.8},
		{window{0, 1}, window{0, 100}, 0.01, 1, math.Sqrt(0.5), -math.Sqrt(0.5)},
		{window{0, 1e-300}, window{-1e300, 1e300}, 0, -1, 0, 1},
		{window{-1e300, 1e300}, window{0, 1e-300}, 0, 1, 0, -1},
	} {
		in := frame{left: 10, right: 110, top: 10, bottom: 110, x: c.x, y: c.y}
		if dx, dy := in.direction(c.vx, c.vy); math.Abs(dx-c.wantX) > 1e-4 || math.Abs(dy-c.wantY) > 1e-4 {
			t.Errorf("(%v, %v) points to (%v, %v), want (%v, %v)", c.vx, c.vy, dx, dy, c.wantX, c.wantY)
		}
	}
}

func TestColourBarTicksDoNotTouchAndReadBack(t *testing.T) {
	for _, longest := range []float64{157, 1, 9.99, 0.03, 3e8, 1e300, 5e-324, math.MaxFloat64} {
		ticks := arrowScale{longest}.ticks()
		if len(ticks) < 3 && longest > 1e-300 {
			t.Errorf("longest %v: ticks %v", longest, ticks)
		}
		var places []float64
		for _, tick := range ticks {
			places = append(places, tick.value)
			var norm float64
			if _, err := fmt.Sscan(strings.ReplaceAll(tick.label, minus, "-"), &norm); err != nil {
				t.Fatal(err)
			}
			if at := (arrowScale{longest}).at(norm); math.Abs(at-tick.value) > 1e-6 {
				t.Errorf("longest %v: %s stands at %v, want %v", longest, tick.label, tick.value, at)
			}
		}
		slices.Sort(places)
		for i := 1; i < len(places); i++ {
			if places[i]-places[i-1] < 0.05 || places[i] > 1 {
				t.Errorf("longest %v: ticks at %v", longest, places)
			}
		}
	}
}

func TestFieldDrawsWhateverItIsGiven(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tall := normal(50, 2)
	for i := range 50 {
		tall.Row(1)[i] *= 2.8
	}
	all := map[string]FieldSpec{
		"the largest score":  {Learned: constant(math.MaxFloat64, -math.MaxFloat64), True: constant(-math.MaxFloat64, 0)},
		"large scores":       {Learned: constant(1e200, 1e200), True: constant(-1e308, 0)},
		"the smallest score": {Learned: constant(5e-324, 0), True: constant(0, 5e-324)},
		"NaN":                {Learned: constant(nan, nan), True: constant(nan, 1)},
		"infinite":           {Learned: constant(inf, 1), True: constant(1, -inf), Points: donut(10)},
		"one point":          {Learned: outward, True: outward, Points: donut(1)},
		"equal points":       {Learned: outward, Points: block(t, []float64{1, 2}, []float64{1, 2})},
		"no points of two":   {Learned: outward, Points: lanes.New(0, 2)},
		"the largest points": {Learned: outward, True: outward, Points: block(t, []float64{math.MaxFloat64, 1}, []float64{-math.MaxFloat64, 1e300})},
		"points on a line":   {Learned: outward, True: outward, Points: block(t, []float64{0, 1}, []float64{1e-5, 1e9})},
		"tall":               {Learned: outward, True: outward, Points: tall},
		"long texts":         {Title: strings.Repeat("title\n", 99), Names: []string{strings.Repeat("n", 1000), "\x00"}, Learned: outward, True: outward},
	}
	for name, spec := range all {
		s := fieldSheet(t, spec)
		if s.width < 700 || s.width > wideSheet || s.height < 600 || s.height > 2000 {
			t.Errorf("%s: %d x %d pixels", name, s.width, s.height)
		}
		checkVectors(t, name, s)
	}
}

func TestSameFieldSameBytes(t *testing.T) {
	spec := FieldSpec{Title: "twice", Learned: outward, True: constant(1, 0)}
	for _, format := range Formats() {
		var once, twice bytes.Buffer
		for _, file := range []*bytes.Buffer{&once, &twice} {
			if err := Field(context.Background(), file, format, spec); err != nil {
				t.Fatal(err)
			}
		}
		if once.Len() == 0 || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("%s of %d bytes differs from itself", format, once.Len())
		}
	}
}

// failingScore fails at a call, or cancels there.
type failingScore struct {
	dim, calls, failAt, largest int
	stop                        context.CancelFunc
}

func (f *failingScore) Dim() int { return f.dim }

func (f *failingScore) Score(_ context.Context, _, x *lanes.Block) error {
	f.calls++
	f.largest = max(f.largest, x.Len())
	if f.calls != f.failAt {
		return nil
	}
	if f.stop != nil {
		f.stop()
		return nil
	}
	return errBroken
}

func TestFieldErrors(t *testing.T) {
	full := errors.New("no space left")
	if err := Field(context.Background(), failing{full}, "svg", FieldSpec{Learned: outward}); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	var file bytes.Buffer
	for failAt := range 4 { // the grid, and 10,000 points in three calls
		broken := &failingScore{dim: 2, failAt: failAt + 1}
		err := Field(context.Background(), &file, "svg", FieldSpec{Learned: broken, True: outward, Points: donut(10_000)})
		if !errors.Is(err, errBroken) || broken.calls != failAt+1 || broken.largest > callPoints || !strings.Contains(err.Error(), "learned score") {
			t.Errorf("error %v after %d calls of at most %d points", err, broken.calls, broken.largest)
		}
	}
	for failAt := range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		slow := &failingScore{dim: 2, failAt: failAt + 1, stop: cancel}
		err := Field(ctx, &file, "svg", FieldSpec{Learned: outward, True: slow, Points: donut(10_000)})
		if !errors.Is(err, context.Canceled) || slow.calls != failAt+1 {
			t.Errorf("cancelled: error %v after %d calls", err, slow.calls)
		}
	}
	solid := &failingScore{dim: 3}
	for _, c := range []struct {
		format string
		spec   FieldSpec
		want   string
	}{
		{"gif", FieldSpec{Learned: outward}, `figure format "gif" is not known: use .png, .svg or .pdf`},
		{"png", FieldSpec{True: outward}, "a figure of a field needs a learned score, and there is none"},
		{"png", FieldSpec{Learned: solid, True: solid}, "a score in 3 dimensions cannot be drawn as a field: there have to be 2"},
		{"png", FieldSpec{Learned: outward, True: solid}, "the true score has dimension 3 and the learned one 2: they have to be the same"},
		{"png", FieldSpec{Learned: outward, Points: normal(4, 5)}, "the points have dimension 5 and the learned score 2: they have to be the same"},
	} {
		if err := Field(context.Background(), &file, c.format, c.spec); fmt.Sprint(err) != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	if solid.calls > 0 || file.Len() > 0 {
		t.Errorf("%d calls of a score that cannot be drawn, %d bytes written", solid.calls, file.Len())
	}
}

var _ score.Fn = outward
