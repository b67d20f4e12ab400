//go:build linux

package netlab

import (
	"net/netip"
	"testing"
)

// A phone leaves its Wi-Fi: what it sends next goes by the mobile network, and
// comes back when the Wi-Fi does.
func TestWiFiToMobile(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	wifi := lab.AddNAT("wifi", PortRestricted)
	cgn := lab.AddNAT("cgn", Symmetric)
	phone := wifi.AddHost("phone")
	mobile := phone.Join(cgn)
	if mobile.Name() != "eth1" || !cgn.LAN().Contains(mobile.Addr()) {
		t.Fatalf("%s has %v", mobile.Name(), mobile.Addr())
	}
	ups := phone.Uplinks()
	seen := func(what string, want *NAT) {
		t.Helper()
		if got := askFrom(t, phone, e, 0).mapped(0).Addr(); got != want.Addr() {
			t.Errorf("%s: seen as %v, want %s %v", what, got, want.Name(), want.Addr())
		}
	}
	seen("both up", wifi)
	ups[0].Down()
	ups[0].Down()
	seen("no Wi-Fi", cgn)
	ups[0].Up()
	seen("Wi-Fi again", wifi)
	mobile.Prefer()
	seen("mobile preferred", cgn)
	ups[0].Prefer()
	ups[0].Prefer()
	seen("Wi-Fi preferred", wifi)

	// What is bound to an address leaves by its interface.
	c, err := phone.ListenUDP(netip.AddrPortFrom(mobile.Addr(), 0))
	if err != nil {
		t.Fatal(err)
	}
	bound := &asker{t: t, c: c, e: e}
	if got := bound.mapped(0).Addr(); got != cgn.Addr() {
		t.Errorf("what is bound to %v was seen as %v", mobile.Addr(), got)
	}
	mobile.Down()
	mobile.Up()
	if got := bound.mapped(0).Addr(); got != cgn.Addr() {
		t.Errorf("after down and up seen as %v", got)
	}
}

// A lone interface goes and comes back with addresses and routes of both
// families, on a LAN and on the wire, over a plain link and a delayed one.
func TestDownAndUp(t *testing.T) {
	t.Parallel()
	lab := New(t)
	server := lab.AddHost("server", WithAddresses(2), WithIPv6())
	e := startEcho(t, server)
	home := lab.AddNAT("home", PortRestricted, WithIPv6())
	for _, h := range []*Host{
		home.AddHost("at home", WithIPv6()),
		lab.AddHost("public", WithIPv6()),
		lab.AddHost("delayed", WithIPv6(), WithLink(Link{Delay: 1})),
	} {
		before := askFrom(t, h, e, 0).mapped(0)
		u := h.Uplinks()[0]
		u.Down()
		if err := h.Do(func() error {
			if c, err := h.Dial(t.Context(), "udp4", e.at[0].String()); err == nil {
				_ = c.Close()
				t.Errorf("%s: there is a route without interface", h.Name())
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		u.Up()
		if got := askFrom(t, h, e, 0).mapped(0); got.Addr() != before.Addr() {
			t.Errorf("%s: seen as %v, before as %v", h.Name(), got, before)
		}
		inside, at := udp6(t, h)
		outside, to := udp6(t, server)
		say(t, inside, "hello", to)
		if _, from := next(t, outside); from != at {
			t.Errorf("%s: seen as %v, is %v", h.Name(), from, at)
		}
	}
	// The box itself: everybody behind it is cut off.
	a := askFrom(t, lab.Host("at home"), e, 0)
	a.mapped(0)
	home.Uplink().Down()
	if _, err := a.c.WriteToUDPAddrPort([]byte("{}"), e.at[0]); err != nil {
		t.Logf("sending: %v", err) // the box may say that there is no way
	}
	home.Uplink().Up()
	a.mapped(0)
}

// Another lease is another address; the old one is gone.
func TestRenumber(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	home := lab.AddNAT("home", PortRestricted)
	h := home.AddHost("host")
	other := lab.AddNAT("other", PortRestricted)
	second := h.Join(other)
	for _, u := range []*Uplink{h.Uplinks()[0], second} {
		old := u.Addr()
		u.Renumber()
		if u.Addr() == old || !u.nat.LAN().Contains(u.Addr()) {
			t.Fatalf("had %v, has %v", old, u.Addr())
		}
		if c, err := h.ListenUDP(netip.AddrPortFrom(old, 0)); err == nil {
			_ = c.Close()
			t.Errorf("%v is still there", old)
		}
		c, err := h.ListenUDP(netip.AddrPortFrom(u.Addr(), 0))
		if err != nil {
			t.Fatal(err)
		}
		a := &asker{t: t, c: c, e: e}
		if got := a.mapped(0).Addr(); got != u.nat.Addr() {
			t.Errorf("from %v seen as %v", u.Addr(), got)
		}
	}
	if h.Addr() != h.Uplinks()[0].Addr() {
		t.Error("the host goes on with the old address")
	}
}
