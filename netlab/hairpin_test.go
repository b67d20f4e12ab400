//go:build linux

package netlab

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// crossed tells which of two sockets get what the other sends to its mapped
// address, when each sends in turn, a first. What has not come when the server
// answers both afterwards was refused: the box handles packets in their order.
func crossed(t *testing.T, a, b *asker, atA, atB netip.AddrPort) (fromA, fromB int, seenAs netip.AddrPort) {
	t.Helper()
	for range 3 {
		for _, s := range []struct {
			from *asker
			to   netip.AddrPort
		}{{a, atB}, {b, atA}} {
			if _, err := s.from.c.WriteToUDPAddrPort([]byte("hairpin"), s.to); err != nil {
				t.Fatal(err)
			}
		}
	}
	count := func(s *asker) (n int, from netip.AddrPort) {
		s.send(0, 0)
		buf := make([]byte, 2048)
		for {
			_ = s.c.SetReadDeadline(time.Now().Add(patience))
			got, peer, err := s.c.ReadFromUDPAddrPort(buf)
			if err != nil {
				t.Fatal(err)
			}
			if string(buf[:got]) != "hairpin" {
				return n, from
			}
			n, from = n+1, peer
		}
	}
	fromB, _ = count(a)
	fromA, seenAs = count(b)
	return fromA, fromB, seenAs
}

// Two guests of one network meet by way of the box's outside address where it
// hairpins, from their mapped addresses, and under the filter of the kind.
func TestHairpin(t *testing.T) {
	for _, c := range []struct {
		kind         Kind
		hairpin      bool
		fromA, fromB int // of three each
	}{
		{FullCone, true, 3, 3},
		{Restricted, true, 2, 3}, // the first came before the target had sent anything
		{PortRestricted, true, 2, 3},
		{PortRestrictedNoDrop, true, 2, 3},
		{EIMNoPreserve, true, 2, 3},
		{FullCone, false, 0, 0},
		{PortRestricted, false, 0, 0},
		{Symmetric, false, 0, 0},
	} {
		name := c.kind.String()
		if !c.hairpin {
			name += " without"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
			var opts []Option
			if c.hairpin {
				opts = append(opts, WithHairpin())
			}
			home := lab.AddNAT("home", c.kind, opts...)
			a := askFrom(t, home.AddHost("a", Isolated()), e, 0)
			b := askFrom(t, home.AddHost("b", Isolated()), e, 0)
			atA, atB := a.mapped(0), b.mapped(0)
			fromA, fromB, seenAs := crossed(t, a, b, atA, atB)
			if fromA != c.fromA || fromB != c.fromB {
				t.Errorf("%d and %d of three came back in, want %d and %d", fromA, fromB, c.fromA, c.fromB)
			}
			if c.hairpin && seenAs != atA {
				t.Errorf("a was seen as %v, is mapped to %v", seenAs, atA)
			}
			if got := a.mapped(otherBoth); c.kind != Symmetric && got != atA {
				t.Errorf("mapped to %v, was %v", got, atA)
			}
		})
	}
}

// Strangers get in through a hairpinning box no more than through another.
func TestHairpinDoesNotOpenTheBox(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	h := lab.AddNAT("home", PortRestricted, WithHairpin()).AddHost("host")
	if got, want := classify(t, h, e), (behaviour{"EIM", "APDF", true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Two homes behind one carrier that hairpins meet by their public addresses.
func TestCarrierHairpin(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	cgn := lab.AddNAT("cgn", EIMNoPreserve, WithHairpin())
	a := askFrom(t, cgn.AddNAT("one", PortRestricted).AddHost("a"), e, 0)
	b := askFrom(t, cgn.AddNAT("two", PortRestricted).AddHost("b"), e, 0)
	atA, atB := a.mapped(0), b.mapped(0)
	if atA.Addr() != cgn.Addr() || atA == atB {
		t.Fatalf("mapped to %v and %v", atA, atB)
	}
	if fromA, fromB, seenAs := crossed(t, a, b, atA, atB); fromA != 2 || fromB != 3 || seenAs != atA {
		t.Errorf("%d and %d of three came through, from %v; a is mapped to %v", fromA, fromB, seenAs, atA)
	}
}

// Isolated hosts of one LAN do not meet; they meet the box, and hosts that are
// not isolated.
func TestIsolated(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	home := lab.AddNAT("home", PortRestricted)
	a, b, printer := home.AddHost("a", Isolated()), home.AddHost("b", Isolated()), home.AddHost("printer")
	ask, onB, onPrinter := askFrom(t, a, e, 0), openUDP(t, b), openUDP(t, printer)
	at := func(h *Host, c *net.UDPConn) netip.AddrPort {
		return h.AddrPort(uint16(c.LocalAddr().(*net.UDPAddr).Port))
	}
	_, _ = ask.c.WriteToUDPAddrPort([]byte("to a guest"), at(b, onB))
	if got := received(t, ask.c, onPrinter, at(printer, onPrinter), 2); got != 2 {
		t.Errorf("%d of 2 reached what is not isolated", got)
	}
	ask.mapped(0)
	if got := lab.Traffic(a, b); got != (Traffic{}) {
		t.Errorf("something passed between isolated hosts: %+v", got)
	}
}
