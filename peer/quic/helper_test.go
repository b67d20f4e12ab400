package quic

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"godwit/relay"
	"godwit/xep/extdisco"
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

// stunAt announces a STUN server.
func stunAt(address string) []extdisco.Service {
	at := netip.MustParseAddrPort(address)
	return []extdisco.Service{{Type: extdisco.STUN, Host: at.Addr().String(), Port: at.Port(), Transport: "udp"}}
}

// turnAt announces a TURN server with the credentials of the tests.
func turnAt(address, protocol string) []extdisco.Service {
	at := netip.MustParseAddrPort(address)
	return []extdisco.Service{{
		Type: extdisco.TURN, Host: at.Addr().String(), Port: at.Port(), Transport: protocol, Username: turnUser, Password: turnPassword, Restricted: true,
	}}
}

// servicesAt announces STUN, and TURN over UDP and TCP, at one address.
func servicesAt(address string) []extdisco.Service {
	return slices.Concat(stunAt(address), turnAt(address, "udp"), turnAt(address, "tcp"))
}

const (
	turnUser     = "user"
	turnPassword = "secret"
	turnRealm    = "example.org"
)
