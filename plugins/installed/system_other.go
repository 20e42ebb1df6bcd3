//go:build !unix

package installed

import (
	"errors"
	"os"
)

const nonBlocking = 0

func leased(string) (*os.File, bool, error) {
	return nil, false, errors.New("plug-ins need a Unix system")
}

func hold(string) (func(), error) {
	return nil, errors.New("plug-ins need a Unix system")
}
