package draws

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// The arrays of our own files; names and logp and meta may be missing.
const (
	pointsArray = "x"
	namesArray  = "names"
	metaArray   = "meta"
)

// maxRatio is what deflate can make of a byte at most (1032), so a member that declares more lies.
const maxRatio = 1032

// readNPZ reads the one array of an npz file, or the chosen one, or one of our own files.
func readNPZ(r io.ReaderAt, size int64, options Options) (Table, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return Table{}, fmt.Errorf("the zip archive is damaged: %w", err)
	}
	members := map[string]*zip.File{}
	var names []string
	for _, f := range archive.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		if members[name] != nil {
			return Table{}, fmt.Errorf("the array %s is there twice", clip(name))
		}
		members[name] = f
		names = append(names, name)
	}
	chosen := options.Array
	ours := chosen == "" && members[pointsArray] != nil && !slices.ContainsFunc(names, func(name string) bool {
		return name != pointsArray && name != logProbName && name != namesArray && name != metaArray
	})
	switch {
	case len(names) == 0:
		return Table{}, errors.New("the zip archive holds no npy array")
	case ours:
		chosen = pointsArray
		if members[metaArray] != nil && options.PointAxes == 0 {
			options.PointAxes = 1 // a configuration stands beside points of one run: their other axes are those of a point
		}
	case chosen == "" && len(names) == 1:
		chosen = names[0]
	case chosen == "":
		return Table{}, fmt.Errorf("it holds the arrays %s: choose one by its name after a colon, as in file.npz:%s", list(names), strings.Trim(clip(names[0]), `"`))
	case members[chosen] == nil:
		return Table{}, fmt.Errorf("it holds no array %s; it holds %s", clip(chosen), list(names))
	}
	t, err := readMember(members[chosen], chosen, size, options, readNPY)
	if err == nil && ours {
		err = t.readCompanions(members, size)
	}
	return t, err
}

// readCompanions reads what our own files hold besides the points.
func (t *Table) readCompanions(members map[string]*zip.File, size int64) error {
	if f := members[logProbName]; f != nil {
		column, err := readMember(f, logProbName, size, Options{}, readNPY)
		if err != nil {
			return err
		}
		if column.Points.Dim() != 1 || column.Points.Len() != t.Points.Len() {
			return fmt.Errorf("%s has %d rows of %d columns for %d points: one number a point is needed", logProbName, column.Points.Len(), column.Points.Dim(), t.Points.Len())
		}
		t.LogProb = column.Points.Row(0)[:t.Points.Len()]
	}
	if f := members[namesArray]; f != nil {
		names, err := readMember(f, namesArray, size, Options{}, readText)
		if err != nil {
			return err
		}
		if len(names) != t.Points.Dim() {
			return fmt.Errorf("%d names for %d columns", len(names), t.Points.Dim())
		}
		if err := checkNames(names, t.LogProb); err != nil {
			return err
		}
		t.Names = names
	}
	if f := members[metaArray]; f != nil {
		meta, err := readMember(f, metaArray, size, Options{}, readText)
		if err != nil {
			return err
		}
		if len(meta) == 1 && isMeta([]byte(meta[0])) { // anything else is somebody's own notes
			t.Meta = []byte(meta[0])
		}
	}
	return nil
}

// list prints the names of arrays, at most ten.
func list(names []string) string {
	var shown []string
	for i, name := range names {
		if i == 10 {
			shown = append(shown, fmt.Sprintf("and %d more", len(names)-10))
			break
		}
		shown = append(shown, strings.Trim(clip(name), `"`))
	}
	return strings.Join(shown, ", ")
}

// readMember reads one array of an archive of size bytes, and compares its length and its checksum.
func readMember[T any](f *zip.File, name string, size int64, options Options, read func(io.Reader, int64, uint64, Options) (T, error)) (T, error) {
	t, err := openMember(f, size, options, read)
	if err != nil {
		var none T
		return none, fmt.Errorf("array %s: %w", strings.Trim(clip(name), `"`), err)
	}
	return t, nil
}

func openMember[T any](f *zip.File, size int64, options Options, read func(io.Reader, int64, uint64, Options) (T, error)) (T, error) {
	var none T
	raw, err := f.OpenRaw()
	if err != nil {
		return none, fmt.Errorf("the zip archive is damaged: %w", err)
	}
	start, err := f.DataOffset()
	if err != nil {
		return none, fmt.Errorf("the zip archive is damaged: %w", err)
	}
	declared, packed := f.UncompressedSize64, f.CompressedSize64
	if start < 0 || start > size || packed > uint64(size-start) {
		return none, fmt.Errorf("the archive declares %d bytes at offset %d, and has %d", packed, start, size)
	}
	var content io.Reader
	memory := budget(size)
	switch {
	case f.Flags&1 != 0:
		return none, errors.New("it is encrypted")
	case f.Method == zip.Store && packed != declared:
		return none, fmt.Errorf("it is stored, and yet declares %d bytes packed and %d unpacked", packed, declared)
	case f.Method == zip.Store:
		content = raw
	case f.Method == zip.Deflate && declared/maxRatio > packed:
		return none, fmt.Errorf("it declares %d bytes out of %d compressed, more than deflate can make of them", declared, packed)
	case f.Method == zip.Deflate:
		content, memory = flate.NewReader(raw), inflatedBudget(size)
	default:
		return none, fmt.Errorf("it is compressed by method %d: stored and deflated arrays are read", f.Method)
	}
	if declared > math.MaxInt64 {
		return none, fmt.Errorf("it declares %d bytes", declared)
	}
	sum := &summed{under: content}
	t, err := read(sum, int64(declared), memory, options)
	var damaged flate.CorruptInputError
	if errors.As(err, &damaged) {
		return none, fmt.Errorf("its compressed data are damaged: %w", err)
	}
	if err != nil {
		return none, err
	}
	// The reader took exactly what was declared; nothing may follow.
	if n, err := io.Copy(io.Discard, io.LimitReader(sum, 1)); n != 0 || err != nil {
		if err == nil {
			err = fmt.Errorf("more than the declared %d bytes are there", declared)
		}
		return none, err
	}
	if sum.crc != f.CRC32 {
		return none, fmt.Errorf("its checksum (CRC-32) is %08x, the archive says %08x: the file is damaged", sum.crc, f.CRC32)
	}
	return t, nil
}

// summed takes the CRC-32 of what is read through it.
type summed struct {
	under io.Reader
	crc   uint32
}

func (s *summed) Read(b []byte) (int, error) {
	n, err := s.under.Read(b)
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b[:n])
	return n, err
}

// readText reads an array of text, of no axis or one.
func readText(r io.Reader, size int64, budget uint64, _ Options) ([]string, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	if err := h.checkBytes(size); err != nil {
		return nil, err
	}
	if h.element.kind != 'U' || len(h.shape) > 1 {
		return nil, fmt.Errorf("shape %s of numbers or text, where one line of text is wanted", h.shapeText())
	}
	// A text in memory takes 16 bytes and at least a quarter of what it takes in the file.
	count, _ := h.elements()
	if count > budget/32 || uint64(size) > budget/4 || h.element.size == 0 {
		return nil, fmt.Errorf("%d texts of %d bytes are more than a file of this size is allowed", count, h.element.size)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if h.element.big {
		order = binary.BigEndian
	}
	texts := make([]string, count)
	raw := make([]byte, h.element.size)
	var text []byte
	for i := range texts {
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, reading(err)
		}
		text = text[:0]
		for k := 0; k < len(raw); k += 4 {
			c := order.Uint32(raw[k:])
			if c > utf8.MaxRune || !utf8.ValidRune(rune(c)) {
				return nil, fmt.Errorf("text %d has the character %#x, which does not exist", i, c)
			}
			text = utf8.AppendRune(text, rune(c))
		}
		texts[i] = string(bytes.TrimRight(text, "\x00"))
	}
	return texts, nil
}

// encodeNPZ writes the arrays of a table, stored, not deflated: random numbers hardly shrink.
func encodeNPZ(w io.Writer, t Table) error {
	archive := zip.NewWriter(w)
	n, dim := t.Points.Len(), t.Points.Dim()
	err := addArray(archive, pointsArray, "<f8", t.shape(), 8*int64(n)*int64(dim), func(w io.Writer) error {
		return writePoints(w, t.Points, make([]byte, 0, 8*min(n*dim, chunk)))
	})
	if err == nil && t.LogProb != nil {
		err = addArray(archive, logProbName, "<f8", fmt.Sprintf("(%d,)", n), 8*int64(n), func(w io.Writer) error {
			return writeColumn(w, t.LogProb)
		})
	}
	if err == nil && !slices.Equal(t.Names, defaultNames(dim)) {
		err = addTexts(archive, namesArray, fmt.Sprintf("(%d,)", dim), t.Names)
	}
	if err == nil && t.Meta != nil {
		var compact bytes.Buffer
		if err = json.Compact(&compact, t.Meta); err == nil {
			err = addTexts(archive, metaArray, "()", []string{compact.String()})
		}
	}
	if err != nil {
		return err
	}
	return archive.Close()
}

// writeColumn writes numbers, little-endian.
func writeColumn(w io.Writer, values []float64) error {
	buffer := make([]byte, 0, 8*min(len(values), chunk))
	for len(values) > 0 {
		buffer = buffer[:0]
		for _, v := range values[:min(len(values), chunk)] {
			buffer = binary.LittleEndian.AppendUint64(buffer, bitsOf(v))
		}
		if _, err := w.Write(buffer); err != nil {
			return err
		}
		values = values[len(buffer)/8:]
	}
	return nil
}

// addTexts adds an array of text: UTF-32, each padded with zeros to the length of the longest.
func addTexts(archive *zip.Writer, name, shape string, texts []string) error {
	longest := 1
	for _, text := range texts {
		longest = max(longest, utf8.RuneCountInString(text))
	}
	size := int64(4) * int64(longest) * int64(len(texts))
	return addArray(archive, name, fmt.Sprintf("<U%d", longest), shape, size, func(w io.Writer) error {
		cell := make([]byte, 0, 4*longest)
		for _, text := range texts {
			cell = cell[:0]
			for _, r := range text {
				cell = binary.LittleEndian.AppendUint32(cell, uint32(r))
			}
			if _, err := w.Write(cell[:4*longest]); err != nil {
				return err
			}
			clear(cell[:cap(cell)])
		}
		return nil
	})
}

// addArray adds an array whose data have size bytes. The data are made twice, first for the checksum: with it
// in the header of the member, readers that look nowhere else work too.
func addArray(archive *zip.Writer, name, descr, shape string, size int64, data func(w io.Writer) error) error {
	head := npyHead(descr, shape)
	sum := crc32.NewIEEE()
	sum.Write(head)
	if err := data(sum); err != nil {
		return err
	}
	total := uint64(len(head)) + uint64(size)
	member := &zip.FileHeader{
		Name:               name + ".npy",
		Method:             zip.Store,
		CRC32:              sum.Sum32(),
		CompressedSize64:   total,
		UncompressedSize64: total,
		CreatorVersion:     20,
		ReaderVersion:      20,
	}
	if total >= math.MaxUint32 {
		// The archive's directory gets its ZIP64 sizes from package zip, the header of the member from here.
		member.ReaderVersion = 45
		member.Extra = zip64Sizes(total)
	}
	w, err := archive.CreateRaw(member)
	if err != nil {
		return err
	}
	member.Extra = nil
	if _, err := w.Write(head); err != nil {
		return err
	}
	return data(w)
}

// zip64Sizes is the extra field of a member whose sizes do not fit 32 bits.
func zip64Sizes(total uint64) []byte {
	extra := binary.LittleEndian.AppendUint16(nil, 1) // ZIP64
	extra = binary.LittleEndian.AppendUint16(extra, 16)
	extra = binary.LittleEndian.AppendUint64(extra, total)
	return binary.LittleEndian.AppendUint64(extra, total)
}
