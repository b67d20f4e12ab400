//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
)

// NAT is a router box with one outside address and, behind it, a LAN of hosts
// and any number of further NATs.
type NAT struct {
	node
	kind        Kind
	number      int // among the boxes of the lab, from 1
	lan         netip.Prefix
	leased      int // addresses of the LAN so far
	subscribers *router
	generation  int // of mappings: how often it was rebound
	ipv6        bool
	hairpin     bool
	mapper      *mapper // nil without WithPortMapping
}

const (
	lanGateway   = 1 // last byte of the box's address on its LAN
	lanFirstHost = 2
	maxLANHosts  = 200
)

// AddNAT puts a NAT box on the wire.
func (l *Lab) AddNAT(name string, kind Kind, opts ...Option) *NAT {
	l.t.Helper()
	return l.addNAT(name, kind, nil, l.wire, opts)
}

// AddNAT puts a further NAT box behind this one, which so becomes a carrier's
// NAT (CGN). Boxes behind one carrier reach each other's inner addresses
// without its NAT; their outer ones only WithHairpin. There is no IPv6 behind a
// carrier.
func (n *NAT) AddNAT(name string, kind Kind, opts ...Option) *NAT {
	n.lab.t.Helper()
	return n.lab.addNAT(name, kind, n, n.subscribers, opts)
}

func (l *Lab) addNAT(name string, kind Kind, behind *NAT, r *router, opts []Option) *NAT {
	l.t.Helper()
	if _, ok := kindNames[kind]; !ok {
		l.t.Fatalf("netlab: no such NAT: %v", kind)
	}
	o, err := readOptions(opts)
	l.must(err)
	switch {
	case o.addresses != 1 || o.noIPv4:
		l.t.Fatalf("netlab: a NAT has one address of IPv4")
	case o.isolated:
		l.t.Fatalf("netlab: a NAT has a link of its own, it is not on a LAN")
	case o.hairpin && !kind.endpointIndependent():
		l.t.Fatalf("netlab: %v does not hairpin", kind)
	}
	if o.mapper != nil {
		RequirePortMapping(l.t)
	}
	if l.nats == maxLinks {
		l.t.Fatalf("netlab: more than %d NATs", maxLinks)
	}
	l.nats++
	n := &NAT{node: l.newNode(name, behind), kind: kind, number: l.nats, lan: o.lan, ipv6: o.ipv6, hairpin: o.hairpin}
	if !n.lan.IsValid() {
		n.lan = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(n.number), 0}), 24)
	}
	n.lan = n.lan.Masked()
	n.subscribers = &router{ns: n.ns, subnet: func(k int) netip.Prefix {
		// 100.64.0.0/10 (RFC 6598), another /16 for each of 64 carriers
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64 + byte(n.number%64), byte(k), 0}), 24)
	}}
	l.must(n.build(r, o))
	l.nodes = append(l.nodes, n)
	return n
}

func (n *NAT) build(r *router, o options) error {
	if err := n.subscribers.start(); err != nil {
		return err
	}
	// Frames between hosts of one LAN are not the business of the NAT.
	for _, key := range []string{"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"} {
		if err := n.ns.sysctl(key, "0"); err != nil {
			return err
		}
	}
	// A bridge that learns who listens to which group would at first drop what
	// nobody has asked for yet: neighbour discovery and the search for routers.
	if err := n.ns.ip("link add name lan type bridge mcast_snooping 0",
		fmt.Sprintf("addr add %v/24 dev lan", addresses(n.lan, lanGateway, 1)[0]),
		"link set lan up"); err != nil {
		return err
	}
	if err := r.attach(&n.node, "wan", o); err != nil {
		return err
	}
	if err := n.ns.nft(meterRules("bridge") + n.rules()); err != nil {
		return err
	}
	if n.ipv6 {
		if err := n.buildIPv6(r); err != nil {
			return err
		}
	}
	if o.mapper != nil {
		return n.startMapper(*o.mapper)
	}
	return nil
}

func (n *NAT) rules() string {
	return natRules(natShape{kind: n.kind, generation: n.generation, outside: n.Addr(), hairpin: n.hairpin})
}

// Kind is the kind it was made with.
func (n *NAT) Kind() Kind { return n.kind }

// LAN is the subnet behind it.
func (n *NAT) LAN() netip.Prefix { return n.lan }

// Rebind makes the box forget every mapping and connection, as a reboot does,
// and lets nothing pass meanwhile. Flows that go on get other outside ports than
// before, also from a port preserving kind, and established TCP connections
// through it die. Ports that were asked for by a protocol stay, see ForgetPorts.
func (n *NAT) Rebind() {
	n.lab.t.Helper()
	n.generation++
	l := n.lab
	// The gate keeps a packet between two steps from renewing an old mapping.
	l.must(n.ns.nft("table inet lab_gate { chain forward { type filter hook forward priority filter - 10; drop; }; }\n"))
	l.must(n.ns.flushConntrack())
	l.must(n.ns.nft(n.rules() + "delete table inet lab_gate\n"))
}
