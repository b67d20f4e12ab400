package nat

import (
	"net/netip"
	"slices"
	"testing"

	"godwit/xep/reach"
)

// classOf, complete: every mapping (down) with every filter (across).
func TestClassOf(t *testing.T) {
	filters := []reach.Behaviour{reach.Unknown, reach.None, reach.EndpointIndependent, reach.AddressDependent, reach.AtMostAddress, reach.AddressPortDependent, reach.AtLeastAddress}
	const u, o, f, fc, rc, pr, s = reach.UnknownClass, reach.Open, reach.Firewall, reach.FullCone, reach.RestrictedCone, reach.PortRestricted, reach.Symmetric
	for mapping, row := range map[reach.Behaviour][]reach.Class{
		reach.Unknown:              {u, u, u, u, u, u, u},
		reach.None:                 {u, o, u, f, u, f, f}, // no filter is called none there
		reach.EndpointIndependent:  {u, u, fc, rc, u, pr, u},
		reach.AtMostAddress:        {u, u, u, u, u, u, u},
		reach.AddressDependent:     {s, s, s, s, s, s, s},
		reach.AddressPortDependent: {s, s, s, s, s, s, s},
		reach.AtLeastAddress:       {s, s, s, s, s, s, s},
	} {
		for i, want := range row {
			if got := classOf(mapping, filters[i]); got != want {
				t.Errorf("mapping %q, filter %q: %q, want %q", mapping, filters[i], got, want)
			}
		}
	}
}

var (
	a1p1 = netip.MustParseAddrPort("27.1.1.1:3478")
	a1p2 = netip.MustParseAddrPort("27.1.1.1:3479")
	a2p1 = netip.MustParseAddrPort("27.1.1.2:3478")
	a2p2 = netip.MustParseAddrPort("27.1.1.2:3479")
	m1   = netip.MustParseAddrPort("27.1.2.1:1001")
	m2   = netip.MustParseAddrPort("27.1.2.1:1002")
	m3   = netip.MustParseAddrPort("27.1.2.1:1003")
	m4   = netip.MustParseAddrPort("27.1.2.1:1004")
	here = netip.MustParseAddrPort("192.168.1.2:1001")
)

// sights are what the four addresses saw, in the order above.
func sights(mapped ...netip.AddrPort) []sighting {
	var list []sighting
	for i, m := range mapped {
		list = append(list, sighting{by: []netip.AddrPort{a1p1, a1p2, a2p1, a2p2}[i], mapped: m})
	}
	return list
}

func TestMappingOf(t *testing.T) {
	none := netip.AddrPort{}
	for _, tt := range []struct {
		why   string
		other netip.AddrPort
		seen  []sighting
		want  reach.Behaviour
		doubt Why
	}{
		{"all the same", a2p2, sights(m1, m1, m1, m1), reach.EndpointIndependent, ""},
		{"by address", a2p2, sights(m1, m1, m2, m2), reach.AddressDependent, ""},
		{"all different", a2p2, sights(m1, m2, m3, m4), reach.AddressPortDependent, ""},
		{"another port is enough", a2p2, sights(m1, m2, none, none), reach.AddressPortDependent, ""},
		{"another address, ports not compared", a2p2, sights(m1, none, m2, none), reach.AtLeastAddress, OtherSilent},
		{"another address with the same mapping: so have the ports", a2p2, sights(m1, none, m1, none), reach.EndpointIndependent, ""},
		{"the other address is dead", a2p2, sights(m1, m1, none, none), reach.AtMostAddress, OtherSilent},
		{"everything but the primary is dead", a2p2, sights(m1, none, none, none), reach.Unknown, OtherSilent},
		{"one address", a1p2, sights(m1, m1), reach.AtMostAddress, OneAddress},
		{"one address, symmetric", a1p2, sights(m1, m2), reach.AddressPortDependent, ""},
		{"plain", none, sights(m1), reach.Unknown, PlainServer},
		{"a server that names itself", a1p1, sights(m1), reach.Unknown, PlainServer},
		{"a server that names an address of its own network", netip.MustParseAddrPort("10.0.0.2:3479"), sights(m1, m1), reach.AtMostAddress, OneAddress},
		{"a server that names another family", netip.MustParseAddrPort("[2001:db8::2]:3479"), sights(m1, m1), reach.AtMostAddress, OneAddress},
		{"two plain servers", none, []sighting{{by: a1p1, mapped: m1}, {by: a2p1, mapped: m1}}, reach.EndpointIndependent, ""},
		{"two plain servers, symmetric", none, []sighting{{by: a1p1, mapped: m1}, {by: a2p1, mapped: m2}}, reach.AtLeastAddress, PlainServer},
		{"it changed", a2p2, []sighting{{by: a1p1, mapped: m1, unstable: true}, {by: a2p2, mapped: m2}}, reach.Unknown, Unstable},
	} {
		got, doubt := mappingOf(evidence{primary: a1p1, other: tt.other, seen: tt.seen, confirmed: true})
		if got != tt.want || doubt != tt.doubt {
			t.Errorf("%s: %q, %q; want %q, %q", tt.why, got, doubt, tt.want, tt.doubt)
		}
	}
}

// A difference that was not confirmed may be a mapping that has changed.
func TestMappingUnconfirmed(t *testing.T) {
	for _, seen := range [][]sighting{sights(m1, m2, m3, m4), sights(m1, m1, m2, m2), sights(m1, m2)} {
		if got, why := mappingOf(evidence{primary: a1p1, other: a2p2, seen: seen}); got != reach.Unknown || why != HeavyLoss {
			t.Errorf("%v: %q, %q", seen, got, why)
		}
	}
}

func TestFilteringOf(t *testing.T) {
	in, out := trial{sent: 3, passed: true}, trial{sent: rounds}
	ignored, refused, few := trial{sent: 1, ignored: true}, trial{sent: 1, refused: true}, trial{sent: 3}
	all, deadAddress, deadPort, deadBoth := sights(m1, m1, m1, m1), sights(m1, m1), []sighting{{by: a1p1, mapped: m1}, {by: a2p2, mapped: m1}}, sights(m1)
	for _, tt := range []struct {
		why        string
		other      netip.AddrPort
		seen       []sighting
		both, port trial
		want       reach.Behaviour
		doubt      Why
	}{
		{"everything comes in", a2p2, all, in, in, reach.EndpointIndependent, ""},
		{"the other address is enough", a2p2, all, in, few, reach.EndpointIndependent, ""},
		{"the port comes in, the address not", a2p2, all, out, in, reach.AddressDependent, ""},
		{"nothing comes in", a2p2, all, out, out, reach.AddressPortDependent, ""},
		{"the other address is dead: no filter", a2p2, deadAddress, out, in, reach.AtMostAddress, OtherSilent},
		{"the other address is dead, but the port does not come in", a2p2, deadAddress, out, out, reach.AddressPortDependent, ""},
		{"the other port is dead", a2p2, deadPort, out, out, reach.AtLeastAddress, OtherSilent},
		{"both are dead", a2p2, deadBoth, out, out, reach.Unknown, OtherSilent},
		{"ignored", a2p2, all, ignored, ignored, reach.Unknown, ChangeIgnored},
		{"refused", a2p2, all, refused, refused, reach.Unknown, ChangeIgnored},
		{"the address is refused, the port comes in", a2p2, all, refused, in, reach.AtMostAddress, ChangeIgnored},
		{"the address is refused, the port does not come in", a2p2, all, refused, out, reach.AddressPortDependent, ""},
		{"not asked often enough", a2p2, all, few, few, reach.Unknown, HeavyLoss},
		{"not asked often enough for the address", a2p2, all, few, in, reach.AtMostAddress, HeavyLoss},
		{"one address, the port comes in", a1p2, sights(m1, m1), trial{}, in, reach.AtMostAddress, OneAddress},
		{"one address, the port does not come in", a1p2, sights(m1, m1), trial{}, out, reach.AddressPortDependent, ""},
		{"two addresses of one port: the address comes in", a2p1, []sighting{{by: a1p1, mapped: m1}, {by: a2p1, mapped: m1}}, in, trial{}, reach.EndpointIndependent, ""},
		{"two addresses of one port: it does not", a2p1, []sighting{{by: a1p1, mapped: m1}, {by: a2p1, mapped: m1}}, out, trial{}, reach.AtLeastAddress, PlainServer},
		{"plain", netip.AddrPort{}, sights(m1), trial{}, trial{}, reach.Unknown, PlainServer},
	} {
		got, doubt := filteringOf(evidence{primary: a1p1, other: tt.other, seen: tt.seen, both: tt.both, port: tt.port, judged: 20})
		if got != tt.want || doubt != tt.doubt {
			t.Errorf("%s: %q, %q; want %q, %q", tt.why, got, doubt, tt.want, tt.doubt)
		}
	}
}

func TestConclude(t *testing.T) {
	e := evidence{primary: a1p1, other: a2p2, local: m1, seen: sights(m1, m1, m1, m1), both: trial{sent: 1, passed: true}, judged: 20}
	if f, doubts := conclude(e); f.Class != reach.Open || f.Mapping != reach.None || f.Filtering != reach.None || f.Translated() || len(doubts) > 0 {
		t.Errorf("open: %+v, %v", f, doubts)
	}
	e.local = here
	if f, _ := conclude(e); f.Class != reach.FullCone || !f.Translated() {
		t.Errorf("full cone: %+v", f)
	}
	e.local = netip.AddrPortFrom(netip.IPv4Unspecified(), here.Port())
	if f, doubts := conclude(e); f.Class != reach.UnknownClass || !slices.Contains(doubts, Doubt{AboutMapping, LocalUnknown}) {
		t.Errorf("a socket that does not know its address: %+v, %v", f, doubts)
	}
}

func TestAllocation(t *testing.T) {
	local := []uint16{40000, 40010, 40020, 40030, 40040}
	for _, tt := range []struct {
		why     string
		outside []uint16
		want    Pattern
		step    int
		kept    reach.Tristate
	}{
		{"all kept", local, Preserved, 0, reach.Yes},
		{"one was taken by somebody else", []uint16{40000, 1030, 40020, 40030, 40040}, Preserved, 0, reach.Yes},
		{"one after the other", []uint16{5000, 5001, 5002, 5003, 5004}, Sequential, 1, reach.No},
		{"falling", []uint16{5008, 5006, 5004, 5002, 5000}, Sequential, -2, reach.No},
		{"others in between", []uint16{5000, 5002, 5004, 5011, 5013}, Sequential, 2, reach.No},
		{"one packet was lost and asked again", []uint16{5000, 5004, 5001, 5002, 5003}, Sequential, 1, reach.No},
		{"no pattern", []uint16{5000, 61000, 1204, 33333, 2}, Random, 0, reach.No},
		{"one is kept by chance", []uint16{40000, 61000, 1204, 33333, 2}, Random, 0, reach.No},
		{"too few answered", []uint16{5000, 5001}, UnknownPattern, 0, reach.No},
		{"nothing answered", nil, UnknownPattern, 0, reach.Unsaid},
		{"half is no majority", []uint16{40000, 5001}, UnknownPattern, 0, reach.Unsaid},
	} {
		var sockets []pair
		for i, p := range tt.outside {
			sockets = append(sockets, pair{netip.AddrPortFrom(here.Addr(), local[i]), netip.AddrPortFrom(m1.Addr(), p)})
		}
		if got := allocationOf(sockets); got.Pattern != tt.want || got.Step != tt.step {
			t.Errorf("%s: %+v, want %q, %d", tt.why, got, tt.want, tt.step)
		}
		if got := preservedOf(sockets); got != tt.kept {
			t.Errorf("%s: kept %q, want %q", tt.why, got, tt.kept)
		}
	}
}

func TestCarrierOf(t *testing.T) {
	nat := func(local string) Family {
		return Family{State: Answered, Mapping: reach.EndpointIndependent, Local: netip.MustParseAddrPort(local), Public: m1}
	}
	home := nat("192.168.1.2:5000")
	addr := netip.MustParseAddr
	var none netip.Addr
	for _, tt := range []struct {
		why               string
		f                 Family
		external, gateway netip.Addr
		want              reach.Tristate
		doubt             Why
	}{
		{"the router tells nothing", home, none, addr("192.168.1.1"), reach.Unsaid, RouterSilent},
		{"the world sees the router's address", home, m1.Addr(), none, reach.No, ""},
		{"the world sees another one", home, addr("27.9.9.9"), none, reach.Yes, ""},
		{"the router's is a private one", home, addr("10.0.0.7"), none, reach.Yes, ""},
		{"the router's is one of the space between", home, addr("100.64.3.3"), none, reach.Yes, ""},
		{"this machine has one of the space between", nat("100.99.1.1:5000"), none, none, reach.Yes, ""},
		{"the gateway has one", home, none, addr("100.64.0.1"), reach.Yes, ""},
		{"beside the space between", nat("100.128.0.1:5000"), none, none, reach.Unsaid, RouterSilent},
		{"an unspecified address says nothing", home, addr("0.0.0.0"), none, reach.Unsaid, RouterSilent},
		{"no NAT at all", Family{State: Answered, Mapping: reach.None, Local: m1, Public: m1}, none, none, reach.No, ""},
		{"UDP is silent", Family{State: Silent}, none, none, reach.Unsaid, ""},
		{"UDP is silent, but the router tells enough", Family{State: Silent}, addr("100.64.3.3"), none, reach.Yes, ""},
		{"the server refused", Family{State: Answered}, m1.Addr(), none, reach.Unsaid, ""},
	} {
		if got, doubt := carrierOf(tt.f, tt.external, tt.gateway); got != tt.want || doubt != tt.doubt {
			t.Errorf("%s: %q, %q; want %q, %q", tt.why, got, doubt, tt.want, tt.doubt)
		}
	}
	r := Report{IPv4: home, Doubts: []Doubt{{AboutMapping, OneAddress}, {AboutCarrier, RouterSilent}}}
	if got := r.WithRouter(m1.Addr(), none); got.Reach.Carrier != reach.No || got.Doubtful(AboutCarrier) || !got.Doubtful(AboutMapping) {
		t.Errorf("learned later: %+v", got)
	}
	if !r.Doubtful(AboutCarrier) {
		t.Error("the report itself was changed")
	}
}

func TestReportOfSilence(t *testing.T) {
	silent, noRoute, ok := finding{family: Family{State: Silent}}, finding{family: Family{State: NoRoute}}, finding{family: Family{State: Answered, Class: reach.Firewall, Public: m1}}
	six := finding{family: Family{State: Answered, Class: reach.Firewall, Public: netip.MustParseAddrPort("[2001:db8::1]:1")}}
	for _, tt := range []struct {
		why        string
		four, six  finding
		tcp        tcpFinding
		announced  bool
		class      reach.Class
		ipv4, ipv6 reach.Tristate
		doubts     []Doubt
	}{
		{"STUN is served, but not over UDP from here", silent, noRoute, tcpFinding{TCPAnswers, true, false}, false, reach.Blocked, reach.Yes, reach.No, nil},
		{"the host is there", silent, noRoute, tcpFinding{TCPAlive, true, false}, false, reach.Blocked, reach.Yes, reach.No, []Doubt{{AboutUDP, ServerUnproven}}},
		{"the host is there, and said that it serves STUN", silent, noRoute, tcpFinding{TCPAlive, true, false}, true, reach.Blocked, reach.Yes, reach.No, nil},
		{"nothing at all", silent, noRoute, tcpFinding{outcome: TCPSilent}, false, reach.UnknownClass, reach.Unsaid, reach.No, []Doubt{{AboutUDP, NothingAnswers}}},
		{"nothing at all, whatever was announced", silent, noRoute, tcpFinding{outcome: TCPSilent}, true, reach.UnknownClass, reach.Unsaid, reach.No, []Doubt{{AboutUDP, NothingAnswers}}},
		{"only IPv6 answers", silent, six, tcpFinding{}, false, reach.Firewall, reach.Unsaid, reach.Yes, []Doubt{{AboutIPv4, FamilySilent}}},
		{"only IPv4 answers", ok, silent, tcpFinding{}, false, reach.Firewall, reach.Yes, reach.Unsaid, []Doubt{{AboutIPv6, FamilySilent}}},
		{"the server has no IPv6", ok, finding{}, tcpFinding{}, false, reach.Firewall, reach.Yes, reach.Unsaid, []Doubt{{AboutIPv6, NoServer}}},
		{"IPv4 through a translator of IPv6", noRoute, ok, tcpFinding{}, false, reach.Firewall, reach.No, reach.Unsaid, []Doubt{{AboutIPv6, NoServer}}},
	} {
		r := report(tt.four, tt.six, tt.tcp, tt.announced)
		if r.Reach.Class != tt.class || r.Reach.IPv4 != tt.ipv4 || r.Reach.IPv6 != tt.ipv6 || !slices.Equal(r.Doubts, tt.doubts) {
			t.Errorf("%s: %+v", tt.why, r)
		}
	}
}
