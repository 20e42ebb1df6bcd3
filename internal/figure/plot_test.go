package figure

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
)

func plot(t *testing.T, format string, spec Spec) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := Plot(context.Background(), &file, format, spec); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func decoded(t *testing.T, file []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// painted is the pixels of a figure, which a PNG file only compresses.
func painted(t *testing.T, spec Spec) *image.RGBA {
	t.Helper()
	s, err := layout(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return pixels(s).(*image.RGBA)
}

// lightness is the gray of a pixel, 1 of white and 0 of black.
func lightness(img *image.RGBA, x, y int) float64 {
	return float64(color.GrayModel.Convert(img.RGBAAt(x, y)).(color.Gray).Y) / 255
}

// bluish tells pixels of the shading from lines, text and marks.
func bluish(img *image.RGBA, x, y int) bool {
	c := img.RGBAAt(x, y)
	return int(c.B) > int(c.R)+25
}

func TestPNGHoldsThePixelsOfTheFigure(t *testing.T) {
	spec := Spec{Title: "ring", Draws: donut(300)}
	file, want := decoded(t, plot(t, "png", spec)), painted(t, spec)
	if file.Bounds() != want.Bounds() {
		t.Fatalf("the file has %v, the figure %v", file.Bounds(), want.Bounds())
	}
	for y := range want.Rect.Dy() {
		for x := range want.Rect.Dx() {
			if got := color.RGBAModel.Convert(file.At(x, y)); got != color.Color(want.RGBAAt(x, y)) {
				t.Fatalf("pixel (%d, %d) is %v in the file, %v in the figure", x, y, got, want.RGBAAt(x, y))
			}
		}
	}
}

// Few draws leave the shading to be seen; the ring is shaded down to log p = -6, where r = 2.6 +- 0.445.
func TestPlotShadesTheRingRoundAndInItsPlace(t *testing.T) {
	img := painted(t, Spec{Title: "ring", Draws: donut(300), Density: ring})
	size := img.Bounds().Size()
	if size.X != 1600 || size.Y < 1300 || size.Y > 1700 {
		t.Fatalf("the figure has %v pixels", size)
	}
	const frameEnd = 1360 // the colour bar is further right
	left, right, top, bottom := size.X, 0, size.Y, 0
	for y := range size.Y {
		for x := range frameEnd {
			if bluish(img, x, y) {
				left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
			}
		}
	}
	wide, high := float64(right-left), float64(bottom-top)
	t.Logf("the ring has %.0f x %.0f pixels", wide, high)
	if math.Abs(wide/high-1) > 0.02 || wide < 800 {
		t.Errorf("the ring has %v x %v pixels: scales are not equal or the figure is small", wide, high)
	}
	x, y := (left+right)/2, (top+bottom)/2
	perUnit := wide / 2 / (2.6 + 0.445)
	for _, c := range []struct {
		r           float64
		least, most float64 // lightness, where no draw is
	}{
		{0, 1, 1}, {1, 1, 1}, {2.1, 0.97, 1}, {2.6, 0.15, 0.25}, {3.15, 0.97, 1},
	} {
		within, all := 0, 0
		for k := range 360 {
			sin, cos := math.Sincos(float64(k) * math.Pi / 180)
			px, py := x+int(c.r*perUnit*cos), y-int(c.r*perUnit*sin)
			if px < left-20 || px > right+20 {
				continue
			}
			all++
			if l := lightness(img, px, py); l >= c.least-1e-9 && l <= c.most+1e-9 {
				within++
			}
		}
		if float64(within) < 0.8*float64(all) {
			t.Errorf("at radius %v %d of %d pixels are of lightness %v to %v", c.r, within, all, c.least, c.most)
		}
	}
	// Halfway down in log p is half-way in the shading, on both sides: r = 2.6 +- sqrt(3 x 0.033).
	for _, r := range []float64{2.6 - 0.3146, 2.6 + 0.3146} {
		if l := lightness(img, x, y-int(r*perUnit)); math.Abs(l-0.54) > 0.08 {
			t.Errorf("log p = -3 at radius %v has lightness %v", r, l)
		}
	}
}

// corners is nine draws: eight in the corner of large x and small y, one opposite.
func corners(t *testing.T) *lanes.Block {
	points := [][]float64{{-1, 1}}
	for i := range 8 {
		points = append(points, []float64{1 - 0.01*float64(i), -1 + 0.01*float64(i)})
	}
	return block(t, points...)
}

func TestPlotHasLargeXRightAndLargeYUp(t *testing.T) {
	centre := func(spec Spec, right int) (x, y, n float64) {
		img := painted(t, spec)
		for py := 120; py < img.Bounds().Dy(); py++ { // below the legend
			for px := range right {
				if bluish(img, px, py) {
					x, y, n = x+float64(px), y+float64(py), n+1
				}
			}
		}
		return x / n, y / n, n
	}
	peak := formula{2, func(x []float64) float64 {
		return -50 * ((x[0]-0.7)*(x[0]-0.7) + (x[1]-0.7)*(x[1]-0.7))
	}}
	x, y, n := centre(Spec{Draws: corners(t), Density: peak}, 1360) // without the colour bar
	t.Logf("the peak at (0.7, 0.7) has %.0f pixels about (%.0f, %.0f)", n, x, y)
	if x < 950 || y > 500 || n < 1000 {
		t.Errorf("the peak at (0.7, 0.7) is shown about pixel (%.0f, %.0f)", x, y)
	}
	x, y, n = centre(Spec{Draws: corners(t)}, 1600)
	t.Logf("the draws at (1, -1) have %.0f pixels about (%.0f, %.0f)", n, x, y)
	if x < 1000 || y < 900 || n < 100 {
		t.Errorf("the draws at (1, -1) are shown about pixel (%.0f, %.0f)", x, y)
	}
}

func TestPlotMarksTheDraws(t *testing.T) {
	orange := func(img *image.RGBA) (n int) {
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				c := img.RGBAAt(x, y)
				if int(c.R) > int(c.B)+80 {
					n++
				}
			}
		}
		return n
	}
	none := orange(painted(t, Spec{Draws: donut(1), Density: ring}))
	some := orange(painted(t, Spec{Draws: donut(200), Density: ring}))
	// A mark of few draws has a radius of about 6 pixels.
	if each := float64(some-none) / 199; each < 60 || each > 140 {
		t.Errorf("a draw has %.1f orange pixels, want about 110", each)
	}
}

func TestPlotTellsLaTeXItsSize(t *testing.T) {
	file := plot(t, "png", Spec{Draws: donut(10)})
	at := bytes.Index(file, []byte("pHYs"))
	if at != 33+4 {
		t.Fatalf("the chunk pHYs begins at %d", at)
	}
	if want := "\x00\x00\x2e\x23\x00\x00\x2e\x23\x01"; string(file[at+4:at+13]) != want {
		t.Errorf("%x dots a metre, want %x", file[at+4:at+13], want)
	}
}

func TestPlotTitleStandsInTheMiddle(t *testing.T) {
	draws := donut(50)
	for i := range 50 {
		draws.Row(1)[i] *= 2.5 // a tall, narrow figure
	}
	for _, title := range []string{"ring", strings.Repeat("a long title ", 20)} {
		img := painted(t, Spec{Title: title, Draws: draws, Density: ring})
		left, right := img.Bounds().Dx(), 0
		for y := range 70 {
			for x := range img.Bounds().Dx() {
				if lightness(img, x, y) < 0.5 {
					left, right = min(left, x), max(right, x)
				}
			}
		}
		middle := float64(left+right) / 2 / float64(img.Bounds().Dx())
		if math.Abs(middle-0.5) > 0.02 || left < 20 {
			t.Errorf("title %q runs from %d to %d of %d", title, left, right, img.Bounds().Dx())
		}
	}
}

// elements counts the elements of an XML file and collects its text.
func elements(t *testing.T, file []byte) (count map[string]int, text string, images []string) {
	t.Helper()
	count = map[string]int{}
	decoder := xml.NewDecoder(bytes.NewReader(file))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return count, text, images
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			count[token.Name.Local]++
			for _, a := range token.Attr {
				if token.Name.Local == "image" && a.Name.Local == "href" {
					images = append(images, a.Value)
				}
			}
		case xml.CharData:
			text += string(token)
		}
	}
}

func TestPlotSVGIsXMLWithOneImage(t *testing.T) {
	file := plot(t, "svg", Spec{
		Title: `-(norm(x)-2.6)^2/0.033 <&"'> ` + "\x00\x1b\xff",
		Names: []string{"a<b", "\u03c3\u00b2"},
		Draws: donut(10_000), Density: ring,
	})
	count, text, images := elements(t, file)
	for _, want := range []string{`-(norm(x)-2.6)^2/0.033 <&"'>`, "a<b", "\u03c3\u00b2", "10,000 draws", "log p", "\u22122"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text %q lacks %q", text, want)
		}
	}
	if len(file) > 3<<20 || count["path"] > 200 || len(images) != 1 {
		t.Fatalf("%d bytes, %d paths, %d images", len(file), count["path"], len(images))
	}
	data, ok := strings.CutPrefix(images[0], "data:image/png;base64,")
	raw, err := base64.StdEncoding.DecodeString(data)
	if !ok || err != nil {
		t.Fatalf("image %.40q: %v", images[0], err)
	}
	if size := decoded(t, raw).Bounds().Size(); size.X != 1600 {
		t.Errorf("the image has %v pixels", size)
	}
	count, _, _ = elements(t, plot(t, "svg", Spec{Draws: normal(1000, 1)}))
	if count["image"] != 0 {
		t.Errorf("a histogram of vectors has %d images", count["image"])
	}
}

func TestPlotPDFBearsNoDate(t *testing.T) {
	file := plot(t, "pdf", Spec{Title: "ring \u03c3", Draws: donut(100)})
	dates := regexp.MustCompile(`D:[0-9]{14}`).FindAll(file, -1)
	if !bytes.HasPrefix(file, []byte("%PDF-")) || len(dates) == 0 {
		t.Fatalf("%.20q is no PDF file with dates", file)
	}
	for _, date := range dates {
		if string(date) != "D:20000101000000" {
			t.Errorf("date %s", date)
		}
	}
}

// page is the drawing instructions of a PDF file.
func page(t *testing.T, file []byte) string {
	t.Helper()
	for _, at := range regexp.MustCompile(`stream\r?\n`).FindAllIndex(file, -1) {
		r, err := zlib.NewReader(bytes.NewReader(file[at[1]:]))
		if err != nil {
			continue
		}
		if text, _ := io.ReadAll(r); bytes.Contains(text, []byte("BT /F")) {
			return string(text)
		}
	}
	t.Fatal("the PDF file has no page with text")
	return ""
}

// The library turns the page upside down and text back again, but no image: so the image is flipped before. Should
// a later version turn it back, the product of the vertical scales becomes positive and this test fails.
func TestPDFLibraryStillTurnsImages(t *testing.T) {
	text := page(t, plot(t, "pdf", Spec{Draws: donut(10)}))
	image := strings.Index(text, " Do")
	if image < 0 {
		t.Fatal("the page has no image")
	}
	scale := 1.0
	for _, m := range regexp.MustCompile(`(\S+) \S+ \S+ cm`).FindAllStringSubmatch(text[:image], -1) {
		d, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		scale *= d
	}
	if scale >= 0 {
		t.Errorf("images have the vertical scale %v: they are no longer upside down, do not flip them", scale)
	}
}

func TestPDFTextIsASCII(t *testing.T) {
	text := page(t, plot(t, "pdf", Spec{Title: "ring \u03c3", Names: []string{"\u00e9"}, Draws: donut(10)}))
	if !strings.Contains(text, "(ring ?)") || !strings.Contains(text, "(?)") || !strings.Contains(text, "(-2)") {
		t.Errorf("the page does not write the title, a name and a negative number as ASCII: %s", text)
	}
	for _, r := range text {
		if r > 126 {
			t.Fatalf("the page holds %q", r)
		}
	}
}

func TestFlippedIsUpsideDown(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 2, 3))
	for y := range 3 {
		img.SetRGBA(1, y, color.RGBA{uint8(y), 0, 0, 255})
	}
	for y := range 3 {
		if got := flipped(img).RGBAAt(1, 2-y).R; got != uint8(y) {
			t.Errorf("row %d of the flipped image was row %d", 2-y, got)
		}
	}
	if flipped(nil) != nil {
		t.Error("no image became one")
	}
}

func TestSameFigureSameBytes(t *testing.T) {
	for dim := 1; dim <= 4; dim++ {
		spec := Spec{Title: "twice", Draws: normal(500, dim)}
		if dim <= 2 {
			spec.Density = formula{dim, func(x []float64) float64 { return -x[0] * x[0] / 2 }}
		}
		if !bytes.Equal(painted(t, spec).Pix, painted(t, spec).Pix) {
			t.Errorf("the pixels of %d coordinates differ from themselves", dim)
		}
	}
	spec := Spec{Title: "twice", Draws: normal(500, 3)}
	for _, format := range Formats() {
		if !bytes.Equal(plot(t, format, spec), plot(t, format, spec)) {
			t.Errorf("%s differs from itself", format)
		}
	}
}

func TestNormalisedCurveHasArea1(t *testing.T) {
	d := formula{1, func(x []float64) float64 { return 700 - x[0]*x[0]/2 }}
	curve, err := normalised(context.Background(), d, window{-8, 8})
	if err != nil {
		t.Fatal(err)
	}
	if peak := curve[len(curve)/2]; math.Abs(peak-1/math.Sqrt(2*math.Pi)) > 1e-9 {
		t.Errorf("the normal density at 0 is %v", peak)
	}
	for name, f := range map[string]func(x []float64) float64{
		"NaN":  func([]float64) float64 { return math.NaN() },
		"-Inf": func([]float64) float64 { return math.Inf(-1) },
		"+Inf": func([]float64) float64 { return math.Inf(1) },
	} {
		curve, err := normalised(context.Background(), formula{1, f}, window{0, 1})
		if curve != nil || err != nil {
			t.Errorf("%s everywhere has curve %v, error %v", name, curve, err)
		}
	}
}

// 99.9 % of a standard normal of the plane lies within r^2 / 2 = log 1000 = 6.908, which is shaded to 7.
func TestShadingReaches999PerMilleOfTheMass(t *testing.T) {
	c := &cloud{columns: [][]float64{{0}, {0}}, windows: []window{{-6, 6}, {-6, 6}}}
	d := formula{2, func(x []float64) float64 { return 55 - (x[0]*x[0]+x[1]*x[1])/2 }}
	f, err := newRelief(context.Background(), d, c, 401, 401)
	if err != nil {
		t.Fatal(err)
	}
	if level := f.level(0.999); math.Abs(level-math.Log(1000)) > 0.02 || f.depth != 7 || f.top != 55 {
		t.Errorf("level %v, depth %v, top %v; want 6.908, 7, 55", level, f.depth, f.top)
	}
}

func TestShadesDarkenEvenly(t *testing.T) {
	last := 1.1
	for i := range 101 {
		c := shade(float64(i) / 100)
		gray := (0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B)) / 255
		if step := last - gray; step < 0.002 || (i > 0 && step > 0.02) {
			t.Errorf("shade %d %% has gray %.3f after %.3f", i, gray, last)
		}
		last = gray
	}
	if shade(math.Inf(-1)) != shades[0] || shade(2) != shades[8] {
		t.Error("shades beyond the scale are not its ends")
	}
}

func TestPlotDrawsWhateverItIsGiven(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	half := formula{2, func(x []float64) float64 {
		switch {
		case x[0] < 0:
			return math.Inf(-1)
		case x[1] < 0:
			return nan
		case x[1] > 1:
			return inf
		}
		return -x[0]
	}}
	specs := map[string]Spec{
		"no draws":                {Density: ring},
		"no draws of three":       {Draws: lanes.New(0, 3)},
		"no draws of one":         {Draws: lanes.New(0, 1)},
		"one draw":                {Draws: donut(1), Density: ring},
		"one draw of five":        {Draws: block(t, []float64{1, 2, 3, 4, 5})},
		"equal draws":             {Draws: block(t, []float64{1, 2}, []float64{1, 2}), Density: ring},
		"one constant":            {Draws: block(t, []float64{1, 2}, []float64{1, 3}), Density: half},
		"equal numbers":           {Draws: block(t, []float64{4}, []float64{4}), Density: formula{1, func(x []float64) float64 { return -x[0] }}},
		"nothing finite":          {Draws: block(t, []float64{nan, 2}, []float64{1, inf}), Density: ring},
		"nothing finite of three": {Draws: block(t, []float64{nan, 2, 3})},
		"the largest":             {Draws: block(t, []float64{math.MaxFloat64, 1}, []float64{-math.MaxFloat64, 1e300}), Density: ring},
		"the largest of one":      {Draws: block(t, []float64{math.MaxFloat64}, []float64{-math.MaxFloat64})},
		"the smallest":            {Draws: block(t, []float64{5e-324, 0}, []float64{0, 1e-310}), Density: ring},
		"far from the origin":     {Draws: block(t, []float64{1e15, 1e15 + 1}, []float64{1e15 + 2, 1e15}), Density: ring},
		"broken density":          {Draws: normal(100, 2), Density: half},
		"NaN everywhere":          {Draws: normal(100, 2), Density: formula{2, func([]float64) float64 { return nan }}},
		"+Inf everywhere":         {Draws: normal(100, 2), Density: formula{2, func([]float64) float64 { return inf }}},
		"-Inf everywhere":         {Draws: normal(100, 2), Density: formula{2, func([]float64) float64 { return -inf }}},
		"huge log p":              {Draws: normal(100, 2), Density: formula{2, func(x []float64) float64 { return -1e300 * x[0] * x[0] }}},
		"constant density":        {Draws: normal(100, 2), Density: formula{2, func([]float64) float64 { return 3 }}},
		"pole":                    {Draws: normal(100, 1), Density: formula{1, func(x []float64) float64 { return -math.Log(math.Abs(x[0])) }}},
		"gap":                     {Draws: normal(100, 1), Density: formula{1, func(x []float64) float64 { return math.Log(x[0]) }}},
		"broken density of one":   {Draws: normal(100, 1), Density: formula{1, func([]float64) float64 { return nan }}},
		"names":                   {Title: strings.Repeat("title\n", 99), Names: []string{strings.Repeat("n", 1000), "\x00"}, Draws: donut(10)},
		"many coordinates":        {Draws: normal(20, 100)},
	}
	for name, spec := range specs {
		s, err := layout(context.Background(), spec)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.width < 700 || s.width > 1600 || s.height < 600 || s.height > 1900 {
			t.Errorf("%s: %d x %d pixels", name, s.width, s.height)
		}
		checkVectors(t, name, s)
	}
}

// checkVectors looks for numbers in the vectors of a sheet that are none, and returns its texts between bars.
func checkVectors(t *testing.T, name string, s *sheet) string {
	t.Helper()
	if pixels := s.under; pixels != nil && pixels.Bounds() != image.Rect(0, 0, s.width, s.height) {
		t.Errorf("%s: pixels %v on a sheet of %d x %d", name, pixels.Bounds(), s.width, s.height)
	}
	s.under = nil // its compression takes most of the time
	var file bytes.Buffer
	if err := encodeSVG(&file, s); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	_, text, _ := elements(t, file.Bytes())
	text = regexp.MustCompile("\n+").ReplaceAllString(text, "|")
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Errorf("%s: text %q", name, text)
	}
	if regexp.MustCompile(`NaN[, "]|[, ]NaN|Inf[, "]`).Match(file.Bytes()) {
		t.Errorf("%s: a path leaves the numbers", name)
	}
	return text
}

// counting is a density that fails at a call, and counts them.
type counting struct {
	calls, failAt int
	largest       int
	stop          context.CancelFunc
}

func (*counting) Dim() int { return 2 }

var errBroken = errors.New("the plug-in is gone")

func (d *counting) LogProb(_ context.Context, _ []float64, x *lanes.Block) error {
	d.calls++
	d.largest = max(d.largest, x.Len())
	if d.calls == d.failAt {
		if d.stop != nil {
			d.stop()
			return nil
		}
		return errBroken
	}
	return nil
}

func TestPlotErrors(t *testing.T) {
	full := errors.New("no space left")
	for _, format := range Formats() {
		err := Plot(context.Background(), failing{full}, format, Spec{Draws: donut(10)})
		if !errors.Is(err, full) {
			t.Errorf("%s: error %v, want %v", format, err, full)
		}
	}
	var file bytes.Buffer
	broken := &counting{failAt: 3}
	if err := Plot(context.Background(), &file, "png", Spec{Draws: donut(10), Density: broken}); !errors.Is(err, errBroken) || broken.calls != 3 {
		t.Errorf("error %v after %d calls", err, broken.calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	slow := &counting{failAt: 2, stop: cancel}
	if err := Plot(ctx, &file, "png", Spec{Draws: donut(10), Density: slow}); !errors.Is(err, context.Canceled) || slow.calls != 2 {
		t.Errorf("cancelled: error %v after %d calls", err, slow.calls)
	}
	if file.Len() > 0 {
		t.Errorf("a figure that failed wrote %d bytes", file.Len())
	}
	for _, c := range []struct {
		format string
		spec   Spec
		want   string
	}{
		{"gif", Spec{Draws: donut(10)}, `figure format "gif" is not known: use .png, .svg or .pdf`},
		{"", Spec{Draws: donut(10)}, `figure format "" is not known: use .png, .svg or .pdf`},
		{"png", Spec{}, "a figure of points with 0 coordinates: there have to be 1 or more"},
		{"png", Spec{Draws: normal(10, 3), Density: ring}, "the density has dimension 2 and the draws 3: they have to be the same"},
	} {
		err := Plot(context.Background(), &file, c.format, c.spec)
		if err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]string{"a.png": "png", "b/c.d.SVG": "svg", "x.pdf": "pdf"} {
		if got, err := FormatOf(path); got != want || err != nil {
			t.Errorf("FormatOf(%q) = %q, %v", path, got, err)
		}
	}
	for path, want := range map[string]string{
		"a.jpg": `figure "a.jpg" ends in ".jpg", which is no known format: end it in .png, .svg or .pdf`,
		"donut": `figure "donut" has no suffix that names its format: end it in .png, .svg or .pdf`,
	} {
		if _, err := FormatOf(path); fmt.Sprint(err) != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestManyDrawsAreThinned(t *testing.T) {
	file := plot(t, "svg", Spec{Draws: donut(25_000)})
	_, text, _ := elements(t, file)
	if !strings.Contains(text, "8,334 of 25,000 draws") {
		t.Errorf("the text %q does not say that 8,334 of 25,000 draws are marked", text)
	}
}

func TestFitKeepsAsMuchAsFits(t *testing.T) {
	line := "a line of text that is longer than its room"
	for width := 20.0; width < 900; width += 7 {
		got := fit(smallSize, line, width)
		if got == line {
			continue
		}
		kept, ok := strings.CutSuffix(got, "..")
		if !ok || !strings.HasPrefix(line, kept) || textWidth(smallSize, got) > width {
			t.Fatalf("%v pixels hold %q", width, got)
		}
		if longer := line[:len(kept)+1] + ".."; textWidth(smallSize, longer) <= width && len(longer) < len(line) {
			t.Fatalf("%v pixels hold %q, though %q fits", width, got, longer)
		}
	}
	if got := fit(smallSize, line, 0); got != ".." {
		t.Errorf("no room holds %q", got)
	}
}
