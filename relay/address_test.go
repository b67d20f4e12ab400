package relay

import (
	"net/netip"
	"testing"
)

// closedPeers are addresses no client may reach through the relay, in every form
// they can be written in.
var closedPeers = []struct{ address, why string }{
	{"127.0.0.1", "loopback"},
	{"127.255.255.254", "loopback"},
	{"0.0.0.0", "this network"},
	{"0.0.0.1", "this network"},
	{"0.255.255.255", "this network"},
	{"10.0.0.1", "private"},
	{"10.255.255.255", "private"},
	{"172.16.0.1", "private"},
	{"172.31.255.254", "private"},
	{"192.168.0.1", "private"},
	{"192.168.255.255", "private"},
	{"100.64.0.1", "carrier NAT"},
	{"100.127.255.254", "carrier NAT"},
	{"169.254.169.254", "link-local"}, // where clouds keep their secrets
	{"169.254.0.1", "link-local"},
	{"192.0.0.1", "protocol assignments"},
	{"192.0.2.1", "documentation"},
	{"198.51.100.1", "documentation"},
	{"203.0.113.1", "documentation"},
	{"192.88.99.1", "6to4 anycast"},
	{"198.18.0.1", "benchmarks"},
	{"198.19.255.255", "benchmarks"},
	{"224.0.0.1", "multicast"},
	{"239.255.255.250", "multicast"},
	{"240.0.0.1", "reserved"},
	{"255.255.255.255", "reserved"},

	{"::", "unspecified"},
	{"::1", "loopback"},
	{"fc00::1", "unique local"},
	{"fd12:3456:789a::1", "unique local"},
	{"fe80::1", "link-local"},
	{"febf::1", "link-local"},
	{"fec0::1", "site-local"},
	{"ff02::1", "multicast"},
	{"ff0e::1", "multicast"},
	{"100::1", "discard"},
	{"2001:db8::1", "documentation"},
	{"3fff::1", "documentation"},
	{"2001:2::1", "protocol assignments"},
	{"2001:20::1", "protocol assignments"},
	{"5f00::1", "not global"},
	{"4000::1", "not global"},
	{"200::1", "not global"},

	// IPv4 inside IPv6.
	{"::ffff:127.0.0.1", "loopback"},
	{"::ffff:10.0.0.1", "private"},
	{"::ffff:169.254.169.254", "link-local"},
	{"::ffff:0.0.0.0", "this network"},
	{"::ffff:224.0.0.1", "multicast"},
	{"::127.0.0.1", "IPv4-compatible"},
	{"::10.0.0.1", "IPv4-compatible"},
	{"::8.8.8.8", "IPv4-compatible"},
	{"::ffff:0:127.0.0.1", "IPv4-translated"},
	{"::ffff:0:8.8.8.8", "IPv4-translated"},
	{"64:ff9b::127.0.0.1", "loopback"},
	{"64:ff9b::10.0.0.1", "private"},
	{"64:ff9b::169.254.169.254", "link-local"},
	{"64:ff9b::100.64.0.1", "carrier NAT"},
	{"64:ff9b:1::10.0.0.1", "local NAT64"},
	{"64:ff9b:1:a00:0:100::", "local NAT64"},
	{"64:ff9b:1::8.8.8.8", "local NAT64"},
	{"64:ff9b:2::8.8.8.8", "not global"},
	{"2002:7f00:1::", "loopback"},
	{"2002:a00:1::1", "private"},
	{"2002:c0a8:101::1", "private"},
	{"2002:a9fe:a9fe::", "link-local"},
	{"2001::1", "Teredo"},
	{"2001:0:4136:e378:8000:63bf:f5ff:fffe", "Teredo"},
	{"2001:0:808:808::f7f7:f7f7", "Teredo"},
	{"2a00::5efe:10.0.0.1", "private"},
	{"2a00::5efe:127.0.0.1", "loopback"},
	{"2a00::200:5efe:192.168.1.1", "private"},
	{"fe80::5efe:10.0.0.1", "link-local"},
	{"fe80::1%eth0", "zone"},
	{"2a00:1450::1%1", "zone"},
}

// openPeers are on the internet.
var openPeers = []string{
	"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
	"172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
	"223.255.255.255", "2a00:1450::1", "2600::", "2001:200::1", "2001:4860:4860::8888", "::ffff:8.8.8.8",
	"64:ff9b::8.8.8.8", "2002:808:808::1", "2a00::5efe:8.8.8.8", "3ffe::1", "3fff:1000::1",
}

// nowhere is a host that has no address and no allocation.
var nowhere = surroundings{
	own:       func(netip.Addr) bool { return false },
	relayed:   func(netip.AddrPort) bool { return false },
	listening: func(netip.AddrPort) bool { return false },
}

func TestPolicyRefusesEveryEncoding(t *testing.T) {
	for _, test := range closedPeers {
		for _, port := range []uint16{0, 4000} {
			peer := netip.AddrPortFrom(netip.MustParseAddr(test.address), port)
			if got := (policy{}).refuse(peer, nowhere); got != test.why {
				t.Errorf("%s: %q, want %q", test.address, got, test.why)
			}
		}
	}
	for _, text := range openPeers {
		if got := (policy{}).refuse(netip.AddrPortFrom(netip.MustParseAddr(text), 4000), nowhere); got != "" {
			t.Errorf("%s is closed: %s", text, got)
		}
	}
	if got := (policy{}).refuse(netip.AddrPort{}, nowhere); got == "" {
		t.Error("no address at all is open")
	}
}

func TestPolicyKnowsItself(t *testing.T) {
	own, relayed := netip.MustParseAddr("9.9.9.9"), netip.MustParseAddrPort("9.9.9.9:50000")
	lab := netip.MustParseAddr("10.1.2.3")
	around := surroundings{
		own: func(a netip.Addr) bool { return a == own || a == lab },
		relayed: func(at netip.AddrPort) bool {
			return at == relayed || at.Port() == 0 && at.Addr() == relayed.Addr()
		},
		listening: func(at netip.AddrPort) bool { return at.Port() == 3478 },
	}
	prefix := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	tests := []struct {
		why   string
		allow []netip.Prefix
		peer  string
		open  bool
	}{
		{"two clients of one relay reach each other", nil, "9.9.9.9:50000", true},
		{"a permission has no port", nil, "9.9.9.9:0", true},
		{"but other services of the host stay closed", nil, "9.9.9.9:53", false},
		{"in every encoding", nil, "[::ffff:9.9.9.9]:53", false},
		{"by NAT64", nil, "[64:ff9b::9.9.9.9]:53", false},
		{"by 6to4", nil, "[2002:909:909::1]:53", false},
		{"by ISATAP", nil, "[2a00::5efe:9.9.9.9]:53", false},
		{"opening a range does not open the server in it", prefix("10.0.0.0/8"), "10.1.2.3:53", false},
		{"only its neighbours", prefix("10.0.0.0/8"), "10.1.2.4:53", true},
		{"and not what leads into the range", prefix("10.0.0.0/8"), "[64:ff9b::127.0.0.1]:53", false},
		{"what leads to an open address is open", prefix("10.0.0.0/8"), "[64:ff9b::10.1.2.4]:53", true},
		{"an address opened by itself is meant", prefix("10.1.2.3/32"), "10.1.2.3:53", true},
		{"but not where the relay itself listens", prefix("10.1.2.3/32"), "10.1.2.3:3478", false},
		{"IPv6 ranges open too", prefix("fd00::/8"), "[fd00::1]:1", true},
		{"and nothing beside them", prefix("fd00::/8"), "[fc00::1]:1", false},
	}
	for _, test := range tests {
		got := policy{allow: test.allow}.refuse(netip.MustParseAddrPort(test.peer), around)
		if (got == "") != test.open {
			t.Errorf("%s: %s with %v: %q", test.why, test.peer, test.allow, got)
		}
	}
}

func TestBroadcastOf(t *testing.T) {
	for prefix, want := range map[string]string{
		"192.0.2.7/24": "192.0.2.255", "192.0.2.130/25": "192.0.2.255", "9.8.7.6/8": "9.255.255.255",
		"192.0.2.1/31": "", "192.0.2.1/32": "", "2001:db8::1/64": "",
	} {
		got, ok := broadcastOf(netip.MustParsePrefix(prefix))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v", prefix, got)
		}
	}
}

func FuzzRefuse(f *testing.F) {
	for _, test := range closedPeers {
		a := netip.MustParseAddr(test.address).As16()
		f.Add(a[:])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		got := policy{}.refuse(netip.AddrPortFrom(a, 1), nowhere)
		plain := a.Unmap()
		closed := plain.IsLoopback() || plain.IsPrivate() || plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified()
		if closed && got == "" {
			t.Fatalf("%v is open", a)
		}
		if inner, carries := embedded(a); carries && got == "" && (policy{}).refuse(netip.AddrPortFrom(inner, 1), nowhere) != "" {
			t.Fatalf("%v is open, and leads to %v", a, inner)
		}
	})
}

func BenchmarkRefuse(b *testing.B) {
	four, six := netip.MustParseAddrPort("8.8.8.8:1"), netip.MustParseAddrPort("[2a00:1450::1]:1")
	for b.Loop() {
		if (policy{}).refuse(four, nowhere) != "" || (policy{}).refuse(six, nowhere) != "" {
			b.Fatal("closed")
		}
	}
}
