//go:build !unix

package conformance

import (
	"context"
	"errors"
)

// test is a check at work.
type test struct{}

// Run needs a Unix system.
func Run(context.Context, Plugin, func(Result)) (*Report, error) {
	return nil, errors.New("plug-ins need a Unix system")
}

// Checks lists the checks, of which there are none here.
func Checks() []Check { return nil }
