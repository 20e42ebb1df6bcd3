package draws_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
)

func TestNPYSinkPutsEveryDrawInItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.npy")
	transitions := []uint64{2, 5, 40}
	s, err := draws.CreateNPY(path, draws.Shape{Particles: 100, Dim: 2, First: 7, Transitions: transitions})
	if err != nil {
		t.Fatal(err)
	}
	puts(t, s, transitions, true)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there before it is complete: %v", err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	table := mustRead(t, path, draws.Options{PointAxes: 2})
	for k, transition := range transitions {
		for i := range 100 {
			for j := range 2 {
				if got, want := table.Points.Row(j)[100*k+i], address(7+uint64(i), transition, j); got != want {
					t.Fatalf("transition %d, particle %d: %v, want %v", transition, i, got, want)
				}
			}
		}
	}
}

func TestNPYSinkOfOneTransitionIsTheFileThatWriteMakes(t *testing.T) {
	dir := t.TempDir()
	shape := draws.Shape{Particles: 100, Dim: 2, First: 7, Transitions: []uint64{9}}
	s, err := draws.CreateNPY(dir+"/streamed.npy", shape)
	if err != nil {
		t.Fatal(err)
	}
	m := &draws.Memory{Particles: 100, Dim: 2, First: 7}
	puts(t, s, []uint64{9}, false)
	puts(t, m, []uint64{9}, false)
	table, err := m.Table()
	if err := errors.Join(err, s.Commit(), draws.Write(dir+"/whole.npy", table)); err != nil {
		t.Fatal(err)
	}
	streamed, _ := os.ReadFile(dir + "/streamed.npy")
	whole, _ := os.ReadFile(dir + "/whole.npy")
	if string(streamed) != string(whole) || len(whole) != 128+1600 {
		t.Errorf("%d bytes streamed, %d written whole", len(streamed), len(whole))
	}
}

func TestNPYSinkGoesOnWhereItWasLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.npy")
	shape := draws.Shape{Particles: 100, Dim: 2, First: 7, Transitions: []uint64{1, 2}}
	if _, err := draws.ReopenNPY(path, shape); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to go on with: %v", err)
	}
	s, err := draws.CreateNPY(path, shape)
	if err != nil {
		t.Fatal(err)
	}
	puts(t, s, []uint64{1}, false)
	s.Put(context.Background(), drawsOf(7, 50, 2, 2, false))
	if err := errors.Join(s.Sync(), s.Close()); err != nil {
		t.Fatal(err)
	}
	other := shape
	other.Transitions = []uint64{1, 2, 3}
	if _, err := draws.ReopenNPY(path, other); err == nil || !strings.Contains(err.Error(), "another shape than (3, 100, 2)") {
		t.Errorf("another shape: %v", err)
	}
	if s, err = draws.ReopenNPY(path, shape); err != nil {
		t.Fatal(err)
	}
	s.Put(context.Background(), drawsOf(57, 50, 2, 2, false))
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	table := mustRead(t, path, draws.Options{PointAxes: 2})
	for i := range 200 {
		if got, want := table.Points.Row(1)[i], address(7+uint64(i%100), uint64(1+i/100), 1); got != want {
			t.Fatalf("row %d: %v, want %v", i, got, want)
		}
	}
}

func TestShapesThatAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.npy")
	for _, c := range []struct {
		shape draws.Shape
		want  string
	}{
		{draws.Shape{Particles: 0, Dim: 2, Transitions: []uint64{1}}, "at least 1"},
		{draws.Shape{Particles: 1, Dim: 2}, "at least 1"},
		{draws.Shape{Particles: 1, Dim: -2, Transitions: []uint64{1}}, "at least 1"},
		{draws.Shape{Particles: 1, Dim: 2, Transitions: []uint64{2, 2}}, "transition 2 follows 2"},
		{draws.Shape{Particles: 1 << 40, Dim: 1 << 40, Transitions: []uint64{1}}, "more bytes than a file"},
	} {
		if _, err := draws.CreateNPY(path, c.shape); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.shape, err, c.want)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) > 0 {
		t.Errorf("%d files are left", len(entries))
	}
}
