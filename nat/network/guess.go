package network

import (
	"net/netip"
)

// guess makes a state of addresses and of the two that the routing table speaks
// from toward the internet.
func guess(list []Address, four, six netip.Addr) State {
	s := State{Addresses: list}
	for _, a := range list {
		switch a.Prefix.Addr() {
		case four:
			s.Four = Route{Interface: a.Interface, Gateway: firstOf(a.Prefix)}
		case six:
			s.Six = Route{Interface: a.Interface}
		}
	}
	return s
}

// firstOf is the first address of a subnet, unless it is this machine's or the
// subnet has none.
func firstOf(p netip.Prefix) netip.Addr {
	first := p.Masked().Addr().Next()
	if p.Bits() >= p.Addr().BitLen()-1 || first == p.Addr() {
		return netip.Addr{}
	}
	return first
}
