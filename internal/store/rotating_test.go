package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/internal/store/storetest"
)

// state is what a checkpoint of step number holds: values that say whose they are.
func state(number int) store.Safetensors {
	return store.Safetensors{
		Metadata: map[string]string{"step": fmt.Sprint(number)},
		Tensors:  []store.Tensor{store.FromFloat64s("w", slices.Repeat([]float64{float64(number)}, 1000), 1000)},
	}
}

// history writes checkpoints with these numbers, one after the other, and returns the file they belong to.
func history(t *testing.T, numbers ...int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "donut[1].safetensors") // a name that is a pattern to some
	for _, n := range numbers {
		if err := store.WriteRotating(path, n, state(n), 3); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func checkpoint(path string, number int) string { return fmt.Sprintf("%s.ckpt-%08d", path, number) }

// newest fails the test unless the newest sound checkpoint is that of number.
func newest(t *testing.T, path string, number int) store.Newest {
	t.Helper()
	got, err := store.ReadNewest(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Number != number || got.Path != checkpoint(path, number) || !same(got.Safetensors, state(number)) {
		t.Fatalf("number %d from %s with %q, want %d", got.Number, got.Path, got.Metadata, number)
	}
	return got
}

func TestNewestCheckpointsAreKept(t *testing.T) {
	path := history(t)
	if _, err := store.ReadNewest(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none yet: %v", err)
	}
	if _, err := store.ReadNewest(filepath.Join(path, "no", "folder")); err == nil {
		t.Error("a folder that is none")
	}
	name := filepath.Base(path)
	others := []string{name, name + ".ckpt-1", name + ".ckpt-00000001.old", name + ".ckpt-0000000x", name + ".ckpt--0000001", "x" + name + ".ckpt-00000001"}
	for _, other := range others {
		os.WriteFile(filepath.Join(filepath.Dir(path), other), []byte("of somebody else"), 0o666)
	}
	kept := []string{}
	for _, n := range []int{0, 7, 99999999, 100000000, 1e9} {
		if err := store.WriteRotating(path, n, state(n), 3); err != nil {
			t.Fatal(err)
		}
		newest(t, path, n)
		kept = append(kept, filepath.Base(checkpoint(path, n)))
		kept = kept[max(0, len(kept)-3):]
		names := slices.Sorted(slices.Values(slices.Concat(kept, others)))
		folderHolds(t, filepath.Dir(path), names...)
	}
	if err := store.WriteRotating(path, 1e9, state(1e9), 1); err != nil { // the same once more, alone
		t.Fatal(err)
	}
	folderHolds(t, filepath.Dir(path), slices.Sorted(slices.Values(slices.Concat(kept[2:], others)))...)
	for want, err := range map[string]error{
		"number -1": store.WriteRotating(path, -1, state(0), 3),
		"keep is 0": store.WriteRotating(path, 1, state(0), 0),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	newest(t, path, 1e9)
}

func TestPathWithoutAFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := store.WriteRotating("m", 3, state(3), 1); err != nil {
		t.Fatal(err)
	}
	newest(t, "m", 3)
	if err := store.RemoveRotating("m"); err != nil {
		t.Error(err)
	}
	folderHolds(t, ".")
}

func TestDamagedNewestFallsBackToThePrevious(t *testing.T) {
	sound := encode(t, state(300))
	flipped := bytes.Clone(sound)
	flipped[len(flipped)/2] ^= 4
	for want, damaged := range map[string][]byte{
		"it is empty":                {},
		"its SHA-256 should be":      flipped,
		"the last":                   append(bytes.Clone(sound), 0),
		"ends behind":                sound[:len(sound)-1],
		"it has no checksum":         container(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "a"),
		"7 bytes are fewer than the": sound[:7],
	} {
		path := history(t, 100, 200, 300)
		if err := os.WriteFile(checkpoint(path, 300), damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		got := newest(t, path, 200)
		if len(got.Skipped) != 1 || !errors.Is(got.Skipped[0], store.ErrCorrupt) ||
			!strings.HasPrefix(got.Skipped[0].Error(), checkpoint(path, 300)+": ") || !strings.Contains(got.Skipped[0].Error(), want) {
			t.Errorf("%v, want %q", got.Skipped, want)
		}
		// The history goes on from 200, and what was wrong ahead of it is gone.
		if err := store.WriteRotating(path, 250, state(250), 3); err != nil {
			t.Fatal(err)
		}
		if got := newest(t, path, 250); len(got.Skipped) > 0 {
			t.Errorf("still there: %v", got.Skipped)
		}
		name := filepath.Base(path)
		folderHolds(t, filepath.Dir(path), name+".ckpt-00000100", name+".ckpt-00000200", name+".ckpt-00000250")
	}
}

func TestEveryFlippedByteAndEveryTruncationFallsBack(t *testing.T) {
	path := history(t, 1)
	small := store.Safetensors{Metadata: map[string]string{"step": "2"}, Tensors: []store.Tensor{store.FromFloat64s("w", []float64{2})}}
	if err := store.WriteRotating(path, 2, small, 3); err != nil {
		t.Fatal(err)
	}
	whole := read(t, checkpoint(path, 2))
	check := func(damaged []byte) {
		t.Helper()
		if err := os.WriteFile(checkpoint(path, 2), damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		newest(t, path, 1)
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		check(damaged)
		check(whole[:i])
	}
}

func TestOnlyDamagedCheckpointsAreAllNamed(t *testing.T) {
	path := history(t, 1, 2)
	os.Truncate(checkpoint(path, 1), 50)
	os.Remove(checkpoint(path, 2))
	os.Mkdir(checkpoint(path, 2), 0o777)
	_, err := store.ReadNewest(path)
	if !errors.Is(err, store.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, want := range []string{"none of the 2 checkpoints", checkpoint(path, 1), checkpoint(path, 2) + " is no ordinary file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

// The 24 points: write, sync, rename and the folder's sync, before and after, with three faults. The others
// (create, close, remove) are met on the way.
func TestCheckpointsSurviveEveryFailure(t *testing.T) {
	met := map[string]bool{}
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, nil} {
		for _, after := range []bool{false, true} {
			for _, old := range [][]int{{}, {100}, {100, 200, 300}} {
				points := storetest.Each(t, fault, func(fsys *storetest.Failing) {
					fsys.After = after
					path := history(t, old...)
					if len(old) > 1 { // a damaged one that the history has gone back behind
						os.WriteFile(checkpoint(path, 500), nil, 0o666)
					}
					err := store.WriteRotatingOn(fsys, path, 400, state(400), 3)
					met[fmt.Sprint(fsys.Failed, after, fault)] = true
					there(t, path, fsys.Failed, err, append(old, 400))
					want := len(old) + 1
					if _, err := os.Stat(checkpoint(path, 400)); err == nil {
						want++
					}
					// And life goes on.
					if err := store.WriteRotating(path, 500, state(500), 3); err != nil {
						t.Errorf("%s failed, and the next write too: %v", fsys.Failed, err)
					}
					newest(t, path, 500)
					if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != min(3, want) {
						t.Errorf("%s failed (%v): %v are left", fsys.Failed, err, files)
					}
				})
				if want := map[int]int{0: 6, 1: 6, 3: 9}[len(old)]; points != want {
					t.Errorf("%d points of failure, want %d", points, want)
				}
			}
		}
	}
	count := 0
	for _, operation := range []string{"write", "sync", "rename", "sync of the folder"} {
		for _, after := range []bool{false, true} {
			for _, fault := range []error{syscall.EIO, syscall.ENOSPC, nil} {
				if met[fmt.Sprint(operation, after, fault)] {
					count++
				}
			}
		}
	}
	if count != 24 {
		t.Errorf("%d of the 24 points were met: %v", count, met)
	}
}

// there fails the test unless the newest checkpoint is the last of numbers or the one before, in accord with the
// error of the write.
func there(t *testing.T, path, failed string, err error, numbers []int) {
	t.Helper()
	var notWritten *store.NotWrittenError
	var uncertain *store.UncertainError
	var leftover *store.LeftoverError
	last := numbers[len(numbers)-1]
	got, readErr := store.ReadNewest(path)
	switch {
	case errors.As(err, &notWritten) && failed == "rename" && readErr == nil && got.Number == last:
		newest(t, path, last) // renamed, yet said to have failed
	case errors.As(err, &notWritten) && len(numbers) == 1:
		if !errors.Is(readErr, fs.ErrNotExist) {
			t.Errorf("%s failed: %v", failed, readErr)
		}
	case errors.As(err, &notWritten):
		newest(t, path, numbers[len(numbers)-2])
	case errors.As(err, &uncertain), errors.As(err, &leftover), err == nil && failed == "":
		newest(t, path, last)
	default:
		t.Errorf("%s failed: the error is %v, of no kind", failed, err)
	}
}

func TestNothingIsRemovedBeforeTheNewOneIsOnDisk(t *testing.T) {
	storetest.Each(t, syscall.EIO, func(fsys *storetest.Failing) {
		path := history(t, 1, 2, 3)
		err := store.WriteRotatingOn(fsys, path, 4, state(4), 1)
		var leftover *store.LeftoverError
		if err == nil || errors.As(err, &leftover) {
			return
		}
		for n := 1; n <= 3; n++ {
			if _, err := store.ReadSafetensors(checkpoint(path, n)); err != nil {
				t.Errorf("%s failed: %v", fsys.Failed, err)
			}
		}
	})
}

func TestRemoveRotatingLeavesNothing(t *testing.T) {
	path := history(t, 1, 2, 3)
	os.WriteFile(path, []byte("the output"), 0o666)
	os.WriteFile(path+".ckpt.tmp", []byte("of a process that died"), 0o666)
	for range 2 {
		if err := store.RemoveRotating(path); err != nil {
			t.Error(err)
		}
		folderHolds(t, filepath.Dir(path), filepath.Base(path))
	}
}
