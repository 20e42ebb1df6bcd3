//go:build unix

package protocol

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Memory is memory that a host shares with its plug-in.
type Memory struct {
	Data []byte
	file *os.File
}

// NewMemory makes shared memory of at least a number of bytes, at least 1, which is zero.
func NewMemory(bytes uint64) (*Memory, error) {
	page := uint64(os.Getpagesize())
	if bytes == 0 || bytes > 1<<46 {
		return nil, fmt.Errorf("shared memory of %d bytes", bytes)
	}
	bytes = (bytes + page - 1) / page * page
	file, err := anonymous(bytes)
	if err != nil {
		return nil, fmt.Errorf("shared memory of %d bytes: %w", bytes, err)
	}
	m, err := MapMemory(file, bytes)
	if err != nil {
		file.Close()
		return nil, err
	}
	return m, nil
}

// MapMemory maps memory that the other side made. The file is the memory's from now on, unless there is an error.
func MapMemory(file *os.File, bytes uint64) (*Memory, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if bytes == 0 || info.Size() < 0 || uint64(info.Size()) < bytes {
		return nil, fmt.Errorf("shared memory of %d bytes in a file of %d", bytes, info.Size())
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes of shared memory: %w", bytes, err)
	}
	return &Memory{Data: data, file: file}, nil
}

// File is the descriptor to pass on.
func (m *Memory) File() *os.File { return m.file }

// CloseFile closes the descriptor; the memory stays.
func (m *Memory) CloseFile() {
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
}

// Close gives the memory back. Nothing may use Data any more.
func (m *Memory) Close() {
	m.CloseFile()
	if m.Data != nil {
		_ = unix.Munmap(m.Data) // it was mapped, so it can be unmapped
		m.Data = nil
	}
}

// SocketPair is a connected pair of stream sockets: the host's, and the one that a plug-in is to inherit.
func SocketPair() (*net.UnixConn, *os.File, error) {
	// Between socketpair and CloseOnExec no other process may be started, or it would keep the socket open.
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("a pair of sockets: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "frames of the plug-in")
	ours := os.NewFile(uintptr(fds[0]), "frames of the host")
	conn, err := Conn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

// Conn makes a connection of a socket, which it closes in any case.
func Conn(socket *os.File) (*net.UnixConn, error) {
	defer socket.Close()
	conn, err := net.FileConn(socket)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("descriptor %s is no Unix socket", socket.Name())
	}
	const buffer = 1 << 20
	_ = unixConn.SetReadBuffer(buffer)  // fewer, larger reads where the system allows it
	_ = unixConn.SetWriteBuffer(buffer) // the same
	return unixConn, nil
}

// WriteWithMemory writes a frame without tensors and passes the descriptor of memory with it.
func (w *FrameWriter) WriteWithMemory(to *net.UnixConn, f *Frame, m *Memory) error {
	parts, err := w.encode(f)
	if err != nil {
		return err
	}
	raw, err := to.SyscallConn()
	if err != nil {
		return err
	}
	rights := unix.UnixRights(int(m.file.Fd()))
	n, failure := 0, error(nil)
	err = raw.Write(func(fd uintptr) bool {
		n, failure = unix.SendmsgN(int(fd), parts[0], rights, nil, 0)
		return failure != unix.EAGAIN && failure != unix.EINTR
	})
	runtime.KeepAlive(m)
	if err == nil {
		err = failure
	}
	if err != nil {
		return err
	}
	_, err = to.Write(parts[0][n:])
	return err
}

// Receiver reads a plug-in's socket and keeps the descriptors that come with the bytes.
type Receiver struct {
	conn  *net.UnixConn
	raw   syscall.RawConn
	lock  sync.Mutex
	files []*os.File // under lock
	read  func(fd uintptr) bool
	into  []byte
	rest  []byte
	n     int
	spare int
	err   error
}

// NewReceiver reads from a connection.
func NewReceiver(conn *net.UnixConn) (*Receiver, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &Receiver{conn: conn, raw: raw, rest: make([]byte, unix.CmsgSpace(4*8))}
	r.read = func(fd uintptr) bool {
		r.n, r.spare, _, _, r.err = unix.Recvmsg(int(fd), r.into, r.rest, receiveFlags)
		return r.err != unix.EAGAIN && r.err != unix.EINTR
	}
	return r, nil
}

// Read implements io.Reader.
func (r *Receiver) Read(b []byte) (int, error) {
	r.into = b
	err := r.raw.Read(r.read)
	r.into = nil
	if err != nil {
		return 0, err
	}
	if r.err != nil {
		return 0, r.err
	}
	if r.spare > 0 {
		r.keep(r.rest[:r.spare])
	}
	if r.n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return r.n, nil
}

func (r *Receiver) keep(control []byte) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			r.lock.Lock()
			r.files = append(r.files, os.NewFile(uintptr(fd), "shared memory"))
			r.lock.Unlock()
		}
	}
}

// File is the oldest descriptor that came and was not asked for, nil if there is none.
func (r *Receiver) File() *os.File {
	r.lock.Lock()
	defer r.lock.Unlock()
	if len(r.files) == 0 {
		return nil
	}
	file := r.files[0]
	r.files = r.files[1:]
	return file
}
