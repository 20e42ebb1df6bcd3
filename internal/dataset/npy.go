package dataset

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/spelling"
)

// array is what the header of an npy file says.
type array struct {
	kind  string // of a number, without its byte order: f4, u1, ...
	shape []uint64
}

// mostHeader is more than the header of any array of numbers takes.
const mostHeader = 1 << 16

var (
	descr = regexp.MustCompile(`["']descr["']\s*:\s*["'][<>|=]?([a-z]\d+)["']`)
	shape = regexp.MustCompile(`["']shape["']\s*:\s*\(([\d, L]*)\)`)
)

// peek reads the type and the shape off the beginning of a file. Whether the header is sound is for package draws to say.
func peek(head []byte) (array, bool) {
	text := string(head)
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	kind, axes := descr.FindStringSubmatch(text), shape.FindStringSubmatch(text)
	if kind == nil || axes == nil {
		return array{}, false
	}
	a := array{kind: kind[1]}
	for _, part := range strings.Split(axes[1], ",") {
		if part = strings.Trim(part, " L"); part != "" {
			n, err := strconv.ParseUint(part, 10, 63)
			if err != nil {
				return array{}, false
			}
			a.shape = append(a.shape, n)
		}
	}
	return a, true
}

// decodeNPY reads images.
func decodeNPY(r io.ReaderAt, size int64) (*Images, error) {
	head := make([]byte, min(size, mostHeader))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	a, ok := peek(head)
	if !ok { // damaged: package draws says how
		if _, err := draws.Decode(r, size, ".npy", draws.Options{PointAxes: 1}); err != nil {
			return nil, err
		}
		return nil, errors.New("its npy header is written in an unusual way: save the array again")
	}
	height, width, err := a.size()
	if err != nil {
		return nil, err
	}
	t, err := draws.Decode(r, size, ".npy", draws.Options{PointAxes: 1, AllowNonFinite: true})
	if err != nil {
		return nil, err
	}
	if height*width != t.Points.Dim() {
		return nil, errors.New("its npy header is written in an unusual way: save the array again")
	}
	kind := map[byte]string{'f': "floats", 'i': "integers", 'u': "integers", 'b': "bools"}[a.kind[0]]
	return ofTable(t, height, width, a.kind == "u1", kind)
}

// ofTable makes images of points.
func ofTable(t draws.Table, height, width int, usual bool, kind string) (*Images, error) {
	d := &Images{Count: t.Points.Len(), Height: height, Width: width, Pixels: make([]float32, t.Points.Len()*t.Points.Dim())}
	data, stride, pixels := t.Points.Data(), t.Points.Stride(), t.Points.Dim()
	return d, d.fill(func(i int) float64 { return data[i%pixels*stride+i/pixels] }, usual, kind)
}

// decodeNPZ reads images of an archive of arrays: the one chosen, or x_train or x_test, beside which y_train or y_test has their
// labels, or the only one.
func decodeNPZ(r io.ReaderAt, size int64, chosen, split string) (*Images, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("the zip archive is damaged: %w", err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == name+".npy" })
	}
	if chosen == "" && has("x_"+split) {
		chosen = "x_" + split
	}
	if other := map[string]string{"train": "x_test", "test": "x_train"}[split]; chosen == "" && other != "" && has(other) && !(split == "train" && len(archive.File) == 1) {
		return nil, fmt.Errorf("it has an array %s, and none x_%s", other, split)
	}
	t, err := draws.Decode(r, size, ".npz", draws.Options{Array: chosen, PointAxes: 1, AllowNonFinite: true})
	if err != nil {
		return nil, err
	}
	a := array{shape: []uint64{uint64(t.Points.Len())}}
	for _, n := range t.Shape {
		a.shape = append(a.shape, uint64(n))
	}
	switch {
	case t.Shape != nil:
	case t.Points.Dim() == 1:
		return nil, fmt.Errorf("its array has one number for each of %d, as labels do: images are (n, height, width), (n, height, width, 1), or (n, side*side)", t.Points.Len())
	default:
		a.shape = append(a.shape, uint64(t.Points.Dim()))
	}
	height, width, err := a.size()
	if err != nil {
		return nil, err
	}
	d, err := ofTable(t, height, width, false, "numbers")
	labels, isX := strings.CutPrefix(chosen, "x_")
	if labels = "y_" + labels; err != nil || !isX || !has(labels) {
		return d, err
	}
	y, err := draws.Decode(r, size, ".npz", draws.Options{Array: labels})
	if err != nil {
		return nil, err
	}
	if d.Labels, err = labelsOf(y); err != nil {
		return nil, fmt.Errorf("%s: %w", labels, err)
	}
	if len(d.Labels) != d.Count {
		return nil, fmt.Errorf("%s has %s, and %s has %s: each image has one label", chosen, spelling.Counted(d.Count, "image"), labels, spelling.Counted(len(d.Labels), "label"))
	}
	return d, nil
}

// size is the height and the width of the images.
func (a array) size() (height, width int, err error) {
	text := strings.ReplaceAll(strings.Trim(fmt.Sprint(a.shape), "[]"), " ", ", ")
	wanted := "images are (n, height, width), (n, height, width, 1), or (n, side*side)"
	n := len(a.shape)
	if n == 4 && a.shape[3] != 1 {
		colours := "the last axis has length " + strconv.FormatUint(a.shape[3], 10)
		if a.shape[1] == 1 || a.shape[1] == 3 || a.shape[1] == 4 {
			colours = "the second axis is one of channels: move it to the end, and drop it if its length is 1"
		}
		return 0, 0, fmt.Errorf("the shape is (%s): %s; %s: colours are not learned", text, colours, wanted)
	}
	switch n {
	case 3, 4:
	case 2:
		side := uint64(1)
		for side*side < a.shape[1] && side < mostSide {
			side++
		}
		if side*side != a.shape[1] {
			return 0, 0, fmt.Errorf("the shape is (%s), and %d is no square: %s", text, a.shape[1], wanted)
		}
		a.shape = []uint64{a.shape[0], side, side}
	default:
		return 0, 0, fmt.Errorf("the shape is (%s): %s", text, wanted)
	}
	if a.shape[0] == 0 {
		return 0, 0, errors.New("it has 0 images")
	}
	return int(a.shape[1]), int(a.shape[2]), checkSize(a.shape[1], a.shape[2])
}

// decodeNPYLabels reads labels, an array of one axis, or of one column.
func decodeNPYLabels(r io.ReaderAt, size int64) ([]int, error) {
	t, err := draws.Decode(r, size, ".npy", draws.Options{})
	if err != nil {
		return nil, err
	}
	return labelsOf(t)
}

// labelsOf makes labels of points of one coordinate.
func labelsOf(t draws.Table) ([]int, error) {
	if t.Points.Dim() != 1 {
		return nil, fmt.Errorf("it has %d columns: labels have one", t.Points.Dim())
	}
	labels := make([]int, t.Points.Len())
	for i := range labels {
		var err error
		if labels[i], err = label(i, t.Points.Row(0)[i]); err != nil {
			return nil, err
		}
	}
	return labels, nil
}
