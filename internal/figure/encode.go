package figure

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	stddraw "image/draw"
	"image/png"
	"io"
	"regexp"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

// encoder writes a sheet in a format, and uses it up.
type encoder func(w io.Writer, s *sheet) error

var encoders = map[string]encoder{
	"png": encodePNG,
	"svg": encodeSVG,
	"pdf": encodePDF,
}

func (s *sheet) size() (width, height vg.Length) {
	return points(float64(s.width)), points(float64(s.height))
}

// play draws everything on a canvas of vectors.
func (s *sheet) play(canvas vg.CanvasSizer) {
	c := draw.New(canvas)
	if s.under != nil {
		c.DrawImage(c.Rectangle, s.under)
	}
	for _, call := range s.calls {
		call(&c)
	}
}

// pixels is the whole sheet as an image.
func pixels(s *sheet) stddraw.Image {
	width, height := s.size()
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	img := canvas.Image()
	if s.under != nil { // pixel by pixel, where the canvas would interpolate
		stddraw.Draw(img, img.Bounds(), s.under, image.Point{}, stddraw.Src)
		s.under = nil
	}
	s.play(canvas)
	return img
}

func encodePNG(w io.Writer, s *sheet) error {
	var file bytes.Buffer
	if err := png.Encode(&file, pixels(s)); err != nil {
		return err
	}
	_, err := w.Write(withDensity(file.Bytes()))
	return err
}

// withDensity adds the chunk pHYs, the number of pixels a metre, by which LaTeX and word processors know the
// size of a PNG file. It stands after the signature and the first chunk, IHDR, which have 33 bytes.
func withDensity(file []byte) []byte {
	const afterHeader = 33
	perMetre := uint32(11811) // dpi / 0.0254
	chunk := []byte("\x00\x00\x00\x09pHYs")
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = append(chunk, 1) // the unit is the metre
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return append(append(append([]byte{}, file[:afterHeader]...), chunk...), file[afterHeader:]...)
}

func encodeSVG(w io.Writer, s *sheet) error {
	canvas := vgsvg.New(s.size())
	s.play(canvas)
	var file bytes.Buffer
	if _, err := canvas.WriteTo(&file); err != nil {
		return err
	}
	// The library calls its PNG images JPEG, and names a font that few machines have without another one.
	text := bytes.ReplaceAll(file.Bytes(), []byte("data:image/jpg;"), []byte("data:image/png;"))
	text = bytes.ReplaceAll(text, []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	_, err := w.Write(text)
	return err
}

func encodePDF(w io.Writer, s *sheet) error {
	canvas := vgpdf.New(s.size())
	// The library writes each byte of a text as a character, and images upside down.
	s.ascii, s.under = true, flipped(s.under)
	s.play(canvas)
	var file bytes.Buffer
	if _, err := canvas.WriteTo(&file); err != nil {
		return err
	}
	dates := regexp.MustCompile(`/(CreationDate|ModDate) \(D:[0-9]{14}`)
	// The same figure is the same file, so it bears no date. The length stays, as the file has a table of offsets.
	_, err := w.Write(dates.ReplaceAll(file.Bytes(), []byte("/$1 (D:20000101000000")))
	return err
}

// flipped is a copy of an image upside down; nil of nil.
func flipped(img *image.RGBA) *image.RGBA {
	if img == nil {
		return nil
	}
	out := image.NewRGBA(img.Bounds())
	for y, last := 0, img.Rect.Dy()-1; y <= last; y++ {
		copy(out.Pix[y*out.Stride:(y+1)*out.Stride], img.Pix[(last-y)*img.Stride:])
	}
	return out
}
