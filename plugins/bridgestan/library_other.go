//go:build !((linux || darwin) && (amd64 || arm64))

package bridgestan

import (
	"fmt"
	"runtime"
)

// library is never made on this system; its methods are here so that the package compiles.
type library struct {
	version                        string
	construct                      func(string, uint32, **byte) uintptr
	destruct                       func(uintptr)
	name, info, unconstrainedNames func(uintptr) string
	names                          func(uintptr, bool, bool) string
	constrained                    func(uintptr, bool, bool) int32
	unconstrained                  func(uintptr) int32
}

func load(path string) (*library, error) {
	return nil, fmt.Errorf("bridgestan: library %s: shared libraries are loaded on Linux and macOS on amd64 and arm64, not on %s/%s",
		path, runtime.GOOS, runtime.GOARCH)
}

func (l *library) logDensity(uintptr, *point) bool                             { return false }
func (l *library) logDensityGradient(uintptr, *point) bool                     { return false }
func (l *library) constrain(uintptr, bool, []float64, []float64, **byte) int32 { return -1 }
func (l *library) text(*byte) string                                           { return "" }
