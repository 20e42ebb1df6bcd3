package dataset_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/internal/dataset"
)

func Example() {
	images, err := dataset.Read("testdata/idx/images-idx3-ubyte.gz")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(images.Count, "images of", images.Height, "x", images.Width)
	fmt.Println(images.Pixels[6*28+13])
	// Output:
	// 16 images of 28 x 28
	// 1
}

// mustRead reads images that have to be good.
func mustRead(t *testing.T, path string) *dataset.Images {
	t.Helper()
	d, err := dataset.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Pixels) != d.Count*d.Height*d.Width || d.Labels != nil && len(d.Labels) != d.Count || d.Source != path {
		t.Fatalf("%s: %d pixels of %d x %d x %d, %d labels, source %s", path, len(d.Pixels), d.Count, d.Height, d.Width, len(d.Labels), d.Source)
	}
	return d
}

// refused wants an error that says every one of the words.
func refused(t *testing.T, path string, words ...string) {
	t.Helper()
	d, err := dataset.Read(path)
	if err == nil {
		t.Errorf("%s was read: %d images of %d x %d", path, d.Count, d.Height, d.Width)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %q does not say %q", path, err, word)
		}
	}
	if !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("%q does not name %s", err, filepath.Base(path))
	}
}

func same(t *testing.T, what string, got, want *dataset.Images) {
	t.Helper()
	if got.Count != want.Count || got.Height != want.Height || got.Width != want.Width {
		t.Fatalf("%s: %d x %d x %d, want %d x %d x %d", what, got.Count, got.Height, got.Width, want.Count, want.Height, want.Width)
	}
	for i, v := range want.Pixels {
		if got.Pixels[i] != v {
			t.Fatalf("%s: pixel %d is %v, want %v", what, i, got.Pixels[i], v)
		}
	}
}

// moments are the mean and the standard deviation of all pixels.
func moments(d *dataset.Images, from, to int) (mean, sd float64) {
	size := d.Height * d.Width
	pixels := d.Pixels[from*size : to*size]
	for _, v := range pixels {
		mean += float64(v) / float64(len(pixels))
	}
	for _, v := range pixels {
		sd += (float64(v) - mean) * (float64(v) - mean) / float64(len(pixels))
	}
	return mean, math.Sqrt(sd)
}

func TestReportedFilesReadAsTheSixteenImages(t *testing.T) {
	want := mustRead(t, "testdata/idx/images-idx3-ubyte.gz")
	if mean, sd := moments(want, 0, 16); math.Abs(mean-0.105890793818) > 1e-7 || math.Abs(sd-0.255467835575) > 1e-7 {
		t.Errorf("mean %v, standard deviation %v", mean, sd)
	}
	for _, c := range []struct{ path, notes string }{
		{"testdata/idx/gzip-without-suffix-idx3-ubyte", ""},       // I01
		{"testdata/idx/float32-idx3.gz", ""},                      // I05
		{"testdata/idx/two-members-idx3-ubyte.gz", ""},            // I07
		{"testdata/npy/images_fortran.npy", ""},                   // I09
		{"testdata/npy/images_0_255_float.npy", "divided by 255"}, // I19
	} {
		got := mustRead(t, c.path)
		same(t, c.path, got, want)
		if notes := strings.Join(got.Notes, "; "); !strings.Contains(notes, c.notes) || (notes == "") != (c.notes == "") {
			t.Errorf("%s: notes %q, want %q", c.path, notes, c.notes)
		}
	}
}

func TestReportedFoldersReadAsTheFourPictures(t *testing.T) {
	want := mustRead(t, "testdata/png/gray8")
	if want.Count != 4 || want.Labels != nil {
		t.Fatalf("%d images, labels %v", want.Count, want.Labels)
	}
	for i, right := range []float64{0.093752501, 0.068457383, 0.120103041, 0.109153661} {
		if mean, _ := moments(want, i, i+1); math.Abs(mean-right) > 1e-8 {
			t.Errorf("picture %d has mean %v, want %v", i, mean, right)
		}
	}
	for _, path := range []string{"testdata/png/gray16", "testdata/png/gray_alpha", "testdata/png/palette"} { // I11, I13, I15
		same(t, path, mustRead(t, path), want)
	}
	one := mustRead(t, "testdata/png/gray8/02.png")
	same(t, "one picture", one, &dataset.Images{Count: 1, Height: 28, Width: 28, Pixels: want.Pixels[2*784 : 3*784]})
}

func TestReportedFaultsAreNamed(t *testing.T) {
	refused(t, "testdata/idx/count-too-high-idx3-ubyte.gz", "60,000 images", "16 images", "47,040,000", "12,544") // I03
	_, err := dataset.Read("testdata/png/truncated")                                                              // I17
	if err == nil || !strings.Contains(err.Error(), filepath.Join("truncated", "00.png")+": the PNG data end early") {
		t.Errorf("%v", err)
	}
}

// idx is an IDX file.
func idx(kind byte, data []byte, axes ...uint32) []byte {
	file := []byte{0, 0, kind, byte(len(axes))}
	for _, n := range axes {
		file = binary.BigEndian.AppendUint32(file, n)
	}
	return append(file, data...)
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// write makes files in a folder, whose folders it makes too, and returns the folder.
func write(t *testing.T, files map[string][]byte) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "set")
	for name, data := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// bytesOf are n bytes, one after the other.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 37)
	}
	return b
}

func TestNumbersOfEveryTypeBecomePixels(t *testing.T) {
	floats := []float64{0, 1, 0.5, 0.25}
	var f32, f64 []byte
	for _, v := range floats {
		f32 = binary.BigEndian.AppendUint32(f32, math.Float32bits(float32(v)))
		f64 = binary.BigEndian.AppendUint64(f64, math.Float64bits(v))
	}
	folder := write(t, map[string][]byte{
		"u1": idx(8, []byte{0, 255, 51, 102}, 1, 2, 2), "i1": idx(9, []byte{0, 127, 51, 102}, 1, 2, 2),
		"i2": idx(11, []byte{0, 0, 0, 255, 0, 51, 0, 102}, 1, 2, 2), "i4": idx(12, []byte{0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 51, 0, 0, 0, 102}, 1, 2, 2),
		"f4": idx(13, f32, 1, 2, 2), "f8": idx(14, f64, 1, 2, 2), "four": idx(8, []byte{0, 255, 51, 102}, 1, 2, 2, 1),
		"binary": idx(8, []byte{0, 1, 1, 0}, 1, 2, 2), "black": idx(8, []byte{0, 0, 0, 0}, 1, 2, 2), "tall": idx(8, []byte{0, 255, 51, 102}, 1, 4, 1),
	})
	for _, c := range []struct {
		name  string
		want  [4]float32
		notes int
	}{
		{"u1", [4]float32{0, 1, 0.2, 0.4}, 0}, {"four", [4]float32{0, 1, 0.2, 0.4}, 0}, {"tall", [4]float32{0, 1, 0.2, 0.4}, 0},
		{"i1", [4]float32{0, float32(127) / 255, 0.2, 0.4}, 1}, {"i2", [4]float32{0, 1, 0.2, 0.4}, 1}, {"i4", [4]float32{0, 1, 0.2, 0.4}, 1},
		{"f4", [4]float32{0, 1, 0.5, 0.25}, 0}, {"f8", [4]float32{0, 1, 0.5, 0.25}, 0},
		{"binary", [4]float32{0, 1, 1, 0}, 1}, {"black", [4]float32{}, 0},
	} {
		d := mustRead(t, filepath.Join(folder, c.name))
		if [4]float32(d.Pixels) != c.want || len(d.Notes) != c.notes {
			t.Errorf("%s: %v, want %v; notes %q", c.name, d.Pixels, c.want, d.Notes)
		}
	}
}

func TestRangesThatWouldHaveToBeGuessedAreRefused(t *testing.T) {
	files := map[string][]byte{}
	for name, values := range map[string][]float32{
		"rounded": {0, 1.0000001, 0.5, 0.2}, "drawn": {-0.05, 1.02, 0.5, 0}, "centred": {-1, 1, 0.5, 0}, "shades": {0, 254.5, 3, 7}, "deep": {0, 65535, 3, 4}, "standard": {-0.4, 2.8, 0, 1}, "nan": {0, 1, float32(math.NaN()), 0},
		"inf": {0, 1, 0, float32(math.Inf(1))},
	} {
		var data []byte
		for _, v := range values {
			data = binary.BigEndian.AppendUint32(data, math.Float32bits(v))
		}
		files[name] = idx(13, data, 1, 2, 2)
	}
	files["signed"] = idx(9, []byte{0, 255, 51, 102}, 1, 2, 2)
	folder := write(t, files)
	for name, words := range map[string][]string{
		"rounded": {"pixel (0, 1) of image 0", "1.0000001", "clip them"}, "drawn": {"pixel (0, 0) of image 0", "-0.05", "clip them"},
		"centred": {"pixel (0, 0) of image 0", "-1", "(x + 1)/2"}, "shades": {"pixel (0, 1)", "254.5", "divide"}, "deep": {"65535", "divide"},
		"standard": {"-0.4", "standardised"}, "nan": {"pixel (1, 0) of image 0", "NaN"}, "inf": {"pixel (1, 1)", "+Inf"}, "signed": {"-1"},
	} {
		refused(t, filepath.Join(folder, name), words...)
	}
}

func TestDamagedIDXFilesAreNamed(t *testing.T) {
	good := idx(8, bytesOf(4*12), 4, 3, 4)
	packed := zipped(good)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	for name, c := range map[string]struct {
		file  []byte
		words []string
	}{
		"empty":             {nil, []string{"empty"}},
		"short-magic":       {good[:3], []string{"ends early", "header"}},
		"short-header":      {good[:10], []string{"ends early", "header"}},
		"short":             {good[:len(good)-13], []string{"declares 4 images of 3 x 4 pixels, 48 bytes", "35 bytes follow", "2 images and 11 bytes", "cut off"}},
		"long":              {append(bytes.Clone(good), 1, 2, 3), []string{"4 images", "51 bytes follow", "4 images and 3 bytes", "added"}},
		"gzip-cut":          {packed[:len(packed)/2], []string{"gzip data end early", "of the 4 images", "cut off"}},
		"gzip-head-cut":     {packed[:5], []string{"gzip data end early"}},
		"gzip-checksum":     {flipped, []string{"checksum"}},
		"gzip-corrupt":      {append(bytes.Clone(packed[:10]), bytes.Repeat([]byte{0xff}, 30)...), []string{"damaged at byte"}},
		"gzip-tail":         {append(bytes.Clone(packed), "some words behind it"...), []string{"follows the gzip data"}},
		"gzip-twice":        {zipped(packed), []string{"twice"}},
		"gzip-of-a-page":    {zipped([]byte("<!DOCTYPE html> not found")), []string{"gzip", "web page"}},
		"page":              {[]byte("<html>404</html>"), []string{"web page"}},
		"zip":               {[]byte("PK\x03\x04abc"), []string{"zip archive is damaged"}},
		"jpeg":              {[]byte("\xff\xd8\xff\xe0abc"), []string{"JPEG", "PNG"}},
		"text":              {[]byte("0,1\n2,3\n"), []string{"magic number", "2051"}},
		"little-endian":     {[]byte{3, 8, 0, 0, 4, 0, 0, 0}, []string{"magic number is 50855936", "2051"}},
		"no-images":         {idx(8, nil, 0, 28, 28), []string{"0 images"}},
		"no-pixels":         {idx(8, nil, 16, 0, 28), []string{"0 x 28"}},
		"colour":            {idx(8, bytesOf(24), 2, 2, 2, 3), []string{"4 axes", "colours"}},
		"two-axes":          {idx(8, bytesOf(24), 2, 12), []string{"2 axes, 2 x 12"}},
		"labels":            {idx(8, bytesOf(24), 24), []string{"labels, 24", "no images"}},
		"wide":              {idx(8, bytesOf(2000), 1, 1, 2000), []string{"1 x 2000", "1024"}},
		"many":              {idx(8, bytesOf(16), 1<<32-1, 4, 4), []string{"4,294,967,295 images", "68,719,476,720 bytes", "1 image:"}},
		"many-floats":       {idx(14, bytesOf(128), 1<<32-1, 4, 4), []string{"4,294,967,295 images", "1 image:"}},
		"many-behind-gzip":  {zipped(idx(8, bytesOf(16), 1<<32-1, 1024, 1024)), []string{"4,294,967,295 images", "0 images and 16 bytes"}},
		"type":              {idx(0x0a, bytesOf(24), 2, 3, 4), []string{"magic number"}},
		"axes":              {idx(8, bytesOf(24), 2, 3, 2, 1, 1), []string{"magic number"}},
		"lfs":               {[]byte("version https://git-lfs.github.com/spec/v1\noid"), []string{"LFS"}},
		"python-pickle.pkl": {[]byte("\x80\x03}q\x00"), []string{"pickle"}},
	} {
		refused(t, filepath.Join(write(t, map[string][]byte{name: c.file}), name), c.words...)
	}
}

func TestLabelsStandBesideImages(t *testing.T) {
	images, labels := idx(8, bytesOf(4*12), 4, 3, 4), idx(8, []byte{3, 0, 9, 3}, 4)
	check := func(files map[string][]byte, name string, want ...int) {
		t.Helper()
		d := mustRead(t, filepath.Join(write(t, files), name))
		if fmt.Sprint(d.Labels) != fmt.Sprint(want) {
			t.Errorf("%s: labels %v, want %v", name, d.Labels, want)
		}
		classes := 0
		if want != nil {
			classes = 10
		}
		if d.Classes() != classes {
			t.Errorf("%s: %d classes", name, d.Classes())
		}
	}
	check(map[string][]byte{"x-images-idx3-ubyte": images, "x-labels-idx1-ubyte": labels}, "x-images-idx3-ubyte", 3, 0, 9, 3)
	check(map[string][]byte{"x-images-idx3-ubyte.gz": zipped(images), "x-labels-idx1-ubyte": labels}, "x-images-idx3-ubyte.gz", 3, 0, 9, 3)
	check(map[string][]byte{"x-images-idx3-ubyte": images, "x-labels-idx1-ubyte.gz": zipped(labels)}, "x-images-idx3-ubyte", 3, 0, 9, 3)
	check(map[string][]byte{"x-images.idx3-ubyte": images, "x-labels.idx1-ubyte": labels}, "x-images.idx3-ubyte", 3, 0, 9, 3)
	check(map[string][]byte{"images": images, "labels": labels}, "images", 3, 0, 9, 3)
	check(map[string][]byte{"images": images}, "images")
	check(map[string][]byte{"x": images, "labels": labels}, "x")

	folder := write(t, map[string][]byte{
		"few-images": images, "few-labels": idx(8, bytesOf(3), 3), "no-images": images, "no-labels": idx(8, nil, 0), "cut-images": images, "cut-labels": labels[:9],
		"odd-images": images, "odd-labels": idx(12, []byte{255, 255, 255, 255}, 1), "same-images": images, "same-labels": images,
	})
	refused(t, filepath.Join(folder, "few-images"), "4 images", "few-labels has 3 labels")
	refused(t, filepath.Join(folder, "no-images"), "no-labels", "0 labels")
	refused(t, filepath.Join(folder, "cut-images"), "cut-labels", "declares 4 labels", "1 label:")
	refused(t, filepath.Join(folder, "odd-images"), "odd-labels", "label 0", "-1")
	refused(t, filepath.Join(folder, "same-images"), "same-labels", "3 axes")
	refused(t, filepath.Join(folder, "few-labels"), "labels, 3 of them", "few-images")
}

func TestFoldersOfIDXFilesHaveParts(t *testing.T) {
	train, test, labels := idx(8, bytesOf(24), 2, 3, 4), idx(8, bytesOf(36), 3, 3, 4), idx(8, []byte{1, 2, 3}, 3)
	for _, files := range []map[string][]byte{
		{"train-images-idx3-ubyte": train, "t10k-images-idx3-ubyte": test, "t10k-labels-idx1-ubyte": labels, "README": []byte("words")},
		{"train-images-idx3-ubyte.gz": zipped(train), "test-images-idx3-ubyte.gz": zipped(test), "test-labels-idx1-ubyte.gz": zipped(labels)},
		{"train-images.idx3-ubyte": train, "t10k-images.idx3-ubyte": test, "t10k-labels.idx1-ubyte": labels},
		{"train-images-idx3-ubyte": train, "train-images-idx3-ubyte.gz": zipped(train), "t10k-images-idx3-ubyte": test, "t10k-labels-idx1-ubyte": labels},
		{"emnist-digits-train-images-idx3-ubyte": train, "emnist-digits-test-images-idx3-ubyte": test, "emnist-digits-test-labels-idx1-ubyte": labels},
		{"train/train-images-idx3-ubyte": train, "test/t10k-images-idx3-ubyte": test, "test/t10k-labels-idx1-ubyte": labels},
	} {
		folder := write(t, files)
		if d := mustRead(t, folder); d.Count != 2 || d.Labels != nil {
			t.Errorf("%d training images, labels %v", d.Count, d.Labels)
		}
		for split, count := range map[string]int{"train": 2, "test": 3} {
			d, err := dataset.ReadSplit(folder, split)
			if err != nil || d.Count != count || (d.Labels != nil) != (split == "test") {
				t.Errorf("%s: %v, %v", split, d, err)
			}
		}
	}
	alone := write(t, map[string][]byte{"t10k-images-idx3-ubyte": test})
	if d := mustRead(t, alone); d.Count != 3 {
		t.Errorf("%d images", d.Count)
	}
	for _, c := range []struct{ folder, split, says string }{
		{alone, "train", "no file train-images-idx3-ubyte"},
		{alone, "validation", `no part "validation"`},
		{write(t, map[string][]byte{"a.png": picture(gray(3, 3))}), "test", "no test set"},
		{filepath.Join(alone, "t10k-images-idx3-ubyte"), "test", "is a file"},
		{write(t, map[string][]byte{"a-train-images-idx3-ubyte": train, "b-train-images-idx3-ubyte": train}), "train", "several files"},
	} {
		if _, err := dataset.ReadSplit(c.folder, c.split); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v does not say %q", err, c.says)
		}
	}
}

// picture is a PNG file.
func picture(img image.Image) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}

// gray is an image of some shades.
func gray(width, height int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = byte(29 * i)
	}
	return img
}

func TestFoldersOfPicturesAreClasses(t *testing.T) {
	at := func(shade byte) []byte {
		img := image.NewGray(image.Rect(0, 0, 2, 1))
		img.Pix[0], img.Pix[1] = shade, 200
		return picture(img)
	}
	named := mustRead(t, write(t, map[string][]byte{"zebra/1.PNG": at(1), "ant/b.png": at(3), "ant/a.png": at(2), "ant/.hidden": nil, "ant/about.txt": []byte("words")}))
	if fmt.Sprint(named.Labels, named.Names, named.Classes()) != "[0 0 1] [ant zebra] 2" || named.Pixels[0]*255 != 2 || named.Pixels[4]*255 != 1 || len(named.Notes) != 1 {
		t.Errorf("%+v", named)
	}
	numbered := mustRead(t, write(t, map[string][]byte{"10/a.png": at(3), "9/a.png": at(2), "2/a.png": at(1)}))
	if fmt.Sprint(numbered.Labels, numbered.Names, numbered.Classes()) != "[2 9 10] [] 11" || numbered.Pixels[0]*255 != 1 || numbered.Pixels[4]*255 != 3 {
		t.Errorf("%+v", numbered)
	}
	parts := write(t, map[string][]byte{"training/0/a.png": at(1), "training/1/a.png": at(2), "testing/0/a.png": at(3)})
	if d := mustRead(t, parts); d.Count != 2 || d.Classes() != 2 {
		t.Errorf("%+v", d)
	}
	if d, err := dataset.ReadSplit(parts, "test"); err != nil || d.Count != 1 || d.Pixels[0]*255 != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if d := mustRead(t, write(t, map[string][]byte{"train/a.png": at(1), "plane/a.png": at(2)})); d.Count != 2 { // trains, and planes
		t.Errorf("%+v", d)
	}
}

func TestFoldersThatAreNoSetAreNamed(t *testing.T) {
	good := picture(gray(3, 3))
	refused(t, filepath.Join(t.TempDir(), "nowhere"), "no such file or folder")
	if _, err := dataset.Read("nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is of no known kind", err)
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		words []string
	}{
		"jpegs":     {map[string][]byte{"a.jpg": []byte("\xff\xd8\xff\xe0"), "b.jpg": []byte("\xff\xd8\xff\xe0")}, []string{"no images", "2 other files", "a.jpg", "JPEG"}},
		"npy":       {map[string][]byte{"a.npy": []byte("\x93NUMPY")}, []string{"no images", "a.npy", "by itself"}},
		"mixed":     {map[string][]byte{"a.png": good, "cats/b.png": good}, []string{"PNG files and folders", "cats"}},
		"deep":      {map[string][]byte{"cats/black/b.png": good, "dogs/b.png": good}, []string{"cats", "folders in it", "black"}},
		"no class":  {map[string][]byte{"cats/b.png": good, "dogs/.x": nil}, []string{"dogs", "is empty"}},
		"hidden":    {map[string][]byte{".a.png": good}, []string{"is empty"}},
		"two sizes": {map[string][]byte{"a.png": good, "b.png": picture(gray(3, 4))}, []string{"b.png", "4 x 3", "3 x 3"}},
		"misnamed":  {map[string][]byte{"a.png": []byte("\xff\xd8\xff\xe0 a photo")}, []string{"a.png", "JPEG"}},
		"text":      {map[string][]byte{"a.png": []byte("some words")}, []string{"a.png", "damaged"}},
		"nothing":   {map[string][]byte{"a.png": nil}, []string{"a.png", "end early"}},
	} {
		folder := write(t, c.files)
		_, err := dataset.Read(folder)
		if err == nil {
			t.Errorf("%s was read", name)
			continue
		}
		for _, word := range append(c.words, folder) {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", name, err, word)
			}
		}
	}
}

func TestPicturesOfEveryModeReadTheSame(t *testing.T) {
	want := gray(9, 7)
	paint := func(set func(x, y int, c color.Gray)) {
		for y := range 7 {
			for x := range 9 {
				set(x, y, want.GrayAt(x, y))
			}
		}
	}
	modes := map[string]image.Image{"gray": want}
	deep, rgb, rgba, rgb16 := image.NewGray16(want.Rect), image.NewRGBA(want.Rect), image.NewNRGBA(want.Rect), image.NewRGBA64(want.Rect)
	var grays color.Palette
	for k := range 256 {
		grays = append(grays, color.Gray{Y: byte(k * 7)})
	}
	palette := image.NewPaletted(want.Rect, grays)
	paint(func(x, y int, c color.Gray) {
		deep.Set(x, y, c)
		rgb.Set(x, y, c)
		rgba.Set(x, y, c)
		rgb16.Set(x, y, c)
		palette.Set(x, y, c)
	})
	modes["gray16"], modes["rgb"], modes["rgba"], modes["rgb16"], modes["palette"] = deep, rgb, rgba, rgb16, palette
	for name, img := range modes {
		d := mustRead(t, filepath.Join(write(t, map[string][]byte{"a.png": picture(img)}), "a.png"))
		for i, v := range want.Pix {
			if d.Pixels[i] != float32(v)/255 {
				t.Fatalf("%s: pixel %d is %v, want %v/255", name, i, d.Pixels[i], v)
			}
		}
	}
	deep.SetGray16(0, 0, color.Gray16{Y: 12345})
	if d := mustRead(t, filepath.Join(write(t, map[string][]byte{"a.png": picture(deep)}), "a.png")); d.Pixels[0] != float32(12345)/65535 {
		t.Errorf("16 bits: %v", d.Pixels[0])
	}

	rgb.SetRGBA(2, 3, color.RGBA{R: 200, G: 10, B: 10, A: 255})
	rgba.SetNRGBA(2, 3, color.NRGBA{R: 9, G: 9, B: 9, A: 128})
	clear := image.NewNRGBA(want.Rect)
	folder := write(t, map[string][]byte{"rgb.png": picture(rgb), "rgba.png": picture(rgba), "clear.png": picture(clear)})
	refused(t, filepath.Join(folder, "rgb.png"), "pixel (3, 2)", "#c80a0a", "gray")
	refused(t, filepath.Join(folder, "rgba.png"), "pixel (3, 2)", "transparent", "0.502")
	refused(t, filepath.Join(folder, "clear.png"), "transparent")
}

func TestArraysAreImages(t *testing.T) {
	head := func(descr, order, shape string) []byte {
		return bytes.Replace(array(descr, shape, nil), []byte("False"), []byte(order+strings.Repeat(" ", 5-len(order))), 1)
	}
	twelve := make([]byte, 12)
	for i := range twelve {
		twelve[i] = byte(20 * i)
	}
	good := map[string][]byte{
		"three.npy": append(head("|u1", "False", "(3, 2, 2)"), twelve...),
		"four.npy":  append(head("|u1", "False", "(3, 2, 2, 1)"), twelve...),
		"two.npy":   append(head("|u1", "False", "(3, 4)"), twelve...),
		"no-suffix": append(head("|u1", "False", "(3, 2, 2)"), twelve...),
		"column.npy": append(head("|u1", "True", "(3, 2, 2)"),
			0, 80, 160, 40, 120, 200, 20, 100, 180, 60, 140, 220),
	}
	folder := write(t, good)
	for name := range good {
		d := mustRead(t, filepath.Join(folder, name))
		if d.Count != 3 || d.Height != 2 || d.Width != 2 {
			t.Errorf("%s: %d x %d x %d", name, d.Count, d.Height, d.Width)
		}
		for i, v := range d.Pixels {
			if v != float32(20*i)/255 {
				t.Errorf("%s: pixel %d is %v, want %v/255", name, i, v, 20*i)
			}
		}
	}
	folder = write(t, map[string][]byte{
		"square.npy":   append(head("|u1", "False", "(2, 6)"), twelve...),
		"one.npy":      append(head("|u1", "False", "(12,)"), twelve...),
		"colour.npy":   append(head("|u1", "False", "(1, 2, 2, 3)"), twelve...),
		"channels.npy": append(head("|u1", "False", "(3, 1, 2, 2)"), twelve...),
		"none.npy":     head("|u1", "False", "(0, 2, 2)"),
		"short.npy":    append(head("|u1", "False", "(60000, 2, 2)"), twelve...),
		"text.npy":     append(head("<U1", "False", "(3, 1, 1)"), twelve...),
		"wide.npy":     append(head("|u1", "False", "(1, 1, 5000)"), twelve...),
		"objects.npy":  append(head("|O", "False", "(3, 2, 2)"), twelve...),
		"broken.npy":   []byte("\x93NUMPY\x01\x00\x76"),
	})
	refused(t, filepath.Join(folder, "square.npy"), "(2, 6)", "6 is no square")
	refused(t, filepath.Join(folder, "one.npy"), "(12)", "(n, height, width)")
	refused(t, filepath.Join(folder, "colour.npy"), "(1, 2, 2, 3)", "length 3", "colours")
	refused(t, filepath.Join(folder, "channels.npy"), "(3, 1, 2, 2)", "second axis", "move it")
	refused(t, filepath.Join(folder, "none.npy"), "0 images")
	refused(t, filepath.Join(folder, "short.npy"), "(60000, 2, 2) = 240000 bytes, 12 are there")
	refused(t, filepath.Join(folder, "text.npy"), "text")
	refused(t, filepath.Join(folder, "wide.npy"), "1 x 5000")
	refused(t, filepath.Join(folder, "objects.npy"), "objects")
	refused(t, filepath.Join(folder, "broken.npy"), "cut off")

	labelled := write(t, map[string][]byte{"images.npy": good["three.npy"], "labels.npy": append(head("<i8", "False", "(3,)"), 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)})
	if d := mustRead(t, filepath.Join(labelled, "images.npy")); fmt.Sprint(d.Labels) != "[2 1 0]" {
		t.Errorf("labels %v", d.Labels)
	}
}

// array is an npy file.
func array(descr, shape string, data []byte) []byte {
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	text += strings.Repeat(" ", 117-len(text)) + "\n"
	return append(append([]byte("\x93NUMPY\x01\x00\x76\x00"), text...), data...)
}

// archive is an npz file.
func archive(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// To open a pipe is to wait for a writer; a link that leads nowhere is named as one.
func TestFoldersOfMoreThanFilesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ target, word string }{
		"a device":         {os.DevNull, "a device or a pipe"},
		"a link to itself": {"a.png", "leads to no file"},
		"a lost link":      {"lost.png", "leads to no file"},
	} {
		for _, file := range []string{"a.png", "train-images-idx3-ubyte"} {
			folder := write(t, map[string][]byte{"b.png": picture(gray(3, 3))})
			if err := os.Symlink(strings.Replace(c.target, "a.png", file, 1), filepath.Join(folder, file)); err != nil {
				t.Skip(err)
			}
			_, err := dataset.Read(folder)
			if err == nil || !strings.Contains(err.Error(), c.word) || !strings.Contains(err.Error(), filepath.Join(folder, file)) {
				t.Errorf("%s as %s: %v", name, file, err)
			}
		}
	}
}

func TestArchivesOfArraysAreImages(t *testing.T) {
	three, two := array("|u1", "(3, 2, 2)", bytesOf(12)), array("|u1", "(2, 2, 2)", bytesOf(8))
	set := map[string][]byte{"x_train": three, "x_test": two, "y_train": array("|u1", "(3,)", []byte{1, 0, 1}), "y_test": array("|u1", "(2,)", []byte{0, 1})}
	folder := write(t, map[string][]byte{
		"set.npz": archive(t, set), "one.npz": archive(t, map[string][]byte{"arr_0": three}), "draws.npz": archive(t, map[string][]byte{"x": array("|u1", "(6, 2)", bytesOf(12))}),
		"two.npz": archive(t, map[string][]byte{"a": three, "b": two}), "labels.npz": archive(t, map[string][]byte{"x_train": three, "y_train": array("|u1", "(2,)", []byte{0, 1})}),
		"alone.npz": archive(t, map[string][]byte{"y_train": array("|u1", "(2,)", []byte{0, 1})}),
		"half.npz":  archive(t, map[string][]byte{"x_test": two, "y_test": array("|u1", "(2,)", []byte{0, 1})}),
	})
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, path := range []string{at("set.npz"), at("set.npz") + ":x_train", at("one.npz"), at("two.npz") + ":a"} {
		d := mustRead(t, path)
		if d.Count != 3 || d.Height != 2 || d.Width != 2 || (d.Labels != nil) != strings.Contains(path, "set.npz") || len(d.Notes) != 1 {
			t.Errorf("%s: %+v", path, d)
		}
		for i, b := range bytesOf(12) {
			if d.Pixels[i] != float32(b)/255 {
				t.Errorf("%s: pixel %d is %v", path, i, d.Pixels[i])
			}
		}
	}
	if d, err := dataset.ReadSplit(at("set.npz"), "test"); err != nil || d.Count != 2 || fmt.Sprint(d.Labels) != "[0 1]" {
		t.Errorf("%+v, %v", d, err)
	}
	refused(t, at("two.npz"), "a, b", "choose one")
	refused(t, at("draws.npz"), "(6, 2)", "no square")
	refused(t, at("labels.npz"), "3 images", "y_train has 2 labels")
	refused(t, at("alone.npz"), "one number for each of 2", "labels")
	refused(t, at("half.npz"), "array x_test", "none x_train")
	if _, err := dataset.ReadSplit(at("labels.npz"), "test"); err == nil || !strings.Contains(err.Error(), "array x_train, and none x_test") {
		t.Errorf("%v", err)
	}
	_, err := dataset.Read("testdata/npy/images_fortran.npy:x")
	if err == nil || !strings.Contains(err.Error(), "only npz files") {
		t.Errorf("%v", err)
	}
	if !dataset.IsImages(at("set.npz")) || !dataset.IsImages(at("one.npz")) || dataset.IsImages(at("draws.npz")) {
		t.Error("draws and images are not told apart")
	}
}

// Bytes in 16 bits, 12 bits in 16 bits, a mask of 0 and 1 in bytes: the format says that they are nearly black, and nobody sees it.
func TestImagesThatAreNearlyBlackAreNoted(t *testing.T) {
	folder := write(t, map[string][]byte{
		"mask": idx(13, binary.BigEndian.AppendUint32(nil, math.Float32bits(1.0/255)), 1, 1, 1), "bright": idx(8, []byte{255}, 1, 1, 1), "black": idx(8, []byte{0}, 1, 1, 1),
	})
	for name, brightest := range map[string]uint16{"bytes": 255, "twelve": 4095, "all": 65535} {
		picture := image.NewGray16(image.Rect(0, 0, 2, 1))
		picture.SetGray16(1, 0, color.Gray16{Y: brightest})
		var file bytes.Buffer
		if err := png.Encode(&file, picture); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, said := range map[string]string{"mask": "0.00392", "bytes": "0.00389", "twelve": "0.0625", "all": "", "bright": "", "black": ""} {
		notes := strings.Join(mustRead(t, filepath.Join(folder, name)).Notes, "; ")
		if said == "" && notes != "" || !strings.Contains(notes, said) {
			t.Errorf("%s: said is %q", name, notes)
		}
	}
}

func TestImagesAreToldFromDraws(t *testing.T) {
	points := "\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (300, 2), }         \n"
	folder := write(t, map[string][]byte{"draws.npy": []byte(points), "draws.csv": []byte("x0,x1\n0,1\n"),
		"set.npz":      archive(t, map[string][]byte{"images": array("|u1", "(1, 2, 2)", []byte{1, 2, 3, 4}), "labels": array("|u1", "(1,)", []byte{1})}),
		"draws.csv.gz": zipped([]byte("x0,x1\n0,1\n")), "empty": nil})
	for path, want := range map[string]bool{
		folder: true, "testdata/png/gray8/00.png": true, "testdata/idx/gzip-without-suffix-idx3-ubyte": true, "testdata/npy/images_fortran.npy": true,
		filepath.Join(folder, "draws.npy"): false, filepath.Join(folder, "draws.csv"): false, filepath.Join(folder, "draws.csv.gz"): false,
		filepath.Join(folder, "set.npz:images"): true, filepath.Join(folder, "set.npz:labels"): false, filepath.Join(folder, "set.npz:none"): false,
		filepath.Join(folder, "set.npz"): false, filepath.Join(folder, "draws.csv:images"): false, folder + ":images": false,
		filepath.Join(folder, "empty"): false, filepath.Join(folder, "nowhere"): false,
	} {
		if dataset.IsImages(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

func TestImagesBecomePoints(t *testing.T) {
	d := mustRead(t, "testdata/png/gray8")
	b := d.Block()
	if b.Len() != 4 || b.Dim() != 784 {
		t.Fatalf("%d x %d", b.Len(), b.Dim())
	}
	for i := range 4 {
		one := d.Image(i)
		for j, v := range one {
			if b.Row(j)[i] != v || float32(v) != d.Pixels[i*784+j] {
				t.Fatalf("image %d, pixel %d: %v and %v", i, j, b.Row(j)[i], v)
			}
		}
	}
}
