package lanes

import "fmt"

// Rows is the block of the same points that has only coordinates from to from+count-1 of b. It shares b's
// memory: what is written to one is seen in the other. It panics, as a slice does, if b has no such coordinates.
func (b *Block) Rows(from, count int) *Block {
	if from < 0 || count < 0 || from+count > b.dim {
		panic(fmt.Sprintf("lanes: coordinates %d to %d of a block of %d", from, from+count-1, b.dim))
	}
	start, end := from*b.stride, (from+count)*b.stride
	return &Block{n: b.n, dim: count, stride: b.stride, data: b.data[start:end:end]}
}
