// Package dataset reads images to learn from and to compare with: the digits of MNIST, clothes of Fashion-MNIST, a folder of
// pictures.
//
//	digits, err := dataset.Read("mnist")            // a folder of IDX files: the training set, with its labels
//	test, err := dataset.ReadSplit("mnist", "test") // and the other one
//	fmt.Println(digits.Count, digits.Height, digits.Width, digits.Labels[0])
//
// [Read] takes, whatever the names say, by content:
//
//   - IDX files, plain or compressed by gzip (in one or several members), of bytes, integers or floats;
//   - npy arrays of shape (n, height, width), (n, height, width, 1) or (n, height*width), of bytes, integers, bools or floats, in C
//     or Fortran order, and npz archives of one such array, or of x_train, y_train, x_test and y_test; "file.npz:name" chooses;
//   - a PNG file;
//
// and folders: of IDX files by their usual names; of PNG files, sorted by name; of folders of PNG files, each a class.
//
// Pixels come out between 0, black, and 1, white: bytes divided by 255, 16-bit ones by 65535, floats as they are. Colours,
// transparency and other ranges are refused rather than guessed at, with two exceptions that are told in a note: whole numbers up
// to 255 in an array of floats are bytes, and bytes that are all 0 or 1 are black and white. Every error names the file. A size
// that a file declares is compared with the bytes it has before memory is taken for it.
package dataset

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/lanes"
)

// Images are gray pictures of one size.
type Images struct {
	Count, Height, Width int
	// Pixels are brightnesses from 0 to 1, image after image, row by row from the top: Count * Height * Width of them.
	Pixels []float32
	// Labels are the classes of the images, none negative; nil if they are not known.
	Labels []int
	// Names are the names of the classes by label where folders have named them; nil else.
	Names []string
	// Source is the file or folder they come from.
	Source string
	// Notes say in a sentence each what a person should know of how they were read.
	Notes []string
}

// Classes is the number of classes: one more than the largest label, 0 if there are no labels.
func (d *Images) Classes() int {
	if d.Labels == nil {
		return 0
	}
	most := len(d.Names) - 1
	for _, label := range d.Labels {
		most = max(most, label)
	}
	return most + 1
}

// Image is image i as float64, row by row from the top.
func (d *Images) Image(i int) []float64 {
	size := d.Height * d.Width
	pixels := make([]float64, size)
	for j, v := range d.Pixels[i*size : (i+1)*size] {
		pixels[j] = float64(v)
	}
	return pixels
}

// Block is the images as points, a coordinate for each pixel.
func (d *Images) Block() *lanes.Block {
	size := d.Height * d.Width
	b := lanes.New(d.Count, size)
	for j := range size {
		row := b.Row(j)
		for i := range d.Count {
			row[i] = float64(d.Pixels[i*size+j])
		}
	}
	return b
}

// Read reads the images of a file or a folder. Of one with a training and a test set it takes the training set.
func Read(path string) (*Images, error) { return read(path, "train", false) }

// ReadSplit reads the images of one part, "train" or "test", of a folder that has both: IDX files that begin with train-, and
// with t10k- or test-; or folders of PNG files named train or training, and test, testing or t10k.
func ReadSplit(folder, split string) (*Images, error) {
	if _, ok := splits[split]; !ok {
		return nil, fmt.Errorf("dataset: there is no part %q: use train or test", split)
	}
	return read(folder, split, true)
}

// splits are the names of the parts of a set.
var splits = map[string][]string{"train": {"train", "training"}, "test": {"t10k", "test", "testing"}}

// read takes of a folder with parts the one of this name; one without is the answer only if it need not have parts.
func read(path, split string, parts bool) (*Images, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if i := strings.LastIndexByte(path, ':'); i > 0 && !parts {
			if info, err := os.Stat(path[:i]); err == nil && info.Mode().IsRegular() {
				return named(path, path[:i], info.Size(), path[i+1:])
			}
		}
		return nil, &missingError{path}
	}
	if err != nil {
		return nil, err
	}
	var d *Images
	switch {
	case info.IsDir():
		d, err = readFolder(path, split, parts)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is a device or a pipe: give an ordinary file or a folder", path)
	default:
		d, err = readFile(path, info.Size(), "", split, parts)
	}
	if err != nil {
		return nil, err
	}
	d.Source = path
	d.noteDarkness()
	return d, nil
}

// missingError is an fs.ErrNotExist that says what was looked for.
type missingError struct{ path string }

func (e *missingError) Error() string { return e.path + ": there is no such file or folder" }
func (e *missingError) Unwrap() error { return fs.ErrNotExist }

// named reads an array of an archive.
func named(path, file string, size int64, array string) (*Images, error) {
	d, err := readFile(file, size, array, "", false)
	if err != nil {
		return nil, err
	}
	d.Source = path
	d.noteDarkness()
	return d, nil
}

// readFile reads a file by its content, and the labels beside it: of an archive of arrays the one chosen, or that of a part.
func readFile(path string, size int64, array, split string, parts bool) (*Images, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, len(zipMagic))
	if n, _ := f.ReadAt(head, 0); n == len(head) && string(head) == zipMagic {
		d, err := decodeNPZ(f, size, array, split)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return d, nil
	}
	switch {
	case array != "":
		return nil, fmt.Errorf("%s: array %q was asked for, but only npz files have named arrays", path, array)
	case parts:
		return nil, fmt.Errorf("%s is a file: a folder with a training and a test set is needed", path)
	}
	d, err := decode(f, size)
	var labels *labelsError
	if errors.As(err, &labels) {
		err = fmt.Errorf("%w%s", err, hint(beside(path, "labels", "images")))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if strings.EqualFold(filepath.Ext(path), ".png") {
		return d, nil
	}
	d.Labels, err = readLabels(path, d.Count)
	return d, err
}

// hint names the first of the files that is there.
func hint(paths []string) string {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return ": " + filepath.Base(path) + ", which stands beside it, may have them"
		}
	}
	return ""
}

const (
	gzipMagic = "\x1f\x8b"
	pngMagic  = "\x89PNG\r\n\x1a\n"
	npyMagic  = "\x93NUMPY"
	zipMagic  = "PK\x03\x04"
)

// foreign are the beginnings of what people try, and what to say.
var foreign = []struct{ magic, what string }{
	{"BZh", "it is compressed by bzip2: decompress it first"},
	{"\xfd7zXZ", "it is compressed by xz: decompress it first"},
	{"\x28\xb5\x2f\xfd", "it is compressed by zstd: decompress it first"},
	{"\xff\xd8\xff", "it is a JPEG picture: convert it to PNG"},
	{"GIF8", "it is a GIF picture: convert it to PNG"},
	{"BM", "it is a BMP picture: convert it to PNG"},
	{"II*\x00", "it is a TIFF picture: convert it to PNG"},
	{"MM\x00*", "it is a TIFF picture: convert it to PNG"},
	{"RIFF", "it is a WebP picture or a film: convert it to PNG"},
	{"\x89HDF", "it is an HDF5 file: save the array of images as npy"},
	{"PAR1", "it is a Parquet file: save the images as an npy array"},
	{"\x80\x02}", "it is a Python pickle, which is never read: save the array as npy"},
	{"\x80\x03", "it is a Python pickle, which is never read: save the array as npy"},
	{"\x80\x04", "it is a Python pickle, which is never read: save the array as npy"},
	{"<", "it is a web page or XML: the download went wrong; fetch the file again"},
	{"version https://git-lfs", "it is the pointer of a file kept by Git LFS: fetch the file itself"},
}

// foreignTo says what a file is that begins so, if that is known.
func foreignTo(head []byte) string {
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.what
		}
	}
	return ""
}

// decode reads the images of size bytes.
func decode(r io.ReaderAt, size int64) (*Images, error) {
	if size == 0 {
		return nil, errors.New("the file is empty")
	}
	head := make([]byte, min(size, 32))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, err
	}
	begins := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch what := foreignTo(head); {
	case what != "":
		return nil, errors.New(what)
	case begins(npyMagic):
		return decodeNPY(r, size)
	case begins(pngMagic):
		p, err := decodePNG(io.NewSectionReader(r, 0, size), size, 0, 0)
		if err != nil {
			return nil, err
		}
		return &Images{Count: 1, Height: p.height, Width: p.width, Pixels: p.pixels}, nil
	}
	return decodeIDX(r, size)
}

// IsImages says whether a path is one of images rather than of draws: a folder, an npz file with x_train or an array of three or
// four axes, "file.npz:name" where the array of that name has so many, a PNG file, an IDX file, compressed by gzip or not, or an npy
// array of three or four axes. It looks at no more than the beginning.
func IsImages(path string) bool {
	array := ""
	info, err := os.Stat(path)
	if i := strings.LastIndexByte(path, ':'); err != nil && i > 0 {
		path, array = path[:i], path[i+1:]
		info, err = os.Stat(path)
	}
	if err != nil || !info.Mode().IsRegular() {
		return err == nil && info.IsDir() && array == ""
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if array != "" {
		return hasImages(f, info.Size(), array)
	}
	head := make([]byte, min(info.Size(), mostHeader))
	if _, err := io.ReadFull(f, head); err != nil {
		return false
	}
	if unzip, err := gzip.NewReader(bytes.NewReader(head)); err == nil {
		n, _ := io.ReadFull(unzip, head[:min(4, len(head))])
		head = head[:n]
	}
	switch {
	case bytes.HasPrefix(head, []byte(pngMagic)):
		return true
	case bytes.HasPrefix(head, []byte(zipMagic)):
		return hasImages(f, info.Size(), "")
	case bytes.HasPrefix(head, []byte(npyMagic)):
		a, ok := peek(head)
		return ok && len(a.shape) > 2
	}
	return len(head) >= 4 && head[0] == 0 && head[1] == 0 && idxTypes[head[2]].size > 0 && head[3] >= 1 && head[3] <= mostAxes
}

// hasImages says whether the array of an archive that is chosen, "" for none, has three or four axes; where none is, whether there is
// an array x_train, or x or a single one of so many axes.
func hasImages(r io.ReaderAt, size int64, chosen string) bool {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return false
	}
	for _, f := range archive.File {
		switch {
		case chosen != "" && f.Name != chosen+".npy":
			continue
		case chosen != "":
		case f.Name == "x_train.npy":
			return true
		case f.Name != "x.npy" && len(archive.File) > 1:
			continue
		}
		if member, err := f.Open(); err == nil {
			head, _ := io.ReadAll(io.LimitReader(member, mostHeader))
			a, ok := peek(head)
			return ok && len(a.shape) > 2
		}
	}
	return false
}
