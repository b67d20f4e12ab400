package udpmux

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func TestTURNServerSpeaksWithItsHandler(t *testing.T) {
	m := listen(t, anyLoopback)
	server := netip.MustParseAddrPort("198.51.100.1:3478")
	channel := []byte{0x40, 0, 0, 0}
	data, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodData, stun.ClassIndication))
	if err != nil {
		t.Fatal(err)
	}
	refresh, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassSuccessResponse))
	if err != nil {
		t.Fatal(err)
	}
	if m.admit(channel, server) {
		t.Error("an address that was not let in got through to QUIC")
	}
	var got [][]byte
	handler := func(packet []byte, from netip.AddrPort) {
		if from != server {
			t.Errorf("from %v", from)
		}
		got = append(got, bytes.Clone(packet))
	}
	release, err := m.TURN(server, handler)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.TURN(server, handler); !errors.Is(err, ErrTaken) {
		t.Errorf("a second allocation on one pair of addresses: %v", err)
	}
	other := netip.MustParseAddrPort("198.51.100.1:3479")
	for _, packet := range [][]byte{channel, data.Raw, refresh.Raw} {
		m.admit(packet, netip.AddrPortFrom(netip.AddrFrom16(server.Addr().As16()), server.Port())) // as a dual-stack socket reports it
		m.admit(packet, other)
	}
	release()
	release()
	m.admit(channel, server)
	if len(got) != 3 || !bytes.Equal(got[0], channel) || !bytes.Equal(got[1], data.Raw) || !bytes.Equal(got[2], refresh.Raw) {
		t.Errorf("handled %x", got)
	}
	if n := m.Stats().Unclaimed; n != 2 {
		t.Errorf("%d unclaimed, not the two from another port", n)
	}
	if again, err := m.TURN(server, handler); err != nil {
		t.Error(err)
	} else {
		again()
	}
}

// TestDTLSFollowsTheChecks: who proved an address gets what comes from there.
func TestDTLSFollowsTheChecks(t *testing.T) {
	m, peer := listen(t, anyLoopback), listen(t, anyLoopback)
	hello := []byte{22, 254, 253, 0}
	open := func(fragment string) *Conn {
		c, err := m.Family(fragment, m.LocalAddr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	first, second, plain := open("first"), open("second"), open("plain")
	first.CarryDTLS()
	second.CarryDTLS()
	loose := 0
	m.HandleDTLS(func([]byte, netip.AddrPort) { loose++ })
	prove := func(c *Conn) {
		request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteTo(request.Raw, net.UDPAddrFromAddrPort(peer.LocalAddr())); err != nil {
			t.Fatal(err)
		}
		response, err := stun.Build(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess)
		if err != nil {
			t.Fatal(err)
		}
		m.admit(response.Raw, peer.LocalAddr())
		drain(t, c, response.Raw)
	}
	m.admit(hello, peer.LocalAddr())
	prove(plain)
	m.admit(hello, peer.LocalAddr())
	if loose != 2 {
		t.Errorf("%d went to the handler for the rest", loose)
	}
	prove(first)
	m.admit(hello, peer.LocalAddr())
	drain(t, first, hello)
	prove(second) // a successor for the same peer
	m.admit(hello, peer.LocalAddr())
	drain(t, second, hello)
	_ = second.Close()
	m.admit(hello, peer.LocalAddr())
	if loose != 3 {
		t.Errorf("%d went to the handler after the end", loose)
	}
	prove(first)
	m.admit(hello, peer.LocalAddr())
	drain(t, first, hello)
	m.Drop("first")
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.dtls) != 0 {
		t.Errorf("claims outlive their owners: %v", m.dtls)
	}
}

// drain reads one message and compares it.
func drain(t *testing.T, c *Conn, want []byte) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 1500)
	n, _, err := c.ReadFrom(b)
	if err != nil || !bytes.Equal(b[:n], want) {
		t.Fatalf("%x, %v", b[:n], err)
	}
}

// TestOverAnySocket runs QUIC, STUN and ICE where the socket is not the kernel's.
func TestOverAnySocket(t *testing.T) {
	over := func() *Mux {
		socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(anyLoopback))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Over(struct{ net.PacketConn }{socket}, Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
		return m
	}
	a, b := over(), over()
	if list, err := a.LocalAddresses(true); err != nil || len(list) != 1 || list[0] != a.LocalAddr() {
		t.Errorf("%v, %v", list, err)
	}
	config := tlsConfig(t)
	listener, err := b.QUIC().Listen(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	defer a.Allow(b.LocalAddr())()
	defer b.Allow(a.LocalAddr())()
	conn, err := a.QUIC().Dial(deadline(t), net.UDPAddrFromAddrPort(b.LocalAddr()), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listener.Accept(deadline(t)); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWithError(0, "")
	c, err := b.Family("frag", b.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("frag:x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.WriteTo(check.Raw, b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	drain(t, c, check.Raw)
	pipe, _ := net.Pipe()
	if _, err := Over(packetPipe{pipe}, Config{}); err == nil {
		t.Error("a socket without UDP addresses was taken")
	}
}

type packetPipe struct{ net.Conn }

func (packetPipe) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, io.EOF }
func (packetPipe) WriteTo([]byte, net.Addr) (int, error)  { return 0, io.EOF }
