//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
)

// router is a namespace that forwards between links, each with a subnet of its
// own, and counts what it forwards: the wire, or what is behind a carrier's NAT.
// It belongs to the goroutine of the test.
type router struct {
	ns      *namespace
	subnet  func(k int) netip.Prefix // of the k-th link, from 1; a /24
	subnet6 func(k int) netip.Prefix // a /64; nil where there is no IPv6
	links   int
}

const (
	maxLinks   = 254
	routerHost = 254 // last byte of the router's address on each link
)

// start makes the namespace forward and count.
func (r *router) start() error {
	for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		if err := r.ns.sysctl(key, "1"); err != nil {
			return err
		}
	}
	return r.ns.nft(meterRules("inet"))
}

// attach gives n a link to the router, with addresses and a default route.
func (r *router) attach(n *node, ifname string, o options) error {
	if r.links == maxLinks {
		return fmt.Errorf("netlab: more than %d links on %s", maxLinks, r.ns.name)
	}
	if o.ipv6 && r.subnet6 == nil {
		return fmt.Errorf("netlab: there is no IPv6 on %s", r.ns.name)
	}
	r.links++
	u := &Uplink{lab: n.lab, ns: n.ns, name: ifname, outer: r.ns, port: fmt.Sprintf("link%d", r.links), metric: firstMetric}
	n.outer, n.uplinks = r.ns, append(n.uplinks, u)
	if !o.noIPv4 {
		u.take(r.subnet(r.links), 1, o.addresses, routerHost)
	}
	if o.ipv6 {
		u.take(r.subnet6(r.links), 1, o.addresses, routerHost)
	}
	if o.link == nil {
		if err := n.ns.ip(fmt.Sprintf("link add name %s type veth peer name %s netns %s", ifname, u.port, r.ns.path())); err != nil {
			return err
		}
	} else {
		var err error
		if n.pump, err = newPump(n.ns, ifname, r.ns, u.port, *o.link); err != nil {
			return err
		}
		n.lab.keep(n.pump)
	}
	if err := r.ns.allowIPv6(u.port, o.ipv6); err != nil {
		return err
	}
	var commands []string
	for _, gateway := range u.gateways() {
		commands = append(commands, fmt.Sprintf("addr add %v dev %s%s", gateway, u.port, nodad(gateway.Addr())))
	}
	if err := r.ns.ip(append(commands, fmt.Sprintf("link set %s up", u.port))...); err != nil {
		return err
	}
	return u.start()
}

// settle makes the kernel act at once on interfaces whose other end has just
// come up, in this order. By itself it does so as late as a second afterwards,
// and until then a bridge does not forward to such a port; asking for the state
// of one interface brings it up to date.
func (n *namespace) settle(ifnames ...string) error {
	var commands []string
	for _, name := range ifnames {
		commands = append(commands, "link show dev "+name)
	}
	return n.ip(commands...)
}
