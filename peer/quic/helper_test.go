package quic

import (
	"net"
	"net/netip"
	"testing"

	"godwit/relay"
)

func udpAddr(a netip.AddrPort) *net.UDPAddr { return net.UDPAddrFromAddrPort(a) }

// stunServer runs our own STUN server on loopback.
func stunServer(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := relay.New(relay.Config{})
	done := make(chan struct{})
	go func() { defer close(done); _ = server.ServeUDP(conn) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return conn.LocalAddr().String()
}
