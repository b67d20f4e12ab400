package network

import (
	"net/netip"
	"slices"
	"strings"
)

// How many addresses are used. A peer can check only so many: those that lead
// out come first, and no interface may crowd out the others.
const (
	maxUsable  = 8
	maxOnRoute = 3 // of one family, on an interface that leads out
	maxBeside  = 2 // of one family, on any other interface
)

// usable tells whether an address can be of use to another machine. Link-local
// ones need a zone that means nothing elsewhere.
func (a Address) usable() bool {
	ip := a.Prefix.Addr()
	return ip.IsValid() && ip.IsGlobalUnicast() && !a.Outdated && !siteLocal.Contains(ip)
}

var siteLocal = netip.MustParsePrefix("fec0::/10") // given up long ago

// rank orders the addresses of one interface and family: internet before
// private, the temporary ones, which the system itself uses for new connections,
// before the lasting.
func (a Address) rank() int {
	r := 0
	if a.Prefix.Addr().IsPrivate() {
		r += 2
	}
	if a.Prefix.Addr().Is6() && !a.Temporary {
		r++
	}
	return r
}

// Usable lists the addresses at which others may find this machine, the likely
// ones first, at most limit (0: 8): those of the interfaces with a default route,
// then of others, then of tunnels. Those of container networks and of virtual
// machines are left out unless there is nothing else, or the default route goes
// there. It is pure.
func (s State) Usable(limit int) []netip.Addr {
	if limit <= 0 {
		limit = maxUsable
	}
	list := s.pick(func(name string) bool { return !virtual(name) || s.leadsOut(name) })
	if len(list) == 0 {
		list = s.pick(func(string) bool { return true })
	}
	return list[:min(len(list), limit)]
}

func (s State) leadsOut(name string) bool { return name == s.Four.Interface || name == s.Six.Interface }

// pick lists addresses interface by interface.
func (s State) pick(wanted func(string) bool) []netip.Addr {
	var names []string
	for _, a := range s.Addresses {
		if wanted(a.Interface) && !slices.Contains(names, a.Interface) {
			names = append(names, a.Interface)
		}
	}
	class := func(name string) int {
		switch {
		case s.leadsOut(name):
			return 0
		case tunnel(name):
			return 2
		}
		return 1
	}
	slices.SortStableFunc(names, func(a, b string) int { return class(a) - class(b) })
	var list []netip.Addr
	for _, name := range names {
		quota := maxBeside
		if s.leadsOut(name) {
			quota = maxOnRoute
		}
		four, six := quota, quota
		for _, a := range s.rankedOn(name) {
			left := &six
			if a.Prefix.Addr().Is4() {
				left = &four
			}
			if *left > 0 && !slices.Contains(list, a.Prefix.Addr()) {
				*left--
				list = append(list, a.Prefix.Addr())
			}
		}
	}
	return list
}

// Interfaces of container networks and virtual machines, by how their names
// begin.
var virtualNames = []string{
	"docker", "veth", "virbr", "vnet", "vmnet", "vboxnet", "cni", "flannel", "cali", "cilium", "lxc", "lxdbr", "podman", "kube-", "weave",
	"nodelocaldns", "nerdctl", "incusbr", "mpqemubr", "waydroid", "vEthernet (", "awdl", "llw", "ap1", "bridge100", "dummy", "ifb",
}

// virtual tells whether an interface leads to containers or virtual machines on
// this machine.
func virtual(name string) bool {
	for _, v := range virtualNames {
		if strings.HasPrefix(name, v) {
			return true
		}
	}
	// Docker's own networks: "br-" and twelve hexadecimal digits.
	id, ok := strings.CutPrefix(name, "br-")
	return ok && len(id) == 12 && strings.Trim(id, "0123456789abcdef") == ""
}

// tunnel tells whether an interface is a private network's, over the internet.
func tunnel(name string) bool {
	for _, t := range []string{"tun", "tap", "wg", "utun", "ppp", "tailscale", "zt", "ipsec", "vti", "sit", "gre", "nebula"} {
		if strings.HasPrefix(name, t) {
			return true
		}
	}
	return false
}
