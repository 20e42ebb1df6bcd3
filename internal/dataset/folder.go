package dataset

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
)

// idxName is the name of a file of images of a part of a set: train-images-idx3-ubyte.gz, t10k-images.idx3-ubyte.
var idxName = regexp.MustCompile(`^(?:.*[-_.])?(train|test|t10k)[-_.]images[-_.]idx3[-_.]ubyte(?:\.gz)?$`)

// listing is what a folder has, sorted by name.
type listing struct {
	path    string
	folders []string
	images  []string // PNG files
	idx     []string // IDX files of images
	others  []string
}

// list looks into a folder. Hidden files are left out.
func list(path string) (*listing, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	l := &listing{path: path}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == "__MACOSX" {
			continue
		}
		info, err := os.Stat(filepath.Join(path, name)) // follows links
		switch {
		case err != nil && e.Type()&fs.ModeSymlink != 0:
			return nil, fmt.Errorf("%s is a link that leads to no file: remove it, or mend it", filepath.Join(path, name))
		case err != nil:
			return nil, err
		case info.IsDir():
			l.folders = append(l.folders, name)
		case !info.Mode().IsRegular(): // to open a pipe would be to wait for a writer
			return nil, fmt.Errorf("%s is a device or a pipe: a folder of images has ordinary files and folders", filepath.Join(path, name))
		case strings.EqualFold(filepath.Ext(name), ".png"):
			l.images = append(l.images, name)
		case idxName.MatchString(name):
			l.idx = append(l.idx, name)
		default:
			l.others = append(l.others, name)
		}
	}
	return l, nil
}

// readFolder reads a part of the images of a folder, or all if it has no parts and need not have.
func readFolder(path, split string, parts bool) (*Images, error) {
	l, err := list(path)
	if err != nil {
		return nil, err
	}
	if len(l.idx) > 0 {
		return l.readIDX(split, parts)
	}
	if l.hasParts() {
		for _, name := range splits[split] {
			if slices.Contains(l.folders, name) {
				return readFolder(filepath.Join(path, name), split, false)
			}
		}
	}
	if parts {
		return nil, fmt.Errorf("%s has no %s set: IDX files named %s, or a folder %s of PNG files", path, map[string]string{"train": "training", "test": "test"}[split],
			map[string]string{"train": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte"}[split], split)
	}
	switch {
	case len(l.images) > 0 && len(l.folders) > 0:
		return nil, fmt.Errorf("%s has PNG files and folders (%s is one): images of one class lie in the folder itself, of several in a folder each; move one or the other", path, l.folders[0])
	case len(l.images) > 0:
		d := &Images{}
		return d, d.add(l)
	case len(l.folders) > 0:
		return l.readClasses()
	}
	return nil, l.nothing()
}

// hasParts says whether the folders in a folder are parts of a set, and not classes, one of which may be trains.
func (l *listing) hasParts() bool {
	parts := slices.Concat(splits["train"], splits["test"], []string{"val", "validation"})
	return len(l.folders) > 0 && !slices.ContainsFunc(l.folders, func(name string) bool { return !slices.Contains(parts, name) })
}

// nothing says that a folder has no images, and what it has instead.
func (l *listing) nothing() error {
	const wanted = "PNG files, folders of them, or IDX files named train-images-idx3-ubyte are looked for"
	if len(l.others) == 0 {
		return fmt.Errorf("%s is empty: %s", l.path, wanted)
	}
	head := make([]byte, 32)
	said := ""
	if f, err := os.Open(filepath.Join(l.path, l.others[0])); err == nil {
		n, _ := io.ReadFull(f, head)
		f.Close()
		if head = head[:n]; bytes.HasPrefix(head, []byte(npyMagic)) || bytes.HasPrefix(head, []byte("\x00\x00\x08\x03")) {
			said = "it can be read by itself: give its name"
		} else {
			said = foreignTo(head)
		}
	}
	if said != "" {
		said = " (" + said + ")"
	}
	return fmt.Errorf("%s has no images: %s, and %s, %s%s for example", l.path, wanted, spelling.Counted(len(l.others), "other file"), l.others[0], said)
}

// readIDX reads the IDX files of a part.
func (l *listing) readIDX(split string, parts bool) (*Images, error) {
	var fitting []string
	for _, name := range l.idx {
		if slices.Contains(splits[split], idxName.FindStringSubmatch(name)[1]) {
			// The same file compressed and not: the plain one.
			if plain, isPacked := strings.CutSuffix(name, ".gz"); !isPacked || !slices.Contains(l.idx, plain) {
				fitting = append(fitting, name)
			}
		}
	}
	if len(fitting) == 0 && len(l.idx) == 1 && !parts {
		fitting = l.idx
	}
	switch len(fitting) {
	case 0:
		return nil, fmt.Errorf("%s has no file %s, and %s", l.path,
			map[string]string{"train": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte or test-images-idx3-ubyte"}[split], strings.Join(l.idx, ", "))
	case 1:
	default:
		return nil, fmt.Errorf("%s has several files of the %s images, %s: give the name of one", l.path, split, strings.Join(fitting, ", "))
	}
	path := filepath.Join(l.path, fitting[0])
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return readFile(path, info.Size(), "", split, false)
}

// readClasses reads folders of images, each a class. Where all are named by numbers, these are the labels; else folders are
// numbered as they are sorted.
func (l *listing) readClasses() (*Images, error) {
	type class struct {
		name  string
		label int
	}
	classes := make([]class, len(l.folders))
	numbered := true
	for k, name := range l.folders {
		n, err := strconv.Atoi(name)
		numbered = numbered && err == nil && n >= 0 && n <= mostLabel && strconv.Itoa(n) == name
		classes[k] = class{name, n}
	}
	if numbered {
		slices.SortFunc(classes, func(a, b class) int { return cmp.Compare(a.label, b.label) })
	}
	if len(classes) > mostLabel {
		return nil, fmt.Errorf("%s has %d folders: a folder is a class, and there can be %d", l.path, len(classes), mostLabel)
	}
	d := &Images{Labels: []int{}}
	for k, c := range classes {
		folder, err := list(filepath.Join(l.path, c.name))
		switch {
		case err != nil:
			return nil, err
		case len(folder.folders) > 0:
			return nil, fmt.Errorf("%s, a class of %s, has folders in it, %s for example: a class has images alone", folder.path, l.path, folder.folders[0])
		case len(folder.images) == 0:
			return nil, folder.nothing()
		}
		if !numbered {
			c.label = k
			d.Names = append(d.Names, c.name)
		}
		if err := d.add(folder); err != nil {
			return nil, err
		}
		for range folder.images {
			d.Labels = append(d.Labels, c.label)
		}
	}
	return d, nil
}

// add reads the PNG files of a folder.
func (d *Images) add(l *listing) error {
	if len(l.others) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%s of %s left out: no .png, %s for example", spelling.Counted(len(l.others), "file"), l.path, l.others[0]))
	}
	for _, name := range l.images {
		path := filepath.Join(l.path, name)
		p, err := readPNG(path, d.Height, d.Width)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		d.Height, d.Width = p.height, p.width
		d.Pixels = append(d.Pixels, p.pixels...)
		d.Count++
	}
	return nil
}

// readPNG reads a file as decodePNG does.
func readPNG(path string, height, width int) (picture, error) {
	f, err := os.Open(path)
	if err != nil {
		return picture{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return picture{}, err
	}
	head := make([]byte, min(info.Size(), 32))
	if _, err := f.ReadAt(head, 0); err != nil {
		return picture{}, err
	}
	if said := foreignTo(head); said != "" {
		return picture{}, fmt.Errorf("its name ends in .png, and %s", said)
	}
	return decodePNG(f, info.Size(), height, width)
}
