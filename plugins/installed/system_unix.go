//go:build unix

package installed

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// nonBlocking keeps an open from waiting for the writer of a pipe that has taken the place of a file.
const nonBlocking = syscall.O_NONBLOCK

// leased takes the lock of a folder, which ends with the process or with the file. busy says that somebody else has it.
func leased(folder string) (f *os.File, busy bool, err error) {
	f, err = os.Open(folder)
	if err != nil {
		return nil, false, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, errors.Is(err, syscall.EWOULDBLOCK), err
	}
	return f, false, nil
}

// hold keeps others from changing a plug-in folder until done is called.
func hold(place string) (done func(), err error) {
	f, busy, err := leased(place)
	if busy {
		return nil, fmt.Errorf("%s is being changed by another infer: wait for it and repeat", place)
	}
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}
