package portmap

import "net/netip"

// Addresses that are not the internet's although they look like unicast ones.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("192.0.0.0/24"),    // IETF protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved and broadcast
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("64:ff9b::/96"),    // translated
	netip.MustParsePrefix("100::/64"),        // discarded
}

// Addresses that are used, but mean something only in one network.
var inner = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), // shared by a carrier's customers, RFC 6598
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks; some carriers number their customers with it
}

// possible tells whether a router can have this address outside.
func possible(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is4In6() || !(a.IsGlobalUnicast() || a.IsPrivate()) {
		return false
	}
	return !contains(reserved, a)
}

// public tells whether an address that a router has outside is one of the
// internet. If it is not, another NAT stands behind the router, usually the
// carrier's.
func public(a netip.Addr) bool {
	return possible(a) && !a.IsPrivate() && !contains(inner, a)
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
