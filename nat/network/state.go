package network

import (
	"net/netip"
	"slices"
	"strings"
)

// Address is one address of an interface that is up and connected.
type Address struct {
	Prefix    netip.Prefix // the address, and the length of its subnet
	Interface string
	// Temporary is an IPv6 address made for privacy, Outdated one that
	// may not be used for anything new, or not yet.
	Temporary, Outdated bool
}

// Route is a default route.
type Route struct {
	Interface string
	// Gateway is the router; invalid where there is none, as on a dial-up link. An
	// IPv6 link-local one has the interface for its zone.
	Gateway netip.Addr
	// Hardware is the router's address on the link, if this machine knows it.
	Hardware string
}

// State is what network this machine is on. The zero value is none.
type State struct {
	Addresses []Address // in the order the system lists them
	// Four and Six are the best default routes; without Interface there is none.
	Four, Six Route
}

// Router is a default router and what to say to it.
type Router struct {
	Gateway netip.Addr
	Local   netip.Addr   // this machine's address toward it
	Subnet  netip.Prefix // that both are in; for IPv6, that of Local
}

// Routers lists the default routers, IPv4 first.
func (s State) Routers() []Router {
	var list []Router
	if g := s.Four.Gateway; g.IsValid() {
		for _, a := range s.Addresses {
			if a.Interface == s.Four.Interface && a.Prefix.Addr().Is4() && a.Prefix.Contains(g) && a.Prefix.Addr() != g {
				list = append(list, Router{g, a.Prefix.Addr(), a.Prefix.Masked()})
				break
			}
		}
	}
	if g := s.Six.Gateway; g.IsValid() {
		for _, a := range s.rankedOn(s.Six.Interface) {
			if ip := a.Prefix.Addr(); ip.Is6() && !ip.IsPrivate() {
				list = append(list, Router{g, ip, a.Prefix.Masked()})
				break
			}
		}
	}
	return list
}

// rankedOn lists the usable addresses of one interface, the better ones first.
func (s State) rankedOn(name string) []Address {
	var list []Address
	for _, a := range s.Addresses {
		if a.Interface == name && a.usable() {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b Address) int { return a.rank() - b.rank() })
	return list
}

// ID names the network: two states with one ID are on the same network, as far as
// can be told. It holds the routers, their hardware addresses where known, and
// the subnets; it is empty where there is no way out.
func (s State) ID() string {
	var parts []string
	for _, r := range []Route{s.Four, s.Six} {
		if r.Interface == "" {
			continue
		}
		name := "direct"
		if r.Gateway.IsValid() {
			name = r.Gateway.WithZone("").String()
		}
		if r.Hardware != "" {
			name += " " + r.Hardware
		}
		four := r == s.Four
		var subnets []string
		for _, a := range s.rankedOn(r.Interface) {
			if a.Prefix.Addr().Is4() == four {
				subnets = append(subnets, a.Prefix.Masked().String())
			}
		}
		slices.Sort(subnets)
		parts = append(parts, strings.Join(append([]string{name}, slices.Compact(subnets)...), " "))
	}
	return strings.Join(parts, "; ")
}

// Same tells whether nothing changed that matters: the usable addresses and the
// default routes are the same. That a router's hardware address has become known
// is no change; that it is another one is.
func (s State) Same(o State) bool {
	return slices.Equal(s.Usable(0), o.Usable(0)) && s.Four.same(o.Four) && s.Six.same(o.Six)
}

func (r Route) same(o Route) bool {
	return r.Interface == o.Interface && r.Gateway == o.Gateway && (r.Hardware == o.Hardware || r.Hardware == "" || o.Hardware == "")
}
