package draws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/mcmc"
)

// Shape says which draws an [NPY] sink has places for.
type Shape struct {
	Particles, Dim int
	First          uint64   // number of the first particle
	Transitions    []uint64 // those that are recorded, ascending
}

// NPY is a sink that writes draws where they belong in an npy file, so that memory does not grow with their
// number: an array of shape (transitions, particles, dim), or (particles, dim) where one transition is
// recorded, in C order. Log p has no room in it.
//
// The file has the suffix .tmp until [NPY.Commit]. One that was left by [NPY.Close], or by the death of the
// process, is taken up by [ReopenNPY] when the run is resumed.
type NPY struct {
	shape   Shape
	head    int64
	file    *store.Pending
	buffers sync.Pool
}

var _ mcmc.Sink = (*NPY)(nil)

// CreateNPY begins a file.
func CreateNPY(path string, shape Shape) (*NPY, error) {
	head, err := shape.head()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err := store.Create(path)
	if err != nil {
		return nil, err
	}
	if _, err := file.WriteAt(head, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Abort())
	}
	return newNPY(shape, head, file), nil
}

// ReopenNPY goes on with an unfinished file of the same shape. If there is none the error is fs.ErrNotExist.
func ReopenNPY(path string, shape Shape) (*NPY, error) {
	head, err := shape.head()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err := store.Reopen(path)
	if err != nil {
		return nil, err
	}
	there := make([]byte, len(head))
	if _, err := file.ReadAt(there, 0); err != nil && !errors.Is(err, io.EOF) || !slices.Equal(there, head) {
		return nil, errors.Join(fmt.Errorf("%s: the unfinished file beside it has another shape than %s: remove it, or resume with the settings it was begun with", path, shape.text()), file.Leave())
	}
	return newNPY(shape, head, file), nil
}

func newNPY(shape Shape, head []byte, file *store.Pending) *NPY {
	s := &NPY{shape: shape, head: int64(len(head)), file: file}
	s.buffers.New = func() any {
		buffer := make([]byte, 0, 8*chunk)
		return &buffer
	}
	return s
}

// head is the header of the file.
func (s Shape) head() ([]byte, error) {
	if s.Particles < 1 || s.Dim < 1 || len(s.Transitions) < 1 {
		return nil, fmt.Errorf("an array of shape %s: every length is at least 1", s.text())
	}
	for i := 1; i < len(s.Transitions); i++ {
		if s.Transitions[i] <= s.Transitions[i-1] {
			return nil, fmt.Errorf("transition %d follows %d: recorded transitions ascend", s.Transitions[i], s.Transitions[i-1])
		}
	}
	declared := header{element: element{size: 8}, shape: []uint64{uint64(len(s.Transitions)), uint64(s.Particles), uint64(s.Dim)}}
	if count, overflow := declared.elements(); overflow || count >= 1<<59 {
		return nil, fmt.Errorf("an array of shape %s has more bytes than a file can", s.text())
	}
	return npyHead("<f8", s.text()), nil
}

func (s Shape) text() string {
	text := fmt.Sprintf("%d, %d)", s.Particles, s.Dim)
	if len(s.Transitions) == 1 {
		return "(" + text
	}
	return "(" + strconv.Itoa(len(s.Transitions)) + ", " + text
}

// Put implements mcmc.Sink. Draws of other particles or transitions than those of the shape are an error.
func (s *NPY) Put(_ context.Context, d mcmc.Draws) error {
	if err := checkDraws(d, s.shape.First, s.shape.Particles, s.shape.Dim); err != nil {
		return err
	}
	t, ok := slices.BinarySearch(s.shape.Transitions, d.Transition)
	if !ok {
		return fmt.Errorf("draws of transition %d, which has no place in the file", d.Transition)
	}
	point := int64(t)*int64(s.shape.Particles) + int64(d.First-s.shape.First)
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	return writePoints(io.NewOffsetWriter(s.file, s.head+8*point*int64(s.shape.Dim)), d.X, *buffer)
}

// Sync implements mcmc.Sink: what was put is on disk.
func (s *NPY) Sync() error { return s.file.Sync() }

// Commit gives the file its name, once the run is complete: a place that was never put would be 0.
func (s *NPY) Commit() error { return s.file.Commit() }

// Close keeps the unfinished file for ReopenNPY.
func (s *NPY) Close() error { return s.file.Leave() }

// Abort removes the unfinished file.
func (s *NPY) Abort() error { return s.file.Abort() }
