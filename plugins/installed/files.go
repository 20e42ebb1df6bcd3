package installed

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// open opens a regular file below a folder: no link, no pipe that would wait for a writer.
func open(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	named := filepath.FromSlash(name)
	parts := strings.Split(name, "/")
	for i := range parts { // the folders on the way are folders
		at := path.Join(parts[:i+1]...)
		info, err := root.Lstat(filepath.FromSlash(at))
		if err != nil {
			return nil, nil, fileError(name, err)
		}
		if at == name && !info.Mode().IsRegular() || at != name && !info.IsDir() {
			return nil, nil, fmt.Errorf("%s is a %s: the files of a plug-in are plain files", at, kindOf(info.Mode()))
		}
	}
	f, err := root.OpenFile(named, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, nil, fileError(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is a %s: the files of a plug-in are plain files", name, kindOf(info.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// fileError names the file by its path in the plug-in.
func fileError(name string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// readSmall reads a file that is a manifest.
func readSmall(root *os.Root, name string) ([]byte, error) {
	f, info, err := open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > longestManifest {
		return nil, fmt.Errorf("%s has %d bytes: at most %d", name, info.Size(), longestManifest)
	}
	return io.ReadAll(io.LimitReader(f, longestManifest+1))
}

// sums hashes all files of the plug-in.
func (p Plugin) sums() (map[string]string, error) {
	root, err := openFolder(p.Place, p.Name)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sums := map[string]string{}
	for _, name := range p.Paths() {
		if sums[name], err = copyFile(root, name, nil); err != nil {
			return nil, fmt.Errorf("plug-in %s: %w", p.Name, err)
		}
	}
	return sums, nil
}

// copyFile reads a file once, writes it below another folder unless that is nil, and returns its SHA-256. What is written is what
// was hashed.
func copyFile(from *os.Root, name string, to *os.Root) (sum string, err error) {
	f, info, err := open(from, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if to == nil {
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return "", fileError(name, err)
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	return writeFile(to, name, f, info.Mode()&0o100 != 0)
}

// writeFile writes a file that is not there yet, below a folder, and returns its SHA-256.
func writeFile(to *os.Root, name string, content io.Reader, executable bool) (sum string, err error) {
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	if folder := path.Dir(name); folder != "." {
		if err := to.MkdirAll(filepath.FromSlash(folder), 0o755); err != nil {
			return "", fileError(name, err)
		}
	}
	f, err := to.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", fileError(name, err)
	}
	defer func() {
		if closing := f.Close(); err == nil && closing != nil {
			err = fileError(name, closing)
		}
	}()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), content); err != nil {
		return "", fileError(name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Copy is a plug-in whose files have been checked, in a private folder that nobody else writes.
type Copy struct {
	Manifest
	Folder string
	// SHA256 is of each file, and of the manifest.
	SHA256 map[string]string
	lease  func()
}

// Take checks a plug-in: it reads each of its files once, into a private folder, and compares their SHA-256 with the lock file. The
// error is a *[ChangedError] where they differ. [Copy.Remove] removes the folder.
func (p Plugin) Take() (*Copy, error) {
	lock, err := ReadLock(p.Place)
	if err != nil {
		return nil, err
	}
	entry, ok := lock.find(p.Name)
	if !ok {
		return nil, p.changed("", "", "")
	}
	root, err := openFolder(p.Place, p.Name)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// The manifest comes first: it says what else there is.
	text, err := readSmall(root, ManifestFile)
	if err != nil {
		return nil, fmt.Errorf("plug-in %s: %w", p.Name, noManifest(err))
	}
	if sum := sumOf(text); sum != entry.SHA256[ManifestFile] {
		return nil, p.changed(ManifestFile, entry.SHA256[ManifestFile], sum)
	}
	m, err := ParseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("plug-in %s: %w", p.Name, err)
	}
	c := &Copy{Manifest: m, SHA256: map[string]string{ManifestFile: entry.SHA256[ManifestFile]}}
	if c.Folder, c.lease, err = privateFolder(); err != nil {
		return nil, err
	}
	if err := c.fill(p, root, entry); err != nil {
		c.Remove()
		return nil, err
	}
	return c, nil
}

func (c *Copy) fill(p Plugin, root *os.Root, entry Entry) error {
	to, err := os.OpenRoot(c.Folder)
	if err != nil {
		return err
	}
	defer to.Close()
	for _, name := range c.Paths() {
		if name == ManifestFile {
			continue
		}
		sum, err := copyFile(root, name, to)
		if errors.Is(err, fs.ErrNotExist) {
			return p.changed(name, entry.SHA256[name], "")
		}
		if err != nil {
			return fmt.Errorf("plug-in %s: %w", c.Name, err)
		}
		if sum != entry.SHA256[name] {
			return p.changed(name, entry.SHA256[name], sum)
		}
		c.SHA256[name] = sum
	}
	return nil
}

// Remove removes the private folder.
func (c *Copy) Remove() error {
	err := os.RemoveAll(c.Folder)
	c.lease()
	return err
}

// Sum is one SHA-256 for all files: that of the lines "sum  path", as sha256sum prints them, ordered by path.
func (c *Copy) Sum() string { return Sum(c.Manifest, c.SHA256) }

// Sum is one SHA-256 for all files of a plug-in: that of the lines "sum  path", as sha256sum prints them, in the order of
// [Manifest.Paths].
func Sum(m Manifest, sums map[string]string) string {
	var b strings.Builder
	for _, name := range m.Paths() {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return sumOf([]byte(b.String()))
}

// Program is the command that starts the plug-in from a folder that holds its files: a first word that is one of its files becomes a
// path there.
func (m Manifest) Program(folder string) []string {
	words := append([]string(nil), m.Command...)
	if _, own := m.Files[words[0]]; own {
		words[0] = filepath.Join(folder, filepath.FromSlash(words[0]))
	}
	return words
}

// Check compares all files of a plug-in with its lock file without copying them: one line for each fault.
func (p Plugin) Check() (sums map[string]string, faults []error, err error) {
	lock, err := ReadLock(p.Place)
	if err != nil {
		return nil, nil, err
	}
	entry, ok := lock.find(p.Name)
	if !ok {
		return nil, []error{p.changed("", "", "")}, nil
	}
	root, err := openFolder(p.Place, p.Name)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	sums = map[string]string{}
	for _, name := range p.Paths() {
		sum, err := copyFile(root, name, nil)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, p.changed(name, entry.SHA256[name], ""))
		case err != nil:
			faults = append(faults, fmt.Errorf("plug-in %s: %w", p.Name, err))
		case sum != entry.SHA256[name]:
			faults = append(faults, p.changed(name, entry.SHA256[name], sum))
		}
		sums[name] = sum
	}
	for name := range entry.SHA256 {
		if _, listed := sums[name]; !listed {
			faults = append(faults, fmt.Errorf("plug-in %s: %s was installed, and is no longer listed in %s", p.Name, name, ManifestFile))
		}
	}
	return sums, faults, nil
}

// Unlisted are the files in the plug-in's folder that its manifest does not list. They are never used.
func (p Plugin) Unlisted() []string {
	var list []string
	_ = filepath.WalkDir(p.Folder(), func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		name, err := filepath.Rel(p.Folder(), at)
		if err != nil {
			return nil
		}
		name = filepath.ToSlash(name)
		if _, listed := p.Files[name]; !listed && name != ManifestFile {
			list = append(list, name)
		}
		return nil
	})
	return list
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
