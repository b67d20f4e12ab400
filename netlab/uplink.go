//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Uplink is an interface of a host, or the outside one of a NAT box, with its
// addresses and default routes. It belongs to the goroutine of the test.
type Uplink struct {
	lab    *Lab
	host   *Host // nil for a NAT box, which does not move
	nat    *NAT  // whose LAN it is on, nil on the wire and behind a carrier
	ns     *namespace
	name   string
	outer  *namespace // of the other end
	port   string     // the other end there
	down   bool
	metric int // of its default routes: the lowest one that is up is used
	table  int // routes for what is sent from its addresses; 0 if it is the only uplink

	addrs, addrs6     []netip.Addr
	subnet, subnet6   netip.Prefix
	gateway, gateway6 netip.Addr
}

const (
	firstMetric = 1000
	firstTable  = 1000
)

// take chooses addresses in a subnet, and the address of the router there.
func (u *Uplink) take(subnet netip.Prefix, first, count, gateway int) {
	list, router := addresses(subnet, first, count), addresses(subnet, gateway, 1)[0]
	if router.Is4() {
		u.addrs, u.subnet, u.gateway = list, subnet, router
	} else {
		u.addrs6, u.subnet6, u.gateway6 = list, subnet, router
	}
}

// Name is the name of the interface, such as eth0.
func (u *Uplink) Name() string { return u.name }

// Addr is its first IPv4 address, invalid if it has none.
func (u *Uplink) Addr() netip.Addr {
	if len(u.addrs) == 0 {
		return netip.Addr{}
	}
	return u.addrs[0]
}

// gateways are the addresses of the router, with the lengths of their prefixes.
func (u *Uplink) gateways() []netip.Prefix {
	var list []netip.Prefix
	if u.gateway.IsValid() {
		list = append(list, netip.PrefixFrom(u.gateway, u.subnet.Bits()))
	}
	if u.gateway6.IsValid() {
		list = append(list, netip.PrefixFrom(u.gateway6, u.subnet6.Bits()))
	}
	return list
}

// nodad spares an address the time in which nobody may use it yet.
func nodad(a netip.Addr) string {
	if a.Is6() {
		return " nodad"
	}
	return ""
}

// start brings the interface up for the first time.
func (u *Uplink) start() error {
	if err := u.ns.allowIPv6(u.name, len(u.addrs6) > 0); err != nil {
		return err
	}
	return u.up()
}

// up gives the interface its addresses and routes. IPv6 addresses and all routes
// go when an interface goes down, so they are set again each time.
func (u *Uplink) up() error {
	commands := []string{fmt.Sprintf("link set %s up", u.name)}
	for _, p := range u.prefixes() {
		commands = append(commands, fmt.Sprintf("addr replace %v dev %s%s", p, u.name, nodad(p.Addr())))
	}
	if err := u.ns.ip(append(commands, u.routes("replace")...)...); err != nil {
		return err
	}
	ports := []string{u.port}
	if u.nat != nil {
		ports = append(ports, "lan")
	}
	return u.outer.settle(ports...)
}

// prefixes are its addresses with the lengths of their subnets.
func (u *Uplink) prefixes() []netip.Prefix {
	var list []netip.Prefix
	for _, a := range u.addrs {
		list = append(list, netip.PrefixFrom(a, u.subnet.Bits()))
	}
	for _, a := range u.addrs6 {
		list = append(list, netip.PrefixFrom(a, u.subnet6.Bits()))
	}
	return list
}

// routes are the commands that add or delete its routes.
func (u *Uplink) routes(verb string) []string {
	var commands []string
	for _, r := range []struct {
		gateway        netip.Addr
		subnet, target netip.Prefix
	}{
		{u.gateway, u.subnet, netip.PrefixFrom(netip.IPv4Unspecified(), 0)},
		{u.gateway6, u.subnet6, netip.PrefixFrom(netip.IPv6Unspecified(), 0)},
	} {
		if !r.gateway.IsValid() {
			continue
		}
		commands = append(commands, fmt.Sprintf("route %s %v via %v dev %s metric %d", verb, r.target, r.gateway, u.name, u.metric))
		if u.table != 0 {
			commands = append(commands,
				fmt.Sprintf("route %s %v dev %s table %d", verb, r.subnet, u.name, u.table),
				fmt.Sprintf("route %s %v via %v dev %s table %d", verb, r.target, r.gateway, u.name, u.table))
		}
	}
	return commands
}

// rules are the commands that make what is sent from its addresses take its
// routes, as phones with several networks do.
func (u *Uplink) rules(verb string) []string {
	var commands []string
	if u.table != 0 {
		for _, p := range u.prefixes() {
			commands = append(commands, fmt.Sprintf("rule %s from %v lookup %d", verb, p.Addr(), u.table))
		}
	}
	return commands
}

// Down takes the interface down, as pulling the cable or leaving the network
// does: no address of IPv6, no route, nothing gets in or out. Default routes by
// another uplink take over.
func (u *Uplink) Down() {
	u.lab.t.Helper()
	if u.down {
		return
	}
	u.down = true
	u.lab.must(u.ns.ip(fmt.Sprintf("link set %s down", u.name)))
}

// Up ends Down. The addresses are those from before.
func (u *Uplink) Up() {
	u.lab.t.Helper()
	if !u.down {
		return
	}
	u.down = false
	u.lab.must(u.up())
}

// Prefer makes its default routes come before those of the host's other uplinks.
// Nothing that is open is moved: programs learn of it from the system.
func (u *Uplink) Prefer() {
	u.lab.t.Helper()
	best := u.metric
	for _, other := range u.siblings() {
		best = min(best, other.metric-1)
	}
	if best == u.metric {
		return
	}
	old := u.routes("del")
	u.metric = best
	if !u.down {
		u.lab.must(u.ns.ip(append(u.routes("replace"), keepMain(old)...)...))
	}
}

// keepMain leaves out the routes of tables of their own, which stay.
func keepMain(commands []string) []string {
	var list []string
	for _, c := range commands {
		if !strings.Contains(c, " table ") {
			list = append(list, c)
		}
	}
	return list
}

func (u *Uplink) siblings() []*Uplink {
	if u.host == nil {
		return nil
	}
	return u.host.uplinks
}

// Renumber gives the interface another address on its LAN in place of the one it
// has, as a router does that hands out another lease. What was bound to the old
// one is no longer reachable.
func (u *Uplink) Renumber() {
	u.lab.t.Helper()
	if u.nat == nil || u.down {
		u.lab.t.Fatalf("netlab: %s is not on a LAN, or down", u.name)
	}
	count := max(len(u.addrs), len(u.addrs6))
	first, err := u.nat.lease(count)
	u.lab.must(err)
	commands := u.rules("del")
	for _, p := range u.prefixes() {
		commands = append(commands, fmt.Sprintf("addr del %v dev %s", p, u.name))
	}
	u.lab.must(u.ns.ip(commands...))
	if len(u.addrs) > 0 {
		u.take(u.subnet, first, count, lanGateway)
	}
	if len(u.addrs6) > 0 {
		u.take(u.subnet6, first, count, lanGateway)
	}
	u.lab.must(u.up())
	u.lab.must(u.ns.ip(u.rules("add")...))
}

// Uplinks are the interfaces of the host, the one it was made with first.
func (h *Host) Uplinks() []*Uplink { return slices.Clone(h.uplinks) }

// Uplink is the outside interface of the box. While it is down the whole network
// behind it is cut off, and the kernel forgets the mappings as in Rebind, but
// gives the same ports again.
func (n *NAT) Uplink() *Uplink { return n.uplinks[0] }

// Join plugs a host that is behind a NAT, or on the wire, into the LAN of a
// further box, as a phone that has both Wi-Fi and a mobile network. The first
// uplink stays the preferred one; what is sent from the address of an uplink
// leaves by that uplink. Cut, Traffic and PublicAddr go on to mean the first
// uplink only: give them the boxes.
func (h *Host) Join(n *NAT, opts ...Option) *Uplink {
	h.lab.t.Helper()
	o, err := readOptions(opts)
	h.lab.must(err)
	u, err := n.plug(h, fmt.Sprintf("eth%d", len(h.uplinks)), o)
	h.lab.must(err)
	for i, each := range h.uplinks {
		if each.table == 0 {
			each.table = firstTable + i
			h.lab.must(h.ns.ip(append(each.rules("add"), each.routes("replace")...)...))
		}
	}
	return u
}
