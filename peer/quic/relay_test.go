package quic

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"godwit/peer"

	"github.com/pion/turn/v5"
)

// turnServer runs a TURN server on loopback, over UDP and TCP at one port.
func turnServer(t *testing.T) (address string, server *turn.Server) {
	t.Helper()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return packets.LocalAddr().String(), serveTURN(t, packets, &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"})
}

func serveTURN(t *testing.T, packets net.PacketConn, generator turn.RelayAddressGenerator) *turn.Server {
	t.Helper()
	config := turn.ServerConfig{
		Realm: turnRealm, StrictAddressFamily: true,
		AuthHandler: func(a *turn.RequestAttributes) (string, []byte, bool) {
			return a.Username, turn.GenerateAuthKey(turnUser, turnRealm, turnPassword), a.Username == turnUser
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: packets, RelayAddressGenerator: generator}},
	}
	server, err := turn.NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// TestRelayOnly: who hides its addresses is reached through its relay, and sends
// nothing from its own socket to the peer.
func TestRelayOnly(t *testing.T) {
	for _, both := range []bool{false, true} {
		a, b := two(t)
		address, _ := turnServer(t)
		only := func() peer.Decision { return peer.Decision{Talk: true, Addresses: peer.RelayOnly} }
		a.policy = only
		if both {
			b.policy = only
		}
		for _, c := range []*client{a, b} {
			c.transport.SetServices(servicesAt(address))
		}
		begun := time.Now()
		a.connect(b)
		ra, rb := a.wait(peer.Up), b.wait(peer.Up)
		t.Logf("both hidden %v: up after %v; %+v", both, time.Since(begun), ra.Path)
		talk(t, ra.Link, rb.Link)
		server := netip.MustParseAddrPort(address)
		if p := ra.Path; !p.Relayed || p.LocalKind != "relay" || p.Relay != server || p.RelayProtocol != "udp" {
			t.Errorf("%+v", p)
		}
		if p := rb.Path; !p.Relayed || p.RemoteKind != "relay" || p.Remote == a.transport.mux.LocalAddr() {
			t.Errorf("%+v", p)
		}
		ra.Link.Abort()
		rb.Link.Abort()
		own := a.transport.mux.LocalAddr().String()
		a.wire.mu.Lock()
		for _, s := range a.wire.seen {
			text := s.String()
			if strings.Contains(text, "type='host'") || strings.Contains(text, "srflx") || strings.Contains(text, "rel-addr") ||
				strings.Contains(text, "<reach") || strings.Contains(text, own[strings.LastIndex(own, ":")+1:]) {
				t.Errorf("an address went out: %v", text)
			}
		}
		a.wire.mu.Unlock()
	}
}
