package autodiff

// The functions of this file write the instructions that compute a node of images.

// imageSize is the pixels of an image and the numbers of each.
type imageSize struct{ height, width, channels int }

func (s imageSize) pixels() int { return s.height * s.width }

// rowImage is where an image is: pixel i of row r begins pixel*i behind the row.
type rowImage struct {
	rowPlace
	pixel int
}

// rowSlot is a part of a value that nodes are joined to: its channels from a number on.
type rowSlot struct{ node, from int }

// imageSizeOf is a node as an image: all but the last axis are pixels, and a matrix has its rows one below the other.
func (c *rowCompiler) imageSizeOf(id int) imageSize {
	s := c.shape(id)
	switch last := len(s) - 1; last {
	case 2:
		return imageSize{s[0], s[1], s[2]}
	default:
		return imageSize{product(s[:last]), 1, s[last]}
	}
}

// image is where a node's pixels are.
func (c *rowCompiler) image(id int) rowImage {
	if m, ok := c.images[id]; ok {
		return m
	}
	s := c.shape(id)
	return rowImage{c.place(id), s[len(s)-1]}
}

func (m rowImage) operand() rowOperand { return rowOperand{rowPlace: m.rowPlace, pixel: m.pixel} }

// copyPixels copies the channels of a value's pixels.
func (c *rowCompiler) copyPixels(phase int, dst, from rowImage, shape []int) {
	pixels, channels := flattened(shape)
	c.add(phase, rowInstruction{kind: rowCopyPixels, n: channels, m: pixels, dst: dst.rowPlace, pixel: dst.pixel, a: from.operand()})
}

// view notes where a view is. One that has the same pixels as its operand lies as they do.
func (c *rowCompiler) view(id int) {
	n := c.nodes[id]
	arg := n.args[0]
	if m, ok := c.images[arg]; ok && c.size(arg) == n.size && len(n.shape) > 0 && len(c.shape(arg)) > 0 {
		if _, a := flattened(c.shape(arg)); a == n.shape[len(n.shape)-1] {
			c.images[id] = m
			return
		}
	}
	c.place(id)
}

// findSlots finds the convolutions that can be computed where they are joined to others.
func (c *rowCompiler) findSlots(needed []bool) {
	for id, n := range c.nodes {
		if !needed[id] || n.op != opJoinChannels {
			continue
		}
		from := 0
		for _, piece := range n.args {
			_, output := c.homes[piece]
			_, taken := c.slots[piece]
			_, channels := flattened(c.shape(piece))
			if p := c.nodes[piece]; p.op == opConv && channels == whole(channels) && !output && !taken && c.phase(piece) == c.phase(id) {
				c.slots[piece] = rowSlot{id, from}
			}
			from += channels
		}
	}
}

// slot is where a node that has one is to be computed.
func (c *rowCompiler) slot(id int) (m rowImage, ok bool) {
	s, ok := c.slots[id]
	if !ok {
		return m, false
	}
	at, ok := c.places[s.node]
	if !ok {
		at = c.home(s.node)
		c.places[s.node] = at
	}
	at.at += s.from
	_, channels := flattened(c.shape(s.node))
	return rowImage{at, channels}, true
}

func (c *rowCompiler) emitImage(id int) {
	n := c.nodes[id]
	switch n.op {
	case opConv:
		c.convolve(id)
	case opConvGradient:
		c.convolveAdd(id)
	case opFlip:
		c.flipWeights(id)
	case opJoinChannels:
		c.join(id)
	case opChannels:
		m := c.image(n.args[0])
		m.at += n.from
		c.images[id] = m
	case opAveragePool:
		c.resample(id, rowAveragePool)
	case opUpsample:
		c.resample(id, rowUpsample)
	case opBilinear:
		c.resample(id, rowBilinear)
	case opBilinearGradient:
		c.resample(id, rowBilinearGradient)
	case opSpreadPixels: // written where it is asked for
	case opSumPixels, opDotPixels:
		c.sumPixels(id)
	case opGroupSum:
		c.simple(id, rowInstruction{kind: rowGroupSum, m: n.from})
	case opProduct:
		c.matrixProduct(id)
	case opSoftmax:
		c.softmax(id, rowSoftmax)
	case opSoftmaxGradient:
		c.softmax(id, rowSoftmaxGradient)
	}
}

// simple computes a node from its operands as they lie one number behind the other.
func (c *rowCompiler) simple(id int, in rowInstruction) {
	n := c.nodes[id]
	in.op, in.n = n.op, n.size
	phase := c.moment(id)
	in.a.rowPlace = c.rowsOf(n.args[0], phase)
	if len(n.args) > 1 {
		in.b.rowPlace = c.rowsOf(n.args[1], phase)
	}
	in.dst = c.home(id)
	c.places[id] = in.dst
	c.add(phase, in)
}

// convolve computes a convolution. Outputs that fill no whole vectors have room for the rest.
func (c *rowCompiler) convolve(id int) {
	n, phase := c.nodes[id], c.moment(id)
	x, w := n.args[0], n.args[1]
	in := rowInstruction{kind: rowConvolve, op: opConv, n: n.size, window: n.window, size: c.imageSizeOf(id), from: c.imageSizeOf(x), bias: len(n.args) == 3}
	in.a = c.sharedImage(x, phase).operand()
	if in.bias {
		in.c.rowPlace = c.vector(n.args[2])
	}
	if in.size.channels == 1 && in.from.channels%4 == 0 && n.window == (windowOne) {
		in.kind, in.b.rowPlace, in.dst = rowConvolveThin, c.place(w), c.home(id)
		c.places[id] = in.dst
		c.add(phase, in)
		return
	}
	filtered := c.filtered(in.size, in.from, n.window)
	channels := whole(in.size.channels)
	m := rowImage{pixel: channels}
	if slot, ok := c.slot(id); ok {
		m = slot
		c.images[id] = m
	} else if channels == in.size.channels {
		m.rowPlace = c.home(id)
		c.places[id] = m.rowPlace
	} else {
		m.rowPlace = c.newRows(phase, in.size.pixels()*channels)
		c.images[id] = m
	}
	in.size.channels = channels
	in.dst, in.pixel = m.rowPlace, m.pixel
	switch {
	case filtered:
		c.filter(&in, w)
	case c.p.convolution == BFloat16:
		c.round(&in, w)
	default:
		in.b.rowPlace = c.matrix(w)
	}
	c.add(phase, in)
}

// sharedImage is an image, the same for all rows if they share it.
func (c *rowCompiler) sharedImage(id, phase int) rowImage {
	m := c.image(id)
	if phase == phaseEach && c.nodes[id].shared {
		m.stride = 0
	}
	return m
}

// convolveAdd computes the gradient at weights.
func (c *rowCompiler) convolveAdd(id int) {
	n := c.nodes[id]
	x, df := n.args[0], n.args[1]
	in := rowInstruction{kind: rowConvolveAdd, op: n.op, window: n.window, size: c.imageSizeOf(df), from: c.imageSizeOf(x)}
	phase := c.phase(id)
	in.a = c.sharedImage(x, phase).operand()
	m := c.sharedImage(df, phase)
	columns := whole(in.size.channels)
	if columns != in.size.channels {
		wide := rowImage{c.newRows(phase, in.size.pixels()*columns), columns}
		c.copyPixels(phase, wide, m, c.shape(df))
		m = wide
	}
	in.b = m.operand()
	if c.filtered(in.size, in.from, n.window) {
		c.filterGradient(id, in)
		return
	}
	rows, oc := flattened(n.shape)
	in.size.channels = columns
	in.n = rows * columns
	in.dst, _ = c.sums(id, rows, columns)
	c.add(phase, in)
	if columns == oc {
		c.places[id] = rowPlace{in.dst.array, in.dst.at, n.size}
	}
	c.matrices[id] = in.dst
}

// flipWeights turns weights around.
func (c *rowCompiler) flipWeights(id int) {
	n := c.nodes[id]
	rows, columns := flattened(n.shape)
	in := rowInstruction{kind: rowFlip, op: n.op, m: n.shape[0], inner: n.shape[3], n: n.shape[2]}
	in.a.rowPlace = c.place(n.args[0])
	in.dst = c.newShared(rows, whole(columns))
	in.dst.stride = whole(columns)
	if columns == whole(columns) {
		if h, ok := c.homes[id]; ok {
			in.dst = h
		}
		c.places[id] = rowPlace{in.dst.array, in.dst.at, n.size}
	}
	c.matrices[id] = rowPlace{in.dst.array, in.dst.at, whole(columns)}
	c.add(c.moment(id), in)
}

// join brings channels together that have not been computed there.
func (c *rowCompiler) join(id int) {
	n, phase := c.nodes[id], c.moment(id)
	dst, ok := c.places[id]
	if !ok {
		dst = c.home(id)
		c.places[id] = dst
	}
	_, pixel := flattened(n.shape)
	for _, piece := range n.args {
		_, channels := flattened(c.shape(piece))
		if m := c.sharedImage(piece, phase); m.array != dst.array || m.at != dst.at || m.pixel != pixel {
			c.copyPixels(phase, rowImage{dst, pixel}, m, c.shape(piece))
		}
		dst.at += channels
	}
}

// resample computes an image of another size.
func (c *rowCompiler) resample(id int, kind rowKind) {
	n := c.nodes[id]
	in := rowInstruction{kind: kind, size: c.imageSizeOf(id), from: c.imageSizeOf(n.args[0])}
	in.op, in.n = n.op, n.size
	phase := c.moment(id)
	in.a = c.sharedImage(n.args[0], phase).operand()
	in.dst = c.home(id)
	in.pixel = in.size.channels
	c.places[id] = in.dst
	c.add(phase, in)
}
