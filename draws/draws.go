// Package draws keeps draws in memory and in files: the sinks a run writes to, and strict readers and
// writers for npz, npy and CSV.
//
// A [Table] is n points with what is known of them. [Write] makes a file of it, by the suffix of its name, and
// [Read] takes one back, by its content:
//
//		t, err := draws.Read("draws.npz", draws.Options{})
//		x0 := t.Points.Row(0)[:t.Points.Len()]
//
//	  - npz holds the arrays x (n x dim), logp (n), names where they are not x0, x1, ..., and meta, a text:
//	    numpy.load reads all of them, and json.loads(str(file["meta"])) is the configuration;
//	  - CSV holds a line of names, a last column logp, and the configuration in a comment line before them.
//	    Numbers are the shortest text that reads back to the same bits, in any locale;
//	  - npy holds x alone.
//
// The readers take what other programs write (column-major and big-endian arrays, integers, deflated and
// ZIP64 archives, byte-order marks, decimal commas between semicolons, ...) and refuse what would have to be
// guessed. They check every size that a file declares against the bytes it has before they allocate.
//
// A run hands its draws to a sink: [Memory], or [NPY] where they are too many for memory.
package draws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/lanes"
)

// Table is n points of R^dim and what is known of them.
type Table struct {
	// Names of the coordinates, dim of them. In a table to be written nil stands for x0, x1, ...
	Names  []string
	Points *lanes.Block
	// Shape is that of a point which is an array, an image for example: its axes' lengths, whose product is dim. nil for a
	// vector. npz and npy files hold it; a reader finds it in an array of several axes that it takes.
	Shape []int
	// LogProb is log p of each point, nil if unknown. It is -Inf at a point out of the support.
	LogProb []float64
	// Meta is the configuration of the run as JSON, nil if unknown.
	Meta []byte
}

// logProbName is the name of the column, or array, of log p.
const logProbName = "logp"

// Write writes a table to a file that appears whole, in the format of the suffix: .npz, .npy (which has room
// for the points alone) or .csv. The same table gives the same bytes. Errors are those of Encode and of the
// disk; unless one says that the file is written, the old file, or none, stays.
func Write(path string, t Table) error {
	suffix := filepath.Ext(path)
	if err := checkWritable(suffix, &t); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return store.WriteFile(path, func(w io.Writer) error { return Encode(w, suffix, t) })
}

// Encode writes a table in the format of a suffix: ".npz", ".npy" or ".csv".
func Encode(w io.Writer, suffix string, t Table) error {
	if err := checkWritable(suffix, &t); err != nil {
		return err
	}
	switch strings.ToLower(suffix) {
	case ".npz":
		return encodeNPZ(w, t)
	case ".npy":
		return encodeNPY(w, t)
	default:
		return encodeCSV(w, t)
	}
}

// checkWritable refuses a table that could not be read back as it is, and fills in names that are nil.
func checkWritable(suffix string, t *Table) error {
	switch strings.ToLower(suffix) {
	case ".npz", ".npy", ".csv":
	default:
		return fmt.Errorf("no format has the suffix %q: use .npz, .npy or .csv", suffix)
	}
	if t.Points == nil || t.Points.Len() == 0 || t.Points.Dim() == 0 {
		return errors.New("a table without points cannot be written")
	}
	if t.Shape != nil {
		size := 1
		for _, n := range t.Shape {
			if n < 1 || n > t.Points.Dim() {
				return fmt.Errorf("points of shape %v and %d coordinates: the product of the one is the other", t.Shape, t.Points.Dim())
			}
			size *= n
		}
		if size != t.Points.Dim() {
			return fmt.Errorf("points of shape %v and %d coordinates: the product of the one is the other", t.Shape, t.Points.Dim())
		}
	}
	if t.LogProb != nil && len(t.LogProb) != t.Points.Len() {
		return fmt.Errorf("%d values of log p for %d points: one each is needed, or none", len(t.LogProb), t.Points.Len())
	}
	if t.Meta != nil && !isMeta(t.Meta) {
		return errors.New("the configuration is not JSON")
	}
	if t.Names == nil {
		t.Names = defaultNames(t.Points.Dim())
	}
	if len(t.Names) != t.Points.Dim() {
		return fmt.Errorf("%d names for %d coordinates: one each is needed, or none", len(t.Names), t.Points.Dim())
	}
	return checkNames(t.Names, t.LogProb)
}

// shape is that of the array of points as Python prints it.
func (t *Table) shape() string {
	if t.Shape == nil {
		return fmt.Sprintf("(%d, %d)", t.Points.Len(), t.Points.Dim())
	}
	text := fmt.Sprintf("(%d", t.Points.Len())
	for _, n := range t.Shape {
		text += fmt.Sprintf(", %d", n)
	}
	return text + ")"
}

// isMeta says whether a text can be a configuration: JSON, all of it characters, so that every format holds it unchanged.
func isMeta(text []byte) bool { return utf8.Valid(text) && json.Valid(text) }

// checkNames refuses names that a CSV file could not hold. A single column may be called logp where log p itself is
// not there.
func checkNames(names []string, logProb []float64) error {
	seen := make(map[string]bool, len(names))
	for j, name := range names {
		switch {
		case !isName(name):
			return fmt.Errorf("column %d has the name %q: a name begins with a letter or _, is printable, and no word for a missing number", j, name)
		case name == logProbName && (len(names) > 1 || logProb != nil):
			return fmt.Errorf("column %d has the name %s, which is that of log p", j, logProbName)
		case seen[name]:
			return fmt.Errorf("two columns have the name %q", name)
		}
		seen[name] = true
	}
	return nil
}

// isName says whether a text can stand in a line of names: it cannot be taken for a number, nor for one that
// is missing.
func isName(text string) bool {
	for i, r := range text {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar || i == 0 && r != '_' && !unicode.IsLetter(r) {
			return false
		}
	}
	switch strings.ToLower(text) {
	case "", "na", "n/a", "null", "nil", "none", "missing", "nan", "inf", "infinity":
		return false
	}
	return strings.TrimSpace(text) == text
}

// defaultNames are x0, x1, ...
func defaultNames(dim int) []string {
	names := make([]string, dim)
	for j := range names {
		names[j] = defaultName(j)
	}
	return names
}

func defaultName(j int) string { return "x" + strconv.Itoa(j) }

// NonFiniteError says that a file has a NaN or an infinity where it should have a number; with
// [Options].AllowNonFinite there is no such error.
type NonFiniteError struct {
	Row, Column int     // of the point and its coordinate, from 0; Column is -1 for log p
	Name        string  // of the column
	Line        int     // of a text file, from 1; 0 in others
	Value       float64 // NaN, +Inf or -Inf
}

func (e *NonFiniteError) Error() string {
	value := strconv.FormatFloat(e.Value, 'g', -1, 64)
	switch {
	case e.Line > 0:
		return fmt.Sprintf("line %d, column %s is %s: only finite numbers are points", e.Line, e.Name, value)
	case e.Column < 0:
		return fmt.Sprintf("row %d of %s (rows count from 0) is %s: only finite numbers and -Inf are log densities", e.Row, e.Name, value)
	}
	return fmt.Sprintf("row %d, column %d is %s (both count from 0): only finite numbers are points", e.Row, e.Column, value)
}

// checkFinite finds the first point, and the first coordinate of it, that is not finite, and the first log p
// that is NaN or +Inf.
func (t *Table) checkFinite() error {
	first := &NonFiniteError{Row: t.Points.Len()}
	for j := range t.Points.Dim() {
		for i, v := range t.Points.Row(j)[:first.Row] {
			if v-v != 0 {
				*first = NonFiniteError{Row: i, Column: j, Name: t.Names[j], Value: v}
				break
			}
		}
	}
	if first.Row < t.Points.Len() {
		return first
	}
	for i, v := range t.LogProb {
		if math.IsNaN(v) || math.IsInf(v, 1) {
			return &NonFiniteError{Row: i, Column: -1, Name: logProbName, Value: v}
		}
	}
	return nil
}
