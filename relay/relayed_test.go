package relay

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// dual serves loopback of both families on one server.
func dual(t *testing.T, config Config) (server *Server, four, six net.Addr) {
	t.Helper()
	server, four, _ = serve(t, config, "127.0.0.1")
	conn := packetConn(t, "udp6", "[::1]:0")
	done := make(chan error, 1)
	go func() { done <- server.ServeUDP(conn) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return server, four, conn.LocalAddr()
}

func TestFamilies(t *testing.T) {
	server, four, six := dual(t, turnConfig())
	tests := []struct {
		why      string
		to       net.Addr
		family   turn.RequestedAddressFamily
		loopback string
	}{
		{"IPv4 to IPv4", four, turn.RequestedAddressFamilyIPv4, "127.0.0.1"},
		{"IPv4 to IPv6", four, turn.RequestedAddressFamilyIPv6, "::1"},
		{"IPv6 to IPv4, which a network without IPv4 needs", six, turn.RequestedAddressFamilyIPv4, "127.0.0.1"},
		{"IPv6 to IPv6", six, turn.RequestedAddressFamilyIPv6, "::1"},
		{"nothing asked for is IPv4, also over IPv6 (RFC 8656 §7.2)", six, 0, "127.0.0.1"},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			username, password, _ := server.Credentials("alice", time.Now())
			host, _, _ := net.SplitHostPort(test.to.String())
			conn := packetConn(t, "udp", net.JoinHostPort(host, "0"))
			var relayed net.PacketConn
			if test.family == 0 { // the library always asks
				r := server.testRaw(t, "udp", test.to.String(), "alice").greet()
				if got := r.allocate(); got.Addr().String() != test.loopback {
					t.Errorf("relayed at %v", got)
				}
				return
			}
			relayed, err := turnClient(t, conn, test.to.String(), username, password, test.family).Allocate()
			if err != nil {
				t.Fatal(err)
			}
			defer relayed.Close()
			if got := addrPortOf(relayed.LocalAddr()); got.Addr().String() != test.loopback {
				t.Fatalf("relayed at %v", got)
			}
			peer := packetConn(t, "udp", net.JoinHostPort(test.loopback, "0"))
			echo(t, relayed, peer, "across")
			echo(t, relayed, peer, "and again")
		})
	}
}

func TestFamilyThatIsNotThere(t *testing.T) {
	config := turnConfig()
	config.OwnAddresses = func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")} }
	server, udp, _ := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	if code, _ := r.request(stun.MethodAllocate, udpTransport, family6); code != 440 {
		t.Errorf("%d, want 440", code)
	}
	r.allocate(family4)
}

func TestPlaceFor(t *testing.T) {
	address := netip.MustParseAddr
	mapping := func(local, public string) Mapping {
		m := Mapping{Public: address(public)}
		if local != "" {
			m.Local = address(local)
		}
		return m
	}
	tests := []struct {
		why           string
		public        []Mapping
		interfaces    []string
		served        []string
		v6            bool
		local         string
		bind, public_ string
	}{
		{"the address that was asked", nil, []string{"8.8.0.1/24"}, nil, false, "8.8.0.1", "8.8.0.1", "8.8.0.1"},
		{"and what the world calls it", []Mapping{mapping("", "9.9.9.9")}, nil, nil, false, "10.0.0.5", "10.0.0.5", "9.9.9.9"},
		{"each its own", []Mapping{mapping("10.0.0.5", "9.9.9.9"), mapping("10.0.0.6", "9.9.9.8")}, nil, nil, false, "10.0.0.6", "10.0.0.6", "9.9.9.8"},
		{"the other family: where it is served", nil, nil, []string{"8.8.0.1:3478"}, false, "2600::1", "8.8.0.1", "8.8.0.1"},
		{"or its public address, on any", []Mapping{mapping("", "9.9.9.9")}, nil, nil, false, "2600::1", "0.0.0.0", "9.9.9.9"},
		{"or one of an interface", nil, []string{"8.8.0.1/24", "2600::1/64"}, nil, true, "8.8.0.1", "2600::1", "2600::1"},
		{"where what was asked is not known", nil, []string{"8.8.0.1/24"}, nil, false, "", "8.8.0.1", "8.8.0.1"},
		{"loopback stays on loopback", nil, []string{"8.8.0.1/24", "::1/128"}, []string{"8.8.0.1:3478"}, true, "127.0.0.1", "::1", "::1"},
		{"or is nowhere", nil, []string{"8.8.0.1/24"}, nil, true, "127.0.0.1", "", ""},
		{"no link-local address", nil, []string{"2600::1/64"}, nil, true, "fe80::1", "2600::1", "2600::1"},
		{"none at all", nil, []string{"8.8.0.1/24"}, nil, true, "8.8.0.1", "", ""},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			s := New(Config{Public: test.public, OwnAddresses: func() []netip.Prefix {
				var list []netip.Prefix
				for _, text := range test.interfaces {
					list = append(list, netip.MustParsePrefix(text))
				}
				return list
			}})
			for _, at := range test.served {
				s.listen(netip.MustParseAddrPort(at))
			}
			var local netip.Addr
			if test.local != "" {
				local = address(test.local)
			}
			got, ok := s.placeFor(test.v6, local)
			if ok != (test.bind != "") || ok && (got.bind.String() != test.bind || got.public.String() != test.public_) {
				t.Errorf("%+v, %v", got, ok)
			}
		})
	}
}

// TestTwoClientsOfOneRelay meet at each other's relayed addresses, also where
// those are public addresses that no interface of the server has.
func TestTwoClientsOfOneRelay(t *testing.T) {
	for name, public := range map[string][]Mapping{
		"its own address":                        nil,
		"a public address the router maps to it": {{Local: netip.MustParseAddr("127.0.0.1"), Public: netip.MustParseAddr("9.9.9.9")}},
	} {
		t.Run(name, func(t *testing.T) {
			server, udp, _ := serve(t, Config{Secret: testSecret, Public: public, PacketsPerSecond: 1e6, PacketBurst: 1e6}, "127.0.0.1")
			open := func(account string) (*turn.Client, net.PacketConn) {
				username, password, _ := server.Credentials(account, time.Now())
				client := turnClient(t, packetConn(t, "udp4", "127.0.0.1:0"), udp.String(), username, password, 0)
				relayed, err := client.Allocate()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = relayed.Close() })
				return client, relayed
			}
			_, a := open("alice")
			client, b := open("bob")
			// Each lets the other in, as checks of ICE do.
			if err := client.CreatePermission(a.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			echo(t, a, b, "through two relays of one server")
			echo(t, b, a, "and the other way")
			// Nothing else of the server is reached that way.
			other := &net.UDPAddr{IP: addrPortOf(a.LocalAddr()).Addr().AsSlice(), Port: int(portOf(packetConn(t, "udp4", "127.0.0.1:0")))}
			before := server.Stats()
			if _, err := a.WriteTo([]byte("x"), other); err != nil {
				t.Fatal(err)
			}
			r := server.testRaw(t, "udp", udp.String(), "carol").greet()
			r.allocate()
			if got := server.Stats(); got.PacketsOut != before.PacketsOut {
				t.Errorf("%d datagrams left for %v", got.PacketsOut-before.PacketsOut, other)
			}
		})
	}
}

// TestOneClientOnTwoAddresses: a client may use two addresses of a server from
// one port; those are two 5-tuples and two allocations, and each answers from
// where it was asked.
func TestOneClientOnTwoAddresses(t *testing.T) {
	for _, host := range []string{"", "0.0.0.0"} {
		server, udp, _ := serve(t, turnConfig(), host)
		client := packetConn(t, "udp4", "127.0.0.1:0").(*net.UDPConn)
		peer := packetConn(t, "udp4", "127.0.0.1:0")
		var relays []netip.AddrPort
		for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
			at := &net.UDPAddr{IP: net.ParseIP(address), Port: int(portOf2(udp))}
			username, password, _ := server.Credentials("alice", time.Now())
			r := &raw{t: t, conn: toward{client, at}, username: username, password: password}
			r.greet()
			relays = append(relays, r.allocate())
			if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4000), peerAddress(addrPortOf(peer.LocalAddr()))); code != 0 {
				t.Fatal(code)
			}
		}
		if relays[0] == relays[1] || server.Stats().Live != 2 {
			t.Fatalf("relayed at %v", relays)
		}
		for i, address := range []string{"127.0.0.1", "127.0.0.2"} {
			if got := relays[i].Addr().String(); got != address {
				t.Errorf("relayed at %v, asked at %s", relays[i], address)
			}
			if _, err := peer.WriteTo([]byte("from the peer"), net.UDPAddrFromAddrPort(relays[i])); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, from, err := client.ReadFromUDPAddrPort(b)
			if err != nil {
				t.Fatal(err)
			}
			if from.Addr().Unmap().String() != address || string(b[4:n]) != string(channelData(0x4000, "from the peer")[4:]) {
				t.Errorf("%q from %v", b[:n], from)
			}
			_, _ = client.WriteToUDP(channelData(0x4000, "to the peer"), &net.UDPAddr{IP: net.ParseIP(address), Port: int(portOf2(udp))})
			_ = peer.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, at, err := peer.ReadFrom(b)
			if err != nil || addrPortOf(at) != relays[i] || string(b[:n]) != "to the peer" {
				t.Errorf("%q from %v, %v", b[:n], at, err)
			}
		}
	}
}

func portOf2(a net.Addr) uint16 { return addrPortOf(a).Port() }

// toward is one address of many that a socket speaks to.
type toward struct {
	*net.UDPConn
	to *net.UDPAddr
}

func (c toward) Write(b []byte) (int, error) { return c.UDPConn.WriteTo(b, c.to) }

func (c toward) Read(b []byte) (int, error) {
	for {
		n, from, err := c.UDPConn.ReadFromUDP(b)
		if err != nil || from.IP.Equal(c.to.IP) {
			return n, err
		}
	}
}

func TestCloseEndsAllocations(t *testing.T) {
	server, udp, tcp := serve(t, turnConfig(), "127.0.0.1")
	var relays []netip.AddrPort
	for network, address := range map[string]string{"udp": udp.String(), "tcp": tcp.String()} {
		for _, account := range []string{"a", "b", "c"} {
			relays = append(relays, server.testRaw(t, network, address, account).greet().allocate())
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if got := server.Stats(); got.Live != 0 || got.Open != 0 || got.Allocations != 6 {
		t.Errorf("%+v", got)
	}
	for _, at := range relays {
		conn, err := net.ListenPacket("udp4", at.String())
		if err != nil {
			t.Errorf("%v is still taken: %v", at, err)
			continue
		}
		_ = conn.Close()
	}
}

func TestTheEndOfAConnectionEndsItsAllocation(t *testing.T) {
	ended := make(chan Event, 10)
	config := turnConfig()
	config.Trace = func(e Event) {
		if e.Kind == Deallocated {
			ended <- e
		}
	}
	server, _, tcp := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "tcp", tcp.String(), "alice").greet()
	relayed := r.allocate()
	_ = r.conn.Close()
	select {
	case e := <-ended:
		if e.Relayed != relayed || e.Account != "alice" || e.Transport != "tcp" {
			t.Errorf("%+v", e)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the allocation lives on")
	}
}

func TestRelayOnASocketOfItsOwn(t *testing.T) {
	server := New(turnConfig())
	stunOnly, both := packetConn(t, "udp4", "127.0.0.1:0"), packetConn(t, "udp4", "127.0.0.1:0")
	done := make(chan error, 2)
	go func() { done <- server.ServeSTUN(stunOnly) }()
	go func() { done <- server.ServeUDP(both) }()
	t.Cleanup(func() { _ = server.Close(); <-done; <-done })
	server.testRaw(t, "udp", both.LocalAddr().String(), "alice").greet().allocate()
	r := server.testRaw(t, "udp", stunOnly.LocalAddr().String(), "alice")
	r.send(build(t, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport))
	if m := r.exchange(build(t, stun.TransactionID, stun.BindingRequest)); m.Type != stun.BindingSuccess {
		t.Error(m.Type)
	}
	if got := server.Stats(); got.Challenged != 1 || got.Ignored != 1 {
		t.Errorf("%+v", got)
	}
}

func TestServeConn(t *testing.T) {
	config := turnConfig()
	config.MaxConnectionsPerSource = 1
	server := New(config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accept := func() net.Conn {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
		}
		return conn
	}
	r := server.testRaw(t, "tcp", listener.Addr().String(), "alice")
	done := make(chan error, 1)
	go func() { done <- server.ServeConn(accept()) }()
	r.greet().allocate()
	server.testRaw(t, "tcp", listener.Addr().String(), "bob")
	if err := server.ServeConn(accept()); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	server.testRaw(t, "tcp", listener.Addr().String(), "carol")
	if err := server.ServeConn(accept()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
