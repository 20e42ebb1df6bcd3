package plugins

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// checkFiles says what is wrong with a list of files.
func checkFiles(plugin string, files []File) error {
	for _, f := range files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return fmt.Errorf("plug-in %s: the file %q: its path has to be inside the plug-in's folder", plugin, f.Path)
		}
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != sha256.Size {
			return fmt.Errorf("plug-in %s: the SHA-256 of %s is %q: it has 64 hexadecimal digits", plugin, f.Path, f.SHA256)
		}
	}
	return nil
}

// copyVerified copies the files of a folder to a new one and checks the sums of what it wrote. Every file is opened once, inside
// its folder, so nobody can exchange it between the check and the use.
func copyVerified(from, to string, files []File) error {
	root, err := os.OpenRoot(orCurrent(from))
	if err != nil {
		return fmt.Errorf("its folder: %w", err)
	}
	defer root.Close()
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		if err := copyFile(root, to, f); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(root *os.Root, to string, f File) error {
	path := filepath.FromSlash(f.Path)
	source, err := root.Open(path)
	if err != nil {
		return fmt.Errorf("the file %s that was installed cannot be read: %w", f.Path, err)
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", f.Path)
	}
	target := filepath.Join(to, path)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	copied, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600|info.Mode().Perm()&0o100)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(copied, sum), io.LimitReader(source, info.Size()+1))
	if closing := copied.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("a private copy of %s: %w", f.Path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, f.SHA256) {
		return &SumError{Path: f.Path, Want: strings.ToLower(f.SHA256), Got: got}
	}
	return nil
}

func orCurrent(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}
