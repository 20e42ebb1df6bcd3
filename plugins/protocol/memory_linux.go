package protocol

import (
	"os"

	"golang.org/x/sys/unix"
)

const receiveFlags = unix.MSG_CMSG_CLOEXEC

// anonymous is a memfd whose size nobody can change.
func anonymous(bytes uint64) (*os.File, error) {
	fd, err := unix.MemfdCreate("infer-plugin", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "shared memory")
	if err := file.Truncate(int64(bytes)); err != nil {
		file.Close()
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
