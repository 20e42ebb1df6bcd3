package dataset

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
)

// The IDX format: two zeros, a type, the number of axes; the length of each axis as four bytes, the most significant first; then
// the numbers in C order, big-endian. (Y. LeCun, C. Cortes, C. Burges: THE MNIST DATABASE of handwritten digits.)

// idxTypes are the types of numbers by their code.
var idxTypes = map[byte]numbers{
	0x08: {"unsigned bytes", 1, true, func(b []byte) float64 { return float64(b[0]) }},
	0x09: {"signed bytes", 1, false, func(b []byte) float64 { return float64(int8(b[0])) }},
	0x0b: {"16-bit integers", 2, false, func(b []byte) float64 { return float64(int16(binary.BigEndian.Uint16(b))) }},
	0x0c: {"32-bit integers", 4, false, func(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) }},
	0x0d: {"32-bit floats", 4, false, func(b []byte) float64 { return float64(math.Float32frombits(binary.BigEndian.Uint32(b))) }},
	0x0e: {"64-bit floats", 8, false, func(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }},
}

// numbers is a type of numbers in a file.
type numbers struct {
	name  string
	size  int  // bytes
	bytes bool // they are what pixels usually are
	value func(b []byte) float64
}

const mostAxes = 4

// labelsError says that a file has labels where images should be.
type labelsError struct{ count uint64 }

func (e *labelsError) Error() string {
	return fmt.Sprintf("it has labels, %s of them, and no images: give the file of the images", spelling.Grouped(e.count))
}

// decodeIDX reads images.
func decodeIDX(r io.ReaderAt, size int64) (*Images, error) {
	a, err := readIDX(r, size, "image")
	if err != nil {
		return nil, err
	}
	d := &Images{Count: int(a.shape[0]), Height: int(a.shape[1]), Width: int(a.shape[2]), Pixels: make([]float32, len(a.data)/a.kind.size)}
	values := func(i int) float64 { return a.kind.value(a.data[i*a.kind.size:]) }
	return d, d.fill(values, a.kind.bytes, a.kind.name)
}

// decodeLabels reads labels.
func decodeLabels(r io.ReaderAt, size int64) ([]int, error) {
	a, err := readIDX(r, size, "label")
	if err != nil {
		return nil, err
	}
	labels := make([]int, a.shape[0])
	for i := range labels {
		v := a.kind.value(a.data[i*a.kind.size:])
		if labels[i], err = label(i, v); err != nil {
			return nil, err
		}
	}
	return labels, nil
}

// mostLabel is far more than any set has classes, and few enough for a row of as many numbers a training image.
const mostLabel = 999

// label makes a label of a number.
func label(i int, v float64) (int, error) {
	if v != math.Floor(v) || !(v >= 0 && v <= mostLabel) {
		return 0, fmt.Errorf("label %d (counted from 0) is %v: labels are whole numbers from 0 to %d", i, v, mostLabel)
	}
	return int(v), nil
}

// idx is the content of a file.
type idx struct {
	kind  numbers
	shape []uint64
	data  []byte
}

// things is how many images or labels there are, in words, with their size.
func (a *idx) things(what string) string {
	text := spelling.Counted(a.shape[0], what)
	if len(a.shape) > 1 {
		text += fmt.Sprintf(" of %d x %d pixels", a.shape[1], a.shape[2])
	}
	return text
}

// readIDX reads a file of images (three axes, or four of which the last is 1) or labels (one axis), what says which. Its data are
// as long as its header declares, and no longer.
func readIDX(r io.ReaderAt, size int64, what string) (*idx, error) {
	in, err := unpack(r, size)
	if err != nil {
		return nil, err
	}
	var start [4]byte
	if _, err := io.ReadFull(in, start[:]); err != nil {
		return nil, in.explain(err, "within its header")
	}
	a := &idx{kind: idxTypes[start[2]]}
	axes := int(start[3])
	if start[0] != 0 || start[1] != 0 || a.kind.size == 0 || axes < 1 || axes > mostAxes {
		if said := foreignTo(append(start[:], in.next(28)...)); said != "" {
			return nil, fmt.Errorf("behind its gzip: %s", said)
		}
		if bytes.HasPrefix(start[:], []byte(gzipMagic)) {
			return nil, errors.New("it is compressed by gzip twice: decompress it once")
		}
		return nil, fmt.Errorf("its magic number is %d (%x): an IDX file of %ss begins with %s, and no PNG, npy or gzip file begins so either",
			binary.BigEndian.Uint32(start[:]), start, what, map[string]string{"image": "2051 (00000803)", "label": "2049 (00000801)"}[what])
	}
	head := make([]byte, 4*axes)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, in.explain(err, "within its header")
	}
	for k := range axes {
		a.shape = append(a.shape, uint64(binary.BigEndian.Uint32(head[4*k:])))
	}
	if err := a.checkAxes(what); err != nil {
		return nil, err
	}
	each := uint64(a.kind.size) // bytes of an image: the product of two lengths and 8 is below 2^67
	for _, n := range a.shape[1:] {
		over, low := bits.Mul64(each, n)
		if each = low; over != 0 {
			return nil, fmt.Errorf("the header declares %s, more than 2^64 bytes each", a.things(what))
		}
	}
	over, want := bits.Mul64(a.shape[0], each)
	if over != 0 {
		want = math.MaxUint64
	}
	there, more, err := in.take(want)
	if err != nil {
		return nil, in.explain(err, fmt.Sprintf("after %s of the %s that the header declares", spelling.Grouped(uint64(len(there))/each), a.things(what)))
	}
	if got := uint64(len(there)) + more; got != want {
		least := ""
		advice := "it is cut off, or its header is wrong: fetch it again"
		if got > want {
			advice = "its header is wrong, or something was added to it: fetch it again"
		}
		if in.exhausted() {
			least = "at least "
			if got < want {
				advice = "a compressed file is read no further than 48 MiB and a hundred times its size: decompress it if it is sound"
			}
		}
		text := fmt.Sprintf("%d %ss", got/each, what)
		if got/each == 1 {
			text = "1 " + what
		}
		if rest := got % each; rest != 0 {
			text += fmt.Sprintf(" and %s", spelling.Counted(rest, "byte"))
		}
		return nil, fmt.Errorf("the header declares %s, %s, and %s%s follow, %s: %s", a.things(what), bytesOf(over, want), least, spelling.Counted(got, "byte"), text, advice)
	}
	a.data = there
	return a, nil
}

func bytesOf(over, n uint64) string {
	if over != 0 {
		return "more than 2^64 bytes"
	}
	return spelling.Counted(n, "byte")
}

// checkAxes wants one axis of labels, and three of images, or a fourth of length 1, which it drops.
func (a *idx) checkAxes(what string) error {
	n := len(a.shape)
	switch {
	case what == "label" && n == 1 && a.shape[0] == 0:
		return errors.New("it has 0 labels")
	case what == "label" && n == 1:
		return nil
	case what == "label":
		return fmt.Errorf("it has %d axes, as images do: labels have one", n)
	case n == 1:
		return &labelsError{a.shape[0]}
	case n == 2:
		return fmt.Errorf("it has 2 axes, %d x %d: images have three, their number, height and width", a.shape[0], a.shape[1])
	case n == 4 && a.shape[3] != 1:
		return fmt.Errorf("it has 4 axes, the last of length %d: colours are not learned; make the images gray", a.shape[3])
	}
	a.shape = a.shape[:3]
	if a.shape[0] == 0 {
		return errors.New("it has 0 images")
	}
	return checkSize(a.shape[1], a.shape[2])
}

// mostSide is the largest height and width of an image: more than any network here could learn, and few enough pixels for a file
// that lies about them.
const mostSide = 1024

// checkSize refuses images that are empty or larger than anything here could learn.
func checkSize(height, width uint64) error {
	if height == 0 || width == 0 || height > mostSide || width > mostSide {
		return fmt.Errorf("its images have %d x %d pixels: 1 to %d are possible in each direction", height, width, mostSide)
	}
	return nil
}

// packed is the content of a file, decompressed if it is compressed by gzip.
type packed struct {
	io.Reader
	gzip   bool
	budget uint64 // bytes that may be taken
	left   uint64 // of it
}

// inflated is the memory in bytes that a compressed file may take: images of few lines shrink to a thirtieth, bombs to a
// thousandth.
func inflated(size int64) uint64 { return 48<<20 + 100*uint64(size) }

// unpack opens a file of size bytes.
func unpack(r io.ReaderAt, size int64) (*packed, error) {
	in := io.NewSectionReader(r, 0, size)
	var magic [2]byte
	if n, _ := in.ReadAt(magic[:], 0); n < 2 || string(magic[:]) != gzipMagic {
		return &packed{Reader: in, budget: uint64(size), left: uint64(size)}, nil
	}
	p := &packed{gzip: true, budget: inflated(size), left: inflated(size)}
	m := &members{in: bufio.NewReader(in)}
	var err error
	if m.member, err = gzip.NewReader(m.in); err != nil {
		return nil, p.explain(err, "within its header")
	}
	m.member.Multistream(false)
	p.Reader = m
	return p, nil
}

// members is what the members of a gzip file hold, one after the other. Zeros may fill up the file, as gzip allows it.
type members struct {
	in     *bufio.Reader
	member *gzip.Reader
}

func (m *members) Read(b []byte) (int, error) {
	n, err := m.member.Read(b)
	if err != io.EOF {
		return n, err
	}
	filled := false
	for {
		next, err := m.in.Peek(len(gzipMagic))
		switch {
		case len(next) == 0:
			return n, err
		case next[0] == 0:
			filled = true
			if _, err := m.in.Discard(1); err != nil {
				return n, err
			}
			continue
		case filled || string(next) != gzipMagic:
			return n, gzip.ErrHeader
		}
		if err := m.member.Reset(m.in); err != nil {
			return n, err
		}
		m.member.Multistream(false)
		return n, nil
	}
}

// take reads so many bytes, or fewer if there are fewer, and counts how many more there are. Memory grows with what comes.
func (p *packed) take(want uint64) (data []byte, more uint64, err error) {
	var buffer bytes.Buffer
	if !p.gzip {
		buffer.Grow(int(min(want, p.budget)) + bytes.MinRead)
	}
	n, err := io.Copy(&buffer, io.LimitReader(p, int64(min(want, p.left))))
	p.left -= uint64(n)
	if err != nil {
		return buffer.Bytes(), 0, err
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(p, int64(min(p.left, math.MaxInt64))))
	p.left -= uint64(rest)
	return buffer.Bytes(), uint64(rest), err
}

// exhausted says whether the budget is used up, so that there may be more than was counted.
func (p *packed) exhausted() bool { return p.gzip && p.left == 0 }

// next is the next few bytes, as many as there are.
func (p *packed) next(n int) []byte {
	b := make([]byte, n)
	n, _ = io.ReadFull(p, b)
	return b[:n]
}

// explain words an error of reading that came at a place.
func (p *packed) explain(err error, place string) error {
	var corrupt flate.CorruptInputError
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case ended && p.gzip:
		return fmt.Errorf("the gzip data end early, %s: the file is cut off; fetch it again", place)
	case ended:
		return fmt.Errorf("the file ends early, %s: fetch it again", place)
	case errors.As(err, &corrupt):
		return fmt.Errorf("the gzip data are damaged at byte %d, %s: fetch the file again", int64(corrupt), place)
	case errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("the gzip data are damaged: their checksum is another, %s: fetch the file again", place)
	case errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("something that is no gzip follows the gzip data, %s: fetch the file again", place)
	}
	return err
}

// beside are the names that a file of what is wanted would have beside one of what is there: images and labels.
func beside(path, there, wanted string) []string {
	folder, name := filepath.Split(path)
	i := strings.LastIndex(name, there)
	if i < 0 {
		return nil
	}
	axes := map[string]string{"images": "idx3", "labels": "idx1"}
	other := name[:i] + wanted + strings.Replace(name[i+len(there):], axes[there], axes[wanted], 1)
	plain := strings.TrimSuffix(other, ".gz")
	return []string{folder + plain, folder + plain + ".gz"}
}

// readLabels reads the labels of the images of a file, which stand beside it; nil if there are none.
func readLabels(path string, count int) ([]int, error) {
	for _, name := range beside(path, "images", "labels") {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		var labels []int
		if strings.EqualFold(filepath.Ext(name), ".npy") {
			labels, err = decodeNPYLabels(f, info.Size())
		} else {
			labels, err = decodeLabels(f, info.Size())
		}
		if err != nil {
			return nil, fmt.Errorf("%s, the labels of %s: %w", name, filepath.Base(path), err)
		}
		if len(labels) != count {
			return nil, fmt.Errorf("%s has %s, and %s has %s: each image has one label; they are of different sets, or one was cut",
				path, spelling.Counted(count, "image"), name, spelling.Counted(len(labels), "label"))
		}
		return labels, nil
	}
	return nil, nil
}
