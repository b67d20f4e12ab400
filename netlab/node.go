//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
)

// Node is a *Host or a *NAT: an end of Cut and Traffic.
type Node interface {
	Name() string
	base() *node
}

// node is what hosts and NAT boxes have in common. It does not change after its
// making.
type node struct {
	lab    *Lab
	name   string
	ns     *namespace
	outer  *namespace   // where its link leads: the wire, or the box it is behind
	behind *NAT         // nil on the wire
	onLAN  bool         // shares a LAN, rather than having a link of its own
	addrs  []netip.Addr // on that link
	pump   *pump        // of that link, nil for a plain one
}

func (n *node) base() *node { return n }

// Name is the name it was given.
func (n *node) Name() string { return n.name }

// Addr is the (first) address of its own interface, for a NAT box the outside one.
func (n *node) Addr() netip.Addr { return n.addrs[0] }

// Addrs are all addresses of that interface, see WithAddresses.
func (n *node) Addrs() []netip.Addr { return append([]netip.Addr(nil), n.addrs...) }

// AddrPort is Addr with a port.
func (n *node) AddrPort(port uint16) netip.AddrPort { return netip.AddrPortFrom(n.Addr(), port) }

// PublicAddr is the address under which the public internet sees it: its own on
// the wire, otherwise the outside address of the outermost NAT before it.
func (n *node) PublicAddr() netip.Addr {
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
}

// WithAddresses gives a host n addresses on its interface, at most 200.
func WithAddresses(n int) Option { return func(o *options) { o.addresses = n } }

// WithLink makes the link of a host on the wire or of a NAT delay, drop and pace
// packets.
func WithLink(link Link) Option { return func(o *options) { o.link = &link } }

// WithLAN chooses the addresses behind a NAT: an IPv4 /24. Two homes may have
// the same, as in life. Without it each has its own 192.168.N.0/24.
func WithLAN(lan netip.Prefix) Option { return func(o *options) { o.lan = lan } }

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
	b := subnet.Masked().Addr().As4()
	for i := range list {
		b[3] = byte(first + i)
		list[i] = netip.AddrFrom4(b)
	}
	return list
}
