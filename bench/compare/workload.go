package main

import "fmt"

// candidate is one form of a peer's program.
type candidate struct {
	variant string
	tune    string // extra flags for XLA, "none" or "w512"
	threads int
	spin    bool // OpenMP threads that spin while they wait (PyTorch)
}

func (c candidate) String() string {
	s := fmt.Sprintf("%s, %s, %d", c.variant, c.tune, c.threads)
	if c.spin {
		s += " spinning"
	}
	return s
}

// row is a line of the table: a peer at a precision, in the best of some forms. The first is the one that was fastest
// so far.
type row struct {
	name       string
	program    string // in bench/peers
	precision  string
	candidates []candidate
	cold       bool // compilation is counted, as for somebody who does the work once; imports are not
	repeats    int  // at most, where one takes seconds; 0 for no bound
	// By how much ours must be faster, on a narrow and on a wide machine, and what a wide one should reach;
	// 0 where nothing is asked.
	narrow, wide, stretch float64
}

// workload is a piece of work, its comparisons and our own forms of it.
type workload struct {
	name  string
	title string
	check interval  // what the programs print of their results
	ours  []ourForm // the first is the one that meets the peers
	rows  []row
	part  string // of the peers' programs, where they have several
}

// ourForm is the program in bench/compare/ours with some arguments.
type ourForm struct {
	name      string
	arguments []string
}

// interval is where a check figure must lie: outside of it the work was not done.
type interval struct{ low, high float64 }

var workloads = []workload{donut, training, sampling, unetTraining, unetForward10, unetForward100, unetSampling}
