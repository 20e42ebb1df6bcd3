package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// LeftoverError says that a checkpoint is written, but that older ones, which should have gone, are still
// there. The next write tries again.
type LeftoverError struct {
	Path string // the file whose checkpoints they are
	Err  error  // the cause
}

func (e *LeftoverError) Error() string {
	return fmt.Sprintf("an old checkpoint of %s could not be removed: %v", e.Path, e.Err)
}

func (e *LeftoverError) Unwrap() error { return e.Err }

// Newest is what [ReadNewest] found.
type Newest struct {
	Safetensors
	Number int
	Path   string // the file that was read
	// Skipped are newer checkpoints that could not be used, the newest first. Each error names its file and says
	// what is wrong with it. A user should hear of them.
	Skipped []error
}

// WriteRotating writes checkpoint number (not negative) of the file path, beside it, and removes all but the keep
// (at least 1) newest: "donut.safetensors" has checkpoints "donut.safetensors.ckpt-00000100", ...-00000200, and
// so on. Nothing is removed before the new one is known to be on disk.
//
// The numbers of one history rise. A checkpoint of a higher number is a damaged one, which the caller has gone
// back behind, and goes too; so whoever begins anew calls [RemoveRotating] first.
//
// After a [NotWrittenError] the checkpoints are as they were, after an [UncertainError] the new one stands beside
// them, and after a [LeftoverError] it is as it should be but for one too many.
func WriteRotating(path string, number int, s Safetensors, keep int) error {
	return WriteRotatingOn(OS{}, path, number, s, keep)
}

// WriteRotatingOn is [WriteRotating] on a file system of the caller's.
func WriteRotatingOn(fsys FS, path string, number int, s Safetensors, keep int) error {
	if number < 0 {
		return fmt.Errorf("checkpoint number %d of %s: it cannot be negative", number, path)
	}
	if keep < 1 {
		return fmt.Errorf("keep is %d: at least 1 checkpoint of %s has to be kept", keep, path)
	}
	name := numbered(path, number)
	target, err := resolve(name)
	if err != nil {
		return notWritten(name, err)
	}
	// One name for all numbers, so that what a killed process leaves behind is replaced by the next checkpoint,
	// and two processes meet.
	p, err := create(fsys, name, target, unfinished(path))
	if err != nil {
		return err
	}
	if err := p.complete(s.encode); err != nil {
		return err
	}
	if err := prune(fsys, path, number, keep); err != nil {
		return &LeftoverError{Path: path, Err: err}
	}
	return nil
}

// prune removes the checkpoints with higher numbers, and those with lower ones but for keep - 1.
func prune(fsys FS, path string, number, keep int) error {
	numbers, err := rotation(path)
	if err != nil {
		return err
	}
	var failed []error
	higher, older := false, 0
	for _, n := range numbers {
		if n < number {
			older++
		}
		if n > number || older >= keep {
			failed = append(failed, gone(fsys.Remove(numbered(path, n))))
			higher = higher || n > number
		}
	}
	if higher { // it must not come back as the newest
		failed = append(failed, fsys.SyncDir(filepath.Dir(path)))
	}
	return errors.Join(failed...)
}

// ReadNewest reads the newest checkpoint of the file path that is sound; those above it are reported in Skipped.
// All checkpoints of ours have a checksum, so one without it is not sound. If there is no checkpoint at all the
// error is fs.ErrNotExist; if there are only damaged ones it names them all.
func ReadNewest(path string) (Newest, error) {
	numbers, err := rotation(path)
	if err != nil {
		return Newest{}, err
	}
	var skipped []error
	for _, n := range numbers {
		name := numbered(path, n)
		s, err := ReadSafetensors(name)
		if err == nil && s.SHA256 == "" {
			err = fmt.Errorf("%s: %w: it has no checksum", name, ErrCorrupt)
		}
		if err == nil {
			return Newest{Safetensors: s, Number: n, Path: name, Skipped: skipped}, nil
		}
		skipped = append(skipped, err)
	}
	if len(skipped) == 0 {
		return Newest{}, fmt.Errorf("%s has no checkpoint: %w", path, fs.ErrNotExist)
	}
	return Newest{}, fmt.Errorf("none of the %d checkpoints of %s can be read: %w", len(skipped), path, errors.Join(skipped...))
}

// RemoveRotating removes all checkpoints of the file path, finished or not. That there are none is no error.
func RemoveRotating(path string) error {
	numbers, err := rotation(path)
	if err != nil {
		return err
	}
	var failed []error
	failed = append(failed, gone(removeLeftover(unfinished(path))))
	slices.Reverse(numbers) // the newest, which all the others are only for, goes last
	for _, n := range numbers {
		failed = append(failed, gone(os.Remove(numbered(path, n))))
	}
	if len(numbers) > 0 {
		failed = append(failed, syncDir(filepath.Dir(path)))
	}
	return errors.Join(failed...)
}

// gone is the error of removing a file, except that it was not there.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// numbered is the name of a checkpoint. Eight digits make the order of names that of numbers for long.
func numbered(path string, number int) string {
	return fmt.Sprintf("%s.ckpt-%08d", path, number)
}

// unfinished is the name of every checkpoint while it is written.
func unfinished(path string) string { return temporary(path + ".ckpt") }

// rotation lists the numbers of the checkpoints of path, the highest first.
func rotation(path string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	prefix := filepath.Base(path) + ".ckpt-"
	var numbers []int
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(digits)
		if err == nil && n >= 0 && filepath.Base(numbered(path, n)) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.SortFunc(numbers, func(a, b int) int { return cmp.Compare(b, a) })
	return numbers, nil
}
