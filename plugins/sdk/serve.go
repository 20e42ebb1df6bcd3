//go:build unix

package sdk

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/scorefield/infer/plugins/protocol"
)

// The streams as the program got them: go-plugin puts others in their place.
var log = os.Stderr

func logf(format string, arguments ...any) { fmt.Fprintf(log, format+"\n", arguments...) }

// Serve offers a plug-in to the infer that started this program, and returns when infer does not need it any more. Without an
// infer, or with a plug-in that is not sound, it says so and exits.
func Serve(p Plugin) {
	if os.Getenv(protocol.CookieVariable) != protocol.Cookie {
		logf("%s is a plug-in of infer: infer starts it, for example by infer plugin test", p.Name)
		os.Exit(2)
	}
	s, err := newServer(p)
	if err != nil {
		logf("panic: %v", err)
		os.Exit(2)
	}
	parent, conn := inherited()
	s.agreed = func(w *protocol.Welcome) {
		// go-plugin would send what is printed to the host over gRPC, where it is lost when the program dies.
		os.Stdout, os.Stderr = log, log
		for _, c := range w.Capabilities {
			if c == protocol.Frames && conn != nil {
				go serveFrames(s, conn, parent)
				return
			}
		}
		go watch(conn, parent)
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: protocol.CookieVariable, MagicCookieValue: protocol.Cookie},
		VersionedPlugins: map[int]goplugin.PluginSet{protocol.Version: {"model": service{server: s}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, protocol.ServerOptions()...)...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

// service registers the server with go-plugin.
type service struct {
	goplugin.NetRPCUnsupportedPlugin
	server *server
}

// GRPCServer implements go-plugin's GRPCPlugin.
func (s service) GRPCServer(_ *goplugin.GRPCBroker, to *grpc.Server) error {
	protocol.Register(to, s.server)
	return nil
}

// GRPCClient implements go-plugin's GRPCPlugin; a plug-in has no client.
func (service) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("a plug-in only serves")
}

// inherited is the host's process number and the socket that it left open for this program, nil if there is none.
func inherited() (parent int, conn *net.UnixConn) {
	parent, _ = strconv.Atoi(os.Getenv(protocol.ParentVariable)) // 0 if the host is an older one
	fd, err := strconv.Atoi(os.Getenv(protocol.FDVariable))
	if err != nil || fd < 3 {
		return parent, nil
	}
	syscall.CloseOnExec(fd)
	conn, err = protocol.Conn(os.NewFile(uintptr(fd), "frames"))
	if err != nil {
		return parent, nil
	}
	return parent, conn
}

// serveFrames answers evaluations until the host is gone or wants an end.
func serveFrames(s *server, conn *net.UnixConn, parent int) {
	receiver, reader, err := protocol.NewFrameReceiver(conn)
	if err == nil {
		err = protocol.ServeFrames(context.Background(), s, conn, receiver, reader)
	}
	if err != nil {
		logf("the connection to infer broke: %v", err)
	}
	leave(parent)
}

// watch waits for the host's end of the socket to close.
func watch(conn *net.UnixConn, parent int) {
	if conn != nil {
		_, _ = conn.Read(make([]byte, 1)) // nothing comes but the end
	} else {
		for parent != 0 && os.Getppid() == parent {
			time.Sleep(200 * time.Millisecond)
		}
	}
	leave(parent)
}

// leave ends the program, and with it, where the host does not see to that any more, the processes that it started.
func leave(parent int) {
	if os.Getppid() == parent {
		time.Sleep(500 * time.Millisecond) // main may return by itself meanwhile
		os.Exit(0)
	}
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(-os.Getpid(), syscall.SIGKILL) // this process too
	}
	os.Exit(0)
}
