//go:build unix && !linux

package protocol

import (
	"os"
)

const receiveFlags = 0

// anonymous is a file that has no name any more: there is no memfd here.
func anonymous(bytes uint64) (*os.File, error) {
	file, err := os.CreateTemp("", "infer-plugin-memory-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, err
	}
	if err := file.Truncate(int64(bytes)); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
