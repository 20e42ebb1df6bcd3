package dataset

import (
	"fmt"
	"math"
)

// nearby is how far beyond black and white the pixels of draws and of copies get that were rounded or smoothed.
const nearby = 0.25

// dark is below the white of any images that use their range: 12-bit numbers in 16 bits reach 1/16, a mask of bytes 0 and 1 1/255.
const dark = 0.1

// noteDarkness notes that all images are nearly black: the numbers are on another scale than their format says.
func (d *Images) noteDarkness() {
	most := float32(0)
	for _, v := range d.Pixels {
		most = max(most, v)
	}
	if most > 0 && most < dark {
		d.Notes = append(d.Notes, fmt.Sprintf("the brightest of all pixels is %.3g, where white is 1: if it should be white, scale the images; they are learned as dark as they are", most))
	}
}

// fill sets the pixels to the numbers of a file, value(i) the i-th, and brings them to [0, 1]. usual says that the numbers are
// bytes, and kind what they are.
func (d *Images) fill(value func(i int) float64, usual bool, kind string) error {
	least, most, whole := math.Inf(1), math.Inf(-1), true
	low, high, broken := 0, 0, -1 // where they are, and the first that is no whole number
	for i := range d.Pixels {
		v := value(i)
		if v-v != 0 {
			return fmt.Errorf("%s is %v: pixels are finite numbers", d.place(i), v)
		}
		if v < least {
			least, low = v, i
		}
		if v > most {
			most, high = v, i
		}
		if whole && v != math.Floor(v) {
			whole, broken = false, i
		}
		d.Pixels[i] = float32(v)
	}
	switch {
	case least >= 0 && most <= 1:
		if usual && most == 1 {
			d.Notes = append(d.Notes, "no byte is larger than 1: they are taken for black, 0, and white, 1, and not for shades up to 255")
		}
		return nil
	case least >= 0 && most <= 255 && whole:
		if !usual {
			d.Notes = append(d.Notes, fmt.Sprintf("the pixels are %s from %v to %v, all whole: they are taken for bytes and divided by 255", kind, least, most))
		}
		for i := range d.Pixels {
			d.Pixels[i] /= 255
		}
		return nil
	case least > -nearby && most < 1+nearby:
		at, v := low, least
		if most-1 > -least {
			at, v = high, most
		}
		return fmt.Errorf("%s is %v: pixels are from 0 to 1; if rounding or noise took these a little beyond, clip them", d.place(at), v)
	case least >= 0 && most <= 255:
		return fmt.Errorf("%s is %v, and %s %v: pixels are numbers from 0 to 1, or whole ones from 0 to 255; if these go up to 255, divide them by it",
			d.place(high), most, d.place(broken), value(broken))
	case least >= -1 && most <= 1:
		return fmt.Errorf("%s is %v: pixels are from 0 to 1; if these go from -1 to 1, save (x + 1)/2; if noise was added, clip them", d.place(low), least)
	case least >= 0:
		return fmt.Errorf("%s is %v: pixels are from 0 to 1, or bytes up to 255; divide them by the brightness of white, 65535 for 16 bits", d.place(high), most)
	}
	return fmt.Errorf("%s is %v: pixels are from 0 to 1, or whole numbers from 0 to 255; if these were standardised, undo that", d.place(low), least)
}

// place names pixel i of all.
func (d *Images) place(i int) string {
	size := d.Height * d.Width
	return fmt.Sprintf("pixel (%d, %d) of image %d (all count from 0)", i%size/d.Width, i%size%d.Width, i/size)
}
