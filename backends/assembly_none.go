//go:build !amd64 || noasm

package backends

func assembly() []*Table { return nil }

func peakLoop(*Table) (loop func(n int), lanes int) { return nil, 0 }
