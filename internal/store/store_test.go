package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/internal/store/storetest"
)

// fill returns a writer of size bytes, all equal to b, in pieces of 1,000.
func fill(b byte, size int) func(io.Writer) error {
	return func(w io.Writer) error {
		for size := size; size > 0; size -= 1000 {
			if _, err := w.Write(bytes.Repeat([]byte{b}, min(size, 1000))); err != nil {
				return err
			}
		}
		return nil
	}
}

// folderHolds fails the test unless the folder holds exactly these files.
func folderHolds(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if fmt.Sprint(have) != fmt.Sprint(names) {
		t.Errorf("the folder holds %v, want %v", have, names)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFileIsOldOrNewWhateverOperationFails(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, nil} {
		for _, old := range []bool{true, false} {
			var failed []string
			var dir string
			points := storetest.Each(t, fault, func(fsys *storetest.Failing) {
				dir = t.TempDir()
				path := filepath.Join(dir, "draws")
				if old {
					if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				err := store.WriteFileOn(fsys, path, fill('n', 2500))
				if fsys.Failed == "" {
					if err != nil {
						t.Fatalf("nothing failed, yet %v", err)
					}
					return
				}
				failed = append(failed, fsys.Failed)
				var notWritten *store.NotWrittenError
				var uncertain *store.UncertainError
				switch {
				case errors.As(err, &notWritten):
					if old {
						folderHolds(t, dir, "draws")
						if got := read(t, path); string(got) != "old" {
							t.Errorf("%s failed: not written, yet the file is %d bytes of something", fsys.Failed, len(got))
						}
					} else {
						folderHolds(t, dir)
					}
				case errors.As(err, &uncertain):
					if got := read(t, path); len(got) != 2500 || bytes.Trim(got, "n") != nil && len(bytes.Trim(got, "n")) > 0 {
						t.Errorf("%s failed: said to be visible, yet the file has %d bytes", fsys.Failed, len(got))
					}
					folderHolds(t, dir, "draws")
				default:
					t.Errorf("%s failed: the error is %v, of neither kind", fsys.Failed, err)
				}
				if fault != nil && !errors.Is(err, fault) {
					t.Errorf("%s failed: the cause is lost in %v", fsys.Failed, err)
				}
			})
			want := "[create write write write sync rename close sync of the folder]"
			if fmt.Sprint(failed) != want || points != 8 {
				t.Errorf("points of failure: %v, want %v", failed, want)
			}
		}
	}
}

func TestLastTwoStepsLeaveTheFileVisible(t *testing.T) {
	storetest.Each(t, syscall.EIO, func(fsys *storetest.Failing) {
		err := store.WriteFileOn(fsys, filepath.Join(t.TempDir(), "f"), fill('n', 10))
		var uncertain *store.UncertainError
		visible := errors.As(err, &uncertain)
		if want := fsys.Failed == "close" || fsys.Failed == "sync of the folder"; visible != want {
			t.Errorf("%s failed: visible %v, want %v", fsys.Failed, visible, want)
		}
	})
}

func TestFullDiskSaysWhatIsNeededAndFree(t *testing.T) {
	sawWrite := false
	storetest.Each(t, syscall.ENOSPC, func(fsys *storetest.Failing) {
		path := filepath.Join(t.TempDir(), "draws.csv")
		err := store.WriteFileOn(fsys, path, fill('n', 123456))
		if fsys.Failed != "write" && fsys.Failed != "sync" {
			return
		}
		sawWrite = true
		var notWritten *store.NotWrittenError
		if !errors.As(err, &notWritten) || notWritten.Needed != 123456 {
			t.Fatalf("%s failed: %v", fsys.Failed, err)
		}
		for _, want := range []string{path, "no space left on device", "123456 bytes are needed", "free in its folder"} {
			if !strings.Contains(err.Error(), want) {
				t.Fatalf("%q is not in %q", want, err)
			}
		}
	})
	if !sawWrite {
		t.Error("no write failed")
	}
}

func TestErrorOfTheWriterLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := store.WriteFile(path, fill('o', 5)); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("density is broken")
	err := store.WriteFile(path, func(w io.Writer) error {
		w.Write([]byte("half"))
		return broken
	})
	if !errors.Is(err, broken) || string(read(t, path)) != "ooooo" {
		t.Errorf("%v; the file is %q", err, read(t, path))
	}
	folderHolds(t, dir, "f")
}

func TestLeftoverOfADeadProcessIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path+".tmp", bytes.Repeat([]byte("x"), 99), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := store.WriteFile(path, fill('n', 3)); err != nil {
		t.Fatal(err)
	}
	if string(read(t, path)) != "nnn" {
		t.Errorf("the file is %q", read(t, path))
	}
	folderHolds(t, dir, "f")
}

func TestSecondWriterOfOneFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	first, err := store.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	first.Write([]byte("first"))
	if err := store.WriteFile(path, fill('2', 6)); !errors.Is(err, store.ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	if _, err := store.Reopen(path); !errors.Is(err, store.ErrBusy) {
		t.Errorf("a second owner: %v", err)
	}
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	if string(read(t, path)) != "first" {
		t.Errorf("the file is %q", read(t, path))
	}
}

func TestUnfinishedFileIsReopened(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if _, err := store.Reopen(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to reopen: %v", err)
	}
	p, err := store.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	p.WriteAt([]byte("begun "), 0)
	if err := errors.Join(p.Sync(), p.Leave()); err != nil {
		t.Fatal(err)
	}
	folderHolds(t, dir, "f.tmp")
	if p, err = store.Reopen(path); err != nil {
		t.Fatal(err)
	}
	p.WriteAt([]byte("and done"), 6)
	if err := p.Commit(); err != nil {
		t.Fatal(err)
	}
	if string(read(t, path)) != "begun and done" {
		t.Errorf("the file is %q", read(t, path))
	}
	if p, err = store.Create(path); err != nil {
		t.Fatal(err)
	}
	if err := p.Abort(); err != nil {
		t.Error(err)
	}
	folderHolds(t, dir, "f")
}

func TestPlacesWhereNoFileMayStand(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	os.WriteFile(target, []byte("old"), 0o666)
	link, dangling := filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	if errors.Join(os.Symlink(target, link), os.Symlink(filepath.Join(dir, "gone"), dangling)) != nil {
		t.Skip("no symbolic links here")
	}
	if err := store.WriteFile(link, fill('n', 3)); err != nil {
		t.Error(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced, not followed")
	}
	if string(read(t, target)) != "nnn" {
		t.Errorf("the target is %q", read(t, target))
	}
	for path, want := range map[string]string{
		dir:                               "a folder of this name exists",
		dangling:                          "symbolic link that leads nowhere",
		os.DevNull:                        "no ordinary file",
		filepath.Join(dir, "none", "f"):   "no such file or directory",
		filepath.Join(target, "f"):        "not a directory",
		filepath.Join(dir, "nul\x00name"): "invalid argument",
	} {
		err := store.WriteFile(path, fill('n', 3))
		var notWritten *store.NotWrittenError
		if !errors.As(err, &notWritten) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}
