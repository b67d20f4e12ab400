package relay

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/turn/v5"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// loopbackOpen is what tests on one machine need: its own addresses are closed.
var loopbackOpen = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}

func turnConfig() Config {
	return Config{Secret: testSecret, Allow: loopbackOpen, PacketsPerSecond: 1e6, PacketBurst: 1e6}
}

// turnClient makes a client of the relay with these credentials. The connection
// is the one to the server; it is closed with the test.
func turnClient(t testing.TB, conn net.PacketConn, server, username, password string, family turn.RequestedAddressFamily) *turn.Client {
	t.Helper()
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: server, TURNServerAddr: server, Conn: conn, Username: username, Password: password,
		RequestedAddressFamily: family, RTO: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); _ = conn.Close() })
	return client
}

func packetConn(t testing.TB, network, address string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket(network, address)
	if err != nil {
		t.Skipf("no %s at %s: %v", network, address, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// echo sends text through the allocation to a peer and back.
func echo(t testing.TB, allocation net.PacketConn, peer net.PacketConn, text string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	_ = allocation.SetReadDeadline(deadline)
	_ = peer.SetReadDeadline(deadline)
	if _, err := allocation.WriteTo([]byte(text), peer.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1600)
	n, from, err := peer.ReadFrom(b)
	if err != nil {
		t.Fatalf("the peer got nothing: %v", err)
	}
	if string(b[:n]) != text {
		t.Fatalf("the peer got %d bytes, want %d", n, len(text))
	}
	if addrPortOf(from) != addrPortOf(allocation.LocalAddr()) {
		t.Errorf("from %v, want the relayed address %v", from, allocation.LocalAddr())
	}
	if _, err := peer.WriteTo(b[:n], from); err != nil {
		t.Fatal(err)
	}
	n, from, err = allocation.ReadFrom(b)
	if err != nil {
		t.Fatalf("nothing came back: %v", err)
	}
	if string(b[:n]) != text || addrPortOf(from) != addrPortOf(peer.LocalAddr()) {
		t.Fatalf("%d bytes from %v came back", n, from)
	}
}

func TestRelayOverEveryTransport(t *testing.T) {
	server, udp, tcp := serve(t, turnConfig(), "127.0.0.1")
	listener, certificate := tlsListener(t)
	done := make(chan error, 1)
	go func() { done <- server.ServeTCP(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	dials := map[string]func() (net.PacketConn, string){
		"udp": func() (net.PacketConn, string) { return packetConn(t, "udp4", "127.0.0.1:0"), udp.String() },
		"tcp": func() (net.PacketConn, string) {
			return turn.NewSTUNConn(dial(t, "tcp", tcp.String())), tcp.String()
		},
		"tls": func() (net.PacketConn, string) {
			conn := tls.Client(dial(t, "tcp", listener.Addr().String()), certificate)
			return turn.NewSTUNConn(conn), listener.Addr().String()
		},
	}
	for name, open := range dials {
		t.Run(name, func(t *testing.T) {
			username, password, _ := server.Credentials("alice@example.org", time.Now())
			conn, address := open()
			client := turnClient(t, conn, address, username, password, 0)
			relayed, err := client.Allocate()
			if err != nil {
				t.Fatal(err)
			}
			defer relayed.Close()
			peer := packetConn(t, "udp4", "127.0.0.1:0")
			echo(t, relayed, peer, "first") // a Send indication, until the channel is bound
			for _, n := range []int{0, 1, 3, 4, 5, 100, 1400} {
				if n <= 4 && name != "udp" {
					continue // the client's library waits for more than such a frame has
				}
				echo(t, relayed, peer, string(make([]byte, n)))
			}
		})
	}
	if got := server.Stats(); got.Allocations != 3 || got.PacketsIn != 16 || got.PacketsOut != 16 || got.Panics != 0 {
		t.Errorf("%+v", got)
	}
}
