package network

import (
	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
)

// The windows of convolutions, by what becomes of an image of even size.
var (
	Same3   = backends.Window{Size: 3, Step: 1, Up: 1, Before: 1} // 3x3, as large as before
	Same1   = backends.Window{Size: 1, Step: 1, Up: 1, Before: 0} // 1x1, pixel by pixel
	Double3 = backends.Window{Size: 3, Step: 1, Up: 2, Before: 2} // transposed 3x3, twice as large: Haiku's padding SAME
)

// Conv is a layer of an image [height, width, channels]: a convolution with parameters name.weight, [size, size, channels of x,
// channels], and name.bias, [channels], which begins at 0.
func (p *Params) Conv(name string, x autodiff.Value, channels int, window backends.Window, initialise Initialiser) autodiff.Value {
	layer := p.In(name)
	w := layer.Tensor("weight", initialise, window.Size, window.Size, last(x), channels)
	return x.Conv(w, layer.Tensor("bias", Zeros, channels), window)
}

// last is the last dimension of a value's shape, 0 where it has none, which the operation that comes next will refuse.
func last(v autodiff.Value) int {
	shape := v.Shape()
	if len(shape) == 0 {
		return 0
	}
	return shape[len(shape)-1]
}

// TutorialUNet is the network of the tutorial for images of one channel whose sides are multiples of 4, as vectors row by row: the image
// beside a channel that is sigma everywhere; 3x3 convolutions and ELU, two at each of three sizes with 16, 32 and 64 channels; average
// pooling by 2 between them; up again by transposed convolutions without an activation, each followed by what was there before the
// pooling, in this order; and a 1x1 convolution. It has 129,697 parameters, by the names conv1a to conv5b, up2, up1 and out.
func TutorialUNet(height, width int) Network {
	return tutorialUNet(height, width, func(string, autodiff.Value) {})
}

// tutorialUNet shows what each layer gives.
func tutorialUNet(height, width int, show func(layer string, v autodiff.Value)) Network {
	return func(p *Params, x, sigma autodiff.Value) autodiff.Value {
		image := x.Reshape(height, width, 1)
		ones := make([]float64, height*width)
		for i := range ones {
			ones[i] = 1
		}
		level := p.Graph().Constant(ones, height, width, 1).Mul(sigma)
		conv := func(h autodiff.Value, channels int, names ...string) autodiff.Value {
			for _, name := range names {
				h = p.Conv(name, h, channels, Same3, TruncatedNormal).ELU()
				show(name, h)
			}
			return h
		}
		up := func(name string, h autodiff.Value, channels int, before autodiff.Value) autodiff.Value {
			h = p.Conv(name, h, channels, Double3, TruncatedNormal)
			show(name, h)
			return autodiff.ConcatChannels(h, before)
		}
		one := conv(autodiff.ConcatChannels(image, level), 16, "conv1a", "conv1b")
		two := conv(one.AvgPool(), 32, "conv2a", "conv2b")
		h := conv(two.AvgPool(), 64, "conv3a", "conv3b")
		h = conv(up("up2", h, 32, two), 32, "conv4a", "conv4b")
		h = conv(up("up1", h, 16, one), 16, "conv5a", "conv5b")
		h = p.Conv("out", h, 1, Same1, TruncatedNormal)
		show("out", h)
		return h.Reshape(height * width)
	}
}
