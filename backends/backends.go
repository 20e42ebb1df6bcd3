// Package backends holds the kernels: loops over slices of numbers, one table of them for each instruction set.
//
// Each kernel is written once, as a straight-line Go function on one number: its specification (exp.go, log.go, normal.go,
// ...). The generator in backends/gen compiles it into a loop in Go, the table [Generic], and into AVX2 and AVX-512
// assembly. All tables give the same bits. [Current] is the fastest one that this machine has, unless the environment
// variable INFER_BACKEND or [Use] says otherwise.
//
//	t := backends.Current()
//	t.Exp(dst, x)               // dst[i] = e^x[i]
//	t.FMA.VSV(dst, x, 2.5, y)   // dst[i] = x[i]*2.5 + y[i], rounded once
//
// The kernels of networks are in float32, in [Table.F32]: elementwise functions, products of matrices whose rows are
// particles, and convolutions of images with their gradients. Those stand as loops in dense.go, rows.go, convolve.go,
// bfloat16.go and winograd.go, which state the order of their sums.
package backends

//go:generate go run -C gen .

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// Environment is the name of the variable that chooses a backend for a process.
const Environment = "INFER_BACKEND"

var current atomic.Pointer[Table]

// Current is the table in use. The first call chooses: what [Environment] names, or else the fastest this machine has.
func Current() *Table {
	if t := current.Load(); t != nil {
		return t
	}
	tables := Available()
	t := tables[0]
	for _, named := range tables {
		if named.Name == os.Getenv(Environment) {
			t = named
		}
	}
	current.CompareAndSwap(nil, t)
	return current.Load()
}

// Available lists the tables that this machine can run, the fastest first and Generic last.
func Available() []*Table { return append(assembly(), &Generic) }

// Use makes the named table current, for all goroutines. A run's results do not depend on it. A name that does not exist
// or needs instructions this machine lacks is an error that lists the others.
func Use(name string) error {
	var names []string
	for _, t := range Available() {
		if t.Name == name {
			current.Store(t)
			return nil
		}
		names = append(names, t.Name)
	}
	return fmt.Errorf("backend %q: not available on this machine, which has %s", name, strings.Join(names, ", "))
}
