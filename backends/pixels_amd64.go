//go:build !noasm

package backends

import "unsafe"

// pixelsJob is what a kernel of pixels is told: where the result and the image begin, how far the pixels of the result are
// apart, those of the image, and those it begins with one after the other, the length of a line of the image, and how many
// pixels to write of how many channels; all but the count in bytes. The channels are a multiple of 16.
type pixelsJob struct {
	dst, src                      unsafe.Pointer
	strideDst, strideSrc, stepSrc int
	line, count, bytes            int
}

// pixels tells whether the kernels can do an image.
func (job *pixelsJob) pixels(dst, src *Image) bool {
	if dst.Channels%16 != 0 || dst.Channels == 0 || dst.Height*dst.Width == 0 {
		return false
	}
	job.dst, job.src = unsafe.Pointer(unsafe.SliceData(dst.Data)), unsafe.Pointer(unsafe.SliceData(src.Data))
	job.strideDst, job.strideSrc, job.stepSrc = 4*dst.Stride, 4*src.Stride, 4*src.Stride
	job.count, job.bytes = dst.Height*dst.Width, 4*dst.Channels
	return true
}

// pool is the job of a line of a pool.
func (job *pixelsJob) pool(dst, src *Image, y int) {
	job.dst = unsafe.Add(unsafe.Pointer(unsafe.SliceData(dst.Data)), y*dst.Width*job.strideDst)
	job.line = src.Width * job.strideSrc
	job.src = unsafe.Add(unsafe.Pointer(unsafe.SliceData(src.Data)), 2*y*job.line)
	job.stepSrc = 2 * job.strideSrc
	job.count = dst.Width
}

func copyPixelsAVX2(dst, src Image) {
	checkPixels(&dst, &src, 1)
	var job pixelsJob
	if !job.pixels(&dst, &src) {
		copyChannels(&dst, &src)
		return
	}
	copyPixelsAVX2Kernel(&job)
}

func averagePoolAVX2(dst, src Image) {
	checkPixels(&dst, &src, 2)
	var job pixelsJob
	if !job.pixels(&dst, &src) {
		averageChannels(&dst, &src)
		return
	}
	for y := range dst.Height {
		job.pool(&dst, &src, y)
		averagePoolAVX2Kernel(&job)
	}
}

func copyPixelsAVX512(dst, src Image) {
	checkPixels(&dst, &src, 1)
	var job pixelsJob
	if !job.pixels(&dst, &src) {
		copyChannels(&dst, &src)
		return
	}
	copyPixelsAVX512Kernel(&job)
}

func averagePoolAVX512(dst, src Image) {
	checkPixels(&dst, &src, 2)
	var job pixelsJob
	if !job.pixels(&dst, &src) {
		averageChannels(&dst, &src)
		return
	}
	for y := range dst.Height {
		job.pool(&dst, &src, y)
		averagePoolAVX512Kernel(&job)
	}
}
