//go:build unix

package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/internal/store"
)

// The child of the two tests below: it replaces a file for ever, or writes under a limit of size.
func TestMain(m *testing.M) {
	path := os.Getenv("STORE_TEST_CHILD")
	if path == "" {
		os.Exit(m.Run())
	}
	if limit := os.Getenv("STORE_TEST_LIMIT"); limit != "" {
		syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096})
		fmt.Println(store.WriteFile(path, fill('n', 20000)))
		os.Exit(0)
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		if err := store.WriteFile(path, fill(byte('a'+i%26), 200000)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func TestKillLeavesTheOldOrTheNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	random := rand.New(rand.NewPCG(1, 2))
	halfWritten, kills := 0, 50
	if testing.Short() {
		kills = 10
	}
	for range kills {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "STORE_TEST_CHILD="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		io.ReadFull(out, make([]byte, len("ready")))
		time.Sleep(time.Duration(random.IntN(5000)) * time.Microsecond)
		child.Process.Kill()
		child.Wait()
		if _, err := os.Stat(path + ".tmp"); err == nil {
			halfWritten++
		}
		got, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if len(got) != 200000 || bytes.Count(got, got[:1]) != len(got) {
			t.Fatalf("a torn file of %d bytes", len(got))
		}
	}
	if err := store.WriteFile(path, fill('n', 3)); err != nil {
		t.Errorf("after the last kill: %v", err)
	}
	t.Logf("%d kills, %d left a temporary file", kills, halfWritten)
	if halfWritten == 0 {
		t.Error("no kill met a file half written: the test tests nothing")
	}
}

func TestLimitOfFileSizeIsAFullDisk(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "STORE_TEST_CHILD="+filepath.Join(dir, "f"), "STORE_TEST_LIMIT=1")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "file too large: 20000 bytes are needed") {
		t.Errorf("%v: %s", err, out)
	}
	folderHolds(t, dir)
}
