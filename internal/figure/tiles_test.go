package figure

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// blob is an image of a round spot, brighter to its middle, by arithmetic that has the same bits everywhere.
func blob(height, width, x, y int) []float64 {
	pixels := make([]float64, height*width)
	for i := range height {
		for j := range width {
			square := float64((i-y)*(i-y) + (j-x)*(j-x))
			pixels[i*width+j] = max(0, 1-square/100)
		}
	}
	return pixels
}

func TestSheetHasEveryPixelOfEveryImage(t *testing.T) {
	s := Sheet{Height: 2, Width: 3, Columns: 2, Scale: 2, Images: [][]float64{
		{0, 0.5, 1, -7, 7, 0.2}, {1, 1, 1, 1, 1, 1}, {math.NaN(), math.Inf(1), 0, 0, 0, 0.998},
	}}
	var file bytes.Buffer
	if err := s.WritePNG(&file); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&file)
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != 2+2*(3*2+2) || size.Y != 2+2*(2*2+2) {
		t.Fatalf("%v", size)
	}
	want := [][]uint32{{0, 128, 255, 0, 255, 51}, {255, 255, 255, 255, 255, 255}, {gapShade, gapShade, 0, 0, 0, 254}, {gapShade, gapShade, gapShade, gapShade, gapShade, gapShade}}
	seen := 0
	for tile, pixels := range want {
		for i, shade := range pixels {
			for dy := range 2 {
				for dx := range 2 {
					x, y := 2+tile%2*8+i%3*2+dx, 2+tile/2*6+i/3*2+dy
					got, _, _, _ := img.At(x, y).RGBA()
					if got>>8 != shade {
						t.Errorf("image %d, pixel %d: %d, want %d", tile, i, got>>8, shade)
					}
					seen++
				}
			}
		}
	}
	if edge, _, _, _ := img.At(0, 0).RGBA(); edge>>8 != gapShade || seen != 96 {
		t.Error("no gap")
	}
}

func TestSheetChoosesItsGrid(t *testing.T) {
	one := blob(28, 28, 14, 14)
	for _, c := range []struct {
		images, columns, scale int
		width, height          int
	}{
		{16, 0, 0, 2 + 4*114, 2 + 4*114},
		{5, 0, 0, 2 + 3*114, 2 + 2*114},
		{3, 10, 0, 2 + 3*114, 2 + 114},
		{1000, 0, 0, 2 + 32*30, 2 + 32*30},
		{40, 20, 0, 2 + 20*58, 2 + 2*58},
		{1, 0, 7, 2 + 28*7 + 2, 2 + 28*7 + 2},
	} {
		s := Sheet{Height: 28, Width: 28, Columns: c.columns, Scale: c.scale}
		for range c.images {
			s.Images = append(s.Images, one)
		}
		var file bytes.Buffer
		if err := s.WritePNG(&file); err != nil {
			t.Fatal(err)
		}
		size, err := png.DecodeConfig(&file)
		if err != nil || size.Width != c.width || size.Height != c.height {
			t.Errorf("%d images, %d columns: %d x %d, want %d x %d (%v)", c.images, c.columns, size.Width, size.Height, c.width, c.height, err)
		}
	}
}

func TestFilmHasARowForEachParticle(t *testing.T) {
	a, b := []float64{0}, []float64{1}
	s := Film(1, 1, [][][]float64{{a, b, b}, {b}, {a, a}})
	if s.Columns != 3 || len(s.Images) != 9 || s.Images[3][0] != 1 || s.Images[4] != nil || s.Images[5] != nil || s.Images[7] == nil || s.Images[8] != nil {
		t.Errorf("%+v", s)
	}
	var file bytes.Buffer
	if err := s.WritePNG(&file); err != nil {
		t.Error(err)
	}
}

func TestSheetRefusesWhatItCannotShow(t *testing.T) {
	var file bytes.Buffer
	for _, c := range []struct {
		s    Sheet
		says string
	}{
		{Sheet{Height: 0, Width: 3, Images: [][]float64{{}}}, "0 x 3"},
		{Sheet{Height: 1, Width: 3}, "no images"},
		{Sheet{Height: 1, Width: 3, Images: [][]float64{{1, 2}}}, "image 0 has 2 pixels, and 1 x 3"},
		{Sheet{Height: 1, Width: 1, Columns: -1, Images: [][]float64{{1}}}, "-1 columns"},
		{Sheet{Height: 1, Width: 1, Scale: 65, Images: [][]float64{{1}}}, "scale of 65"},
		{Sheet{Height: 4000, Width: 4000, Scale: 20, Images: [][]float64{make([]float64, 4000*4000)}}, "smaller scale"},
	} {
		for _, write := range []error{c.s.WritePNG(&file), func() error {
			if c.s.Scale == 20 {
				return c.s.WritePNG(&file)
			}
			return c.s.WriteTerminal(&file, Screen{})
		}()} {
			if write == nil || !strings.Contains(write.Error(), c.says) {
				t.Errorf("%v does not say %q", write, c.says)
			}
		}
	}
	if file.Len() > 0 {
		t.Error("something was written")
	}
}

func TestSheetsInATerminalAreTheGoldenOnes(t *testing.T) {
	s := Sheet{Height: 28, Width: 28}
	for k := range 12 {
		s.Images = append(s.Images, blob(28, 28, 4+2*k, 24-2*k))
	}
	s.Images[1][0], s.Images[1][40] = math.NaN(), 5
	film := s
	film.Columns = 6
	large := Sheet{Height: 64, Width: 90, Images: [][]float64{blob(64, 90, 45, 30)}}
	for _, c := range []struct {
		name   string
		s      Sheet
		screen Screen
	}{
		{"images", s, Screen{}}, {"images-ascii", s, Screen{ASCII: true, Colour: true}}, {"images-colour", s, Screen{Colour: true, Columns: 50}},
		{"images-film", film, Screen{Columns: 60, Rows: 30}}, {"images-large", large, Screen{}}, {"images-narrow", s, Screen{Columns: 5, Rows: 2}},
	} {
		var text bytes.Buffer
		if err := c.s.WriteTerminal(&text, c.screen); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", c.name+".txt")
		if *update {
			if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if text.String() != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, text.String(), want)
		}
		columns := c.screen.Columns
		if columns == 0 {
			columns = 80
		}
		for _, line := range strings.Split(text.String(), "\n") {
			if !strings.Contains(line, "\x1b") && len([]rune(line)) >= max(columns, leastWide) {
				t.Errorf("%s: a line of %d characters on %d", c.name, len([]rune(line)), columns)
			}
		}
	}
}

func TestLevelsShowARowForEachLevel(t *testing.T) {
	spec := LevelsSpec{Title: "digits", Height: 28, Width: 28, Levels: []float64{1, 0.63096, 0.01585}}
	for range spec.Levels {
		row := make([][]float64, 12)
		for i := range row {
			row[i] = blob(28, 28, 2*i, 14)
		}
		spec.Rows = append(spec.Rows, row)
	}
	for _, format := range Formats() {
		var file bytes.Buffer
		if err := Levels(&file, format, spec); err != nil {
			t.Fatal(err)
		}
		if format == "svg" && (!strings.Contains(file.String(), ">0.631<") || !strings.Contains(file.String(), ">0.0158<") || !strings.Contains(file.String(), ">noise level<")) {
			t.Errorf("the levels are not there: %.2000s", file.String())
		}
		if format != "png" {
			continue
		}
		img, err := png.Decode(&file)
		if err != nil {
			t.Fatal(err)
		}
		bright := make(map[int]int) // white pixels below the title, by row of images
		for y := range img.Bounds().Dy() {
			for x := 250; x < img.Bounds().Dx()-20; x++ {
				if r, g, b, _ := img.At(x, y).RGBA(); r == 0 && g == 0 && b == 0 {
					bright[y*3/img.Bounds().Dy()]++
				}
			}
		}
		if bright[0] < 1000 || bright[1] < 1000 || bright[2] < 1000 {
			t.Errorf("black pixels by row: %v", bright)
		}
	}
	for _, c := range []struct {
		change func(s *LevelsSpec)
		says   string
	}{
		{func(s *LevelsSpec) { s.Levels = nil }, "0 noise levels"},
		{func(s *LevelsSpec) { s.Rows = s.Rows[:2] }, "2 rows of images for 3 noise levels"},
		{func(s *LevelsSpec) { s.Width = 27 }, "784 pixels, and 28 x 27"},
		{func(s *LevelsSpec) { s.Levels, s.Rows = make([]float64, 65), make([][][]float64, 65) }, "at most 64"},
		{func(s *LevelsSpec) {
			s.Height, s.Width, s.Rows, s.Levels = 1, 100, [][][]float64{make([][]float64, 30)}, []float64{1}
		}, "show fewer"},
	} {
		other := spec
		c.change(&other)
		var file bytes.Buffer
		if err := Levels(&file, "png", other); err == nil || !strings.Contains(err.Error(), c.says) || file.Len() > 0 {
			t.Errorf("%v does not say %q", err, c.says)
		}
	}
}
