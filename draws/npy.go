package draws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/scorefield/infer/lanes"
)

// chunk is the number of elements that are converted at a time.
const chunk = 8192

// readNPY reads an array of points from an npy file of size bytes.
func readNPY(r io.Reader, size int64, budget uint64, options Options) (Table, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return Table{}, err
	}
	if err := h.checkBytes(size); err != nil {
		return Table{}, err
	}
	if h.element.kind == 'U' {
		return Table{}, errors.New("an array of text: numbers are needed")
	}
	rows, columns, axes, err := h.rowsAndColumns(options.PointAxes)
	if err != nil {
		return Table{}, err
	}
	if err := fits(rows, columns, budget); err != nil {
		return Table{}, err
	}
	block := lanes.New(int(rows), int(columns))
	if err := h.scatter(r, block, axes); err != nil {
		return Table{}, err
	}
	t := Table{Names: defaultNames(block.Dim()), Points: block}
	if len(h.shape)-axes > 1 {
		for _, n := range h.shape[axes:] {
			t.Shape = append(t.Shape, int(n))
		}
	}
	return t, nil
}

// axis is an axis of an array while it is read: how long it is, how far apart in the block two neighbours
// along it lie, and where the reading stands.
type axis struct{ length, step, at int }

// scatter reads all elements, in the order of the file, each to its place in the block.
func (h *header) scatter(r io.Reader, block *lanes.Block, pointAxes int) error {
	// The row of a point, and the number of a coordinate, count in C order whatever the order of the file.
	axes := make([]axis, len(h.shape))
	step := 1
	for i := pointAxes - 1; i >= 0; i-- {
		axes[i] = axis{length: int(h.shape[i]), step: step}
		step *= int(h.shape[i])
	}
	step = block.Stride()
	for i := len(axes) - 1; i >= pointAxes; i-- {
		axes[i] = axis{length: int(h.shape[i]), step: step}
		step *= int(h.shape[i])
	}
	if !h.fortran { // the last axis runs fastest: put it first
		for i, j := 0, len(axes)-1; i < j; i, j = i+1, j-1 {
			axes[i], axes[j] = axes[j], axes[i]
		}
	}

	left := block.Len() * block.Dim()
	raw := make([]byte, min(left, chunk)*h.element.size)
	values := make([]float64, min(left, chunk))
	data, offset := block.Data(), 0
	for left > 0 {
		values := values[:min(left, chunk)]
		raw := raw[:len(values)*h.element.size]
		if _, err := io.ReadFull(r, raw); err != nil {
			return reading(err)
		}
		bad := h.element.convert(values, raw)
		for i, v := range values {
			if i == bad {
				return h.element.refusal(raw[i*h.element.size:], offset%block.Stride(), offset/block.Stride())
			}
			data[offset] = v
			for a := range axes {
				x := &axes[a]
				offset += x.step
				if x.at++; x.at < x.length {
					break
				}
				offset -= x.step * x.length
				x.at = 0
			}
		}
		left -= len(values)
	}
	return nil
}

// reading words an error of a reader that ended early.
func reading(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the data end early")
	}
	return err
}

// exact is the number up to which float64 holds every integer.
const exact = 1 << 53

// convert sets dst to the elements of raw and returns the index of the first that float64 cannot hold, or
// that is no bool, or -1.
func (e element) convert(dst []float64, raw []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	if e.big {
		order = binary.BigEndian
	}
	bad := -1
	refuse := func(i int) {
		if bad < 0 {
			bad = i
		}
	}
	switch {
	case e.kind == 'f' && e.size == 8:
		for i := range dst {
			dst[i] = math.Float64frombits(order.Uint64(raw[8*i:]))
		}
	case e.kind == 'f' && e.size == 4:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(order.Uint32(raw[4*i:])))
		}
	case e.kind == 'f':
		for i := range dst {
			dst[i] = half(order.Uint16(raw[2*i:]))
		}
	case e.kind == 'i' && e.size == 8:
		for i := range dst {
			v := int64(order.Uint64(raw[8*i:]))
			if v > exact || v < -exact {
				refuse(i)
			}
			dst[i] = float64(v)
		}
	case e.kind == 'i' && e.size == 4:
		for i := range dst {
			dst[i] = float64(int32(order.Uint32(raw[4*i:])))
		}
	case e.kind == 'i' && e.size == 2:
		for i := range dst {
			dst[i] = float64(int16(order.Uint16(raw[2*i:])))
		}
	case e.kind == 'i':
		for i := range dst {
			dst[i] = float64(int8(raw[i]))
		}
	case e.kind == 'u' && e.size == 8:
		for i := range dst {
			v := order.Uint64(raw[8*i:])
			if v > exact {
				refuse(i)
			}
			dst[i] = float64(v)
		}
	case e.kind == 'u' && e.size == 4:
		for i := range dst {
			dst[i] = float64(order.Uint32(raw[4*i:]))
		}
	case e.kind == 'u' && e.size == 2:
		for i := range dst {
			dst[i] = float64(order.Uint16(raw[2*i:]))
		}
	default: // u1 and bool
		for i := range dst {
			if e.kind == 'b' && raw[i] > 1 {
				refuse(i)
			}
			dst[i] = float64(raw[i])
		}
	}
	return bad
}

// refusal is the error of an element that convert did not take.
func (e element) refusal(raw []byte, row, column int) error {
	if e.kind == 'b' {
		return fmt.Errorf("row %d, column %d (both count from 0) is the byte %d, where a bool is 0 or 1", row, column, raw[0])
	}
	var order binary.ByteOrder = binary.LittleEndian
	if e.big {
		order = binary.BigEndian
	}
	value := fmt.Sprint(order.Uint64(raw))
	if e.kind == 'i' {
		value = fmt.Sprint(int64(order.Uint64(raw)))
	}
	return fmt.Errorf("row %d, column %d (both count from 0) is %s, beyond 2^53, where float64 does not hold every integer: scale it or save floats", row, column, value)
}

// half is the value of an IEEE 754 binary16 number.
func half(b uint16) float64 {
	exponent, fraction := int(b>>10&31), float64(b&1023)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		v = math.Inf(1)
		if fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if b>>15 == 1 {
		v = -v
	}
	return v
}

// npyHead is the header of an array as numpy writes it: version 1, padded so that the data begin at a multiple
// of 64 bytes.
func npyHead(descr, shape string) []byte {
	text := "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }"
	total := (10 + len(text) + 1 + 63) / 64 * 64
	head := append(make([]byte, 0, total), npyMagic...)
	head = append(head, 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(total-10))
	head = append(head, text...)
	for len(head) < total-1 {
		head = append(head, ' ')
	}
	return append(head, '\n')
}

// encodeNPY writes the points, in C order.
func encodeNPY(w io.Writer, t Table) error {
	n, dim := t.Points.Len(), t.Points.Dim()
	if _, err := w.Write(npyHead("<f8", t.shape())); err != nil {
		return err
	}
	return writePoints(w, t.Points, make([]byte, 0, 8*min(n*dim, chunk)))
}

// writePoints writes the coordinates of one point after the other, little-endian, by way of an empty buffer with
// room for some of them.
func writePoints(w io.Writer, points *lanes.Block, buffer []byte) error {
	n, dim := points.Len(), points.Dim()
	data, stride := points.Data(), points.Stride()
	for i := range n {
		for j := range dim {
			buffer = binary.LittleEndian.AppendUint64(buffer, bitsOf(data[j*stride+i]))
			if len(buffer) == cap(buffer) {
				if _, err := w.Write(buffer); err != nil {
					return err
				}
				buffer = buffer[:0]
			}
		}
	}
	_, err := w.Write(buffer)
	return err
}

// bitsOf is the bits of a number as we write it: every NaN has one pattern, numpy's.
func bitsOf(v float64) uint64 {
	if math.IsNaN(v) {
		return 0x7ff8000000000000
	}
	return math.Float64bits(v)
}
