package draws

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"testing"
)

// sparseFile keeps the first and the last bytes of what is written; those between are zeros.
type sparseFile struct {
	head, tail []byte
	size       int64
}

const keep = 1 << 16

func (s *sparseFile) Write(b []byte) (int, error) {
	if room := keep - len(s.head); room > 0 {
		s.head = append(s.head, b[:min(room, len(b))]...)
	}
	s.tail = append(s.tail, b[max(0, len(b)-keep):]...)
	s.tail = s.tail[max(0, len(s.tail)-keep):]
	s.size += int64(len(b))
	return len(b), nil
}

func (s *sparseFile) ReadAt(b []byte, offset int64) (int, error) {
	n := min(int64(len(b)), s.size-offset)
	clear(b[:n])
	if offset < int64(len(s.head)) {
		copy(b, s.head[offset:])
	}
	if from := s.size - int64(len(s.tail)); offset+n > from {
		start := max(offset, from)
		copy(b[start-offset:n], s.tail[start-from:])
	}
	if n < int64(len(b)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func TestArrayBeyondFourGigabytesIsASoundArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes and reads 4 GiB of zeros, through memory")
	}
	const size = 4<<30 + 8
	var file sparseFile
	archive := zip.NewWriter(&file)
	block := make([]byte, 1<<20)
	err := addArray(archive, "x", "<f8", "(536870913, 1)", size, func(w io.Writer) error {
		for left := int64(size); left > 0; left -= int64(len(block)) {
			if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = addArray(archive, "after", "|u1", "(1,)", 1, func(w io.Writer) error {
			_, err := w.Write([]byte{7})
			return err
		})
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(&file, file.size)
	if err != nil {
		t.Fatal(err)
	}
	if x := r.File[0]; x.UncompressedSize64 != size+128 || x.CompressedSize64 != size+128 || x.ReaderVersion != 45 {
		t.Errorf("the directory says %d bytes, version %d", x.UncompressedSize64, x.ReaderVersion)
	}
	if extra := r.File[0].Extra; len(extra) != 28 {
		t.Errorf("the directory has %d bytes of extra fields, want one field of 28", len(extra))
	}
	// The header of the member, for readers that look nowhere else: sizes of ffffffff, and the ZIP64 field.
	want := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 5, 0, 20, 0}, "x.npy\x01\x00\x10\x00"...)
	want = binary.LittleEndian.AppendUint64(want, size+128)
	want = binary.LittleEndian.AppendUint64(want, size+128)
	if got := file.head[18 : 18+len(want)]; !bytes.Equal(got, want) {
		t.Errorf("the member begins % x, want % x", got, want)
	}
	// The array behind it is where the directory says, beyond 4 GiB.
	table, err := readMember(r.File[1], "after", file.size, Options{}, readNPY)
	if err != nil || table.Points.Row(0)[0] != 7 {
		t.Errorf("the array after it: %v", err)
	}
	// And the large one is read to its end, its checksum compared.
	_, err = readMember(r.File[0], "x", file.size, Options{}, func(r io.Reader, size int64, _ uint64, _ Options) (int64, error) {
		h, err := readHeader(r, size)
		if err == nil {
			err = h.checkBytes(size)
		}
		if err != nil {
			return 0, err
		}
		return io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, block)
	})
	if err != nil {
		t.Error(err)
	}
}
