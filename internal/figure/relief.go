package figure

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
)

// relief is log p on a grid of the plane, nx by ny nodes, the corners of the windows among them.
type relief struct {
	nx, ny int
	logp   []float64 // row by row, from the lowest y up
	top    float64   // the largest finite log p, of the draws too
	depth  float64   // so far below top the shading ends
}

const (
	// Nodes along the longer side: about three pixels apart.
	mostNodes = 400
	// Points a call: enough for a plug-in, few enough to be cancelled between two calls.
	callPoints = 4096
	// The shading reaches down to where this share of the mass lies above.
	shadedMass = 0.999
	// It is at least and at most so deep.
	leastDepth, mostDepth = 3, 60
)

// newRelief evaluates the density over the windows of a cloud. A nil relief is a density without one finite value.
func newRelief(ctx context.Context, d density.Density, c *cloud, nx, ny int) (*relief, error) {
	f := &relief{nx: nx, ny: ny, logp: make([]float64, nx*ny), top: math.Inf(-1)}
	node := func(k, j int) float64 {
		w, count, i := c.windows[j], nx, k%nx
		if j == 1 {
			count, i = ny, k/nx
		}
		return w.lo + w.width()*(float64(i)/float64(count-1))
	}
	if err := evaluate(ctx, d, f.logp, 2, node); err != nil {
		return nil, err
	}
	// A ridge narrower than the grid is found by the draws.
	step := c.finite()/mostMarks + 1
	atDraws := make([]float64, (c.finite()+step-1)/step)
	draw := func(k, j int) float64 { return c.columns[j][k*step] }
	if err := evaluate(ctx, d, atDraws, 2, draw); err != nil {
		return nil, err
	}
	for _, values := range [][]float64{f.logp, atDraws} {
		for _, v := range values {
			if v > f.top && !math.IsInf(v, 1) {
				f.top = v
			}
		}
	}
	if math.IsInf(f.top, -1) {
		return nil, nil
	}
	f.depth = min(max(math.Ceil(f.level(shadedMass)), leastDepth), mostDepth)
	return f, nil
}

// evaluate sets logp[k] to log p of the point whose coordinate j is at(k, j).
func evaluate(ctx context.Context, d density.Density, logp []float64, dim int, at func(k, j int) float64) error {
	for first := 0; first < len(logp); first += callPoints {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := logp[first:min(first+callPoints, len(logp))]
		block := lanes.New(len(part), dim)
		for j := range dim {
			row := block.Row(j)
			for k := range part {
				row[k] = at(first+k, j)
			}
		}
		if err := d.LogProb(ctx, part, block); err != nil {
			return fmt.Errorf("log p of the figure's grid: %w", err)
		}
	}
	return nil
}

// level is how far below top log p falls within the given share of the mass on the grid.
func (f *relief) level(share float64) float64 {
	below := make([]float64, 0, len(f.logp))
	total := 0.0
	for _, v := range f.logp {
		if v <= f.top && f.top-v < 700 {
			below = append(below, f.top-v)
			total += math.Exp(v - f.top)
		}
	}
	slices.Sort(below)
	sum := 0.0
	for _, b := range below {
		if sum += math.Exp(-b); sum >= share*total {
			return b
		}
	}
	return 0
}

// finite tells a value that can be shaded from NaN and infinities.
func finite(v float64) bool { return v-v == 0 }

// paint shades the frame of a sheet by the relief.
func (s *sheet) paint(f *relief, in frame) {
	var table [1024]struct{ r, g, b uint8 }
	for i := range table {
		c := shade(float64(i) / float64(len(table)-1))
		table[i].r, table[i].g, table[i].b = c.R, c.G, c.B
	}
	type place struct {
		node int
		part float64 // of the way to the next node
	}
	places := func(pixels, nodes int) []place {
		all := make([]place, pixels)
		for k := range all {
			at := (float64(k) + 0.5) / float64(pixels) * float64(nodes-1)
			node := min(int(at), nodes-2)
			all[k] = place{node, at - float64(node)}
		}
		return all
	}
	img := s.paper()
	columns, rows := places(in.right-in.left, f.nx), places(in.bottom-in.top, f.ny)
	for j, row := range rows {
		y := in.bottom - 1 - j
		low := f.logp[row.node*f.nx : (row.node+1)*f.nx]
		high := f.logp[(row.node+1)*f.nx : (row.node+2)*f.nx]
		at := img.PixOffset(in.left, y)
		for _, column := range columns {
			i := column.node
			v := (low[i]*(1-column.part)+low[i+1]*column.part)*(1-row.part) +
				(high[i]*(1-column.part)+high[i+1]*column.part)*row.part
			if !finite(v) {
				// At the edge of a support the nearest node decides.
				near := low
				if row.part > 0.5 {
					near = high
				}
				v = near[i+int(column.part+0.5)]
			}
			t := 1 - (f.top-v)/f.depth
			if t > 0 && finite(v) {
				c := table[int(min(t, 1)*float64(len(table)-1)+0.5)]
				img.Pix[at], img.Pix[at+1], img.Pix[at+2] = c.r, c.g, c.b
			}
			at += 4
		}
	}
}
