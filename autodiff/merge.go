package autodiff

// mergeRows joins neighbouring instructions that do the same to rows that follow each other, such as the gradient of
// x[0]^2 + x[1]^2 + ..., into one that does all these rows: then it may be one call of the kernel.
func mergeRows(code []instruction) []instruction {
	merged := code[:0]
	for _, in := range code {
		if len(merged) > 0 && merged[len(merged)-1].extend(&in) {
			continue
		}
		merged = append(merged, in)
	}
	return merged
}

// extend makes in do what next does as well, if it can.
func (in *instruction) extend(next *instruction) bool {
	if !in.elementwise() || in.op != next.op || in.form != next.form {
		return false
	}
	rows := in.rows + next.rows
	dst, ok := in.dst.extended(in.rows, &next.dst, next.rows)
	if !ok || dst.step != 1 {
		return false
	}
	var operands [3]operand
	for i, o := range in.operands() {
		other := next.operands()[i]
		if o.constants != nil {
			if len(o.constants) != 1 || len(other.constants) != 1 || o.constants[0] != other.constants[0] {
				return false
			}
			operands[i] = *o
			continue
		}
		p, ok := o.extended(in.rows, &other.place, next.rows)
		if !ok || p.meets(dst, rows) {
			return false
		}
		operands[i] = operand{place: p}
	}
	in.rows, in.dst, in.a, in.b, in.c = rows, dst, operands[0], operands[1], operands[2]
	return true
}

// extended is the place of the rows of p and, behind them, those of next, if they are equally far apart.
func (p *place) extended(rows int, next *place, nextRows int) (place, bool) {
	step := p.step
	if rows == 1 {
		step = next.row - p.row
		if nextRows > 1 {
			step = next.step
		}
	}
	follows := p.buffer == next.buffer && p.row+rows*step == next.row && (nextRows == 1 || next.step == step)
	return place{p.buffer, p.row, step}, follows
}

// meets tells whether rows of p are among those written to dst, other than row by row.
func (p place) meets(dst place, rows int) bool {
	if p.row == dst.row && p.step == dst.step {
		return false
	}
	low, high := p.row, p.row+(rows-1)*p.step
	if low > high {
		low, high = high, low
	}
	return high >= dst.row && low < dst.row+rows
}
