package autodiff

import (
	"cmp"
	"slices"
)

// plan gives every buffer its columns, chooses the rows of a piece, and makes places refer to the program's memory.
func (c *rowCompiler) plan() {
	for phase := range c.p.code {
		findRuns(c.p.code[phase])
	}
	code := c.p.code[phaseEach]
	for at := range code {
		code[at].each(func(q *rowPlace) {
			if q.array < 0 {
				b := &c.buffers[-1-q.array]
				if b.first < 0 {
					b.first = at
				}
				b.last = at
			}
		})
	}
	if c.pixels {
		c.shrink(code)
		c.p.columns = c.placeBySize(code)
		c.p.piece = cmp.Or(c.p.piece, imagesFor(c.p.columns))
	} else {
		c.p.columns = c.placeInOrder(code)
		c.p.piece = cmp.Or(c.p.piece, pieceFor(c.p.columns))
	}
	c.p.own = c.p.columns * c.p.piece
	for at := range code {
		code[at].each(func(q *rowPlace) {
			if q.array < 0 {
				q.at += c.buffers[-1-q.array].column * c.p.piece
				q.array = arrayPiece
			}
		})
	}
}

// dying is the buffers that each instruction is the last to touch.
func (c *rowCompiler) dying(code []rowInstruction) [][]int {
	dying := make([][]int, len(code))
	for i, b := range c.buffers {
		if b.first >= 0 {
			dying[b.last] = append(dying[b.last], i)
		}
	}
	return dying
}

// placeInOrder gives buffers columns as they are needed, and tells how many columns there are.
func (c *rowCompiler) placeInOrder(code []rowInstruction) int {
	dying := c.dying(code)
	m := rows{free: []span{{0, 1 << 40}}}
	for at := range code {
		in := &code[at]
		reused := -1
		if in.dst.array < 0 {
			if b := &c.buffers[-1-in.dst.array]; b.first == at {
				if reused = c.reusable(in, at); reused >= 0 {
					b.column = c.buffers[reused].column
				} else {
					b.column = m.take(b.stride)
				}
			}
		}
		for _, i := range dying[at] {
			if i != reused {
				m.give(span{c.buffers[i].column, c.buffers[i].stride})
			}
		}
	}
	return m.most
}

// placeBySize gives the largest buffers columns first: images of a few sizes fill memory with fewer gaps that way. Buffers
// one of which becomes the other stay together. Instructions of a run come back to their first operands for the next
// lines, so that memory is needed until its end; but what was needed line by line may become the result of a later one
// that is as long.
func (c *rowCompiler) placeBySize(code []rowInstruction) int {
	dying := c.dying(code)
	leader := make([]int, len(c.buffers)) // of the buffers that share columns
	for i := range leader {
		leader[i] = i
	}
	end := 0        // of the run
	var lines []int // buffers that died in it, needed line by line
	for at := range code {
		in := &code[at]
		if in.run > 0 {
			end, lines = at+in.run, lines[:0]
		}
		reused := -1
		if in.dst.array < 0 && c.buffers[-1-in.dst.array].first == at {
			i := -1 - in.dst.array
			if reused = c.reusable(in, at); reused < 0 && (in.kind == rowLines || in.kind == rowPixelLines) && c.wholly(i, in) {
				if k := slices.IndexFunc(lines, func(j int) bool { return c.buffers[j].stride == c.buffers[i].stride }); k >= 0 {
					reused = lines[k]
					lines = slices.Delete(lines, k, k+1)
				}
			}
			if reused >= 0 {
				leader[i] = leader[reused]
			}
		}
		for _, i := range dying[at] {
			last := at
			if at < end {
				last = end - 1
				if i != reused && c.wholly(i, in) {
					lines = append(lines, i)
				}
			}
			b := &c.buffers[leader[i]]
			b.last = max(b.last, last)
		}
	}

	var order []int
	for i, b := range c.buffers {
		if b.first >= 0 && leader[i] == i {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(c.buffers[j].stride, c.buffers[i].stride) })
	most := 0
	var placed []int // by column
	for _, i := range order {
		b := &c.buffers[i]
		size := whole(b.stride)
		for _, j := range placed {
			o := &c.buffers[j]
			if o.first > b.last || b.first > o.last {
				continue
			}
			if o.column >= b.column+size {
				break
			}
			b.column = max(b.column, o.column+whole(o.stride))
		}
		k, _ := slices.BinarySearchFunc(placed, b.column, func(j, column int) int { return cmp.Compare(c.buffers[j].column, column) })
		placed = slices.Insert(placed, k, i)
		most = max(most, b.column+size)
	}
	for i := range c.buffers {
		c.buffers[i].column = c.buffers[leader[i]].column
	}
	return most
}

// reusable is an operand's buffer that a flat instruction may overwrite, -1 if there is none.
func (c *rowCompiler) reusable(in *rowInstruction, at int) int {
	n := in.n
	switch in.kind {
	case rowFlat:
	case rowLines:
		n = in.n * in.m
		if in.repeat {
			n = in.n * in.strip()
		}
	default:
		return -1
	}
	for _, o := range in.operands() {
		if o.use != useRows || o.array >= 0 || o.at != 0 || o.repeat != in.repeat {
			continue
		}
		b := c.buffers[-1-o.array]
		if b.last != at || b.stride != c.buffers[-1-in.dst.array].stride || n != b.stride || in.repeat && !b.strip {
			continue
		}
		good := true
		for _, other := range in.operands() {
			good = good && (other.use == useConstant || other.array != o.array || other.rowPlace == o.rowPlace && other.use == useRows && other.repeat == in.repeat)
		}
		if good {
			return -1 - o.array
		}
	}
	return -1
}

// The values of a piece should stay in the second-level cache. Measured for layers of 32 to 256: pieces of 96 rows are 2 to
// 4 % slower than those of 256 to 768, which are equal.
const (
	pieceNumbers = 256 << 10 / 4
	mostRows     = 512
	fewestRows   = 16
)

// Images are worked through one by one, so that all of one stays in the second-level cache. Where that is too small for one
// anyway, some at a time share what the weights cost: measured for a network of 850 thousand weights and 900 thousand numbers
// an image, 4 at a time are 16 % faster than one, and for one of 130 thousand each 10 % slower.
const (
	imageNumbers  = 1 << 20 / 4
	pieceOfImages = 16 << 20 / 4
	mostImages    = 4
)

// imagesFor is the images of a piece for a number of numbers an image.
func imagesFor(columns int) int {
	if columns <= imageNumbers {
		return 1
	}
	return min(max(pieceOfImages/columns, 1), mostImages)
}

// pieceFor is the rows of a piece for a number of columns, a multiple of 16.
func pieceFor(columns int) int {
	switch {
	case columns == 0:
		return mostRows
	case columns > 1<<16:
		return 1
	}
	return min(max(pieceNumbers/columns&^15, fewestRows), mostRows)
}
