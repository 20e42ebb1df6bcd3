package plugins

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUser is who listens on a socket.
func peerUser(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Xucred
	var failure error
	if err := raw.Control(func(fd uintptr) { peer, failure = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED) }); err != nil {
		return 0, err
	}
	if failure != nil {
		return 0, failure
	}
	return int(peer.Uid), nil
}
