package autodiff

// Lanes and memory. A call costs as much as some fifty numbers, so a piece should be long; the rows that live at a time
// should stay in a part of the second-level cache. Measured: 512 lanes beat 256 by 8 to 12 % up to a hundred rows, and are
// 5 % slower than 256 at six hundred.
const (
	cacheNumbers = 256 << 10 / 8
	mostLanes    = 512
	fewestLanes  = 128
	manyRows     = 1 << 14 // beyond, memory matters more than speed: 8 lanes
)

// lanesFor is the lanes of a piece for a number of rows, a multiple of 8.
func lanesFor(rows int) int {
	if rows > manyRows {
		return 8
	}
	return min(max(cacheNumbers/rows&^7, fewestLanes), mostLanes)
}

// own is the buffer of all places in the program's own memory, which is contiguous; arrays of the caller are apart.
const own = -1

// plan gives every buffer its rows, chooses the lanes, and makes places refer to rows of the program: its own memory comes
// first, then the inputs and the outputs.
func (p *Program) plan(buffers []buffer) {
	m := rows{free: []span{{0, 1 << 40}}}
	dying := make([][]int, len(p.code)) // buffers of own memory by the last instruction that touches them
	for i, b := range buffers {
		if !b.caller && b.first >= 0 {
			dying[b.last] = append(dying[b.last], i)
		}
	}
	for at := range p.code {
		in := &p.code[at]
		reused := -1
		if b := &buffers[in.dst.buffer]; !b.caller && b.first == at {
			if reused = in.reusable(buffers, at); reused >= 0 {
				b.row = buffers[reused].row
			} else {
				b.row = m.take(b.rows)
			}
		}
		for _, i := range dying[at] {
			if i != reused {
				m.give(span{buffers[i].row, buffers[i].rows})
			}
		}
	}

	total := m.most
	for i := range buffers { // inputs come before outputs
		if b := &buffers[i]; b.caller {
			b.row = total
			total += b.rows
			p.names = append(p.names, b.name)
		}
	}
	for at := range p.code {
		in := &p.code[at]
		in.each(func(q *place) {
			b := buffers[q.buffer]
			q.row += b.row
			if !b.caller {
				q.buffer = own
			}
		})
	}
	p.code = mergeRows(p.code)
	for at := range p.code {
		p.code[at].setFlat()
	}
	p.rows = m.most
	p.lanes = lanesFor(total)
}

// reusable is an operand's buffer that an elementwise instruction may overwrite, -1 if there is none: it is of the
// result's size, dies here, and row i of it is read for row i of the result only.
func (in *instruction) reusable(buffers []buffer, at int) int {
	if !in.elementwise() || in.dst.row != 0 || in.dst.step != 1 || buffers[in.dst.buffer].rows != in.rows {
		return -1
	}
	exact := func(o *operand) bool { return o.row == 0 && (o.step == 1 || in.rows == 1) }
	for _, o := range in.operands() {
		if o.constants != nil {
			continue
		}
		b := buffers[o.buffer]
		if b.caller || b.last != at || b.rows != in.rows {
			continue
		}
		good := true
		for _, other := range in.operands() {
			good = good && (other.constants != nil || other.buffer != o.buffer || exact(other))
		}
		if good {
			return o.buffer
		}
	}
	return -1
}

// rows is the program's own ones, of which the free ones are spans in ascending order.
type rows struct {
	free []span
	most int // rows in use at the worst moment, gaps included
}

type span struct{ row, rows int }

// take returns the first row of the first free span that is long enough.
func (m *rows) take(rows int) int {
	for i := range m.free {
		s := &m.free[i]
		if s.rows < rows {
			continue
		}
		row := s.row
		s.row, s.rows = s.row+rows, s.rows-rows
		if s.rows == 0 {
			m.free = append(m.free[:i], m.free[i+1:]...)
		}
		m.most = max(m.most, row+rows)
		return row
	}
	panic("autodiff: no free rows, though there are 2^40")
}

// give makes rows free and joins them with their neighbours.
func (m *rows) give(s span) {
	i := 0
	for i < len(m.free) && m.free[i].row < s.row {
		i++
	}
	m.free = append(m.free, span{})
	copy(m.free[i+1:], m.free[i:])
	m.free[i] = s
	if i+1 < len(m.free) && s.row+s.rows == m.free[i+1].row {
		m.free[i].rows += m.free[i+1].rows
		m.free = append(m.free[:i+1], m.free[i+2:]...)
	}
	if i > 0 && m.free[i-1].row+m.free[i-1].rows == s.row {
		m.free[i-1].rows += m.free[i].rows
		m.free = append(m.free[:i], m.free[i+1:]...)
	}
}
