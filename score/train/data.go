package train

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// rows is a set of points as a network takes them: row by row, in float32.
type rows struct {
	values     []float32
	count, dim int
	mean, sd   []float64 // of the columns; sd is 0 where all values are equal
	given      []float32 // what is given for each row, row by row; nil for nothing
	givenSize  int
}

// checkData makes rows of the data, and words about columns that a person should know.
func (t *trainer) checkData() (*rows, []string, error) {
	b := t.Data
	if b == nil || b.Len() == 0 || b.Dim() == 0 {
		return nil, nil, fmt.Errorf("train: no data: set Data to a block of at least one point")
	}
	if t.Columns != nil && len(t.Columns) != b.Dim() {
		return nil, nil, fmt.Errorf("train: %d names for %d columns: give one a column, or none", len(t.Columns), b.Dim())
	}
	r := &rows{values: make([]float32, b.Len()*b.Dim()), count: b.Len(), dim: b.Dim(), mean: make([]float64, b.Dim()), sd: make([]float64, b.Dim())}
	var words []string
	squares := make([]float64, r.count)
	for j := range r.dim {
		column := b.Row(j)[:r.count]
		constant := true
		for i, v := range column {
			if w := float32(v); w-w != 0 {
				return nil, nil, fmt.Errorf("train: row %d, column %d (%s) is %v: data are finite numbers, below 3.4e38: remove the row", i, j, t.column(j), v)
			}
			r.values[i*r.dim+j] = float32(v)
			constant = constant && v == column[0]
		}
		if constant {
			r.mean[j] = column[0]
			if t.Shape != nil {
				continue // a pixel at the border
			}
			words = append(words, fmt.Sprintf("column %d (%s) is constant, %v in all %d rows: there is nothing to learn in it", j, t.column(j), column[0], r.count))
			continue
		}
		r.mean[j] = parallel.Sum(column) / float64(r.count)
		for i, v := range column {
			squares[i] = float64((v - r.mean[j]) * (v - r.mean[j]))
		}
		r.sd[j] = math.Sqrt(parallel.Sum(squares) / float64(r.count))
		if t.Shape == nil && math.Abs(r.mean[j]) > 1e4*r.sd[j] {
			words = append(words, fmt.Sprintf("column %d (%s) has a mean of %.6g and a standard deviation of %.3g: the network computes in float32, which resolves that badly: subtract the mean first", j, t.column(j), r.mean[j], r.sd[j]))
		}
	}
	if err := t.checkGiven(r); err != nil {
		return nil, nil, err
	}
	return r, words, nil
}

// checkGiven brings what is given for the rows into them.
func (t *trainer) checkGiven(r *rows) error {
	b := t.Given
	if b == nil {
		return nil
	}
	if b.Len() != r.count || b.Dim() == 0 {
		return fmt.Errorf("train: vectors of %d elements are given for %d rows, and the data have %d rows: give one of at least 1 element for each", b.Dim(), b.Len(), r.count)
	}
	r.givenSize = b.Dim()
	r.given = make([]float32, b.Len()*b.Dim())
	for j := range b.Dim() {
		for i, v := range b.Row(j)[:r.count] {
			if w := float32(v); w-w != 0 {
				return fmt.Errorf("train: element %d of what is given for row %d is %v: give finite numbers", j, i, v)
			}
			r.given[i*r.givenSize+j] = float32(v)
		}
	}
	return nil
}

// OneHot is what [Config.Given] takes for classes: point i has a 1 at element labels[i], zeros elsewhere. Labels are from 0 to
// classes-1.
func OneHot(labels []int, classes int) (*lanes.Block, error) {
	if classes < 1 || classes > maxClasses {
		return nil, fmt.Errorf("train: %d classes: give 1 to %d", classes, maxClasses)
	}
	b := lanes.New(len(labels), classes)
	for i, label := range labels {
		if label < 0 || label >= classes {
			return nil, fmt.Errorf("train: label %d is %d: the %d classes have numbers from 0 to %d", i, label, classes, classes-1)
		}
		b.Row(label)[i] = 1
	}
	return b, nil
}

const maxClasses = 1 << 12

func (t *Config) column(j int) string {
	if t.Columns != nil {
		return t.Columns[j]
	}
	return fmt.Sprintf("x%d", j)
}

// spread is the root of the mean variance of the columns that are not constant, 1 if all are.
func (r *rows) spread() float64 {
	var variances []float64
	for _, d := range r.sd {
		if d > 0 {
			variances = append(variances, float64(d*d))
		}
	}
	if len(variances) == 0 {
		return 1
	}
	return math.Sqrt(parallel.Sum(variances) / float64(len(variances)))
}

// split takes out the given number of rows, chosen by the seed. Both parts keep the order of the rows.
func (r *rows) split(kept int, seed uint64) (training, validation *rows) {
	if kept == 0 {
		return r, nil
	}
	stream := random.New(seed, random.Validation).Sub(labelRows)
	keys := make([]uint64, r.count)
	order := make([]int, r.count)
	for i := range keys {
		w0, w1, _, _ := stream.Words(uint64(i), 0, 0)
		keys[i], order[i] = uint64(w1)<<32|uint64(w0), i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(keys[a], keys[b]), cmp.Compare(a, b)) })
	taken := make([]bool, r.count)
	for _, i := range order[:kept] {
		taken[i] = true
	}
	part := func(want bool) *rows {
		p := &rows{dim: r.dim, mean: r.mean, sd: r.sd, givenSize: r.givenSize}
		for i := range r.count {
			if taken[i] == want {
				p.values = append(p.values, r.values[i*r.dim:(i+1)*r.dim]...)
				p.given = append(p.given, r.given[i*r.givenSize:(i+1)*r.givenSize]...)
				p.count++
			}
		}
		return p
	}
	return part(false), part(true)
}

// hash is the SHA-256 of the rows, by which a resumed training knows its data.
func (r *rows) hash() string { return hash(r.values) }

func hash(values []float32) string {
	h := sha256.New()
	buffer := make([]byte, 0, 1<<12)
	for i, v := range values {
		buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v))
		if len(buffer) == cap(buffer) || i == len(values)-1 {
			h.Write(buffer)
			buffer = buffer[:0]
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// aligned returns n zeros that start at a multiple of 64 bytes.
func aligned(n int) []float32 {
	if n == 0 {
		return nil
	}
	doubles := lanes.Aligned((n + 1) / 2)
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(doubles))), n)
}

// finite says whether every value is a finite number.
func finite(values []float32) bool {
	var a, b, c, d float32
	for len(values) >= 4 {
		a += values[0] - values[0]
		b += values[1] - values[1]
		c += values[2] - values[2]
		d += values[3] - values[3]
		values = values[4:]
	}
	for _, v := range values {
		a += v - v
	}
	return a+b+c+d == 0
}
