package nat

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/relay"
	"godwit/xep/reach"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// On loopback there is no NAT: two addresses of it are a whole server.
func TestDiscoverOnLoopback(t *testing.T) {
	s := relay.New(relay.Config{})
	var set relay.Sockets
	first := loopback(t, "127.0.0.1:0")
	port := first.LocalAddr().(*net.UDPAddr).Port
	set.Primary = append(set.Primary, first, loopback(t, (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port}).String()))
	second := loopback(t, "127.0.0.1:0")
	set.Other = append(set.Other, second, loopback(t, (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: second.LocalAddr().(*net.UDPAddr).Port}).String()))
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.ServeSockets(set) })
	t.Cleanup(func() { _ = s.Close(); serving.Wait() })
	r, err := Discover(t.Context(), Config{Servers: []string{first.LocalAddr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Reach.Class != reach.Open || r.IPv4.Vantage != TwoAddresses || r.Reach.Carrier != reach.No || r.Public() != netip.MustParseAddr("127.0.0.1") || r.IPv4.RoundTrip <= 0 {
		t.Errorf("%+v", r)
	}
	if !r.sane() {
		t.Errorf("a cache would not keep it: %+v", r)
	}
}

func loopback(t *testing.T, address string) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp4", address)
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	return c
}

func TestDiscoverErrors(t *testing.T) {
	none := func(context.Context, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	broken := func(context.Context, string, netip.AddrPort) (net.PacketConn, error) { return nil, syscall.EMFILE }
	for _, tt := range []struct {
		why string
		c   Config
		is  error
	}{
		{"nobody to ask", Config{}, ErrNoServer},
		{"a name without address", Config{Servers: []string{"nowhere.invalid"}, Lookup: none}, ErrNoServer},
		{"no name", Config{Servers: []string{":3478"}}, ErrNoServer},
		{"no port", Config{Servers: []string{"localhost:x"}}, ErrNoServer},
		{"an address nobody can have", Config{Servers: []string{"0.0.0.0", "224.0.0.1"}}, ErrNoServer},
		{"no sockets left", Config{Servers: []string{"127.0.0.1"}, Listen: broken}, syscall.EMFILE},
	} {
		if _, err := Discover(t.Context(), tt.c); !errors.Is(err, tt.is) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

// The end of the context ends a discovery at once.
func TestDiscoverCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent := loopback(t, "127.0.0.1:0")
	defer silent.Close()
	go func() { // as soon as somebody asks
		_, _, _ = silent.ReadFrom(make([]byte, 100))
		cancel()
	}()
	if _, err := Discover(ctx, Config{Servers: []string{silent.LocalAddr().String()}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Without a route in either family there is nothing to ask, and that is a finding.
func TestDiscoverOffline(t *testing.T) {
	c := Config{Servers: []string{"27.1.1.1", "2001:db8::1"}, Listen: func(context.Context, string, netip.AddrPort) (net.PacketConn, error) {
		return nil, os.NewSyscallError("connect", syscall.ENETUNREACH)
	}}
	r, err := Discover(t.Context(), c)
	if err != nil || r.Reach.IPv4 != reach.No || r.Reach.IPv6 != reach.No || r.Took > time.Minute {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestResolve(t *testing.T) {
	c := Config{Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if !strings.HasPrefix(host, "stun") {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{netip.MustParseAddr("27.1.1.1"), netip.MustParseAddr("::ffff:27.1.1.2"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("27.1.1.1")}, nil
	}}
	c.Servers = []string{"stun.example", "gone.example", "[2001:db8::2]:5000", "2001:db8::3", "27.1.1.3", "27.1.1.4:1", "27.1.1.5"}
	s, err := c.resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "[27.1.1.1:3478 27.1.1.2:3478 27.1.1.3:3478 27.1.1.4:1] [[2001:db8::1]:3478 [2001:db8::2]:5000 [2001:db8::3]:3478]"
	var got []string
	for _, list := range [][]netip.AddrPort{s.four, s.six} {
		var names []string
		for _, a := range list {
			names = append(names, a.String())
		}
		got = append(got, "["+strings.Join(names, " ")+"]")
	}
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
