// Package lanes stores a population of points so that a kernel runs over many of them at once.
//
// A [Block] holds n points of R^d coordinate by coordinate: the first coordinate of every point, then
// the second of every point, and so on. The place of a point in the block is its lane. A row is padded
// to whole vectors of [Width] numbers, so kernels need no tail code; the padding lanes may be read and
// written, and never reach a result.
//
//	b := lanes.New(3, 2)    // three points of the plane
//	x0, x1 := b.Row(0), b.Row(1)
//	x0[2], x1[2] = 1, -1    // the third point
package lanes

import (
	"fmt"
	"unsafe"
)

// Width is the number of float64 values in the widest vector (64 bytes). Rows are padded to a multiple of it.
const Width = 8

// Pad rounds a number of lanes up to whole vectors.
func Pad(n int) int { return (n + Width - 1) / Width * Width }

// Block is n points of R^d, coordinate by coordinate. The zero value is a block of no points.
type Block struct {
	n, dim, stride int
	data           []float64
}

// New returns a block of n points at the origin of R^dim. Its memory is aligned to 64 bytes.
// It panics if n or dim is negative, as make does.
func New(n, dim int) *Block {
	if n < 0 || dim < 0 {
		panic(fmt.Sprintf("lanes: block of %d points in %d dimensions", n, dim))
	}
	stride := Pad(n)
	return &Block{n: n, dim: dim, stride: stride, data: Aligned(stride * dim)}
}

// FromPoints returns a block that holds a copy of the points, one slice of coordinates a point.
// Points of unequal length are an error.
func FromPoints(points [][]float64) (*Block, error) {
	if len(points) == 0 {
		return New(0, 0), nil
	}
	b := New(len(points), len(points[0]))
	for i, p := range points {
		if len(p) != b.dim {
			return nil, fmt.Errorf("point %d has %d coordinates, point 0 has %d: all points need the same number", i, len(p), b.dim)
		}
		for j, v := range p {
			b.Row(j)[i] = v
		}
	}
	return b, nil
}

// Aligned returns n zeros that start at a multiple of 64 bytes, where a whole vector never crosses a cache line.
func Aligned(n int) []float64 {
	s := make([]float64, n+Width-1)
	address := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	offset := int(-address / 8 % Width)
	return s[offset : offset+n : offset+n]
}

// Len is the number of points.
func (b *Block) Len() int { return b.n }

// Dim is the number of coordinates of a point.
func (b *Block) Dim() int { return b.dim }

// Stride is the length of a row: Len rounded up to whole vectors.
func (b *Block) Stride() int { return b.stride }

// Row is coordinate j of every point, padding included: Stride values, of which the first Len count.
func (b *Block) Row(j int) []float64 {
	return b.data[j*b.stride : (j+1)*b.stride : (j+1)*b.stride]
}

// Data is all rows, one after the other: Dim*Stride values.
func (b *Block) Data() []float64 { return b.data }

// Point copies the coordinates of point i into dst, which has room for Dim values, and returns it.
// A nil dst is allocated.
func (b *Block) Point(i int, dst []float64) []float64 {
	if dst == nil {
		dst = make([]float64, b.dim)
	}
	for j := range b.dim {
		dst[j] = b.data[j*b.stride+i]
	}
	return dst[:b.dim]
}

// SetPoint sets the coordinates of point i.
func (b *Block) SetPoint(i int, x []float64) {
	for j := range b.dim {
		b.data[j*b.stride+i] = x[j]
	}
}

// Copy makes b equal to from, a block of the same shape.
func (b *Block) Copy(from *Block) {
	if b.n != from.n || b.dim != from.dim {
		panic(fmt.Sprintf("lanes: copy of %d points of dimension %d into %d of %d", from.n, from.dim, b.n, b.dim))
	}
	copy(b.data, from.data)
}

// CopyPoints copies count points of from, beginning with its point at, to b's point to.
func (b *Block) CopyPoints(to int, from *Block, at, count int) {
	for j := range b.dim {
		copy(b.Row(j)[to:to+count], from.Row(j)[at:at+count])
	}
}
