package allocation

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"godwit/relay"

	"github.com/pion/stun/v4"
)

// TestOwnServer allocates on this project's own server, over UDP and TCP.
func TestOwnServer(t *testing.T) {
	server := relay.New(relay.Config{
		Secret: bytes.Repeat([]byte{1}, relay.MinSecret), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{}, 2)
	go func() { _ = server.ServeUDP(packets); served <- struct{}{} }()
	go func() { _ = server.ServeTCP(streams); served <- struct{}{} }()
	t.Cleanup(func() { _ = server.Close(); <-served; <-served })
	ways := map[Protocol]netip.AddrPort{UDP: addr(packets.LocalAddr()), TCP: addr(streams.Addr())}
	for protocol, at := range ways {
		t.Run(string(protocol), func(t *testing.T) {
			way := Server{Host: at.Addr().String(), Port: at.Port(), Protocol: protocol}
			way.Username, way.Password, way.Expires = server.Credentials("alice", time.Now())
			p := newPool(t, Config{}, way)
			// The address of loopback is the server's own, and closed; between relayed
			// addresses of the server everything is open.
			one, release := acquire(t, p)
			defer release()
			q := newPool(t, Config{}, way)
			two, releaseTwo := acquire(t, q)
			defer releaseTwo()
			two.Permit(one.Address().Addr())
			for until := time.Now().Add(10 * time.Second); two.Mux().Stats().Refused == 0; time.Sleep(5 * time.Millisecond) {
				if err := one.client.sendTo([]byte{200, 1, 2}, two.Address()); err != nil {
					t.Fatal(err)
				}
				if time.Now().After(until) {
					t.Fatal("nothing arrived")
				}
			}
			p.NetworkChanged()
			if !one.alive() {
				t.Error("verifying it cost the allocation")
			}
		})
	}
}

// pipeWire is a server in the test's hands.
type pipeWire chan []byte

func (w pipeWire) send(packet []byte) error { w <- bytes.Clone(packet); return nil }
func (pipeWire) stream() bool               { return false }
func (pipeWire) close()                     {}

// TestForgedAnswers: whoever can send in the server's name, but does not know the
// password, gives no address.
func TestForgedAnswers(t *testing.T) {
	w := make(pipeWire, 100)
	c := newClient(w, Server{Username: "u", Password: "p"}, netip.AddrPort{}, discard)
	defer c.wait()
	defer c.end(net.ErrClosed)
	answer := func(request []byte, key stun.MessageIntegrity) {
		m := &stun.Message{Raw: request}
		if err := m.Decode(); err != nil {
			t.Fatal(err)
		}
		setters := []stun.Setter{stun.NewTransactionIDSetter(m.TransactionID), stun.NewType(m.Type.Method, stun.ClassSuccessResponse),
			attribute{stun.AttrLifetime, []byte{0, 0, 2, 0}}}
		r := stun.MustBuild(setters...)
		if err := (stun.XORMappedAddress{IP: net.IPv4(192, 0, 2, 66), Port: 6}).AddToAs(r, stun.AttrXORRelayedAddress); err != nil {
			t.Fatal(err)
		}
		if key != nil {
			if err := key.AddTo(r); err != nil {
				t.Fatal(err)
			}
		}
		c.receive(r.Raw)
	}
	done := make(chan error, 1)
	go func() { done <- c.allocate(within(t)) }()
	first := <-w
	answer(first, nil) // before anybody has been asked for a password
	m := &stun.Message{Raw: first}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	challenge := stun.MustBuild(stun.NewTransactionIDSetter(m.TransactionID), stun.NewType(stun.MethodAllocate, stun.ClassErrorResponse),
		stun.CodeUnauthorized, stun.NewRealm("r"), stun.NewNonce("n"))
	c.receive(challenge.Raw)
	second := <-w
	answer(second, nil)
	answer(second, stun.NewLongTermIntegrity("u", "r", "wrong"))
	select {
	case err := <-done:
		t.Fatalf("a forged answer was believed: %v", err)
	default:
	}
	answer(second, stun.NewLongTermIntegrity("u", "r", "p"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
