package udpmux

import (
	"net"
	"net/netip"
	"slices"
)

// LocalAddresses lists the addresses of this machine at which the socket can be
// reached, with its port: those of interfaces that are up, without link-local
// and multicast ones, without zones, and without loopback unless asked for. First
// come those that the way into the world begins with, so that bridges of
// containers, of which a machine can have dozens, are what is cut off a list that
// is bounded; then IPv4.
func (m *Mux) LocalAddresses(loopback bool) ([]netip.AddrPort, error) {
	if bound := m.local.Addr(); !bound.IsUnspecified() {
		if bound.IsLoopback() && !loopback {
			return nil, nil
		}
		return []netip.AddrPort{m.local}, nil
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	four := m.local.Addr().Is4()
	var found []netip.AddrPort
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		for _, a := range addresses {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			address := prefix.Addr().Unmap()
			if usable(address, loopback) && (address.Is4() || !four) {
				found = append(found, netip.AddrPortFrom(address, m.local.Port()))
			}
		}
	}
	slices.SortStableFunc(found, func(a, b netip.AddrPort) int {
		switch {
		case a.Addr().Is4() == b.Addr().Is4():
			return 0
		case a.Addr().Is4():
			return -1
		}
		return 1
	})
	var sources []netip.AddrPort
	for _, a := range anywhere {
		if source, err := m.LocalFor(a); err == nil {
			sources = append(sources, source)
		}
	}
	return lead(found, sources), nil
}

// Addresses of documentation: routed as everything else, and never sent to.
var anywhere = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:9"), netip.MustParseAddrPort("[2001:db8::1]:9")}

// lead puts those of a list first that are wanted first, and names each once.
func lead(list, first []netip.AddrPort) []netip.AddrPort {
	ordered := make([]netip.AddrPort, 0, len(list))
	for _, part := range [][]netip.AddrPort{first, list} {
		for _, a := range part {
			if slices.Contains(list, a) && !slices.Contains(ordered, a) {
				ordered = append(ordered, a)
			}
		}
	}
	return ordered
}

// usable tells whether an address can be of use to a peer. IPv6 link-local
// addresses need a zone that means nothing elsewhere (RFC 8445 §5.1.1.1).
func usable(a netip.Addr, loopback bool) bool {
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return false
	case a.IsLoopback():
		return loopback
	}
	return true
}

// sourceAddress asks the routing table, by connecting a socket that never sends.
func sourceAddress(remote netip.AddrPort) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone(""), nil
}
