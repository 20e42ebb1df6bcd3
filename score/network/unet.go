package network

import (
	"fmt"
	"math"

	"github.com/scorefield/infer/autodiff"
)

// UNet is a residual U-Net for images of one channel, as vectors row by row. It goes down through the sizes of image with Blocks
// residual blocks at each, and up again with as many, each size's way up beginning with what its way down ended with; the smallest size
// is passed once, with self-attention between its blocks. A block is
//
//	(h + conv(SiLU(film(norm(conv(SiLU(norm(h)))))))) / sqrt(2)
//
// with group normalisation, and FiLM by what two dense layers make of the noise level and of [Params.Given], where there is one. Last
// convolutions of blocks and the output begin at 0. Its parts follow Ho et al. (2020), 2006.11239, and Karras et al. (2022), 2206.00364.
type UNet struct {
	Height, Width int
	// Patch is the side of the squares of pixels that become the channels of one pixel before anything else: 1 leaves the image as it
	// is. The sides of the image are multiples of Patch times 2 for every size after the first.
	Patch     int
	Channels  []int // at each size, each half as large as the one before; multiples of 16 fill the vectors
	Blocks    []int // at each size
	Condition int   // width of the two layers that see the noise level
}

// Network is the network of these sizes. Wrong ones are a mistake of the graph.
func (u UNet) Network() Network { return u.build }

func (u UNet) build(p *Params, x, sigma autodiff.Value) autodiff.Value {
	if err := u.check(x.Size()); err != nil {
		p.fail("network: %w", err)
		return x
	}
	condition := u.condition(p, sigma)
	patches := u.patches()
	image := x.Reshape(u.Height, u.Width, 1)
	if u.Patch > 1 {
		image = x.Gather(patches).Reshape(u.Height/u.Patch, u.Width/u.Patch, u.Patch*u.Patch)
	}
	h := p.Conv("stem", image, u.Channels[0], Same3, LecunNormal)
	smallest := len(u.Channels) - 1
	var before []autodiff.Value // the pooling
	for size, channels := range u.Channels {
		for i := range u.Blocks[size] {
			name := fmt.Sprintf("down%d.%d", size, i)
			h = residual(p.In(name), h, condition, channels)
			if size == smallest && i < u.Blocks[size]-1 {
				h = attend(p.In(name+".attention"), h)
			}
		}
		if size < smallest {
			before = append(before, h)
			h = h.AvgPool()
		}
	}
	for size := smallest - 1; size >= 0; size-- {
		h = autodiff.ConcatChannels(h.UpsampleNearest(), before[size])
		for i := range u.Blocks[size] {
			h = residual(p.In(fmt.Sprintf("up%d.%d", size, i)), h, condition, u.Channels[size])
		}
	}
	h = norm(p.In("norm"), h).SiLU()
	h = p.Conv("output", h, u.Patch*u.Patch, Same3, Zeros).Reshape(u.Height * u.Width)
	if u.Patch > 1 {
		h = h.Gather(inverse(patches))
	}
	return h
}

func (u UNet) check(coordinates int) error {
	if len(u.Channels) == 0 || len(u.Channels) > 16 || len(u.Blocks) != len(u.Channels) || u.Patch < 1 || u.Condition < 1 {
		return fmt.Errorf("a U-Net with channels %v, blocks %v, patches of %d and a condition of %d: give channels and blocks at each size, patches of 1 at least, and a condition of 1 at least",
			u.Channels, u.Blocks, u.Patch, u.Condition)
	}
	for size, channels := range u.Channels {
		if channels < 1 || u.Blocks[size] < 1 {
			return fmt.Errorf("a U-Net with channels %v and blocks %v: give at least 1 at each size", u.Channels, u.Blocks)
		}
	}
	unit := u.Patch << (len(u.Channels) - 1)
	if u.Height < 1 || u.Width < 1 || u.Height%unit != 0 || u.Width%unit != 0 || coordinates != u.Height*u.Width {
		return fmt.Errorf("a U-Net of %d sizes and patches of %d for images of %d x %d in points of %d coordinates: the sides have to be multiples of %d, and their product the coordinates",
			len(u.Channels), u.Patch, u.Height, u.Width, coordinates, unit)
	}
	return nil
}

// condition is what the blocks see of the noise level and of what is given.
func (u UNet) condition(p *Params, sigma autodiff.Value) autodiff.Value {
	const frequencies = 16
	c := p.Dense("noise0", Fourier(frequencies)(sigma), u.Condition, HeNormal).SiLU()
	c = p.Dense("noise1", c, u.Condition, HeNormal)
	if given := p.Given(); given.Graph() != nil {
		// A class is one number that is 1: rows of weights of variance 1 make it as loud as the noise level.
		c = c.Add(given.Dense(p.Tensor("given.weight", unit, given.Size(), u.Condition), autodiff.Value{}))
	}
	return c.SiLU()
}

// unit is a standard normal law.
func unit(dst []float32, _ []int, d Draws) { normals(dst, d, 1, math.Inf(1)) }

// patches says which pixel each element of the image of patches is.
func (u UNet) patches() []int {
	indices := make([]int, 0, u.Height*u.Width)
	for y := 0; y < u.Height; y += u.Patch {
		for x := 0; x < u.Width; x += u.Patch {
			for dy := range u.Patch {
				for dx := range u.Patch {
					indices = append(indices, (y+dy)*u.Width+x+dx)
				}
			}
		}
	}
	return indices
}

// inverse is the permutation that undoes one.
func inverse(indices []int) []int {
	back := make([]int, len(indices))
	for i, from := range indices {
		back[from] = i
	}
	return back
}

// half is the factor of a sum of two things of variance 1.
const half = math.Sqrt2 / 2

func residual(p *Params, h, condition autodiff.Value, channels int) autodiff.Value {
	r := norm(p.In("norm"), h).SiLU()
	r = p.Conv("conv0", r, channels, Same3, HeNormal)
	r = r.GroupNorm(groups(channels), normEpsilon)
	film := p.In("film")
	r = r.ScaleChannels(film.Dense("scale", condition, channels, Zeros).Shift(1))
	r = r.ShiftChannels(film.Dense("shift", condition, channels, Zeros)).SiLU()
	r = p.Conv("conv1", r, channels, Same3, Zeros)
	if last(h) != channels {
		h = p.Conv("direct", h, channels, Same1, LecunNormal)
	}
	return h.Add(r).Scale(half)
}

// attend is self-attention between the pixels (Vaswani et al. 2017, 1706.03762), one head, beside a direct way.
func attend(p *Params, h autodiff.Value) autodiff.Value {
	shape := h.Shape()
	if len(shape) != 3 {
		return h // a mistake that the graph knows of
	}
	n := norm(p.In("norm"), h)
	tokens := func(name string) autodiff.Value {
		return p.Conv(name, n, shape[2], Same1, LecunNormal).Reshape(shape[0]*shape[1], shape[2])
	}
	a := autodiff.Attention(tokens("query"), tokens("key"), tokens("value"))
	return h.Add(p.Conv("out", a.Reshape(shape...), shape[2], Same1, Zeros)).Scale(half)
}

// norm is group normalisation (Wu and He 2018, 1803.08494) with a scale and a shift of each channel, parameters that begin at 1 and 0.
func norm(p *Params, h autodiff.Value) autodiff.Value {
	channels := last(h)
	h = h.GroupNorm(groups(channels), normEpsilon)
	return h.ScaleChannels(p.Tensor("scale", Ones, channels)).ShiftChannels(p.Tensor("shift", Zeros, channels))
}

// groups is the number of groups of channels, of four each where they divide, and 32 at most.
func groups(channels int) int {
	for n := min(32, channels/4); n > 1; n-- {
		if channels%n == 0 {
			return n
		}
	}
	return 1
}
