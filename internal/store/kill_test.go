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
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/internal/store"
)

// The child of the tests below: it replaces a file for ever, or goes on with its checkpoints for ever, or writes
// under a limit of size.
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
	if os.Getenv("STORE_TEST_ROTATE") != "" {
		keepGoing(path)
	}
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

// large is a checkpoint that takes some time to write, so that a kill meets it half written.
func large(number int) store.Safetensors {
	s := state(number)
	s.Tensors = append(s.Tensors, store.FromFloat64s("more", slices.Repeat([]float64{float64(number)}, 50000), 50000))
	return s
}

// keepGoing resumes at the newest checkpoint and prints the number of each one that it has written.
func keepGoing(path string) {
	newest, err := store.ReadNewest(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Println(err)
		os.Exit(1)
	}
	for number := newest.Number + 1; ; number++ {
		if err := store.WriteRotating(path, number, large(number), 3); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(number)
	}
}

func TestKillLosesNoCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	random := rand.New(rand.NewPCG(3, 4))
	halfWritten, kills, last := 0, 50, 0
	if testing.Short() {
		kills = 10
	}
	for range kills {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "STORE_TEST_CHILD="+path, "STORE_TEST_ROTATE=1")
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		io.ReadFull(out, make([]byte, len("ready\n")))
		time.AfterFunc(time.Duration(random.IntN(10000))*time.Microsecond, func() { child.Process.Kill() })
		said, _ := io.ReadAll(out)
		child.Wait()
		for line := range strings.Lines(string(said)) {
			if n, err := fmt.Sscan(line, &last); n != 1 {
				t.Fatalf("%v: the child said %q", err, line)
			}
		}
		if _, err := os.Stat(path + ".ckpt.tmp"); err == nil {
			halfWritten++
		}
		got, err := store.ReadNewest(path)
		if last == 0 && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		// It may have died between writing the next one and saying so.
		if err != nil || len(got.Skipped) > 0 || got.Number != last && got.Number != last+1 || !same(got.Safetensors, large(got.Number)) {
			t.Fatalf("%v: checkpoint %d, and the child had written %d; skipped %v", err, got.Number, last, got.Skipped)
		}
		last = got.Number
	}
	t.Logf("%d kills, %d checkpoints, %d left a temporary file", kills, last, halfWritten)
	if halfWritten == 0 && !testing.Short() {
		t.Error("no kill met a checkpoint half written: the test tests nothing")
	}
	if err := store.WriteRotating(path, last+1, state(last+1), 3); err != nil {
		t.Error(err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != min(3, last+1) { // a slow machine may write only one
		t.Errorf("after the last kill: %v", files)
	}
}
