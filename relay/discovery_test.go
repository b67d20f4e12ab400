package relay

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// discover serves a set of sockets until the test ends.
func discover(t *testing.T, config Config, set Sockets) *Server {
	t.Helper()
	config.PacketsPerSecond, config.PacketBurst = 1e6, 1e6
	server := New(config)
	done := make(chan error, 1)
	go func() { done <- server.ServeSockets(set) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("serving ended with %v", err)
		}
	})
	return server
}

// pair opens sockets at the addresses on one port.
func pair(t *testing.T, hosts ...string) []net.PacketConn {
	t.Helper()
	for range 50 {
		var list []net.PacketConn
		port := "0"
		for _, host := range hosts {
			conn, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
			if err != nil {
				break
			}
			_, port, _ = net.SplitHostPort(conn.LocalAddr().String())
			list = append(list, conn)
		}
		if len(list) == len(hosts) {
			return list
		}
		for _, conn := range list {
			_ = conn.Close()
		}
	}
	t.Skipf("no port that is free on all of %v", hosts)
	return nil
}

func plainAddress(t testing.TB, m *stun.Message, kind stun.AttrType) netip.AddrPort {
	t.Helper()
	var a stun.MappedAddress
	if err := a.GetFromAs(m, kind); err != nil {
		return netip.AddrPort{}
	}
	return addrPortOf(&net.UDPAddr{IP: a.IP, Port: a.Port})
}

func change(flags byte) stun.Setter { return attribute(stun.AttrChangeRequest, 0, 0, 0, flags) }

// ask sends a request from the socket and returns the answer and where it came from.
func ask(t *testing.T, conn net.PacketConn, to netip.AddrPort, setters ...stun.Setter) (*stun.Message, netip.AddrPort) {
	t.Helper()
	request := build(t, append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, setters...)...)
	if _, err := conn.WriteTo(request, net.UDPAddrFromAddrPort(to)); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 1500)
	n, from, err := conn.ReadFrom(b)
	if err != nil {
		t.Fatalf("no answer from %v: %v", to, err)
	}
	m := new(stun.Message)
	if err := stun.Decode(b[:n], m); err != nil {
		t.Fatal(err)
	}
	if m.TransactionID != [stun.TransactionIDSize]byte(request[8:20]) {
		t.Fatal("another transaction")
	}
	return m, addrPortOf(from)
}

func portOf(conn net.PacketConn) uint16 { return addrPortOf(conn.LocalAddr()).Port() }

func TestDiscoveryFromEverySocket(t *testing.T) {
	a1, a2 := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	layouts := map[string]func() Sockets{
		"bound": func() Sockets {
			return Sockets{Primary: pair(t, "127.0.0.1", "127.0.0.2"), Other: pair(t, "127.0.0.1", "127.0.0.2")}
		},
		"wildcard": func() Sockets {
			return Sockets{Primary: pair(t, ""), Other: pair(t, ""), Addresses: []netip.Addr{a1, a2}}
		},
		"wildcard of IPv4": func() Sockets {
			return Sockets{Primary: pair(t, "0.0.0.0"), Other: pair(t, "0.0.0.0"), Addresses: []netip.Addr{a1, a2}}
		},
	}
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			set := layout()
			ports := [2]uint16{portOf(set.Primary[0]), portOf(set.Other[0])}
			discover(t, turnConfig(), set)
			client := packetConn(t, "udp4", "127.0.0.1:0")
			other := map[netip.Addr]netip.Addr{a1: a2, a2: a1}
			for _, address := range []netip.Addr{a1, a2} {
				for i, port := range ports {
					at := netip.AddrPortFrom(address, port)
					opposite := netip.AddrPortFrom(other[address], ports[1-i])
					for flags, want := range map[byte]netip.AddrPort{
						0:                                  at,
						changePortFlag:                     netip.AddrPortFrom(address, ports[1-i]),
						changeAddressFlag:                  netip.AddrPortFrom(other[address], port),
						changePortFlag | changeAddressFlag: opposite,
					} {
						m, from := ask(t, client, at, change(flags))
						if m.Type != stun.BindingSuccess || from != want {
							t.Errorf("%v with %#x: %v from %v, want %v", at, flags, m.Type, from, want)
						}
						if got := plainAddress(t, m, stun.AttrResponseOrigin); got != want {
							t.Errorf("%v with %#x: RESPONSE-ORIGIN %v, want %v", at, flags, got, want)
						}
						if got := plainAddress(t, m, stun.AttrOtherAddress); got != opposite {
							t.Errorf("%v with %#x: OTHER-ADDRESS %v, want %v", at, flags, got, opposite)
						}
						if got := plainAddress(t, m, stun.AttrMappedAddress); got != addrPortOf(client.LocalAddr()) {
							t.Errorf("%v with %#x: MAPPED-ADDRESS %v", at, flags, got)
						}
					}
					// The first test of a client asks for nothing and learns where the others are.
					m, from := ask(t, client, at)
					if got := plainAddress(t, m, stun.AttrOtherAddress); got != opposite || from != at {
						t.Errorf("%v: OTHER-ADDRESS %v from %v", at, got, from)
					}
					var mapped stun.XORMappedAddress
					if err := mapped.GetFrom(m); err != nil || addrPortOf(&net.UDPAddr{IP: mapped.IP, Port: mapped.Port}) != addrPortOf(client.LocalAddr()) {
						t.Errorf("mapped %v, %v", mapped, err)
					}
				}
			}
		})
	}
}

func TestDiscoveryWithOneAddressSaysSo(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "", "::1"} {
		set := Sockets{Primary: pair(t, host), Other: pair(t, host)}
		ports := [2]uint16{portOf(set.Primary[0]), portOf(set.Other[0])}
		discover(t, Config{}, set)
		address := netip.MustParseAddr("127.0.0.1")
		if host == "::1" {
			address = netip.IPv6Loopback()
		}
		client := packetConn(t, "udp", net.JoinHostPort(address.String(), "0"))
		for i := range ports {
			at, second := netip.AddrPortFrom(address, ports[i]), netip.AddrPortFrom(address, ports[1-i])
			m, from := ask(t, client, at)
			if got := plainAddress(t, m, stun.AttrOtherAddress); got != second || from != at {
				t.Errorf("%q: OTHER-ADDRESS %v from %v, want %v", host, got, from, second)
			}
			if m, from = ask(t, client, at, change(changePortFlag)); m.Type != stun.BindingSuccess || from != second {
				t.Errorf("%q: %v from %v, want %v", host, m.Type, from, second)
			}
			for _, flags := range []byte{changeAddressFlag, changeAddressFlag | changePortFlag} {
				m, from := ask(t, client, at, change(flags))
				var unknown stun.UnknownAttributes
				_ = unknown.GetFrom(m)
				if codeOf(m) != 420 || len(unknown) != 1 || unknown[0] != stun.AttrChangeRequest || from != at {
					t.Errorf("%q: with %#x: %d %v from %v", host, flags, codeOf(m), unknown, from)
				}
			}
		}
	}
}

func TestDiscoveryRefusesWhatCouldBeAbused(t *testing.T) {
	set := Sockets{Primary: pair(t, "127.0.0.1"), Other: pair(t, "127.0.0.1")}
	at := addrPortOf(set.Primary[0].LocalAddr())
	discover(t, Config{}, set)
	client := packetConn(t, "udp4", "127.0.0.1:0")
	for why, test := range map[string]struct {
		setter stun.Setter
		code   int
	}{
		"PADDING makes the answer as long as the path takes":   {attribute(stun.AttrPadding, make([]byte, 64)...), 420},
		"RESPONSE-PORT sends it where nobody asked":            {attribute(stun.AttrResponsePort, 0, 53, 0, 0), 420},
		"a CHANGE-REQUEST that is none":                        {attribute(stun.AttrChangeRequest, 6), 400},
		"SOURCE-ADDRESS of the old standard is not understood": {attribute(stun.AttrSourceAddress, 0, 1, 0, 1, 1, 1, 1, 1), 420},
	} {
		if m, from := ask(t, client, at, test.setter); codeOf(m) != test.code || from != at {
			t.Errorf("%s: %d from %v", why, codeOf(m), from)
		}
	}
}

func TestDiscoveryBehindARouterThatMapsOneToOne(t *testing.T) {
	inside, outside := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("9.9.9.9")
	set := Sockets{Primary: pair(t, ""), Other: pair(t, "")}
	ports := [2]uint16{portOf(set.Primary[0]), portOf(set.Other[0])}
	discover(t, Config{Public: []Mapping{{Local: inside, Public: outside}}}, set)
	m, _ := ask(t, packetConn(t, "udp4", "127.0.0.1:0"), netip.AddrPortFrom(inside, ports[0]))
	if got := plainAddress(t, m, stun.AttrOtherAddress); got != netip.AddrPortFrom(outside, ports[1]) {
		t.Errorf("OTHER-ADDRESS %v", got)
	}
	if got := plainAddress(t, m, stun.AttrResponseOrigin); got != netip.AddrPortFrom(outside, ports[0]) {
		t.Errorf("RESPONSE-ORIGIN %v", got)
	}
}

func TestDiscoveryAndRelayShareASocket(t *testing.T) {
	set := Sockets{Primary: pair(t, "127.0.0.1"), Other: pair(t, "127.0.0.1")}
	server := discover(t, turnConfig(), set)
	primary, other := set.Primary[0].LocalAddr().String(), set.Other[0].LocalAddr().String()
	r := server.testRaw(t, "udp", primary, "alice").greet()
	r.allocate()
	m := r.exchange(build(t, stun.TransactionID, stun.BindingRequest))
	if !plainAddress(t, m, stun.AttrOtherAddress).IsValid() {
		t.Error("no OTHER-ADDRESS beside the relay")
	}
	// The other port does not relay: it drops what it is not for.
	second := server.testRaw(t, "udp", other, "alice")
	second.send(build(t, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport))
	if m := second.exchange(build(t, stun.TransactionID, stun.BindingRequest)); m.Type != stun.BindingSuccess {
		t.Errorf("%v", m.Type)
	}
	if got := server.Stats(); got.Ignored != 1 || got.Challenged != 1 {
		t.Errorf("%+v", got)
	}
}

func TestStreamsDoNotDiscover(t *testing.T) {
	server, _, tcp := serve(t, Config{}, "127.0.0.1")
	r := server.testRaw(t, "tcp", tcp.String(), "")
	if m := r.exchange(build(t, stun.TransactionID, stun.BindingRequest, change(changePortFlag))); codeOf(m) != 420 {
		t.Errorf("%d", codeOf(m))
	}
	if m := r.exchange(build(t, stun.TransactionID, stun.BindingRequest)); m.Contains(stun.AttrOtherAddress) {
		t.Error("OTHER-ADDRESS on a stream")
	}
}

func TestServeSocketsRefusesOtherShapes(t *testing.T) {
	for why, set := range map[string]func() Sockets{
		"one port": func() Sockets { return Sockets{Primary: pair(t, "127.0.0.1")} },
		"two ports where one is wanted": func() Sockets {
			return Sockets{Primary: append(pair(t, "127.0.0.1"), pair(t, "127.0.0.2")...), Other: pair(t, "127.0.0.1")}
		},
		"the same port twice": func() Sockets {
			both := pair(t, "127.0.0.1", "127.0.0.2")
			return Sockets{Primary: both[:1], Other: both[1:]}
		},
	} {
		sockets := set()
		if err := New(Config{}).ServeSockets(sockets); err == nil || errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", why, err)
		}
		for _, conn := range sockets.Primary {
			if _, err := conn.WriteTo(nil, conn.LocalAddr()); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: a socket was left open: %v", why, err)
			}
		}
	}
	server := New(Config{})
	_ = server.Close()
	if err := server.ServeSockets(Sockets{Primary: pair(t, "127.0.0.1"), Other: pair(t, "127.0.0.1")}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
