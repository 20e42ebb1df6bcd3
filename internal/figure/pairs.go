package figure

import (
	"math"

	"github.com/scorefield/infer/internal/spelling"
)

const (
	mostPairs = 4  // coordinates of a figure of pairs
	pairGap   = 28 // pixels between panels
)

// pairs lays out the first coordinates two by two: histograms on the diagonal, draws below it.
func pairs(c *cloud, heading string) *sheet {
	count := len(c.columns)
	s := &sheet{width: sheetWidth}
	s.title(heading)
	top := head(heading)
	left := 0
	for j := 1; j < count; j++ {
		left = max(left, vertical(c.windows[j], c.names[j], 300).width()+30)
	}
	side := (s.width - left - rightRoom - (count-1)*pairGap) / count
	s.height = top + count*side + (count-1)*pairGap + int(math.Ceil(axisHeight))

	marks := 0
	for row := range count {
		for column := range row + 1 {
			in := frame{
				left: left + column*(side+pairGap), top: top + row*(side+pairGap),
				x: c.windows[column], y: c.windows[row],
			}
			in.right, in.bottom = in.left+side, in.top+side
			x := horizontal(in.x, c.names[column], side)
			x.hidden = row < count-1
			if row == column {
				s.diagonal(in, c.columns[row], x)
				continue
			}
			y := vertical(in.y, c.names[row], side)
			y.hidden = column > 0
			y.room = left - 30
			marks = max(marks, s.scatter(in, c.columns[column], c.columns[row], onWhite))
			s.axes(in, x, y)
		}
	}
	text := c.shown(marks, "draw")
	if c.dim > count {
		text += ", the first " + spelling.Grouped(count) + " of " + spelling.Counted(c.dim, "coordinate")
	}
	s.legend(float64(left), top)(round(onWhite), text)
	return s
}

// diagonal draws the histogram of one coordinate, without an axis of heights.
func (s *sheet) diagonal(in frame, values []float64, x axis) {
	counts, _ := in.x.histogram(values, mostBins/2)
	heights := make([]float64, len(counts))
	in.y = window{0, 1}
	for i, n := range counts {
		heights[i] = float64(n)
		in.y.hi = max(in.y.hi, heights[i]*1.1)
	}
	s.bars(in, heights)
	s.axes(in, x, axis{hidden: true})
}
