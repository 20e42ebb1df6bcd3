package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// ErrCorrupt is in the chain of every error that says a checkpoint or a safetensors file is not what was
// written.
var ErrCorrupt = errors.New("corrupt file")

// Section is a named part of a checkpoint. The name has 1 to 255 bytes.
type Section struct {
	Name string
	Data []byte
}

// The file, all numbers little-endian:
//
//	"INFERCKP", version uint32, number of sections uint32
//	for each section: length of its name uint32, length of its data uint64, name, data,
//	                  CRC32C of all that uint32
//	SHA-256 of everything before
//
// The SHA-256 says that a file is damaged; the CRC32C says which section, and guards each one alone.
const (
	checkpointMagic   = "INFERCKP"
	checkpointVersion = 1
	checkpointHead    = len(checkpointMagic) + 4 + 4
	sectionHead       = 4 + 8
	sectionFoot       = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// WriteCheckpoint writes sections, in their order, to a file that appears whole. Two sections of one name
// are an error.
func WriteCheckpoint(path string, sections []Section) error {
	return WriteCheckpointOn(OS{}, path, sections)
}

// WriteCheckpointOn is [WriteCheckpoint] on a file system of the caller's.
func WriteCheckpointOn(fsys FS, path string, sections []Section) error {
	return WriteFileOn(fsys, path, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		if err := encodeCheckpoint(buffered, sections); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

func encodeCheckpoint(w io.Writer, sections []Section) error {
	seen := map[string]bool{}
	for _, s := range sections {
		if len(s.Name) == 0 || len(s.Name) > 255 {
			return fmt.Errorf("section name %q has %d bytes: 1 to 255 are allowed", s.Name, len(s.Name))
		}
		if seen[s.Name] {
			return fmt.Errorf("section %q is there twice", s.Name)
		}
		seen[s.Name] = true
	}
	hash := sha256.New()
	w = io.MultiWriter(w, hash)
	head := append(make([]byte, 0, checkpointHead), checkpointMagic...)
	head = binary.LittleEndian.AppendUint32(head, checkpointVersion)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(sections)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, s := range sections {
		head = binary.LittleEndian.AppendUint32(head[:0], uint32(len(s.Name)))
		head = binary.LittleEndian.AppendUint64(head, uint64(len(s.Data)))
		head = append(head, s.Name...)
		sum := crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, s.Data)
		for _, b := range [][]byte{head, s.Data, binary.LittleEndian.AppendUint32(nil, sum)} {
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
	_, err := w.Write(hash.Sum(nil))
	return err
}

// ReadCheckpoint reads what [WriteCheckpoint] wrote, as data by name. A file that differs from what was
// written in any byte, or has lost or gained some, is an error with [ErrCorrupt] in its chain. Memory is that
// of the file.
func ReadCheckpoint(path string) (map[string][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no ordinary file: %w", path, ErrCorrupt)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sections, err := decodeCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sections, nil
}

// decodeCheckpoint returns the sections as parts of data.
func decodeCheckpoint(data []byte) (map[string][]byte, error) {
	if !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrCorrupt, checkpointMagic)
	}
	if len(data) < checkpointHead+sha256.Size {
		return nil, fmt.Errorf("%w: %d bytes are fewer than the smallest one has, %d", ErrCorrupt, len(data), checkpointHead+sha256.Size)
	}
	body, footer := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	sections, err := splitSections(body)
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], footer) {
		if err == nil {
			err = errors.New("the sections are sound, the head or the footer is not")
		}
		return nil, fmt.Errorf("%w: the SHA-256 at its end does not match: %w", ErrCorrupt, err)
	}
	if version := binary.LittleEndian.Uint32(data[len(checkpointMagic):]); version != checkpointVersion {
		return nil, fmt.Errorf("a checkpoint of version %d, and this program reads version %d: use the program that wrote it", version, checkpointVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return sections, nil
}

// splitSections checks every declared length against the bytes that are there.
func splitSections(body []byte) (map[string][]byte, error) {
	count := binary.LittleEndian.Uint32(body[checkpointHead-4:])
	rest := body[checkpointHead:]
	sections := map[string][]byte{}
	for i := range count {
		if len(rest) < sectionHead {
			return nil, fmt.Errorf("the file ends in section %d of %d", i, count)
		}
		nameLength := uint64(binary.LittleEndian.Uint32(rest))
		dataLength := binary.LittleEndian.Uint64(rest[4:])
		left := uint64(len(rest) - sectionHead)
		if nameLength > left || dataLength > left-nameLength || left-nameLength-dataLength < sectionFoot {
			return nil, fmt.Errorf("section %d declares %d bytes, %d are there", i, dataLength, left)
		}
		end := sectionHead + int(nameLength) + int(dataLength)
		name := string(rest[sectionHead : sectionHead+int(nameLength)])
		if crc32.Checksum(rest[:end], castagnoli) != binary.LittleEndian.Uint32(rest[end:]) {
			return nil, fmt.Errorf("the checksum of section %q does not match", name)
		}
		if _, twice := sections[name]; twice {
			return nil, fmt.Errorf("section %q is there twice", name)
		}
		sections[name] = rest[sectionHead+int(nameLength) : end : end]
		rest = rest[end+sectionFoot:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the last section", len(rest))
	}
	return sections, nil
}
