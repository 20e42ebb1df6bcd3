package figure

import (
	"image"
	"image/color"
	"math"
)

// shades is a scale from white to dark blue, even in OKLab lightness (1.00 down to 0.32), so that equal steps
// look equal and survive printing in gray.
var shades = [9]color.RGBA{
	{0xff, 0xff, 0xff, 0xff}, {0xc8, 0xe8, 0xff, 0xff}, {0x91, 0xcf, 0xfe, 0xff},
	{0x65, 0xb4, 0xf5, 0xff}, {0x50, 0x97, 0xda, 0xff}, {0x45, 0x7c, 0xb8, 0xff},
	{0x3e, 0x62, 0x91, 0xff}, {0x2d, 0x49, 0x76, 0xff}, {0x18, 0x30, 0x63, 0xff},
}

// Marks of draws: orange on a shaded density, from which it differs in hue and, at both ends of the scale,
// in lightness; blue on white; and pale below arrows.
var (
	onShade = color.NRGBA{0xf2, 0x7a, 0x1a, 0xff}
	onWhite = color.NRGBA{0x2d, 0x49, 0x76, 0xff}
	faint   = color.NRGBA{0xfd, 0xd5, 0xb0, 0xff}
)

// shade is the colour at t: 0 is white, 1 the darkest.
func shade(t float64) color.RGBA {
	at := min(max(t, 0), 1) * float64(len(shades)-1)
	i := min(int(at), len(shades)-2)
	part := at - float64(i)
	a, b := shades[i], shades[i+1]
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-part) + float64(b)*part)) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// mark is how single draws look.
type mark struct {
	colour color.NRGBA
	radius float64 // pixels
	cover  float64 // 1 is opaque
}

// markFor makes many draws small and translucent and few of them easy to see, in a frame of a given size.
func markFor(n, pixels int, colour color.NRGBA) mark {
	scale := math.Sqrt(float64(pixels) / 1200)
	switch {
	case n <= 300:
		return mark{colour, 6 * scale, 0.85}
	case n <= 3000:
		return mark{colour, 3.6 * scale, 0.65}
	default:
		return mark{colour, 2.4 * scale, 0.45}
	}
}

// dot blends a round mark about a point of the image, smooth at its edge, inside the clip.
func dot(img *image.RGBA, clip image.Rectangle, x, y float64, m mark) {
	reach := m.radius + 0.5
	x0, x1 := max(int(math.Floor(x-reach)), clip.Min.X), min(int(math.Ceil(x+reach)), clip.Max.X)
	y0, y1 := max(int(math.Floor(y-reach)), clip.Min.Y), min(int(math.Ceil(y+reach)), clip.Max.Y)
	for py := y0; py < y1; py++ {
		dy := float64(py) + 0.5 - y
		for px := x0; px < x1; px++ {
			dx := float64(px) + 0.5 - x
			cover := min(reach-math.Sqrt(dx*dx+dy*dy), 1) * m.cover
			if cover <= 0 {
				continue
			}
			at := img.PixOffset(px, py)
			blend(img.Pix[at:at+3:at+3], m.colour, cover)
		}
	}
}

func blend(pixel []uint8, over color.NRGBA, cover float64) {
	for i, v := range [3]uint8{over.R, over.G, over.B} {
		below := float64(pixel[i])
		pixel[i] = uint8(below + (float64(v)-below)*cover + 0.5)
	}
}

// mostMarks is the number of draws shown as single marks; of more every second, third, ... is.
const mostMarks = 10_000

// scatter marks the draws of two columns that lie in the frame and returns how many marks it made.
func (s *sheet) scatter(f frame, xs, ys []float64, colour color.NRGBA) int {
	step := (len(xs) + mostMarks - 1) / mostMarks
	if step == 0 {
		return 0
	}
	img, clip := s.paper(), image.Rect(f.left, f.top, f.right, f.bottom)
	look := markFor(len(xs)/step, f.right-f.left, colour)
	shown := 0
	for i := 0; i < len(xs); i += step {
		if f.x.contains(xs[i]) && f.y.contains(ys[i]) {
			dot(img, clip, f.across(xs[i]), f.down(ys[i]), look)
			shown++
		}
	}
	return shown
}
