package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"
)

var when = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestAVersionIsSemantic(t *testing.T) {
	for _, good := range []string{"v0.1.0", "v1.20.3", "v0.2.0-rc.1"} {
		if !pattern.MatchString(good) {
			t.Errorf("%s was refused", good)
		}
	}
	for _, bad := range []string{"", "0.1.0", "v1", "v1.2", "v01.2.3", "v1.2.3 -X x", "v1.2.3-"} {
		if pattern.MatchString(bad) {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestArchivesHoldWhatWentInAndAreReproducible(t *testing.T) {
	files := []file{{"infer", []byte("program"), true}, {"LICENSE", []byte("terms"), false}}
	for name, pack := range map[string]func(string, []file, time.Time) ([]byte, error){"tar": tarGz, "zip": zipped} {
		first, err := pack("infer-v1", files, when)
		if err != nil {
			t.Fatal(err)
		}
		second, err := pack("infer-v1", files, when)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: two archives differ (%v)", name, err)
		}
	}
	packed, _ := tarGz("infer-v1", files, when)
	compressed, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(compressed)
	h, err := r.Next()
	if err != nil || h.Name != "infer-v1/infer" || h.Mode != 0o755 || !h.ModTime.Equal(when) {
		t.Errorf("tar: got %+v, %v", h, err)
	}
	if data, _ := io.ReadAll(r); string(data) != "program" {
		t.Errorf("tar: got %q", data)
	}
	packed, _ = zipped("infer-v1", files, when)
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil || len(z.File) != 2 || z.File[1].Name != "infer-v1/LICENSE" {
		t.Errorf("zip: got %+v, %v", z, err)
	}
}

// A licence of every kind of name is found, and nothing else is.
func TestLicenceFilesAreKnownByName(t *testing.T) {
	for _, name := range strings.Fields("LICENSE LICENSE.txt LICENSE.md LICENCE UNLICENSE COPYING licenses NOTICE") {
		if !licence.MatchString(name) {
			t.Errorf("%s was not seen", name)
		}
	}
	for _, name := range []string{"README.md", "sublicense", "relicensed.txt"} {
		if licence.MatchString(name) {
			t.Errorf("%s was taken for a licence", name)
		}
	}
}
