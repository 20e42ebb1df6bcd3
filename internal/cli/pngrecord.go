package cli

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/scorefield/infer/mcmc"
)

// pngRecord is what a picture says of itself, in a chunk iTXt of the keyword infer: how the draws were made, and the SHA-256 of
// their numbers, which the picture itself has rounded.
type pngRecord struct {
	Settings  settings `json:"settings"`
	DrawsHash string   `json:"draws_sha256"`
}

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	recordWord   = "infer"
	// afterHeader is where a chunk may stand: behind the signature and IHDR, which is always the first and has 25 bytes.
	afterHeader = len(pngSignature) + 25
	mostRecord  = 1 << 20
)

// withRecord is a PNG file with a record in it.
func withRecord(file []byte, r pngRecord) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	body := append([]byte("iTXt"+recordWord+"\x00\x00\x00\x00\x00"), text...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = append(chunk, body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body))
	return bytes.Join([][]byte{file[:afterHeader], chunk, file[afterHeader:]}, nil), nil
}

// readRecord reads the record of a PNG file.
func readRecord(path string) (*pngRecord, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, data(fmt.Errorf("%s: there is no such file", path))
	}
	if err != nil {
		return nil, data(err)
	}
	defer f.Close()
	r, err := findRecord(f)
	if err != nil {
		return nil, data(fmt.Errorf("%s: %w", path, err))
	}
	return r, nil
}

var errNoRecord = errors.New("it does not say how it was made: pictures that infer sample writes do")

func findRecord(r io.Reader) (*pngRecord, error) {
	head := make([]byte, len(pngSignature))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != pngSignature {
		return nil, errors.New("it is no PNG file")
	}
	for {
		var start [8]byte
		if _, err := io.ReadFull(r, start[:]); err != nil {
			return nil, errNoRecord
		}
		size, kind := binary.BigEndian.Uint32(start[:]), string(start[4:])
		if kind != "iTXt" || size > mostRecord {
			if _, err := io.CopyN(io.Discard, r, int64(size)+4); err != nil {
				return nil, errNoRecord
			}
			continue
		}
		body := make([]byte, size)
		var sum [4]byte
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, errNoRecord
		}
		if _, err := io.ReadFull(r, sum[:]); err != nil {
			return nil, errNoRecord
		}
		text, ok := bytes.CutPrefix(body, []byte(recordWord+"\x00\x00\x00\x00\x00"))
		if !ok {
			continue
		}
		if crc32.Update(crc32.ChecksumIEEE(start[4:]), crc32.IEEETable, body) != binary.BigEndian.Uint32(sum[:]) {
			return nil, errors.New("what it says of how it was made is damaged: its checksum is wrong")
		}
		return decodeRecord(text)
	}
}

func decodeRecord(text []byte) (*pngRecord, error) {
	var parts struct {
		Settings json.RawMessage `json:"settings"`
		Hash     string          `json:"draws_sha256"`
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, fmt.Errorf("what it says of how it was made cannot be read: %w", err)
	}
	set, err := decodeSettings(parts.Settings)
	if err != nil {
		return nil, err
	}
	return &pngRecord{set, parts.Hash}, nil
}

// sameDraws compares the draws of a run with the record of a picture.
func sameDraws(r pngRecord, hash string) error {
	if r.DrawsHash == hash {
		return nil
	}
	return fmt.Errorf("the run gave other images than the picture shows (epoch %d): the file was changed, or one of two machines computes wrongly", mcmc.Epoch)
}
