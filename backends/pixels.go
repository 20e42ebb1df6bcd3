package backends

import "fmt"

// checkPixels panics if dst has not as many pixels and channels as src has after so many along each axis have become one.
func checkPixels(dst, src *Image, each int) {
	dst.check("the result")
	src.check("the image")
	if dst.Height != src.Height/each || dst.Width != src.Width/each || dst.Channels != src.Channels {
		panic(fmt.Sprintf("backends: %d x %d pixels of %d channels from %d x %d of %d: want as many channels, and %d times %d pixels for one",
			dst.Height, dst.Width, dst.Channels, src.Height, src.Width, src.Channels, each, each))
	}
}

func copyPixelsGeneric(dst, src Image) {
	checkPixels(&dst, &src, 1)
	copyChannels(&dst, &src)
}

func copyChannels(dst, src *Image) {
	n := dst.Channels
	if n == 0 {
		return
	}
	if dst.Stride == n && src.Stride == n {
		copy(dst.Data[:dst.Height*dst.Width*n], src.Data)
		return
	}
	if n == 1 {
		for i := range dst.Height * dst.Width {
			dst.Data[i*dst.Stride] = src.Data[i*src.Stride]
		}
		return
	}
	for i := range dst.Height * dst.Width {
		copy(dst.Data[i*dst.Stride:][:n], src.Data[i*src.Stride:])
	}
}

func averagePoolGeneric(dst, src Image) {
	checkPixels(&dst, &src, 2)
	averageChannels(&dst, &src)
}

func averageChannels(dst, src *Image) {
	if dst.Channels == 0 {
		return
	}
	for y := range dst.Height {
		for x := range dst.Width {
			to := dst.pixel(y, x)
			up, upRight := src.pixel(2*y, 2*x), src.pixel(2*y, 2*x+1)
			down, downRight := src.pixel(2*y+1, 2*x), src.pixel(2*y+1, 2*x+1)
			for c := range to {
				to[c] = 0.25 * ((up[c] + down[c]) + (upRight[c] + downRight[c]))
			}
		}
	}
}
