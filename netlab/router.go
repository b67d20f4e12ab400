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
	ns     *namespace
	subnet func(k int) netip.Prefix // of the k-th link, from 1; a /24
	links  int
}

const (
	maxLinks   = 254
	routerHost = 254 // last byte of the router's address on each link
)

// start makes the namespace forward and count.
func (r *router) start() error {
	if err := r.ns.sysctl("ipv4/ip_forward", "1"); err != nil {
		return err
	}
	return r.ns.nft(meterRules("ip"))
}

// attach gives n a link to the router, with addresses and a default route.
func (r *router) attach(n *node, ifname string, o options) error {
	if r.links == maxLinks {
		return fmt.Errorf("netlab: more than %d links on %s", maxLinks, r.ns.name)
	}
	r.links++
	subnet := r.subnet(r.links)
	port := fmt.Sprintf("link%d", r.links)
	n.outer, n.addrs = r.ns, addresses(subnet, 1, o.addresses)
	gateway := addresses(subnet, routerHost, 1)[0]
	if o.link == nil {
		if err := n.ns.ip(fmt.Sprintf("link add name %s type veth peer name %s netns %s", ifname, port, r.ns.path())); err != nil {
			return err
		}
	} else {
		var err error
		if n.pump, err = newPump(n.ns, ifname, r.ns, port, *o.link); err != nil {
			return err
		}
		n.lab.keep(n.pump)
	}
	if err := r.ns.ip(
		fmt.Sprintf("addr add %v/24 dev %s", gateway, port),
		fmt.Sprintf("link set %s up", port)); err != nil {
		return err
	}
	if err := n.ns.configure(ifname, n.addrs, gateway); err != nil {
		return err
	}
	return r.ns.settle(port)
}

// configure sets addresses and default route of the interface of a host.
func (n *namespace) configure(ifname string, addrs []netip.Addr, gateway netip.Addr) error {
	var commands []string
	for _, a := range addrs {
		commands = append(commands, fmt.Sprintf("addr add %v/24 dev %s", a, ifname))
	}
	return n.ip(append(commands,
		fmt.Sprintf("link set %s up", ifname),
		fmt.Sprintf("route add default via %v", gateway))...)
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
