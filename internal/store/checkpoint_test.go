package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/internal/store/storetest"
)

// small is a checkpoint of a few hundred bytes, with an empty section and a name of several bytes a letter.
var small = []store.Section{
	{Name: "state", Data: bytes.Repeat([]byte{1, 2, 3, 0}, 20)},
	{Name: "empty"},
	{Name: "Maß", Data: []byte("17")},
}

func TestCheckpointComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	for _, sections := range [][]store.Section{small, nil} {
		if err := store.WriteCheckpoint(path, sections); err != nil {
			t.Fatal(err)
		}
		got, err := store.ReadCheckpoint(path)
		if err != nil || len(got) != len(sections) {
			t.Fatalf("%v, %d sections", err, len(got))
		}
		for _, s := range sections {
			if data, ok := got[s.Name]; !ok || !bytes.Equal(data, s.Data) {
				t.Errorf("section %q is %q", s.Name, data)
			}
		}
	}
}

func TestCheckpointSeesEveryFlippedByteAndEveryTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	if err := store.WriteCheckpoint(path, small); err != nil {
		t.Fatal(err)
	}
	whole := read(t, path)
	check := func(what string, damaged []byte) {
		t.Helper()
		if err := os.WriteFile(path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := store.ReadCheckpoint(path); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		for _, flip := range []byte{1, 0x80, 0xff} {
			damaged := bytes.Clone(whole)
			damaged[i] ^= flip
			check(fmt.Sprintf("byte %d flipped by %#x", i, flip), damaged)
		}
		check(fmt.Sprintf("%d bytes of %d", i, len(whole)), whole[:i])
	}
	check("a byte more", append(bytes.Clone(whole), 0))
}

func TestDamagedSectionIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	if err := store.WriteCheckpoint(path, small); err != nil {
		t.Fatal(err)
	}
	damaged := read(t, path)
	damaged[bytes.Index(damaged, []byte("Maß"))+5] ^= 1
	os.WriteFile(path, damaged, 0o666)
	if _, err := store.ReadCheckpoint(path); err == nil || !strings.Contains(err.Error(), `checksum of section "Maß"`) {
		t.Errorf("%v", err)
	}
}

func TestCheckpointRefusesWhatItCouldNotGiveBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	for _, sections := range [][]store.Section{
		{{Name: "a"}, {Name: "a"}},
		{{Name: ""}},
		{{Name: strings.Repeat("n", 256)}},
	} {
		if err := store.WriteCheckpoint(path, sections); err == nil {
			t.Errorf("%v was written", sections)
		}
	}
	if _, err := store.ReadCheckpoint(t.TempDir()); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := store.ReadCheckpoint(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestPreviousCheckpointSurvivesEveryFailure(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, nil} {
		path := filepath.Join(t.TempDir(), "c")
		if err := store.WriteCheckpoint(path, []store.Section{{Name: "step", Data: []byte{0}}}); err != nil {
			t.Fatal(err)
		}
		storetest.Each(t, fault, func(fsys *storetest.Failing) {
			err := store.WriteCheckpointOn(fsys, path, []store.Section{{Name: "step", Data: []byte{1}}})
			got, readErr := store.ReadCheckpoint(path)
			if readErr != nil {
				t.Fatalf("%s failed (%v): %v", fsys.Failed, err, readErr)
			}
			var notWritten *store.NotWrittenError
			if old := got["step"][0] == 0; old && !errors.As(err, &notWritten) {
				t.Errorf("%s failed: the old one is there and the error is %v", fsys.Failed, err)
			}
		})
	}
}

func TestForgedCheckpointIsRefusedDespiteItsSHA256(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	if err := store.WriteCheckpoint(path, small[:1]); err != nil {
		t.Fatal(err)
	}
	whole := read(t, path)
	body := whole[:len(whole)-sha256.Size]
	section := body[16:]
	forge := func(count byte, sections ...[]byte) []byte {
		forged := slices.Concat(body[:12], []byte{count, 0, 0, 0}, slices.Concat(sections...))
		sum := sha256.Sum256(forged)
		return append(forged, sum[:]...)
	}
	lying := bytes.Clone(section)
	binary.LittleEndian.PutUint64(lying[4:], 1<<62)
	damaged := bytes.Clone(section)
	damaged[20]++
	if _, err := store.DecodeCheckpoint(forge(1, section)); err != nil {
		t.Errorf("the same again: %v", err)
	}
	for want, forged := range map[string][]byte{
		"1 bytes follow the last section":      forge(1, section, []byte{0}),
		"the file ends in section 1 of 2":      forge(2, section),
		`section "state" is there twice`:       forge(2, section, section),
		"declares 4611686018427387904 bytes":   forge(1, lying),
		`checksum of section "state" does not`: forge(1, damaged),
	} {
		if _, err := store.DecodeCheckpoint(forged); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	newer := forge(1, section)
	newer[8] = 2
	sum := sha256.Sum256(newer[:len(newer)-sha256.Size])
	copy(newer[len(newer)-sha256.Size:], sum[:])
	if _, err := store.DecodeCheckpoint(newer); err == nil || errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a newer version: %v", err)
	}
}

func FuzzReadCheckpoint(f *testing.F) {
	path := filepath.Join(f.TempDir(), "c")
	if err := store.WriteCheckpoint(path, small); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	lying := bytes.Clone(whole)
	binary.LittleEndian.PutUint64(lying[20:], 1<<62)
	f.Add(lying)
	f.Add(whole[:len(whole)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		// A mutation never guesses the SHA-256, so the sections are looked at without it as well.
		if sections, err := store.DecodeCheckpoint(data); err == nil && !bytes.Equal(data, whole) {
			total := 0
			for name, section := range sections {
				total += len(name) + len(section)
			}
			if total > len(data) {
				t.Errorf("%d bytes of sections out of %d", total, len(data))
			}
		}
		store.SplitSections(data)
	})
}
