//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
	"slices"
)

// Node is a *Host or a *NAT: an end of Cut and Traffic.
type Node interface {
	Name() string
	base() *node
}

// node is what hosts and NAT boxes have in common. Of its uplinks the first is
// where it was made; they belong to the goroutine of the test, the rest does not
// change.
type node struct {
	lab     *Lab
	name    string
	ns      *namespace
	outer   *namespace // where its first uplink leads: the wire, or the box it is behind
	behind  *NAT       // nil on the wire
	onLAN   bool       // shares a LAN, rather than having a link of its own
	uplinks []*Uplink
	pump    *pump // of the first uplink, nil for a plain one
}

func (n *node) base() *node { return n }

// Name is the name it was given.
func (n *node) Name() string { return n.name }

// Addr is the (first) address of its own interface, for a NAT box the outside
// one: the IPv4 one unless it was made WithoutIPv4.
func (n *node) Addr() netip.Addr {
	u := n.uplinks[0]
	if len(u.addrs) == 0 {
		return u.addrs6[0]
	}
	return u.addrs[0]
}

// Addr6 is its (first) IPv6 address, invalid if it was not made WithIPv6.
func (n *node) Addr6() netip.Addr {
	if u := n.uplinks[0]; len(u.addrs6) > 0 {
		return u.addrs6[0]
	}
	return netip.Addr{}
}

// Addrs are all IPv4 addresses of that interface, see WithAddresses.
func (n *node) Addrs() []netip.Addr { return slices.Clone(n.uplinks[0].addrs) }

// Addrs6 are all its global IPv6 addresses, as many, see WithIPv6.
func (n *node) Addrs6() []netip.Addr { return slices.Clone(n.uplinks[0].addrs6) }

// AddrPort is Addr with a port.
func (n *node) AddrPort(port uint16) netip.AddrPort { return netip.AddrPortFrom(n.Addr(), port) }

// PublicAddr is the address under which the public internet sees it: its own on
// the wire, otherwise the outside address of the outermost NAT before it. A node
// without IPv4 is seen as itself.
func (n *node) PublicAddr() netip.Addr {
	if len(n.uplinks[0].addrs) == 0 {
		return n.Addr()
	}
	chain := n.chain()
	return chain[len(chain)-1].Addr()
}

// chain is the node and the boxes it is behind, from the inside out.
func (n *node) chain() []*node {
	c := []*node{n}
	for b := n.behind; b != nil; b = b.behind {
		c = append(c, &b.node)
	}
	return c
}

// SetLink changes the delay, loss and rate of the node's link, both ways. Only
// nodes made with WithLink can do that. Packets under way keep their time.
func (n *node) SetLink(link Link) {
	n.lab.t.Helper()
	if n.pump == nil {
		n.lab.t.Fatalf("netlab: %s was not made with WithLink", n.name)
	}
	n.lab.must(link.check())
	n.pump.set(link)
}

// Do runs f on the calling goroutine inside the node's namespace: sockets and
// devices that f itself opens belong to the node. Goroutines that f starts are
// outside again.
func (n *node) Do(f func() error) error { return n.ns.do(f) }

// Option changes how a host or NAT is made.
type Option func(*options)

type options struct {
	addresses int
	link      *Link
	lan       netip.Prefix
	ipv6      bool
	noIPv4    bool
	hairpin   bool
	isolated  bool
	mapper    *PortMapping
}

// WithAddresses gives a host n addresses on its interface (and n of IPv6 with
// WithIPv6), at most 200.
func WithAddresses(n int) Option { return func(o *options) { o.addresses = n } }

// WithLink makes the link of a host on the wire or of a NAT delay, drop and pace
// packets.
func WithLink(link Link) Option { return func(o *options) { o.link = &link } }

// WithLAN chooses the addresses behind a NAT: an IPv4 /24. Two homes may have
// the same, as in life. Without it each has its own 192.168.N.0/24.
func WithLAN(lan netip.Prefix) Option { return func(o *options) { o.lan = lan } }

// WithIPv6 gives a host an IPv6 address beside the other one. For a NAT box it
// means that there is IPv6 on the wire and on the LAN, untranslated, behind a
// firewall that lets in what belongs to a flow from the inside. Its hosts have
// IPv6 only if they were made with this option too.
func WithIPv6() Option { return func(o *options) { o.ipv6 = true } }

// WithoutIPv4 makes a host that has IPv6 and nothing else.
func WithoutIPv4() Option { return func(o *options) { o.ipv6, o.noIPv4 = true, true } }

// WithHairpin makes a NAT box that hairpins UDP (RFC 4787 §6): what the inside
// sends to a mapped address of the box comes back in, from the sender's mapped
// address, as far as the box's filter allows. Only for kinds that map
// endpoint-independently.
func WithHairpin() Option { return func(o *options) { o.hairpin = true } }

// Isolated makes a host that cannot talk to other isolated hosts of its LAN, as
// guests of a wireless network cannot, nor devices of two VLANs.
func Isolated() Option { return func(o *options) { o.isolated = true } }

func readOptions(list []Option) (options, error) {
	o := options{addresses: 1}
	for _, set := range list {
		set(&o)
	}
	if o.addresses < 1 || o.addresses > 200 {
		return o, fmt.Errorf("netlab: %d addresses", o.addresses)
	}
	if o.lan.IsValid() && (!o.lan.Addr().Is4() || o.lan.Bits() != 24) {
		return o, fmt.Errorf("netlab: the LAN %v is not an IPv4 /24", o.lan)
	}
	if o.link != nil {
		return o, o.link.check()
	}
	return o, nil
}

// newNode makes the namespace of a node that does not have its link yet.
func (l *Lab) newNode(name string, behind *NAT) node {
	l.t.Helper()
	if name == "" || l.find(name) != nil {
		l.t.Fatalf("netlab: the name %q is empty or taken", name)
	}
	return node{lab: l, name: name, behind: behind, ns: l.namespace(name)}
}

// addresses are the first count ones of a subnet, from first on.
func addresses(subnet netip.Prefix, first, count int) []netip.Addr {
	list := make([]netip.Addr, count)
	b := subnet.Masked().Addr().AsSlice()
	for i := range list {
		b[len(b)-1] = byte(first + i)
		list[i], _ = netip.AddrFromSlice(b)
	}
	return list
}
