package relay

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func TestEveryMethodRefusesEveryEncoding(t *testing.T) {
	// The relay is told of nothing that it may send to.
	server, udp, tcp := serve(t, Config{
		Secret: testSecret, PacketsPerSecond: 1e6, PacketBurst: 1e6,
		// Relayed addresses are not on loopback, which would be open as theirs.
		Public: []Mapping{{Local: netip.MustParseAddr("127.0.0.1"), Public: netip.MustParseAddr("9.9.9.9")}},
	}, "127.0.0.1")
	for _, network := range []string{"udp", "tcp"} {
		at := udp
		if network == "tcp" {
			at = tcp
		}
		r := server.testRaw(t, network, at.String(), "mallory").greet()
		relayed := r.allocate()
		// A permission for somebody reachable, so that only addresses decide.
		if code, _ := r.request(stun.MethodCreatePermission, peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))); code != 0 {
			t.Fatalf("a permission for the internet: %d", code)
		}
		asked, dropped := 0, server.Stats().Refusals[ReasonAddress]
		for _, test := range closedPeers {
			address := netip.MustParseAddr(test.address)
			if address.Zone() != "" {
				continue // the wire has none
			}
			peer := peerAddress(netip.AddrPortFrom(address, 4000))
			if code, _ := r.request(stun.MethodCreatePermission, peer); code != 403 {
				t.Errorf("%s: CreatePermission for %s: %d", network, test.address, code)
			}
			open := peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))
			if code, _ := r.request(stun.MethodCreatePermission, open, peer); code != 403 {
				t.Errorf("%s: CreatePermission for %s hidden behind another: %d", network, test.address, code)
			}
			if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4001), peer); code != 403 {
				t.Errorf("%s: ChannelBind to %s: %d", network, test.address, code)
			}
			r.sendTo(netip.AddrPort(peer), "x")
			asked++
		}
		// Nothing was installed on the way.
		a := server.ledger.at(relayed)
		a.mu.Lock()
		if len(a.permissions) != 1 || len(a.channels) != 0 {
			t.Errorf("%s: installed %v, %v", network, a.permissions, a.channels)
		}
		a.mu.Unlock()
		if n := server.Stats().Refusals[ReasonAddress] - dropped; n < uint64(3*asked) {
			t.Errorf("%s: %d refusals counted of %d", network, n, 3*asked)
		}
		if got := server.Stats().PacketsOut; got != 0 {
			t.Errorf("%s: %d datagrams left", network, got)
		}
	}
}

// TestDatagramsAreJudgedAgain goes round the requests' check: even with a
// permission and a channel in place, the socket refuses by itself.
func TestDatagramsAreJudgedAgain(t *testing.T) {
	config := turnConfig()
	server, udp, _ := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "mallory").greet()
	relayed := r.allocate()
	peer := packetConn(t, "udp4", "127.0.0.1:0")
	at := addrPortOf(peer.LocalAddr())
	if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4001), peerAddress(at)); code != 0 {
		t.Fatal(code)
	}
	server.listen(at) // as if one of our own sockets was there from now on
	r.send(channelData(0x4001, "channel"))
	r.sendTo(at, "indication")
	a, refused := server.ledger.at(relayed), 2
	for _, test := range closedPeers {
		address := netip.MustParseAddr(test.address)
		if address.Unmap() == relayed.Addr() {
			continue // opened for the test
		}
		refused++
		if _, err := a.WriteTo([]byte("x"), &net.UDPAddr{IP: address.AsSlice(), Port: 4000, Zone: address.Zone()}); err != nil {
			t.Errorf("%s: %v", test.address, err)
		}
	}
	// An answered request tells that what was sent before was dealt with.
	if code, _ := r.request(stun.MethodRefresh); code != 0 {
		t.Fatal(code)
	}
	if got := server.Stats(); got.PacketsOut != 0 || got.Refusals[ReasonAddress] != uint64(refused) {
		t.Errorf("%+v", got)
	}
}

func TestRefusedRequests(t *testing.T) {
	config := turnConfig()
	config.MaxPeers = 3
	server, udp, _ := serve(t, config, "127.0.0.1")
	open := peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))
	with := func(setters ...stun.Setter) []stun.Setter { return setters }
	tests := []struct {
		why       string
		allocated bool
		method    stun.Method
		setters   []stun.Setter
		code      int
	}{
		{"an allocation for TCP (RFC 6062)", false, stun.MethodAllocate, with(tcpTransport), 442},
		{"no transport", false, stun.MethodAllocate, nil, 400},
		{"a transport cut short", false, stun.MethodAllocate, with(attribute(stun.AttrRequestedTransport, 17)), 400},
		{"a family that is none", false, stun.MethodAllocate, with(udpTransport, attribute(stun.AttrRequestedAddressFamily, 3, 0, 0, 0)), 440},
		{"a family cut short", false, stun.MethodAllocate, with(udpTransport, attribute(stun.AttrRequestedAddressFamily, 1)), 400},
		{"an even port", false, stun.MethodAllocate, with(udpTransport, attribute(stun.AttrEvenPort, 0x80)), 508},
		{"a reservation", false, stun.MethodAllocate, with(udpTransport, attribute(stun.AttrReservationToken, 1, 2, 3, 4, 5, 6, 7, 8)), 508},
		{"both", false, stun.MethodAllocate, with(udpTransport, attribute(stun.AttrEvenPort, 0), attribute(stun.AttrReservationToken, 1, 2, 3, 4, 5, 6, 7, 8)), 400},
		{"no fragmentation", false, stun.MethodAllocate, with(udpTransport, attribute(stun.AttrDontFragment)), 420},
		{"an attribute of tomorrow", false, stun.MethodAllocate, with(udpTransport, attribute(0x7001)), 420},
		{"a broken lifetime", false, stun.MethodAllocate, with(udpTransport, attribute(stun.AttrLifetime, 1)), 400},
		{"a refresh of nothing", false, stun.MethodRefresh, nil, 437},
		{"a permission for nothing", false, stun.MethodCreatePermission, with(open), 437},
		{"a channel of nothing", false, stun.MethodChannelBind, with(channelNumber(0x4000), open), 437},
		{"a second allocation", true, stun.MethodAllocate, with(udpTransport), 437},
		{"a refresh of another family", true, stun.MethodRefresh, with(family6), 443},
		{"a refresh of its family", true, stun.MethodRefresh, with(family4), 0},
		{"a permission for nobody", true, stun.MethodCreatePermission, nil, 400},
		{"a permission for half an address", true, stun.MethodCreatePermission, with(attribute(stun.AttrXORPeerAddress, 0, 1, 2, 3, 4)), 400},
		{"a permission for a family that is none", true, stun.MethodCreatePermission, with(attribute(stun.AttrXORPeerAddress, 0, 3, 2, 3, 4, 5, 6, 7)), 400},
		{"IPv6 peers of an IPv4 allocation", true, stun.MethodCreatePermission, with(peerAddress(netip.MustParseAddrPort("[2a00::1]:1"))), 443},
		{"a channel to them", true, stun.MethodChannelBind, with(channelNumber(0x4000), peerAddress(netip.MustParseAddrPort("[2a00::1]:1"))), 443},
		{"a channel below the range", true, stun.MethodChannelBind, with(channelNumber(0x3FFF), open), 400},
		{"a channel above it", true, stun.MethodChannelBind, with(channelNumber(0x5000), open), 400},
		{"a channel without number", true, stun.MethodChannelBind, with(open), 400},
		{"a channel without peer", true, stun.MethodChannelBind, with(channelNumber(0x4000)), 400},
		{"a channel to port 0", true, stun.MethodChannelBind, with(channelNumber(0x4000), peerAddress(netip.MustParseAddrPort("8.8.8.8:0"))), 400},
		{"a channel to two", true, stun.MethodChannelBind, with(channelNumber(0x4000), open, open), 400},
		{"more permissions than fit", true, stun.MethodCreatePermission, with(
			peerAddress(netip.MustParseAddrPort("8.8.8.1:1")), peerAddress(netip.MustParseAddrPort("8.8.8.2:1")),
			peerAddress(netip.MustParseAddrPort("8.8.8.3:1")), peerAddress(netip.MustParseAddrPort("8.8.8.4:1"))), 508},
		{"the same peer many times is one", true, stun.MethodCreatePermission, with(open, open, open, open, open), 0},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			r := server.testRaw(t, "udp", udp.String(), "alice-"+test.why).greet()
			if test.allocated {
				r.allocate()
			}
			code, m := r.request(test.method, test.setters...)
			if code != test.code {
				t.Errorf("%d, want %d", code, test.code)
			}
			if code == 420 {
				var unknown stun.UnknownAttributes
				if err := unknown.GetFrom(m); err != nil || len(unknown) != 1 {
					t.Errorf("%v, %v", unknown, err)
				}
			}
		})
	}
}

func TestChannelsAreBounded(t *testing.T) {
	config := turnConfig()
	config.MaxPeers = 4
	server, udp, _ := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	r.allocate()
	for i := range 6 {
		// One address, so that only channels grow.
		peer := peerAddress(netip.AddrPortFrom(netip.MustParseAddr("8.8.8.8"), uint16(1000+i)))
		code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4000+uint16(i)), peer)
		if want := map[bool]int{true: 0, false: 508}[i < 4]; code != want {
			t.Errorf("channel %d: %d, want %d", i, code, want)
		}
	}
	// A channel that exists can be refreshed, and not turned to somebody else.
	if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4000), peerAddress(netip.MustParseAddrPort("8.8.8.8:1000"))); code != 0 {
		t.Errorf("refreshing: %d", code)
	}
	if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4000), peerAddress(netip.MustParseAddrPort("8.8.8.8:1001"))); code != 400 {
		t.Errorf("turning: %d", code)
	}
}

func TestWhatFollowsIntegrityIsNotBelieved(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	r.allocate()
	m := new(stun.Message)
	if err := stun.Decode(r.signed(stun.MethodCreatePermission), m); err != nil {
		t.Fatal(err)
	}
	_ = peerAddress(netip.MustParseAddrPort("8.8.8.8:1")).AddTo(m)
	if got := codeOf(r.exchange(m.Raw)); got != 400 {
		t.Errorf("an address added on the way was believed: %d", got)
	}
}

func TestOthersCannotUseAnAllocation(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	r.allocate()
	r.username, r.password, _ = server.Credentials("mallory", time.Now())
	peer := peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))
	for method, setters := range map[stun.Method][]stun.Setter{
		stun.MethodRefresh:          {lifetime(0)},
		stun.MethodCreatePermission: {peer},
		stun.MethodChannelBind:      {channelNumber(0x4000), peer},
	} {
		if code, _ := r.request(method, setters...); code != 441 {
			t.Errorf("%s by somebody else: %d", method, code)
		}
	}
	if server.Stats().Live != 1 {
		t.Error("the allocation is gone")
	}
}

func TestLifetimesAreBounded(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	for asked, want := range map[uint32]uint32{0: minLifetime, 1: minLifetime, 900: 900, 3600: maxLifetime, 1 << 31: maxLifetime} {
		r := server.testRaw(t, "udp", udp.String(), fmt.Sprint("alice", asked)).greet()
		code, m := r.request(stun.MethodAllocate, udpTransport, lifetime(asked))
		value, err := m.Get(stun.AttrLifetime)
		if code != 0 || err != nil || len(value) != 4 || uint32(value[2])<<8|uint32(value[3]) != want || value[0]|value[1] != 0 {
			t.Errorf("%d asked: %d %x", asked, code, value)
		}
	}
	r := server.testRaw(t, "udp", udp.String(), "bob").greet()
	r.allocate()
	before := server.Stats().Live
	if code, _ := r.request(stun.MethodRefresh, lifetime(0)); code != 0 {
		t.Fatal(code)
	}
	if got := server.Stats().Live; got != before-1 {
		t.Errorf("%d allocations after one of %d was given back", got, before)
	}
}
