//go:build unix

package relay

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSeveralReadersOfOnePort: with SO_REUSEPORT every client stays with the
// reader that has its allocation.
func TestSeveralReadersOfOnePort(t *testing.T) {
	listen := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, failed)
	}}
	server := New(turnConfig())
	address := "127.0.0.1:0"
	done := make(chan error, 3)
	for range 3 {
		conn, err := listen.ListenPacket(context.Background(), "udp4", address)
		if err != nil {
			t.Skip(err)
		}
		address = conn.LocalAddr().String()
		go func() { done <- server.ServeUDP(conn) }()
	}
	defer func() {
		_ = server.Close()
		for range 3 {
			<-done
		}
	}()
	peer := packetConn(t, "udp4", "127.0.0.1:0")
	for range 12 {
		username, password, _ := server.Credentials(address, time.Now())
		client := turnClient(t, packetConn(t, "udp4", "127.0.0.1:0"), address, username, password, 0)
		relayed, err := client.Allocate()
		if err != nil {
			t.Fatal(err)
		}
		echo(t, relayed, peer, "one of three")
		echo(t, relayed, peer, "one of three again")
		if err := relayed.Close(); err != nil {
			t.Error(err)
		}
		client.Close()
	}
}
