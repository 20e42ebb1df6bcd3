package dataset

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// allocated is the bytes that f takes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// sound checks what was made of a file: pixels from 0 to 1, as many as are said, and memory within bounds.
func sound(t *testing.T, d *Images, err error, taken uint64, size int) {
	t.Helper()
	// Four float32 or eight bytes of decoder a pixel, and a buffer that doubled, of at most 100 times a packed file.
	if most := 1000*uint64(size) + 400<<20; taken > most {
		t.Fatalf("%d bytes taken for a file of %d", taken, size)
	}
	if err != nil {
		if d != nil && d.Labels != nil {
			t.Fatal("labels and an error")
		}
		return
	}
	if d.Count < 1 || d.Height < 1 || d.Width < 1 || d.Height > mostSide || d.Width > mostSide || len(d.Pixels) != d.Count*d.Height*d.Width {
		t.Fatalf("%d x %d x %d, %d pixels", d.Count, d.Height, d.Width, len(d.Pixels))
	}
	for i, v := range d.Pixels {
		if !(v >= 0 && v <= 1) {
			t.Fatalf("pixel %d is %v", i, v)
		}
	}
}

func seeds(f *testing.F, pattern string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 20_000 {
			f.Add(data)
		}
	}
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func unzipped(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := unpack(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := in.take(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func decoded(t *testing.T, data []byte) (d *Images, err error) {
	taken := allocated(func() { d, err = decode(bytes.NewReader(data), int64(len(data))) })
	sound(t, d, err, taken, len(data))
	return d, err
}

// FuzzIDX reads plain files, whose type, axes and lengths may be anything, as images and as labels; what is packed reads the same.
func FuzzIDX(f *testing.F) {
	f.Add(unzipped(f, "testdata/idx/images-idx3-ubyte.gz"))
	f.Add(unzipped(f, "testdata/idx/float32-idx3.gz")[:16+4*28])
	f.Add(unzipped(f, "testdata/idx/count-too-high-idx3-ubyte.gz"))
	f.Add([]byte("\x00\x00\x08\x01\x00\x00\x00\x03\x01\x02\x03"))
	f.Add([]byte("\x00\x00\x0e\x04\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 4 || data[0] != 0 {
			data = append([]byte{0, 0, 8, 3}, data...)
		}
		d, err := decoded(t, data)
		_, _ = decodeLabels(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(data) > 1<<16 {
			return
		}
		again, err := decoded(t, zipped(data))
		if err != nil || again.Count != d.Count || again.Height != d.Height || again.Width != d.Width {
			t.Fatalf("packed: %v", err)
		}
		for i, v := range d.Pixels {
			if again.Pixels[i] != v {
				t.Fatalf("packed: pixel %d is %v, and was %v", i, again.Pixels[i], v)
			}
		}
	})
}

// FuzzGzip reads files of which anything may be damaged, the compression too.
func FuzzGzip(f *testing.F) {
	seeds(f, "testdata/idx/*")
	f.Add(zipped(nil))
	f.Add(zipped(zipped([]byte("\x00\x00\x08\x01\x00\x00\x00\x01\x07"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !strings.HasPrefix(string(data), gzipMagic) {
			data = append([]byte(gzipMagic+"\x08"), data...)
		}
		_, _ = decoded(t, data)
		taken := allocated(func() { _, _ = decodeLabels(bytes.NewReader(data), int64(len(data))) })
		sound(t, nil, os.ErrInvalid, taken, len(data))
	})
}

// repaired is a PNG file with right checksums, without which fuzzing would not come far.
func repaired(data []byte) []byte {
	data = bytes.Clone(data)
	for at := len(pngMagic); at+12 <= len(data); {
		length := int64(binary.BigEndian.Uint32(data[at:]))
		end := int64(at) + 8 + length
		if end+4 > int64(len(data)) {
			break
		}
		binary.BigEndian.PutUint32(data[end:], crc32.ChecksumIEEE(data[at+4:end]))
		at = int(end) + 4
	}
	return data
}

// FuzzPNG reads pictures of any mode and size, damaged and not.
func FuzzPNG(f *testing.F) {
	seeds(f, "testdata/png/*/*.png")
	f.Add(declared(4000, 4000, 0, 8, 0, nil))
	f.Add(declared(1024, 1024, 6, 16, 1, make([]byte, 100)))
	f.Add(declared(3, 2, 0, 1, 1, []byte{0, 0x80, 0, 0x40, 0, 0xc0}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !strings.HasPrefix(string(data), pngMagic) {
			data = append([]byte(pngMagic), data...)
		}
		for _, data := range [][]byte{data, repaired(data)} {
			_, _ = decoded(t, data)
			p, err := decodePNG(bytes.NewReader(data), int64(len(data)), 28, 28)
			if err == nil && (p.height != 28 || p.width != 28) {
				t.Fatalf("%d x %d", p.height, p.width)
			}
		}
	})
}

// declared is a PNG file with a header and data of one's own.
func declared(width, height uint32, colours, depth, interlaced byte, raw []byte) []byte {
	file := []byte(pngMagic)
	chunk := func(name string, data []byte) {
		file = binary.BigEndian.AppendUint32(file, uint32(len(data)))
		file = append(append(file, name...), data...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(file[len(file)-len(data)-4:]))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(head, depth, colours, 0, 0, interlaced))
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, _ = w.Write(raw)
	_ = w.Close()
	chunk("IDAT", packed.Bytes())
	chunk("IEND", nil)
	return file
}

func TestAHeaderTakesNoMemory(t *testing.T) {
	many := idxHeader(8, 1<<32-1, 1024, 1024)
	for name, c := range map[string]struct {
		file []byte
		says string
		most uint64
	}{
		"idx":                {many, "0 images", 1 << 20},
		"packed idx":         {zipped(many), "0 images", 2 << 20},
		"labels":             {idxHeader(8, 1<<32-1), "no images", 1 << 20},
		"wide png":           {declared(1<<31-1, 1, 0, 8, 0, nil), "1024", 1 << 20},
		"huge png":           {declared(100_000, 100_000, 6, 16, 0, nil), "1024", 1 << 20},
		"png beyond deflate": {declared(1024, 1024, 6, 16, 0, nil), "more than a compression could hide", 1 << 20},
		"npy":                {[]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '|u1', 'fortran_order': False, 'shape': (99999999,28,28), }    \n"), "are missing", 1 << 20},
	} {
		var err error
		taken := allocated(func() { _, err = decode(bytes.NewReader(c.file), int64(len(c.file))) })
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
		if taken > c.most {
			t.Errorf("%s: %d bytes taken", name, taken)
		}
	}
}

func TestABombIsStopped(t *testing.T) {
	for name, c := range map[string]struct {
		head []byte
		says string
	}{
		"it declares what it has": {idxHeader(8, 100, 1024, 1024), "decompress it if it is sound"},
		"it declares little":      {idxHeader(8, 1, 2, 2), "at least"},
	} {
		file := zipped(append(c.head, make([]byte, 100<<20)...))
		var err error
		taken := allocated(func() { _, err = decode(bytes.NewReader(file), int64(len(file))) })
		if err == nil || !strings.Contains(err.Error(), c.says) || taken > 300<<20 {
			t.Errorf("%s: %d bytes taken for %d, %v", name, taken, len(file), err)
		}
	}
}

func idxHeader(kind byte, axes ...uint32) []byte {
	file := []byte{0, 0, kind, byte(len(axes))}
	for _, n := range axes {
		file = binary.BigEndian.AppendUint32(file, n)
	}
	return file
}

func TestInterlacedPicturesAreInOrder(t *testing.T) {
	// Adam7 of 5 x 3 pixels of 8 bits: the passes 1, 2, 4, 5, 6 and 7 have pixels; each row begins with its filter.
	raw := []byte{
		0, 1, // pass 1: (0, 0)
		0, 5, // pass 2: (0, 4)
		0, 3, // pass 4: (0, 2)
		0, 21, 23, 25, // pass 5: row 2, columns 0, 2, 4
		0, 2, 4, // pass 6: row 0, columns 1, 3
		0, 22, 24, // row 2
		0, 11, 12, 13, 14, 15, // pass 7: row 1
	}
	file := declared(5, 3, 0, 8, 1, raw)
	if _, err := png.Decode(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	d, err := decode(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25} {
		if d.Pixels[i] != want/255 {
			t.Errorf("pixel %d is %v/255, want %v", i, d.Pixels[i]*255, want)
		}
	}
}

// Any images, written in any way, come back; and no byte can be missing or too much.
func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count, height, width := rapid.IntRange(1, 5).Draw(t, "count"), rapid.IntRange(1, 6).Draw(t, "height"), rapid.IntRange(1, 6).Draw(t, "width")
		pixels := rapid.SliceOfN(rapid.Byte(), count*height*width, count*height*width).Draw(t, "pixels")
		pixels[0] = 2 // else they may be all 0 and 1
		plain := append(idxHeader(8, uint32(count), uint32(height), uint32(width)), pixels...)
		var members []byte
		cut := rapid.IntRange(0, len(plain)).Draw(t, "cut")
		members = append(zipped(plain[:cut]), zipped(plain[cut:])...)
		for _, file := range [][]byte{plain, zipped(plain), members} {
			d, err := decode(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatal(err)
			}
			if d.Count != count || d.Height != height || d.Width != width {
				t.Fatalf("%d x %d x %d", d.Count, d.Height, d.Width)
			}
			for i, b := range pixels {
				if d.Pixels[i] != float32(b)/255 {
					t.Fatalf("pixel %d is %v, want %d/255", i, d.Pixels[i], b)
				}
			}
			short := rapid.IntRange(0, len(file)-1).Draw(t, "short")
			if short == len(zipped(plain[:cut])) && &file[0] == &members[0] && cut == len(plain) {
				continue // an empty second member is no loss
			}
			if _, err := decode(bytes.NewReader(file[:short]), int64(short)); err == nil {
				t.Fatalf("%d of %d bytes were read", short, len(file))
			}
		}
		long := append(bytes.Clone(plain), 7)
		if _, err := decode(bytes.NewReader(long), int64(len(long))); err == nil {
			t.Fatal("a byte too many was read")
		}
	})
}

// Zeros may fill up a gzip file; anything else behind its members is said to be none of them.
func TestWhatFollowsTheMembersOfAGzipFile(t *testing.T) {
	whole := zipped(append(idxHeader(8, 1, 1, 2), 3, 4))
	for rest, said := range map[string]string{
		"": "", "\x00": "", strings.Repeat("\x00", 5000): "",
		"\x00\x00junk": "no gzip follows", "j": "no gzip follows", "some more junk than a header": "no gzip follows", "\x1f": "no gzip follows", "\x1f\x8b": "cut off",
		"\x00" + string(whole): "no gzip follows",
	} {
		file := append(bytes.Clone(whole), rest...)
		d, err := decode(bytes.NewReader(file), int64(len(file)))
		if said == "" && (err != nil || d.Count != 1) || said != "" && (err == nil || !strings.Contains(err.Error(), said)) {
			t.Errorf("%q behind it: %v, want %q", rest, err, said)
		}
	}
}
