package autodiff

// Elementwise operations on images and sums over their pixels go line by line. Neighbouring ones of images of one size go
// together: all of them through some lines, a strip, and then all through the next, so that what one leaves for the next is
// still in the first-level cache, and what none but them needs is never more than a strip.

// stripNumbers is how long a strip should be: so that a call costs little and some ten strips stay in the cache.
const stripNumbers = 1024

// byLines tells whether an instruction goes line by line: m lines of n numbers.
func (k rowKind) byLines() bool {
	return k == rowLines || k == rowPixelLines || k == rowSumLines || k == rowSumLinesAdd
}

// strip is the lines that an instruction works on at a time, a divisor of their number.
func (in *rowInstruction) strip() int { return stripOf(in.m, in.n) }

func stripOf(lines, n int) int {
	for k := min(lines, stripNumbers/n); k > 1; k-- {
		if lines%k == 0 {
			return k
		}
	}
	return 1
}

// findRuns finds neighbouring instructions that go through lines together, and notes their number at the first. None of them
// needs a sum of another: a sum has to be folded first, by an instruction of another kind.
func findRuns(code []rowInstruction) {
	for i := 0; i < len(code); {
		if !code[i].kind.byLines() {
			i++
			continue
		}
		run := 1
		for i+run < len(code) && code[i+run].kind.byLines() && code[i+run].n == code[i].n && code[i+run].m == code[i].m {
			run++
		}
		code[i].run = run
		i += run
	}
}

// shrink makes strips of the buffers that live within one run.
func (c *rowCompiler) shrink(code []rowInstruction) {
	for at := range code {
		for i := at; i < at+code[at].run; i++ {
			in := &code[i]
			if in.dst.array >= 0 || in.kind == rowSumLines || in.kind == rowSumLinesAdd {
				continue
			}
			b := &c.buffers[-1-in.dst.array]
			if b.first != i || b.last >= at+code[at].run || b.stride != in.n*in.m {
				continue
			}
			b.stride, b.strip = in.n*in.strip(), true
			for j := i; j <= b.last; j++ {
				if code[j].dst.array == in.dst.array {
					code[j].repeat, code[j].dst.stride = true, 0
				}
				for _, o := range code[j].operands() {
					if o.use != useConstant && o.array == in.dst.array {
						o.repeat, o.stride = true, 0
					}
				}
			}
		}
	}
}

// wholly tells whether an instruction by lines uses the whole buffer, a line's part for a line or a strip for all.
func (c *rowCompiler) wholly(buffer int, in *rowInstruction) bool {
	if !in.kind.byLines() {
		return false
	}
	size := c.buffers[buffer].stride
	// A strip that was made before the run is read again for the next lines.
	good := size == in.n*in.m || size == in.n*in.strip() && c.buffers[buffer].strip
	in.each(func(q *rowPlace) {
		if q.array == -1-buffer {
			good = good && q.at == 0
		}
	})
	for _, o := range in.operands() {
		if o.use != useConstant && o.array == -1-buffer {
			good = good && o.use == useRows && o.repeat == (size == in.n*in.strip() && size != in.n*in.m)
		}
	}
	return good
}

// elementwiseLines computes node id, an image, as an elementwise operation n.
func (c *rowCompiler) elementwiseLines(id int, n node) {
	in := rowInstruction{kind: rowLines, op: n.op, m: n.shape[0], n: n.shape[1] * n.shape[2]}
	vectors := false
	operands := in.operands()
	for i, a := range n.args {
		*operands[i] = c.lineOperand(a, n.size)
		vectors = vectors || operands[i].use == useRows
	}
	if !vectors || n.op.arity() == 3 && in.a.use != useRows {
		c.spreadFirst(&in, n, phaseEach, n.size)
	}
	in.setForm()
	in.dst = c.home(id)
	c.places[id] = in.dst
	c.add(phaseEach, in)
}

// lineOperand is what an instruction by lines reads of a node.
func (c *rowCompiler) lineOperand(id, size int) rowOperand {
	if _, ok := c.places[id]; !ok {
		if c.nodes[id].op == opSpreadPixels {
			return rowOperand{rowPlace: c.line(id), repeat: true}
		}
		if m, ok := c.images[id]; ok && !c.nodes[id].shared {
			s := c.shape(id)
			dst := c.home(id)
			c.places[id] = dst
			c.add(phaseEach, rowInstruction{kind: rowPixelLines, op: opChannels, m: s[0], n: s[1] * s[2], inner: s[2], dst: dst, pixel: s[2], a: m.operand()})
		}
	}
	return c.operand(id, size, phaseEach)
}

// line is a vector for each pixel of a strip.
func (c *rowCompiler) line(id int) rowPlace {
	if p, ok := c.lines[id]; ok {
		return p
	}
	n, phase := c.nodes[id], c.moment(id)
	row := n.shape[1] * n.shape[2]
	size := row * stripOf(n.shape[0], row)
	dst := c.newRows(phase, size)
	c.add(phase, rowInstruction{kind: rowSpreadPixels, op: n.op, n: size, size: c.imageSizeOf(id), dst: dst, a: rowOperand{rowPlace: c.rowsOf(n.args[0], phase)}})
	if n.shared {
		dst.stride = 0
	}
	c.lines[id] = dst
	return dst
}

// sumLines makes an instruction that adds up the lines of an image, or of the products of two.
func (c *rowCompiler) sumLines(id, phase int) (in rowInstruction, size imageSize) {
	args := c.nodes[id].args
	size = c.imageSizeOf(args[0])
	in = rowInstruction{op: opSumPixels, n: size.width * size.channels, m: size.height}
	if len(args) == 2 {
		in.op = opDotPixels
	}
	for i, a := range args {
		o := [2]*rowOperand{&in.a, &in.b}[i]
		if phase == phaseEach {
			*o = c.lineOperand(a, size.pixels()*size.channels)
			if o.use == useConstant { // kernels of sums take vectors only
				*o = rowOperand{rowPlace: c.rowsOf(a, phase)}
			}
		} else {
			o.rowPlace = c.rowsOf(a, phase)
		}
	}
	return in, size
}

// sumPixels computes the sum over the pixels by lines.
func (c *rowCompiler) sumPixels(id int) {
	phase := c.moment(id)
	in, size := c.sumLines(id, phase)
	in.kind, in.dst = rowSumLines, c.newRows(phase, in.n)
	c.add(phase, in)
	c.fold(id, phase, in.dst, size)
}

// fold adds up the pixels of a line.
func (c *rowCompiler) fold(id, phase int, line rowPlace, size imageSize) {
	dst, ok := c.homes[id]
	if !ok {
		dst = c.newRows(phase, size.channels)
	}
	c.places[id] = dst
	c.add(phase, rowInstruction{kind: rowFoldPixels, op: opSumPixels, n: size.channels, m: size.width, dst: dst, a: rowOperand{rowPlace: line}})
}

// sumImages computes the sum over the pixels of all particles: over the lines of one after the other, and then over the
// pixels of that.
func (c *rowCompiler) sumImages(id int) {
	phase := c.phase(id)
	in, size := c.sumLines(id, phase)
	in.kind, in.dst = rowSumLinesAdd, c.newShared(1, in.n)
	c.add(phase, in)
	c.fold(id, c.moment(id), in.dst, size)
}

// lines carries out instructions that go through lines together.
func (f *rowFrame) lines(code []rowInstruction, kernels []kernel32) {
	for i := range code {
		if in := &code[i]; in.kind == rowSumLinesAdd && f.first {
			clear(f.numbers(&in.dst, 0, in.n))
		}
	}
	strip := code[0].strip()
	n := code[0].n * strip
	total := code[0].n * code[0].m
	for r := range f.rows {
		for offset := 0; offset < total; offset += n {
			for i := range code {
				switch in := &code[i]; in.kind {
				case rowLines:
					f.elementwiseStrip(in, &kernels[i], r, offset, n)
				case rowPixelLines:
					f.copyStrip(in, &kernels[i], r, offset, n)
				case rowSumLines:
					dst := f.numbers(&in.dst, r, in.n)
					if offset == 0 {
						clear(dst)
					}
					f.sumStrip(in, &kernels[i], dst, r, offset, n)
				case rowSumLinesAdd:
					f.sumStrip(in, &kernels[i], f.numbers(&in.dst, 0, in.n), r, offset, n)
				}
			}
		}
	}
}

// strip is n numbers of an operand in row r from an offset on, or always the same.
func (f *rowFrame) strip(o *rowOperand, r, offset, n int) []float32 {
	p := o.rowPlace
	if !o.repeat {
		p.at += offset
	}
	return f.numbers(&p, r, n)
}

func (f *rowFrame) elementwiseStrip(in *rowInstruction, k *kernel32, r, offset, n int) {
	to := rowOperand{rowPlace: in.dst, repeat: in.repeat}
	dst := f.strip(&to, r, offset, n)
	switch in.form {
	case formUnary:
		k.unary(dst, f.strip(&in.a, r, offset, n))
	case formVV:
		k.vv(dst, f.strip(&in.a, r, offset, n), f.strip(&in.b, r, offset, n))
	case formVS:
		k.vs(dst, f.strip(&in.a, r, offset, n), f.value(&in.b, r))
	case formSV:
		k.sv(dst, f.value(&in.a, r), f.strip(&in.b, r, offset, n))
	case formVVV:
		k.vvv(dst, f.strip(&in.a, r, offset, n), f.strip(&in.b, r, offset, n), f.strip(&in.c, r, offset, n))
	case formVVS:
		k.vvs(dst, f.strip(&in.a, r, offset, n), f.strip(&in.b, r, offset, n), f.value(&in.c, r))
	case formVSV:
		k.vsv(dst, f.strip(&in.a, r, offset, n), f.value(&in.b, r), f.strip(&in.c, r, offset, n))
	case formVSS:
		k.vss(dst, f.strip(&in.a, r, offset, n), f.value(&in.b, r), f.value(&in.c, r))
	}
}

// sumStrip adds the lines of a strip to dst.
func (f *rowFrame) sumStrip(in *rowInstruction, k *kernel32, dst []float32, r, offset, n int) {
	a := f.strip(&in.a, r, offset, n)
	if in.op == opDotPixels {
		b := f.strip(&in.b, r, offset, n)
		for i := 0; i < n; i += in.n {
			k.table.FMA.VVV(dst, a[i:][:in.n], b[i:][:in.n], dst)
		}
		return
	}
	for i := 0; i < n; i += in.n {
		k.table.Add.VV(dst, dst, a[i:][:in.n])
	}
}

// copyStrip copies the pixels of a strip.
func (f *rowFrame) copyStrip(in *rowInstruction, k *kernel32, r, offset, n int) {
	pixels, first := n/in.inner, offset/in.inner
	to, from := in.dst, in.a.rowPlace
	if !in.repeat {
		to.at += first * in.pixel
	}
	if !in.a.repeat {
		from.at += first * in.a.pixel
	}
	size := imageSize{pixels, 1, in.inner}
	k.table.CopyPixels(f.picture(&to, r, in.pixel, size), f.picture(&from, r, in.a.pixel, size))
}
