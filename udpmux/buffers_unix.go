//go:build unix

package udpmux

import (
	"net"

	"golang.org/x/sys/unix"
)

// bufferSizes asks the kernel what it granted, in bytes.
func bufferSizes(socket *net.UDPConn) (receive, send int) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		receive, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		send, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	return receive, send
}
