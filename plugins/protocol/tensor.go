package protocol

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"github.com/scorefield/infer/backends"
)

// DType is the type of the elements of a tensor.
type DType uint8

// The types, as they are in both encodings.
const (
	Float64 DType = 1 + iota
	Float32
	Uint8
	Uint64
)

// Size is the number of bytes of an element, 0 of an unknown type.
func (t DType) Size() uint64 {
	switch t {
	case Float64, Uint64:
		return 8
	case Float32:
		return 4
	case Uint8:
		return 1
	}
	return 0
}

// String is the type's name.
func (t DType) String() string {
	switch t {
	case Float64:
		return "float64"
	case Float32:
		return "float32"
	case Uint8:
		return "uint8"
	case Uint64:
		return "uint64"
	}
	return fmt.Sprintf("dtype %d", uint8(t))
}

// Tensor is an array of a message: its description, and its elements where they are at hand.
type Tensor struct {
	Name   string
	DType  DType
	Rank   uint8
	Shape  [MaxRank]uint64
	Shared bool   // in shared memory, in Region at Offset
	Room   bool   // a result is to be written there
	Region uint32 // of shared memory
	Offset uint64 // from the start of the region
	Data   []byte // little-endian, Bytes() of them; the memory of whoever filled it in
}

// Of describes a tensor without elements. It has at most MaxRank axes.
func Of(name string, dtype DType, shape ...int) Tensor {
	t := Tensor{Name: name, DType: dtype, Rank: uint8(len(shape))}
	for i, n := range shape {
		t.Shape[i] = uint64(n)
	}
	return t
}

// Bytes is the number of bytes of the elements. ok is false if the type is unknown, the rank too high, or the number no int64.
func (t *Tensor) Bytes() (n uint64, ok bool) {
	n = t.DType.Size()
	if n == 0 || t.Rank > MaxRank {
		return 0, false
	}
	for _, k := range t.Shape[:t.Rank] {
		high, low := bits.Mul64(n, k)
		if high != 0 || low > math.MaxInt64 {
			return 0, false
		}
		n = low
	}
	return n, true
}

// Is says whether the tensor has a type and a shape.
func (t *Tensor) Is(dtype DType, shape ...int) bool {
	if t.DType != dtype || int(t.Rank) != len(shape) {
		return false
	}
	for i, n := range shape {
		if t.Shape[i] != uint64(n) {
			return false
		}
	}
	return true
}

// String describes the tensor.
func (t *Tensor) String() string {
	return fmt.Sprintf("%s %v of %s", clip(t.Name), t.Shape[:min(t.Rank, MaxRank)], t.DType)
}

// Find is the tensor of a name, nil if there is none.
func Find(tensors []Tensor, name string) *Tensor {
	for i := range tensors {
		if tensors[i].Name == name {
			return &tensors[i]
		}
	}
	return nil
}

// littleEndian says whether this machine stores numbers as the protocol does.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// asFloat32 is the same memory as numbers, nil where it cannot be.
func asFloat32(b []byte) []float32 {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !littleEndian || len(b) == 0 || uintptr(p)%4 != 0 {
		return nil
	}
	return unsafe.Slice((*float32)(p), len(b)/4)
}

// Put writes numbers as elements of a type, Float64 or Float32.
func Put(dst []byte, dtype DType, src []float64) {
	switch {
	case dtype == Float32:
		dst = dst[:4*len(src)]
		if floats := asFloat32(dst); floats != nil {
			backends.Current().F32.Narrow(floats, src)
			return
		}
		for i, v := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(float32(v)))
		}
	case littleEndian:
		if len(src) > 0 {
			copy(dst[:8*len(src)], unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(src))), 8*len(src)))
		}
	default:
		for i, v := range src {
			binary.LittleEndian.PutUint64(dst[8*i:], math.Float64bits(v))
		}
	}
}

// Get reads numbers from elements of a type, Float64 or Float32.
func Get(dst []float64, dtype DType, src []byte) {
	switch {
	case dtype == Float32:
		src = src[:4*len(dst)]
		if floats := asFloat32(src); floats != nil {
			backends.Current().F32.Widen(dst, floats)
			return
		}
		for i := range dst {
			dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
		}
	case littleEndian:
		if len(dst) > 0 {
			copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 8*len(dst)), src[:8*len(dst)])
		}
	default:
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
		}
	}
}
