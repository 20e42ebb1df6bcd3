package draws_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
)

// address is a value that names the place of a draw.
func address(particle, transition uint64, coordinate int) float64 {
	return float64(1000000*transition + 10*particle + uint64(coordinate))
}

// drawsOf are the draws of n particles from number first at a transition, each with its address.
func drawsOf(first uint64, n, dim int, transition uint64, logProb bool) mcmc.Draws {
	d := mcmc.Draws{X: lanes.New(n, dim), First: first, Transition: transition}
	if logProb {
		d.LogProb = make([]float64, n)
	}
	for i := range n {
		for j := range dim {
			d.X.Row(j)[i] = address(first+uint64(i), transition, j)
		}
		if logProb {
			d.LogProb[i] = -address(first+uint64(i), transition, 9)
		}
	}
	return d
}

// holds fails the test unless the table is of 100 particles from number 7 at a transition.
func holds(t *testing.T, table draws.Table, transition uint64, logProb bool) {
	t.Helper()
	if table.Points.Len() != 100 || table.Points.Dim() != 2 || strings.Join(table.Names, ",") != "x0,x1" {
		t.Fatalf("%d x %d, names %v", table.Points.Len(), table.Points.Dim(), table.Names)
	}
	want := drawsOf(7, 100, 2, transition, logProb)
	sameBits(t, "draws", table, draws.Table{Names: table.Names, Points: want.X, LogProb: want.LogProb})
}

// puts gives a sink all draws of 100 particles from number 7, in pieces, in any order, some twice, from three
// goroutines.
func puts(t *testing.T, sink mcmc.Sink, transitions []uint64, logProb bool) {
	t.Helper()
	var all []mcmc.Draws
	for _, transition := range transitions {
		for first := uint64(0); first < 100; first += 30 {
			d := drawsOf(7+first, min(30, 100-int(first)), 2, transition, logProb)
			all = append(all, d, d)
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var group sync.WaitGroup
	for worker := range 3 {
		group.Go(func() {
			for i := worker; i < len(all); i += 3 {
				if err := sink.Put(context.Background(), all[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := sink.Sync(); err != nil {
		t.Error(err)
	}
}

func TestMemoryKeepsTheLatestDrawOfEachParticle(t *testing.T) {
	for _, logProb := range []bool{true, false} {
		m := &draws.Memory{Particles: 100, Dim: 2, First: 7}
		puts(t, m, []uint64{3, 0, 9, 5}, logProb)
		table, err := m.Table()
		if err != nil {
			t.Fatal(err)
		}
		holds(t, table, 9, logProb)
		table.Points.Row(0)[0] = -1
		again, _ := m.Table()
		holds(t, again, 9, logProb)
		if m.Transitions() != nil {
			t.Errorf("transitions %v are kept unasked", m.Transitions())
		}
	}
}

func TestMemoryKeepsEveryTransitionIfAsked(t *testing.T) {
	m := &draws.Memory{Particles: 100, Dim: 2, First: 7, Every: true}
	puts(t, m, []uint64{3, 0, 9}, true)
	if got := fmt.Sprint(m.Transitions()); got != "[0 3 9]" {
		t.Errorf("transitions %s", got)
	}
	for _, transition := range m.Transitions() {
		table, err := m.At(transition)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, table, transition, true)
	}
	if _, err := m.At(4); err == nil || !strings.Contains(err.Error(), "no particle has a draw at transition 4") {
		t.Errorf("%v", err)
	}
	table, err := m.Table()
	if err != nil {
		t.Fatal(err)
	}
	holds(t, table, 9, true)
}

func TestSinksRefuseDrawsOfOthersAndUnfinishedRuns(t *testing.T) {
	m := &draws.Memory{Particles: 100, Dim: 2, First: 7}
	npy, err := draws.CreateNPY(t.TempDir()+"/d.npy", draws.Shape{Particles: 100, Dim: 2, First: 7, Transitions: []uint64{1}})
	if err != nil {
		t.Fatal(err)
	}
	defer npy.Abort()
	if _, err := m.Table(); err == nil || !strings.Contains(err.Error(), "no particle has a draw") {
		t.Errorf("an empty sink: %v", err)
	}
	short := drawsOf(7, 5, 2, 1, true)
	short.LogProb = short.LogProb[:3]
	for _, sink := range []mcmc.Sink{m, npy} {
		for _, c := range []struct {
			d    mcmc.Draws
			want string
		}{
			{drawsOf(7, 5, 3, 1, false), "dimension 3 for a sink of dimension 2"},
			{drawsOf(6, 5, 2, 1, false), "5 particles from number 6"},
			{drawsOf(105, 3, 2, 1, false), "3 particles from number 105"},
			{drawsOf(1<<63, 3, 2, 1, false), "3 particles from number 9223372036854775808"},
			{short, "3 values of log p for 5 draws"},
		} {
			if err := sink.Put(context.Background(), c.d); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%T: %v, want %q", sink, err, c.want)
			}
		}
	}
	if err := npy.Put(context.Background(), drawsOf(7, 5, 2, 2, false)); err == nil || !strings.Contains(err.Error(), "transition 2, which has no place") {
		t.Errorf("%v", err)
	}
	if err := m.Put(context.Background(), drawsOf(7, 60, 2, 1, true)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Table(); err == nil || !strings.Contains(err.Error(), "particle 67") {
		t.Errorf("a part of the particles: %v", err)
	}
}
