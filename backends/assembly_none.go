//go:build !amd64 || noasm

package backends

func assembly() []*Table { return nil }
