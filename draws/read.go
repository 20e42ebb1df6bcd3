package draws

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/lanes"
)

// Options say what a reader is to take. The zero value is right for points.
type Options struct {
	// Array chooses an array of an npz file that has several. [Read] also takes it after the name of the file:
	// "file.npz:name".
	Array string
	// AllowNonFinite lets NaN and infinities pass, which else are a [NonFiniteError].
	AllowNonFinite bool
	// PointAxes is the number of leading axes of an array that number its points; the others number the
	// coordinates of a point, in C order. 0 takes arrays of one axis, n points of dimension 1, and of two,
	// and refuses others. Images (n x height x width) have 1, draws (transitions x particles x dim) 2.
	PointAxes int
}

// Read reads a file of points: npy, npz or CSV, whatever its content says it is. Errors name the file, the
// place in it, and what was wrong.
func Read(path string, options Options) (Table, error) {
	info, err := os.Stat(path)
	if err != nil {
		// "file.npz:name", unless a file is called just so.
		if i := strings.LastIndexByte(path, ':'); i > 0 && options.Array == "" {
			if _, e := os.Stat(path[:i]); e == nil {
				options.Array = path[i+1:]
				return Read(path[:i], options)
			}
		}
		return Table{}, err
	}
	if !info.Mode().IsRegular() {
		return Table{}, fmt.Errorf("%s is a folder, a device or a pipe: give an ordinary file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return Table{}, err
	}
	defer f.Close()
	t, err := Decode(f, info.Size(), filepath.Ext(path), options)
	if err != nil {
		return Table{}, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Decode reads size bytes as [Read] does a file. A suffix of ".npy" or ".npz" must fit the content; any other
// means nothing.
func Decode(r io.ReaderAt, size int64, suffix string, options Options) (Table, error) {
	t, err := decode(r, size, strings.ToLower(suffix), options)
	if err == nil && !options.AllowNonFinite {
		err = t.checkFinite()
	}
	if err != nil {
		return Table{}, err
	}
	return t, nil
}

const (
	npyMagic = "\x93NUMPY"
	zipMagic = "PK\x03\x04"
	zipEmpty = "PK\x05\x06"
)

// foreign are the beginnings of formats that people try, and what to say.
var foreign = []struct{ magic, what string }{
	{"\x1f\x8b", "it is compressed by gzip: decompress it first"},
	{"\x89HDF", "it is an HDF5 file: save the array as npy or npz"},
	{"PAR1", "it is a Parquet file: save it as npy, npz or CSV"},
	{"\xff\xfe", "it is UTF-16 text: save it as UTF-8"},
	{"\xfe\xff", "it is UTF-16 text: save it as UTF-8"},
	{"\x80\x02}", "it is a Python pickle, which is never read: save the array as npy or npz"},
	{"\x80\x03", "it is a Python pickle, which is never read: save the array as npy or npz"},
	{"\x80\x04", "it is a Python pickle, which is never read: save the array as npy or npz"},
	{"\x80\x05", "it is a Python pickle, which is never read: save the array as npy or npz"},
}

func decode(r io.ReaderAt, size int64, suffix string, options Options) (Table, error) {
	if size == 0 {
		return Table{}, errors.New("the file is empty")
	}
	head := make([]byte, min(size, 512))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return Table{}, err
	}
	begins := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	isZip := begins(zipMagic) || begins(zipEmpty)
	if options.Array != "" && !isZip {
		return Table{}, fmt.Errorf("array %q was asked for, but only npz files have named arrays", options.Array)
	}
	switch {
	case begins(npyMagic):
		return readNPY(io.NewSectionReader(r, 0, size), size, budget(size), options)
	case isZip:
		return readNPZ(r, size, options)
	case suffix == ".npy":
		return Table{}, errors.New("it does not begin as an npy file does, with \\x93NUMPY: it is damaged or of another format")
	case suffix == ".npz":
		return Table{}, errors.New("it does not begin as an npz file does, with PK: it is damaged or of another format")
	}
	for _, f := range foreign {
		if begins(f.magic) {
			return Table{}, errors.New(f.what)
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return Table{}, errors.New("it is neither npy nor npz nor text")
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), data); err != nil {
		return Table{}, err
	}
	return readCSV(data, options)
}

// budget is the memory in bytes that the points of a file of this size may take. A byte of a file is at most
// eight of a float64; few points of many coordinates, in rows padded to whole vectors, take more.
func budget(size int64) uint64 { return 48<<20 + 15*uint64(size) }

// inflatedBudget is that for a compressed array. Sparse images shrink to a thirtieth, bombs to a thousandth.
func inflatedBudget(size int64) uint64 { return 48<<20 + 100*uint64(size) }

// columnCost is the memory in bytes that a column takes besides its numbers: its name, mostly.
const columnCost = 128

// fits refuses a table that takes more memory than the budget.
func fits(rows, columns, budget uint64) error {
	padded := (rows + lanes.Width - 1) / lanes.Width * lanes.Width
	over, bytes := bits.Mul64(8*padded+columnCost, columns)
	if over == 0 && bytes <= budget {
		return nil
	}
	return fmt.Errorf("%d rows of %d columns take %s in memory, and a file of this size is allowed %s: is it transposed, or compressed beyond belief?", rows, columns, mebibytes(over, bytes), mebibytes(0, budget))
}

// mebibytes prints a number of bytes.
func mebibytes(over, bytes uint64) string {
	if over != 0 {
		return "more than 2^64 bytes"
	}
	return fmt.Sprintf("%d MiB", (bytes+1<<20-1)>>20)
}
