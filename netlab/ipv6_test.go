//go:build linux

package netlab

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// udp6 opens an IPv6 socket on a host and tells its address.
func udp6(t *testing.T, h *Host) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := h.ListenUDP(netip.AddrPortFrom(h.Addr6(), 0))
	if err != nil {
		t.Fatal(err)
	}
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// next is the next packet a socket gets.
func next(t *testing.T, c *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	buf := make([]byte, 2048)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	n, from, err := c.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n]), from
}

func say(t *testing.T, c *net.UDPConn, what string, to netip.AddrPort) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(what), to); err != nil {
		t.Fatal(err)
	}
}

// Behind a box with IPv6 a host keeps its address, and what it did not start does
// not get in.
func TestIPv6Firewall(t *testing.T) {
	for _, link := range []*Link{nil, {Delay: time.Millisecond}} {
		t.Run(map[bool]string{true: "veth", false: "tun"}[link == nil], func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			opts := []Option{WithIPv6()}
			if link != nil {
				opts = append(opts, WithLink(*link))
			}
			server := lab.AddHost("server", append(opts, WithAddresses(2))...)
			home := lab.AddNAT("home", Symmetric, opts...)
			host := home.AddHost("host", WithIPv6())
			if !host.Addr().Is4() || !host.Addr6().Is6() || !host.Addr6().IsGlobalUnicast() || host.Addr6().IsPrivate() {
				t.Fatalf("addresses %v and %v", host.Addr(), host.Addr6())
			}
			inside, at := udp6(t, host)
			first, _ := udp6(t, server)
			second, to := udp6(t, server)
			say(t, first, "uninvited", at)
			say(t, inside, "hello", to)
			if got, from := next(t, second); got != "hello" || from != at {
				t.Fatalf("got %q from %v, the host is %v", got, from, at)
			}
			say(t, first, "uninvited", at)
			say(t, second, "answer", at)
			if got, _ := next(t, inside); got != "answer" {
				t.Errorf("got %q, want the answer and nothing before it", got)
			}
			if got := lab.Traffic(host, server).UDP.Packets; got != 1 {
				t.Errorf("counted %d packets, sent one", got)
			}
			if err := tcpWorks(t, server, host, 5222, patience); err != nil {
				t.Errorf("IPv4 beside it: %v", err)
			}
		})
	}
}

// Two hosts behind firewalls meet when both send, without any translation.
func TestIPv6Punch(t *testing.T) {
	t.Parallel()
	lab := New(t)
	homeA, homeB := lab.AddNAT("a", Symmetric, WithIPv6()), lab.AddNAT("b", Symmetric, WithIPv6())
	a, b := homeA.AddHost("alice", WithIPv6()), homeB.AddHost("bob", WithoutIPv4())
	onA, atA := udp6(t, a)
	onB, atB := udp6(t, b)
	say(t, onA, "first", atB)
	say(t, onB, "punch", atA)
	if got, _ := next(t, onA); got != "punch" {
		t.Fatalf("got %q", got)
	}
	say(t, onA, "second", atB)
	if got, _ := next(t, onB); got != "second" {
		t.Fatalf("got %q: the first should have met the firewall", got)
	}
	before := lab.Traffic(a, b)
	lab.Cut(homeA, homeB)
	say(t, onA, "lost", atB)
	lab.Restore(homeA, homeB)
	say(t, onA, "third", atB)
	if got, _ := next(t, onB); got != "third" {
		t.Errorf("got %q, want what came after the cut", got)
	}
	if got := lab.Traffic(homeA, homeB).Sub(before); got.Cut.Packets != 1 || got.UDP.Packets != 1 {
		t.Errorf("counted %+v, want one cut and one passed", got)
	}
	// A rebooted firewall lets nothing in until the inside sends again.
	homeB.Rebind()
	say(t, onA, "before", atB)
	say(t, onB, "again", atA)
	if got, _ := next(t, onA); got != "again" {
		t.Fatalf("got %q", got)
	}
	say(t, onA, "after", atB)
	if got, _ := next(t, onB); got != "after" {
		t.Errorf("got %q: the firewall forgot nothing", got)
	}
}

// A host without IPv4 has IPv6 and nothing else; one without the option has no
// trace of IPv6, link-local addresses included.
func TestOneFamilyOnly(t *testing.T) {
	t.Parallel()
	lab := New(t)
	server := lab.AddHost("server", WithIPv6())
	home := lab.AddNAT("home", PortRestricted, WithIPv6())
	only6, only4 := home.AddHost("six", WithoutIPv4()), home.AddHost("four")
	if !only6.Addr().Is6() || only6.PublicAddr() != only6.Addr() || len(only6.Addrs()) != 0 {
		t.Errorf("six is %v, seen as %v", only6.Addr(), only6.PublicAddr())
	}
	if only4.Addr6().IsValid() {
		t.Errorf("four is %v", only4.Addr6())
	}
	if _, err := only6.Dial(t.Context(), "tcp4", server.AddrPort(1).String()); err == nil {
		t.Error("six has IPv4")
	}
	if _, err := only4.Dial(t.Context(), "tcp6", netip.AddrPortFrom(server.Addr6(), 1).String()); err == nil {
		t.Error("four has IPv6")
	}
	if err := only4.Do(func() error {
		addrs, err := net.InterfaceAddrs()
		for _, a := range addrs {
			if ip := a.(*net.IPNet).IP; ip.To4() == nil && !ip.IsLoopback() {
				t.Errorf("four has the address %v", ip)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	inside, at := udp6(t, only6)
	outside, to := udp6(t, server)
	say(t, inside, "hello", to)
	if _, from := next(t, outside); from != at {
		t.Errorf("seen as %v, is %v", from, at)
	}
}

// A box that blocks UDP does so in both families.
func TestIPv6Blocked(t *testing.T) {
	t.Parallel()
	lab := New(t)
	server := lab.AddHost("server", WithIPv6())
	host := lab.AddNAT("home", UDPBlocked, WithIPv6()).AddHost("host", WithIPv6())
	inside, _ := udp6(t, host)
	_, to := udp6(t, server)
	say(t, inside, "hello", to)
	if err := tcpWorks(t, server, host, 5222, patience); err != nil {
		t.Fatal(err)
	}
	if got := lab.Traffic(host, server).UDP; got != (Count{}) {
		t.Errorf("UDP got out: %+v", got)
	}
}
