package draws_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
)

// member is an entry of an archive. What change does to its header is a lie.
type member struct {
	name    string
	data    []byte
	deflate bool
	change  func(*zip.FileHeader)
}

func archive(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, CRC32: crc32.ChecksumIEEE(m.data), UncompressedSize64: uint64(len(m.data))}
		data := m.data
		if m.deflate {
			var packed bytes.Buffer
			f, _ := flate.NewWriter(&packed, 9)
			f.Write(data)
			f.Close()
			h.Method, data = zip.Deflate, packed.Bytes()
		}
		h.CompressedSize64 = uint64(len(data))
		if m.change != nil {
			m.change(h)
		}
		e, err := w.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		e.Write(data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// one is an array of one row, (v).
func one(v byte) []byte { return array("|u1", "(1, 1)", []byte{v}) }

func TestArrayOfAnArchiveIsFound(t *testing.T) {
	for _, c := range []struct {
		what    string
		file    []byte
		options draws.Options
	}{
		{"the only one", archive(t, member{name: "samples.npy", data: one(5)}), draws.Options{}},
		{"deflated", archive(t, member{name: "samples.npy", data: one(5), deflate: true}), draws.Options{}},
		{"beside other files", archive(t, member{name: "README", data: []byte("hello")}, member{name: "x.npy", data: one(5)}), draws.Options{}},
		{"chosen", archive(t, member{name: "a/b.npy", data: one(5)}, member{name: "x.npy", data: one(1)}), draws.Options{Array: "a/b"}},
		{"x beside logp", archive(t, member{name: "logp.npy", data: one(1)}, member{name: "x.npy", data: one(5)}), draws.Options{}},
		{"logp, if chosen", archive(t, member{name: "logp.npy", data: one(5)}, member{name: "x.npy", data: one(1)}), draws.Options{Array: "logp"}},
	} {
		table := decoded(t, c.file, c.options)
		if table.Points.Row(0)[0] != 5 {
			t.Errorf("%s: %v", c.what, table.Points.Row(0)[0])
		}
		if (table.LogProb != nil) != (c.what == "x beside logp") {
			t.Errorf("%s: log p is %v", c.what, table.LogProb)
		}
	}
}

func TestArchivesThatAreRefused(t *testing.T) {
	text := func(shape, letters string) []byte { // one letter each
		var data []byte
		for _, r := range letters {
			data = binary.LittleEndian.AppendUint32(data, uint32(r))
		}
		return array("<U1", shape, data)
	}
	x := member{name: "x.npy", data: one(5)}
	for _, c := range []struct {
		want    string
		members []member
	}{
		{"the zip archive holds no npy array", nil},
		{"the zip archive holds no npy array", []member{{name: "x.csv", data: []byte("1\n")}}},
		{"the array \"x\" is there twice", []member{x, x}},
		{"it holds the arrays a, b, c: choose one", []member{{name: "a.npy", data: one(1)}, {name: "b.npy", data: one(1)}, {name: "c.npy", data: one(1)}}},
		{"it holds the arrays x, y: choose one", []member{x, {name: "y.npy", data: one(1)}}},
		{"array x: an array of Python objects", []member{{name: "x.npy", data: array("|O", "()", []byte("\x80\x04"))}}},
		{"array x: the header declares (1, 1) = 1 bytes, 3 are there", []member{{name: "x.npy", data: append(one(1), 1, 2)}}},
		{"array x: it is not an npy array", []member{{name: "x.npy", data: []byte("no array at all")}}},
		{"checksum (CRC-32) is", []member{{name: "x.npy", data: one(1), change: func(h *zip.FileHeader) { h.CRC32++ }}}},
		{"checksum (CRC-32) is", []member{{name: "x.npy", data: one(1), change: func(h *zip.FileHeader) { h.CRC32 = 0 }}}},
		{"checksum (CRC-32) is", []member{{name: "x.npy", data: one(1), deflate: true, change: func(h *zip.FileHeader) { h.CRC32++ }}}},
		{"compressed by method 12", []member{{name: "x.npy", data: one(1), change: func(h *zip.FileHeader) { h.Method = 12 }}}},
		{"it is encrypted", []member{{name: "x.npy", data: one(1), change: func(h *zip.FileHeader) { h.Flags |= 1 }}}},
		{"declares 1000000 bytes at offset", []member{{name: "x.npy", data: one(1), change: func(h *zip.FileHeader) { h.CompressedSize64 = 1000000; h.UncompressedSize64 = 1000000 }}}},
		{"it is stored, and yet declares", []member{{name: "x.npy", data: one(1), change: func(h *zip.FileHeader) { h.UncompressedSize64++ }}}},
		{"more than the declared", []member{{name: "x.npy", data: append(one(1), 9), deflate: true, change: func(h *zip.FileHeader) { h.UncompressedSize64-- }}}},
		{"more than deflate can make", []member{{name: "x.npy", data: one(1), deflate: true, change: func(h *zip.FileHeader) { h.UncompressedSize64 = 10 << 30 }}}},
		{"compressed data are damaged", []member{{name: "x.npy", data: []byte(strings.Repeat("\xff", 100)), change: func(h *zip.FileHeader) { h.Method = zip.Deflate }}}},
		{"logp has 2 rows of 1 columns for 1 points", []member{x, {name: "logp.npy", data: array("|u1", "(2,)", []byte{1, 2})}}},
		{"array logp: the header declares", []member{x, {name: "logp.npy", data: array("|u1", "(2,)", []byte{1})}}},
		{"2 names for 1 columns", []member{x, {name: "names.npy", data: text("(2,)", "ab")}}},
		{`column 0 has the name "1"`, []member{x, {name: "names.npy", data: text("(1,)", "1")}}},
		{"array meta: shape (1, 1) of numbers", []member{x, {name: "meta.npy", data: one(1)}}},
		{"which does not exist", []member{x, {name: "meta.npy", data: array("<U1", "()", []byte{0, 0, 0x11, 0})}}},
	} {
		refused(t, c.want, archive(t, c.members...), draws.Options{}, c.want)
	}
}

func TestBombsAreRefusedBeforeTheyGoOff(t *testing.T) {
	// A sound deflated archive of 8 kB, whose array of 8 MB takes 64 in memory.
	bomb := archive(t, member{name: "x.npy", data: array("|u1", "(8000000,)", make([]byte, 8000000)), deflate: true})
	if bytes := allocated(func() {
		refused(t, "a bomb", bomb, draws.Options{}, "compressed beyond belief")
	}); bytes > 1<<20 {
		t.Errorf("%d bytes allocated", bytes)
	}
	// What is sparse and small is no bomb.
	sparse := archive(t, member{name: "x.npy", data: array("<f8", "(1000000,)", make([]byte, 8000000)), deflate: true})
	if got := decoded(t, sparse, draws.Options{}); got.Points.Len() != 1000000 {
		t.Errorf("%d points", got.Points.Len())
	}
	lying := archive(t, member{name: "x.npy", data: one(1), deflate: true, change: func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 62 }})
	if bytes := allocated(func() {
		refused(t, "a lie", lying, draws.Options{}, "more than deflate can make")
	}); bytes > 1<<20 {
		t.Errorf("%d bytes allocated", bytes)
	}
}

func TestMembersSayTheirSizeWhereOldReadersLook(t *testing.T) {
	// Some readers go by the header of the member alone, without the directory: it has no data descriptor.
	file := encoded(t, ".npz", randomTable(3, 2, 1))
	r, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
		offset, _ := f.DataOffset()
		head := file[offset-int64(30+len(f.Name)):]
		if flags, packed := binary.LittleEndian.Uint16(head[6:]), binary.LittleEndian.Uint32(head[18:]); flags&8 != 0 || uint64(packed) != f.UncompressedSize64 {
			t.Errorf("%s: flags %#x, size %d in the member, %d in the directory", f.Name, flags, packed, f.UncompressedSize64)
		}
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(content); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if got := strings.Join(names, " "); got != "x.npy logp.npy" {
		t.Errorf("members %s", got)
	}
}
