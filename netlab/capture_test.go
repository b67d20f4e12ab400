//go:build linux

package netlab

import (
	"net/netip"
	"testing"
)

func TestCapture(t *testing.T) {
	t.Parallel()
	lab, server, alice, bob := twoHomes(t, PortRestricted, PortRestricted)
	e := startEcho(t, server)
	homeA, homeB := lab.NAT("home-a"), lab.NAT("home-b")
	onA, onNAT := alice.Capture(), homeA.Capture()
	x, y, atX, atY := punched(t, e, alice, bob)
	drain(y.c)
	if got := received(t, x.c, y.c, atY, 5); got != 5 {
		t.Fatalf("%d of 5 arrived", got)
	}
	x.mapped(0) // all before it has been captured once this has
	waitFor(t, func() bool {
		last := func(c *Capture) bool {
			list := c.Packets()
			p := list[len(list)-1]
			return !p.Outgoing && p.Src == e.at[0]
		}
		return last(onA) && last(onNAT)
	})
	// Punches and five more; inside, the sender is the host, outside it is the box.
	for _, c := range []struct {
		capture *Capture
		self    netip.AddrPort
	}{
		{onA, alice.AddrPort(x.port())},
		{onNAT, atX},
	} {
		sent := 0
		for _, p := range c.capture.Between(c.self.Addr(), homeB.Addr()) {
			if p.Protocol != 17 || p.Outgoing != (p.Src == c.self) || p.Outgoing && p.Dst != atY {
				t.Errorf("unexpected: %v", p)
			}
			if p.Outgoing {
				sent++
			}
		}
		if sent != 7 {
			t.Errorf("%v sent %d packets to bob, not 7", c.self, sent)
		}
		if got := c.capture.Between(c.self.Addr(), bob.Addr()); len(got) != 0 {
			t.Errorf("bob's inner address was seen outside: %v", got)
		}
		// The echo server writes the mapped address as text.
		if got := c.capture.Mentioning(homeA.Addr()); len(got) == 0 {
			t.Error("nothing mentions the mapped address")
		}
		if got := c.capture.Mentioning(bob.Addr()); len(got) != 0 {
			t.Errorf("something mentions bob's inner address: %v", got)
		}
	}
	// What was recorded stays.
	n := len(onA.Packets())
	if err := onA.Close(); err != nil {
		t.Fatal(err)
	}
	x.mapped(0)
	if got := len(onA.Packets()); got != n {
		t.Errorf("%d packets after the end, %d before", got, n)
	}
}

// waitFor asks until it is so: a capture comes by a goroutine of its own.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for !so() {
		select {
		case <-t.Context().Done():
			t.Fatal("the test ended first")
		default:
		}
	}
}

func TestMentions(t *testing.T) {
	a4, a6 := netip.MustParseAddr("27.1.3.9"), netip.MustParseAddr("2a02:27:1:3::9")
	// A Binding success response with XOR-MAPPED-ADDRESS.
	head := []byte{1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0x20, 0, 8, 0, 1, 0, 0}
	x4 := append(append([]byte(nil), head...), 27^0x21, 1^0x12, 3^0xa4, 9^0x42)
	x6 := append(append([]byte(nil), head...), xorred(head, a6)...)
	for _, c := range []struct {
		payload []byte
		addr    netip.Addr
		want    bool
	}{
		{[]byte("<candidate ip='27.1.3.9' port='5'/>"), a4, true},
		{[]byte{0, 27, 1, 3, 9, 0}, a4, true},
		{x4, a4, true},
		{x6, a6, true},
		{[]byte("2a02:27:1:3::9"), a6, true},
		{x4, netip.MustParseAddr("27.1.3.8"), false},
		{x6, netip.MustParseAddr("2a02:27:1:3::8"), false},
		{nil, a4, false},
	} {
		if got := mentions(c.payload, c.addr); got != c.want {
			t.Errorf("%v in %q: %v", c.addr, c.payload, got)
		}
	}
}

func TestParsePacket(t *testing.T) {
	udp4 := []byte{0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 27, 1, 1, 1, 27, 1, 2, 1, 0x12, 0x34, 0, 53, 0, 10, 0, 0, 'h', 'i'}
	p, ok := parsePacket(udp4)
	if want := netip.MustParseAddrPort("27.1.1.1:4660"); !ok || p.Src != want || p.Dst.Port() != 53 || p.Protocol != 17 || string(p.Payload) != "hi" {
		t.Errorf("got %v %q", p, p.Payload)
	}
	fragment := append([]byte(nil), udp4...)
	fragment[7] = 1
	if p, ok := parsePacket(fragment); !ok || p.Src.Port() != 0 || len(p.Payload) != 10 {
		t.Errorf("a later fragment has no ports: %v", p)
	}
	for n := range len(udp4) {
		p, ok := parsePacket(udp4[:n])
		if ok != (n >= 20) || n < 28 && p.Src.Port() != 0 {
			t.Errorf("%d bytes: %v, %v", n, p, ok)
		}
	}
	for _, other := range [][]byte{{0x46, 19: 0}, {0x41, 19: 0}, {0x60, 38: 0}, {0x20, 60: 0}} {
		if _, ok := parsePacket(other); ok {
			t.Errorf("% x passed", other)
		}
	}
	v6 := make([]byte, 60)
	v6[0], v6[6], v6[52] = 0x60, 6, 5<<4
	if p, ok := parsePacket(v6); !ok || p.Protocol != 6 || !p.Src.Addr().Is6() || len(p.Payload) != 0 {
		t.Errorf("TCP over IPv6: %v", p)
	}
}
