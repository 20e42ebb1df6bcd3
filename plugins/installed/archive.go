package installed

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// What is read of an archive at most: bytes of all its files, and entries.
const (
	longestArchive = 8 << 30
	mostEntries    = 16 * mostFiles
)

// fromTar unpacks a plug-in from a tar archive whose files stand at its top or in one folder. The manifest may stand anywhere in it, so
// the archive is read twice.
func fromTar(to *os.Root, source Source) (Manifest, map[string]string, error) {
	var manifest []byte
	prefix := ""
	err := entries(source.Path, func(h *tar.Header, content io.Reader) error {
		name := path.Clean(h.Name)
		folder, base := path.Split(name)
		if base != ManifestFile || strings.Count(name, "/") > 1 {
			return nil
		}
		if manifest != nil {
			return fmt.Errorf("it holds two manifests, %s and %s: one plug-in an archive", prefix+ManifestFile, name)
		}
		if h.Typeflag != tar.TypeReg || h.Size > longestManifest {
			return fmt.Errorf("%s is no file of at most %d bytes", name, longestManifest)
		}
		var err error
		prefix = folder
		manifest, err = io.ReadAll(content)
		return err
	})
	if err != nil {
		return Manifest{}, nil, err
	}
	if manifest == nil {
		return Manifest{}, nil, fmt.Errorf("there is no %s in it", ManifestFile)
	}
	m, err := source.allow(manifest)
	if err != nil {
		return Manifest{}, nil, err
	}
	sums := map[string]string{}
	err = entries(source.Path, func(h *tar.Header, content io.Reader) error {
		name, ok := strings.CutPrefix(path.Clean(h.Name), prefix)
		if _, listed := m.Files[name]; !ok || !listed && name != ManifestFile {
			return nil // what no manifest lists is not unpacked
		}
		if h.Typeflag != tar.TypeReg {
			return fmt.Errorf("%s is no plain file in it: the files of a plug-in are", name)
		}
		if _, twice := sums[name]; twice {
			return fmt.Errorf("it holds %s twice", name)
		}
		var err error
		sums[name], err = writeFile(to, name, content, h.Mode&0o100 != 0)
		return err
	})
	if err != nil {
		return Manifest{}, nil, err
	}
	for _, name := range m.Paths() {
		if sums[name] == "" {
			return Manifest{}, nil, fmt.Errorf("%s is listed in %s, and not in the archive", name, ManifestFile)
		}
	}
	if sums[ManifestFile] != sumOf(manifest) {
		return Manifest{}, nil, errors.New("it changes while it is read")
	}
	return m, sums, runnable(to, m)
}

// entries calls visit for every entry of an archive, plain or packed by gzip.
func entries(name string, visit func(h *tar.Header, content io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("it is neither a folder nor a file")
	}
	var content io.Reader = bufio.NewReader(f)
	if magic, _ := content.(*bufio.Reader).Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(content)
		if err != nil {
			return fmt.Errorf("it cannot be unpacked: %w", err)
		}
		content = unpacked
	}
	bounded := &io.LimitedReader{R: content, N: longestArchive}
	archive := tar.NewReader(bounded)
	for count := 0; ; count++ {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if bounded.N <= 0 || count > mostEntries {
			return fmt.Errorf("it unpacks to more than %d GiB or %d entries", longestArchive>>30, mostEntries)
		}
		if err != nil {
			return fmt.Errorf("it is no folder and no tar archive, plain or packed by gzip: %s", strings.TrimPrefix(err.Error(), "archive/tar: "))
		}
		if err := visit(h, archive); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("it is cut short: fetch it again")
			}
			if bounded.N <= 0 {
				err = fmt.Errorf("it unpacks to more than %d GiB", longestArchive>>30)
			}
			return err
		}
	}
}
