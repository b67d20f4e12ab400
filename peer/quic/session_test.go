package quic

import (
	"testing"
	"time"

	"godwit/peer/allocation"
	"godwit/xep/extdisco"
	"godwit/xep/reach"
)

func TestExpectRelay(t *testing.T) {
	of := func(c reach.Class) reach.Reach { return reach.Reach{Class: c} }
	for _, test := range []struct {
		one, two reach.Reach
		want     bool
	}{
		{reach.Reach{}, reach.Reach{}, false},
		{of(reach.Symmetric), reach.Reach{}, false},
		{of(reach.Symmetric), of(reach.Symmetric), true},
		{of(reach.Symmetric), of(reach.PortRestricted), true},
		{of(reach.Symmetric), of(reach.RestrictedCone), false},
		{of(reach.PortRestricted), of(reach.PortRestricted), false},
		{of(reach.Blocked), of(reach.Open), true},
		{reach.Reach{Class: reach.Symmetric, Mapped: "pcp"}, of(reach.Symmetric), false},
		{reach.Reach{Class: reach.Symmetric, IPv6: reach.Yes}, reach.Reach{Class: reach.Symmetric, IPv6: reach.Yes}, false},
	} {
		if expectRelay(test.one, test.two) != test.want || expectRelay(test.two, test.one) != test.want {
			t.Errorf("%+v and %+v", test.one, test.two)
		}
	}
}

func TestHoldFor(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct{ theirs, ours, want time.Duration }{
		{0, 40 * ms, 0}, {40 * ms, 0, 0}, {40 * ms, 60 * ms, 50 * ms}, {9 * time.Second, 9 * time.Second, maxHold},
	} {
		if got := holdFor(test.theirs, test.ours); got != test.want {
			t.Errorf("%v, %v: %v", test.theirs, test.ours, got)
		}
	}
}

func TestSortServices(t *testing.T) {
	stun, turn := sortServices([]extdisco.Service{
		{Type: "stun", Host: "s.example"},
		{Type: "stun", Host: "s.example", Transport: "tcp"},
		{Type: "turn", Host: "t.example", Port: 1, Transport: "udp", Username: "u", Password: "p"},
		{Type: "turn", Host: "t.example", Transport: "tcp"},
		{Type: "turns", Host: "t.example", Port: 443, Transport: "tcp"},
		{Type: "turns", Host: "t.example"},
		{Type: "turns", Host: "t.example", Transport: "udp"},
		{Type: "turn", Host: "gone.example", Action: extdisco.Delete},
		{Type: "ftp", Host: "f.example"},
	})
	if len(stun) != 1 || stun[0] != "s.example:3478" {
		t.Errorf("%v", stun)
	}
	want := []allocation.Server{
		{Host: "t.example", Port: 1, Protocol: allocation.UDP, Username: "u", Password: "p"},
		{Host: "t.example", Port: 3478, Protocol: allocation.TCP},
		{Host: "t.example", Port: 443, Protocol: allocation.TLS},
		{Host: "t.example", Port: 5349, Protocol: allocation.TLS},
	}
	if len(turn) != len(want) {
		t.Fatalf("%v", turn)
	}
	for i := range want {
		if turn[i] != want[i] {
			t.Errorf("%+v, not %+v", turn[i], want[i])
		}
	}
	if stun, _ := sortServices([]extdisco.Service{{Type: "turn", Host: "t.example"}}); len(stun) != 1 {
		t.Errorf("a TURN server alone is not asked by STUN: %v", stun)
	}
}
