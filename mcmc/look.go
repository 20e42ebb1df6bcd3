package mcmc

import "context"

// Look notes something of each particle, at chosen transitions, in columns of its own.
//
// It sees one block, so what it notes of a particle cannot depend on the others. The columns begin as zeros,
// are kept through checkpoints, and read by [Run.LookColumns]. A look is taken once a block and transition; one
// that fails leaves the columns as they were, and is taken again.
type Look interface {
	// Columns is the number of values a particle has in this look.
	Columns() int
	// At says whether the look is taken at transition t; 0 is the start.
	At(t uint64) bool
	// Look reads a state, of which it changes nothing, and writes columns: Columns() rows of s.X.Stride() values.
	Look(ctx context.Context, s *State, columns [][]float64) error
}
